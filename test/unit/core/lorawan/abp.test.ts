import { deepEqual, equal, ok } from "node:assert/strict";
import { BackOff } from "../../../../firmware/core/lorawan/back-off.ts";
import { regionOf } from "../../../../firmware/core/lorawan/region/index.ts";
import { NodeKeys } from "../../wire/lorawan-keys.ts";
import { DEV_ADDR, MacBench } from "./mac-bench.ts";

const NWK_S_KEY = Buffer.from("2b7e151628aed2a6abf7158809cf4f3c", "hex");
const APP_S_KEY = Buffer.from("3c4fcf098815f7aba6d2ae2816157e2b", "hex");

/** A bench whose device was personalised; a reboot leaves its key slots alone, as a power cut does. */
class AbpBench extends MacBench {
  constructor(options: ConstructorParameters<typeof MacBench>[0] = {}) {
    super({ crypto: new NodeKeys(new Uint8Array(16), NWK_S_KEY, APP_S_KEY), abp: { devAddr: DEV_ADDR }, ...options });
    this.networkKeys.keys.set(3, NWK_S_KEY);
    this.networkKeys.keys.set(4, APP_S_KEY);
  }
}

describe("activation by personalisation", () => {
  it("TS001-1.0.4 6.3: it has its session from the start, at the slowest data rate, and never joins", () => {
    for (const [name, dataRate] of [
      ["EU868", 0],
      ["US915", 0],
      ["AU915", 2],
      ["AS923-1", 2],
    ] as const) {
      const bench = new AbpBench({ region: regionOf(name) });
      ok(bench.mac.joined);
      equal(bench.mac.dataRate, dataRate);
      const uplink = bench.exchange({}, "c0de");
      equal(uplink.devAddr, DEV_ADDR);
      equal(uplink.fCnt16, 0);
      equal(uplink.payload, "c0de");
      bench.handle({ kind: "join" });
      equal(bench.last("refused").reason, "personalised");
      equal(bench.last("refused").untilMs, Number.MAX_SAFE_INTEGER);
    }
  });

  it("TS001-1.0.4 4.3.1.5, 6.3: its counters never begin anew: not after power cuts, not where nothing was agreed yet", () => {
    const bench = new AbpBench();
    const seen: number[] = [];
    for (let boot = 0; boot < 4; boot++) {
      for (let i = 0; i < 3; i++) {
        bench.nowMs += 400_000;
        seen.push(bench.exchange().fCnt16);
      }
      bench.reboot();
      ok(bench.mac.joined);
    }
    deepEqual(seen, [0, 1, 2, 64, 65, 66, 128, 129, 130, 192, 193, 194]);
    equal(new Set(seen).size, seen.length);
  });

  it("TR007 4.13: what the network set is there after a power cut, and an old downlink is refused", () => {
    const bench = new AbpBench();
    const old = bench.down({}, "0333070001" + "0803");
    bench.exchange({ rx1: old });
    bench.reboot();
    equal(bench.mac.dataRate, 3);
    bench.send();
    bench.transmitted();
    const endMs = bench.nowMs;
    bench.window(old);
    ok(Math.abs(bench.all("receive")[0].atMs - endMs - 3_000) < 60);
    bench.window(undefined);
    equal(bench.all("downlink").length, 0);
    equal(bench.mac.uplinksSinceDownlink, 1);
  });

  it("another address is another session, with counters of its own; a device that joins does not take a personalised one up", () => {
    const bench = new AbpBench();
    bench.exchange({ rx1: bench.down({}, "0333070001") });
    const { flash } = bench;
    const other = new AbpBench({ abp: { devAddr: DEV_ADDR + 1 } });
    for (const [key, value] of flash) other.flash.set(key, value);
    other.reboot();
    ok(other.mac.joined);
    equal(other.mac.dataRate, 0);
    other.send();
    equal(other.uplink().devAddr, DEV_ADDR + 1);
    equal(other.uplink().fCnt16, 0);
    const joining = new MacBench();
    for (const [key, value] of flash) joining.flash.set(key, value);
    joining.reboot();
    ok(!joining.mac.joined);
  });
});

describe("back-off", () => {
  it("TS001-1.0.4 7: repeats of confirmed uplinks share the budget of joins; repeats that the network asked for do not", () => {
    const backOff = new BackOff();
    for (let i = 0; i < 17; i++) {
      equal(backOff.earliestMs(2_000, 1_000), 1_000);
      backOff.book(2_000, 1_000);
    }
    equal(backOff.earliestMs(2_000, 2_000), 3_600_000, "under 36 s in the first hour");
    backOff.isOn = false;
    equal(backOff.earliestMs(2_000, 2_000), 2_000);
    for (const confirmed of [true, false]) {
      const bench = new MacBench();
      bench.join();
      // DR0, NbTrans 15: a frame of 12 + 51 bytes takes 2.8 s.
      bench.exchange({ rx1: bench.down({}, "030007000f") });
      bench.handle({ kind: "setDutyCycle", on: true });
      let repeats = 0;
      for (let i = 0; i < 5; i++) {
        bench.seen = [];
        bench.nowMs += 4_000;
        bench.send("00".repeat(40), confirmed);
        if (bench.seen.at(-1)!.kind === "refused") break;
        bench.air();
        bench.settle();
        repeats += bench.all("transmit").length - 1;
      }
      const budget = Math.floor(36_000 / 2_466);
      if (confirmed) ok(repeats <= budget, `${repeats}`);
      else ok(repeats <= 14 * 5);
    }
  });

  it("a repeat that is given up counts as an uplink without an answer", () => {
    const bench = new MacBench();
    bench.join();
    bench.exchange({ rx1: bench.down({}, "030007000f") });
    const before = bench.mac.uplinksSinceDownlink;
    for (let i = 0; i < 3; i++) {
      bench.send("00".repeat(40));
      bench.air();
      bench.settle();
      bench.nowMs += 4_000_000;
    }
    equal(bench.mac.uplinksSinceDownlink, before + 3);
  });
});

describe("duty cycle and power cuts", () => {
  it("ETSI EN 300 220-1 4.3.3: what was sent before a power cut counts for an hour after it, whatever the power-off lasted", () => {
    const bench = new MacBench({ fixedDataRate: 0 });
    bench.join();
    let airtimeMs = 0;
    const fill = (): void => {
      for (;;) {
        bench.seen = [];
        bench.send("00".repeat(51));
        if (bench.seen.at(-1)!.kind === "refused") return;
        const from = bench.nowMs;
        bench.transmitted();
        airtimeMs += bench.nowMs - from;
        bench.window(undefined);
        bench.window(undefined);
      }
    };
    fill();
    ok(airtimeMs > 30_000 && airtimeMs <= 36_000);
    bench.reboot();
    bench.send("00".repeat(51));
    equal(bench.last("refused").reason, "duty-cycle");
    const { untilMs } = bench.last("refused");
    ok(untilMs! > 3_600_000 && untilMs! <= 3_600_000 + 600_000, `${untilMs}`);
    bench.nowMs = untilMs!;
    bench.send("00".repeat(51));
    equal(bench.seen.at(-1)!.kind, "transmit");
  });

  it("a node that was switched on may join at once, and a node that is restarted again and again too", () => {
    const bench = new MacBench();
    for (let boot = 0; boot < 20; boot++) {
      bench.reboot();
      bench.handle({ kind: "join" });
      equal(bench.seen.at(-1)!.kind, "transmit", `boot ${boot}`);
      bench.air();
    }
  });

  it("the record is written rarely: before the frame that passes into the next 32nd of an hour's share", () => {
    const bench = new MacBench();
    bench.join();
    bench.seen = [];
    for (let i = 0; i < 288; i++) {
      bench.nowMs += 300_000;
      bench.exchange(i % 36 === 0 ? { rx1: bench.down() } : {}, "00".repeat(20));
    }
    const writes = bench.all("store").filter(({ key }) => key === "lw.duty").length;
    ok(writes <= 6, `${writes} in a day`);
  });
});
