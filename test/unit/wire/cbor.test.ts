import { deepEqual, equal, throws } from "node:assert/strict";
import * as cborg from "cborg";
import { CborReader, MAX_CBOR_DEPTH } from "../../../firmware/wire/cbor-reader.ts";
import { CborWriter } from "../../../firmware/wire/cbor-writer.ts";
import { fromHex, toHex } from "./token-fixture.ts";

function encodeInt(value: number): string {
  const into = new Uint8Array(9);
  const writer = new CborWriter(into);
  writer.int(value);
  return toHex(into.subarray(0, writer.finish()));
}

function reasonFor(hex: string): string | undefined {
  return new CborReader(fromHex(hex)).reason;
}

describe("deterministic CBOR, writing", () => {
  it("RFC 8949 4.2.1: integers take their shortest form at every border, as cborg writes them", () => {
    const borders = [0, 23, 24, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 2];
    for (const border of borders) {
      equal(encodeInt(border), toHex(cborg.encode(border)));
      equal(encodeInt(-1 - border), toHex(cborg.encode(-1 - border)));
    }
    equal(encodeInt(2 ** 53 - 1), "1b001fffffffffffff");
    equal(encodeInt(-(2 ** 53 - 1)), "3b001ffffffffffffe");
  });

  it("refuses what is not a safe integer, and text that is not ASCII: bugs of ours", () => {
    const writer = new CborWriter(new Uint8Array(20));
    for (const value of [2 ** 53, -(2 ** 53) - 2, 0.5, Number.NaN]) throws(() => writer.int(value), RangeError);
    throws(() => writer.uint(-1), RangeError);
    throws(() => writer.text("°C"), RangeError);
  });

  it("counts on behind a buffer that is too small, and says so at the end", () => {
    const into = new Uint8Array(3);
    const writer = new CborWriter(into);
    writer.uint(100_000);
    equal(writer.offset, 5);
    throws(() => writer.finish(), RangeError);
    const counting = new CborWriter(undefined);
    counting.uint(100_000);
    equal(counting.finish(), 5);
  });

  it("writes the first bytes of a longer buffer, from an offset", () => {
    const into = new Uint8Array(5);
    const writer = new CborWriter(into, 1);
    writer.bytes(fromHex("0102ffff"), 2);
    equal(writer.finish(), 4);
    equal(toHex(into), "0042010200");
  });
});

describe("deterministic CBOR, reading", () => {
  it("RFC 8949 4.2.1: refuses integers and lengths that are not in their shortest form", () => {
    const longer = ["1817", "1900ff", "1a0000ffff", "1b00000000ffffffff", "3817", "580100", "7800", "980101", "b80000"];
    for (const hex of longer) equal(reasonFor(hex), "not-shortest-form", hex);
  });

  it("RFC 8949 4.2.1: refuses map keys out of bytewise order, and twice the same", () => {
    equal(reasonFor("a201000000"), "map-keys-unsorted");
    // 10 (0a), 100 (18 64), -1 (20), "z" (61 7a) is the example of that section.
    equal(reasonFor("a40a001864002000617a00"), undefined);
    equal(reasonFor("a220000a00"), "map-keys-unsorted");
    equal(reasonFor("a201000100"), "duplicate-map-key");
    equal(reasonFor("a241410042410000"), undefined);
  });

  it("RFC 8949 3: refuses reserved heads, indefinite lengths and a lone break", () => {
    for (const hex of ["1c", "1d", "1e", "5e", "fc"]) equal(reasonFor(hex), "reserved-head", hex);
    for (const hex of ["5fff", "7fff", "9fff", "bfff", "ff"]) equal(reasonFor(hex), "indefinite-length", hex);
  });

  it("RFC 8949 5.3.1: takes exactly one item, whole", () => {
    equal(reasonFor(""), "truncated");
    equal(reasonFor("0000"), "trailing-bytes");
    for (const hex of ["18", "1900", "1a000000", "4201", "82", "8201", "a1", "a101", "c1"]) {
      equal(reasonFor(hex), "truncated", hex);
    }
    equal(new CborReader(fromHex("01ff"), 1).reason, undefined);
  });

  it("refuses lengths that lie without walking them", () => {
    for (const hex of ["5b001fffffffffffff", "9b001fffffffffffff", "bb001fffffffffffff", "9affffffff"]) {
      equal(reasonFor(hex), "truncated", hex);
    }
  });

  it("keeps to integers that a double holds", () => {
    equal(new CborReader(fromHex("1b001fffffffffffff")).uint(), 2 ** 53 - 1);
    equal(new CborReader(fromHex("3b001ffffffffffffe")).int(), -(2 ** 53 - 1));
    equal(reasonFor("1b0020000000000000"), "integer-too-large");
    equal(reasonFor("3b001fffffffffffff"), "integer-too-large");
  });

  it(`takes arrays, maps and tags nested ${MAX_CBOR_DEPTH} deep and no deeper`, () => {
    for (const open of ["81", "a100", "c1"]) {
      equal(reasonFor(`${open.repeat(MAX_CBOR_DEPTH)}00`), undefined);
      equal(reasonFor(`${open.repeat(MAX_CBOR_DEPTH + 1)}00`), "nested-too-deep");
    }
  });

  it("names the first thing that is wrong and gives nothing after it", () => {
    const reader = new CborReader(fromHex("830141026161"));
    equal(reader.array(), 3);
    equal(reader.bytes().length, 0);
    equal(reader.reason, "unexpected-type");
    deepEqual(
      [reader.uint(), reader.int(), reader.text(), reader.array(), reader.map(), reader.tag()],
      [0, 0, "", 0, 0, 0],
    );
    equal(reader.peek(), "none");
    reader.skip();
    equal(reader.reason, "unexpected-type");
  });

  it("passes over items that nobody asked for", () => {
    const reader = new CborReader(fromHex("83a1018202f5414205"));
    equal(reader.array(), 3);
    reader.skip();
    reader.skip();
    equal(reader.uint(), 5);
    equal(reader.reason, undefined);
  });

  it("RFC 8949 3.1: sums running differences over every form of an integer, as integers read one by one do", () => {
    const differences = [0, -1, 23, -24, 24, -25, 255, -256, 256, -257, 65535, -65536, 65536, -65537, 2 ** 31 - 1];
    const array = cborg.encode(differences);
    const reader = new CborReader(array);
    const into = new Int32Array(differences.length + 1).fill(7);
    equal(reader.sums(reader.array(), into, 1), true);
    let sum = 0;
    deepEqual([...into], [7, ...differences.map((difference) => (sum += difference))]);
    equal(reader.peek(), "none");
  });

  it("sums no more than 32 bits hold, nothing but integers, and no more than there are", () => {
    const refused = [[2 ** 31 - 1, 1], [-(2 ** 31), -1], [2 ** 31], [-(2 ** 31) - 1], [2 ** 53 - 1], [0, "a"]];
    for (const items of refused) {
      const reader = new CborReader(cborg.encode(items));
      equal(reader.sums(reader.array(), new Int32Array(2), 0), false, `${items}`);
    }
    const reader = new CborReader(fromHex("1818"));
    equal(reader.sums(2, new Int32Array(2), 0), false);
    equal(reader.reason, "truncated");
    equal(reader.sums(0, new Int32Array(0), 0), false);
  });

  it("RFC 8949 4.2.1: passes over runs of short integers without letting a longer form through", () => {
    for (const hex of ["8300181700", "830038170a", "83000018", "830000", "8200181800"]) {
      equal(
        reasonFor(hex),
        hex.includes("17") ? "not-shortest-form" : hex.startsWith("82") ? "trailing-bytes" : "truncated",
      );
    }
    equal(reasonFor("84181818ff382038ff"), undefined);
  });

  it("compares a text in place, and reads it only when it is the one", () => {
    const reader = new CborReader(fromHex("8262616201"));
    equal(reader.array(), 2);
    equal(reader.isText("a"), false);
    equal(reader.isText("ac"), false);
    equal(reader.isText("abc"), false);
    equal(reader.isText("ab"), true);
    equal(reader.uint(), 1);
  });
});
