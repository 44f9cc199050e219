/** The cryptography that a receiver needs: public keys, and one key that it shares with each node. */
import type { SignatureAlgorithm } from "../../firmware/ports/crypto.ts";
import type { PublicKey } from "../../firmware/wire/cose-key.ts";

/** A key that verifies tokens, and its name in them. */
export interface VerifyingKey extends PublicKey {
  /** First 8 bytes of the COSE Key Thumbprint. */
  kid: Uint8Array;
}

export interface ReceiverCrypto {
  /**
   * Whether `signature` (64 bytes) over `message` is of this key: ES256 and ES256K (RFC 9053 2.1, RFC 8812 3.2) as r‖s, EdDSA on Ed25519 (RFC 8032
   * 5.1). The whole message is given, not its digest: EdDSA and node:crypto take nothing else. Low s is the caller's rule.
   */
  verify(alg: SignatureAlgorithm, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** Whether this is a point of the algorithm's curve (SEC 1 3.2.2.1, RFC 8032 5.1.3), and for EdDSA not of small order, under which anyone can sign. */
  isPublicKey(alg: SignatureAlgorithm, publicKey: Uint8Array): boolean;
  /** SHA-256 (FIPS 180-4), 32 bytes. */
  sha256(message: Uint8Array): Uint8Array;
  /** AES-CMAC (RFC 4493) under a key of 16 bytes, 16 bytes. */
  cmac(key: Uint8Array, message: Uint8Array): Uint8Array;
}
