/**
 * Reads deterministic CBOR (RFC 8949 4.2.1): what cbor-writer.ts writes, and false, true and null. Never throws: the constructor walks the whole
 * item once and refuses all that is not the one deterministic encoding of its content; the typed reads then only ask for types. No indefinite
 * lengths.
 */
import { decodeFloat, encodeFloat } from "./cbor-float.ts";

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
/** Initial bytes of floating point numbers of 2 and of 8 bytes. */
const FIRST_FLOAT = 0xf9;
const LAST_FLOAT = 0xfb;
/** Begins no item. */
const BREAK = 0xff;
const FIRST_FLOAT_INFO = FIRST_FLOAT & 31;

const TWO_POW_32 = 0x100000000;
/** Upper half of 2^53: a larger one does not fit a safe integer. */
const HIGH_WORD_LIMIT = 0x200000;

/** What the next item is, from `CborReader.peek`. */
export type CborType = "uint" | "negative" | "bytes" | "text" | "array" | "map" | "tag" | "float" | "simple" | "none";

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
 * Reasons: truncated, trailing-bytes, not-shortest-form, indefinite-length, reserved-head, integer-too-large, simple-value-not-supported,
 * text-not-ascii, map-keys-unsorted, duplicate-map-key, nested-too-deep, unexpected-type.
 */
export class CborReader {
  reason: string | undefined = undefined;
  #bytes: Uint8Array;
  #end: number;
  #at = 0;
  #major = 0;
  #argument = 0;
  #float = 0;

  constructor(bytes: Uint8Array, length = bytes.length) {
    this.#bytes = bytes;
    this.#end = length;
    this.walk(0);
    if (this.reason === undefined && this.#at !== length) this.refuse("trailing-bytes");
    this.#at = 0;
  }

  private refuse(reason: string): void {
    if (this.reason === undefined) this.reason = reason;
  }

  /** Reads a head into #major and #argument; false when it is not there or not in its shortest form. */
  private head(): boolean {
    if (this.reason !== undefined) return false;
    if (this.#at >= this.#end) {
      this.refuse("truncated");
      return false;
    }
    const initial = this.#bytes[this.#at++];
    this.#major = initial >>> 5;
    const info = initial & 31;
    if (info < 24) {
      this.#argument = info;
      return true;
    }
    if (info === 31) this.refuse("indefinite-length");
    else if (info > 27) this.refuse("reserved-head");
    else if (this.#major !== MAJOR_SIMPLE) this.longArgument(1 << (info - 24));
    else if (info === 24) this.refuse("simple-value-not-supported");
    else this.floatValue(info);
    return this.reason === undefined;
  }

  private longArgument(size: number): void {
    if (this.#at + size > this.#end) {
      this.refuse("truncated");
      return;
    }
    let high = 0;
    let low = 0;
    for (let i = 0; i < size; i++) {
      if (i < size - 4) high = high * 0x100 + this.#bytes[this.#at++];
      else low = low * 0x100 + this.#bytes[this.#at++];
    }
    const shortest = size === 1 ? low >= 24 : size === 2 ? low >= 0x100 : size === 4 ? low >= 0x10000 : high > 0;
    if (!shortest) this.refuse("not-shortest-form");
    else if (high >= HIGH_WORD_LIMIT) this.refuse("integer-too-large");
    this.#argument = high * TWO_POW_32 + low;
  }

  /** A floating point number of 2, 4 or 8 bytes (initial byte's `info` 25 to 27); NaN has one form. */
  private floatValue(info: number): void {
    const size = 1 << (info - 24);
    if (this.#at + size > this.#end) {
      this.refuse("truncated");
      return;
    }
    this.#float = decodeFloat(this.#bytes, this.#at, size);
    const shortest = new Uint8Array(8);
    let same = encodeFloat(this.#float, shortest) === size;
    for (let i = 0; i < size; i++) same &&= shortest[i] === this.#bytes[this.#at + i];
    if (!same) this.refuse("not-shortest-form");
    this.#at += size;
    this.#argument = info;
  }

  /** Walks one item and all it holds. */
  private walk(depth: number): void {
    if (!this.head()) return;
    const argument = this.#argument;
    switch (this.#major) {
      case MAJOR_UINT:
        return;
      case MAJOR_NEGATIVE:
        // -1 - argument must be a safe integer as well.
        if (argument === Number.MAX_SAFE_INTEGER) this.refuse("integer-too-large");
        return;
      case MAJOR_BYTES:
      case MAJOR_TEXT:
        this.walkString(this.#major === MAJOR_TEXT, argument);
        return;
      case MAJOR_SIMPLE:
        if (argument < FIRST_FLOAT_INFO && (argument < 20 || argument > 22)) this.refuse("simple-value-not-supported");
        return;
      default:
        if (depth >= MAX_CBOR_DEPTH) this.refuse("nested-too-deep");
        else if (this.#major === MAJOR_MAP) this.walkMap(argument, depth + 1);
        else this.walkItems(this.#major === MAJOR_TAG ? 1 : argument, depth + 1);
    }
  }

  private walkString(text: boolean, length: number): void {
    const to = this.#at + length;
    if (to > this.#end) {
      this.refuse("truncated");
      return;
    }
    for (let i = this.#at; text && i < to; i++) {
      if (this.#bytes[i] > 0x7f) this.refuse("text-not-ascii");
    }
    this.#at = to;
  }

  private walkItems(count: number, depth: number): void {
    const bytes = this.#bytes;
    const end = this.#end;
    // Every item takes a byte, so a count that lies runs into the end after at most `length` steps.
    for (let i = 0; i < count && this.reason === undefined; i++) {
      // Most of what a token holds is integers of one byte or two: their run is passed over here, and nothing is called for each.
      let at = this.#at;
      for (; i < count && at < end; i++) {
        if (isSmallInteger(bytes[at])) at++;
        else if (isByteInteger(bytes[at]) && at + 1 < end && bytes[at + 1] >= 24) at += 2;
        else break;
      }
      this.#at = at;
      if (i < count) this.walk(depth);
    }
  }

  private walkMap(count: number, depth: number): void {
    let previousFrom = 0;
    let previousTo = 0;
    for (let i = 0; i < count && this.reason === undefined; i++) {
      const from = this.#at;
      this.walk(depth);
      const to = this.#at;
      if (this.reason === undefined && i > 0) this.checkOrder(previousFrom, previousTo, from, to);
      previousFrom = from;
      previousTo = to;
      this.walk(depth);
    }
  }

  /** RFC 8949 4.2.1: keys in the bytewise lexicographic order of their encodings, each once. */
  private checkOrder(previousFrom: number, previousTo: number, from: number, to: number): void {
    const shorter = Math.min(previousTo - previousFrom, to - from);
    for (let i = 0; i < shorter; i++) {
      const difference = this.#bytes[from + i] - this.#bytes[previousFrom + i];
      if (difference > 0) return;
      if (difference < 0) {
        this.refuse("map-keys-unsorted");
        return;
      }
    }
    // No encoded item is the beginning of another, so equal up to the shorter one means equal.
    this.refuse("duplicate-map-key");
  }

  /** Takes a head of the wanted type and returns its argument; 0 and a reason when something else stands there. */
  private take(major: number): number {
    const at = this.#at;
    if (!this.head()) return 0;
    if (this.#major === major) return this.#argument;
    this.#at = at;
    this.refuse("unexpected-type");
    return 0;
  }

  /** The type of the next item; "none" at the end or after something was refused. */
  peek(): CborType {
    if (this.reason !== undefined || this.#at >= this.#end) return "none";
    const initial = this.#bytes[this.#at];
    return initial >= FIRST_FLOAT && initial <= LAST_FLOAT ? "float" : TYPE_NAMES[initial >>> 5];
  }

  uint(): number {
    return this.take(MAJOR_UINT);
  }

  int(): number {
    const negative = this.#at < this.#end && this.#bytes[this.#at] >>> 5 === MAJOR_NEGATIVE;
    return negative ? -1 - this.take(MAJOR_NEGATIVE) : this.take(MAJOR_UINT);
  }

  /**
   * Reads `count` integers as running differences, and puts their sums into `into` from `offset`. False where a sum has more than 32 bits, or
   * something else stands there.
   */
  sums(count: number, into: Int32Array, offset: number): boolean {
    if (this.reason !== undefined) return false;
    const bytes = this.#bytes;
    const end = this.#end;
    let at = this.#at;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const initial = at < end ? bytes[at] : BREAK;
      let next = 0;
      // -1 - n is n with all its bits turned: no branch on the sign, which is as good as random.
      if (isSmallInteger(initial)) {
        next = sum + ((initial & 31) ^ -(initial >>> 5));
        at++;
      } else if (isByteInteger(initial)) {
        next = sum + (bytes[at + 1] ^ -(initial >>> 5));
        at += 2;
      } else {
        this.#at = at;
        next = sum + this.int();
        at = this.#at;
      }
      sum = next | 0;
      if (sum !== next) return false;
      into[offset + i] = sum;
    }
    this.#at = at;
    return this.reason === undefined;
  }

  /** A view of the string's bytes, not a copy. */
  bytes(): Uint8Array {
    const length = this.take(MAJOR_BYTES);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  text(): string {
    const length = this.take(MAJOR_TEXT);
    let text = "";
    for (let i = 0; i < length; i++) text += String.fromCharCode(this.#bytes[this.#at++]);
    return text;
  }

  /** Whether a text is next that is this one; then it has been read. */
  isText(text: string): boolean {
    const at = this.#at;
    let same = this.take(MAJOR_TEXT) === text.length && this.reason === undefined;
    for (let i = 0; same && i < text.length; i++) same = this.#bytes[this.#at + i] === text.charCodeAt(i);
    this.#at = same ? this.#at + text.length : at;
    return same;
  }

  /** A floating point number; an integer is none. */
  float(): number {
    const isFloat = this.peek() === "float";
    if (isFloat && this.head()) return this.#float;
    this.refuse("unexpected-type");
    return 0;
  }

  /** The number of items that follow. */
  array(): number {
    return this.take(MAJOR_ARRAY);
  }

  /** The number of pairs that follow. */
  map(): number {
    return this.take(MAJOR_MAP);
  }

  /** The tag's number; the tagged item follows. */
  tag(): number {
    return this.take(MAJOR_TAG);
  }

  /** Passes over one whole item of any type. */
  skip(): void {
    this.walk(0);
  }
}

/** Whether this byte is an integer from -24 to 23, which is all in its head. */
function isSmallInteger(initial: number): boolean {
  return (initial & ~FIRST_NEGATIVE) < 24;
}

/** Whether this byte is the head of an integer whose argument is the byte behind it. */
function isByteInteger(initial: number): boolean {
  return (initial & ~FIRST_NEGATIVE) === 24;
}
