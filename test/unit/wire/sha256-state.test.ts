import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  SHA256_BLOCK_BYTES,
  SHA256_STATE_BYTES,
  sha256Begin,
  sha256Block,
  sha256End,
} from "../../../firmware/wire/sha256-state.ts";

/** Hashes with the state copied out and in between blocks, at an offset. */
function hash(message: Uint8Array): string {
  const offset = 3;
  let state = new Uint8Array(offset + SHA256_STATE_BYTES);
  sha256Begin(state, offset);
  let at = 0;
  for (; at + SHA256_BLOCK_BYTES <= message.length; at += SHA256_BLOCK_BYTES) {
    sha256Block(state, offset, message, at);
    state = state.slice();
  }
  const rest = new Uint8Array(SHA256_BLOCK_BYTES).fill(0x55);
  rest.set(message.subarray(at));
  sha256End(state, offset, rest, message.length - at, message.length);
  return Buffer.from(state.subarray(offset)).toString("hex");
}

describe("SHA-256 whose state can be kept", () => {
  it("FIPS 180-4, NIST's example values: abc, and the message of two blocks", () => {
    assert.equal(
      hash(new Uint8Array([0x61, 0x62, 0x63])),
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
    assert.equal(
      hash(Buffer.from("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    );
  });

  it("FIPS 180-4 5.1.1, 6.2.2: as node:crypto, for every length up to five blocks", () => {
    const bytes = Uint8Array.from({ length: 5 * SHA256_BLOCK_BYTES }, (_, i) => (i * 167 + (i >> 3)) & 0xff);
    for (let length = 0; length <= bytes.length; length++) {
      const message = bytes.subarray(0, length);
      assert.equal(hash(message), createHash("sha256").update(message).digest("hex"), `${length} bytes`);
    }
  });
});
