/** The cryptography that a receiver needs: public keys, and one key that it shares with each node. */

export interface ReceiverCrypto {
  /**
   * ES256 (RFC 9053 2.1): whether `signature` (r‖s, 64 bytes) over `message` is of the key x‖y (64 bytes). The whole message is given, not its
   * digest: node:crypto verifies nothing else, and EdDSA will need it likewise. Low s is the caller's rule.
   */
  verifyEs256(publicKeyXY: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** Whether x‖y is a point of P-256 (SEC 1 3.2.2.1). */
  isP256Point(publicKeyXY: Uint8Array): boolean;
  /** SHA-256 (FIPS 180-4), 32 bytes. */
  sha256(message: Uint8Array): Uint8Array;
  /** AES-CMAC (RFC 4493) under a key of 16 bytes, 16 bytes. */
  cmac(key: Uint8Array, message: Uint8Array): Uint8Array;
}
