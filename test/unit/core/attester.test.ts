import assert from "node:assert/strict";
import { SIGN_RETRY_FIRST_MS } from "../../../firmware/core/bounds.ts";
import { tokenBytesIn } from "../../../firmware/core/frame-budget.ts";
import { FragmentSender } from "../../../firmware/core/uplink/fragment-sender.ts";
import { MAX_BATCH_READINGS, MAX_TOKEN_BYTES } from "../../../firmware/wire/batch.ts";
import { compactRules } from "../../../firmware/wire/compact-profiles.ts";
import { CompactEncoder, MAX_COMPACT_BYTES } from "../../../firmware/wire/compact-token.ts";
import { missingFlag } from "../../../firmware/wire/profile.ts";
import { WEATHER } from "../../../firmware/wire/profiles/weather.ts";
import type { Reading } from "../../../firmware/wire/reading-record.ts";
import { MAX_SLOT_BYTES } from "../../../firmware/wire/slot-fragment.ts";
import { TIME_SOURCE, timeQuality } from "../../../firmware/wire/time-quality.ts";
import { RandomStream } from "../../../host-sim/random-stream.ts";
import { Bench, QUALITY, range, reading, type Stored, WALL_S } from "./attester-bench.ts";

describe("attester: batches", () => {
  it("closes a batch that is full; seq is the outbox record's, the journal is trimmed behind it", () => {
    const bench = new Bench(4);
    bench.add(...range(0, 10).map((i) => reading(i)));
    assert.deepEqual(bench.times, [range(0, 4), range(4, 8)]);
    assert.deepEqual(bench.trims, [4, 8]);
    assert.deepEqual(
      bench.batches.map(({ journalEnd, durationS }) => [journalEnd, durationS]),
      [
        [4, 1200],
        [8, 1200],
      ],
    );
    assert.equal(bench.attester.empty, false);
    const { claims } = bench.batches[0];
    assert.deepEqual([...claims.columns[1].subarray(0, 4)], [160, 161, 162, 163]);
    assert.deepEqual([claims.bootCount, claims.dt, claims.timeQuality, claims.wallTime], [1, 300, QUALITY, true]);
  });

  for (const [title, next] of [
    ["the interval changes", reading(2, { intervalS: 600, wallS: WALL_S + 600 })],
    ["the boot count changes", reading(2, { bootCount: 2 })],
    ["the uncertainty class changes", reading(2, { timeQuality: timeQuality(TIME_SOURCE.deviceTime, 4096) })],
    ["the time source changes", reading(2, { timeQuality: timeQuality(TIME_SOURCE.sntp, 1_864) })],
    ["wall time is lost", reading(2, { timeQuality: 0, wallS: 0, uptimeS: 1500 })],
    ["a slot was left out", reading(3)],
    ["a slot comes again", reading(1)],
  ] as [string, Reading][]) {
    it(`closes a batch when ${title}`, () => {
      const bench = new Bench(10);
      bench.add(reading(0), reading(1), next);
      assert.deepEqual(bench.times, [[0, 1]]);
      bench.drain();
      assert.equal(bench.batches.length, 2);
      assert.equal(bench.batches[1].claims.count, 1);
      assert.equal(bench.attester.empty, true);
    });
  }

  it("closes the open batch on drain, and every later reading at once", () => {
    const bench = new Bench(10);
    bench.add(reading(0), reading(1));
    bench.drain();
    bench.add(reading(2));
    assert.deepEqual(bench.times, [[0, 1], [2]]);
    bench.drain();
    assert.equal(bench.batches.length, 2);
  });

  it("gives uptime instead of a wall time that is not known", () => {
    const bench = new Bench(2);
    const byUptime = (i: number): Reading => reading(i, { timeQuality: 0, wallS: 0, uptimeS: 300 * i });
    bench.add(byUptime(3), byUptime(4));
    assert.deepEqual(bench.times, [[3, 4]]);
    assert.equal(bench.batches[0].claims.wallTime, false);
  });

  it("repeats the last value in the batch where one is missing, 0 at first", () => {
    const bench = new Bench(4);
    const flags = missingFlag(0);
    bench.add(reading(0, { flags }), reading(1), reading(2, { flags }), reading(3));
    const { columns } = bench.batches[0].claims;
    assert.deepEqual([...columns[0].subarray(0, 4)], [flags, 0, flags, 0]);
    assert.deepEqual([...columns[1].subarray(0, 4)], [0, 161, 161, 163]);
  });

  it("closes early rather than let a token grow too long", () => {
    const bench = new Bench(MAX_BATCH_READINGS);
    const wild = (i: number): Reading =>
      reading(i, {
        values: Int32Array.from(i % 2 ? Array(9).fill(0) : [1000, 100, 11000, 1200, 1200, 71, 999_999, 2000, 6000]),
        flags: 0,
      });
    const inRange = (one: Reading): Reading => ({
      ...one,
      values: one.values.map((v, f) => (f === 2 ? Math.max(v, 3000) : v)),
    });
    bench.throughState = false;
    bench.add(...range(0, 2 * MAX_BATCH_READINGS).map((i) => inRange(wild(i))));
    bench.drain();
    assert.ok(bench.batches.length > 3);
    assert.deepEqual(bench.times.flat(), range(0, 2 * MAX_BATCH_READINGS));
    const longest = Math.max(...bench.batches.map(({ token }) => token.payload.length));
    assert.ok(longest > MAX_TOKEN_BYTES - 200, `tokens are filled: ${longest}`);
  });

  it("passes over records that cannot be read or are of another profile", () => {
    const bench = new Bench(10);
    bench.add(reading(0), reading(1));
    bench.journal.set(bench.journalNext++, new Uint8Array(60));
    bench.add(reading(3, { profileVersion: 99 }), reading(4), reading(5));
    bench.drain();
    assert.deepEqual(bench.times, [
      [0, 1],
      [4, 5],
    ]);
    assert.equal(bench.attester.unreadable, 2);
  });

  it("takes readings while a signature is under way from the journal afterwards", () => {
    const bench = new Bench(3);
    bench.holdSignatures = true;
    bench.add(...range(0, 8).map((i) => reading(i)));
    assert.equal(bench.attester.awaitsSignature, true);
    assert.equal(bench.batches.length, 0);
    bench.holdSignatures = false;
    bench.sign();
    bench.run();
    assert.deepEqual(bench.times, [range(0, 3), range(3, 6)]);
  });

  it("asks for a failed signature again, later each time", () => {
    const bench = new Bench(1);
    bench.holdSignatures = true;
    bench.add(reading(0));
    for (const waitMs of [SIGN_RETRY_FIRST_MS, 2 * SIGN_RETRY_FIRST_MS, 4 * SIGN_RETRY_FIRST_MS]) {
      bench.attester.handle({ kind: "signFailed" }, bench.nowMs);
      bench.run();
      assert.equal(bench.attester.pollTimeout(), bench.nowMs + waitMs);
      assert.equal(bench.attester.awaitsSignature, false);
      bench.nowMs += waitMs;
      bench.attester.handleTimeout(bench.nowMs);
      bench.run();
      assert.equal(bench.attester.awaitsSignature, true);
    }
    bench.sign();
    bench.run();
    assert.deepEqual(bench.times, [[0]]);
  });

  it("goes on after a power cut with what the journal holds, in batches of their own boot", () => {
    const bench = new Bench(4);
    bench.add(...range(0, 6).map((i) => reading(i)));
    bench.restart();
    bench.run();
    bench.add(...range(10, 13).map((i) => reading(i, { bootCount: 2 })));
    bench.drain();
    assert.deepEqual(bench.times, [range(0, 4), [4, 5], range(10, 13)]);
    assert.deepEqual(
      bench.batches.map(({ claims }) => claims.bootCount),
      [1, 1, 2],
    );
  });

  it("signs the rest anew when flash lost part of a closed batch while it slept", () => {
    const bench = new Bench(3);
    bench.holdSignatures = true;
    bench.add(reading(0), reading(1), reading(2));
    bench.sign();
    const { journal } = bench;
    const bytes = new Uint8Array(1000);
    bench.attester.save(bytes, 0);
    journal.delete(2);
    const copy = bench.fresh();
    assert.ok(copy.restore(bytes, 0) > 0);
    bench.attester = copy;
    bench.throughState = false;
    bench.run();
    assert.equal(bench.batches.length, 0, "the signature was over three readings");
    bench.sign();
    bench.run();
    assert.deepEqual(bench.times, [[0, 1]]);
  });

  it("closes when the next reading would come later than the latency bound allows for the first", () => {
    const bench = new Bench(36, { policy: { latencyS: 1200 } });
    bench.add(...range(0, 11).map((i) => reading(i)));
    assert.deepEqual(bench.times, [range(0, 5), range(5, 10)]);
    const least = new Bench(36, { policy: { latencyS: 10 } });
    least.add(reading(0), reading(1));
    assert.deepEqual(least.times, [[0], [1]]);
  });

  it("first values in full: for the first batch of a boot, after a gap longer than a batch, on another time base, and at the UTC day's first slot", () => {
    const bench = new Bench(4);
    const flagged = (readings: Reading[]): boolean => {
      const before = bench.batches.length;
      bench.add(...readings);
      bench.attester.handle({ kind: "changeKey" }, bench.nowMs);
      bench.run();
      assert.equal(bench.batches.length, before + 1);
      return bench.batches[before].keyRow;
    };
    const slots = (from: number, to: number, change: Partial<Reading> = {}): Reading[] =>
      range(from, to).map((i) => reading(i, change));
    assert.equal(flagged(slots(10, 14)), true, "the first of the boot");
    assert.equal(flagged(slots(14, 18)), false);
    assert.equal(flagged(slots(22, 25)), false, "a gap of one batch");
    assert.equal(flagged(slots(30, 34)), true, "a gap of five slots");
    assert.equal(flagged(slots(34, 35)), false);
    const byUptime = { timeQuality: 0, wallS: 0 };
    assert.equal(flagged([reading(35, { ...byUptime, uptimeS: 12_000 })]), true, "another time base");
    assert.equal(flagged([reading(36, { ...byUptime, uptimeS: 12_300 })]), false);
    assert.equal(flagged(slots(283, 287)), true, "wall time again");
    assert.equal(flagged(slots(287, 291)), true, "midnight UTC is slot 288");
    assert.equal(flagged(slots(291, 295)), false);
    assert.equal(flagged(slots(295, 297, { bootCount: 2 })), true, "another boot");
    assert.equal(flagged(slots(296, 297, { bootCount: 2 })), true, "time went back");
    bench.restart();
    assert.equal(flagged(slots(297, 298, { bootCount: 2 })), true, "nothing is known after power-on");
  });
});

/** Weather that moves, so that readings take a few bytes each. */
function moving(random: RandomStream, i: number): Reading {
  const values = [160, 50, 10132, 20, 30, 12, 0, 300, 400].map((value) => value + random.below(9));
  return reading(i, { values: Int32Array.from(values), flags: random.below(20) === 0 ? missingFlag(3) : 0 });
}

/** Frames that the sender makes of a compact token, parity aside. */
function framesOf(length: number, frameBytes: number): number {
  const sender = new FragmentSender({ downlinks: true });
  sender.start(new Uint8Array(length), length, 20, 0);
  let frames = 0;
  while (sender.wantsToSend) {
    assert.ok(sender.nextFrame(frameBytes) > 0);
    if (sender.port !== 31) frames++;
    sender.sent(0, false);
  }
  return frames;
}

/** Length of a batch's compact token, as coded from its columns. */
function compactLength({ token, keyRow }: Stored, more?: Reading): number {
  const { claims } = token;
  assert.ok(claims.kind === "batch");
  const encoder = new CompactEncoder(WEATHER, compactRules(WEATHER)!, new Uint8Array(MAX_COMPACT_BYTES));
  encoder.start({ ...claims, key: keyRow, escape: false }, MAX_COMPACT_BYTES);
  for (let i = 0; i < claims.count; i++) {
    const values = Int32Array.from(claims.columns.slice(1).map((column) => column[i]));
    assert.ok(encoder.add({ flags: claims.columns[0][i], values }));
  }
  if (more !== undefined) assert.ok(encoder.add({ flags: more.flags, values: more.values.slice() }));
  return encoder.length + 64;
}

describe("attester: batches closed when their frames are full", () => {
  for (const [frames, frameBytes] of [
    [1, 115],
    [3, 51],
    [4, 51],
    [5, 51],
    [2, 222],
    [21, 11],
    [1, 222],
  ]) {
    it(`${frames} frames of ${frameBytes} bytes hold each batch's compact token, and not with one reading more`, () => {
      const random = new RandomStream(7, `${frames} ${frameBytes}`);
      const bench = new Bench(MAX_BATCH_READINGS, { policy: { frames } });
      bench.frameBytes = frameBytes;
      const readings = range(0, 400).map((i) => moving(random, i));
      bench.add(...readings);
      assert.ok(bench.batches.length > 5);
      const most = tokenBytesIn(frames, frameBytes);
      let taken = 0;
      for (const batch of bench.batches) {
        taken += batch.claims.count;
        assert.ok(compactLength(batch) <= most, `${compactLength(batch)} bytes`);
        assert.ok(framesOf(compactLength(batch), frameBytes) <= frames);
        // Midnight may have come with the reading that found no room: then its row would have been a longer one.
        const isFull = batch.claims.count === MAX_BATCH_READINGS || compactLength(batch, readings[taken]) > most - 8;
        assert.ok(isFull, `batch to ${taken} ends early`);
      }
      assert.deepEqual(bench.times.flat(), range(0, taken));
      if (most < MAX_SLOT_BYTES) assert.equal(framesOf(most + 1, frameBytes), frames + 1);
    });
  }

  it("follows the data rate within a batch", () => {
    const random = new RandomStream(7, "data rate");
    const readings = range(0, 120).map((i) => moving(random, i));
    const counts = (change: (bench: Bench, i: number) => void): number => {
      const bench = new Bench(MAX_BATCH_READINGS, { policy: { frames: 2 } });
      for (const [i, one] of readings.entries()) {
        change(bench, i);
        bench.add(one);
      }
      return bench.batches[0].claims.count;
    };
    const slow = counts((bench) => {
      bench.frameBytes = 115;
    });
    const fast = counts((bench) => {
      bench.frameBytes = 222;
    });
    assert.ok(fast > slow + 10, `${slow} ${fast}`);
    const faster = counts((bench, i) => {
      bench.frameBytes = i < slow - 1 ? 115 : 222;
    });
    assert.equal(faster, fast);
    const slower = counts((bench, i) => {
      bench.frameBytes = i < slow + 5 ? 222 : 115;
    });
    assert.equal(slower, slow + 5, "what is in stays in");
  });

  it("takes as many readings as a batch may have while nobody knows what a frame holds", () => {
    const bench = new Bench(36, { policy: { frames: 1 } });
    bench.add(...range(0, 36).map((i) => reading(i)));
    assert.deepEqual(bench.times, [range(0, 36)]);
  });

  it("a first reading is in its batch however little a frame holds", () => {
    const bench = new Bench(36, { policy: { frames: 1 } });
    bench.frameBytes = 11;
    bench.add(...range(0, 3).map((i) => reading(i)));
    assert.deepEqual(bench.times, [[0], [1]]);
  });
});
