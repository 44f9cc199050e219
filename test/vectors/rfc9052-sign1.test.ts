/**
 * Source: the `sign1-tests` of github.com/cose-wg/Examples (public domain), read at test time from the folder next to the checkout. The signature is
 * verified by node:crypto over the Sig_structure (RFC 9052 4.4) that we build.
 */
import { equal, ok } from "node:assert/strict";
import { createHash, createPublicKey, verify } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { p256 } from "@noble/curves/nist.js";
import { parseSign1, type Sign1, sigStructure } from "../../firmware/wire/cose-sign1.ts";
import { fromHex, toHex } from "../unit/wire/token-fixture.ts";

const FOLDER = new URL("../../../shared/vectors/cose-wg-sign1/", import.meta.url);

interface Vector {
  title: string;
  fail?: boolean;
  input: { sign0: { key: { kty: string; crv: string; x: string; y: string; d: string }; external?: string } };
  intermediates: { ToBeSign_hex: string };
  output: { cbor: string };
}

/** What our parser says of those that it refuses; all others must parse, and fail or pass by their signature. */
const REFUSED_BY_PARSER: Readonly<Record<string, string>> = {
  "sign-fail-01.json": "not-cose-sign1",
  "sign-fail-04.json": "algorithm-unknown",
};

function toBeSigned(sign1: Sign1, vector: Vector): Uint8Array {
  const into = new Uint8Array(256);
  const external = vector.input.sign0.external;
  const aad = external === undefined ? undefined : fromHex(external);
  return into.slice(0, sigStructure(sign1.protectedBytes, sign1.payload, sign1.payload.length, into, aad));
}

function verifies(sign1: Sign1, vector: Vector): boolean {
  // RFC 9053 2.1: -7 is ES256; a verifier takes no other algorithm for this key.
  if (sign1.alg !== -7) return false;
  const { kty, crv, x, y } = vector.input.sign0.key;
  const key = createPublicKey({ key: { kty, crv, x, y }, format: "jwk" });
  return verify("sha256", toBeSigned(sign1, vector), { key, dsaEncoding: "ieee-p1363" }, sign1.signature);
}

describe("RFC 9052 4.2 and 4.4, cose-wg sign1-tests", () => {
  if (!existsSync(FOLDER)) {
    it("skipped: ../shared/vectors/cose-wg-sign1 is not there", function () {
      this.skip();
    });
    return;
  }
  const files = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));

  it("finds the nine vectors", () => {
    equal(files.length, 9);
  });

  for (const file of files) {
    const vector = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as Vector;
    it(`${vector.title} ${vector.fail ? "is refused" : "verifies"}`, () => {
      const sign1 = parseSign1(fromHex(vector.output.cbor));
      const refused = REFUSED_BY_PARSER[file];
      if (refused !== undefined) {
        equal(!sign1.ok && sign1.reason, refused);
        return;
      }
      ok(sign1.ok, sign1.ok ? "" : sign1.reason);
      equal(toHex(sign1.kid), "3131");
      equal(verifies(sign1, vector), vector.fail !== true);
      if (vector.fail === true) return;
      equal(toHex(toBeSigned(sign1, vector)), vector.intermediates.ToBeSign_hex.toLowerCase());
      // noble, the hosts' signer, agrees; these signatures need not be low-S.
      const digest = createHash("sha256").update(toBeSigned(sign1, vector)).digest();
      const { x, y } = vector.input.sign0.key;
      const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
      ok(p256.verify(sign1.signature, digest, point, { prehash: false, lowS: false }));
    });
  }
});
