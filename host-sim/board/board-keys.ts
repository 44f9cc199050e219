/** The crypto port of a modelled board: its key slots lie in its store. Signs as virtual nodes do (RFC 6979, low s). */
import { cmac } from "@noble/ciphers/aes.js";
import { p256 } from "@noble/curves/nist.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { Crypto, KeySlot, Random } from "../../firmware/ports/crypto.ts";
import { BlockCipher } from "../block-cipher.ts";
import type { BoardTimer } from "./auto-reset.ts";
import type { BoardStore } from "./board-store.ts";

/** What a P-256 signature takes on an ESP32-S3 without its accelerator. */
const SIGNING_US = 150_000;

export class BoardKeys implements Crypto {
  readonly algorithm = -7;
  #store: BoardStore;
  #random: Random;
  #timer: BoardTimer;
  #signing: object | undefined;

  constructor(store: BoardStore, random: Random, timer: BoardTimer) {
    this.#store = store;
    this.#random = random;
    this.#timer = timer;
  }

  importKey(slot: KeySlot, material: Uint8Array): void {
    this.#store.set(nameOf(slot), material);
  }

  generateKey(slot: KeySlot): void {
    const candidate = new Uint8Array(32);
    do this.#random.fill(candidate);
    while (!p256.utils.isValidSecretKey(candidate));
    this.importKey(slot, candidate);
  }

  destroyKey(slot: KeySlot): void {
    this.#store.delete(nameOf(slot));
  }

  hasKey(slot: KeySlot): boolean {
    return this.#store.get(nameOf(slot)) !== undefined;
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
    new BlockCipher(this.#key(slot)).encryptBlock(input, inputOffset, output, outputOffset);
  }

  cmac(slot: KeySlot, message: Uint8Array, length: number, mac: Uint8Array): void {
    mac.set(cmac(message.subarray(0, length), this.#key(slot)));
  }

  deriveKey(root: KeySlot, block: Uint8Array, into: KeySlot): void {
    const derived = new Uint8Array(16);
    this.aesEncryptBlock(root, block, 0, derived, 0);
    this.importKey(into, derived);
  }

  publicKey(slot: KeySlot, into: Uint8Array): void {
    into.set(p256.getPublicKey(this.#key(slot), false).subarray(1));
  }

  sign(
    slot: KeySlot,
    message: Uint8Array,
    length: number,
    done: (signature: Uint8Array | undefined, reason?: string) => void,
  ): void {
    const signature = p256.sign(sha256(message.subarray(0, length)), this.#key(slot), {
      prehash: false,
      lowS: true,
      format: "compact",
    });
    this.#signing = this.#timer.after(SIGNING_US, () => done(signature));
  }

  /** The chip is reset: a signature that was under way is not made. */
  forgetRequests(): void {
    this.#timer.cancel(this.#signing);
  }

  #key(slot: KeySlot): Uint8Array {
    const key = this.#store.get(nameOf(slot));
    if (key === undefined) throw new Error(`no key in slot ${slot}`);
    return key;
  }
}

function nameOf(slot: KeySlot): string {
  return `key/${slot}`;
}
