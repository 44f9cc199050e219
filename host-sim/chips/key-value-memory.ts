/**
 * Model of a key-value store on flash (ESP-IDF's NVS: a write is atomic). A power cut in a write leaves the old or the new value.
 */
import type { KeyValueStore } from "../../firmware/ports/storage.ts";
import type { RandomStream } from "../random-stream.ts";
import { PowerCut, type PowerRail } from "./power-rail.ts";

/** NVS: keys have at most 15 characters. */
const MAX_KEY_LENGTH = 15;

export interface KeyValueMemoryOptions {
  power: PowerRail;
  /** Which of the two a power cut leaves. */
  random: RandomStream;
}

export class KeyValueMemory implements KeyValueStore {
  /** Writes and deletions so far. */
  writes = 0;
  #power: PowerRail;
  #random: RandomStream;
  #values = new Map<string, Uint8Array>();

  constructor(options: KeyValueMemoryOptions) {
    this.#power = options.power;
    this.#random = options.random;
  }

  read(key: string, into: Uint8Array): number {
    this.#power.assertUp();
    const value = this.#values.get(key);
    if (value === undefined) return -1;
    if (value.length > into.length) throw new RangeError(`key-value store: no room for ${key}`);
    into.set(value);
    return value.length;
  }

  write(key: string, value: Uint8Array, length: number): void {
    if (key.length === 0 || key.length > MAX_KEY_LENGTH) throw new RangeError(`key-value store: bad key ${key}`);
    const copy = value.slice(0, length);
    this.#change(() => this.#values.set(key, copy));
  }

  delete(key: string): void {
    this.#change(() => this.#values.delete(key));
  }

  #change(change: () => void): void {
    const isCut = this.#power.failsNow();
    this.writes++;
    if (!isCut || this.#random.below(2) === 0) change();
    if (isCut) throw new PowerCut();
  }
}
