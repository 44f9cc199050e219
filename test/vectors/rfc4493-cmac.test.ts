/**
 * Source: RFC 4493 section 4, the four AES-CMAC examples. Licence: IETF RFC of 2006 (RFC 3978, BCP 78), test vectors from NIST SP 800-38B, a
 * US government work. Checked against noble, which receivers and simulated nodes compute their tags with.
 */
import { equal } from "node:assert/strict";
import { cmac } from "@noble/ciphers/aes.js";
import { fromHex, toHex } from "../unit/wire/token-fixture.ts";

const KEY = fromHex("2b7e151628aed2a6abf7158809cf4f3c");
const MESSAGE = fromHex(
  "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
);

const EXAMPLES: readonly [number, string][] = [
  [0, "bb1d6929e95937287fa37d129b756746"],
  [16, "070a16b46b4d4144f79bdd9dd04a287c"],
  [40, "dfa66747de9ae63030ca32611497c827"],
  [64, "51f0bebf7e3b9d92fc49741779363cfe"],
];

describe("RFC 4493 4, AES-CMAC", () => {
  for (const [length, mac] of EXAMPLES) {
    it(`of ${length} bytes`, () => {
      equal(toHex(cmac(MESSAGE.subarray(0, length), KEY)), mac);
    });
  }
});
