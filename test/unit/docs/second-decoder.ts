/**
 * A second decoder of compact tokens, which follows section 8 of docs/wire-format.md step by step and shares no code with firmware/wire: rules and
 * statistics are read from the document's tables, probabilities from firmware/wire/compact-tables.ts, as it says. Where text and code part, it fails.
 */
import { COMPACT_LEVELS, COMPACT_TABLE } from "../../../firmware/wire/compact-tables.ts";
import { tableAfter } from "./markdown.ts";

const SIGNATURE_BYTES = 64;
const STEPS = [1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 600, 900, 1200, 1800, 3600];

interface Rule {
  rule: string;
  statistics: string;
  windowBits: number;
  of: number;
  min: number;
  max: number;
  modulus: number;
  last: number;
  before: number;
  error: number;
  sign: number;
  track: number;
  lineError: number;
  seen: boolean;
}

export interface SecondBatch {
  escape: boolean;
  bootCount: number;
  seq: number;
  slot: number;
  dt: number;
  timeQuality: number;
  /** By reading: flags, then the fields' values, windowed ones still without the multiple of their window. */
  rows: number[][];
  /** By field; 0: values are whole. */
  windows: number[];
}

function mod(value: number, modulus: number): number {
  return value - Math.floor(value / modulus) * modulus;
}

function shift(value: number, bits: number): number {
  return Math.floor(value / 2 ** bits);
}

function clamp(value: number, min: number, max: number): number {
  return Math.max(min, Math.min(value, max));
}

function h(x: number): number {
  if (x < 1) return 0;
  const o = Math.floor(Math.log2(x));
  return 1 + 2 * o + (o === 0 ? 0 : mod(shift(x, o - 1), 2));
}

/** Section 8.1. */
class Bits {
  #data: Uint8Array;
  #at = 0;
  #code = 0;
  #range = 2 ** 32 - 1;

  constructor(data: Uint8Array) {
    this.#data = data;
    for (let i = 0; i < 4; i++) this.#code = this.#code * 256 + this.#byte();
  }

  #byte(): number {
    return this.#data[this.#at++] ?? 0;
  }

  #fill(): void {
    for (; this.#range < 2 ** 24; this.#range *= 256) this.#code = this.#code * 256 + this.#byte();
  }

  bit(p: number): number {
    const bound = shift(this.#range, 16) * p;
    const bit = this.#code < bound ? 0 : 1;
    if (bit === 1) this.#code -= bound;
    this.#range = bit === 0 ? bound : this.#range - bound;
    this.#fill();
    return bit;
  }

  uniform(n: number): number {
    const step = Math.floor(this.#range / n);
    const value = Math.min(Math.floor(this.#code / step), n - 1);
    this.#code -= step * value;
    this.#range = value === n - 1 ? this.#range - step * value : step;
    this.#fill();
    return value;
  }

  wide(n: number): number {
    if (n <= 65_536) return this.uniform(n);
    return this.uniform(Math.ceil(n / 65_536)) * 65_536 + this.uniform(65_536);
  }

  /** 16 bits at a time from the lowest, or from the highest. */
  number(bits: number, lowestFirst: boolean): number {
    let found = 0;
    for (let done = 0; done < bits; ) {
      const count = Math.min(bits - done, 16);
      const part = this.uniform(2 ** count);
      found = lowestFirst ? found + part * 2 ** done : found * 2 ** count + part;
      done += count;
    }
    return found;
  }
}

export class SecondDecoder {
  #bits: Bits;
  #fields: Rule[];
  #statistics = new Map<string, { base: number; rows: number }>();
  #key = false;

  constructor(document: string, uri: string, token: Uint8Array) {
    this.#bits = new Bits(token.subarray(0, token.length - SIGNATURE_BYTES));
    const ranges = tableAfter(document, `### \`${uri}\``);
    const names = ranges.map(([name]) => name);
    this.#fields = tableAfter(document, `\n\`${uri}\`:`).map((cells, f) => ({
      rule: cells[1],
      statistics: cells[2],
      windowBits: Number(cells[4]),
      of: names.indexOf(cells[5]),
      min: Number(ranges[f][4]),
      max: Number(ranges[f][5]),
      modulus: Number(ranges[f][6]),
      last: 0,
      before: 0,
      error: Number(cells[3]),
      sign: 0,
      track: Number(cells[6]),
      lineError: 0,
      seen: false,
    }));
    let base = 0;
    for (const [, name, count] of tableAfter(document, "| number | statistics | rows |")) {
      const rows = Number(count);
      this.#statistics.set(name, { base, rows });
      base += rows * 10 + 12 + 27;
    }
  }

  decode(): SecondBatch {
    const bits = this.#bits;
    if (bits.bit(57_344) !== 0) throw new Error("kind-unknown");
    const isEscape = bits.bit(61_440) === 1;
    this.#key = isEscape || bits.bit(57_344) === 1;
    const numbers = isEscape
      ? [0, 0, 0].map(() => bits.number(bits.uniform(34), true))
      : [bits.uniform(8), bits.uniform(16), bits.uniform(256)];
    const [bootCount, seq, slot] = numbers;
    const dt = this.#step();
    const timeQuality = this.#timeQuality();
    const rows: number[][] = [];
    do {
      rows.push(this.#reading(rows));
    } while (rows.length < 64 && bits.bit(goesOn(rows.length)) === 0);
    return {
      escape: isEscape,
      bootCount,
      seq,
      slot,
      dt,
      timeQuality,
      rows,
      windows: this.#fields.map((f) => this.#window(f)),
    };
  }

  #step(): number {
    if (this.#bits.bit(32_768) === 0) return 300;
    return STEPS[this.#bits.uniform(16)] ?? 1 + this.#bits.wide(86_400);
  }

  #timeQuality(): number {
    if (this.#bits.bit(49_152) === 0) return 43;
    const listed = [48, 0, 139, 144, 42][this.#bits.uniform(6)];
    if (listed !== undefined) return listed;
    const source = 1 + this.#bits.uniform(7);
    return source * 32 + 10 + this.#bits.uniform(22);
  }

  #window({ windowBits, min, max }: Rule): number {
    return !this.#key && windowBits > 0 && 2 ** windowBits <= max - min ? 2 ** windowBits : 0;
  }

  #reading(rows: readonly number[][]): number[] {
    const flags = this.#flags(rows.at(-1)?.[0] ?? 0, rows.length === 0);
    const there = (f: number) => f >= 0 && (flags & (1 << f)) === 0;
    const values = this.#fields.map((field, f) => {
      if (!there(f)) return field.last;
      const isFirst = !field.seen;
      const value = isFirst ? this.#first(field, there(field.of)) : this.#later(field, there(field.of));
      field.before = isFirst ? value : field.last;
      field.last = value;
      field.seen = true;
      if (isFirst && (field.rule === "average" || field.rule === "circular")) field.track = 16 * value;
      return value;
    });
    return [flags, ...values];
  }

  #flags(before: number, first: boolean): number {
    const bits = this.#bits;
    if (bits.bit(first ? 49_152 : 64_640) === 0) return before;
    const count = this.#fields.length;
    let change = 0;
    for (let f = 0; f < count; f++) change |= bits.bit(first ? 45_056 : 57_344) << f;
    if (bits.bit(first ? 61_440 : 24_576) === 1)
      for (let f = 0; f < count; f++) change |= bits.bit(53_248) << (count + f);
    return before ^ change;
  }

  #first(field: Rule, ofThere: boolean): number {
    const { min, max, modulus, windowBits, rule, statistics } = field;
    const span = max - min + 1;
    if (windowBits > 0) return min + this.#bits.wide(this.#window(field) || span);
    if (modulus > 0) return min + this.#bits.wide(span);
    if (rule === "ratio" && ofThere) return this.#later(field, true);
    return this.#difference(statistics, this.#statistics.get(statistics)!.rows - 1, 0);
  }

  #later(field: Rule, ofThere: boolean): number {
    const { rule, last, before, track, modulus, min, max, windowBits } = field;
    const of = this.#fields[field.of];
    let expected = last;
    let context = field.sign + 1;
    if (rule === "coupled" && ofThere) {
      const rise = of.last - of.before + 2;
      expected -= shift(rise, 2);
      context += 3 * mod(rise, 4);
    } else if (rule === "average") {
      expected = shift(track + 8, 4);
    } else if (rule === "ratio" && ofThere) {
      expected = shift(of.last * track + 128, 8);
    } else if (rule === "circular") {
      expected = mod(shift(track + 8, 4), modulus);
      context = 0;
    } else if (rule === "line" && field.lineError < track) {
      expected = 2 * last - before;
    }
    if (rule === "average" || rule === "ratio") context = clamp(shift(h(expected), 1), 0, 7);
    const row = this.#row(field, expected, ofThere);
    if (windowBits === 0 && modulus === 0) expected = clamp(expected, min, max);
    const difference = this.#difference(field.statistics, row, context);
    const value = modulus > 0 ? mod(expected + difference, modulus) : expected + difference;
    this.#learn(field, value, difference, ofThere);
    return value;
  }

  #row(field: Rule, expected: number, ofThere: boolean): number {
    const { rows } = this.#statistics.get(field.statistics)!;
    const e = h(field.error);
    switch (field.statistics) {
      case "wind":
        return 8 * clamp(shift(h(16 * expected), 1) - 3, 0, 8) + clamp(e - 8, 0, 7);
      case "direction":
        return 5 * clamp(e - 3, 0, 11) + (ofThere ? clamp(shift(h(this.#fields[field.of].last) + 1, 1), 0, 4) : 0);
      case "irradiance":
        return field.last === 0 ? 0 : 1 + clamp(e, 0, rows - 3);
      default:
        return clamp(e, 0, rows - 2);
    }
  }

  #learn(field: Rule, value: number, difference: number, ofThere: boolean): void {
    const most = 2 ** 20;
    const { last, before, modulus: m } = field;
    field.error += shift(16 * Math.min(Math.abs(difference), most) - field.error, 2);
    field.sign = Math.sign(difference);
    if (field.rule === "average") {
      field.track += shift(16 * value - field.track, 1);
    } else if (field.rule === "ratio") {
      const base = this.#fields[field.of].last;
      if (ofThere && base >= 4)
        field.track += shift(clamp(Math.floor((256 * value) / base), 256, 2560) - field.track, 3);
    } else if (field.rule === "circular") {
      const away = mod(16 * value - field.track + 8 * m, 16 * m) - 8 * m;
      field.track = mod(field.track + shift(6 * away, 4), 16 * m);
    } else if (field.rule === "line") {
      field.track += 16 * Math.min(Math.abs(value - last), most) - shift(field.track, 2);
      field.lineError += 16 * Math.min(Math.abs(value - (2 * last - before)), most) - shift(field.lineError, 2);
    }
  }

  /** Section 8.4. */
  #difference(statistics: string, row: number, signContext: number): number {
    const { base, rows } = this.#statistics.get(statistics)!;
    const first = base + 10 * row;
    const sign = base + 10 * rows;
    if (this.#node(first) === 0) return 0;
    const negative = this.#node(sign + signContext) === 1;
    let length = 0;
    while (length < 31 && this.#node(first + 1 + Math.min(length, 8)) === 1) length++;
    let magnitude = 1;
    const mantissa = sign + 12 + 3 * (Math.min(length, 9) - 1);
    if (length >= 1) magnitude = 2 * magnitude + this.#node(mantissa);
    if (length >= 2) magnitude = 2 * magnitude + this.#node(mantissa + 1 + mod(magnitude, 2));
    const rest = Math.max(length - 2, 0);
    magnitude = magnitude * 2 ** rest + this.#bits.number(rest, false);
    return negative ? -magnitude : magnitude;
  }

  #node(k: number): number {
    return this.#bits.bit(COMPACT_LEVELS[mod(shift(COMPACT_TABLE[shift(k, 2)], 7 * mod(k, 4)), 128)]);
  }
}

function goesOn(count: number): number {
  if (count === 36) return 32_768;
  if (count % 12 === 0) return count < 36 ? 61_440 : 49_152;
  return count < 36 ? 65_280 : 61_440;
}
