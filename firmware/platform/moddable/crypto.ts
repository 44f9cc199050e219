/**
 * The crypto port over PSA Crypto (native/gt-crypto.c, gt-keys.c): keys live in PSA's persistent store in NVS, never in JavaScript. A
 * signature is computed by a task of its own, so that the event loop goes on meanwhile.
 */
import Timer from "timer";
import type { Crypto, KeySlot, SignatureAlgorithm } from "../../ports/crypto.ts";
import { KEY_SLOT } from "../../wire/key-slot.ts";

/** By the result codes of native/gt-keys.h. */
const REASONS: readonly string[] = Object.freeze([
  "",
  "no-key",
  "bad-argument",
  "no-room",
  "crypto-failed",
  "unsupported-algorithm",
]);
/** In native/gt-keys.h, of a slot that holds an AES key. */
const NOT_SIGNING = 0;

export class PsaCrypto implements Crypto {
  readonly algorithm: SignatureAlgorithm;

  /** `algorithm` is that of the attestation keys which are made or imported from here on: the one that the node was provisioned with. */
  constructor(algorithm: SignatureAlgorithm = -7) {
    this.algorithm = algorithm;
    native("xs_gt_crypto_begin").call(this);
  }

  importKey(slot: KeySlot, material: Uint8Array): void {
    native("xs_gt_crypto_import").call(this, slot, this.#algorithmFor(slot), material);
  }

  #algorithmFor(slot: KeySlot): number {
    return slot === KEY_SLOT.attestation || slot === KEY_SLOT.attestationNext ? this.algorithm : NOT_SIGNING;
  }

  /** Before any analogue input is opened: the random source uses the converter. */
  generateKey(slot: KeySlot): void {
    native("xs_gt_crypto_generate").call(this, slot, this.algorithm);
  }

  /** The algorithm of the attestation key in `slot`. */
  algorithmOf(slot: KeySlot): SignatureAlgorithm {
    return native("xs_gt_crypto_algorithm").call(this, slot) as SignatureAlgorithm;
  }

  destroyKey(slot: KeySlot): void {
    native("xs_gt_crypto_destroy").call(this, slot);
  }

  hasKey(slot: KeySlot): boolean {
    return native("xs_gt_crypto_has").call(this, slot) as boolean;
  }

  /** Moves the key that provisioning left in NVS under `name` into `slot`, and erases it there; false when there is none. */
  takeFromInbox(slot: KeySlot, name: string): boolean {
    return native("xs_gt_crypto_take_from_inbox").call(this, slot, this.#algorithmFor(slot), name) as boolean;
  }

  fill(bytes: Uint8Array): void {
    native("xs_gt_crypto_random").call(this, bytes);
  }

  sha256(message: Uint8Array, length: number, digest: Uint8Array): void {
    native("xs_gt_crypto_sha256").call(this, message, length, digest);
  }

  aesEncryptBlock(
    slot: KeySlot,
    input: Uint8Array,
    inputOffset: number,
    output: Uint8Array,
    outputOffset: number,
  ): void {
    native("xs_gt_crypto_encrypt_block").call(this, slot, input, inputOffset, output, outputOffset);
  }

  cmac(slot: KeySlot, message: Uint8Array, length: number, mac: Uint8Array): void {
    native("xs_gt_crypto_cmac").call(this, slot, message, length, mac);
  }

  deriveKey(root: KeySlot, block: Uint8Array, into: KeySlot): void {
    native("xs_gt_crypto_derive").call(this, root, block, into);
  }

  publicKey(slot: KeySlot, into: Uint8Array): void {
    native("xs_gt_crypto_public_key").call(this, slot, into);
  }

  sign(
    slot: KeySlot,
    message: Uint8Array,
    length: number,
    done: (signature: Uint8Array | undefined, reason?: string) => void,
  ): void {
    const signature = new Uint8Array(64);
    const finished = (result: number): void => {
      if (result === 0) done(signature);
      else done(undefined, REASONS[result]);
    };
    try {
      native("xs_gt_crypto_sign").call(this, slot, message, length, signature, finished);
    } catch {
      // The task did not start; the answer still comes in a later turn.
      Timer.set(() => done(undefined, "no-room"), 0);
    }
  }
}
