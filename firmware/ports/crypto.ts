/**
 * Cryptography by key slot: private and session keys stay behind this port and never enter JavaScript on a device
 * (PSA Crypto persistent keys, or a secure element). A slot survives reset, deep sleep and power loss.
 */

/**
 * Names a key slot; the numbers are PSA persistent key identifiers, chosen by us, and stand by name in wire/key-slot.ts:
 * 1 and 6 attestation keys, the one in force and its successor by turns, 2 LoRaWAN AppKey, 3 NwkSKey, 4 AppSKey, 5 the key shared with the
 * node's receiver.
 */
export type KeySlot = 1 | 2 | 3 | 4 | 5 | 6;

/** COSE algorithm numbers (RFC 9053, RFC 8812) that a node signs with. */
export type SignatureAlgorithm = -7 | -8 | -47;

/** Block cipher work that answers at once: LoRaWAN's frames and our own tags. All buffers belong to the caller. */
export interface SymmetricCrypto {
  /** AES-128 of one block (FIPS 197): reads 16 bytes of `input` at `inputOffset`, writes 16 to `output` at `outputOffset`. */
  aesEncryptBlock(
    slot: KeySlot,
    input: Uint8Array,
    inputOffset: number,
    output: Uint8Array,
    outputOffset: number,
  ): void;
  /** AES-CMAC (RFC 4493) of the first `length` bytes of `message`; writes 16 bytes to `mac`. */
  cmac(slot: KeySlot, message: Uint8Array, length: number, mac: Uint8Array): void;
  /** Encrypts `block` (16 bytes) under `root` and puts the result into slot `into` as an AES-128 key (TS001-1.0.4 6.2.5). */
  deriveKey(root: KeySlot, block: Uint8Array, into: KeySlot): void;
}

export interface Hash {
  /** SHA-256 of the first `length` bytes of `message`; writes 32 bytes to `digest`. */
  sha256(message: Uint8Array, length: number, digest: Uint8Array): void;
}

export interface Random {
  /** Fills `bytes` from the hardware's random source (seeded in the simulator). */
  fill(bytes: Uint8Array): void;
}

export interface Signer {
  readonly algorithm: SignatureAlgorithm;
  /** Writes the public key to `into`: x‖y (64 bytes) on P-256 and secp256k1, x (32 bytes) for Ed25519. */
  publicKey(slot: KeySlot, into: Uint8Array): void;
  /**
   * Signs the first `length` bytes of `message`: ECDSA over their SHA-256, Ed25519 over themselves. `done` gets the 64 bytes of the signature
   * (r‖s with s in the lower half of the group order) or the reason why not. It may take long (150 ms, a secure element) and answers in a later
   * turn of the event loop; `message` stays as it is until then.
   */
  sign(
    slot: KeySlot,
    message: Uint8Array,
    length: number,
    done: (signature: Uint8Array | undefined, reason?: string) => void,
  ): void;
}

/** What a board gives: everything above in one object. */
export interface Crypto extends SymmetricCrypto, Hash, Random, Signer {
  /** Puts secret key material into a slot. The caller clears `material` afterwards. */
  importKey(slot: KeySlot, material: Uint8Array): void;
  /** Makes a new attestation key inside the slot; what was there is gone. */
  generateKey(slot: KeySlot): void;
  destroyKey(slot: KeySlot): void;
  hasKey(slot: KeySlot): boolean;
}
