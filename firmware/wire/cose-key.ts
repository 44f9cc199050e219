/**
 * The name of a key: kid is the first 8 bytes of the COSE Key Thumbprint (RFC 9679), SHA-256 over the deterministic encoding of the
 * key's required parameters (its section 4): EC2 {1: 2, -1: crv, -2: x, -3: y}, OKP {1: 1, -1: crv, -2: x}.
 */
import type { SignatureAlgorithm } from "../ports/crypto.ts";
import { CborWriter } from "./cbor.ts";

/** The longest input of a thumbprint. */
export const MAX_THUMBPRINT_INPUT_BYTES = 75;

const COORDINATE_BYTES = 32;

/**
 * Writes what the thumbprint hashes and returns its length. `publicKey` is x‖y (64 bytes) for ES256 and ES256K, x (32 bytes) for EdDSA;
 * curves of RFC 9053 7.1 and RFC 8812: P-256 1, Ed25519 6, secp256k1 8.
 */
export function thumbprintInput(alg: SignatureAlgorithm, publicKey: Uint8Array, into: Uint8Array): number {
  const okp = alg === -8;
  const writer = new CborWriter(into);
  writer.map(okp ? 3 : 4);
  writer.uint(1);
  writer.uint(okp ? 1 : 2);
  writer.int(-1);
  writer.uint(alg === -7 ? 1 : okp ? 6 : 8);
  writer.int(-2);
  writer.bytes(publicKey, COORDINATE_BYTES);
  if (!okp) {
    writer.int(-3);
    writer.bytes(publicKey.subarray(COORDINATE_BYTES), COORDINATE_BYTES);
  }
  return writer.finish();
}
