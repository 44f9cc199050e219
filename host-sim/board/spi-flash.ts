/**
 * The board's flash as its loaders use it: attached by a command or not, of a size that the loader was told, addressed by ranges.
 * The chip itself, its page program and sector erase, is chips/flash-chip.ts.
 */
import { md5 } from "@noble/hashes/legacy.js";
import type { FlashChip } from "../chips/flash-chip.ts";

/** JEDEC manufacturer and type: Winbond W25Q. */
const JEDEC_ID = 0x4000 | 0xef;
/** What the ROM takes the flash to be until SPI_SET_PARAMS tells it. */
const DEFAULT_SIZE = 4 << 20;
/** A page; each is programmed on its own. */
const PAGE_SIZE = 256;

export class SpiFlash {
  readonly chip: FlashChip;
  /** Until then nothing answers on the bus. */
  isAttached = false;
  /** What the loader believes; nothing beyond is read or written. */
  knownSize = DEFAULT_SIZE;

  constructor(chip: FlashChip) {
    this.chip = chip;
  }

  /** A reset of the chip: the controller's settings are gone, what is stored stays. */
  reset(): void {
    this.isAttached = false;
    this.knownSize = DEFAULT_SIZE;
  }

  /** Answer to READ ID (0x9F): manufacturer in the lowest byte, the size's binary logarithm in the third. */
  get jedecId(): number {
    let log = 0;
    while (1 << log < this.chip.size) log++;
    return (log << 16) | JEDEC_ID;
  }

  /** Whether a range can be read and written. */
  holds(offset: number, length: number): boolean {
    return this.isAttached && offset + length <= Math.min(this.knownSize, this.chip.size);
  }

  read(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.chip.read(offset, bytes);
    return bytes;
  }

  program(offset: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const length = Math.min(bytes.length - at, PAGE_SIZE - ((offset + at) % PAGE_SIZE));
      this.chip.write(offset + at, bytes.subarray(at, at + length));
      at += length;
    }
  }

  /** Erases every sector that the range touches. */
  erase(offset: number, length: number): void {
    const { sectorSize } = this.chip;
    for (let sector = Math.floor(offset / sectorSize); sector * sectorSize < offset + length; sector++)
      this.chip.erase(sector);
  }

  md5(offset: number, length: number): Uint8Array {
    return md5(this.read(offset, length));
  }
}
