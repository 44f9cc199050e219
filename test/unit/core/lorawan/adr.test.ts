import { deepEqual, equal, ok } from "node:assert/strict";
import { MacBench } from "./mac-bench.ts";

/** Uplinks a minute apart; returns for each: ADRACKReq, data rate, power and channel. */
function uplinks(bench: MacBench, count: number): { req: boolean; sf: number; dBm: number; hz: number }[] {
  const seen = [];
  for (let i = 0; i < count; i++) {
    bench.nowMs += 400_000;
    const { adrAckReq } = bench.exchange();
    const { modulation, powerDbm } = bench.last("transmit");
    seen.push({ req: adrAckReq, sf: modulation!.spreadingFactor, dBm: powerDbm!, hz: modulation!.frequencyHz });
    bench.seen = [];
  }
  return seen;
}

describe("ADR back-off", () => {
  it("TS001-1.0.4 4.3.1.1 table 9: ADRACKReq at 64, power at 96, a data rate every 32, then NbTrans 1 and the default channels", () => {
    const bench = new MacBench();
    bench.join();
    // DR1, power 5, NbTrans 3, channel 3 only.
    bench.exchange({ rx1: bench.down({}, "0703184f8450") });
    bench.exchange({ rx1: bench.down({}, "0315080003") });
    const seen = uplinks(bench, 200);
    seen.forEach(({ req, sf, dBm }, i) => {
      equal(req, i >= 64, `${i}`);
      equal(dBm, i < 96 ? 4 : 14, `${i}`);
      equal(sf, i < 128 ? 11 : 12, `${i}`);
    });
    deepEqual([...new Set(seen.slice(0, 160).map(({ hz }) => hz))], [867_100_000]);
    equal(new Set(seen.slice(160).map(({ hz }) => hz)).size, 4);
    equal(bench.mac.uplinksSinceDownlink, 200);
  });

  it("TS001-1.0.4 4.3.1.1: any downlink for us begins the count anew; repeats do not count", () => {
    const bench = new MacBench();
    bench.join();
    bench.exchange({ rx1: bench.down({}, "0350070003") });
    ok(uplinks(bench, 70).at(-1)!.req);
    equal(bench.mac.uplinksSinceDownlink, 70);
    bench.exchange({ rx1: bench.down() });
    equal(bench.mac.uplinksSinceDownlink, 0);
    ok(uplinks(bench, 64).every(({ req }) => !req));
    ok(uplinks(bench, 1)[0].req);
  });

  it("TS001-1.0.4 4.3.1.1: at full power the first step is the data rate; each step is on flash", () => {
    const bench = new MacBench();
    bench.join();
    const seen = uplinks(bench, 96 + 5 * 32);
    equal(seen[95].sf, 7);
    equal(seen[96].sf, 8);
    equal(seen[128].sf, 9);
    equal(seen.at(-1)!.sf, 12);
    bench.reboot();
    equal(bench.mac.dataRate, 0);
  });
});
