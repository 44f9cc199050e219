/** Tokens of every kind and algorithm before Python's cbor2 and cryptography: verify_tokens.py, which has nothing of ours. */
import { deepEqual, equal } from "node:assert/strict";
import { encodeBinding, MAX_BINDING_CLAIMS_BYTES } from "../../firmware/wire/binding.ts";
import { isLowS } from "../../firmware/wire/cose-sign1.ts";
import { judgeWithPython, pythonProblem } from "./python.ts";
import { ENTITY, signToken, tokenKeys } from "./token-keys.ts";
import { changedTokens, SAMPLES } from "./token-set.ts";

const problem = pythonProblem();
const ORDER: Readonly<Record<string, bigint>> = {
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  ES256K: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
};

/** The other signature that is good for the same message: n - s in place of s. */
function withHighS(token: Uint8Array, order: bigint): Uint8Array {
  const s = BigInt(`0x${Buffer.from(token.subarray(-32)).toString("hex")}`);
  const twin = token.slice();
  twin.set(Buffer.from((order - s).toString(16).padStart(64, "0"), "hex"), token.length - 32);
  return twin;
}

describe("interop: tokens in Python's cbor2 and cryptography", () => {
  if (problem !== undefined) {
    it.skip(`skipped: ${problem}`);
    return;
  }

  it("RFC 9052 4.4, RFC 8949 4.2, RFC 9679 4: every kind of token by ES256, EdDSA and ES256K verifies, re-encodes to its bytes, names its key", () => {
    const verdicts = judgeWithPython(SAMPLES);
    deepEqual(
      SAMPLES.map(({ what, key }, i) => `${key.name} ${what}: ${verdicts[i]}`),
      SAMPLES.map(({ what, key }) => `${key.name} ${what}: good`),
    );
    equal(new Set(SAMPLES.map(({ key }) => key.name)).size, 3);
    equal(new Set(SAMPLES.map(({ claims }) => claims.kind)).size, 5);
  });

  it("RFC 9052 4.4: refuses each with a bit turned in claims or signature", () => {
    const changed = SAMPLES.flatMap(({ token, key }) => changedTokens(token).map((token) => ({ token, key })));
    const verdicts = judgeWithPython(changed);
    equal(verdicts.length, changed.length);
    deepEqual([...new Set(verdicts)], ["signature"]);
  });

  it("RFC 9052 4.4: refuses each with the key of another node, or of another algorithm", () => {
    const keys = [...tokenKeys(2), ...tokenKeys()];
    const strange = SAMPLES.flatMap(({ token, key }) =>
      keys.filter(({ jwk }) => jwk.x !== key.jwk.x).map((key) => ({ token, key })),
    );
    const verdicts = judgeWithPython(strange);
    equal(verdicts.length, SAMPLES.length * 5);
    // kid names the key, so none comes as far as the signature.
    deepEqual([...new Set(verdicts)].sort(), ["protected header", "unprotected header"]);
  });

  it("RFC 8392 7.2, RFC 8747 3.2: a binding of each key by each other verifies, and re-encodes to its bytes", () => {
    const bindings = tokenKeys().flatMap((key) =>
      tokenKeys(1).map((bound) => {
        const into = new Uint8Array(MAX_BINDING_CLAIMS_BYTES);
        const wallS = bound.name === "EdDSA" ? 0 : 1_767_225_600;
        return {
          key,
          token: signToken(key, into.slice(0, encodeBinding({ wallS, ueid: ENTITY.ueid, key: bound }, into))),
        };
      }),
    );
    deepEqual(
      judgeWithPython(bindings),
      bindings.map(() => "good"),
    );
  });

  it("RFC 8949 4.2.1: signed claims in another encoding verify, and the difference is seen", () => {
    const [key] = tokenKeys();
    // {6: 1} with 6 in two bytes, and {256: 0, 6: 1} with its keys in the wrong order.
    const claims = [Uint8Array.of(0xa1, 0x18, 0x06, 0x01), Uint8Array.of(0xa2, 0x19, 0x01, 0x00, 0x00, 0x06, 0x01)];
    const verdicts = judgeWithPython(claims.map((payload) => ({ key, token: signToken(key, payload) })));
    deepEqual(verdicts, ["encoding of the claims", "encoding of the claims"]);
  });

  it("attestation.md, signatures: the high-s twin of an ECDSA signature verifies as well, but for the rule of the lower half", () => {
    const twins = SAMPLES.filter(({ key }) => key.name !== "EdDSA").map(({ token, key }) => {
      return { key, token: withHighS(token, ORDER[key.name]) };
    });
    for (const { token, key } of twins) equal(isLowS(key.alg, token.subarray(-64)), false);
    deepEqual([...new Set(judgeWithPython(twins))], ["s is in the upper half"]);
  });
});
