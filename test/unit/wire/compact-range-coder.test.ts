import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import {
  MAX_UNIFORM,
  PROBABILITY_ONE,
  RANGE_STATE_NUMBERS,
  RangeDecoder,
  RangeEncoder,
  uniformWide,
} from "../../../firmware/wire/range-coder.ts";
import { counts } from "../../counts.ts";

/** A bit with the probability of its 0, or a value out of `size`. */
type Symbol = { zeroProbability: number; bit: number } | { size: number; value: number };

const symbol: fc.Arbitrary<Symbol> = fc.oneof(
  fc.record({
    zeroProbability: fc.oneof(
      fc.constantFrom(1, PROBABILITY_ONE - 1),
      fc.integer({ min: 1, max: PROBABILITY_ONE - 1 }),
    ),
    bit: fc.integer({ min: 0, max: 1 }),
  }),
  fc
    .integer({ min: 1, max: MAX_UNIFORM })
    .chain((size) => fc.record({ size: fc.constant(size), value: fc.integer({ min: 0, max: size - 1 }) })),
);

function encode(encoder: RangeEncoder, symbols: readonly Symbol[]): void {
  for (const each of symbols) {
    if ("bit" in each) encoder.bit(each.zeroProbability, each.bit);
    else encoder.uniform(each.size, each.value);
  }
}

function decode(bytes: Uint8Array, length: number, symbols: readonly Symbol[]): number[] {
  const decoder = new RangeDecoder(bytes, length);
  return symbols.map((each) => ("bit" in each ? decoder.bit(each.zeroProbability) : decoder.uniform(each.size)));
}

function values(symbols: readonly Symbol[]): number[] {
  return symbols.map((each) => ("bit" in each ? each.bit : each.value));
}

function idealBytes(symbols: readonly Symbol[]): number {
  let bits = 0;
  for (const each of symbols) {
    if (!("bit" in each)) bits += Math.log2(each.size);
    else
      bits -= Math.log2(
        (each.bit === 0 ? each.zeroProbability : PROBABILITY_ONE - each.zeroProbability) / PROBABILITY_ONE,
      );
  }
  return bits / 8;
}

describe("range coder", () => {
  const runs = counts(2000, 50_000);

  it(`gives back any symbols (${runs} runs), within two bytes of what they hold`, () => {
    fc.assert(
      fc.property(fc.array(symbol, { maxLength: 300 }), (symbols) => {
        const buffer = new Uint8Array(1500);
        const encoder = new RangeEncoder();
        encoder.start(buffer);
        encode(encoder, symbols);
        const length = encoder.finish();
        deepEqual(decode(buffer, length, symbols), values(symbols));
        ok(length < idealBytes(symbols) * 1.005 + 2, `${length} for ${idealBytes(symbols)}`);
      }),
      { numRuns: runs, seed: 1 },
    );
  });

  it("carries run through any number of bytes ff", () => {
    // The first symbol leaves a range that ends just above a whole byte; the next keep to its top, so that ff follows ff.
    for (let length = 1; length < 40; length++) {
      for (let last = 0; last < 256; last++) {
        const symbols: Symbol[] = [{ size: 3, value: 1 }];
        for (let i = 0; i < length; i++) symbols.push({ size: 256, value: 255 }, { zeroProbability: 30_000, bit: 1 });
        symbols.push({ size: 256, value: last });
        const buffer = new Uint8Array(100);
        const encoder = new RangeEncoder();
        encoder.start(buffer);
        encode(encoder, symbols);
        deepEqual(decode(buffer, encoder.finish(), symbols), values(symbols));
      }
    }
  });

  it("goes back to where it stood as if nothing had been coded since, even to the end", () => {
    fc.assert(
      fc.property(
        fc.array(symbol, { maxLength: 60 }),
        fc.array(symbol, { maxLength: 60 }),
        fc.array(symbol, { maxLength: 60 }),
        (before, undone, after) => {
          const plain = new Uint8Array(1000);
          const encoder = new RangeEncoder();
          encoder.start(plain);
          encode(encoder, [...before, ...after]);
          const length = encoder.finish();
          const buffer = new Uint8Array(1000);
          const state = new Int32Array(2 + RANGE_STATE_NUMBERS);
          const other = new RangeEncoder();
          other.start(buffer);
          encode(other, before);
          other.save(state, 2);
          encode(other, undone);
          other.finish();
          other.load(state, 2);
          encode(other, after);
          equal(other.finish(), length);
          deepEqual(buffer.subarray(0, length), plain.subarray(0, length));
        },
      ),
      { numRuns: counts(1000, 20_000), seed: 2 },
    );
  });

  it("counts what does not fit, and writes nothing behind the buffer", () => {
    const whole = new Uint8Array(16).fill(0xaa);
    const encoder = new RangeEncoder();
    encoder.start(whole.subarray(0, 4));
    for (let i = 0; i < 10; i++) encoder.uniform(256, i);
    equal(encoder.finish(), 10);
    deepEqual([...whole.subarray(0, 5)], [0, 1, 2, 3, 0xaa]);
  });

  it("wide alphabets: every size up to 2^32", () => {
    for (const size of [1, 2, 65_535, 65_536, 65_537, 1_000_001, 2 ** 31, 2 ** 32]) {
      for (const value of [0, 1, size >>> 1, size - 1]) {
        if (value >= size) continue;
        const buffer = new Uint8Array(16);
        const encoder = new RangeEncoder();
        encoder.start(buffer);
        uniformWide(encoder, size, value);
        equal(uniformWide(new RangeDecoder(buffer, encoder.finish()), size, 0), value);
      }
    }
  });

  it("reads any bytes as some symbols, each within its alphabet", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.array(symbol, { maxLength: 100 }), (bytes, symbols) => {
        const found = decode(bytes, bytes.length, symbols);
        symbols.forEach((each, i) => {
          ok(Number.isInteger(found[i]) && found[i] >= 0 && found[i] < ("bit" in each ? 2 : each.size));
        });
      }),
      { numRuns: counts(2000, 50_000), seed: 3 },
    );
  });

  it("reads all ones, which no encoder writes", () => {
    const decoder = new RangeDecoder(new Uint8Array(64).fill(0xff), 64);
    for (let i = 0; i < 1000; i++) ok(decoder.uniform(7) < 7);
  });
});
