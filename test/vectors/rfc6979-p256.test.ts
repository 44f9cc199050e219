/**
 * Source: RFC 6979 A.2.5, ECDSA on P-256 with SHA-256. Licence: test vectors from an IETF RFC, code components under the Revised BSD
 * License (IETF Trust Legal Provisions 4.c). Noble is what hosts sign with; tokens carry the low-S form, for "sample" the other one than the RFC prints.
 */
import { equal, ok } from "node:assert/strict";
import { createHash } from "node:crypto";
import { p256 } from "@noble/curves/nist.js";
import { isLowS } from "../../firmware/wire/cose-sign1.ts";
import { fromHex, toHex } from "../unit/wire/token-fixture.ts";

const SECRET = fromHex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
const PUBLIC =
  "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

const VECTORS = [
  {
    message: "sample",
    r: "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
    s: "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
    low: false,
  },
  {
    message: "test",
    r: "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
    s: "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
    low: true,
  },
] as const;

describe("RFC 6979 A.2.5, P-256 with SHA-256", () => {
  it("derives the public key", () => {
    equal(toHex(p256.getPublicKey(SECRET, false)), PUBLIC);
  });

  for (const { message, r, s, low } of VECTORS) {
    const digest = createHash("sha256").update(message).digest();

    it(`signs "${message}" as the RFC prints it`, () => {
      equal(toHex(p256.sign(digest, SECRET, { prehash: false, lowS: false })), r + s);
      equal(isLowS(-7, fromHex(r + s)), low);
    });

    it(`signs "${message}" with s in the lower half when told so`, () => {
      const signature = p256.sign(digest, SECRET, { prehash: false, lowS: true });
      const lowS = low ? s : (ORDER - BigInt(`0x${s}`)).toString(16).padStart(64, "0");
      equal(toHex(signature), r + lowS);
      ok(isLowS(-7, signature));
      ok(p256.verify(signature, digest, fromHex(PUBLIC), { prehash: false, lowS: true }));
    });
  }

  it("half of the group order is the last low s, for P-256 and secp256k1", () => {
    const orders: [number, bigint][] = [
      [-7, ORDER],
      [-47, 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n],
    ];
    for (const [alg, order] of orders) {
      const withS = (s: bigint) => fromHex("00".repeat(32) + s.toString(16).padStart(64, "0"));
      equal(isLowS(alg, withS(order / 2n)), true);
      equal(isLowS(alg, withS(order / 2n + 1n)), false);
    }
    equal(isLowS(-8, fromHex("ff".repeat(64))), true);
  });
});
