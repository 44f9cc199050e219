import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Attester } from "../../../firmware/core/attester.ts";
import { SIGN_RETRY_FIRST_MS } from "../../../firmware/core/bounds.ts";
import type { Hash } from "../../../firmware/ports/crypto.ts";
import { MAX_BATCH_READINGS, MAX_TOKEN_BYTES, readingTimeS } from "../../../firmware/wire/batch.ts";
import { sigStructure } from "../../../firmware/wire/cose-sign1.ts";
import { parseToken, type Token } from "../../../firmware/wire/eat-token.ts";
import { missingFlag } from "../../../firmware/wire/profile.ts";
import { WEATHER } from "../../../firmware/wire/profiles/weather.ts";
import { newReading, type Reading, writeReading } from "../../../firmware/wire/reading-record.ts";
import { TIME_SOURCE, timeQuality } from "../../../firmware/wire/time-quality.ts";
import { TOKEN_RECORD_HEADER_BYTES, tokenRecordJournalEnd } from "../../../firmware/wire/token-record.ts";
import { makeIdentity } from "../wire/token-fixture.ts";
import { throughSavedState } from "./saved-state.ts";

const HASH: Hash = {
  sha256: (message, length, digest) => digest.set(createHash("sha256").update(message.subarray(0, length)).digest()),
};
const WALL_S = 1_717_200_000;
const QUALITY = timeQuality(TIME_SOURCE.deviceTime, 1_864);

/** A reading in the slot `i`, by wall time. */
function reading(i: number, change: Partial<Reading> = {}): Reading {
  return {
    ...newReading(9),
    profileVersion: WEATHER.version,
    bootCount: 1,
    intervalS: 300,
    timeQuality: QUALITY,
    uptimeS: 1000 + 300 * i,
    wallS: WALL_S + 300 * i,
    values: Int32Array.from([160 + i, 50, 10132, 20, 30, 12, i, 0, 400]),
    ...change,
  };
}

/** An attester between a journal and an outbox in memory. A signature is the digest twice over. */
class Bench {
  journal = new Map<number, Uint8Array>();
  journalNext = 0;
  outbox: { journalEnd: number; token: Token; durationS: number }[] = [];
  trims: number[] = [];
  nowMs = 0;
  attester: Attester;
  /** Digest of the `sign` command that waits for its answer. */
  signing: Uint8Array | undefined;
  holdSignatures = false;
  throughState = true;
  #batchReadings: number;

  constructor(batchReadings: number) {
    this.#batchReadings = batchReadings;
    this.attester = this.#fresh();
    this.restart();
  }

  #fresh = (): Attester => new Attester(makeIdentity(), WEATHER, this.#batchReadings, HASH);

  /** As after a power cut: nothing but the logs is left. */
  restart(): void {
    this.signing = undefined;
    this.attester = this.#fresh();
    this.attester.handle(
      {
        kind: "start",
        journalOldest: Math.min(this.journalNext, ...this.journal.keys()),
        journalNext: this.journalNext,
        outboxNext: this.outbox.length,
      },
      this.nowMs,
    );
  }

  add(...readings: Reading[]): void {
    for (const one of readings) {
      const record = new Uint8Array(100);
      this.journal.set(this.journalNext++, record.subarray(0, writeReading(one, record)));
      this.attester.handle({ kind: "journal", next: this.journalNext }, this.nowMs);
      this.run();
    }
  }

  drain(): void {
    this.attester.handle({ kind: "drain" }, this.nowMs);
    this.run();
  }

  run(): void {
    this.#cycle();
    for (;;) {
      const command = this.attester.pollCommand();
      if (command === undefined) break;
      switch (command.kind) {
        case "readRecord": {
          const bytes = this.journal.get(command.number);
          const length = bytes?.length ?? -1;
          this.attester.handle({ kind: "record", bytes: bytes ?? new Uint8Array(0), length }, this.nowMs);
          break;
        }
        case "sign":
          this.signing = command.digest.slice();
          if (!this.holdSignatures) this.sign();
          break;
        case "append":
          this.#append(command.record.slice(0, command.length), command.durationS);
          this.attester.handle({ kind: "appended", number: command.seq }, this.nowMs);
          break;
        case "trim":
          this.trims.push(command.before);
          for (const number of this.journal.keys()) if (number < command.before) this.journal.delete(number);
          break;
      }
      // A batch is read back record by record: that is one event.
      if (command.kind !== "readRecord") this.#cycle();
    }
  }

  #cycle(): void {
    if (this.throughState) this.attester = throughSavedState(this.attester, this.#fresh);
  }

  sign(): void {
    const digest = this.signing as Uint8Array;
    this.signing = undefined;
    const signature = new Uint8Array(64);
    signature.set(digest, 0);
    signature.set(digest, 32);
    // s has to be low to be parsed.
    signature[32] &= 0x7f;
    this.attester.handle({ kind: "signed", signature }, this.nowMs);
  }

  #append(record: Uint8Array, durationS: number): void {
    const token = parseToken(record.subarray(TOKEN_RECORD_HEADER_BYTES));
    assert.ok(token.ok, token.ok ? "" : token.reason);
    assert.equal(token.claims.seq, this.outbox.length, "seq is the outbox record's number");
    const signed = new Uint8Array(2000);
    const length = sigStructure(token.protectedBytes, token.payload, token.payload.length, signed);
    const digest = new Uint8Array(32);
    HASH.sha256(signed, length, digest);
    assert.deepEqual(token.signature.subarray(0, 32), digest, "the signature is over this token");
    this.outbox.push({ journalEnd: tokenRecordJournalEnd(record, record.length), token, durationS });
  }

  /** Slots of each token's readings, by uptime or wall time. */
  get times(): number[][] {
    return this.outbox.map(({ token: { claims } }) =>
      Array.from({ length: claims.count }, (_, i) => (readingTimeS(claims, i) - (claims.wallTime ? WALL_S : 0)) / 300),
    );
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

describe("attester", () => {
  it("closes a batch that is full; seq is the outbox record's, the journal is trimmed behind it", () => {
    const bench = new Bench(4);
    bench.add(...range(0, 10).map((i) => reading(i)));
    assert.deepEqual(bench.times, [range(0, 4), range(4, 8)]);
    assert.deepEqual(bench.trims, [4, 8]);
    assert.deepEqual(
      bench.outbox.map(({ journalEnd, durationS }) => [journalEnd, durationS]),
      [
        [4, 1200],
        [8, 1200],
      ],
    );
    assert.equal(bench.attester.empty, false);
    const { claims } = bench.outbox[0].token;
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
      assert.equal(bench.outbox.length, 2);
      assert.equal(bench.outbox[1].token.claims.count, 1);
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
    assert.equal(bench.outbox.length, 2);
  });

  it("gives uptime instead of a wall time that is not known", () => {
    const bench = new Bench(2);
    const byUptime = (i: number): Reading => reading(i, { timeQuality: 0, wallS: 0, uptimeS: 300 * i });
    bench.add(byUptime(3), byUptime(4));
    assert.deepEqual(bench.times, [[3, 4]]);
    assert.equal(bench.outbox[0].token.claims.wallTime, false);
  });

  it("repeats the last value in the batch where one is missing, 0 at first", () => {
    const bench = new Bench(4);
    const flags = missingFlag(0);
    bench.add(reading(0, { flags }), reading(1), reading(2, { flags }), reading(3));
    const { columns } = bench.outbox[0].token.claims;
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
    assert.ok(bench.outbox.length > 3);
    assert.deepEqual(bench.times.flat(), range(0, 2 * MAX_BATCH_READINGS));
    const longest = Math.max(...bench.outbox.map(({ token }) => token.payload.length));
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
    assert.equal(bench.outbox.length, 0);
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
      bench.outbox.map(({ token }) => token.claims.bootCount),
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
    const copy = new Attester(makeIdentity(), WEATHER, 3, HASH);
    assert.ok(copy.restore(bytes, 0) > 0);
    bench.attester = copy;
    bench.throughState = false;
    bench.run();
    assert.equal(bench.outbox.length, 0, "the signature was over three readings");
    bench.sign();
    bench.run();
    assert.deepEqual(bench.times, [[0, 1]]);
  });
});
