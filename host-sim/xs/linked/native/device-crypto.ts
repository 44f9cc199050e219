/**
 * Stands in for host-sim/device-crypto.ts on linked XS: the virtual node's crypto port over the very C of the firmware (PSA Crypto, libsodium).
 * What is random comes from the simulation, so that a run with it ends as one with noble does. One node alone: a process has one set of key slots.
 */

import { PsaCrypto } from "../../../../firmware/platform/moddable/crypto.ts";
import type { Crypto, KeySlot, SignatureAlgorithm } from "../../../../firmware/ports/crypto.ts";
import { KEY_SLOT } from "../../../../firmware/wire/key-slot.ts";
import type { PendingEvent } from "../../../event-queue.ts";
import type { RandomStream } from "../../../random-stream.ts";
import type { World } from "../../../world.ts";

/** As in host-sim/device-crypto.ts: what signing takes there. */
const SIGNING_US = 150_000;

let isTaken = false;

export class DeviceCrypto implements Crypto {
  readonly algorithm: SignatureAlgorithm;
  #psa: PsaCrypto;
  #world: World;
  #random: RandomStream;
  /** Of AES keys alone, as provisioning knows them. */
  #shared = new Map<KeySlot, Uint8Array>();
  #signing: PendingEvent | undefined;
  blocks: ((us: number) => void) | undefined;
  signingUs = SIGNING_US;

  constructor(world: World, name: string, algorithm: SignatureAlgorithm = -7) {
    if (isTaken) throw new Error("one node alone: its key slots are this process's");
    isTaken = true;
    this.#world = world;
    this.algorithm = algorithm;
    this.#psa = new PsaCrypto(algorithm);
    this.#random = world.random(`${name}/crypto`);
  }

  importKey(slot: KeySlot, material: Uint8Array): void {
    this.#psa.importKey(slot, material);
    if (slot === KEY_SLOT.appKey || slot === KEY_SLOT.receiver) this.#shared.set(slot, material.slice());
  }

  generateKey(slot: KeySlot): void {
    const candidate = new Uint8Array(32);
    do this.#random.fill(candidate);
    while (!this.#takes(slot, candidate));
  }

  #takes(slot: KeySlot, candidate: Uint8Array): boolean {
    try {
      this.#psa.importKey(slot, candidate);
      return true;
    } catch {
      // No scalar of the curve.
      return false;
    }
  }

  destroyKey(slot: KeySlot): void {
    this.#psa.destroyKey(slot);
    this.#shared.delete(slot);
  }

  hasKey(slot: KeySlot): boolean {
    return this.#psa.hasKey(slot);
  }

  fill(bytes: Uint8Array): void {
    this.#random.fill(bytes);
  }

  sha256(message: Uint8Array, length: number, digest: Uint8Array): void {
    this.#psa.sha256(message, length, digest);
  }

  aesEncryptBlock(
    slot: KeySlot,
    input: Uint8Array,
    inputOffset: number,
    output: Uint8Array,
    outputOffset: number,
  ): void {
    this.#psa.aesEncryptBlock(slot, input, inputOffset, output, outputOffset);
  }

  cmac(slot: KeySlot, message: Uint8Array, length: number, mac: Uint8Array): void {
    this.#psa.cmac(slot, message, length, mac);
  }

  deriveKey(root: KeySlot, block: Uint8Array, into: KeySlot): void {
    this.#psa.deriveKey(root, block, into);
  }

  publicKey(slot: KeySlot, into: Uint8Array): void {
    this.#psa.publicKey(slot, into);
  }

  sign(
    slot: KeySlot,
    message: Uint8Array,
    length: number,
    done: (signature: Uint8Array | undefined, reason?: string) => void,
  ): void {
    const signature = this.hasKey(slot) ? new Uint8Array(64) : undefined;
    if (signature !== undefined) native("xs_gt_host_sign").call(this, slot, message.slice(0, length), signature);
    this.blocks?.(this.signingUs);
    this.#signing = this.#world.after(this.blocks === undefined ? this.signingUs : 0, () => {
      if (signature === undefined) done(undefined, `no key in slot ${slot}`);
      else done(signature);
    });
  }

  forgetRequests(): void {
    this.#world.cancel(this.#signing);
  }

  sharedKey(slot: KeySlot): Uint8Array | undefined {
    return this.#shared.get(slot)?.slice();
  }
}
