import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import {
  CLOCK_DRIFT_PPM,
  SLEEPING_CLOCK_DRIFT_PPM,
  SLEEPING_TIME_REFRESH_MS,
  TIME_REFRESH_MS,
} from "../../../firmware/core/bounds.ts";
import { codeHeader } from "../../../firmware/wire/compact-header.ts";
import { compactRules } from "../../../firmware/wire/compact-profiles.ts";
import { CompactCandidates, MAX_CANDIDATES } from "../../../firmware/wire/compact-rebuild.ts";
import { EXPECT, STATISTICS } from "../../../firmware/wire/compact-rules.ts";
import { CompactEncoder, decodeCompact, MAX_COMPACT_BYTES } from "../../../firmware/wire/compact-token.ts";
import { SIGNATURE_BYTES } from "../../../firmware/wire/cose-sign1.ts";
import { type Batch, checkBatch, claimsFit, MAX_BATCH_READINGS } from "../../../firmware/wire/eat-token.ts";
import { columnCount, type Field, missingFlag, type Profile } from "../../../firmware/wire/profile.ts";
import { KNOWN_PROFILES, profileByUri } from "../../../firmware/wire/profiles/known.ts";
import { WEATHER } from "../../../firmware/wire/profiles/weather.ts";
import { PROBABILITY_ONE, type SymbolCoder } from "../../../firmware/wire/range-coder.ts";
import { TIME_SOURCE, timeQuality } from "../../../firmware/wire/time-quality.ts";
import { sequencesOfFile, trainOnFiles } from "../../../tools/training/train-compact.ts";
import type { Sequence } from "../../../tools/training/weather-sequences.ts";
import { counts } from "../../counts.ts";
import { type CompactOptions, compactOf, contextOf, expand, weatherFile } from "./compact-fixture.ts";
import { makeBatch, makeIdentity, makeToken } from "./token-fixture.ts";

const NO_SIGNATURE = new Uint8Array(SIGNATURE_BYTES);

function signatureOf(token: Uint8Array): Uint8Array {
  return token.slice(token.length - SIGNATURE_BYTES);
}

/** A small generator for values, so that a failing batch is named by one number. */
function randomOf(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) % below;
  };
}

/** How a field moves: it rests, walks by steps of about `reach`, or jumps anywhere. */
function nextValue(field: Field, last: number, reach: number, random: (below: number) => number): number {
  const { min, max } = field;
  const kind = random(16);
  if (kind === 0) return random(4) === 0 ? min : random(4) === 0 ? max : min + random(max - min + 1);
  if (kind < 5) return last;
  const step = random(2 * reach + 1) - reach;
  return Math.min(Math.max(last + step, min), max);
}

interface Shape {
  profile: Profile;
  count: number;
  dt: number;
  timeQuality: number;
  bootCount: number;
  seq: number;
  slot: number;
  seed: number;
  flagged: number;
  reach: number;
}

const shapes: fc.Arbitrary<Shape> = fc.record({
  profile: fc.constantFrom(...KNOWN_PROFILES),
  count: fc.oneof(fc.constant(36), fc.integer({ min: 1, max: MAX_BATCH_READINGS })),
  dt: fc.oneof(fc.constantFrom(1, 60, 300, 900, 3600, 86_400), fc.integer({ min: 1, max: 86_400 })),
  timeQuality: fc.oneof(
    fc.constantFrom(0, 42, 43, 48, 139, 144),
    fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 10, max: 31 })).map(([s, e]) => (s << 5) | e),
  ),
  bootCount: fc.oneof(fc.nat(100), fc.integer({ min: 0, max: 0xffffffff })),
  seq: fc.oneof(fc.nat(100), fc.integer({ min: 0, max: 0xffffffff })),
  slot: fc.nat(0xffffffff),
  seed: fc.integer(),
  flagged: fc.constantFrom(0, 0, 2, 20),
  reach: fc.constantFrom(1, 3, 30, 1000),
});

/** Whether the longest compact token holds the batch; sensors gone wild close a batch early. */
function compactFits(batch: Batch): boolean {
  const decoded = decodeCompact(
    batch.profile,
    compactRules(batch.profile)!,
    compactOf(batch, { key: false, escape: true }, NO_SIGNATURE),
  );
  return decoded.ok && decoded.count === batch.count;
}

/** A batch that may stand in a token. */
function batchOf(shape: Shape): Batch {
  const { profile, count, dt, timeQuality, bootCount, seq, seed, flagged, reach } = shape;
  const random = randomOf(seed);
  const wallTime = timeQuality !== 0;
  const firstSlot = wallTime ? Math.ceil(1_000_000_000 / dt) : 0;
  const slots = Math.floor(0x1ffffffff / dt) - count - firstSlot;
  const columns = Array.from({ length: columnCount(profile) }, () => new Int32Array(MAX_BATCH_READINGS));
  const fields = profile.fields.length;
  const lasts = profile.fields.map(({ min, max }) => min + random(max - min + 1));
  const absent = flagged === 0 ? 0 : random(1 << fields) & random(1 << fields);
  for (let i = 0; i < count; i++) {
    let flags = absent;
    if (random(100) < flagged) flags |= random(1 << fields) | (random(1 << fields) << fields);
    columns[0][i] = flags;
    for (let f = 0; f < fields; f++) {
      if ((flags & missingFlag(f)) === 0) lasts[f] = nextValue(profile.fields[f], lasts[f], reach, random);
      columns[f + 1][i] = (flags & missingFlag(f)) === 0 ? lasts[f] : i === 0 ? 0 : columns[f + 1][i - 1];
    }
  }
  const t0 = (firstSlot + (shape.slot % slots)) * dt;
  const batch: Batch = { profile, bootCount, seq, t0, dt, timeQuality, wallTime, count, columns };
  while (!claimsFit(makeIdentity(), batch) || !compactFits(batch)) batch.count--;
  equal(checkBatch(batch), undefined);
  return batch;
}

/** What was known before: near the first value, by less than half a window; a value that the batch never has is not known. */
function knownBefore(batch: Batch, random: (below: number) => number): (number | undefined)[] {
  return batch.profile.fields.map((_, f) => {
    for (let i = 0; i < batch.count; i++) {
      if ((batch.columns[0][i] & missingFlag(f)) !== 0) continue;
      const window = 1 << compactRules(batch.profile)!.fields[f].windowBits;
      const reach = Math.max(0, (window >> 1) - 1);
      return batch.columns[f + 1][i] + random(2 * reach + 1) - reach;
    }
    return undefined;
  });
}

function assertExpands(batch: Batch, options: CompactOptions, known: readonly (number | undefined)[], most = 1): void {
  const token = makeToken(batch);
  const compact = compactOf(batch, options, signatureOf(token));
  const expanded = expand(compact, contextOf(batch, known));
  if (typeof expanded === "string") throw new Error(expanded);
  deepEqual(expanded.token, token);
  ok(expanded.tried <= most, `${expanded.tried} candidates`);
}

/** A batch of up to `most` readings of a sequence. */
function sliceOf({ startS, flags, rows }: Sequence, from: number, most: number, seq: number): Batch {
  const count = Math.min(most, rows.length - from);
  const columns = Array.from({ length: columnCount(WEATHER) }, () => new Int32Array(count));
  for (let i = 0; i < count; i++) {
    columns[0][i] = flags[from + i];
    for (let f = 0; f < WEATHER.fields.length; f++) {
      const missing = (flags[from + i] & missingFlag(f)) !== 0;
      columns[f + 1][i] = !missing ? rows[from + i][f] : i === 0 ? 0 : columns[f + 1][i - 1];
    }
  }
  const t0 = startS + from * 300;
  return { ...makeBatch(1), bootCount: 9, seq, t0, dt: 300, timeQuality: 43, count, columns };
}

describe("compact token: round trip", () => {
  const runs = counts(500, 10_000);

  it(`${runs} random batches over all profiles come back as the very token that was signed`, function () {
    this.timeout(600_000);
    fc.assert(
      fc.property(shapes, fc.boolean(), fc.boolean(), (shape, key, escaped) => {
        const batch = batchOf(shape);
        const known =
          key || escaped ? batch.profile.fields.map(() => undefined) : knownBefore(batch, randomOf(~shape.seed));
        assertExpands(batch, { key, escape: escaped }, known);
      }),
      { numRuns: runs, seed: 4 },
    );
  });

  for (const [name, most, full] of [
    ["midc-2018-10-18.csv", 7.2, 6],
    ["surfrad-alamosa-2016-01-01.csv", 6.6, 6],
    ["dtu-2024-07.csv", 6.7, 6],
  ] as const) {
    it(`${name}, every fifth minute: the very tokens, at most ${most} bytes on the air a reading at EU868 DR0`, function () {
      const path = weatherFile(name);
      if (path === undefined) this.skip();
      ok(airPerReading(path, 36, MAX_COMPACT_BYTES) <= most);
    });

    it(`${name}, batches closed when five frames and their All-1 are full: at most ${full} bytes`, function () {
      const path = weatherFile(name);
      if (path === undefined) this.skip();
      ok(airPerReading(path, MAX_BATCH_READINGS, 5 * 50 + 10) <= full);
    });
  }

  /**
   * Expands each token of a file, and returns bytes on the air by RFC 9011: fragments of five tiles with a header of a byte, the last tile in
   * the All-1 with its check; 13 bytes LoRaWAN a frame. A token closes at `most` readings or before it would pass `limit` bytes.
   */
  function airPerReading(path: string, most: number, limit: number): number {
    let air = 0;
    let readings = 0;
    let seq = 0;
    for (const sequence of sequencesOfFile(path, 300, [0])) {
      let known: (number | undefined)[] = WEATHER.fields.map(() => undefined);
      let keyAt = 0;
      for (let from = 0; from < sequence.rows.length; ) {
        const options = { key: from >= keyAt, escape: false };
        if (options.key) keyAt = from + 288;
        const longest = sliceOf(sequence, from, most, seq++);
        const probe = decodeCompact(
          WEATHER,
          compactRules(WEATHER)!,
          compactOf(longest, options, NO_SIGNATURE, limit - SIGNATURE_BYTES),
        );
        ok(probe.ok);
        const batch = { ...longest, count: probe.count };
        assertExpands(batch, options, known);
        known = WEATHER.fields.map((_, f) => batch.columns[f + 1][batch.count - 1]);
        from += batch.count;
        // The end of the file closes the last batch too early to count.
        if (from === sequence.rows.length && batch.count < most) break;
        const length = compactOf(batch, options, NO_SIGNATURE).length;
        const tiles = Math.ceil(length / 10);
        air += length + (1 + 13) * Math.ceil((tiles - 1) / 5) + (5 + 13);
        readings += batch.count;
      }
    }
    ok(readings >= 200, `${readings}`);
    return air / readings;
  }

  it("every border of every field, in key batches and modulo the window", () => {
    for (const profile of KNOWN_PROFILES) {
      for (const key of [true, false]) {
        for (const borders of [
          [0, 1],
          [1, 0],
          [0, 0],
          [1, 1],
        ]) {
          const columns = Array.from({ length: columnCount(profile) }, () => new Int32Array(4));
          const known: number[] = [];
          profile.fields.forEach(({ min, max }, f) => {
            for (let i = 0; i < 4; i++) columns[f + 1][i] = borders[i & 1] === 0 ? min : max;
            known.push(columns[f + 1][0]);
          });
          assertExpands({ ...makeBatch(1), profile, count: 4, columns }, { key, escape: false }, known);
        }
      }
    }
  });

  it("keeps the caller's readings as they are", () => {
    const batch = makeBatch(2);
    const encoder = new CompactEncoder(WEATHER, compactRules(WEATHER)!, new Uint8Array(100));
    encoder.start({ ...batch, key: false, escape: false }, 100);
    const values = Int32Array.from(WEATHER.fields, (_, f) => batch.columns[f + 1][0]);
    const before = values.slice();
    encoder.add({ flags: 0, values });
    deepEqual(values, before);
  });
});

describe("compact token: size", () => {
  it("data grow with each reading, and stand complete in the buffer at any moment", () => {
    const batch = makeBatch(36);
    const buffer = new Uint8Array(400);
    const encoder = new CompactEncoder(WEATHER, compactRules(WEATHER)!, buffer);
    encoder.start({ ...batch, key: true, escape: false }, buffer.length);
    const values = new Int32Array(9);
    for (let i = 0; i < 36; i++) {
      for (let f = 0; f < 9; f++) values[f] = batch.columns[f + 1][i];
      ok(encoder.add({ flags: 0, values }));
      equal(encoder.count, i + 1);
      const part = new Uint8Array(encoder.length + SIGNATURE_BYTES);
      part.set(buffer.subarray(0, encoder.length));
      const decoded = decodeCompact(WEATHER, compactRules(WEATHER)!, part);
      ok(decoded.ok);
      deepEqual(
        decoded.columns,
        batch.columns.map((column) => column.slice(0, i + 1)),
      );
    }
  });

  it("a reading that is too much is refused and leaves the batch as it was, ready for the signature", () => {
    const batch = { ...makeBatch(64), seq: 5 };
    for (let limit = 20; limit < 120; limit += 7) {
      const compact = compactOf(batch, { key: false, escape: false }, NO_SIGNATURE, limit);
      ok(compact.length - SIGNATURE_BYTES <= limit);
      const decoded = decodeCompact(WEATHER, compactRules(WEATHER)!, compact);
      ok(decoded.ok);
      const { count } = decoded;
      const alone = compactOf({ ...batch, count }, { key: false, escape: false }, NO_SIGNATURE);
      deepEqual(compact, alone);
      ok(
        compactOf({ ...batch, count: count + 1 }, { key: false, escape: false }, NO_SIGNATURE).length > compact.length,
      );
    }
  });

  it("after a reading that was too much, a smaller one goes on as if it had not been", () => {
    const batch = makeBatch(12);
    const plain = compactOf(batch, { key: true, escape: false }, NO_SIGNATURE);
    const buffer = new Uint8Array(plain.length - SIGNATURE_BYTES);
    const encoder = new CompactEncoder(WEATHER, compactRules(WEATHER)!, buffer);
    encoder.start({ ...batch, key: true, escape: false }, buffer.length);
    for (let i = 0; i < 12; i++) {
      const values = Int32Array.from(WEATHER.fields, (_, f) => batch.columns[f + 1][i]);
      const wild = Int32Array.from(WEATHER.fields, ({ min, max }, f) =>
        values[f] - min < max - values[f] ? max : min,
      );
      if (i === 11) equal(encoder.add({ flags: 0x3ffff ^ 0x1ff, values: wild }), false);
      ok(encoder.add({ flags: 0, values }));
    }
    deepEqual(buffer, plain.slice(0, buffer.length));
  });

  it("the first reading may already be too much", () => {
    const encoder = new CompactEncoder(WEATHER, compactRules(WEATHER)!, new Uint8Array(4));
    encoder.start({ ...makeBatch(1), key: true, escape: true }, 4);
    equal(encoder.add({ flags: 0, values: new Int32Array(9) }), false);
    equal(encoder.count, 0);
    equal(encoder.length, 0);
  });

  it("flags that are all clear cost under a byte; what does not change costs next to nothing", () => {
    const flat = makeBatch(64);
    for (const column of flat.columns.slice(1)) column.fill(7);
    flat.columns[3].fill(10_000);
    const short = compactOf({ ...flat, count: 2 }, { key: false, escape: false }, NO_SIGNATURE).length;
    const flagged = { ...flat, count: 36 };
    const clear = compactOf(flagged, { key: false, escape: false }, NO_SIGNATURE).length;
    ok(clear - short < 36, `${clear} and ${short}`);
    flagged.columns = flat.columns.map((column) => column.slice());
    flagged.columns[0].fill(1 << 9);
    ok(compactOf(flagged, { key: false, escape: false }, NO_SIGNATURE).length - clear <= 4);
  });

  it("what a node says of its time costs half a bit awake, five bits asleep or point to point", () => {
    let bits = 0;
    const coder: SymbolCoder = {
      bit: (zero, bit) => {
        bits -= Math.log2((bit === 0 ? zero : PROBABILITY_ONE - zero) / PROBABILITY_ONE);
        return bit;
      },
      uniform: (size, value) => {
        bits += Math.log2(size);
        return value;
      },
    };
    const cost = (quality: number): number => {
      bits = 0;
      const header = { escape: false, key: false, bootCount: 1, seq: 2, slot: 3, dt: 300, timeQuality: quality };
      equal(codeHeader(coder, header), "");
      return bits;
    };
    const { none, deviceTime, receiver, gnss } = TIME_SOURCE;
    const awakeMs = 1000 + (TIME_REFRESH_MS * CLOCK_DRIFT_PPM) / 1_000_000;
    const asleepMs = 1000 + (SLEEPING_TIME_REFRESH_MS * SLEEPING_CLOCK_DRIFT_PPM) / 1_000_000;
    const rest = cost(timeQuality(deviceTime, awakeMs)) - 0.5;
    ok(rest < 17, `${rest} bits beside it`);
    const others = [timeQuality(deviceTime, asleepMs), timeQuality(receiver, awakeMs), timeQuality(receiver, asleepMs)];
    for (const quality of [none, ...others]) ok(cost(quality) - rest < 5.5, `${quality}`);
    ok(cost(timeQuality(gnss, 3000)) - rest < 13);
  });

  it("an escape costs at most fourteen bytes more than a key batch", () => {
    const batch = { ...makeBatch(36), seq: 0xffffffff, bootCount: 0xffffffff };
    const key = compactOf(batch, { key: true, escape: false }, NO_SIGNATURE).length;
    const escaped = compactOf(batch, { key: false, escape: true }, NO_SIGNATURE).length;
    ok(escaped - key <= 14, `${escaped - key}`);
  });
});

describe("compact token: what the receiver guesses", () => {
  const batch = makeBatch(36);
  const lasts = WEATHER.fields.map((_, f) => batch.columns[f + 1][0]);
  const short = { key: false, escape: false };
  const compact = compactOf(batch, short, signatureOf(makeToken(batch)));
  const context = contextOf(batch, lasts);

  function tried(change: Partial<typeof context>): number | string {
    const expanded = expand(compact, { ...context, ...change });
    return typeof expanded === "string" ? expanded : expanded.tried;
  }

  it("seq: eleven lost tokens, or one that comes four late, need no second guess; 27 lost need one or two more", () => {
    equal(tried({ nextSeq: batch.seq - 11 }), 1);
    equal(tried({ nextSeq: batch.seq + 4 }), 1);
    ok(Number(tried({ nextSeq: batch.seq - 27 })) <= 4);
    ok(Number(tried({ nextSeq: batch.seq + 20 })) <= 4);
    match(String(tried({ nextSeq: batch.seq - 40 })), /^no candidate of \d+$/);
  });

  it("slot: received up to 21 hours late at 5-minute steps without a second guess, up to 42 with one", () => {
    const end = context.latestS;
    equal(tried({ latestS: end + 21 * 3600 }), 1);
    ok(Number(tried({ latestS: end + 41 * 3600 })) <= 4);
    match(String(tried({ latestS: end + 64 * 3600 })), /^no candidate of \d+$/);
    match(String(tried({ latestS: end - 60 })), /^no candidate of \d+$/);
    equal(tried({ latestS: 300 }), "no-plausible-time");
  });

  it("seq: the first token of all is not taken for one before it", () => {
    const early = { ...batch, seq: 13 };
    const bytes = compactOf(early, short, signatureOf(makeToken(early)));
    // Values half a window away are as good a guess the other way: more than all candidates are cheaper than another seq.
    const known = lasts.map((value, f) => {
      const window = 1 << compactRules(WEATHER)!.fields[f].windowBits;
      if (window === 1) return value;
      return f === 1 ? value - window / 2 + 1 : value + window / 2 - 1;
    });
    const expanded = expand(bytes, { ...context, nextSeq: 0, known });
    ok(typeof expanded !== "string", String(expanded));
    equal(expanded.tried, 1);
  });

  it("values: the nearest, then a window above or below, of up to three fields", () => {
    for (const [f, away] of [
      [0, 100],
      [2, -50],
      [8, 40],
    ]) {
      const known = lasts.slice();
      known[f] += away;
      const need = Number(tried({ known }));
      ok(need >= 2 && need <= MAX_CANDIDATES, `field ${f}: ${need}`);
    }
    const known = lasts.slice();
    known[0] += 70;
    known[2] -= 40;
    ok(Number(tried({ known })) <= MAX_CANDIDATES);
  });

  it("never tries more than sixteen", () => {
    const decoded = decodeCompact(WEATHER, compactRules(WEATHER)!, compact);
    ok(decoded.ok);
    const candidates = new CompactCandidates(decoded, context);
    let count = 0;
    const seen = new Set<string>();
    for (let each = candidates.next(); each !== undefined; each = candidates.next()) {
      equal(checkBatch(each), undefined);
      seen.add(JSON.stringify([each.seq, each.t0, each.columns.map((column) => column[0])]));
      count++;
    }
    ok(count > 8 && count <= MAX_CANDIDATES, `${count}`);
    equal(seen.size, count);
  });

  it("other-boot, value-unknown, by name", () => {
    equal(tried({ bootCount: batch.bootCount + 1 }), "other-boot");
    match(String(tried({ bootCount: batch.bootCount + 8 })), /^no candidate/);
    equal(tried({ known: lasts.map((value, f) => (f === 2 ? undefined : value)) }), "value-unknown");
  });

  it("an escape and a key need nothing but the boot", () => {
    const escaped = compactOf(batch, { key: false, escape: true }, signatureOf(makeToken(batch)));
    const nothing = { ...context, nextSeq: 0, latestS: 0, known: WEATHER.fields.map(() => undefined) };
    const expanded = expand(escaped, nothing);
    ok(typeof expanded !== "string", String(expanded));
    deepEqual(expanded.token, makeToken(batch));
    equal(expand(escaped, { ...nothing, bootCount: 11 }), "other-boot");
  });

  it("a flipped bit (every third of the data, and of the signature's start) is never taken for another token", () => {
    for (let bit = 0; bit < (compact.length - SIGNATURE_BYTES + 2) * 8; bit += 3) {
      const bent = compact.slice();
      bent[bit >> 3] ^= 0x80 >> (bit & 7);
      const expanded = expand(bent, context);
      // The last byte of the data may hold bits that no symbol reads.
      if (typeof expanded !== "string") deepEqual(expanded.token, makeToken(batch));
      else
        match(
          expanded,
          /^(no candidate of \d+|kind-unknown|header-out-of-range|other-boot|value-unknown|no-plausible-time)$/,
        );
    }
  });
});

describe("compact token: losses", () => {
  it("dtu-2024-07.csv: after a lost batch of three hours every token is rebuilt, nearly always at the first guess", function () {
    this.timeout(60_000);
    const path = weatherFile("dtu-2024-07.csv");
    if (path === undefined) this.skip();
    let guesses = 0;
    let tokens = 0;
    for (const sequence of sequencesOfFile(path, 300, [0])) {
      for (let from = 72; from + 36 <= sequence.rows.length; from += 36) {
        const batch = sliceOf(sequence, from, 36, 5);
        const token = makeToken(batch);
        const compact = compactOf(batch, { key: false, escape: false }, signatureOf(token));
        const context = { ...contextOf(batch, Array.from(sequence.rows[from - 37])), nextSeq: 4 };
        const expanded = expand(compact, context);
        ok(typeof expanded !== "string", String(expanded));
        deepEqual(expanded.token, token);
        guesses += expanded.tried;
        tokens++;
      }
    }
    ok(tokens > 200 && guesses < 1.05 * tokens, `${guesses} for ${tokens}`);
  });
});

describe("compact token: hostile bytes", () => {
  const runs = counts(20_000, 1_000_000);

  it(`${runs} strings of bytes: decoding and rebuilding never throw, and give only claims that may stand in a token`, function () {
    this.timeout(3_600_000);
    const random = randomOf(5);
    const reasons = new Set<string>();
    const good = KNOWN_PROFILES.map((profile, i) => {
      const shape = {
        profile,
        count: 36,
        dt: 300,
        timeQuality: 43,
        bootCount: 3,
        seq: 7,
        slot: 9,
        seed: i,
        flagged: 2,
        reach: 3,
      };
      return compactOf(batchOf(shape), { key: i % 2 === 0, escape: false }, NO_SIGNATURE);
    });
    for (let run = 0; run < runs; run++) {
      const which = random(KNOWN_PROFILES.length);
      const profile = KNOWN_PROFILES[which];
      const bytes = run % 2 === 0 ? new Uint8Array(random(run % 64 === 0 ? 1100 : 300)) : good[which].slice();
      if (run % 2 === 0) for (let i = 0; i < bytes.length; i++) bytes[i] = random(256);
      else for (let i = random(4); i >= 0; i--) bytes[random(bytes.length - SIGNATURE_BYTES)] = random(256);
      const decoded = decodeCompact(profile, compactRules(profile)!, bytes);
      if (!decoded.ok) {
        match(decoded.reason, /^[a-z-]+$/);
        reasons.add(decoded.reason);
        continue;
      }
      ok(decoded.count >= 1 && decoded.count <= MAX_BATCH_READINGS);
      if (run % 8 > 1) continue;
      const known = profile.fields.map(({ min, max }) => min + random(max - min + 1));
      const { header } = decoded;
      const context = {
        entity: makeIdentity(),
        profile,
        bootCount: header.bootCount,
        nextSeq: random(100),
        latestS: 1_700_000_000,
        known,
      };
      const candidates = new CompactCandidates(decoded, context);
      if (candidates.reason !== "") reasons.add(candidates.reason);
      let count = 0;
      for (let each = candidates.next(); each !== undefined; each = candidates.next()) {
        count++;
        equal(checkBatch(each), undefined);
      }
      ok(count <= MAX_CANDIDATES);
    }
    ok(reasons.has("kind-unknown") && reasons.has("compact-length"), [...reasons].join());
  });

  it("compact-length: nothing before the signature, or longer than any token", () => {
    for (const length of [0, 1, SIGNATURE_BYTES, MAX_COMPACT_BYTES + 1]) {
      deepEqual(decodeCompact(WEATHER, compactRules(WEATHER)!, new Uint8Array(length)), {
        ok: false,
        reason: "compact-length",
      });
    }
  });
});

describe("profiles and their compact rules", () => {
  it("every profile has rules for each field, and stands under its URI", () => {
    equal(KNOWN_PROFILES.length, 5);
    for (const profile of KNOWN_PROFILES) {
      equal(profileByUri(profile.uri), profile);
      match(profile.uri, /^tag:groundtruth,2026:[a-z-]+:1$/);
      const rules = compactRules(profile);
      ok(rules);
      equal(rules.fields.length, profile.fields.length);
      // Flags have two bits a field and must stay positive 32-bit integers.
      ok(profile.fields.length <= 15);
    }
    equal(compactRules({ ...WEATHER, uri: "tag:groundtruth,2026:weather:0" }), undefined);
  });

  it("a field looks only at one before it; only what depends on nothing but changes has a window", () => {
    for (const profile of KNOWN_PROFILES) {
      compactRules(profile)!.fields.forEach((rule, f) => {
        const { min, max, modulus } = profile.fields[f];
        if (rule.of !== undefined) ok(rule.of < f);
        if (rule.expect === EXPECT.coupled || rule.expect === EXPECT.ratio) ok(rule.of !== undefined);
        if (rule.expect === EXPECT.ratio) ok(rule.ratio !== undefined && min === 0);
        equal(rule.expect === EXPECT.circular, modulus !== undefined);
        if (modulus !== undefined) ok(modulus % 2 === 0 && min === 0 && max === modulus - 1);
        if (rule.windowBits > 0) {
          ok(rule.expect === EXPECT.last || rule.expect === EXPECT.coupled || rule.expect === EXPECT.line);
          ok(rule.statistics !== STATISTICS.irradiance && rule.statistics !== STATISTICS.wind);
        }
        if (rule.expect === EXPECT.average || rule.expect === EXPECT.circular) ok(max < 1 << 26);
        ok(Number.isInteger(min) && Number.isInteger(max) && min === (min | 0) && max === (max | 0));
      });
    }
  });

  it("names, quantities and units are there, names and quantities once a profile", () => {
    for (const { fields } of KNOWN_PROFILES) {
      equal(new Set(fields.map(({ name }) => name)).size, fields.length);
      equal(new Set(fields.map(({ quantity }) => quantity)).size, fields.length);
      for (const { name, quantity, unit } of fields) {
        match(name, /^[a-z][A-Za-z0-9]*$/);
        match(quantity, /^[a-z][A-Za-z]*\.[A-Za-z0-9]+$/);
        ok(unit.length > 0);
      }
    }
  });
});

describe("the compact token's tables", () => {
  it("are what training makes of dtu-2024-06.csv", function () {
    this.timeout(60_000);
    const path = weatherFile("dtu-2024-06.csv");
    if (path === undefined) this.skip();
    const shipped = fileURLToPath(new URL("../../../firmware/wire/compact-tables.ts", import.meta.url));
    equal(trainOnFiles([path]), readFileSync(shipped, "utf8"));
  });
});
