/** What the reader needs of arithmetic, by other means than the writer: XTS-AES (IEEE 1619 5.4.2) over single blocks, and CRC32 bit by bit. */
import { type Cipheriv, createCipheriv, createDecipheriv, type Decipheriv } from "node:crypto";
import { ENTRY_BYTES, KEYS_BYTES, PAGE_BYTES } from "./nvs-format.ts";

const BLOCK_BYTES = 16;
const POLYNOMIAL = 0xedb88320;
/** x^128 = x^7 + x^2 + x + 1. */
const FEEDBACK = 0x87;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ POLYNOMIAL : remainder >>> 1;
  return remainder;
});

/** CRC32 as the library has it: from 0 on, complemented at the end. */
export function libraryCrc32(bytes: Uint8Array): number {
  let remainder = 0;
  for (const byte of bytes) remainder = TABLE[(remainder ^ byte) & 0xff] ^ (remainder >>> 8);
  return ~remainder >>> 0;
}

/** Decrypts entries under the 64 bytes of an encrypted partition's keys. */
export class EntryDecipher {
  readonly #tweakCipher: Cipheriv;
  readonly #decipher: Decipheriv;

  constructor(keys: Uint8Array) {
    this.#tweakCipher = createCipheriv("aes-256-ecb", keys.subarray(32), null).setAutoPadding(false);
    this.#decipher = createDecipheriv("aes-256-ecb", keys.subarray(0, 32), null).setAutoPadding(false);
  }

  /** The plain text of an entry at `offset` of the partition. */
  decrypt(entry: Uint8Array, offset: number): Uint8Array {
    const tweak = new Uint8Array(BLOCK_BYTES);
    for (let i = 0; i < 4; i++) tweak[i] = (offset >>> (8 * i)) & 0xff;
    const mask = new Uint8Array(this.#tweakCipher.update(tweak));
    const plain = new Uint8Array(ENTRY_BYTES);
    for (let at = 0; at < ENTRY_BYTES; at += BLOCK_BYTES) {
      const masked = entry.slice(at, at + BLOCK_BYTES);
      for (let i = 0; i < BLOCK_BYTES; i++) masked[i] ^= mask[i];
      const block = this.#decipher.update(masked);
      for (let i = 0; i < BLOCK_BYTES; i++) plain[at + i] = block[i] ^ mask[i];
      double(mask);
    }
    return plain;
  }
}

/** Times x in GF(2^128), the first byte the lowest. */
function double(block: Uint8Array): void {
  let carry = 0;
  for (let i = 0; i < BLOCK_BYTES; i++) {
    const shifted = (block[i] << 1) | carry;
    carry = block[i] >>> 7;
    block[i] = shifted & 0xff;
  }
  if (carry === 1) block[0] ^= FEEDBACK;
}

/** The 64 bytes of keys in a keys partition, or why there are none. */
export function readKeysImage(image: Uint8Array): { ok: true; keys: Uint8Array } | { ok: false; reason: string } {
  if (image.length !== PAGE_BYTES) return { ok: false, reason: "not-one-page" };
  const keys = image.slice(0, KEYS_BYTES);
  const written = new DataView(image.buffer, image.byteOffset).getUint32(KEYS_BYTES, true);
  return written === libraryCrc32(keys) ? { ok: true, keys } : { ok: false, reason: "keys-crc-wrong" };
}
