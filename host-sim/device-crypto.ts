/**
 * The crypto port of a virtual node: key slots that survive a power cut, seeded random numbers, deterministic signatures (RFC 6979, RFC
 * 8032) with s in the lower half, and the time that signing takes on the chip.
 */
import { cmac } from "@noble/ciphers/aes.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { Crypto, KeySlot, SignatureAlgorithm } from "../firmware/ports/crypto.ts";
import { KEY_SLOT } from "../firmware/wire/key-slot.ts";
import { BlockCipher } from "./block-cipher.ts";
import type { PendingEvent } from "./event-queue.ts";
import type { RandomStream } from "./random-stream.ts";
import type { World } from "./world.ts";

/** What a P-256 signature takes on an ESP32-S3 without its accelerator, the slowest case that the design allows for. */
const SIGNING_US = 150_000;

export class DeviceCrypto implements Crypto {
  readonly algorithm: SignatureAlgorithm;
  #world: World;
  #random: RandomStream;
  #keys = new Map<KeySlot, Uint8Array>();
  #ciphers = new Map<KeySlot, BlockCipher>();
  #signing: PendingEvent | undefined;
  /** Blocks the node's thread for so many microseconds; without it a signature is made beside other work. */
  blocks: ((us: number) => void) | undefined;
  signingUs = SIGNING_US;

  /** `algorithm` is that of its attestation keys. */
  constructor(world: World, name: string, algorithm: SignatureAlgorithm = -7) {
    this.#world = world;
    this.algorithm = algorithm;
    this.#random = world.random(`${name}/crypto`);
  }

  importKey(slot: KeySlot, material: Uint8Array): void {
    this.#keys.set(slot, material.slice());
    this.#ciphers.delete(slot);
  }

  generateKey(slot: KeySlot): void {
    const curve = this.algorithm === -7 ? p256 : this.algorithm === -47 ? secp256k1 : ed25519;
    const candidate = new Uint8Array(32);
    do this.#random.fill(candidate);
    while (!curve.utils.isValidSecretKey(candidate));
    this.importKey(slot, candidate);
  }

  destroyKey(slot: KeySlot): void {
    this.#keys.delete(slot);
    this.#ciphers.delete(slot);
  }

  hasKey(slot: KeySlot): boolean {
    return this.#keys.has(slot);
  }

  fill(bytes: Uint8Array): void {
    this.#random.fill(bytes);
  }

  sha256(message: Uint8Array, length: number, digest: Uint8Array): void {
    digest.set(sha256(message.subarray(0, length)));
  }

  aesEncryptBlock(
    slot: KeySlot,
    input: Uint8Array,
    inputOffset: number,
    output: Uint8Array,
    outputOffset: number,
  ): void {
    this.#cipher(slot).encryptBlock(input, inputOffset, output, outputOffset);
  }

  cmac(slot: KeySlot, message: Uint8Array, length: number, mac: Uint8Array): void {
    mac.set(cmac(message.subarray(0, length), this.#key(slot)));
  }

  deriveKey(root: KeySlot, block: Uint8Array, into: KeySlot): void {
    const derived = new Uint8Array(16);
    this.#cipher(root).encryptBlock(block, 0, derived, 0);
    this.importKey(into, derived);
  }

  publicKey(slot: KeySlot, into: Uint8Array): void {
    const key = this.#key(slot);
    if (this.algorithm === -8) into.set(ed25519.getPublicKey(key));
    else into.set((this.algorithm === -7 ? p256 : secp256k1).getPublicKey(key, false).subarray(1));
  }

  sign(
    slot: KeySlot,
    message: Uint8Array,
    length: number,
    done: (signature: Uint8Array | undefined, reason?: string) => void,
  ): void {
    const key = this.#keys.get(slot);
    const copy = message.slice(0, length);
    this.blocks?.(this.signingUs);
    this.#signing = this.#world.after(this.blocks === undefined ? this.signingUs : 0, () => {
      if (key === undefined) done(undefined, `no key in slot ${slot}`);
      else done(this.#signature(copy, key));
    });
  }

  #signature(message: Uint8Array, key: Uint8Array): Uint8Array {
    if (this.algorithm === -8) return ed25519.sign(message, key);
    const curve = this.algorithm === -7 ? p256 : secp256k1;
    return curve.sign(sha256(message), key, { prehash: false, lowS: true, format: "compact" });
  }

  /** The node lost power or went to sleep: a signature that was under way is not made. */
  forgetRequests(): void {
    this.#world.cancel(this.#signing);
  }

  /** The LoRaWAN keys and the receiver's key, for the operator's files: never an attestation key. */
  sharedKey(slot: KeySlot): Uint8Array | undefined {
    if (slot === KEY_SLOT.attestation || slot === KEY_SLOT.attestationNext) return undefined;
    return this.#keys.get(slot)?.slice();
  }

  #key(slot: KeySlot): Uint8Array {
    const key = this.#keys.get(slot);
    if (key === undefined) throw new Error(`no key in slot ${slot}`);
    return key;
  }

  #cipher(slot: KeySlot): BlockCipher {
    let cipher = this.#ciphers.get(slot);
    if (cipher === undefined) {
      cipher = new BlockCipher(this.#key(slot));
      this.#ciphers.set(slot, cipher);
    }
    return cipher;
  }
}
