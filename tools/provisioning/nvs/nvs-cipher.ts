/**
 * NVS encryption (ESP-IDF Programming Guide, "NVS Encryption"): XTS-AES-256 (IEEE 1619) of each written entry of 32 bytes by itself, its tweak
 * the entry's offset in the partition; headers and bitmaps stay plain. Its keys stand in a partition of their own:
 *
 *   data key (32) | tweak key (32) | CRC32 of both (4) | FF to the end of the page
 */
import { createCipheriv } from "node:crypto";
import { crc32 } from "node:zlib";
import { ENTRY_BYTES, KEYS_BYTES, PAGE_BYTES } from "./nvs-format.ts";

/** Encrypts an entry that will stand at `offset` of the partition. `keys`: 64 bytes. */
export function encryptEntry(entry: Uint8Array, offset: number, keys: Uint8Array): Uint8Array {
  const tweak = new Uint8Array(16);
  new DataView(tweak.buffer).setUint32(0, offset, true);
  const cipher = createCipheriv("aes-256-xts", keys, tweak);
  const encrypted = new Uint8Array(ENTRY_BYTES);
  // XTS gives all of a data unit at once, and nothing at the end.
  encrypted.set(cipher.update(entry));
  cipher.final();
  return encrypted;
}

/** The image of a keys partition. */
export function writeKeysImage(keys: Uint8Array): Uint8Array {
  if (keys.length !== KEYS_BYTES) throw new RangeError("64 bytes of keys");
  const image = new Uint8Array(PAGE_BYTES).fill(0xff);
  image.set(keys);
  new DataView(image.buffer).setUint32(KEYS_BYTES, crc32(keys, 0xffffffff), true);
  return image;
}
