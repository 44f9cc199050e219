import { equal, ok } from "node:assert/strict";
import * as cborg from "cborg";
import { CborReader } from "../../../firmware/wire/cbor-reader.ts";
import { CborWriter } from "../../../firmware/wire/cbor-writer.ts";
import { RandomStream } from "../../../host-sim/random-stream.ts";
import { counts } from "../../counts.ts";
import { fromHex, toHex } from "./token-fixture.ts";

function encodeFloat(value: number): string {
  const into = new Uint8Array(9);
  const writer = new CborWriter(into);
  writer.float(value);
  return toHex(into.subarray(0, writer.finish()));
}

function reasonFor(hex: string): string | undefined {
  return new CborReader(fromHex(hex)).reason;
}

/** Reads a floating point number that must be the one encoding of its value. */
function decodeFloat(hex: string): number {
  const reader = new CborReader(fromHex(hex));
  equal(reader.peek(), "float", hex);
  const value = reader.float();
  equal(reader.reason, undefined);
  equal(reader.peek(), "none");
  return value;
}

/** The value of half precision bits, by IEEE 754 3.4. */
function halfValue(bits: number): number {
  const sign = bits < 0x8000 ? 1 : -1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

describe("CBOR floating point (RFC 8949 4.2.2, Appendix D)", () => {
  it("all 65,536 numbers of half precision: read as IEEE 754 has them, written in the same bytes; of NaN there is one", () => {
    let refused = 0;
    for (let bits = 0; bits < 0x10000; bits++) {
      const hex = `f9${bits.toString(16).padStart(4, "0")}`;
      const value = halfValue(bits);
      if (Number.isNaN(value) && bits !== 0x7e00) {
        equal(reasonFor(hex), "not-shortest-form", hex);
        refused++;
        continue;
      }
      ok(Object.is(decodeFloat(hex), value), hex);
      equal(encodeFloat(value), hex);
    }
    equal(refused, 2045);
  });

  const runs = counts(50_000, 2_000_000);
  it(`${runs} random numbers of single and double precision: as cborg writes them, and back`, () => {
    const random = new RandomStream(20, "floats");
    const view = new DataView(new ArrayBuffer(8));
    const sizes = new Set<number>();
    for (let run = 0; run < runs; run++) {
      view.setUint32(0, random.below(2 ** 32));
      // Many zeros at the end, or few exponents: else all would take eight bytes.
      view.setUint32(4, run % 3 === 0 ? random.below(2 ** 32) : (random.below(2) * 0xe0000000) >>> 0);
      const value = run % 2 === 0 ? view.getFloat64(0) : Math.floor(random.below(2 ** 32) / 64) / 2 ** random.below(40);
      const hex = encodeFloat(value);
      sizes.add(hex.length);
      ok(Object.is(decodeFloat(hex), value), `${value}`);
      if (!Number.isSafeInteger(value)) equal(hex, toHex(cborg.encode(value)), `${value}`);
    }
    equal(sizes.size, 3);
  });

  it("borders of half and single precision", () => {
    const known: [number, string][] = [
      [65_504, "f97bff"],
      [65_505, "fa477fe100"],
      [65_536, "fa47800000"],
      [2 ** -24, "f90001"],
      [2 ** -25, "fa33000000"],
      [2 ** -24 * 1023, "f903ff"],
      [2 ** -14, "f90400"],
      [1 + 2 ** -10, "f93c01"],
      [1 + 2 ** -11, "fa3f801000"],
      [1 + 2 ** -24, "fb3ff0000010000000"],
      [3.4028234663852886e38, "fa7f7fffff"],
      [2 ** -149, "fa00000001"],
      [2 ** -150, "fb3690000000000000"],
      [5e-324, "fb0000000000000001"],
    ];
    for (const [value, hex] of known) {
      equal(encodeFloat(value), hex, `${value}`);
      equal(decodeFloat(hex), value);
    }
  });

  it("a longer form than need be is refused, and one that is cut off", () => {
    const longer = [
      "fa3fc00000",
      "fb3ff8000000000000",
      "fb3ff0000020000000",
      "fa00000000",
      "fa7fc00000",
      "fb7ff0000000000000",
    ];
    for (const hex of longer) equal(reasonFor(hex), "not-shortest-form", hex);
    for (const hex of ["f93c", "fa3f8010", "fb3ff000001000"]) equal(reasonFor(hex), "truncated", hex);
  });

  it("an integer is no floating point number, nor the other way round", () => {
    const integer = new CborReader(fromHex("01"));
    equal(integer.float(), 0);
    equal(integer.reason, "unexpected-type");
    const float = new CborReader(fromHex("f93c00"));
    equal(float.uint(), 0);
    equal(float.reason, "unexpected-type");
    const empty = new CborReader(fromHex("80"));
    empty.array();
    equal(empty.float(), 0);
    equal(empty.reason, "unexpected-type");
  });

  it("stands in arrays and maps, and is passed over", () => {
    const reader = new CborReader(fromHex("83f93c00fa47c3500001"));
    equal(reader.reason, undefined);
    equal(reader.array(), 3);
    reader.skip();
    equal(reader.float(), 100_000);
    equal(reader.uint(), 1);
  });
});
