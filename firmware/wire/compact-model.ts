/**
 * The compact token's model of a row of readings: what is expected, how sure that is, and which symbols say what came instead. One
 * description for both ways: see `SymbolCoder`. All its memory is one array of integers, so that it can be put aside and a row taken back.
 *
 *   first row, or first value of a field     modulo its window, or (key batch) in full; fields without a window by their own statistics
 *   every other value                        difference from what is expected: zero? sign, bit length in unary, two bits, the rest plain
 *   flags                                    "as in the row before", nearly free; else what changed, field by field
 *
 * The context of a difference is the size of the recent ones: a running mean of magnitudes, in sixteenths, by half octaves.
 */
import { type CompactRules, EXPECT, type FieldRule, STATISTICS } from "./compact-rules.ts";
import { lengthNode, mantissaNode, rowNode, STATISTICS_ROWS, signNode, zeroProbability } from "./compact-statistics.ts";
import { columnCount, missingFlag, type Profile } from "./profile.ts";
import { type SymbolCoder, uniformWide } from "./range-coder.ts";

/** Slots of memory for each field. */
const LAST = 0;
const BEFORE = 1;
/** Running mean of the magnitude of errors, in sixteenths. */
const ERROR = 2;
/** Sign of the last error. */
const SIGN = 3;
/** Running average in sixteenths, ratio in 256ths, mean direction in sixteenths, or recent error of "the last value", by the field's rule. */
const TRACK = 4;
/** Recent error of the line. */
const LINE_ERROR = 5;
const SLOTS = 6;
/** Slots behind those: fields that have had a value, rows so far. */
const SEEN = 1;
const ROWS = 2;
const MORE_SLOTS = 3;

/** Probabilities of a 0 that no table holds, in 65,536ths. */
/** The first row of a batch has no flag at all; a field of a row that has some is not missing. */
const FIRST_CLEAR = 12 * 4096;
const FIRST_PRESENT = 11 * 4096;
const FIRST_NO_SUSPECT = 15 * 4096;
/** A later row has the flags of the row before: 0.02 bits. */
const SAME_FLAGS = 64_640;
/** Where it has not: what stays all the same. */
const MISSING_KEPT = 14 * 4096;
const NO_SUSPECT_CHANGE = 6 * 4096;
const SUSPECT_KEPT = 13 * 4096;

const MAX_MAGNITUDE = 1 << 20;
const MIN_RATIO = 256;
const MAX_RATIO = 2560;
/** Below this a ratio says nothing. */
const MIN_FOR_RATIO = 4;

/** A row as the model takes and gives it. */
export interface CompactRow {
  /** As column 0 of a batch. */
  flags: number;
  /** By field; where missing, what the row before had (0 at first). */
  values: Int32Array;
}

function clamp(value: number, min: number, max: number): number {
  return value < min ? min : value > max ? max : value;
}

/** 0, then two contexts an octave. */
function halfOctave(size: number): number {
  if (size < 1) return 0;
  const octave = 31 - Math.clz32(size);
  return 1 + 2 * octave + (octave > 0 ? (size >>> (octave - 1)) & 1 : 0);
}

export class CompactModel {
  #profile: Profile;
  #rules: readonly FieldRule[];
  #memory: Int32Array;
  /** Behind the slots of the fields: flags of the row before, then SEEN and ROWS. */
  #flagsAt: number;
  #windowed = false;
  #decoding: boolean;

  constructor(profile: Profile, rules: CompactRules, decoding: boolean) {
    this.#profile = profile;
    this.#rules = rules.fields;
    this.#decoding = decoding;
    this.#flagsAt = (columnCount(profile) - 1) * SLOTS;
    this.#memory = new Int32Array(this.#flagsAt + MORE_SLOTS);
  }

  /** Begins a batch. In a key batch first values are given in full. */
  start(key: boolean): void {
    this.#memory.fill(0);
    this.#windowed = !key;
    for (let f = 0; f < this.#rules.length; f++) {
      this.#memory[f * SLOTS + ERROR] = this.#rules[f].error;
      this.#memory[f * SLOTS + TRACK] = this.#rules[f].ratio ?? 0;
    }
  }

  /** What `save` puts into an array: so many numbers. */
  get stateNumbers(): number {
    return this.#memory.length;
  }

  /** Puts aside what it remembers, at `at` of an array. */
  save(state: Int32Array, at: number): void {
    state.set(this.#memory, at);
  }

  load(state: Int32Array, at: number): void {
    for (let i = 0; i < this.#memory.length; i++) this.#memory[i] = state[at + i];
  }

  /** Modulo what the first value of a field is given in this batch, or 0: in full. */
  window(field: number): number {
    const { min, max } = this.#profile.fields[field];
    const window = 1 << this.#rules[field].windowBits;
    return this.#windowed && window > 1 && window <= max - min ? window : 0;
  }

  /** Codes the next row: an encoder reads it, a decoder fills it in. */
  row(coder: SymbolCoder, row: CompactRow): void {
    const memory = this.#memory;
    const { fields } = this.#profile;
    row.flags = this.codeFlags(coder, row.flags);
    for (let f = 0; f < fields.length; f++) {
      const at = f * SLOTS;
      if ((row.flags & missingFlag(f)) !== 0) {
        row.values[f] = memory[at + LAST];
      } else if ((memory[this.#flagsAt + SEEN] & missingFlag(f)) === 0) {
        memory[this.#flagsAt + SEEN] |= missingFlag(f);
        row.values[f] = this.first(coder, f, row);
        memory[at + LAST] = row.values[f];
        memory[at + BEFORE] = row.values[f];
        this.begin(f);
      } else {
        row.values[f] = this.next(coder, f, row);
        memory[at + BEFORE] = memory[at + LAST];
        memory[at + LAST] = row.values[f];
      }
    }
    memory[this.#flagsAt] = row.flags;
    memory[this.#flagsAt + ROWS]++;
  }

  private codeFlags(coder: SymbolCoder, flags: number): number {
    const before = this.#memory[this.#flagsAt];
    const first = this.#memory[this.#flagsAt + ROWS] === 0;
    if (coder.bit(first ? FIRST_CLEAR : SAME_FLAGS, flags === before ? 0 : 1, -1) === 0) return before;
    const fields = this.#rules.length;
    let change = this.changes(coder, first ? FIRST_PRESENT : MISSING_KEPT, flags ^ before, 0);
    const suspects = (flags ^ before) >>> fields;
    if (coder.bit(first ? FIRST_NO_SUSPECT : NO_SUSPECT_CHANGE, suspects === 0 ? 0 : 1, -1) !== 0) {
      change |= this.changes(coder, SUSPECT_KEPT, flags ^ before, fields);
    }
    return before ^ change;
  }

  /** Which flags change, of those from bit `from` on. */
  private changes(coder: SymbolCoder, keptProbability: number, change: number, from: number): number {
    let found = 0;
    for (let i = 0; i < this.#rules.length; i++) {
      found |= coder.bit(keptProbability, (change >>> (from + i)) & 1, -1) << (from + i);
    }
    return found;
  }

  /** The first value of a field in this batch. */
  private first(coder: SymbolCoder, f: number, row: CompactRow): number {
    const { min, max, modulus } = this.#profile.fields[f];
    const rule = this.#rules[f];
    const span = max - min + 1;
    if (rule.windowBits > 0) {
      const window = this.window(f) || span;
      const found = min + uniformWide(coder, window, (row.values[f] - min) % window);
      // Nothing that follows depends on the multiple of the window: the encoder goes on with the true value, the decoder with this one.
      return this.#decoding ? found : row.values[f];
    }
    if (modulus !== undefined) return min + uniformWide(coder, span, row.values[f] - min);
    if (rule.expect === EXPECT.ratio && this.hasValue(rule.of!, row)) return this.next(coder, f, row);
    const zeroNode = rowNode(rule.statistics, STATISTICS_ROWS[rule.statistics] - 1);
    return this.difference(coder, rule.statistics, zeroNode, 0, row.values[f]);
  }

  /** What a field remembers beside its value, after its first one. */
  private begin(f: number): void {
    const { expect } = this.#rules[f];
    const at = f * SLOTS;
    if (expect === EXPECT.average || expect === EXPECT.circular)
      this.#memory[at + TRACK] = this.#memory[at + LAST] << 4;
  }

  private hasValue(f: number, row: CompactRow): boolean {
    return (row.flags & missingFlag(f)) === 0;
  }

  /** A value that others came before. */
  private next(coder: SymbolCoder, f: number, row: CompactRow): number {
    const memory = this.#memory;
    const at = f * SLOTS;
    const rule = this.#rules[f];
    const { min, max, modulus } = this.#profile.fields[f];
    const last = memory[at + LAST];
    let expected = last;
    let sign = memory[at + SIGN] + 1;
    switch (rule.expect) {
      case EXPECT.coupled:
        if (this.hasValue(rule.of!, row)) {
          const other = rule.of! * SLOTS;
          const rise = memory[other + LAST] - memory[other + BEFORE] + 2;
          expected -= rise >> 2;
          sign += 3 * (rise & 3);
        }
        break;
      case EXPECT.average:
        expected = (memory[at + TRACK] + 8) >> 4;
        sign = clamp(halfOctave(expected) >> 1, 0, 7);
        break;
      case EXPECT.ratio:
        if (this.hasValue(rule.of!, row)) expected = (memory[rule.of! * SLOTS + LAST] * memory[at + TRACK] + 128) >> 8;
        sign = clamp(halfOctave(expected) >> 1, 0, 7);
        break;
      case EXPECT.circular:
        expected = ((memory[at + TRACK] + 8) >> 4) % modulus!;
        sign = 0;
        break;
      case EXPECT.line:
        expected = this.line(f);
        break;
    }
    const zeroNode = rowNode(rule.statistics, this.context(f, expected, row));
    let value = 0;
    let error = 0;
    if (modulus !== undefined) {
      const half = modulus >> 1;
      const away = (((row.values[f] - expected + half) % modulus) + modulus) % modulus;
      error = this.difference(coder, rule.statistics, zeroNode, sign, away - half);
      value = (((expected + error) % modulus) + modulus) % modulus;
    } else {
      if (rule.windowBits === 0) expected = clamp(expected, min, max);
      error = this.difference(coder, rule.statistics, zeroNode, sign, row.values[f] - expected);
      value = expected + error;
    }
    this.learn(f, value, error, row);
    return value;
  }

  /** The last value, or the line through the last two. */
  private line(f: number): number {
    const at = f * SLOTS;
    const last = this.#memory[at + LAST];
    if (this.#memory[at + LINE_ERROR] >= this.#memory[at + TRACK]) return last;
    return 2 * last - this.#memory[at + BEFORE];
  }

  /** Row of the statistics for the field's next difference. */
  private context(f: number, expected: number, row: CompactRow): number {
    const memory = this.#memory;
    const { statistics } = this.#rules[f];
    const usable = STATISTICS_ROWS[statistics] - 1;
    const error = halfOctave(memory[f * SLOTS + ERROR]);
    switch (statistics) {
      case STATISTICS.wind: {
        const level = clamp((halfOctave(expected << 4) >> 1) - 3, 0, 8);
        return level * 8 + clamp(error - 8, 0, 7);
      }
      case STATISTICS.direction: {
        const wind = f > 0 ? this.windBeside(f, row) : 0;
        return clamp(error - 3, 0, 11) * 5 + wind;
      }
      case STATISTICS.irradiance:
        return memory[f * SLOTS + LAST] === 0 ? 0 : 1 + clamp(error, 0, usable - 2);
      default:
        return clamp(error, 0, usable - 1);
    }
  }

  /** How much wind there is beside a direction, in five classes. */
  private windBeside(f: number, row: CompactRow): number {
    const { of } = this.#rules[f];
    return of === undefined || !this.hasValue(of, row)
      ? 0
      : clamp((halfOctave(this.#memory[of * SLOTS + LAST]) + 1) >> 1, 0, 4);
  }

  private learn(f: number, value: number, error: number, row: CompactRow): void {
    const memory = this.#memory;
    const at = f * SLOTS;
    const rule = this.#rules[f];
    const magnitude = Math.min(Math.abs(error), MAX_MAGNITUDE);
    memory[at + ERROR] += ((magnitude << 4) - memory[at + ERROR]) >> 2;
    memory[at + SIGN] = error > 0 ? 1 : error < 0 ? -1 : 0;
    switch (rule.expect) {
      case EXPECT.average:
        memory[at + TRACK] += ((value << 4) - memory[at + TRACK]) >> 1;
        break;
      case EXPECT.ratio: {
        const base = memory[rule.of! * SLOTS + LAST];
        if (base < MIN_FOR_RATIO || !this.hasValue(rule.of!, row)) break;
        const ratio = clamp(Math.floor((value * 256) / base), MIN_RATIO, MAX_RATIO);
        memory[at + TRACK] += (ratio - memory[at + TRACK]) >> 3;
        break;
      }
      case EXPECT.circular: {
        const turn = this.#profile.fields[f].modulus! << 4;
        const away = (((((value << 4) - memory[at + TRACK] + turn / 2) % turn) + turn) % turn) - turn / 2;
        memory[at + TRACK] = (((memory[at + TRACK] + ((away * 6) >> 4)) % turn) + turn) % turn;
        break;
      }
      case EXPECT.line: {
        const last = memory[at + LAST];
        const line = 2 * last - memory[at + BEFORE];
        const lastMiss = Math.min(Math.abs(value - last), MAX_MAGNITUDE);
        const lineMiss = Math.min(Math.abs(value - line), MAX_MAGNITUDE);
        memory[at + TRACK] += (lastMiss << 4) - (memory[at + TRACK] >> 2);
        memory[at + LINE_ERROR] += (lineMiss << 4) - (memory[at + LINE_ERROR] >> 2);
        break;
      }
    }
  }

  /** Codes a difference (below 2^32) and returns it. */
  private difference(
    coder: SymbolCoder,
    statistics: number,
    zeroNode: number,
    signContext: number,
    difference: number,
  ): number {
    if (this.bit(coder, zeroNode, difference === 0 ? 0 : 1) === 0) return 0;
    const negative = this.bit(coder, signNode(statistics, signContext), difference < 0 ? 1 : 0);
    const magnitude = Math.abs(difference);
    const bits = 31 - Math.clz32(magnitude);
    let length = 0;
    while (length < 31 && this.bit(coder, lengthNode(zeroNode, length), length < bits ? 1 : 0) !== 0) length++;
    let found = 1;
    for (let place = 1; place <= length && place <= 2; place++) {
      const node = mantissaNode(statistics, length, place, found & 1);
      found = found * 2 + this.bit(coder, node, (magnitude >>> (length - place)) & 1);
    }
    for (let rest = length - 2; rest > 0; ) {
      const count = Math.min(rest, 16);
      rest -= count;
      found = found * (1 << count) + coder.uniform(1 << count, (magnitude >>> rest) & ((1 << count) - 1));
    }
    return negative !== 0 ? -found : found;
  }

  private bit(coder: SymbolCoder, node: number, bit: number): number {
    return coder.bit(zeroProbability(node), bit, node);
  }
}
