import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { type Batch, MAX_BATCH_READINGS, MAX_CLAIMS_BYTES } from "../../../firmware/wire/batch.ts";
import { encodeClaims, encodeCollected } from "../../../firmware/wire/batch-claims.ts";
import { BatchColumns } from "../../../firmware/wire/batch-columns.ts";
import type { CompactRow } from "../../../firmware/wire/compact-model.ts";
import { columnCount, missingFlag, suspectFlag } from "../../../firmware/wire/profile.ts";
import { WEATHER } from "../../../firmware/wire/profiles/weather.ts";

const FIELDS = WEATHER.fields.length;
const ENTITY = {
  ueid: Uint8Array.from([2, 0, 0, 0, 0, 0, 0, 0, 1]),
  oemid: new Uint8Array(3),
  hwmodel: new Uint8Array(4),
  dbgstat: 3,
};

/** Rows whose differences take 1 to 5 bytes, some values missing; the same at each run. */
function rowsOf(count: number, spread: number): CompactRow[] {
  let state = 7;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  return Array.from({ length: count }, () => {
    const row = { flags: random(5) === 0 ? suspectFlag(WEATHER, 2) : 0, values: new Int32Array(FIELDS) };
    WEATHER.fields.forEach(({ min, max }, f) => {
      if (random(4) === 0) row.flags |= missingFlag(f);
      else row.values[f] = Math.min(min + random(spread), max);
    });
    return row;
  });
}

function batchOf(rows: readonly CompactRow[]): Batch {
  const columns = Array.from({ length: columnCount(WEATHER) }, () => new Int32Array(rows.length));
  rows.forEach(({ flags, values }, i) => {
    columns[0][i] = flags;
    for (let f = 0; f < FIELDS; f++) {
      const before = i === 0 ? 0 : columns[f + 1][i - 1];
      columns[f + 1][i] = (flags & missingFlag(f)) === 0 ? values[f] : before;
    }
  });
  const head = { bootCount: 2, seq: 5, t0: 1_750_464_000, dt: 300, timeQuality: 0x2b, wallTime: true };
  return { profile: WEATHER, ...head, count: rows.length, columns };
}

describe("the columns of a batch, row by row", () => {
  it("are the bytes of the claims that the same values make at once, for each number of rows", () => {
    for (const spread of [3, 60, 100_000]) {
      const collected = new BatchColumns(WEATHER, 10_000);
      const rows = rowsOf(MAX_BATCH_READINGS, spread);
      rows.forEach((row, i) => {
        collected.add(row);
        const batch = batchOf(rows.slice(0, i + 1));
        const expected = new Uint8Array(5000);
        const found = new Uint8Array(5000);
        equal(encodeCollected(ENTITY, batch, collected, found), encodeClaims(ENTITY, batch, expected));
        deepEqual(found, expected);
      });
    }
  });

  it("begin anew after `clear`", () => {
    const collected = new BatchColumns(WEATHER, MAX_CLAIMS_BYTES);
    const rows = rowsOf(5, 60);
    for (const row of rows) collected.add(row);
    collected.clear();
    equal(collected.length, 0);
    collected.add(rows[0]);
    const batch = batchOf(rows.slice(0, 1));
    const found = new Uint8Array(MAX_CLAIMS_BYTES);
    const expected = new Uint8Array(MAX_CLAIMS_BYTES);
    encodeClaims(ENTITY, batch, expected);
    encodeCollected(ENTITY, batch, collected, found);
    deepEqual(found, expected);
  });

  it("a row fits as long as there is room for all of it", () => {
    const row = { flags: 0, values: Int32Array.from(WEATHER.fields, ({ min }) => min) };
    const unbounded = new BatchColumns(WEATHER, MAX_CLAIMS_BYTES);
    unbounded.add(row);
    // What is as before takes a byte a column.
    const room = unbounded.length + 2 * columnCount(WEATHER);
    const collected = new BatchColumns(WEATHER, room);
    for (let i = 0; i < 3; i++) {
      ok(collected.fits(row));
      collected.add(row);
    }
    equal(collected.length, room);
    equal(collected.fits(row), false);
  });

  it("take no value and no flag that no receiver would accept", () => {
    const collected = new BatchColumns(WEATHER, MAX_CLAIMS_BYTES);
    const values = Int32Array.from(WEATHER.fields, ({ min }) => min);
    const good = values.slice();
    values[0] = WEATHER.fields[0].max + 1;
    throws(() => collected.add({ flags: 0, values }), /value-out-of-range/);
    throws(() => collected.add({ flags: 1 << (2 * FIELDS), values: good }), /unknown-flag/);
    equal(collected.length, 0);
    collected.add({ flags: missingFlag(0), values });
  });
});
