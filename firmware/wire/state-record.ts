/**
 * The form in which every machine saves its state: tag (1 byte: which machine), version (1), length of the body (2, big-endian), body,
 * CRC-32 (4). A record that is cut, damaged, of another machine or of another version is refused as a whole.
 */
import { crc32 } from "./crc32.ts";

const HEADER_BYTES = 4;
const CHECK_BYTES = 4;

/** Writes one record. Integers are big-endian; `time` holds a safe integer or "none". */
export class StateWriter {
  #bytes: Uint8Array;
  #start: number;
  #at: number;

  constructor(into: Uint8Array, offset: number, tag: number, version: number) {
    this.#bytes = into;
    this.#start = offset;
    this.#at = offset + HEADER_BYTES;
    into[offset] = tag;
    into[offset + 1] = version;
  }

  u8(value: number): void {
    this.#bytes[this.#at++] = value;
  }

  bool(value: boolean): void {
    this.u8(value ? 1 : 0);
  }

  u16(value: number): void {
    this.u8(value >>> 8);
    this.u8(value & 0xff);
  }

  u32(value: number): void {
    this.u16(value >>> 16);
    this.u16(value & 0xffff);
  }

  i32(value: number): void {
    this.u32(value >>> 0);
  }

  /** A non-negative safe integer (milliseconds since power-on, Unix milliseconds) or undefined. */
  time(value: number | undefined): void {
    if (value === undefined) {
      this.u32(0xffffffff);
      this.u32(0xffffffff);
      return;
    }
    this.u32(Math.floor(value / 0x100000000));
    this.u32(value >>> 0);
  }

  bytes(value: Uint8Array, length: number): void {
    for (let i = 0; i < length; i++) this.#bytes[this.#at++] = value[i];
  }

  /** Closes the record; returns the offset behind it. Throws when the buffer was too small: a bound of ours was wrong. */
  finish(): number {
    const bodyLength = this.#at - this.#start - HEADER_BYTES;
    if (this.#at + CHECK_BYTES > this.#bytes.length) throw new RangeError("state record: buffer too small");
    this.#bytes[this.#start + 2] = bodyLength >>> 8;
    this.#bytes[this.#start + 3] = bodyLength & 0xff;
    this.u32(crc32(this.#bytes, this.#start, this.#at));
    return this.#at;
  }
}

/** Reads one record; `valid` says whether it may be read at all. */
export class StateReader {
  readonly valid: boolean;
  /** Offset behind the record, or -1 when it is not valid. */
  readonly end: number;
  #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, offset: number, tag: number, version: number) {
    this.#bytes = bytes;
    this.#at = offset + HEADER_BYTES;
    const end = this.measure(offset, tag, version);
    this.valid = end >= 0;
    this.end = end;
  }

  private measure(offset: number, tag: number, version: number): number {
    const bytes = this.#bytes;
    if (offset + HEADER_BYTES + CHECK_BYTES > bytes.length) return -1;
    if (bytes[offset] !== tag || bytes[offset + 1] !== version) return -1;
    const checkAt = offset + HEADER_BYTES + ((bytes[offset + 2] << 8) | bytes[offset + 3]);
    if (checkAt + CHECK_BYTES > bytes.length) return -1;
    const check =
      ((bytes[checkAt] << 24) | (bytes[checkAt + 1] << 16) | (bytes[checkAt + 2] << 8) | bytes[checkAt + 3]) >>> 0;
    return check === crc32(bytes, offset, checkAt) ? checkAt + CHECK_BYTES : -1;
  }

  u8(): number {
    return this.#bytes[this.#at++];
  }

  bool(): boolean {
    return this.u8() !== 0;
  }

  u16(): number {
    return (this.u8() << 8) | this.u8();
  }

  u32(): number {
    return this.u16() * 0x10000 + this.u16();
  }

  i32(): number {
    return this.u32() | 0;
  }

  time(): number | undefined {
    const high = this.u32();
    const low = this.u32();
    return high === 0xffffffff ? undefined : high * 0x100000000 + low;
  }

  bytes(into: Uint8Array, length: number): void {
    for (let i = 0; i < length; i++) into[i] = this.#bytes[this.#at++];
  }
}
