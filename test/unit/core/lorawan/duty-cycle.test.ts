import { equal, ok } from "node:assert/strict";
import { DutyCycle, NEVER_MS } from "../../../../firmware/core/lorawan/duty-cycle.ts";
import { EU868 } from "../../../../firmware/core/lorawan/region/eu868.ts";
import { StateReader, StateWriter } from "../../../../firmware/wire/state-record.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { counts } from "../../../counts.ts";
import { MacBench } from "./mac-bench.ts";

const HOUR_MS = 3_600_000;

/** The most that lies in any hour, counted without the ledger: the worst hour ends with a frame or begins with one. */
function worstHourMs(frames: { startMs: number; endMs: number }[]): number {
  let worst = 0;
  let first = 0;
  for (let last = 0; last < frames.length; last++) {
    const fromMs = frames[last].endMs - HOUR_MS;
    while (frames[first].endMs <= fromMs) first++;
    let sum = 0;
    for (let i = first; i <= last; i++) sum += frames[i].endMs - Math.max(frames[i].startMs, fromMs);
    worst = Math.max(worst, sum);
  }
  return worst;
}

describe("duty cycle", () => {
  for (const [frequencyHz, limitMs] of [
    [868_100_000, 36_000],
    [864_000_000, 3_600],
    [869_525_000, 360_000],
  ]) {
    it(`ETSI EN 300 220-1 4.3.3: never more than ${limitMs} ms in any hour on ${frequencyHz / 1e6} MHz, and not much less`, () => {
      const ledger = new DutyCycle(EU868);
      const random = new RandomStream(1, `duty ${frequencyHz}`);
      const frames: { startMs: number; endMs: number }[] = [];
      let nowMs = 0;
      const untilMs = counts(12, 100) * HOUR_MS;
      while (nowMs < untilMs) {
        const airtimeMs = 40 + random.below(2_800);
        const earliestMs = ledger.earliestMs(frequencyHz, airtimeMs, nowMs);
        if (earliestMs > nowMs) {
          nowMs = earliestMs;
          equal(ledger.earliestMs(frequencyHz, airtimeMs, nowMs), nowMs, "the promised time holds");
        }
        // A radio that starts late ends late.
        const endMs = nowMs + airtimeMs + random.below(20);
        ledger.book(frequencyHz, endMs, airtimeMs, 0);
        frames.push({ startMs: endMs - airtimeMs, endMs });
        nowMs = endMs + random.below(random.below(100) === 0 ? 600_000 : 3_000);
      }
      const worst = worstHourMs(frames);
      ok(worst <= limitMs, `${worst}`);
      ok(worst > 0.75 * limitMs, `${worst}`);
    });
  }

  it("ETSI EN 300 220-2 annex B: each sub-band has its own account; a frame longer than an hour's share is never sent", () => {
    const ledger = new DutyCycle(EU868);
    ledger.book(868_100_000, 36_000, 36_000, 0);
    ok(ledger.earliestMs(868_300_000, 50, 40_000) >= HOUR_MS);
    equal(ledger.earliestMs(867_100_000, 50, 40_000), 40_000);
    equal(ledger.earliestMs(864_000_000, 3_601, 40_000), NEVER_MS);
  });

  it("TS001-1.0.4 5.3: Toff is time on air times 2^MaxDutyCycle - 1, on every channel", () => {
    const ledger = new DutyCycle(EU868);
    ledger.book(868_100_000, 10_000, 100, 10);
    equal(ledger.earliestMs(869_525_000, 100, 10_000), 10_000 + 100 * 1_023);
  });

  it("the account is kept through saving", () => {
    const ledger = new DutyCycle(EU868);
    ledger.book(868_100_000, 400_000, 35_000, 0);
    const bytes = new Uint8Array(512);
    const writer = new StateWriter(bytes, 0, 1, 1);
    ledger.save(writer);
    writer.finish();
    const restored = new DutyCycle(EU868);
    restored.restore(new StateReader(bytes, 0, 1, 1));
    equal(restored.earliestMs(868_100_000, 2_000, 500_000), ledger.earliestMs(868_100_000, 2_000, 500_000));
    ok(restored.earliestMs(868_100_000, 2_000, 500_000) > HOUR_MS);
  });

  it("ETSI EN 300 220-1 4.3.3: nor over power cuts, however long it was dark: what flash holds is enough", () => {
    const frequencyHz = 868_100_000;
    const random = new RandomStream(9, "duty and power cuts");
    const frames: { startMs: number; endMs: number }[] = [];
    const flash = new Uint8Array(16);
    let recordLength = 0;
    let writes = 0;
    let cuts = 0;
    /** True time; a boot's own clock begins at 0. */
    let worldMs = 0;
    const untilMs = counts(60, 1_000) * HOUR_MS;
    while (worldMs < untilMs) {
      cuts++;
      const bootMs = worldMs;
      const ledger = new DutyCycle(EU868);
      ledger.readRecord(flash, recordLength, 100);
      let nowMs = 100;
      const lifeMs = random.below(random.below(3) === 0 ? 4 * HOUR_MS : 600_000);
      while (nowMs < lifeMs) {
        const airtimeMs = 40 + random.below(2_800);
        nowMs = ledger.earliestMs(frequencyHz, airtimeMs, nowMs);
        if (nowMs >= lifeMs) break;
        if (ledger.mustStore(frequencyHz, airtimeMs)) {
          recordLength = ledger.writeRecord(flash);
          writes++;
        }
        const endMs = nowMs + airtimeMs;
        // The power may go in the middle of the frame: then it is not booked, but it was written down.
        const isCut = random.below(40) === 0;
        if (!isCut) ledger.book(frequencyHz, endMs, airtimeMs, 0);
        frames.push({ startMs: bootMs + nowMs, endMs: bootMs + endMs });
        nowMs = endMs + random.below(2_000);
        if (isCut) break;
      }
      worldMs = bootMs + nowMs + random.below(random.below(4) === 0 ? HOUR_MS : 60_000);
    }
    const worst = worstHourMs(frames);
    ok(worst <= 36_000, `${worst}`);
    ok(worst > 20_000, `${worst}`);
    ok(cuts > 40 && writes < frames.length, `${cuts} cuts, ${writes} writes, ${frames.length} frames`);
  });

  it("a refused uplink says when it may go, and then it goes", () => {
    const bench = new MacBench({ fixedDataRate: 0 });
    bench.join();
    let refusals = 0;
    for (let i = 0; i < 40; i++) {
      bench.send("00".repeat(51));
      const refused = bench.seen.at(-1)!;
      if (refused.kind === "refused") {
        refusals++;
        equal(refused.reason, "duty-cycle");
        bench.nowMs = refused.untilMs!;
        bench.send("00".repeat(51));
      }
      equal(bench.seen.at(-1)!.kind, "transmit");
      bench.air();
    }
    ok(refusals > 0 && refusals < 20);
  });
});
