/**
 * Writes deterministic CBOR (RFC 8949 4.2.1), as much of it as tokens need: integers within ±(2^53 - 1), byte strings, ASCII text, arrays, maps,
 * tags and floating point numbers. Into the caller's buffer; allocates nothing but for a floating point number.
 */
import { encodeFloat } from "./cbor-float.ts";

const MAJOR_UINT = 0;
const MAJOR_NEGATIVE = 1;
const MAJOR_BYTES = 2;
const MAJOR_TEXT = 3;
const MAJOR_ARRAY = 4;
const MAJOR_MAP = 5;
const MAJOR_TAG = 6;
/** Initial bytes of floating point numbers of 2, 4 and 8 bytes. */
const FLOAT16 = 0xf9;
const FLOAT32 = 0xfa;
const FLOAT64 = 0xfb;

const TWO_POW_32 = 0x100000000;

/**
 * Writes items one behind the other. Map keys must be handed in sorted by their encoded bytes: the writer cannot sort without a second
 * buffer, and every map of ours has a fixed order. Without a buffer it only counts.
 */
export class CborWriter {
  /** Where the next byte goes, or would go if the buffer were longer. */
  offset: number;
  #into: Uint8Array | undefined;

  /** Writes into `into` from `offset`; `undefined` counts the bytes only. */
  constructor(into: Uint8Array | undefined, offset = 0) {
    this.#into = into;
    this.offset = offset;
  }

  private put(byte: number): void {
    // A write behind the end of a typed array does nothing; finish() reports it.
    if (this.#into !== undefined) this.#into[this.offset] = byte;
    this.offset++;
  }

  private putWord(value: number): void {
    this.put(value >>> 24);
    this.put((value >>> 16) & 0xff);
    this.put((value >>> 8) & 0xff);
    this.put(value & 0xff);
  }

  private head(major: number, argument: number): void {
    if (!Number.isSafeInteger(argument) || argument < 0) throw new RangeError("cbor: not a safe integer");
    const type = major << 5;
    if (argument < 24) {
      this.put(type | argument);
    } else if (argument < 0x100) {
      this.put(type | 24);
      this.put(argument);
    } else if (argument < 0x10000) {
      this.put(type | 25);
      this.put(argument >>> 8);
      this.put(argument & 0xff);
    } else if (argument < TWO_POW_32) {
      this.put(type | 26);
      this.putWord(argument);
    } else {
      this.put(type | 27);
      this.putWord(Math.floor(argument / TWO_POW_32));
      this.putWord(argument % TWO_POW_32);
    }
  }

  /** An integer from 0 to 2^53 - 1. */
  uint(value: number): void {
    this.head(MAJOR_UINT, value);
  }

  /** An integer within ±(2^53 - 1). */
  int(value: number): void {
    if (value < 0) this.head(MAJOR_NEGATIVE, -1 - value);
    else this.head(MAJOR_UINT, value);
  }

  /** The first `length` bytes of `value` as a byte string. */
  bytes(value: ArrayLike<number>, length = value.length): void {
    this.head(MAJOR_BYTES, length);
    if (this.#into !== undefined && length === value.length && this.offset + length <= this.#into.length) {
      this.#into.set(value, this.offset); // at once, where nothing is left out or behind the end
      this.offset += length;
      return;
    }
    for (let i = 0; i < length; i++) this.put(value[i]);
  }

  /** Opens a byte string; its `length` bytes follow. */
  openBytes(length: number): void {
    this.head(MAJOR_BYTES, length);
  }

  /** Items that are encoded already, from `begin` to before `end`. */
  items(encoded: Uint8Array, begin: number, end: number): void {
    for (let i = begin; i < end; i++) this.put(encoded[i]);
  }

  /** ASCII text. */
  text(value: string): void {
    this.head(MAJOR_TEXT, value.length);
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) throw new RangeError("cbor: text is not ASCII");
      this.put(code);
    }
  }

  /** A number as floating point, in the shortest form that has exactly its value (RFC 8949 4.2.2). */
  float(value: number): void {
    const bytes = new Uint8Array(8);
    const size = encodeFloat(value, bytes);
    this.put(size === 2 ? FLOAT16 : size === 4 ? FLOAT32 : FLOAT64);
    for (let i = 0; i < size; i++) this.put(bytes[i]);
  }

  /** Opens an array; its `count` items follow. */
  array(count: number): void {
    this.head(MAJOR_ARRAY, count);
  }

  /** Opens a map; its `count` pairs follow, sorted by the bytes of the encoded keys (RFC 8949 4.2.1). */
  map(count: number): void {
    this.head(MAJOR_MAP, count);
  }

  /** A tag; the tagged item follows. */
  tag(number: number): void {
    this.head(MAJOR_TAG, number);
  }

  /** Returns the offset behind the last byte. Throws when the buffer was too small: a bound of ours was wrong. */
  finish(): number {
    if (this.#into !== undefined && this.offset > this.#into.length) throw new RangeError("cbor: buffer too small");
    return this.offset;
  }
}
