/** The receiver's cryptography by the noble libraries: runs on every engine, XS included. */
import { cmac } from "@noble/ciphers/aes.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { SignatureAlgorithm } from "../../firmware/ports/crypto.ts";
import { publicKeyBytes } from "../../firmware/wire/cose-key.ts";
import type { ReceiverCrypto } from "./crypto.ts";

/** As RFC 8032 5.1.7 and FIPS 186-5 have it, not as ZIP 215: one encoding of each point, no point of small order. */
const STRICT = Object.freeze({ zip215: false });
const ECDSA = Object.freeze({ prehash: false, lowS: false });

export const NOBLE_CRYPTO: ReceiverCrypto = Object.freeze({
  verify(alg: SignatureAlgorithm, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    try {
      if (alg === -8) return ed25519.verify(signature, message, publicKey, STRICT);
      return curveOf(alg).verify(signature, sha256(message), uncompressed(publicKey), ECDSA);
    } catch {
      return false; // noble throws on a key that is no point and on a malformed signature
    }
  },
  isPublicKey(alg: SignatureAlgorithm, publicKey: Uint8Array): boolean {
    if (publicKey.length !== publicKeyBytes(alg)) return false;
    if (alg !== -8) return curveOf(alg).utils.isValidPublicKey(uncompressed(publicKey), false);
    try {
      return !ed25519.Point.fromBytes(publicKey, false).isSmallOrder();
    } catch {
      return false;
    }
  },
  sha256(message: Uint8Array): Uint8Array {
    return sha256(message);
  },
  cmac(key: Uint8Array, message: Uint8Array): Uint8Array {
    return cmac(message, key);
  },
});

function curveOf(alg: -7 | -47): typeof p256 {
  return alg === -7 ? p256 : secp256k1;
}

/** SEC 1 2.3.3: 04 then x and y. */
function uncompressed(publicKeyXY: Uint8Array): Uint8Array {
  const point = new Uint8Array(65);
  point[0] = 4;
  point.set(publicKeyXY, 1);
  return point;
}
