import assert from "node:assert/strict";
import fc from "fast-check";
import { newReading, readingRecordBytes, readReading, writeReading } from "../../../firmware/wire/reading-record.ts";
import {
  TOKEN_KIND,
  TOKEN_RECORD_HEADER_BYTES,
  tokenRecordJournalEnd,
  tokenRecordKeyRow,
  tokenRecordKind,
  writeTokenRecordHeader,
} from "../../../firmware/wire/token-record.ts";
import { counts } from "../../counts.ts";

const FIELDS = 9;

describe("journal record", () => {
  it("holds every reading there can be", () => {
    fc.assert(
      fc.property(
        fc.record({
          profileVersion: fc.integer({ min: 0, max: 255 }),
          bootCount: fc.integer({ min: 0, max: 0xffffffff }),
          intervalS: fc.integer({ min: 1, max: 86_400 }),
          timeQuality: fc.integer({ min: 0, max: 127 }),
          uptimeS: fc.integer({ min: 0, max: 0xffffffff }),
          wallS: fc.integer({ min: 0, max: 0x1ffffffff }),
          flags: fc.integer({ min: 0, max: 0x3ffff }),
          values: fc.array(fc.integer(), { minLength: FIELDS, maxLength: FIELDS }),
        }),
        (fields) => {
          const reading = { ...fields, values: Int32Array.from(fields.values) };
          const bytes = new Uint8Array(readingRecordBytes(FIELDS));
          assert.equal(writeReading(reading, bytes), bytes.length);
          const back = newReading(FIELDS);
          assert.equal(readReading(bytes, bytes.length, back), true);
          assert.deepEqual(back, reading);
        },
      ),
      { seed: 1, numRuns: counts(500, 10_000) },
    );
  });

  it("refuses another format, another length and another number of values", () => {
    const bytes = new Uint8Array(100);
    const length = writeReading(newReading(FIELDS), bytes);
    const reading = newReading(FIELDS);
    assert.equal(readReading(bytes, length - 1, reading), false);
    assert.equal(readReading(bytes, length + 1, reading), false);
    assert.equal(readReading(bytes, length, newReading(FIELDS - 1)), false);
    bytes[0] = 2;
    assert.equal(readReading(bytes, length, reading), false);
  });
});

describe("outbox record", () => {
  it("names the first journal record that its token does not hold, and the kind of its token", () => {
    const record = new Uint8Array(20);
    for (const number of [0, 1, 0x12345678, 0xffffffff]) {
      for (const kind of Object.values(TOKEN_KIND)) {
        for (const keyRow of [false, true]) {
          writeTokenRecordHeader(number, kind, keyRow, record);
          assert.equal(tokenRecordJournalEnd(record, 20), number);
          assert.equal(tokenRecordKind(record), kind);
          assert.equal(tokenRecordKeyRow(record), keyRow);
        }
      }
    }
    writeTokenRecordHeader(0x12345678, TOKEN_KIND.key, true, record);
    assert.deepEqual([...record.subarray(0, 6)], [0x12, 0x34, 0x56, 0x78, 0x84, 0]);
    assert.equal(tokenRecordJournalEnd(record, TOKEN_RECORD_HEADER_BYTES), -1);
    assert.equal(tokenRecordJournalEnd(record, -1), -1);
  });
});
