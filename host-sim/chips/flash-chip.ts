/**
 * Model of NOR flash (Winbond W25Q data sheets: page program only clears bits, sector erase sets all). A power cut leaves a write with some of
 * its bits cleared, in the order of the bytes or all over the page, and an erasure with some of the bits set.
 */
import type { Flash } from "../../firmware/ports/io.ts";
import type { RandomStream } from "../random-stream.ts";
import { PowerCut, type PowerRail } from "./power-rail.ts";

export interface FlashChipOptions {
  /** Bytes; a whole number of sectors. */
  size: number;
  /** Bytes; 4096 unless told otherwise. */
  sectorSize?: number;
  power: PowerRail;
  /** How a power cut leaves things. */
  random: RandomStream;
}

export class FlashChip implements Flash {
  readonly size: number;
  readonly sectorSize: number;
  /** Erasures of each sector so far. */
  readonly eraseCounts: Uint32Array;
  writes = 0;
  bytesWritten = 0;
  #power: PowerRail;
  #random: RandomStream;
  #bytes: Uint8Array;

  constructor(options: FlashChipOptions) {
    this.size = options.size;
    this.sectorSize = options.sectorSize ?? 4096;
    if (this.size % this.sectorSize !== 0) throw new RangeError("flash: not a whole number of sectors");
    this.#power = options.power;
    this.#random = options.random;
    this.#bytes = new Uint8Array(this.size).fill(0xff);
    this.eraseCounts = new Uint32Array(this.size / this.sectorSize);
  }

  read(offset: number, into: Uint8Array): void {
    this.#power.assertUp();
    this.#check(offset, into.length);
    for (let i = 0; i < into.length; i++) into[i] = this.#bytes[offset + i];
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#check(offset, bytes.length);
    const isCut = this.#power.failsNow();
    this.writes++;
    this.bytesWritten += bytes.length;
    if (isCut) {
      this.#writePart(offset, bytes);
      throw new PowerCut();
    }
    for (let i = 0; i < bytes.length; i++) this.#bytes[offset + i] &= bytes[i];
  }

  erase(sector: number): void {
    const from = sector * this.sectorSize;
    this.#check(from, this.sectorSize);
    const isCut = this.#power.failsNow();
    this.eraseCounts[sector]++;
    if (isCut) {
      this.#erasePart(from, from + this.sectorSize);
      throw new PowerCut();
    }
    this.#bytes.fill(0xff, from, from + this.sectorSize);
  }

  /** Turns one bit, as radiation or age may do: a test of damage. */
  turnBit(offset: number, bit: number): void {
    this.#bytes[offset] ^= 1 << bit;
  }

  #check(offset: number, length: number): void {
    if (offset < 0 || offset + length > this.size) throw new RangeError("flash: outside of the partition");
  }

  #writePart(offset: number, bytes: Uint8Array): void {
    const random = this.#random;
    if (random.below(2) === 0) {
      // Byte after byte, the last one in part.
      const whole = random.below(bytes.length + 1);
      for (let i = 0; i < whole; i++) this.#bytes[offset + i] &= bytes[i];
      if (whole < bytes.length) this.#bytes[offset + whole] &= bytes[whole] | random.below(256);
      return;
    }
    // All over the page: each byte got nothing, some bits or all.
    for (let i = 0; i < bytes.length; i++) {
      const how = random.below(3);
      if (how === 1) this.#bytes[offset + i] &= bytes[i] | random.below(256);
      if (how === 2) this.#bytes[offset + i] &= bytes[i];
    }
  }

  #erasePart(from: number, to: number): void {
    const random = this.#random;
    const how = random.below(4);
    if (how === 0) return;
    if (how === 1) {
      this.#bytes.fill(0xff, from, to);
      return;
    }
    // Erased up to somewhere, or bits set all over.
    const edge = from + random.below(to - from);
    for (let i = from; i < to; i++) {
      if (how === 2 ? i < edge : random.below(2) === 0) this.#bytes[i] = 0xff;
      else if (how === 3) this.#bytes[i] |= random.below(256);
    }
  }
}
