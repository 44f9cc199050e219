/** Readings to reckon with, and how long their tokens become. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { compactRules } from "../../../../firmware/wire/compact-profiles.ts";
import { CompactEncoder, decodeCompact } from "../../../../firmware/wire/compact-token.ts";
import { missingFlag } from "../../../../firmware/wire/profile.ts";
import { parseReplayCsv } from "../../../../host-sim/weather/replay-csv.ts";
import { bootTokenBytes, digestTokenBytes } from "../../../../tools/planning/statement-lengths.ts";
import {
  generatedStretches,
  PROFILE_NAMES,
  profileOfName,
  recordedStretches,
} from "../../../../tools/planning/streams.ts";
import { tokenLengths } from "../../../../tools/planning/token-lengths.ts";

const DATA = join(import.meta.dirname, "../../../../../shared/data/weather");
const KNOWN_TIME = (1 << 5) | 10;

function meanAt(lengths: readonly number[][], readings: number): number {
  return lengths.reduce((sum, stretch) => sum + stretch[readings - 1], 0) / lengths.length;
}

describe("planning: readings", () => {
  for (const name of PROFILE_NAMES) {
    it(`${name}: generated at any step within the profile's ranges, nothing missing, the same each time`, () => {
      const profile = profileOfName(name)!;
      for (const stepS of [10, 300, 3600]) {
        const stretches = generatedStretches(profile, stepS, 12, 20);
        assert.deepEqual(generatedStretches(profile, stepS, 12, 20), stretches);
        assert.equal(stretches.length, 12);
        for (const { startS, rows } of stretches) {
          assert.equal(startS % stepS, 0);
          assert.equal(rows.length, 20);
          for (const { flags, values } of rows) {
            assert.equal(flags, 0);
            for (const [f, { min, max }] of profile.fields.entries()) assert.ok(values[f] >= min && values[f] <= max);
          }
        }
      }
    });
  }

  it("counters only grow: rain, energy, litres", () => {
    for (const [name, field] of [
      ["weather", "rain"],
      ["energy", "energyImported"],
      ["energy", "energyExported"],
      ["soil-water", "waterVolume"],
    ]) {
      const profile = profileOfName(name)!;
      const f = profile.fields.findIndex((candidate) => candidate.name === field);
      for (const { rows } of generatedStretches(profile, 300, 30, 64)) {
        for (let i = 1; i < rows.length; i++) assert.ok(rows[i].values[f] >= rows[i - 1].values[f]);
      }
    }
  });

  it("a file gives its own rows, every interval, and missing columns stay missing", () => {
    const lines = Array.from(
      { length: 21 },
      (_, i) => `${new Date(1_700_000_100_000 + i * 60_000).toISOString()},${i},70`,
    );
    const parsed = parseReplayCsv(["time_utc,air_temperature_degC,relative_humidity_pct", ...lines].join("\n"));
    assert.ok(parsed.ok);
    const stretches = recordedStretches(parsed.table, 300, 10, 4);
    assert.equal(stretches.length, 2);
    assert.deepEqual(
      stretches.map(({ rows }) => rows.map(({ values }) => values[0] / 10)),
      [
        [0, 5, 10, 15],
        [5, 10, 15, 20],
      ],
    );
    assert.ok((stretches[0].rows[0].flags & missingFlag(2)) !== 0);
    assert.deepEqual(recordedStretches(parsed.table, 300, 10, 6), []);
  });
});

describe("planning: lengths of tokens", () => {
  it("are those of the node's encoder: the token that ends there is as long, and decodes to the readings", () => {
    const profile = profileOfName("weather")!;
    const rules = compactRules(profile)!;
    const [stretch] = generatedStretches(profile, 300, 1, 64);
    const { plain, key } = tokenLengths(profile, 300, KNOWN_TIME, [stretch]);
    for (const readings of [1, 2, 17, 64]) {
      for (const isKey of [false, true]) {
        const bytes = new Uint8Array(1024);
        const encoder = new CompactEncoder(profile, rules, bytes);
        const { startS, rows } = stretch;
        const begin = { bootCount: 1, seq: 0, t0: startS, dt: 300, timeQuality: KNOWN_TIME, key: isKey, escape: false };
        encoder.start(begin, 900);
        for (const row of rows.slice(0, readings)) assert.ok(encoder.add(row));
        const length = (isKey ? key : plain)[0][readings - 1];
        assert.equal(encoder.length + 64, length);
        const decoded = decodeCompact(profile, rules, bytes.subarray(0, length));
        assert.ok(decoded.ok);
        assert.equal(decoded.count, readings);
        // Temperature, less what a batch without key row leaves to the receiver.
        const first = decoded.columns[1][0] - rows[0].values[0];
        assert.deepEqual(
          [...decoded.columns[1]].map((value) => value - first),
          rows.slice(0, readings).map(({ values }) => values[0]),
        );
        if (isKey) assert.equal(first, 0);
      }
    }
  });

  it("a key batch is longer, and every reading costs something", () => {
    for (const name of PROFILE_NAMES) {
      const profile = profileOfName(name)!;
      const { plain, key } = tokenLengths(profile, 300, KNOWN_TIME, generatedStretches(profile, 300, 40, 64));
      for (const readings of [1, 12, 64]) assert.ok(meanAt(key, readings) > meanAt(plain, readings), name);
      assert.ok(meanAt(plain, 64) - meanAt(plain, 12) > 50, name);
    }
  });

  it("generated weather is as hard to code as real weather: between a summer by the sea and a day of mountain wind", function () {
    const lengthAt36 = (file: string): number | undefined => {
      const path = join(DATA, file);
      if (!existsSync(path)) return undefined;
      const parsed = parseReplayCsv(readFileSync(path, "utf8"));
      assert.ok(parsed.ok);
      const profile = profileOfName("weather")!;
      return meanAt(tokenLengths(profile, 300, KNOWN_TIME, recordedStretches(parsed.table, 300, 240, 64)).plain, 36);
    };
    const easy = lengthAt36("dtu-2024-07.csv");
    const hard = lengthAt36("midc-2018-10-18.csv");
    if (easy === undefined || hard === undefined) return this.skip();
    const profile = profileOfName("weather")!;
    const ours = meanAt(tokenLengths(profile, 300, KNOWN_TIME, generatedStretches(profile, 300, 240, 64)).plain, 36);
    assert.ok(ours > easy && ours < hard, `${easy} < ${ours} < ${hard}`);
  });

  it("boot and digest tokens are as long as tokens of their claims", () => {
    // Digest: tag, array, alg, kid: 17; claims 80, their head 2; signature 66; within two bytes of each counter's size.
    assert.ok(Math.abs(digestTokenBytes() - 165) <= 3);
    for (const name of PROFILE_NAMES) {
      const bytes = bootTokenBytes(profileOfName(name)!);
      assert.ok(bytes > 300 && bytes < 420, `${bytes}`);
    }
  });
});
