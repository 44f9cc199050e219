/**
 * Source: RFC 8949 Appendix A, "Examples of Encoded CBOR Data Items", all its 81 examples. Licence: examples from an IETF RFC, code
 * components under the Revised BSD License (IETF Trust Legal Provisions 4.c). Those that are not deterministic, or of types that tokens do not have, must
 * be refused by name.
 */
import { deepEqual, equal } from "node:assert/strict";
import * as cborg from "cborg";
import { CborReader } from "../../firmware/wire/cbor-reader.ts";
import { CborWriter } from "../../firmware/wire/cbor-writer.ts";
import { fromHex, toHex } from "../unit/wire/token-fixture.ts";

class Tagged {
  tag: number;
  value: Value;
  constructor(tag: number, value: Value) {
    this.tag = tag;
    this.value = value;
  }
}

/** A floating point number, which is not the integer of the same value. */
class Float {
  value: number;
  constructor(value: number) {
    this.value = value;
  }
}

type Value = number | string | boolean | null | Uint8Array | Value[] | Map<Value, Value> | Tagged | Float;

const oneTo25 = Array.from({ length: 25 }, (_, i) => i + 1);
const oneTo25Hex = "0102030405060708090a0b0c0d0e0f101112131415161718181819";
const letters = new Map<Value, Value>([..."abcde"].map((letter) => [letter, letter.toUpperCase()]));

/** Diagnostic notation, bytes, content. */
const ACCEPTED: readonly [string, string, Value][] = [
  ["0", "00", 0],
  ["1", "01", 1],
  ["10", "0a", 10],
  ["23", "17", 23],
  ["24", "1818", 24],
  ["25", "1819", 25],
  ["100", "1864", 100],
  ["1000", "1903e8", 1000],
  ["1000000", "1a000f4240", 1_000_000],
  ["1000000000000", "1b000000e8d4a51000", 1_000_000_000_000],
  ["18446744073709551616", "c249010000000000000000", new Tagged(2, fromHex("010000000000000000"))],
  ["-18446744073709551617", "c349010000000000000000", new Tagged(3, fromHex("010000000000000000"))],
  ["-1", "20", -1],
  ["-10", "29", -10],
  ["-100", "3863", -100],
  ["-1000", "3903e7", -1000],
  ["false", "f4", false],
  ["true", "f5", true],
  ["null", "f6", null],
  ['0("2013-03-21T20:04:00Z")', "c074323031332d30332d32315432303a30343a30305a", new Tagged(0, "2013-03-21T20:04:00Z")],
  ["1(1363896240)", "c11a514b67b0", new Tagged(1, 1_363_896_240)],
  ["23(h'01020304')", "d74401020304", new Tagged(23, fromHex("01020304"))],
  ["24(h'6449455446')", "d818456449455446", new Tagged(24, fromHex("6449455446"))],
  [
    '32("http://www.example.com")',
    "d82076687474703a2f2f7777772e6578616d706c652e636f6d",
    new Tagged(32, "http://www.example.com"),
  ],
  ["h''", "40", new Uint8Array(0)],
  ["h'01020304'", "4401020304", fromHex("01020304")],
  ['""', "60", ""],
  ['"a"', "6161", "a"],
  ['"IETF"', "6449455446", "IETF"],
  ['"\\"\\\\"', "62225c", '"\\'],
  ["[]", "80", []],
  ["[1, 2, 3]", "83010203", [1, 2, 3]],
  ["[1, [2, 3], [4, 5]]", "8301820203820405", [1, [2, 3], [4, 5]]],
  ["[1, 2, ..., 25]", `9819${oneTo25Hex}`, oneTo25],
  ["{}", "a0", new Map()],
  [
    "{1: 2, 3: 4}",
    "a201020304",
    new Map([
      [1, 2],
      [3, 4],
    ]),
  ],
  [
    '{"a": 1, "b": [2, 3]}',
    "a26161016162820203",
    new Map<Value, Value>([
      ["a", 1],
      ["b", [2, 3]],
    ]),
  ],
  ['["a", {"b": "c"}]', "826161a161626163", ["a", new Map([["b", "c"]])]],
  ['{"a": "A", ..., "e": "E"}', "a56161614161626142616361436164614461656145", letters],
  ["0.0", "f90000", new Float(0.0)],
  ["-0.0", "f98000", new Float(-0.0)],
  ["1.0", "f93c00", new Float(1.0)],
  ["1.1", "fb3ff199999999999a", new Float(1.1)],
  ["1.5", "f93e00", new Float(1.5)],
  ["65504.0", "f97bff", new Float(65504.0)],
  ["100000.0", "fa47c35000", new Float(100000.0)],
  ["3.4028234663852886e+38", "fa7f7fffff", new Float(3.4028234663852886e38)],
  ["1.0e+300", "fb7e37e43c8800759c", new Float(1.0e300)],
  ["5.960464477539063e-8", "f90001", new Float(2 ** -24)],
  ["0.00006103515625", "f90400", new Float(0.00006103515625)],
  ["-4.0", "f9c400", new Float(-4.0)],
  ["-4.1", "fbc010666666666666", new Float(-4.1)],
  ["Infinity, half", "f97c00", new Float(Infinity)],
  ["NaN, half", "f97e00", new Float(NaN)],
  ["-Infinity, half", "f9fc00", new Float(-Infinity)],
  ["1(1363896240.5)", "c1fb41d452d9ec200000", new Tagged(1, new Float(1363896240.5))],
];

/** Diagnostic notation, bytes, our reason. */
const REFUSED: readonly [string, string, string][] = [
  ["18446744073709551615", "1bffffffffffffffff", "integer-too-large"],
  ["-18446744073709551616", "3bffffffffffffffff", "integer-too-large"],
  ["Infinity, single", "fa7f800000", "not-shortest-form"],
  ["NaN, single", "fa7fc00000", "not-shortest-form"],
  ["-Infinity, single", "faff800000", "not-shortest-form"],
  ["Infinity, double", "fb7ff0000000000000", "not-shortest-form"],
  ["NaN, double", "fb7ff8000000000000", "not-shortest-form"],
  ["-Infinity, double", "fbfff0000000000000", "not-shortest-form"],
  ["undefined", "f7", "simple-value-not-supported"],
  ["simple(16)", "f0", "simple-value-not-supported"],
  ["simple(255)", "f8ff", "simple-value-not-supported"],
  ['"\\u00fc"', "62c3bc", "text-not-ascii"],
  ['"\\u6c34"', "63e6b0b4", "text-not-ascii"],
  ['"\\ud800\\udd51"', "64f0908591", "text-not-ascii"],
  ["(_ h'0102', h'030405')", "5f42010243030405ff", "indefinite-length"],
  ['(_ "strea", "ming")', "7f657374726561646d696e67ff", "indefinite-length"],
  ["[_ ]", "9fff", "indefinite-length"],
  ["[_ 1, [2, 3], [_ 4, 5]]", "9f018202039f0405ffff", "indefinite-length"],
  ["[_ 1, [2, 3], [4, 5]]", "9f01820203820405ff", "indefinite-length"],
  ["[1, [2, 3], [_ 4, 5]]", "83018202039f0405ff", "indefinite-length"],
  ["[1, [_ 2, 3], [4, 5]]", "83019f0203ff820405", "indefinite-length"],
  ["[_ 1, 2, ..., 25]", `9f${oneTo25Hex}ff`, "indefinite-length"],
  ['{_ "a": 1, "b": [_ 2, 3]}', "bf61610161629f0203ffff", "indefinite-length"],
  ['["a", {_ "b": "c"}]', "826161bf61626163ff", "indefinite-length"],
  ['{_ "Fun": true, "Amt": -2}', "bf6346756ef563416d7421ff", "indefinite-length"],
];

/** Reads any item of the types that the reader knows. */
function read(reader: CborReader, bytes: Uint8Array): Value {
  switch (reader.peek()) {
    case "bytes":
      return reader.bytes();
    case "text":
      return reader.text();
    case "tag":
      return new Tagged(reader.tag(), read(reader, bytes));
    case "array":
      return Array.from({ length: reader.array() }, () => read(reader, bytes));
    case "map":
      return new Map(Array.from({ length: reader.map() }, () => [read(reader, bytes), read(reader, bytes)]));
    case "float":
      return new Float(reader.float());
    case "simple":
      reader.skip();
      return bytes[bytes.length - 1] === 0xf6 ? null : bytes[bytes.length - 1] === 0xf5;
    default:
      return reader.int();
  }
}

function write(writer: CborWriter, value: Value): void {
  if (typeof value === "number") writer.int(value);
  else if (typeof value === "string") writer.text(value);
  else if (value instanceof Uint8Array) writer.bytes(value);
  else if (value instanceof Float) writer.float(value.value);
  else if (value instanceof Tagged) {
    writer.tag(value.tag);
    write(writer, value.value);
  } else if (value instanceof Map) {
    writer.map(value.size);
    for (const [key, item] of value) {
      write(writer, key);
      write(writer, item);
    }
  } else if (Array.isArray(value)) {
    writer.array(value.length);
    for (const item of value) write(writer, item);
  }
}

describe("RFC 8949 Appendix A", () => {
  it("has 81 examples, and all of them stand here", () => {
    equal(ACCEPTED.length + REFUSED.length, 81);
  });

  for (const [notation, hex, value] of ACCEPTED) {
    it(`decodes ${notation}`, () => {
      const reader = new CborReader(fromHex(hex));
      equal(reader.reason, undefined);
      deepEqual(read(reader, fromHex(hex)), value);
      equal(reader.reason, undefined);
      equal(reader.peek(), "none");
    });
    if (typeof value === "boolean" || value === null) continue;
    it(`encodes ${notation}`, () => {
      const into = new Uint8Array(64);
      const writer = new CborWriter(into);
      write(writer, value);
      equal(toHex(into.subarray(0, writer.finish())), hex);
    });
  }

  for (const [notation, hex, reason] of REFUSED) {
    it(`refuses ${notation}: ${reason}`, () => {
      equal(new CborReader(fromHex(hex)).reason, reason);
    });
  }

  it("is typed here as cborg, a library that is not ours, reads it", () => {
    for (const [, hex, value] of ACCEPTED) {
      if (value instanceof Tagged) continue;
      deepEqual(cborg.decode(fromHex(hex), { useMaps: true }), value instanceof Float ? value.value : value, hex);
    }
  });
});
