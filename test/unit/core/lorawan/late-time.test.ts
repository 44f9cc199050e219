/** A network's answer about the time that comes too late to be true (docs/threat-model.md). */
import { equal, ok } from "node:assert/strict";
import { MacBench } from "./mac-bench.ts";

const HOUR_MS = 3_600_000;

describe("LoRaWAN time, held back", () => {
  it("TS001-1.0.4 5.9: an answer to an earlier question is believed: nothing in it says which question it is for", () => {
    const bench = new MacBench();
    bench.join();
    bench.handle({ kind: "requestTime" });
    bench.exchange();
    const heldBack = bench.down({}, "0d006d7c4d80");
    bench.nowMs += 5 * HOUR_MS;
    bench.handle({ kind: "requestTime" });
    bench.exchange({ rx2: heldBack });
    equal(bench.all("time").length, 1);
    const { gpsMs, timeMs } = bench.last("time");
    equal(gpsMs, 1_300_000_000_500);
    ok(timeMs! > 5 * HOUR_MS, "of now, it says: five hours late");
  });
});
