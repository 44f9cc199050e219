/**
 * Source: Project Wycheproof (github.com/C2SP/wycheproof, Apache-2.0), folder `testvectors_v1`, read at test time from the folder that
 * GROUNDTRUTH_WYCHEPROOF names, or from the one next to the checkout. What judges is the receiver's own verifying code, both of its engines; they must
 * agree on every vector, or two receivers would accept different tokens.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { SignatureAlgorithm } from "../../firmware/ports/crypto.ts";
import { NOBLE_CRYPTO } from "../../tools/receiver/noble-crypto.ts";
import { NODE_CRYPTO } from "../../tools/receiver/node-crypto.ts";
import { fromHex } from "../unit/wire/token-fixture.ts";

const FOLDER =
  process.env.GROUNDTRUTH_WYCHEPROOF ?? fileURLToPath(new URL("../../../shared/vectors/wycheproof/", import.meta.url));

interface Vectors {
  numberOfTests: number;
  testGroups: {
    publicKey: { uncompressed?: string; pk?: string };
    tests: { tcId: number; comment: string; msg: string; sig: string; result: "valid" | "invalid" }[];
  }[];
}

const FILES: readonly { file: string; alg: SignatureAlgorithm; standard: string; atLeast: number }[] = [
  { file: "ecdsa_secp256r1_sha256_p1363_test.json", alg: -7, standard: "ES256, RFC 9053 2.1", atLeast: 250 },
  { file: "ecdsa_secp256k1_sha256_p1363_test.json", alg: -47, standard: "ES256K, RFC 8812 3.2", atLeast: 250 },
  { file: "ed25519_test.json", alg: -8, standard: "EdDSA on Ed25519, RFC 8032 5.1.7", atLeast: 150 },
];
const ENGINES = { "node:crypto": NODE_CRYPTO, noble: NOBLE_CRYPTO };

/** x‖y without SEC 1's 04, or the key of Ed25519 as it is. */
function keyOf({ uncompressed, pk }: Vectors["testGroups"][number]["publicKey"]): Uint8Array {
  return uncompressed === undefined ? fromHex(pk ?? "") : fromHex(uncompressed).slice(1);
}

describe("Wycheproof, the receiver's own verification", () => {
  if (!existsSync(FOLDER)) {
    it("skipped: its vectors are not there; GROUNDTRUTH_WYCHEPROOF names a folder with those of testvectors_v1", function () {
      this.skip();
    });
    return;
  }
  for (const { file, alg, standard, atLeast } of FILES) {
    const path = join(FOLDER, file);
    for (const [name, engine] of Object.entries(ENGINES)) {
      it(`${standard}: ${name} verifies the valid ones of ${file} and refuses all others`, () => {
        const { numberOfTests, testGroups } = JSON.parse(readFileSync(path, "utf8")) as Vectors;
        ok(numberOfTests >= atLeast);
        let run = 0;
        const wrong: string[] = [];
        for (const { publicKey, tests } of testGroups) {
          const key = keyOf(publicKey);
          ok(engine.isPublicKey(alg, key), "a group's key");
          for (const { tcId, comment, msg, sig, result } of tests) {
            run++;
            const verdict = engine.verify(alg, key, fromHex(msg), fromHex(sig)) ? "valid" : "invalid";
            if (verdict !== result) wrong.push(`${tcId} (${comment}): ${verdict}`);
          }
        }
        equal(run, numberOfTests);
        deepEqual(wrong, []);
      });
    }
  }
});
