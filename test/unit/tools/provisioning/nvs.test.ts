/** NVS images (ESP-IDF Programming Guide, "Non-Volatile Storage Library", Internals, and "NVS Encryption"). */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { encryptEntry, writeKeysImage } from "../../../../tools/provisioning/nvs/nvs-cipher.ts";
import { EntryDecipher, libraryCrc32, readKeysImage } from "../../../../tools/provisioning/nvs/nvs-decipher.ts";
import {
  ENTRIES,
  ENTRIES_AT,
  INTEGER_TYPES,
  MAX_STRING_BYTES,
  type NvsRecord,
  type NvsValue,
  PAGE_BYTES,
  TYPE,
} from "../../../../tools/provisioning/nvs/nvs-format.ts";
import { readNvsImage } from "../../../../tools/provisioning/nvs/nvs-reader.ts";
import { NvsError, writeNvsImage } from "../../../../tools/provisioning/nvs/nvs-writer.ts";
import { counts } from "../../../counts.ts";

const THREE_PAGES = 3 * PAGE_BYTES;
const SEED = 0x4e5653;
const KEYS = Uint8Array.from({ length: 64 }, (_, i) => (7 * i + 3) & 0xff);
/** Images of ESP-IDF's own tests; they are not part of the repository. */
const ESPRESSIF = join(import.meta.dirname, "../../../../../shared/vectors/esp-idf-nvs");

const u8 = (value: number): NvsValue => ({ type: "u8", value: BigInt(value) });
const text = (value: string): NvsValue => ({ type: "string", value });
const blob = (length: number): NvsValue => ({ type: "blob", value: Uint8Array.from({ length }, (_, i) => i & 0xff) });

function records(...values: NvsValue[]): NvsRecord[] {
  return values.map((value, i) => ({ namespace: "n", key: `k${i}`, value }));
}

function read(image: Uint8Array, keys?: Uint8Array): NvsRecord[] {
  const result = readNvsImage(image, keys);
  ok(result.ok, result.ok ? undefined : `${result.reason} at ${result.at}`);
  return result.records;
}

function refusal(list: readonly NvsRecord[], bytes = THREE_PAGES): string {
  try {
    writeNvsImage(list, bytes);
  } catch (error) {
    if (error instanceof NvsError) return error.reason;
    throw error;
  }
  return "none";
}

const name = fc.string({
  unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz0123456789._-"),
  minLength: 1,
  maxLength: 15,
});

const value: fc.Arbitrary<NvsValue> = fc.oneof(
  fc.constantFrom(...INTEGER_TYPES).chain((type) => {
    const bits = 8 * (TYPE[type] & 15);
    const [min, max] = type.startsWith("u")
      ? [0n, (1n << BigInt(bits)) - 1n]
      : [-(1n << BigInt(bits - 1)), (1n << BigInt(bits - 1)) - 1n];
    return fc.bigInt({ min, max }).map((integer): NvsValue => ({ type, value: integer }));
  }),
  fc
    .string({ unit: "grapheme", maxLength: 200 })
    .filter((string) => !string.includes("\0"))
    .map((string): NvsValue => ({ type: "string", value: string })),
  fc.uint8Array({ maxLength: 300 }).map((bytes): NvsValue => ({ type: "blob", value: bytes })),
  fc.uint8Array({ minLength: 3000, maxLength: 9000 }).map((bytes): NvsValue => ({ type: "blob", value: bytes })),
);

const manyRecords = fc.uniqueArray(fc.record({ namespace: name, key: name, value }, { noNullPrototype: true }), {
  minLength: 1,
  maxLength: 20,
  selector: (record) => `${record.namespace}/${record.key}`,
});

describe("NVS images: the format, byte for byte", () => {
  const image = writeNvsImage(records(u8(5), text("ab")), THREE_PAGES);
  const view = new DataView(image.buffer);

  it("Structure of a Page: state, sequence number, version-2 pages, FF, and the CRC of the bytes 4 to 27", () => {
    equal(view.getUint32(0, true), 0xfffffffe);
    equal(view.getUint32(4, true), 0);
    equal(image[8], 0xfe);
    ok(image.subarray(9, 28).every((byte) => byte === 0xff));
    // As ESP-IDF's own images have it for page 0.
    equal(view.getUint32(28, true), 0xb9ba2d84);
    ok(image.subarray(PAGE_BYTES).every((byte) => byte === 0xff));
  });

  it("Entry and Entry State Bitmap: two bits an entry, 10 where it is written and 11 where it is empty", () => {
    // Namespace, integer, head of the string, its bytes.
    equal(image[32], 0b10101010);
    ok(image.subarray(33, 64).every((byte) => byte === 0xff));
  });

  it("Structure of Entry: namespace in namespace 0, an integer padded with FF, key ended by NUL, CRC without its own field", () => {
    const entry = image.subarray(ENTRIES_AT, ENTRIES_AT + 32);
    deepEqual([...entry.subarray(0, 4)], [0, 1, 1, 0xff]);
    deepEqual([...entry.subarray(8, 12)], [0x6e, 0, 0, 0]);
    deepEqual([...entry.subarray(24)], [1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    const covered = Uint8Array.from([...entry.subarray(0, 4), ...entry.subarray(8)]);
    equal(new DataView(entry.slice().buffer).getUint32(4, true), libraryCrc32(covered));
    const integer = image.subarray(ENTRIES_AT + 32, ENTRIES_AT + 64);
    deepEqual([...integer.subarray(0, 4)], [1, 1, 1, 0xff]);
    equal(integer[24], 5);
  });

  it("Structure of Entry: a string's size counts its NUL, and its bytes are padded with FF", () => {
    const head = image.subarray(ENTRIES_AT + 64, ENTRIES_AT + 96);
    deepEqual([...head.subarray(0, 4)], [1, 0x21, 2, 0xff]);
    deepEqual([...head.subarray(24, 28)], [3, 0, 0xff, 0xff]);
    const data = image.subarray(ENTRIES_AT + 96, ENTRIES_AT + 128);
    deepEqual([...data.subarray(0, 5)], [0x61, 0x62, 0, 0xff, 0xff]);
    equal(new DataView(head.slice().buffer).getUint32(28, true), libraryCrc32(Uint8Array.from([0x61, 0x62, 0])));
  });

  it("Structure of Entry: a blob over pages is chunks from 0 on, and an index with size, count and first", () => {
    const large = writeNvsImage(records(blob(5000)), 4 * PAGE_BYTES);
    const chunk = large.subarray(ENTRIES_AT + 32, ENTRIES_AT + 64);
    deepEqual([...chunk.subarray(0, 4)], [1, 0x42, 125, 0]);
    equal(new DataView(large.buffer).getUint32(0, true), 0xfffffffc, "the first page is full");
    const second = PAGE_BYTES + ENTRIES_AT;
    const rest = 5000 - 124 * 32;
    const span = 1 + Math.ceil(rest / 32);
    deepEqual([...large.subarray(second, second + 4)], [1, 0x42, span, 1]);
    const index = large.subarray(second + 32 * span, second + 32 * (span + 1));
    deepEqual([...index.subarray(0, 4)], [1, 0x48, 1, 0xff]);
    deepEqual([...index.subarray(24)], [5000 & 0xff, 5000 >> 8, 0, 0, 2, 0, 0xff, 0xff]);
  });

  it("a page filled to its last entry is followed by the next", () => {
    const list = records(...Array.from({ length: ENTRIES - 1 }, (_, i) => u8(i)));
    deepEqual(read(writeNvsImage(list, THREE_PAGES)), list);
    const more = [...list, { namespace: "n", key: "last", value: u8(1) }];
    const image = writeNvsImage(more, THREE_PAGES);
    deepEqual(read(image), more);
    equal(new DataView(image.buffer).getUint32(PAGE_BYTES + 4, true), 1);
  });
});

describe("NVS images: what Espressif's own generator made", () => {
  const problem = existsSync(join(ESPRESSIF, "nvs_partition.bin"))
    ? undefined
    : "its images are not beside the repository";
  const file = (of: string): Uint8Array => new Uint8Array(readFileSync(join(ESPRESSIF, of)));
  const check = (title: string, body: () => void): void => {
    if (problem === undefined) it(title, body);
    else it(`${title} (skipped: ${problem})`);
  };

  check("the reader reads it, plain and encrypted, and the keys partition", () => {
    const plain = read(file("nvs_partition.bin"));
    equal(plain.length, 6);
    deepEqual(plain[1], { namespace: "storage", key: "i8_key", value: { type: "i8", value: -128n } });
    const keys = readKeysImage(file("encryption_keys.bin"));
    ok(keys.ok);
    deepEqual(read(file("partition_encrypted.bin"), keys.keys), plain);
    deepEqual(writeKeysImage(keys.keys), file("encryption_keys.bin"));
  });

  check("the writer writes the same bytes; Espressif's marks pages as full that are not", () => {
    const plain = read(file("nvs_partition.bin"));
    const keys = readKeysImage(file("encryption_keys.bin"));
    ok(keys.ok);
    const page = (image: Uint8Array): Uint8Array => image.subarray(4, PAGE_BYTES);
    deepEqual(page(writeNvsImage(plain, 6 * PAGE_BYTES)), page(file("nvs_partition.bin")));
    deepEqual(page(writeNvsImage(plain, 6 * PAGE_BYTES, keys.keys)), page(file("partition_encrypted.bin")));
  });
});

describe("NVS images: random records", () => {
  it("10,000 come back as they were, from plain and encrypted images alike", () => {
    let seen = 0;
    fc.assert(
      fc.property(manyRecords, fc.boolean(), (list, isEncrypted) => {
        seen += list.length;
        const keys = isEncrypted ? KEYS : undefined;
        const image = writeNvsImage(list, 64 * PAGE_BYTES, keys);
        deepEqual(read(image, keys), list);
        if (isEncrypted) ok(!readNvsImage(image).ok);
      }),
      { seed: SEED, numRuns: counts(80, 1800), endOnFailure: true },
    );
    ok(seen >= counts(400, 10_000), `${seen} records`);
  });

  it("one bit turned anywhere in what is written is found", () => {
    const list = records(u8(1), text("a text of more than one entry, so that it has bytes behind its head"), blob(70));
    const image = writeNvsImage(list, THREE_PAGES);
    const end = ENTRIES_AT + 32 * 12;
    for (let bit = 0; bit < 8 * end; bit += counts(7, 1)) {
      const changed = image.slice();
      changed[bit >> 3] ^= 1 << (bit & 7);
      const result = readNvsImage(changed);
      // Bits of the state of a page tell active from full, and of a bitmap written from erased.
      if (result.ok) ok(bit < 32 || (bit >= 256 && bit < 512), `bit ${bit}`);
      else ok(result.reason.length > 0);
    }
  });

  it("the reader throws on nothing", () => {
    const base = writeNvsImage(records(u8(1), text("text"), blob(5000)), 4 * PAGE_BYTES);
    const change = fc.array(fc.tuple(fc.nat(2 * PAGE_BYTES), fc.nat(255)), { maxLength: 30 });
    fc.assert(
      fc.property(change, fc.boolean(), (changes, isEncrypted) => {
        const image = base.slice();
        for (const [at, byte] of changes) image[at] = byte;
        readNvsImage(image, isEncrypted ? KEYS : undefined);
      }),
      { seed: SEED, numRuns: counts(300, 10_000), endOnFailure: true },
    );
    for (const length of [0, 1, 4095, 4097]) ok(!readNvsImage(new Uint8Array(length)).ok);
  });
});

describe("NVS images: refused by name", () => {
  const one = (changed: Partial<NvsRecord>): NvsRecord[] => [{ namespace: "n", key: "k", value: u8(1), ...changed }];

  it("keys and namespaces", () => {
    equal(refusal(one({ key: "a".repeat(15) })), "none");
    equal(refusal(one({ key: "a".repeat(16) })), "key-longer-than-15");
    equal(refusal(one({ key: "" })), "key-empty");
    equal(refusal(one({ key: "ä" })), "key-not-printable-ascii");
    equal(refusal(one({ key: "a\0b" })), "key-not-printable-ascii");
    equal(refusal(one({ namespace: "a".repeat(16) })), "namespace-longer-than-15");
    equal(refusal(one({ namespace: "" })), "namespace-empty");
    equal(refusal([...one({}), ...one({ value: text("other") })]), "key-duplicate");
    equal(refusal([...one({}), ...one({ namespace: "m" })]), "none");
    const spaces = Array.from({ length: 255 }, (_, i) => ({ namespace: `n${i}`, key: "k", value: u8(1) }));
    equal(refusal(spaces, 64 * PAGE_BYTES), "too-many-namespaces");
    equal(refusal(spaces.slice(1), 64 * PAGE_BYTES), "none");
  });

  it("values", () => {
    equal(refusal(records({ type: "u8", value: 256n })), "integer-out-of-range-of-u8");
    equal(refusal(records({ type: "u64", value: -1n })), "integer-out-of-range-of-u64");
    equal(refusal(records({ type: "i16", value: 0x8000n })), "integer-out-of-range-of-i16");
    equal(refusal(records(text("a\0b"))), "string-with-nul");
    equal(refusal(records(text("\ud800"))), "string-not-unicode");
    equal(refusal(records(text("a".repeat(MAX_STRING_BYTES - 1)))), "none");
    equal(refusal(records(text("a".repeat(MAX_STRING_BYTES)))), "string-longer-than-4000-bytes");
    equal(refusal(records(blob(128 * 4000)), 200 * PAGE_BYTES), "blob-of-more-than-127-chunks");
  });

  it("images larger than the partition, one page of which stays empty", () => {
    // A page less the namespace, the chunk's head and, on the second page, a head and the index.
    const fits = 124 * 32 + 124 * 32;
    equal(refusal(records(blob(fits))), "none");
    equal(refusal(records(blob(fits + 1))), "image-larger-than-partition");
    equal(refusal(records(u8(1)), 2 * PAGE_BYTES), "partition-smaller-than-3-pages");
    equal(refusal(records(u8(1)), THREE_PAGES + 1), "partition-not-whole-pages");
  });

  it("the reason names the record", () => {
    throws(
      () => writeNvsImage(one({ namespace: "space", key: "a".repeat(16) }), THREE_PAGES),
      (error: NvsError) => error.place === `space/${"a".repeat(16)}`,
    );
  });
});

describe("NVS encryption (XTS-AES-256, IEEE 1619)", () => {
  it("IEEE 1619 annex B, vector 10: 32 bytes of the 512, under the first tweak FF", () => {
    // Sector 0xff; entries are data units of 32 bytes, so the first 32 bytes of the vector's 512.
    const dataKey = "2718281828459045235360287471352662497757247093699959574966967627";
    const tweakKey = "3141592653589793238462643383279502884197169399375105820974944592";
    const keys = new Uint8Array(Buffer.from(dataKey + tweakKey, "hex"));
    const plain = Uint8Array.from({ length: 32 }, (_, i) => i);
    const expected = "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b";
    equal(Buffer.from(encryptEntry(plain, 0xff, keys)).toString("hex"), expected);
    deepEqual(new EntryDecipher(keys).decrypt(new Uint8Array(Buffer.from(expected, "hex")), 0xff), plain);
  });

  it("headers, bitmaps and empty entries stay plain; equal entries at two places do not look alike", () => {
    const list = records(blob(64), blob(64));
    const plain = writeNvsImage(list, THREE_PAGES);
    const encrypted = writeNvsImage(list, THREE_PAGES, KEYS);
    deepEqual(encrypted.subarray(0, 64), plain.subarray(0, 64));
    const at = (image: Uint8Array, entry: number): string =>
      Buffer.from(image.subarray(64 + 32 * entry, 96 + 32 * entry)).toString("hex");
    // Namespace, then head, two entries of data and index, twice.
    equal(at(plain, 2), at(plain, 6));
    ok(at(encrypted, 2) !== at(encrypted, 6));
    ok(at(encrypted, 2) !== at(plain, 2));
    ok(encrypted.subarray(64 + 32 * 9).every((byte) => byte === 0xff));
  });

  it("NVS Key Partition: both keys, their CRC, FF to the end of 4096 bytes; a turned bit is found", () => {
    const image = writeKeysImage(KEYS);
    equal(image.length, 4096);
    deepEqual(image.subarray(0, 64), KEYS);
    ok(image.subarray(68).every((byte) => byte === 0xff));
    const back = readKeysImage(image);
    ok(back.ok);
    deepEqual(back.keys, KEYS);
    image[40] ^= 1;
    deepEqual(readKeysImage(image), { ok: false, reason: "keys-crc-wrong" });
    throws(() => writeKeysImage(new Uint8Array(32)), RangeError);
  });
});
