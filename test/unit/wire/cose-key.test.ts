import { deepEqual, equal } from "node:assert/strict";
import { createHash } from "node:crypto";
import type { SignatureAlgorithm } from "../../../firmware/ports/crypto.ts";
import { CborReader } from "../../../firmware/wire/cbor-reader.ts";
import { CborWriter } from "../../../firmware/wire/cbor-writer.ts";
import {
  MAX_COSE_KEY_BYTES,
  MAX_THUMBPRINT_INPUT_BYTES,
  publicKeyBytes,
  readConfirmation,
  readCoseKey,
  thumbprintInput,
  writeConfirmation,
  writeCoseKey,
} from "../../../firmware/wire/cose-key.ts";
import { fromHex, toHex } from "./token-fixture.ts";

// Source: RFC 9679 section 6, an EC2 key on P-256 and its thumbprint. Licence: example from an IETF RFC, Revised BSD License.
const X = "65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d";
const Y = "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c";
const THUMBPRINT = "496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec";

describe("COSE Key Thumbprint", () => {
  it("RFC 9679 6: the example's thumbprint", () => {
    const into = new Uint8Array(MAX_THUMBPRINT_INPUT_BYTES);
    const length = thumbprintInput(-7, fromHex(X + Y), into);
    equal(length, MAX_THUMBPRINT_INPUT_BYTES);
    equal(toHex(createHash("sha256").update(into.subarray(0, length)).digest()), THUMBPRINT);
  });

  it("RFC 9679 4: kty and curve of the other algorithms (RFC 9053 7.1, RFC 8812 3.1)", () => {
    const into = new Uint8Array(MAX_THUMBPRINT_INPUT_BYTES);
    thumbprintInput(-47, fromHex(X + Y), into);
    equal(toHex(into.subarray(0, 8)), "a401022008215820");
    const length = thumbprintInput(-8, fromHex(X), into);
    equal(toHex(into.subarray(0, length)), `a301012006215820${X}`);
  });
});

describe("COSE_Key (RFC 9052 7, RFC 9053 7)", () => {
  const keys: [SignatureAlgorithm, number, string][] = [
    [-7, 64, `a401022001215820${X}225820${Y}`],
    [-8, 32, `a301012006215820${X}`],
    [-47, 64, `a401022008215820${X}225820${Y}`],
  ];
  for (const [alg, length, hex] of keys) {
    it(`${alg}: ${length} bytes in memory; written and read, and nothing else is read`, () => {
      equal(publicKeyBytes(alg), length);
      const publicKey = fromHex(X + Y).slice(0, length);
      const into = new Uint8Array(MAX_COSE_KEY_BYTES);
      const writer = new CborWriter(into);
      writeCoseKey(writer, alg, publicKey);
      equal(toHex(into.subarray(0, writer.finish())), hex);
      deepEqual(readCoseKey(new CborReader(fromHex(hex))), { alg, publicKey });
      for (let cut = 0; cut < hex.length / 2; cut++) {
        equal(readCoseKey(new CborReader(fromHex(hex.slice(0, 2 * cut)))), undefined);
      }
    });
  }

  it("RFC 8747 3.2: in a cnf claim", () => {
    const into = new Uint8Array(MAX_COSE_KEY_BYTES + 2);
    const writer = new CborWriter(into);
    const key = { alg: -8, publicKey: fromHex(X) } as const;
    writeConfirmation(writer, key);
    const bytes = into.slice(0, writer.finish());
    equal(toHex(bytes), `a101a301012006215820${X}`);
    deepEqual(readConfirmation(new CborReader(bytes)), key);
    equal(readConfirmation(new CborReader(fromHex("a1024100"))), undefined);
    equal(readConfirmation(new CborReader(fromHex("a0"))), undefined);
  });

  it("other curves, key types and parameters are refused", () => {
    const [, , es256] = keys[0];
    for (const [from, to] of [
      ["a401022001", "a401022002"],
      ["a401022001", "a401022006"],
      ["a401022001", "a401012001"],
      ["a401022001", "a401032001"],
      ["a401022001", "a401042001"],
    ]) {
      equal(readCoseKey(new CborReader(fromHex(es256.replace(from, to)))), undefined);
    }
    // alg (3) and kid (2) may stand in a COSE_Key elsewhere, not in ours.
    equal(readCoseKey(new CborReader(fromHex(`a5010203262001215820${X}225820${Y}`))), undefined);
    equal(readCoseKey(new CborReader(fromHex(`a501020241002001215820${X}225820${Y}`))), undefined);
  });
});
