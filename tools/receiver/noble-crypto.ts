/** The receiver's cryptography by the noble libraries: runs on every engine, XS included. */
import { cmac } from "@noble/ciphers/aes.js";
import { p256 } from "@noble/curves/nist.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { ReceiverCrypto } from "./crypto.ts";

export const NOBLE_CRYPTO: ReceiverCrypto = Object.freeze({
  verifyEs256(publicKeyXY: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    try {
      return p256.verify(signature, sha256(message), uncompressed(publicKeyXY), { prehash: false, lowS: false });
    } catch {
      return false; // noble throws on a key that is no point and on a malformed signature
    }
  },
  isP256Point(publicKeyXY: Uint8Array): boolean {
    return publicKeyXY.length === 64 && p256.utils.isValidPublicKey(uncompressed(publicKeyXY), false);
  },
  sha256(message: Uint8Array): Uint8Array {
    return sha256(message);
  },
  cmac(key: Uint8Array, message: Uint8Array): Uint8Array {
    return cmac(message, key);
  },
});

/** SEC 1 2.3.3: 04 then x and y. */
function uncompressed(publicKeyXY: Uint8Array): Uint8Array {
  const point = new Uint8Array(65);
  point[0] = 4;
  point.set(publicKeyXY, 1);
  return point;
}
