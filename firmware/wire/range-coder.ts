/**
 * Range coder: symbols of known probability into the fewest bytes (G. N. N. Martin, "Range encoding", 1979; carries as in the LZMA
 * specification by I. Pavlov). All numbers are integers below 2^33, which doubles hold exactly.
 *
 * One description of the data serves both ways: whoever codes calls `bit` and `uniform` with the value and goes on with what they return;
 * the encoder returns what it was given, the decoder ignores that and returns what it reads.
 *
 * The bytes end where the shortest number inside the last range ends; behind them the decoder reads zeros. How long they are stands outside.
 */

const TWO_POW_32 = 0x100000000;
const TWO_POW_24 = 0x1000000;
const FULL_RANGE = 0xffffffff;
/** The most bytes that the end of a coding can add. */
const TAIL_BYTES = 4;
/** What `save` puts into an array: so many numbers. */
export const RANGE_STATE_NUMBERS = 6;

/** Probabilities are counted in 65,536ths, 1 to 65,535. */
export const PROBABILITY_ONE = 0x10000;
/** The largest alphabet of `uniform`. */
export const MAX_UNIFORM = 0x10000;

export interface SymbolCoder {
  /** Codes one bit; `zeroProbability` is that of a 0, in 65,536ths. `node` names the table's entry it came from, -1 for none. */
  bit(zeroProbability: number, bit: number, node: number): number;
  /** Codes one of `size` (1 to 65,536) equally probable values, from 0. */
  uniform(size: number, value: number): number;
}

/** Codes one of `size` (to 2^32) values that are about equally probable. Hostile bytes can give a value that is too large. */
export function uniformWide(coder: SymbolCoder, size: number, value: number): number {
  if (size <= MAX_UNIFORM) return coder.uniform(size, value);
  const high = coder.uniform(Math.ceil(size / MAX_UNIFORM), Math.floor(value / MAX_UNIFORM));
  return high * MAX_UNIFORM + coder.uniform(MAX_UNIFORM, value % MAX_UNIFORM);
}

/** Writes into a buffer while symbols come; can put aside where it stands, and go on from there later or once more. */
export class RangeEncoder implements SymbolCoder {
  /** Where bytes go. What does not fit is counted and not written; without a buffer it only counts. */
  into: Uint8Array | undefined;
  #low = 0;
  #range = FULL_RANGE;
  /** The last byte, kept back as long as a carry may reach it, and the bytes ff behind it; -1 before the first. */
  #kept = -1;
  #run = 0;
  #length = 0;

  /** Begins anew, in this buffer. */
  start(into?: Uint8Array): void {
    this.into = into;
    this.#low = 0;
    this.#range = FULL_RANGE;
    this.#kept = -1;
    this.#run = 0;
    this.#length = 0;
  }

  bit(zeroProbability: number, bit: number): number {
    const bound = (this.#range >>> 16) * zeroProbability;
    if (bit === 0) {
      this.#range = bound;
    } else {
      this.#low += bound;
      this.#range -= bound;
    }
    while (this.#range < TWO_POW_24) this.shift();
    return bit;
  }

  uniform(size: number, value: number): number {
    const step = Math.floor(this.#range / size);
    this.#low += step * value;
    this.#range = value === size - 1 ? this.#range - step * value : step;
    while (this.#range < TWO_POW_24) this.shift();
    return value;
  }

  /** Puts aside where it stands, at `at` of an array. */
  save(state: Int32Array, at: number): void {
    state[at] = this.#low | 0;
    state[at + 1] = this.#low < TWO_POW_32 ? 0 : 1;
    state[at + 2] = this.#range | 0;
    state[at + 3] = this.#kept;
    state[at + 4] = this.#run;
    state[at + 5] = this.#length;
  }

  /** Goes on from there: bytes written before no carry can reach, later ones will be written again. */
  load(state: Int32Array, at: number): void {
    this.#low = (state[at] >>> 0) + state[at + 1] * TWO_POW_32;
    this.#range = state[at + 2] >>> 0;
    this.#kept = state[at + 3];
    this.#run = state[at + 4];
    this.#length = state[at + 5];
  }

  /** Ends the coding; returns the number of bytes. More than the buffer holds means that the end of them was not written. */
  finish(): number {
    let unit = TWO_POW_32;
    let value = 0;
    let bytes = 0;
    for (; bytes <= TAIL_BYTES; bytes++) {
      value = Math.ceil(this.#low / unit) * unit;
      if (value < this.#low + this.#range) break;
      unit /= 256;
    }
    this.#low = value;
    for (let i = 0; i < bytes; i++) this.shift();
    this.flush();
    return this.#length;
  }

  private shift(): void {
    if (this.#low < 0xff000000 || this.#low >= TWO_POW_32) {
      this.flush();
      this.#kept = Math.floor(this.#low / TWO_POW_24) & 0xff;
    } else {
      this.#run++;
    }
    this.#low = (this.#low % TWO_POW_24) * 256;
    this.#range *= 256;
  }

  /** Writes the bytes that were kept back, with the carry. */
  private flush(): void {
    const carry = this.#low >= TWO_POW_32 ? 1 : 0;
    if (this.#kept >= 0) this.put(this.#kept + carry);
    for (; this.#run > 0; this.#run--) this.put(0xff + carry);
  }

  private put(byte: number): void {
    if (this.into !== undefined && this.#length < this.into.length) this.into[this.#length] = byte & 0xff;
    this.#length++;
  }
}

/** Reads what `RangeEncoder` wrote; any bytes at all give some symbols. */
export class RangeDecoder implements SymbolCoder {
  #bytes: Uint8Array;
  #at = 0;
  #end: number;
  #code = 0;
  #range = FULL_RANGE;

  /** Reads `length` bytes from the start of `bytes`. */
  constructor(bytes: Uint8Array, length: number) {
    this.#bytes = bytes;
    this.#end = length;
    for (let i = 0; i < 4; i++) this.#code = this.#code * 256 + this.next();
  }

  bit(zeroProbability: number, _bit?: number): number {
    const bound = (this.#range >>> 16) * zeroProbability;
    const bit = this.#code < bound ? 0 : 1;
    if (bit === 0) {
      this.#range = bound;
    } else {
      this.#code -= bound;
      this.#range -= bound;
    }
    this.fill();
    return bit;
  }

  uniform(size: number, _value?: number): number {
    const step = Math.floor(this.#range / size);
    const value = Math.min(Math.floor(this.#code / step), size - 1);
    this.#code -= step * value;
    this.#range = value === size - 1 ? this.#range - step * value : step;
    this.fill();
    return value;
  }

  private fill(): void {
    while (this.#range < TWO_POW_24) {
      this.#code = this.#code * 256 + this.next();
      this.#range *= 256;
    }
  }

  private next(): number {
    return this.#at < this.#end ? this.#bytes[this.#at++] : 0;
  }
}
