/**
 * The record log over NOR flash (ports/storage.ts): a ring of sectors, each erased when it is opened, so that wear is even.
 *
 *   sector  = header (32 bytes), entries, erased rest
 *   header  = magic, serial number of the opening, number of the first record, oldest record kept, 12 bytes free, CRC-32
 *   entry   = kind (1), check over the next six (1), length (2), number (4), content, CRC-32 behind it; filled up to 16 bytes
 *   kind    = record, trim marker (number: oldest record kept from now on), anything else: dead
 *
 * Every write is one line of 16 bytes (or 64, inside a record), aligned. What a power cut leaves:
 *
 *   while erasing or writing a header   the sector's header is not valid: it is no part of the ring, and opened again
 *   in the first line of an entry       its check is wrong, and what is written next stands behind it: the line is skipped
 *   in a later line                     its CRC is wrong: the entry is marked dead, its number is given again
 *   anywhere else                       nothing
 *
 * An entry is there from the last bit of its CRC on. The newest sector alone says which number is next and which is the oldest: its
 * header takes over what the trim markers of the sector before said. So numbers go on even when every record has been trimmed.
 *
 * Room for trim markers is never used up by records: before a record is taken, as many lines are set aside as there are records still kept
 * in the sector that comes next in the ring. Each trim frees one of them at least, and when none is left that sector can be opened. A few
 * lines more are for trims that a power cut tears.
 * The flash must allow bits to be cleared in a line that was written (so: not an encrypted partition).
 */
import type { Flash } from "../../ports/io.ts";
import type { RecordLog } from "../../ports/storage.ts";
import {
  BLOCK_BYTES,
  CRC_BYTES,
  ENTRY_HEADER_BYTES,
  entryBytes,
  headerCheck,
  KIND_DEAD,
  KIND_RECORD,
  KIND_TRIM,
  LINE_BYTES,
  MAGIC,
  putU32,
  SECTOR_HEADER_BYTES,
  u32,
} from "./record-log-format.ts";
import { CRC_START, crcEnd, crcUpdate } from "./running-crc.ts";

/** Power cuts in the middle of a trim that one sector can take when it is full. */
const TORN_TRIMS = 8;

export interface FlashRecordLogOptions {
  flash: Flash;
  /** Longest record, in bytes. */
  maxRecordLength: number;
  /** The part of the flash to use; all of it unless told otherwise. At least two sectors. */
  firstSector?: number;
  sectorCount?: number;
}

export class FlashRecordLog implements RecordLog {
  readonly maxRecordLength: number;
  #flash: Flash;
  #firstSector: number;
  #sectorCount: number;
  #sectorSize: number;
  /** Serial number of each sector's opening, 0 where it is no part of the ring; and the number of its first record. */
  #serials: Uint32Array;
  #firsts: Uint32Array;
  #head = -1;
  /** Where the next entry goes in the head sector; the sector's size when it takes no more. */
  #writeAt = 0;
  #oldest = 0;
  #next = 0;
  /** Where reading got to: the entry of `#cursorNumber` begins at or behind `#cursorAt` of `#cursorSector`. */
  #cursorSector = -1;
  #cursorNumber = 0;
  #cursorAt = 0;
  #line = new Uint8Array(LINE_BYTES);
  #block = new Uint8Array(BLOCK_BYTES);
  /** Fields of the entry that `#readHeader` read. */
  #kind = 0;
  #length = 0;
  #number = 0;

  constructor(options: FlashRecordLogOptions) {
    const flash = options.flash;
    this.#flash = flash;
    this.#sectorSize = flash.sectorSize;
    this.#firstSector = options.firstSector ?? 0;
    this.#sectorCount = options.sectorCount ?? flash.size / flash.sectorSize - this.#firstSector;
    this.maxRecordLength = options.maxRecordLength;
    if (this.#sectorCount < 2) throw new RangeError("record log: fewer than two sectors");
    if (entryBytes(this.maxRecordLength) > this.#sectorSize - SECTOR_HEADER_BYTES || this.maxRecordLength > 0xffff) {
      throw new RangeError("record log: a record does not fit a sector");
    }
    this.#serials = new Uint32Array(this.#sectorCount);
    this.#firsts = new Uint32Array(this.#sectorCount);
    this.mount();
  }

  get oldest(): number {
    return this.#oldest;
  }

  get next(): number {
    return this.#next;
  }

  append(record: Uint8Array, length: number): number {
    if (length > this.maxRecordLength) throw new RangeError("record log: record too long");
    const needed = entryBytes(length);
    if (this.#writeAt + needed + this.reserve(this.#head) > this.#sectorSize) {
      const sector = this.following(this.#head);
      if (this.kept(sector, this.#oldest) > 0) return -1;
      if (SECTOR_HEADER_BYTES + needed + this.reserve(sector) > this.#sectorSize) return -1;
      this.open(sector);
    }
    const number = this.#next;
    this.writeEntry(KIND_RECORD, number, record, length);
    this.#next = number + 1;
    return number;
  }

  read(number: number, into: Uint8Array): number {
    if (!(number >= this.#oldest && number < this.#next)) return -1;
    const sector = this.sectorOf(number);
    if (sector < 0) return -1;
    const isAhead = this.#cursorSector === sector && this.#cursorNumber <= number;
    let at = isAhead ? this.#cursorAt : SECTOR_HEADER_BYTES;
    const end = sector === this.#head ? this.#writeAt : this.#sectorSize;
    while (at < end) {
      if (!this.readHeader(sector, at)) {
        at += LINE_BYTES;
        continue;
      }
      if (this.#kind === KIND_RECORD && this.#number >= number) break;
      at += entryBytes(this.#length);
    }
    if (at >= end || this.#number !== number) return -1;
    const length = this.#length;
    const isWhole = this.readContent(sector, at, length, into);
    this.#cursorSector = sector;
    this.#cursorNumber = number + 1;
    this.#cursorAt = at + entryBytes(length);
    return isWhole ? length : -1;
  }

  trim(number: number): void {
    const oldest = Math.min(number, this.#next);
    if (!(oldest > this.#oldest)) return;
    if (this.#writeAt + LINE_BYTES <= this.#sectorSize) {
      this.writeEntry(KIND_TRIM, oldest, this.#line, 0);
      this.#oldest = oldest;
      return;
    }
    this.#oldest = oldest;
    const sector = this.following(this.#head);
    // A full head sector whose successor is still in use is left only by many power cuts in trims; then the next opening stores the trim.
    if (this.kept(sector, oldest) === 0) this.open(sector);
  }

  /** Finds the newest sector, and in it the next number, the oldest record and the place for the next entry. */
  private mount(): void {
    for (let sector = 0; sector < this.#sectorCount; sector++) {
      if (!this.readSectorHeader(sector)) continue;
      if (this.#head < 0 || this.#serials[sector] > this.#serials[this.#head]) {
        this.#head = sector;
        this.#oldest = this.#number;
      }
    }
    if (this.#head < 0) {
      this.#head = this.#sectorCount - 1;
      this.open(0);
      return;
    }
    this.#next = this.#firsts[this.#head];
    this.scanHead();
  }

  /**
   * Walks over the entries of the head sector. Of the records only the last one can be torn: one that was torn before an earlier mount was
   * marked dead by that mount, before anything was written behind it.
   */
  private scanHead(): void {
    const sector = this.#head;
    let at = SECTOR_HEADER_BYTES;
    let last = -1;
    let nextBeforeLast = this.#next;
    while (at < this.#sectorSize) {
      if (this.readHeader(sector, at)) {
        if (this.#kind === KIND_RECORD || this.#kind === KIND_TRIM) {
          last = at;
          nextBeforeLast = this.#next;
        }
        if (this.#kind === KIND_RECORD) this.#next = this.#number + 1;
        if (this.#kind === KIND_TRIM && this.isWhole(sector, at)) this.#oldest = Math.max(this.#oldest, this.#number);
        at += entryBytes(this.#length);
      } else if (this.isErased(sector, at, LINE_BYTES)) break;
      else at += LINE_BYTES;
    }
    this.#writeAt = at;
    if (!this.isErased(sector, at, this.#sectorSize - at)) {
      // Damage: entries may stand behind it that can no longer be found. Their numbers are not given again.
      this.#next += Math.floor((this.#sectorSize - at) / LINE_BYTES);
      this.#writeAt = this.#sectorSize;
    } else if (last >= 0) this.checkLast(sector, last, nextBeforeLast);
  }

  /** Takes back a torn entry, and marks it dead, so that weakly written bits cannot bring it back later. */
  private checkLast(sector: number, at: number, nextBefore: number): void {
    this.readHeader(sector, at);
    if (this.isWhole(sector, at)) return;
    // Not the entry's own number: that may be torn too.
    this.#next = nextBefore;
    this.#line.fill(0xff);
    this.#line[0] = KIND_DEAD;
    this.#flash.write(this.address(sector, at), this.#line);
  }

  /** Whether the entry at `at`, whose header was read, has the right CRC. */
  private isWhole(sector: number, at: number): boolean {
    return this.readContent(sector, at, this.#length, undefined);
  }

  /** Erases `sector` and makes it the head. */
  private open(sector: number): void {
    const serial = this.#serials[this.#head] + 1;
    this.#serials[sector] = 0;
    this.#cursorSector = -1;
    // Until the header stands, the old head goes on to be the newest sector, but takes no more.
    this.#writeAt = this.#sectorSize;
    this.#flash.erase(this.#firstSector + sector);
    const line = this.#line;
    putU32(line, 0, MAGIC);
    putU32(line, 4, serial);
    putU32(line, 8, this.#next);
    putU32(line, 12, this.#oldest);
    const crc = crcEnd(crcUpdate(CRC_START, line, 0, LINE_BYTES));
    this.#flash.write(this.address(sector, 0), line);
    line.fill(0xff);
    putU32(line, LINE_BYTES - CRC_BYTES, crc);
    this.#flash.write(this.address(sector, LINE_BYTES), line);
    this.#serials[sector] = serial;
    this.#firsts[sector] = this.#next;
    this.#head = sector;
    this.#writeAt = SECTOR_HEADER_BYTES;
  }

  /** Reads a sector's header: its serial and first number go into the tables, the oldest number into `#number`. */
  private readSectorHeader(sector: number): boolean {
    const line = this.#line;
    this.#flash.read(this.address(sector, 0), line);
    this.#serials[sector] = 0;
    if (u32(line, 0) !== MAGIC) return false;
    const serial = u32(line, 4);
    const first = u32(line, 8);
    this.#number = u32(line, 12);
    const crc = crcEnd(crcUpdate(CRC_START, line, 0, LINE_BYTES));
    this.#flash.read(this.address(sector, LINE_BYTES), line);
    if (crc !== u32(line, LINE_BYTES - CRC_BYTES)) return false;
    this.#serials[sector] = serial;
    this.#firsts[sector] = first;
    return true;
  }

  /** Writes an entry at the end of the head sector. If a write fails, the sector takes no more. */
  private writeEntry(kind: number, number: number, content: Uint8Array, length: number): void {
    const at = this.#writeAt;
    const total = entryBytes(length);
    const header = this.#block;
    header[2] = length >>> 8;
    header[3] = length & 0xff;
    putU32(header, 4, number);
    header[0] = kind;
    header[1] = headerCheck(header);
    let crc = crcUpdate(CRC_START, header, 0, ENTRY_HEADER_BYTES);
    this.#writeAt = this.#sectorSize;
    for (let from = 0; from < total; ) {
      // The first line by itself: see the drawing. Behind it the larger block where a whole one is left.
      const size = from > 0 && total - from >= BLOCK_BYTES ? BLOCK_BYTES : LINE_BYTES;
      const buffer = size === BLOCK_BYTES ? this.#block : this.#line;
      for (let i = 0; i < size; i++) {
        const index = from + i - ENTRY_HEADER_BYTES;
        if (index < 0) buffer[i] = header[i];
        else if (index < length) {
          buffer[i] = content[index];
          crc = crcUpdate(crc, buffer, i, i + 1);
        } else if (from + i < total - CRC_BYTES) buffer[i] = 0xff;
        else buffer[i] = crcEnd(crc) >>> (8 * (total - 1 - from - i));
      }
      this.#flash.write(this.address(this.#head, at + from), buffer);
      from += size;
    }
    this.#writeAt = at + total;
  }

  /** Reads the entry header at `at`; false where there is none. Leaves its line in the line buffer. */
  private readHeader(sector: number, at: number): boolean {
    const line = this.#line;
    this.#flash.read(this.address(sector, at), line);
    this.#kind = line[0];
    this.#length = (line[2] << 8) | line[3];
    this.#number = u32(line, 4);
    return line[1] === headerCheck(line) && at + entryBytes(this.#length) <= this.#sectorSize;
  }

  /** Checks the entry at `at` and copies its content to `into`; false where the CRC is wrong. */
  private readContent(sector: number, at: number, length: number, into: Uint8Array | undefined): boolean {
    const total = entryBytes(length);
    let crc = CRC_START;
    let stored = 0;
    for (let from = 0; from < total; ) {
      const size = total - from >= BLOCK_BYTES ? BLOCK_BYTES : LINE_BYTES;
      const buffer = size === BLOCK_BYTES ? this.#block : this.#line;
      this.#flash.read(this.address(sector, at + from), buffer);
      crc = crcUpdate(crc, buffer, 0, Math.max(0, Math.min(size, ENTRY_HEADER_BYTES + length - from)));
      for (let i = 0; i < size; i++) {
        const index = from + i - ENTRY_HEADER_BYTES;
        if (into !== undefined && index >= 0 && index < length) into[index] = buffer[i];
        if (from + i >= total - CRC_BYTES) stored = ((stored << 8) | buffer[i]) >>> 0;
      }
      from += size;
    }
    return stored === crcEnd(crc);
  }

  /** Whether `length` bytes at `at`, a whole number of lines, are erased. */
  private isErased(sector: number, at: number, length: number): boolean {
    const end = at + length;
    while (at < end) {
      const buffer = end - at >= BLOCK_BYTES ? this.#block : this.#line;
      this.#flash.read(this.address(sector, at), buffer);
      for (let i = 0; i < buffer.length; i++) if (buffer[i] !== 0xff) return false;
      at += buffer.length;
    }
    return true;
  }

  private address(sector: number, offset: number): number {
    return (this.#firstSector + sector) * this.#sectorSize + offset;
  }

  private following(sector: number): number {
    return (sector + 1) % this.#sectorCount;
  }

  /** Bytes to leave free in `sector` for the trims that it takes until the sector behind it can be opened. */
  private reserve(sector: number): number {
    const kept = this.kept(this.following(sector), this.#oldest);
    return kept === 0 ? 0 : LINE_BYTES * (kept + TORN_TRIMS);
  }

  /** How many records from number `oldest` on stand in `sector`. */
  private kept(sector: number, oldest: number): number {
    if (this.#serials[sector] === 0) return 0;
    return Math.max(0, this.endOf(sector) - Math.max(this.#firsts[sector], oldest));
  }

  /** The number behind the last record of `sector`: the first one of the sector that was opened after it. */
  private endOf(sector: number): number {
    if (sector === this.#head) return this.#next;
    for (let s = this.following(sector); s !== this.#head; s = this.following(s)) {
      if (this.#serials[s] > this.#serials[sector]) return this.#firsts[s];
    }
    return this.#firsts[this.#head];
  }

  private sectorOf(number: number): number {
    for (let sector = 0; sector < this.#sectorCount; sector++) {
      if (this.#serials[sector] === 0 || number < this.#firsts[sector]) continue;
      if (number < this.endOf(sector)) return sector;
    }
    return -1;
  }
}
