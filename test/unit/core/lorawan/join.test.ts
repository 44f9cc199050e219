import { deepEqual, equal, ok } from "node:assert/strict";
import { BackOff } from "../../../../firmware/core/lorawan/back-off.ts";
import { Chance } from "../../../../firmware/core/lorawan/chance.ts";
import { Join } from "../../../../firmware/core/lorawan/join.ts";
import { EU868 } from "../../../../firmware/core/lorawan/region/eu868.ts";
import { newJoinRequest, parseJoinRequest } from "../../../../firmware/wire/lorawan-frame.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { DEV_ADDR, DEV_EUI, JOIN_EUI, MacBench } from "./mac-bench.ts";

const CFLIST = Buffer.from("184f84e85684b85e84886684586e8400", "hex");

function devNonce(bytes: Uint8Array): number {
  const request = newJoinRequest();
  ok(parseJoinRequest(bytes, bytes.length, request));
  return request.devNonce;
}

describe("LoRaWAN join", () => {
  it("TS001-1.0.4 6.2.5: DevNonce is on flash before its request leaves", () => {
    const bench = new MacBench();
    bench.handle({ kind: "join" });
    equal(bench.kinds(), "store lw.join, store lw.duty, transmit");
    const { bytes, modulation, powerDbm } = bench.last("transmit");
    const request = newJoinRequest();
    ok(parseJoinRequest(bytes!, bytes!.length, request));
    ok(bench.network.checkJoinRequestMic(bytes!));
    deepEqual(Buffer.from(request.joinEui), JOIN_EUI);
    deepEqual(Buffer.from(request.devEui), DEV_EUI);
    equal(request.devNonce, 0);
    ok([868_100_000, 868_300_000, 868_500_000].includes(modulation!.frequencyHz));
    equal(modulation!.spreadingFactor, 7);
    equal(modulation!.syncWord, 0x34);
    ok(modulation!.crcOn && !modulation!.invertIq);
    equal(powerDbm, 14, "16 dBm EIRP less 2 dB of antenna");
    ok(!bench.mac.idle);
  });

  it("TS001-1.0.4 6.2.4, RP002-1.0.4 table 3: RX1 after 5 s on the uplink's channel, RX2 after 6 s on 869.525 MHz at SF12", () => {
    const bench = new MacBench();
    bench.handle({ kind: "join" });
    bench.transmitted();
    const endMs = bench.nowMs;
    bench.window(undefined);
    const rx1 = bench.last("receive");
    ok(rx1.atMs <= endMs + 5_000 && rx1.atMs > endMs + 4_970);
    equal(rx1.modulation!.frequencyHz, bench.last("transmit").modulation!.frequencyHz);
    equal(rx1.modulation!.spreadingFactor, 7);
    ok(rx1.modulation!.invertIq && !rx1.modulation!.crcOn);
    bench.window(undefined);
    const rx2 = bench.last("receive");
    ok(rx2.atMs <= endMs + 6_000 && rx2.atMs > endMs + 5_970);
    equal(rx2.modulation!.frequencyHz, 869_525_000);
    equal(rx2.modulation!.spreadingFactor, 12);
    ok(bench.last("joinFailed").untilMs! > bench.nowMs);
    ok(!bench.mac.joined && bench.mac.idle);
  });

  for (const window of ["rx1", "rx2"] as const) {
    it(`TS001-1.0.4 6.2.6: a join accept in ${window}: session stored, then joined, keys as the server's`, () => {
      const bench = new MacBench();
      bench.handle({ kind: "join" });
      bench.air({ [window]: bench.accept() });
      ok(bench.kinds().endsWith("store lw.sess, sleepRadio, joined"), bench.kinds());
      ok(bench.mac.joined && bench.mac.idle);
      equal(bench.mac.pollTimeout(), undefined);
      deepEqual(bench.deviceKeys.key(3), bench.networkKeys.key(3));
      deepEqual(bench.deviceKeys.key(4), bench.networkKeys.key(4));
      const uplink = bench.exchange({}, "aabb");
      equal(uplink.devAddr, DEV_ADDR);
      equal(uplink.payload, "aabb");
    });
  }

  it("TS001-1.0.4 6.2.6: RXDelay, RX1DROffset and RX2DataRate of the accept are in force", () => {
    const bench = new MacBench();
    bench.join({ rx1DelayS: 3, rx1DrOffset: 2, rx2DataRate: 3 });
    bench.send();
    bench.transmitted();
    const endMs = bench.nowMs;
    bench.window(undefined);
    ok(Math.abs(bench.last("receive").atMs - endMs - 3_000) < 30);
    equal(bench.last("receive").modulation!.spreadingFactor, 9, "DR5 less 2");
    bench.window(undefined);
    ok(Math.abs(bench.last("receive").atMs - endMs - 4_000) < 30);
    equal(bench.last("receive").modulation!.spreadingFactor, 9, "DR3");
  });

  it("RP002-1.0.4 2.5.4: a CFList of type 0 adds five channels; another type adds none", () => {
    for (const [type, expected] of [
      [0, 8],
      [1, 3],
    ]) {
      const bench = new MacBench();
      const cfList = Uint8Array.from(CFLIST);
      cfList[15] = type;
      bench.join({ hasCfList: true, cfList });
      const used = new Set<number>();
      for (let i = 0; i < 16; i++) {
        bench.exchange();
        used.add(bench.last("transmit").modulation!.frequencyHz);
      }
      equal(used.size, expected);
      if (type === 0) ok(used.has(867_100_000) && used.has(867_900_000));
    }
  });

  it("TS001-1.0.4 6.2.6: values that the region does not have are not taken from an accept", () => {
    const bench = new MacBench();
    bench.join({ rx1DrOffset: 7, rx2DataRate: 15 });
    bench.exchange();
    equal(bench.all("receive").at(-2)!.modulation!.spreadingFactor, 7);
    equal(bench.last("receive").modulation!.spreadingFactor, 12);
  });

  it("TS001-1.0.4 6.2.6, TR007 4.13: an old join accept, replayed, is refused; power cuts do not help it", () => {
    const bench = new MacBench();
    bench.handle({ kind: "join" });
    const old = bench.accept();
    bench.air({ rx1: old });
    ok(bench.mac.joined);
    bench.reboot();
    ok(bench.mac.joined);
    bench.handle({ kind: "join" });
    bench.air({ rx1: old, rx2: old });
    equal(bench.all("joined").length, 0);
    equal(bench.all("joinFailed").length, 1);
    bench.nowMs = bench.last("joinFailed").untilMs!;
    bench.handle({ kind: "join" });
    bench.air({ rx2: bench.accept() });
    equal(bench.all("joined").length, 1);
  });

  it("TS001-1.0.4 6.2.5, TR007 4.6: no DevNonce twice, whatever fails, restarts or is refused", () => {
    const bench = new MacBench();
    const nonces: number[] = [];
    for (let i = 0; i < 40; i++) {
      bench.handle({ kind: "join" });
      if (bench.seen.at(-1)?.kind === "transmit") {
        nonces.push(devNonce(bench.last("transmit").bytes!));
        if (i % 3 !== 0) bench.air();
      }
      if (i % 3 === 0) bench.reboot();
      else bench.nowMs = bench.last("joinFailed").untilMs!;
    }
    deepEqual(
      nonces,
      nonces.map((_, i) => i),
    );
    ok(nonces.length === 40);
  });

  it("TS001-1.0.4 6.2.5: when DevNonce is used up the application is told, and nothing is sent", () => {
    const bench = new MacBench();
    bench.flash.set("lw.join", Uint8Array.of(1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff));
    bench.reboot();
    bench.handle({ kind: "join" });
    equal(devNonce(bench.last("transmit").bytes!), 0xffff);
    bench.air();
    bench.nowMs += 20_000;
    bench.handle({ kind: "join" });
    equal(bench.last("refused").reason, "counter-exhausted");
    equal(bench.all("transmit").length, 1);
  });

  it("TS001-1.0.4 6.2.5: requests walk from DR5 to DR0 and start again", () => {
    const bench = new MacBench();
    const factors: number[] = [];
    for (let i = 0; i < 8; i++) {
      bench.handle({ kind: "join" });
      factors.push(bench.last("transmit").modulation!.spreadingFactor);
      bench.air();
      bench.nowMs = bench.last("joinFailed").untilMs!;
    }
    deepEqual(factors, [7, 8, 9, 10, 11, 12, 7, 8]);
  });

  it("TS001-1.0.4 6.2.5: a request that comes too early is refused with the time", () => {
    const bench = new MacBench();
    bench.handle({ kind: "join" });
    bench.handle({ kind: "join" });
    equal(bench.last("refused").reason, "busy");
    bench.air();
    bench.handle({ kind: "join" });
    equal(bench.last("refused").reason, "join-back-off");
    equal(bench.last("refused").untilMs, bench.last("joinFailed").untilMs);
  });

  it("TS001-1.0.4 7: under 36 s on air in the first hour, 36 s in the next ten, 8.7 s each day after", () => {
    const join = new Join(EU868, new BackOff());
    const chance = new Chance(new RandomStream(3, "join"));
    const airtimeMs = 1_483;
    const spent = [0, 0, 0, 0, 0];
    const pauses: number[] = [];
    const hour = 3_600_000;
    let nowMs = 0;
    while (nowMs < (11 + 48) * hour) {
      const period = nowMs < hour ? 0 : nowMs < 11 * hour ? 1 : nowMs < 35 * hour ? 2 : 3;
      spent[period] += airtimeMs;
      join.takeDevNonce();
      join.book(airtimeMs, nowMs);
      const nextMs = join.failed(airtimeMs, nowMs, chance);
      pauses.push(nextMs - nowMs);
      nowMs = nextMs;
    }
    ok(spent[0] < 36_000 && spent[0] > 10_000, `${spent}`);
    ok(spent[1] < 36_000 && spent[1] > 10_000, `${spent}`);
    ok(spent[2] < 8_700 && spent[2] > 0, `${spent}`);
    ok(spent[3] < 8_700 && spent[3] > 0, `${spent}`);
    equal(new Set(pauses).size, pauses.length, "random pauses");
  });

  it("TS001-1.0.4 6.2: a second join makes a second session, with counters at 0 and old downlinks worthless", () => {
    const bench = new MacBench();
    bench.join();
    bench.exchange();
    const old = bench.down({ fCnt: 9 });
    bench.exchange({ rx1: old });
    bench.nowMs += 60_000;
    bench.join();
    equal(bench.exchange({ rx1: old }).fCnt16, 0);
    equal(bench.all("sent").length, 3);
    bench.exchange({ rx1: bench.down({ fCnt: 0 }, "", "55") });
    equal(bench.last("downlink").bytes![0], 0x55);
  });
});
