/**
 * Random batches that may stand in a token, of every profile: fields that rest, walk and jump, values missing and suspect, fields that never
 * answer, wall time and uptime. And what a receiver may know when such a batch arrives in compact form.
 */
import fc from "fast-check";
import {
  type Batch,
  checkBatch,
  type EntityClaims,
  MAX_BATCH_READINGS,
  MAX_STEP_S,
  MAX_TIME_S,
  MIN_WALL_TIME_S,
} from "../../firmware/wire/batch.ts";
import { SEQ_MODULUS, SLOT_MODULUS } from "../../firmware/wire/compact-header.ts";
import { compactRules } from "../../firmware/wire/compact-profiles.ts";
import type { RebuildContext } from "../../firmware/wire/compact-rebuild.ts";
import { columnCount, type Field, missingFlag, type Profile } from "../../firmware/wire/profile.ts";
import { KNOWN_PROFILES } from "../../firmware/wire/profiles/known.ts";

const MAX_UINT32 = 0xffffffff;

/** Enough to make the batch again: what fast-check prints when one fails. */
export interface Shape {
  profile: Profile;
  count: number;
  dt: number;
  timeQuality: number;
  bootCount: number;
  seq: number;
  slot: number;
  seed: number;
  /** Readings of a hundred that have flags. */
  flagged: number;
  /** How far a field walks in one step. */
  reach: number;
}

export const shapes: fc.Arbitrary<Shape> = fc.record({
  profile: fc.constantFrom(...KNOWN_PROFILES),
  count: fc.oneof(fc.constant(36), fc.integer({ min: 1, max: MAX_BATCH_READINGS })),
  dt: fc.oneof(fc.constantFrom(1, 60, 300, 900, 3600, MAX_STEP_S), fc.integer({ min: 1, max: MAX_STEP_S })),
  timeQuality: fc.oneof(
    fc.constantFrom(0, 42),
    fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 10, max: 31 })).map(([s, e]) => (s << 5) | e),
  ),
  bootCount: fc.oneof(fc.nat(100), fc.integer({ min: 0, max: MAX_UINT32 })),
  seq: fc.oneof(fc.nat(100), fc.integer({ min: 0, max: MAX_UINT32 })),
  slot: fc.nat(MAX_UINT32),
  seed: fc.integer(),
  flagged: fc.constantFrom(0, 0, 2, 20),
  reach: fc.constantFrom(1, 3, 30, 1000),
});

export type Random = (below: number) => number;

/** Values come from one number, so that a failing batch is named by its shape. */
export function randomOf(seed: number): Random {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) % below;
  };
}

function nextValue({ min, max }: Field, last: number, reach: number, random: Random): number {
  const kind = random(16);
  if (kind === 0) return random(4) === 0 ? min : random(4) === 0 ? max : min + random(max - min + 1);
  if (kind < 5) return last;
  return Math.min(Math.max(last + random(2 * reach + 1) - reach, min), max);
}

/** The batch, with fewer readings where `fits` says that it is too long: sensors gone wild close a batch early. */
export function batchOf(shape: Shape, fits: (batch: Batch) => boolean): Batch {
  const { profile, count, dt, timeQuality, bootCount, seq, seed, flagged, reach } = shape;
  const random = randomOf(seed);
  const wallTime = timeQuality !== 0;
  const firstSlot = wallTime ? Math.ceil(MIN_WALL_TIME_S / dt) : 0;
  const slots = Math.floor(MAX_TIME_S / dt) - count - firstSlot;
  const columns = Array.from({ length: columnCount(profile) }, () => new Int32Array(MAX_BATCH_READINGS));
  const fields = profile.fields.length;
  const lasts = profile.fields.map(({ min, max }) => min + random(max - min + 1));
  const absent = flagged === 0 ? 0 : random(1 << fields) & random(1 << fields);
  for (let i = 0; i < count; i++) {
    let flags = absent;
    if (random(100) < flagged) flags |= random(1 << fields) | (random(1 << fields) << fields);
    columns[0][i] = flags;
    for (let f = 0; f < fields; f++) {
      const missing = (flags & missingFlag(f)) !== 0;
      if (!missing) lasts[f] = nextValue(profile.fields[f], lasts[f], reach, random);
      columns[f + 1][i] = !missing ? lasts[f] : i === 0 ? 0 : columns[f + 1][i - 1];
    }
  }
  const t0 = (firstSlot + (shape.slot % slots)) * dt;
  const batch: Batch = { profile, bootCount, seq, t0, dt, timeQuality, wallTime, count, columns };
  while (!fits(batch)) batch.count--;
  const reason = checkBatch(batch);
  if (reason !== undefined) throw new Error(`a random batch that cannot be: ${reason}`);
  return batch;
}

/** How the node sends a batch, and where the receiver's expectation is wrong. */
export interface Journey {
  key: boolean;
  escape: boolean;
  /** The number is 16 off, the time one round of slots, or the first value of a field one window. */
  surprise: "none" | "seq" | "slot" | "value";
}

export const journeys: fc.Arbitrary<Journey> = fc.record({
  key: fc.boolean(),
  escape: fc.boolean(),
  surprise: fc.constantFrom("none", "none", "none", "seq", "slot", "value"),
});

/** The first value of field `f`, or undefined where the batch has none. */
function firstValue(batch: Batch, f: number): number | undefined {
  for (let i = 0; i < batch.count; i++) {
    if ((batch.columns[0][i] & missingFlag(f)) === 0) return batch.columns[f + 1][i];
  }
  return undefined;
}

/**
 * Values known before: less than half a window off, as those of the batch before would be. With a surprise they are exact, but for one that moved a
 * little more than half a window: several errors at a time may take more candidates than a receiver tries.
 */
function knownBefore(batch: Batch, surprise: Journey["surprise"], random: Random): (number | undefined)[] {
  const rules = compactRules(batch.profile)!;
  const windowed = rules.fields.flatMap(({ windowBits }, f) => (windowBits > 0 ? [f] : []));
  const moved = surprise === "value" ? windowed[random(windowed.length)] : -1;
  return batch.profile.fields.map(({ min, max }, f) => {
    const first = firstValue(batch, f);
    if (first === undefined) return undefined;
    const half = (1 << rules.fields[f].windowBits) >> 1;
    if (f === moved) return first + half < max ? first + half + 1 : Math.max(first - half - 1, min);
    const reach = surprise === "none" ? Math.max(0, half - 1) : 0;
    return first + random(2 * reach + 1) - reach;
  });
}

/** What a receiver knows when the batch comes. With an escape, nothing but the boot. */
export function contextFor(batch: Batch, entity: EntityClaims, journey: Journey, random: Random): RebuildContext {
  const { profile, bootCount, seq, t0, dt, count } = batch;
  const { key, surprise } = journey;
  const endS = t0 + (count - 1) * dt;
  if (journey.escape)
    return { entity, profile, bootCount, nextSeq: 0, latestS: endS, known: profile.fields.map(() => undefined) };
  // A token may be up to four behind the one that is expected, or eleven before it; and all but a round of slots old.
  let nextSeq = Math.max(0, seq + 4 - random(SEQ_MODULUS));
  let latestS = endS + random(SLOT_MODULUS * dt);
  if (surprise === "seq") nextSeq = Math.max(0, seq - SEQ_MODULUS);
  if (surprise === "slot") latestS = endS + SLOT_MODULUS * dt;
  const known = key ? profile.fields.map(() => undefined) : knownBefore(batch, surprise, random);
  return { entity, profile, bootCount, nextSeq, latestS: Math.min(latestS, MAX_TIME_S), known };
}
