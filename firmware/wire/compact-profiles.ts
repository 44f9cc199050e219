/** How each profile is coded in compact tokens: one line a field, in the profile's order. See compact-rules.ts. */
import { type CompactRules, EXPECT, type FieldRule, STATISTICS } from "./compact-rules.ts";
import type { Profile } from "./profile.ts";

function last(statistics: number, error: number, windowBits: number): FieldRule {
  return Object.freeze({ expect: EXPECT.last, statistics, error, windowBits });
}

function line(statistics: number, error: number, windowBits: number): FieldRule {
  return Object.freeze({ expect: EXPECT.line, statistics, error, windowBits });
}

function average(error: number): FieldRule {
  return Object.freeze({ expect: EXPECT.average, statistics: STATISTICS.wind, error, windowBits: 0 });
}

function ratio(of: number, first: number, error: number): FieldRule {
  return Object.freeze({ expect: EXPECT.ratio, statistics: STATISTICS.wind, error, windowBits: 0, of, ratio: first });
}

function direction(speed: number): FieldRule {
  return Object.freeze({
    expect: EXPECT.circular,
    statistics: STATISTICS.direction,
    error: 64,
    windowBits: 0,
    of: speed,
  });
}

function humidity(temperature: number): FieldRule {
  return Object.freeze({
    expect: EXPECT.coupled,
    statistics: STATISTICS.humidity,
    error: 32,
    windowBits: 6,
    of: temperature,
  });
}

const TEMPERATURE = last(STATISTICS.temperature, 32, 7);
const BATTERY = last(STATISTICS.steady, 16, 6);

const ALL_RULES: readonly CompactRules[] = Object.freeze([
  Object.freeze({
    uri: "tag:groundtruth,2026:weather:1",
    fields: Object.freeze([
      TEMPERATURE,
      humidity(0),
      last(STATISTICS.steady, 16, 6),
      average(64),
      ratio(3, 410, 64),
      direction(3),
      last(STATISTICS.counter, 2, 6),
      line(STATISTICS.irradiance, 256, 0),
      BATTERY,
    ]),
  }),
  Object.freeze({
    uri: "tag:groundtruth,2026:air-quality:1",
    fields: Object.freeze([
      average(64),
      ratio(0, 340, 64),
      ratio(1, 320, 64),
      last(STATISTICS.steady, 256, 9),
      last(STATISTICS.steady, 64, 0),
      last(STATISTICS.steady, 16, 0),
      average(256),
      TEMPERATURE,
      humidity(7),
      BATTERY,
    ]),
  }),
  Object.freeze({
    uri: "tag:groundtruth,2026:energy:1",
    fields: Object.freeze([
      line(STATISTICS.irradiance, 1024, 0),
      line(STATISTICS.steady, 256, 16),
      line(STATISTICS.steady, 256, 16),
      last(STATISTICS.steady, 128, 8),
      last(STATISTICS.irradiance, 256, 0),
      last(STATISTICS.steady, 32, 6),
    ]),
  }),
  Object.freeze({
    uri: "tag:groundtruth,2026:location:1",
    fields: Object.freeze([
      line(STATISTICS.steady, 64, 20),
      line(STATISTICS.steady, 64, 20),
      last(STATISTICS.steady, 64, 12),
      average(64),
      average(64),
      direction(4),
      last(STATISTICS.steady, 32, 0),
      BATTERY,
    ]),
  }),
  Object.freeze({
    uri: "tag:groundtruth,2026:soil-water:1",
    fields: Object.freeze([
      last(STATISTICS.steady, 16, 8),
      last(STATISTICS.steady, 16, 8),
      last(STATISTICS.steady, 16, 7),
      last(STATISTICS.steady, 16, 7),
      last(STATISTICS.steady, 16, 8),
      last(STATISTICS.steady, 32, 12),
      last(STATISTICS.steady, 16, 7),
      last(STATISTICS.steady, 32, 10),
      line(STATISTICS.steady, 64, 16),
      BATTERY,
    ]),
  }),
]);

/** The rules of a profile, or undefined where it has no compact token. */
export function compactRules(profile: Profile): CompactRules | undefined {
  for (const rules of ALL_RULES) if (rules.uri === profile.uri) return rules;
  return undefined;
}
