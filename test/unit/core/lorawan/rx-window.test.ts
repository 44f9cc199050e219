import { equal, ok } from "node:assert/strict";
import { EU868 } from "../../../../firmware/core/lorawan/region/eu868.ts";
import { US915 } from "../../../../firmware/core/lorawan/region/us915.ts";
import { symbolUs } from "../../../../firmware/wire/time-on-air.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { counts } from "../../../counts.ts";
import { MacBench } from "./mac-bench.ts";

/** Symbols of preamble that a receiver must hear in one piece. */
const DETECTION = 6;
const PREAMBLE = 8;

interface Listening {
  listenMs: number;
  heard: boolean;
}

/** One window against a network that is exact, with this node's clock wrong by `ppm` and JavaScript late by `latencyMs`. */
function listen(bench: MacBench, window: 1 | 2, ppm: number, latencyMs: number): Listening {
  bench.send();
  equal(bench.seen.at(-1)!.kind, "transmit");
  bench.transmitted();
  const endMs = bench.nowMs;
  if (window === 2) bench.window(undefined);
  const wantedMs = bench.mac.pollTimeout()!;
  bench.nowMs = wantedMs + latencyMs;
  bench.mac.handleTimeout(bench.nowMs);
  bench.drain();
  const { modulation, symbolTimeout } = bench.last("receive");
  const symbolMs = symbolUs(modulation!.spreadingFactor, modulation!.bandwidthHz) / 1000;
  const scale = 1 + ppm / 1e6;
  const openMs = (bench.nowMs - endMs) / scale;
  const closeMs = openMs + symbolTimeout! * symbolMs;
  const startMs = window * 1_000;
  const from = Math.max(openMs, startMs);
  const heard = Math.min(closeMs, startMs + PREAMBLE * symbolMs) - from >= DETECTION * symbolMs;
  ok(openMs <= startMs, "open by RECEIVE_DELAY at the latest");
  bench.handle({ kind: "receiveTimeout", atMs: Math.ceil(endMs + closeMs) });
  if (window === 1) bench.window(undefined);
  bench.nowMs += 300_000;
  return { listenMs: symbolTimeout! * symbolMs, heard };
}

describe("receive windows", () => {
  for (const [clockErrorPpm, name] of [
    [40, "a crystal, 40 ppm"],
    [10_000, "an RC oscillator, 1 %"],
  ] as const) {
    it(`TS001-1.0.4 3.3.4: every downlink is found at every data rate with ${name} and 0 to 15 ms of latency`, () => {
      const random = new RandomStream(5, name);
      for (let fixedDataRate = 0; fixedDataRate < 6; fixedDataRate++) {
        const bench = new MacBench({ fixedDataRate, clockErrorPpm });
        bench.join();
        const symbolMs = symbolUs(EU868.dataRates[fixedDataRate]!.spreadingFactor, 125_000) / 1000;
        for (let i = 0; i < counts(40, 800); i++) {
          const ppm =
            i % 3 === 0
              ? i % 2 === 0
                ? clockErrorPpm
                : -clockErrorPpm
              : random.below(2 * clockErrorPpm + 1) - clockErrorPpm;
          const { listenMs, heard } = listen(bench, 1, ppm, random.below(16));
          ok(heard, `DR${fixedDataRate} ${ppm} ppm`);
          const least = 2 * ((1_000 * clockErrorPpm) / 1e6 + 1) + 15 + DETECTION * symbolMs;
          ok(listenMs <= least + 1 + symbolMs, `DR${fixedDataRate}: ${listenMs} ms where ${least} are needed`);
        }
        ok(listen(bench, 2, clockErrorPpm, 15).heard);
      }
    });
  }

  it("SX1261/2 data sheet 13.4.9: a window of more than 248 symbols is listened to in parts, up to its very end", () => {
    const clockErrorPpm = 10_000;
    const symbolMs = symbolUs(7, 500_000) / 1000;
    for (const cycles of [false, true]) {
      const bench = new MacBench({ region: US915, clockErrorPpm });
      bench.join({ rx2DataRate: 13, rx1DelayS: 15 });
      bench.cycles = cycles;
      bench.exchange({ rx1: bench.down({}, "0330ff0061") });
      bench.nowMs += 60_000;
      bench.seen = [];
      bench.send();
      bench.transmitted();
      const endMs = bench.nowMs;
      const errorMs = (15_000 * clockErrorPpm) / 1e6;
      let closedMs = 0;
      bench.toTimeout();
      for (let part = 0; bench.all("receive").length === part + 1; part++) {
        const { atMs, symbolTimeout } = bench.seen.at(-1)!;
        if (part === 0) ok(atMs <= endMs + 15_000 - errorMs);
        else equal(atMs, closedMs, "the next part at once");
        ok(symbolTimeout! <= 248);
        closedMs = Math.ceil(atMs + symbolTimeout! * symbolMs);
        bench.nowMs = closedMs;
        bench.handle({ kind: "receiveTimeout", atMs: closedMs });
      }
      ok(bench.all("receive").length > 4, `${bench.all("receive").length} parts`);
      ok(closedMs >= endMs + 15_000 + errorMs + DETECTION * symbolMs, "to the end");
      ok(closedMs <= endMs + 15_000 + errorMs + 20 * symbolMs + 2, "and not longer");
      // A frame in any part is taken.
      bench.toTimeout();
      bench.nowMs += 10;
      const frame = bench.down({}, "", "aa");
      bench.handle({ kind: "received", frame, length: frame.length, rssiDbm: -90, snrDb: 5, atMs: bench.nowMs });
      equal(bench.all("downlink").length, 1);
    }
  });

  it("a window that is opened too late for any frame is not opened", () => {
    const bench = new MacBench();
    bench.join();
    const receives = bench.all("receive").length;
    bench.send();
    bench.transmitted();
    bench.nowMs = bench.mac.pollTimeout()! + 40;
    bench.mac.handleTimeout(bench.nowMs);
    bench.drain();
    equal(bench.all("receive").length, receives);
    bench.toTimeout();
    equal(bench.all("receive").length, receives + 1, "RX2 is");
  });
});
