import assert from "node:assert/strict";
import { createCipheriv, createDecipheriv } from "node:crypto";
import { NetworkCrypto, nobleAes } from "../../../../host-sim/network/network-crypto.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { bytes } from "./fixture.ts";

const hex = (value: Uint8Array): string => Buffer.from(value).toString("hex");

describe("the network's cryptography", () => {
  it("RFC 4493 4: the four vectors of AES-CMAC", () => {
    const crypto = new NetworkCrypto(nobleAes);
    crypto.importKey(2, bytes("2b7e151628aed2a6abf7158809cf4f3c"));
    const message = bytes(
      "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" +
        "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
    );
    const expected: [number, string][] = [
      [0, "bb1d6929e95937287fa37d129b756746"],
      [16, "070a16b46b4d4144f79bdd9dd04a287c"],
      [40, "dfa66747de9ae63030ca32611497c827"],
      [64, "51f0bebf7e3b9d92fc49741779363cfe"],
    ];
    const mac = new Uint8Array(16);
    for (const [length, tag] of expected) {
      crypto.cmac(2, message, length, mac);
      assert.equal(hex(mac), tag);
    }
  });

  it("FIPS 197: both ways of the cipher, and key derivation, agree with node:crypto", () => {
    const random = new RandomStream(1, "aes");
    const crypto = new NetworkCrypto(nobleAes);
    const key = new Uint8Array(16);
    const block = new Uint8Array(20);
    for (let i = 0; i < 100; i++) {
      random.fill(key);
      random.fill(block);
      crypto.importKey(2, key);
      const input = block.slice(3, 19);
      const output = new Uint8Array(20);
      const forward = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false).update(input);
      crypto.aesEncryptBlock(2, block, 3, output, 1);
      assert.equal(hex(output.slice(1, 17)), forward.toString("hex"));
      const inverse = createDecipheriv("aes-128-ecb", key, null).setAutoPadding(false).update(input);
      crypto.aesDecryptBlock(2, block, 3, output, 1);
      assert.equal(hex(output.slice(1, 17)), inverse.toString("hex"));
      crypto.deriveKey(2, input, 3);
      assert.equal(hex(crypto.exportKey(3)), forward.toString("hex"));
    }
  });

  it("a slot without a key is a bug, not a result", () => {
    assert.throws(
      () => new NetworkCrypto(nobleAes).cmac(3, new Uint8Array(1), 1, new Uint8Array(16)),
      /no key in slot 3/,
    );
  });
});
