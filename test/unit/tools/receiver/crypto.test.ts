import assert from "node:assert/strict";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { sigStructure } from "../../../../firmware/wire/cose-sign1.ts";
import { parseSigned } from "../../../../firmware/wire/eat-token.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import type { ReceiverCrypto } from "../../../../tools/receiver/crypto.ts";
import { hexToBytes } from "../../../../tools/receiver/hex.ts";
import { NOBLE_CRYPTO } from "../../../../tools/receiver/noble-crypto.ts";
import { NODE_CRYPTO } from "../../../../tools/receiver/node-crypto.ts";
import { counts } from "../../../counts.ts";
import { TestNode } from "./fixture.ts";

// RFC 6979 A.2.5 (P-256, SHA-256, message "sample").
const PUBLIC_KEY = hexToBytes(
  "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6" +
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
);
const SIGNATURE = hexToBytes(
  "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716" +
    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
);
const SAMPLE = new Uint8Array(Buffer.from("sample"));

const both: [string, ReceiverCrypto][] = [
  ["noble", NOBLE_CRYPTO],
  ["node:crypto", NODE_CRYPTO],
];

for (const [name, crypto] of both) {
  describe(`receiver cryptography by ${name}`, () => {
    it("RFC 6979 A.2.5: verifies the signature, and no other", () => {
      assert.equal(crypto.verify(-7, PUBLIC_KEY, SAMPLE, SIGNATURE), true);
      for (const at of [0, 31, 32, 63]) {
        const changed = SIGNATURE.slice();
        changed[at] ^= 1;
        assert.equal(crypto.verify(-7, PUBLIC_KEY, SAMPLE, changed), false);
      }
      assert.equal(crypto.verify(-7, PUBLIC_KEY, new Uint8Array(6), SIGNATURE), false);
    });

    it("refuses degenerate signatures and keys without throwing", () => {
      for (const signature of [
        new Uint8Array(64),
        new Uint8Array(64).fill(0xff),
        new Uint8Array(63),
        new Uint8Array(0),
      ]) {
        assert.equal(crypto.verify(-7, PUBLIC_KEY, SAMPLE, signature), false);
      }
      for (const key of [new Uint8Array(64), new Uint8Array(64).fill(0xff), new Uint8Array(63)]) {
        assert.equal(crypto.verify(-7, key, SAMPLE, SIGNATURE), false);
        assert.equal(crypto.isPublicKey(-7, key), false);
      }
    });

    it("SEC 1 3.2.2.1: knows a point of P-256 from others", () => {
      assert.equal(crypto.isPublicKey(-7, PUBLIC_KEY), true);
      const off = PUBLIC_KEY.slice();
      off[63] ^= 1;
      assert.equal(crypto.isPublicKey(-7, off), false);
    });

    it("RFC 8032 7.1: verifies an Ed25519 signature, and no other", () => {
      // TEST 2.
      const key = hexToBytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
      const signature = hexToBytes(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
          "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
      );
      const message = new Uint8Array([0x72]);
      assert.equal(crypto.verify(-8, key, message, signature), true);
      assert.equal(crypto.verify(-8, key, new Uint8Array(0), signature), false);
      for (const at of [0, 31, 32, 63]) {
        const changed = signature.slice();
        changed[at] ^= 1;
        assert.equal(crypto.verify(-8, key, message, changed), false);
      }
      assert.equal(crypto.verify(-8, key.slice(1), message, signature), false);
    });

    it("RFC 8032 5.1.3: keys of Ed25519 that are no point, not canonical, or of small order are none", () => {
      const bad = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "0200000000000000000000000000000000000000000000000000000000000000",
        "00",
      ];
      for (const hex of bad) assert.equal(crypto.isPublicKey(-8, hexToBytes(hex)), false, hex);
      const good = hexToBytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
      assert.equal(crypto.isPublicKey(-8, good), true);
    });

    it("RFC 8812 3.2: verifies ES256K, and takes no key of one curve for the other's", () => {
      const secret = NOBLE_CRYPTO.sha256(SAMPLE);
      const key = secp256k1.getPublicKey(secret, false).slice(1);
      const signature = secp256k1.sign(SAMPLE, secret, { lowS: true });
      assert.equal(crypto.verify(-47, key, SAMPLE, signature), true);
      assert.equal(crypto.verify(-7, key, SAMPLE, signature), false);
      assert.equal(crypto.verify(-47, key, new Uint8Array(3), signature), false);
      assert.deepEqual(
        [crypto.isPublicKey(-47, key), crypto.isPublicKey(-7, key), crypto.isPublicKey(-47, PUBLIC_KEY)],
        [true, false, false],
      );
    });

    it("RFC 4493 4: AES-CMAC of 0, 16, 40 and 64 bytes", () => {
      const key = hexToBytes("2b7e151628aed2a6abf7158809cf4f3c");
      const message = hexToBytes(
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" +
          "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
      );
      const expected: [number, string][] = [
        [0, "bb1d6929e95937287fa37d129b756746"],
        [16, "070a16b46b4d4144f79bdd9dd04a287c"],
        [40, "dfa66747de9ae63030ca32611497c827"],
        [64, "51f0bebf7e3b9d92fc49741779363cfe"],
      ];
      for (const [length, mac] of expected) {
        assert.deepEqual(new Uint8Array(crypto.cmac(key, message.subarray(0, length))), hexToBytes(mac));
      }
    });

    it('FIPS 180-4: SHA-256 of "abc"', () => {
      const digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
      assert.deepEqual(crypto.sha256(new Uint8Array(Buffer.from("abc"))), hexToBytes(digest));
    });
  });
}

describe("receiver cryptography by noble and by node:crypto", () => {
  it("agree on random messages, signatures with a bit flipped, and swapped keys, by each algorithm", () => {
    const dice = new RandomStream(2, "agreement");
    for (const alg of [-7, -8, -47] as const) {
      const nodes = [1, 2].map((number) => new TestNode(number, number, alg));
      let good = 0;
      for (let i = 0; i < counts(15, 1000); i++) {
        const payload = new Uint8Array(1 + dice.below(200)).map(() => dice.below(256));
        const signed = parseSigned(nodes[0].sign(payload));
        assert.ok(signed.ok);
        const signature = signed.signature.slice();
        if (dice.below(2) === 0) signature[dice.below(64)] ^= 1 << dice.below(8);
        const { publicKey } = nodes[dice.below(8) === 0 ? 1 : 0].record;
        const message = new Uint8Array(300);
        const length = sigStructure(signed.protectedBytes, payload, payload.length, message);
        const [ours, theirs] = both.map(([, crypto]) =>
          crypto.verify(alg, publicKey, message.subarray(0, length), signature),
        );
        assert.equal(ours, theirs);
        if (ours) good++;
      }
      assert.ok(good > 0, `${alg}`);
    }
  });
});
