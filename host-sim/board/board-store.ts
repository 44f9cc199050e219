/**
 * What a modelled board keeps in its NVS partition: named values, written as a whole into one of the partition's two halves by turns, so that a power cut
 * leaves the old values or the new. The form is ours, not ESP-IDF's: it stands in for NVS where only our own programs read it.
 *
 *     "GTKV" | number of this writing 4 | length of the body 4 | body | CRC-32 of all before 4
 *     body: (length of the name 1 | name | length of the value 2 | value)*
 */
import { crc32 } from "../../firmware/wire/crc32.ts";
import type { FlashChip } from "../chips/flash-chip.ts";
import { asciiBytes, readWord, writeWord } from "./loader-protocol.ts";

const MAGIC = 0x564b5447;
const HEADER_LENGTH = 12;
const CHECK_LENGTH = 4;
const NOTHING = new Uint8Array(0);

export class BoardStore {
  #flash: FlashChip;
  #offset: number;
  #half: number;
  #values = new Map<string, Uint8Array>();
  #number = 0;

  /** `offset` and `size` of the partition, in whole sectors of the flash. */
  constructor(flash: FlashChip, offset: number, size: number) {
    this.#flash = flash;
    this.#offset = offset;
    this.#half = Math.floor(size / 2 / flash.sectorSize) * flash.sectorSize;
    for (const half of [0, 1]) this.#load(half);
  }

  get(name: string): Uint8Array | undefined {
    // Without power there is nothing to read.
    this.#flash.read(this.#offset, NOTHING);
    return this.#values.get(name);
  }

  set(name: string, value: Uint8Array): void {
    this.#commit(new Map(this.#values).set(name, value.slice()));
  }

  delete(name: string): void {
    if (!this.#values.has(name)) return;
    const values = new Map(this.#values);
    values.delete(name);
    this.#commit(values);
  }

  #load(half: number): void {
    const bytes = new Uint8Array(this.#half);
    this.#flash.read(this.#offset + half * this.#half, bytes);
    const number = readWord(bytes, 4);
    const end = HEADER_LENGTH + readWord(bytes, 8);
    if (readWord(bytes, 0) !== MAGIC || end + CHECK_LENGTH > bytes.length || number <= this.#number) return;
    if (readWord(bytes, end) !== crc32(bytes, 0, end)) return;
    this.#number = number;
    this.#values.clear();
    for (let at = HEADER_LENGTH; at < end; ) {
      const nameEnd = at + 1 + bytes[at];
      const valueEnd = nameEnd + 2 + bytes[nameEnd] + (bytes[nameEnd + 1] << 8);
      const name = Array.from(bytes.subarray(at + 1, nameEnd), (code) => String.fromCharCode(code)).join("");
      this.#values.set(name, bytes.slice(nameEnd + 2, valueEnd));
      at = valueEnd;
    }
  }

  #commit(values: Map<string, Uint8Array>): void {
    const body: number[] = [];
    for (const [name, value] of values) {
      body.push(name.length, ...asciiBytes(name), value.length & 0xff, value.length >> 8, ...value);
    }
    const end = HEADER_LENGTH + body.length;
    if (end + CHECK_LENGTH > this.#half) throw new RangeError("board store: the partition is full");
    const bytes = new Uint8Array(end + CHECK_LENGTH);
    const number = this.#number + 1;
    writeWord(bytes, 0, MAGIC);
    writeWord(bytes, 4, number);
    writeWord(bytes, 8, body.length);
    bytes.set(body, HEADER_LENGTH);
    writeWord(bytes, end, crc32(bytes, 0, end));
    const half = number & 1;
    this.#erase(half);
    this.#flash.write(this.#offset + half * this.#half, bytes);
    this.#number = number;
    this.#values = values;
    // A key that was destroyed is not to lie about in what was written before.
    this.#erase(1 - half);
  }

  #erase(half: number): void {
    const { sectorSize } = this.#flash;
    const first = (this.#offset + half * this.#half) / sectorSize;
    for (let sector = first; sector < first + this.#half / sectorSize; sector++) {
      const bytes = new Uint8Array(sectorSize);
      this.#flash.read(sector * sectorSize, bytes);
      if (bytes.some((byte) => byte !== 0xff)) this.#flash.erase(sector);
    }
  }
}
