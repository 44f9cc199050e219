/**
 * Deterministic CBOR (RFC 8949 4.2.1), as much of it as tokens need: integers within ±(2^53 - 1), byte strings, ASCII text, arrays,
 * maps, tags; on the reading side also false, true and null. No floating point and no indefinite lengths.
 *
 * Writing goes into the caller's buffer and allocates nothing. Reading never throws: the constructor walks the whole item once and
 * refuses all that is not the one deterministic encoding of its content; the typed reads then only ask for types.
 */

/** Arrays, maps and tags nested deeper than this are refused. Tokens need 5. */
export const MAX_CBOR_DEPTH = 8;

const MAJOR_UINT = 0;
const MAJOR_NEGATIVE = 1;
/** Initial byte of -1. */
const FIRST_NEGATIVE = 0x20;
const MAJOR_BYTES = 2;
const MAJOR_TEXT = 3;
const MAJOR_ARRAY = 4;
const MAJOR_MAP = 5;
const MAJOR_TAG = 6;
const MAJOR_SIMPLE = 7;

const TWO_POW_32 = 0x100000000;
/** Upper half of 2^53: a larger one does not fit a safe integer. */
const HIGH_WORD_LIMIT = 0x200000;

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

  #put(byte: number): void {
    // A write behind the end of a typed array does nothing; finish() reports it.
    if (this.#into !== undefined) this.#into[this.offset] = byte;
    this.offset++;
  }

  #putWord(value: number): void {
    this.#put(value >>> 24);
    this.#put((value >>> 16) & 0xff);
    this.#put((value >>> 8) & 0xff);
    this.#put(value & 0xff);
  }

  #head(major: number, argument: number): void {
    if (!Number.isSafeInteger(argument) || argument < 0) throw new RangeError("cbor: not a safe integer");
    const type = major << 5;
    if (argument < 24) {
      this.#put(type | argument);
    } else if (argument < 0x100) {
      this.#put(type | 24);
      this.#put(argument);
    } else if (argument < 0x10000) {
      this.#put(type | 25);
      this.#put(argument >>> 8);
      this.#put(argument & 0xff);
    } else if (argument < TWO_POW_32) {
      this.#put(type | 26);
      this.#putWord(argument);
    } else {
      this.#put(type | 27);
      this.#putWord(Math.floor(argument / TWO_POW_32));
      this.#putWord(argument % TWO_POW_32);
    }
  }

  /** An integer from 0 to 2^53 - 1. */
  uint(value: number): void {
    this.#head(MAJOR_UINT, value);
  }

  /** An integer within ±(2^53 - 1). */
  int(value: number): void {
    if (value < 0) this.#head(MAJOR_NEGATIVE, -1 - value);
    else this.#head(MAJOR_UINT, value);
  }

  /** The first `length` bytes of `value` as a byte string. */
  bytes(value: ArrayLike<number>, length = value.length): void {
    this.#head(MAJOR_BYTES, length);
    if (this.#into !== undefined && length === value.length && this.offset + length <= this.#into.length) {
      this.#into.set(value, this.offset); // at once, where nothing is left out or behind the end
      this.offset += length;
      return;
    }
    for (let i = 0; i < length; i++) this.#put(value[i]);
  }

  /** ASCII text. */
  text(value: string): void {
    this.#head(MAJOR_TEXT, value.length);
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) throw new RangeError("cbor: text is not ASCII");
      this.#put(code);
    }
  }

  /** Opens an array; its `count` items follow. */
  array(count: number): void {
    this.#head(MAJOR_ARRAY, count);
  }

  /** Opens a map; its `count` pairs follow, sorted by the bytes of the encoded keys (RFC 8949 4.2.1). */
  map(count: number): void {
    this.#head(MAJOR_MAP, count);
  }

  /** A tag; the tagged item follows. */
  tag(number: number): void {
    this.#head(MAJOR_TAG, number);
  }

  /** Returns the offset behind the last byte. Throws when the buffer was too small: a bound of ours was wrong. */
  finish(): number {
    if (this.#into !== undefined && this.offset > this.#into.length) throw new RangeError("cbor: buffer too small");
    return this.offset;
  }
}

/** What the next item is, from `CborReader.peek`. */
export type CborType = "uint" | "negative" | "bytes" | "text" | "array" | "map" | "tag" | "simple" | "none";

const TYPE_NAMES: readonly CborType[] = Object.freeze([
  "uint",
  "negative",
  "bytes",
  "text",
  "array",
  "map",
  "tag",
  "simple",
] as const);

/**
 * Reads exactly one item. `reason` is set once, at the first thing that is wrong, and stays: every read after that gives 0, "" or no
 * bytes, so that a caller may read on and look at `reason` at the end.
 *
 * Reasons: truncated, trailing-bytes, not-shortest-form, indefinite-length, reserved-head, integer-too-large, float-not-supported,
 * simple-value-not-supported, text-not-ascii, map-keys-unsorted, duplicate-map-key, nested-too-deep, unexpected-type.
 */
export class CborReader {
  reason: string | undefined = undefined;
  #bytes: Uint8Array;
  #end: number;
  #at = 0;
  #major = 0;
  #argument = 0;

  constructor(bytes: Uint8Array, length = bytes.length) {
    this.#bytes = bytes;
    this.#end = length;
    this.#walk(0);
    if (this.reason === undefined && this.#at !== length) this.#refuse("trailing-bytes");
    this.#at = 0;
  }

  #refuse(reason: string): void {
    if (this.reason === undefined) this.reason = reason;
  }

  /** Reads a head into #major and #argument; false when it is not there or not in its shortest form. */
  #head(): boolean {
    if (this.reason !== undefined) return false;
    if (this.#at >= this.#end) {
      this.#refuse("truncated");
      return false;
    }
    const initial = this.#bytes[this.#at++];
    this.#major = initial >>> 5;
    const info = initial & 31;
    if (info < 24) {
      this.#argument = info;
      return true;
    }
    if (info === 31) this.#refuse("indefinite-length");
    else if (info > 27) this.#refuse("reserved-head");
    else if (this.#major === MAJOR_SIMPLE) {
      this.#refuse(info === 24 ? "simple-value-not-supported" : "float-not-supported");
    } else this.#longArgument(1 << (info - 24));
    return this.reason === undefined;
  }

  #longArgument(size: number): void {
    if (this.#at + size > this.#end) {
      this.#refuse("truncated");
      return;
    }
    let high = 0;
    let low = 0;
    for (let i = 0; i < size; i++) {
      if (i < size - 4) high = high * 0x100 + this.#bytes[this.#at++];
      else low = low * 0x100 + this.#bytes[this.#at++];
    }
    const shortest = size === 1 ? low >= 24 : size === 2 ? low >= 0x100 : size === 4 ? low >= 0x10000 : high > 0;
    if (!shortest) this.#refuse("not-shortest-form");
    else if (high >= HIGH_WORD_LIMIT) this.#refuse("integer-too-large");
    this.#argument = high * TWO_POW_32 + low;
  }

  /** Walks one item and all it holds. */
  #walk(depth: number): void {
    if (!this.#head()) return;
    const argument = this.#argument;
    switch (this.#major) {
      case MAJOR_UINT:
        return;
      case MAJOR_NEGATIVE:
        // -1 - argument must be a safe integer as well.
        if (argument === Number.MAX_SAFE_INTEGER) this.#refuse("integer-too-large");
        return;
      case MAJOR_BYTES:
      case MAJOR_TEXT:
        this.#walkString(this.#major === MAJOR_TEXT, argument);
        return;
      case MAJOR_SIMPLE:
        if (argument < 20 || argument > 22) this.#refuse("simple-value-not-supported");
        return;
      default:
        if (depth >= MAX_CBOR_DEPTH) this.#refuse("nested-too-deep");
        else if (this.#major === MAJOR_MAP) this.#walkMap(argument, depth + 1);
        else this.#walkItems(this.#major === MAJOR_TAG ? 1 : argument, depth + 1);
    }
  }

  #walkString(text: boolean, length: number): void {
    const to = this.#at + length;
    if (to > this.#end) {
      this.#refuse("truncated");
      return;
    }
    for (let i = this.#at; text && i < to; i++) {
      if (this.#bytes[i] > 0x7f) this.#refuse("text-not-ascii");
    }
    this.#at = to;
  }

  #walkItems(count: number, depth: number): void {
    // Every item takes a byte, so a count that lies runs into the end after at most `length` steps.
    for (let i = 0; i < count && this.reason === undefined; i++) {
      if (this.#isSmallInteger()) this.#at++;
      else this.#walk(depth);
    }
  }

  #walkMap(count: number, depth: number): void {
    let previousFrom = 0;
    let previousTo = 0;
    for (let i = 0; i < count && this.reason === undefined; i++) {
      const from = this.#at;
      this.#walk(depth);
      const to = this.#at;
      if (this.reason === undefined && i > 0) this.#checkOrder(previousFrom, previousTo, from, to);
      previousFrom = from;
      previousTo = to;
      this.#walk(depth);
    }
  }

  /** RFC 8949 4.2.1: keys in the bytewise lexicographic order of their encodings, each once. */
  #checkOrder(previousFrom: number, previousTo: number, from: number, to: number): void {
    const shorter = Math.min(previousTo - previousFrom, to - from);
    for (let i = 0; i < shorter; i++) {
      const difference = this.#bytes[from + i] - this.#bytes[previousFrom + i];
      if (difference > 0) return;
      if (difference < 0) {
        this.#refuse("map-keys-unsorted");
        return;
      }
    }
    // No encoded item is the beginning of another, so equal up to the shorter one means equal.
    this.#refuse("duplicate-map-key");
  }

  /** Takes a head of the wanted type and returns its argument; 0 and a reason when something else stands there. */
  #take(major: number): number {
    const at = this.#at;
    if (!this.#head()) return 0;
    if (this.#major === major) return this.#argument;
    this.#at = at;
    this.#refuse("unexpected-type");
    return 0;
  }

  /** The type of the next item; "none" at the end or after something was refused. */
  peek(): CborType {
    if (this.reason !== undefined || this.#at >= this.#end) return "none";
    return TYPE_NAMES[this.#bytes[this.#at] >>> 5];
  }

  uint(): number {
    return this.#take(MAJOR_UINT);
  }

  int(): number {
    if (this.reason === undefined && this.#isSmallInteger()) {
      const initial = this.#bytes[this.#at++];
      return initial < FIRST_NEGATIVE ? initial : FIRST_NEGATIVE - 1 - initial;
    }
    const negative = this.#at < this.#end && this.#bytes[this.#at] >>> 5 === MAJOR_NEGATIVE;
    return negative ? -1 - this.#take(MAJOR_NEGATIVE) : this.#take(MAJOR_UINT);
  }

  /** Whether an integer from -24 to 23 is next, which is all in its head: most of what a column has. */
  #isSmallInteger(): boolean {
    if (this.#at >= this.#end) return false;
    const initial = this.#bytes[this.#at];
    return initial < 2 * FIRST_NEGATIVE && (initial & 31) < 24;
  }

  /** A view of the string's bytes, not a copy. */
  bytes(): Uint8Array {
    const length = this.#take(MAJOR_BYTES);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  text(): string {
    const length = this.#take(MAJOR_TEXT);
    let text = "";
    for (let i = 0; i < length; i++) text += String.fromCharCode(this.#bytes[this.#at++]);
    return text;
  }

  /** The number of items that follow. */
  array(): number {
    return this.#take(MAJOR_ARRAY);
  }

  /** The number of pairs that follow. */
  map(): number {
    return this.#take(MAJOR_MAP);
  }

  /** The tag's number; the tagged item follows. */
  tag(): number {
    return this.#take(MAJOR_TAG);
  }

  /** Passes over one whole item of any type. */
  skip(): void {
    this.#walk(0);
  }
}
