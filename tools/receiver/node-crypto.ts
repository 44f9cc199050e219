/** The receiver's cryptography by node:crypto (OpenSSL): Node only, some twenty times faster than noble. */
import { createCipheriv, createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { encodeBase64Url } from "./base64.ts";
import type { ReceiverCrypto } from "./crypto.ts";

const BLOCK = 16;

/** A node's key is one array for as long as the receiver knows the node; importing it anew would cost more than a verification. */
const imported = new WeakMap<Uint8Array, KeyObject>();

export const NODE_CRYPTO: ReceiverCrypto = {
  verifyEs256(publicKeyXY, message, signature) {
    let key = imported.get(publicKeyXY);
    if (key === undefined) {
      key = importKey(publicKeyXY);
      if (key === undefined) return false;
      imported.set(publicKeyXY, key);
    }
    return signature.length === 64 && verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature);
  },
  isP256Point(publicKeyXY) {
    return publicKeyXY.length === 64 && importKey(publicKeyXY) !== undefined;
  },
  sha256(message) {
    return new Uint8Array(createHash("sha256").update(message).digest());
  },
  cmac,
};

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

/** RFC 4493 2.4: the last block of CBC with a subkey mixed into the last block of the message. */
function cmac(key: Uint8Array, message: Uint8Array): Uint8Array {
  const zero = new Uint8Array(BLOCK);
  const blocks = Math.max(1, Math.ceil(message.length / BLOCK));
  const padded = new Uint8Array(blocks * BLOCK);
  padded.set(message);
  const subkey = doubled(encryptCbc(key, zero));
  const whole = message.length === padded.length;
  if (!whole) padded[message.length] = 0x80;
  const mask = whole ? subkey : doubled(subkey);
  for (let i = 0; i < BLOCK; i++) padded[padded.length - BLOCK + i] ^= mask[i];
  return encryptCbc(key, padded).subarray(padded.length - BLOCK);
}

function encryptCbc(key: Uint8Array, message: Uint8Array): Uint8Array {
  return createCipheriv("aes-128-cbc", key, new Uint8Array(BLOCK)).setAutoPadding(false).update(message);
}

/** Multiplication by x in GF(2^128) (RFC 4493 2.3). */
function doubled(block: Uint8Array): Uint8Array {
  const result = new Uint8Array(BLOCK);
  for (let i = 0; i < BLOCK; i++) result[i] = (block[i] << 1) | (i + 1 < BLOCK ? block[i + 1] >>> 7 : 0);
  if (block[0] & 0x80) result[BLOCK - 1] ^= 0x87;
  return result;
}
