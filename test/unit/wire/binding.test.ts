import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { decode } from "cborg";
import {
  type BindingClaims,
  encodeBinding,
  MAX_BINDING_CLAIMS_BYTES,
  parseBinding,
} from "../../../firmware/wire/binding.ts";
import { MAX_TOKEN_BYTES, parseToken } from "../../../firmware/wire/eat-token.ts";
import { encodeStatement } from "../../../firmware/wire/statement-claims.ts";
import { makeKeyChange } from "./statement-fixture.ts";
import { fromHex, makeIdentity, makeToken, signPayload, toHex } from "./token-fixture.ts";

const { ueid } = makeIdentity();
const KEY = Uint8Array.from({ length: 64 }, (_, i) => i);

function makeClaims(change: Partial<BindingClaims> = {}): BindingClaims {
  return { wallS: 1_700_000_000, ueid, key: { alg: -7, publicKey: KEY }, ...change };
}

function bytesOf(claims: BindingClaims): Uint8Array {
  const into = new Uint8Array(MAX_BINDING_CLAIMS_BYTES);
  return into.slice(0, encodeBinding(claims, into));
}

function reasonOf(payload: Uint8Array): string | undefined {
  const parsed = parseBinding(signPayload(makeIdentity(), payload));
  return parsed.ok ? undefined : parsed.reason;
}

describe("binding of a signing key to an identity key (RFC 8392, RFC 8747 3)", () => {
  it("is a CWT with iat, cnf and ueid", () => {
    const x = toHex(KEY.subarray(0, 32));
    const y = toHex(KEY.subarray(32));
    const cnf = `a101a401022001215820${x}225820${y}`;
    equal(toHex(bytesOf(makeClaims())), `a3061a6553f10008${cnf}19010049${toHex(ueid)}`);
    const map: Map<number, unknown> = decode(bytesOf(makeClaims({ wallS: 0 })), { useMaps: true });
    deepEqual([...map.keys()], [8, 256]);
  });

  it("comes back as it was, for keys of all three algorithms, with and without iat; and is no token", () => {
    for (const alg of [-7, -8, -47] as const) {
      for (const wallS of [0, 1_700_000_000]) {
        const claims = makeClaims({ wallS, key: { alg, publicKey: KEY.slice(0, alg === -8 ? 32 : 64) } });
        const binding = signPayload(makeIdentity(), bytesOf(claims));
        const parsed = parseBinding(binding);
        ok(parsed.ok);
        deepEqual(parsed.claims, claims);
        deepEqual(parsed.kid, makeIdentity().kid);
        deepEqual(parsed.payload, bytesOf(claims));
        deepEqual(parseToken(binding), { ok: false, reason: "unexpected-claim" });
      }
    }
  });

  it("a change of keys and other tokens are no bindings", () => {
    const into = new Uint8Array(MAX_TOKEN_BYTES);
    equal(reasonOf(into.slice(0, encodeStatement(makeKeyChange(), into))), "unexpected-claim");
    deepEqual(parseBinding(makeToken()), { ok: false, reason: "unexpected-claim" });
    equal(reasonOf(fromHex("a0")), "unexpected-claim");
    equal(reasonOf(fromHex("80")), "claims-not-a-map");
  });

  it("is refused by name: ueid-form, key-form, wall-time-before-2001; none of that is signed", () => {
    throws(() => bytesOf(makeClaims({ ueid: new Uint8Array(9) })), { message: "binding: ueid-form" });
    throws(() => bytesOf(makeClaims({ wallS: 1 })), { message: "binding: wall-time-before-2001" });
    throws(() => bytesOf(makeClaims({ key: { alg: -8, publicKey: KEY } })), { message: "binding: key-form" });
    const whole = toHex(bytesOf(makeClaims()));
    equal(reasonOf(fromHex(whole)), undefined);
    equal(reasonOf(fromHex(whole.replace("1a6553f100", "00"))), "unexpected-claim");
    equal(reasonOf(fromHex(whole.replace("1a6553f100", "01"))), "wall-time-before-2001");
    equal(reasonOf(fromHex(whole.replace("4902", "4901"))), "ueid-form");
    equal(reasonOf(fromHex(whole.replace("a401022001", "a401022002"))), "key-form");
  });
});
