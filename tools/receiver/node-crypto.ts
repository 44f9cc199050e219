/** The receiver's cryptography by node:crypto (OpenSSL): Node only, some twenty times faster than noble. */
import { type Cipheriv, createCipheriv, createPublicKey, hash, type KeyObject, verify } from "node:crypto";
import { encodeBase64Url } from "./base64.ts";
import type { ReceiverCrypto } from "./crypto.ts";

const BLOCK = 16;

/** A node's key is one array for as long as the receiver knows the node; importing it anew would cost more than a verification. */
const imported = new WeakMap<Uint8Array, KeyObject>();

/** AES under one key, and the subkeys of RFC 4493 2.3. A cipher in ECB mode keeps no state from block to block, so one serves for ever. */
interface MacKey {
  cipher: Cipheriv;
  wholeBlockMask: Uint8Array;
  paddedBlockMask: Uint8Array;
}

/** By the key's array, as above: setting a cipher up costs six times a MAC. */
const macKeys = new WeakMap<Uint8Array, MacKey>();

export const NODE_CRYPTO: ReceiverCrypto = {
  verifyEs256(publicKeyXY, message, signature) {
    let key = imported.get(publicKeyXY);
    if (key === undefined) {
      key = importKey(publicKeyXY);
      if (key === undefined) return false;
      imported.set(publicKeyXY, key);
    }
    // As DER and not as { dsaEncoding: "ieee-p1363" }: with options beside the key Node takes a third longer to find the key in them.
    return signature.length === 64 && verify("sha256", message, key, derSignature(signature));
  },
  isP256Point(publicKeyXY) {
    return publicKeyXY.length === 64 && importKey(publicKeyXY) !== undefined;
  },
  sha256(message) {
    return new Uint8Array(hash("sha256", message, "buffer"));
  },
  cmac,
};

/** r‖s as Ecdsa-Sig-Value (RFC 3279 2.2.3), a sequence of two integers of at most 33 bytes. */
function derSignature(signature: Uint8Array): Uint8Array {
  const der = new Uint8Array(72);
  const afterR = writeInteger(signature, 0, der, 2);
  const end = writeInteger(signature, 32, der, afterR);
  der[0] = 0x30;
  der[1] = end - 2;
  return der.subarray(0, end);
}

/** A positive integer of 32 bytes in DER (X.690 8.3): no leading zero but the one that keeps it positive. Returns the offset behind it. */
function writeInteger(from: Uint8Array, offset: number, into: Uint8Array, at: number): number {
  let skipped = 0;
  while (skipped < 31 && from[offset + skipped] === 0) skipped++;
  const pad = from[offset + skipped] >>> 7;
  const length = 32 - skipped;
  into[at] = 0x02;
  into[at + 1] = length + pad;
  for (let i = 0; i < length; i++) into[at + 2 + pad + i] = from[offset + skipped + i];
  return at + 2 + pad + length;
}

/** undefined when x‖y is not on the curve. */
function importKey(publicKeyXY: Uint8Array): KeyObject | undefined {
  const x = encodeBase64Url(publicKeyXY.subarray(0, 32));
  const y = encodeBase64Url(publicKeyXY.subarray(32));
  try {
    return createPublicKey({ format: "jwk", key: { kty: "EC", crv: "P-256", x, y } });
  } catch {
    return undefined;
  }
}

/** RFC 4493 2.4: CBC, with a subkey mixed into the last block of the message. */
function cmac(key: Uint8Array, message: Uint8Array): Uint8Array {
  let macKey = macKeys.get(key);
  if (macKey === undefined) {
    macKey = newMacKey(key);
    macKeys.set(key, macKey);
  }
  const { cipher, wholeBlockMask, paddedBlockMask } = macKey;
  let state = new Uint8Array(BLOCK);
  let at = 0;
  for (; message.length - at > BLOCK; at += BLOCK) {
    for (let i = 0; i < BLOCK; i++) state[i] ^= message[at + i];
    state = new Uint8Array(cipher.update(state));
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
