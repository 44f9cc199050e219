/** The receiver's cryptography by node:crypto (OpenSSL): Node only, some twenty times faster than noble. */
import { createPublicKey, hash, type KeyObject, verify } from "node:crypto";
import type { SignatureAlgorithm } from "../../firmware/ports/crypto.ts";
import { publicKeyBytes } from "../../firmware/wire/cose-key.ts";
import type { ReceiverCrypto } from "./crypto.ts";
import { jwkOf } from "./jwk.ts";
import { NOBLE_CRYPTO } from "./noble-crypto.ts";
import { cmac } from "./node-cmac.ts";

/** A node's key is one array for as long as the receiver knows the node; importing it anew would cost more than a verification. */
const imported = new WeakMap<Uint8Array, { alg: SignatureAlgorithm; key: KeyObject }>();

export const NODE_CRYPTO: ReceiverCrypto = {
  verify(alg, publicKey, message, signature) {
    let entry = imported.get(publicKey);
    if (entry === undefined || entry.alg !== alg) {
      const key = importKey(alg, publicKey);
      if (key === undefined) return false;
      entry = { alg, key };
      imported.set(publicKey, entry);
    }
    if (signature.length !== 64) return false;
    // As DER and not as { dsaEncoding: "ieee-p1363" }: with options beside the key Node takes a third longer to find the key in them.
    return alg === -8
      ? verify(null, message, entry.key, signature)
      : verify("sha256", message, entry.key, derSignature(signature));
  },
  // OpenSSL takes any 32 bytes for a key of Ed25519.
  isPublicKey: (alg, publicKey) =>
    alg === -8 ? NOBLE_CRYPTO.isPublicKey(alg, publicKey) : importKey(alg, publicKey) !== undefined,
  sha256(message) {
    return new Uint8Array(hash("sha256", message, "buffer"));
  },
  cmac,
};

const MAX_DER_BYTES = 72;
const der = new Uint8Array(MAX_DER_BYTES);
/** Its beginnings by length. */
const derViews = Array.from({ length: MAX_DER_BYTES + 1 }, (_, length) => der.subarray(0, length));

/** r‖s as Ecdsa-Sig-Value (RFC 3279 2.2.3), a sequence of two integers of at most 33 bytes; good until the next call. */
function derSignature(signature: Uint8Array): Uint8Array {
  const afterR = writeInteger(signature, 0, der, 2);
  const end = writeInteger(signature, 32, der, afterR);
  der[0] = 0x30;
  der[1] = end - 2;
  return derViews[end];
}

/** A positive integer of 32 bytes in DER (X.690 8.3): no leading zero but the one that keeps it positive. Returns the offset behind it. */
function writeInteger(from: Uint8Array, offset: number, into: Uint8Array, at: number): number {
  let skipped = 0;
  while (skipped < 31 && from[offset + skipped] === 0) skipped++;
  const pad = from[offset + skipped] >>> 7;
  const length = 32 - skipped;
  into[at] = 0x02;
  into[at + 1] = length + pad;
  if (pad === 1) into[at + 2] = 0;
  for (let i = 0; i < length; i++) into[at + 2 + pad + i] = from[offset + skipped + i];
  return at + 2 + pad + length;
}

/** undefined when it is not on the curve. */
function importKey(alg: SignatureAlgorithm, publicKey: Uint8Array): KeyObject | undefined {
  if (publicKey.length !== publicKeyBytes(alg)) return undefined;
  try {
    return createPublicKey({ format: "jwk", key: { ...jwkOf(alg, publicKey) } });
  } catch {
    return undefined;
  }
}
