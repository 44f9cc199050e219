/** AES-CMAC (RFC 4493) by node:crypto. Node only. */
import { type Cipheriv, createCipheriv } from "node:crypto";

const BLOCK = 16;

/** AES under one key, and the subkeys of RFC 4493 2.3. A cipher in ECB mode keeps no state from block to block, so one serves for ever. */
interface MacKey {
  cipher: Cipheriv;
  wholeBlockMask: Uint8Array;
  paddedBlockMask: Uint8Array;
}

/** By the key's array, which is one for as long as the receiver knows the node: setting a cipher up costs six times a MAC. */
const macKeys = new WeakMap<Uint8Array, MacKey>();

/** RFC 4493 2.4: CBC, with a subkey mixed into the last block of the message. */
export function cmac(key: Uint8Array, message: Uint8Array): Uint8Array {
  let macKey = macKeys.get(key);
  if (macKey === undefined) {
    macKey = newMacKey(key);
    macKeys.set(key, macKey);
  }
  const { cipher, wholeBlockMask, paddedBlockMask } = macKey;
  // `update` gives a new Buffer each time, which nobody else has.
  let state: Uint8Array = new Uint8Array(BLOCK);
  let at = 0;
  for (; message.length - at > BLOCK; at += BLOCK) {
    for (let i = 0; i < BLOCK; i++) state[i] ^= message[at + i];
    state = cipher.update(state);
  }
  const left = message.length - at;
  const mask = left === BLOCK ? wholeBlockMask : paddedBlockMask;
  for (let i = 0; i < BLOCK; i++) state[i] ^= mask[i] ^ (i < left ? message[at + i] : i === left ? 0x80 : 0);
  return new Uint8Array(cipher.update(state));
}

function newMacKey(key: Uint8Array): MacKey {
  const cipher = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
  const wholeBlockMask = doubled(cipher.update(new Uint8Array(BLOCK)));
  return { cipher, wholeBlockMask, paddedBlockMask: doubled(wholeBlockMask) };
}

/** Multiplication by x in GF(2^128) (RFC 4493 2.3). */
function doubled(block: Uint8Array): Uint8Array {
  const result = new Uint8Array(BLOCK);
  for (let i = 0; i < BLOCK; i++) result[i] = (block[i] << 1) | (i + 1 < BLOCK ? block[i + 1] >>> 7 : 0);
  if (block[0] & 0x80) result[BLOCK - 1] ^= 0x87;
  return result;
}
