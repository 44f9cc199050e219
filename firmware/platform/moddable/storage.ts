/** The storage ports: small values in NVS, and flash partitions for the record logs. */
import flash, { type FlashPartition } from "embedded:storage/flash";
import storage, { type Directory } from "embedded:storage/key-value";
import type { Flash } from "../../ports/io.ts";
import type { KeyValueStore } from "../../ports/storage.ts";

/** A namespace of NVS. Keys have at most 15 characters; NVS itself makes each write atomic. */
export class NvsKeyValue implements KeyValueStore {
  #directory: Directory;

  constructor(namespace: string) {
    this.#directory = storage.open({ path: namespace, mode: "r+", format: "buffer" });
  }

  read(key: string, into: Uint8Array): number {
    const value = this.#directory.read(key);
    if (value === undefined) return -1;
    if (value.byteLength > into.length) throw new RangeError(`key-value: ${key} is longer than the buffer`);
    into.set(new Uint8Array(value));
    return value.byteLength;
  }

  write(key: string, value: Uint8Array, length: number): void {
    this.#directory.write(key, value.length === length ? value : value.subarray(0, length));
  }

  delete(key: string): void {
    this.#directory.delete(key);
  }
}

/** A text in NVS, or undefined where there is none. */
export function readNvsText(namespace: string, key: string): string | undefined {
  try {
    const directory = storage.open({ path: namespace, mode: "r", format: "string" });
    const text = directory.read(key);
    directory.close();
    return text;
  } catch {
    // A namespace that nothing was written to cannot be opened for reading.
    return undefined;
  }
}

/** A partition of manifests/partitions. */
export class PartitionFlash implements Flash {
  readonly size: number;
  readonly sectorSize: number;
  #partition: FlashPartition;

  constructor(name: string) {
    this.#partition = flash.open({ path: name });
    const { size, blockLength } = this.#partition.status();
    this.size = size;
    this.sectorSize = blockLength;
  }

  read(offset: number, into: Uint8Array): void {
    this.#partition.read(into, offset);
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#partition.write(bytes, offset);
  }

  erase(sector: number): void {
    this.#partition.eraseBlock(sector);
  }
}
