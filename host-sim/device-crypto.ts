/**
 * The crypto port of a virtual node: key slots that survive a power cut, seeded random numbers, signatures by RFC 6979 with s in the lower
 * half, and the time that signing takes on the chip.
 */
import { cmac } from "@noble/ciphers/aes.js";
import { p256 } from "@noble/curves/nist.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { Crypto, KeySlot } from "../firmware/ports/crypto.ts";
import { KEY_SLOT } from "../firmware/wire/key-slot.ts";
import { BlockCipher } from "./block-cipher.ts";
import type { PendingEvent } from "./event-queue.ts";
import type { RandomStream } from "./random-stream.ts";
import type { World } from "./world.ts";

/** What a P-256 signature takes on an ESP32-S3 without its accelerator, the slowest case that the design allows for. */
const SIGNING_US = 150_000;

export class DeviceCrypto implements Crypto {
  readonly algorithm = -7;
  #world: World;
  #random: RandomStream;
  #keys = new Map<KeySlot, Uint8Array>();
  #ciphers = new Map<KeySlot, BlockCipher>();
  #signing: PendingEvent | undefined;
  /** Blocks the node's thread for so many microseconds; without it a signature is made beside other work. */
  blocks: ((us: number) => void) | undefined;
  signingUs = SIGNING_US;

  constructor(world: World, name: string) {
    this.#world = world;
    this.#random = world.random(`${name}/crypto`);
  }

  importKey(slot: KeySlot, material: Uint8Array): void {
    this.#keys.set(slot, material.slice());
    this.#ciphers.delete(slot);
  }

  generateKey(slot: KeySlot): void {
    const candidate = new Uint8Array(32);
    do this.#random.fill(candidate);
    while (!p256.utils.isValidSecretKey(candidate));
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
    into.set(p256.getPublicKey(this.#key(slot), false).subarray(1));
  }

  signDigest(
    slot: KeySlot,
    digest: Uint8Array,
    done: (signature: Uint8Array | undefined, reason?: string) => void,
  ): void {
    const key = this.#keys.get(slot);
    const copy = digest.slice();
    this.blocks?.(this.signingUs);
    this.#signing = this.#world.after(this.blocks === undefined ? this.signingUs : 0, () => {
      if (key === undefined) done(undefined, `no key in slot ${slot}`);
      else done(p256.sign(copy, key, { prehash: false, lowS: true, format: "compact" }));
    });
  }

  /** The node lost power or went to sleep: a signature that was under way is not made. */
  forgetRequests(): void {
    this.#world.cancel(this.#signing);
  }

  /** The LoRaWAN keys and the receiver's key, for the operator's files: never the attestation key. */
  sharedKey(slot: KeySlot): Uint8Array | undefined {
    return slot === KEY_SLOT.attestation ? undefined : this.#keys.get(slot)?.slice();
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
