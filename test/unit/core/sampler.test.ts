import assert from "node:assert/strict";
import { SAMPLE_LATENESS_MS, SCHEDULE_WAIT_MAX_MS } from "../../../firmware/core/bounds.ts";
import { Sampler } from "../../../firmware/core/sampler.ts";
import { throughSavedState } from "./saved-state.ts";

const INTERVAL_S = 300;
const WAIT_MS = 120_000;
/** 2024-06-01T00:00:00Z, a multiple of the interval. */
const WALL_MS = 1_717_200_000_000;
const CONVERSION_MS = 9;

/** Runs a sampler in virtual time, saved and restored at every step, and notes what it reads. */
class Bench {
  nowMs = 0;
  sampler: Sampler;
  reads: { atMs: number; slotS: number; wall: boolean }[] = [];
  #intervalS: number;

  constructor(intervalS = INTERVAL_S) {
    this.#intervalS = intervalS;
    this.sampler = this.#fresh();
  }

  #fresh = (): Sampler => new Sampler(this.#intervalS, WAIT_MS);

  clock(wallMs: number): void {
    this.sampler.handle({ kind: "clock", wallOffsetMs: wallMs - this.nowMs }, this.nowMs);
  }

  /** Lets time pass; the node wakes `lateMs` after it asked to. */
  runUntil(untilMs: number, lateMs = 0): void {
    for (;;) {
      this.#commands();
      this.sampler = throughSavedState(this.sampler, this.#fresh);
      const next = this.sampler.pollTimeout();
      if (next === undefined || next + lateMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, next + lateMs);
      this.sampler.handleTimeout(this.nowMs);
    }
    this.nowMs = untilMs;
  }

  #commands(): void {
    for (let command = this.sampler.pollCommand(); command !== undefined; command = this.sampler.pollCommand()) {
      if (command.kind === "convert") {
        this.sampler.handle({ kind: "converting", durationMs: CONVERSION_MS }, this.nowMs);
      } else {
        this.reads.push({ atMs: this.nowMs, slotS: command.slotS, wall: command.wall });
      }
    }
  }

  get slots(): number[] {
    return this.reads.map(({ slotS }) => slotS);
  }
}

describe("sampler", () => {
  it("takes the first sample at the first multiple of the interval after the time is known", () => {
    const bench = new Bench();
    bench.sampler.handle({ kind: "start" }, 0);
    bench.runUntil(7_000);
    bench.clock(WALL_MS + 7_000);
    bench.runUntil(700_000);
    assert.deepEqual(bench.reads, [
      { atMs: 300_000 + CONVERSION_MS, slotS: WALL_MS / 1000 + 300, wall: true },
      { atMs: 600_000 + CONVERSION_MS, slotS: WALL_MS / 1000 + 600, wall: true },
    ]);
  });

  it("samples by uptime when the time does not become known, and changes to wall time when it does", () => {
    const bench = new Bench();
    bench.sampler.handle({ kind: "start" }, 0);
    bench.runUntil(400_000);
    assert.deepEqual(bench.reads, [{ atMs: 300_000 + CONVERSION_MS, slotS: 300, wall: false }]);
    bench.clock(WALL_MS + 240_000);
    bench.runUntil(500_000);
    assert.deepEqual(bench.reads[1], { atMs: 460_000 + CONVERSION_MS, slotS: WALL_MS / 1000 + 300, wall: true });
  });

  it("does not wait longer than told for the time", () => {
    const bench = new Bench(60);
    bench.sampler.handle({ kind: "start" }, 0);
    bench.runUntil(190_000);
    assert.deepEqual(bench.slots, [120, 180]);
  });

  it("uses no slot twice when the clock is corrected backwards, and leaves none out", () => {
    const bench = new Bench();
    bench.clock(WALL_MS);
    bench.sampler.handle({ kind: "start" }, 0);
    bench.runUntil(300_500);
    bench.clock(WALL_MS + 299_000);
    bench.runUntil(1_000_000);
    const t = WALL_MS / 1000;
    assert.deepEqual(bench.slots, [t, t + 300, t + 600, t + 900]);
    assert.equal(bench.reads[2].atMs, 601_500 + CONVERSION_MS);
  });

  it("leaves out the slots that a correction forwards has passed", () => {
    const bench = new Bench();
    bench.clock(WALL_MS);
    bench.sampler.handle({ kind: "start" }, 0);
    bench.runUntil(10_000);
    bench.clock(WALL_MS + 1_000_000);
    bench.runUntil(250_000);
    const t = WALL_MS / 1000;
    assert.deepEqual(bench.slots, [t, t + 1200]);
  });

  it("starts anew when the earlier time was plain wrong", () => {
    const bench = new Bench();
    bench.clock(WALL_MS + 365 * 86_400_000);
    bench.sampler.handle({ kind: "start" }, 0);
    bench.runUntil(10_000);
    bench.clock(WALL_MS + 10_000);
    bench.runUntil(650_000);
    const t = WALL_MS / 1000;
    assert.deepEqual(bench.slots.slice(1), [t + 300, t + 600]);
  });

  it("waits through a correction backwards of up to its bound", () => {
    const bench = new Bench();
    const back = SCHEDULE_WAIT_MAX_MS - INTERVAL_S * 1000;
    bench.clock(WALL_MS);
    bench.sampler.handle({ kind: "start" }, 0);
    bench.runUntil(10_000);
    bench.clock(WALL_MS + 10_000 - back);
    bench.runUntil(back + 310_000);
    assert.deepEqual(bench.slots, [WALL_MS / 1000, WALL_MS / 1000 + 300]);
  });

  it("takes a slot up to its lateness, and leaves it out beyond", () => {
    for (const [lateMs, slots] of [
      [SAMPLE_LATENESS_MS, [300, 600]],
      [SAMPLE_LATENESS_MS + 1, []],
    ] as const) {
      const bench = new Bench();
      bench.sampler.handle({ kind: "start" }, 0);
      bench.runUntil(WAIT_MS + lateMs);
      bench.runUntil(650_000, lateMs);
      assert.deepEqual(bench.slots, slots);
    }
  });

  it("reads the conversion under way when stopped, and samples no more", () => {
    const bench = new Bench();
    bench.clock(WALL_MS);
    bench.sampler.handle({ kind: "start" }, 0);
    bench.runUntil(300_004);
    bench.sampler.handle({ kind: "stop" }, bench.nowMs);
    assert.equal(bench.sampler.stopped, false);
    bench.runUntil(1_000_000);
    assert.equal(bench.sampler.stopped, true);
    assert.equal(bench.reads.length, 2);
    bench.sampler.handle({ kind: "start" }, bench.nowMs);
    assert.equal(bench.sampler.pollTimeout(), undefined);
  });
});
