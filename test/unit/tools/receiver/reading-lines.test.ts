import assert from "node:assert/strict";
import fc from "fast-check";
import { type Claims, parseBatchToken } from "../../../../firmware/wire/eat-token.ts";
import type { Profile } from "../../../../firmware/wire/profile.ts";
import { ReadingLines } from "../../../../tools/receiver/reading-lines.ts";
import { readingOf } from "../../../../tools/receiver/reading-output.ts";
import { counts } from "../../../counts.ts";
import { TestNode } from "./fixture.ts";

const DIGEST = "ab".repeat(32);

const writer = new ReadingLines();

function readingLines(claims: Claims): string {
  return Buffer.from(writer.of(claims, "70b3d57ed0000001", DIGEST)).toString("latin1");
}

function expected(claims: Claims): string {
  const lines = Array.from({ length: claims.count }, (_, i) => readingOf(claims, i, "70b3d57ed0000001", DIGEST));
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

describe("JSON lines of readings", () => {
  const parsed = parseBatchToken(new TestNode(1).token());
  assert.ok(parsed.ok);
  const { claims } = parsed;

  it("are the text of the objects, with wall time and with uptime", () => {
    assert.equal(readingLines(claims), expected(claims));
    const uptime = { ...claims, wallTime: false, timeQuality: 0, t0: 600 };
    assert.equal(readingLines(uptime), expected(uptime));
    assert.ok(expected(uptime).includes('"time":null,"uptime":600,'));
  });

  it("for any values, flags and scales", () => {
    const scales = fc.constantFrom(0.1, 0.2, 0.5, 0.01, 0.05, 0.001, 0.004, 1 / 3, 1 / 7, 0.0001, 1, 5, 10);
    const integers = fc.oneof(fc.integer({ min: -2000, max: 2000 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }));
    fc.assert(
      fc.property(
        fc.array(fc.record({ scale: scales, values: fc.tuple(integers, integers) }), { minLength: 1, maxLength: 12 }),
        fc.tuple(fc.integer({ min: 0 }), fc.integer({ min: 0 })),
        fc.integer({ min: 1_000_000_000, max: 0x1ffffffff }),
        (fields, flags, t0) => {
          const all = (1 << (2 * fields.length)) - 1;
          const profile: Profile = {
            uri: "tag:test",
            version: 1,
            fields: fields.map(({ scale }, i) => ({
              name: `field${i}`,
              quantity: "a.b",
              unit: "1",
              scale,
              min: -(2 ** 31),
              max: 2 ** 31 - 1,
            })),
          };
          const columns = [flags.map((bits) => bits & all), ...fields.map(({ values }) => values)];
          const any: Claims = {
            ...claims,
            t0,
            dt: 1 + (t0 % 90_000),
            profile,
            count: 2,
            columns: columns.map((column) => Int32Array.from(column)),
          };
          assert.equal(readingLines(any), expected(any));
        },
      ),
      { numRuns: counts(2_000, 100_000), seed: 4 },
    );
  });
});
