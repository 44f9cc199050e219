import assert from "node:assert/strict";
import { EU868 } from "../../../../firmware/core/lorawan/region/eu868.ts";
import type { LoraModulation } from "../../../../firmware/ports/radio.ts";
import { timeOnAirUs } from "../../../../firmware/wire/time-on-air.ts";
import {
  Gateway,
  type GatewayDownlink,
  type GatewayOptions,
  type GatewayUplink,
  type TxStatus,
} from "../../../../host-sim/network/gateway.ts";
import { type AirTransmission, RadioChannel } from "../../../../host-sim/radio/channel.ts";
import { World } from "../../../../host-sim/world.ts";
import { bytes, PLAN, START_UNIX_MS, uplinkModulation } from "./fixture.ts";

const BACKHAUL_US = 20_000;
const LEAD_US = 30_000;

class Bench {
  readonly world = new World(1, START_UNIX_MS);
  readonly channel = new RadioChannel(this.world);
  readonly heard: GatewayUplink[] = [];
  readonly sent: AirTransmission[] = [];
  readonly gateway: Gateway;

  constructor(counterStart = 0, driftPpm = 0, options: Partial<GatewayOptions> = {}) {
    this.gateway = new Gateway(this.world, this.channel, {
      id: bytes("0016c001f153a14c"),
      position: { x: 0, y: 0 },
      channelsHz: PLAN.channelsHz,
      subBands: EU868.subBands,
      counterStart,
      driftPpm,
      ...options,
    });
    this.gateway.onUplink = (uplink) => this.heard.push(uplink);
    this.channel.onTransmission((transmission) => {
      if (transmission.from === this.gateway) this.sent.push(transmission);
    });
  }

  uplink(modulation: LoraModulation, first = 0x40, length = 20, x = 100): number {
    const { nowUs } = this.world;
    const endUs = nowUs + timeOnAirUs(modulation, length);
    const frame = new Uint8Array(length).fill(first);
    this.channel.transmit({
      modulation,
      powerDbm: 14,
      frame,
      startUs: nowUs,
      endUs,
      from: this,
      position: { x, y: 0 },
    });
    return endUs;
  }

  /** Asks for downlinks and waits for the answer. */
  ask(...items: Partial<GatewayDownlink>[]): { taken: number; statuses: TxStatus[] } {
    let outcome: { taken: number; statuses: TxStatus[] } | undefined;
    const whole = items.map((item) => ({
      frame: new Uint8Array(20),
      modulation: PLAN.downlink(868_100_000, 5),
      powerDbm: 16,
      counter: 0,
      ...item,
    }));
    this.gateway.send(whole, (taken, statuses) => {
      outcome = { taken, statuses };
    });
    this.world.run(this.world.nowUs + 2 * BACKHAUL_US);
    assert.ok(outcome !== undefined);
    return outcome;
  }
}

describe("gateway, receiving", () => {
  it("hears each of its eight channels at each spreading factor, at the same time", () => {
    const bench = new Bench();
    for (let dataRate = 0; dataRate < 6; dataRate++) {
      for (const frequencyHz of PLAN.channelsHz) bench.uplink(uplinkModulation(dataRate, frequencyHz));
      bench.world.run(bench.world.nowUs + 5_000_000);
    }
    assert.equal(bench.heard.length, 48);
    const seen = new Set(bench.heard.map(({ channel, modulation }) => `${channel} ${modulation.spreadingFactor}`));
    assert.equal(seen.size, 48);
  });

  it("has eight demodulators: a ninth frame at the same time is not heard", () => {
    const bench = new Bench();
    for (const frequencyHz of PLAN.channelsHz) bench.uplink(uplinkModulation(5, frequencyHz));
    bench.uplink(uplinkModulation(4));
    bench.world.run(5_000_000);
    assert.equal(bench.heard.length, 8);
    bench.uplink(uplinkModulation(4));
    bench.world.run(10_000_000);
    assert.equal(bench.heard.length, 9, "they are free again afterwards");
  });

  it("does not hear downlinks, private networks, other bandwidths or other channels", () => {
    const bench = new Bench();
    const uplink = uplinkModulation(5);
    bench.uplink({ ...uplink, invertIq: true });
    bench.uplink({ ...uplink, syncWord: 0x12, frequencyHz: 868_300_000 });
    bench.uplink({ ...uplink, bandwidthHz: 250_000, frequencyHz: 868_500_000 });
    bench.uplink({ ...uplink, frequencyHz: 868_800_000 });
    bench.world.run(5_000_000);
    assert.deepEqual(bench.heard, []);
  });

  it("SX1301: one more channel of another kind, with its one spreading factor (US915: 500 kHz at SF8)", () => {
    const serviceChannel = { frequencyHz: 868_300_000, spreadingFactor: 8, bandwidthHz: 500_000 } as const;
    const bench = new Bench(0, 0, { serviceChannel });
    bench.uplink({ ...uplinkModulation(4), ...serviceChannel });
    bench.world.run(1_000_000);
    bench.uplink({ ...uplinkModulation(4), ...serviceChannel, spreadingFactor: 9 });
    bench.world.run(2_000_000);
    bench.uplink({ ...uplinkModulation(4), ...serviceChannel, frequencyHz: 868_100_000 });
    bench.world.run(3_000_000);
    assert.deepEqual(
      bench.heard.map(({ channel }) => channel),
      [8],
    );
  });

  it("reports whole dBm, quarters of a dB, its counter at the frame's end, and the true time", () => {
    const bench = new Bench(0xffff_f000);
    const endUs = bench.uplink(uplinkModulation(0), 0x40, 20, 6000);
    bench.world.run(endUs + BACKHAUL_US - 1);
    assert.equal(bench.heard.length, 0, "the backhaul takes its time");
    bench.world.run(endUs + BACKHAUL_US);
    const [uplink] = bench.heard;
    assert.equal(uplink.counter, (0xffff_f000 + endUs) % 0x1_0000_0000, "wrapped");
    assert.ok(uplink.counter < 0x1000_0000);
    assert.equal(uplink.unixMs, START_UNIX_MS + endUs / 1000);
    // 14 dBm - (128.95 + 23.2 log10(6)) dB, over -174 + 10 log10(125,000) + 6 dBm of noise.
    assert.equal(uplink.rssiDbm, -133);
    assert.equal(uplink.snrDb, -16);
  });
});

describe("gateway, sending (Semtech UDP protocol, PROTOCOL.TXT 5)", () => {
  it("begins at the microsecond that its counter names, over a wrap of the counter too", () => {
    for (const start of [0, 0xffff_ff00, 0xfff0_0000, 12_345]) {
      const bench = new Bench(start);
      const endUs = bench.uplink(uplinkModulation(5));
      bench.world.run(1_000_000);
      const counter = (bench.heard[0].counter + 1_000_000) % 0x1_0000_0000;
      assert.deepEqual(bench.ask({ counter }), { taken: 0, statuses: ["ok"] });
      bench.world.run(2_000_000);
      assert.deepEqual(
        bench.sent.map(({ startUs }) => startUs),
        [endUs + 1_000_000],
      );
    }
  });

  it("with a counter that drifts by 10 ppm, the delay is the counter's", () => {
    const bench = new Bench(0, 10);
    const endUs = bench.uplink(uplinkModulation(5));
    bench.world.run(1_000_000);
    bench.ask({ counter: bench.heard[0].counter + 1_000_000 });
    bench.world.run(2_000_000);
    assert.ok(Math.abs(bench.sent[0].startUs - endUs - 999_990) <= 1);
  });

  it("too late is 30 ms before it begins, too early more than 384 s ahead", () => {
    const bench = new Bench();
    assert.deepEqual(bench.ask({ counter: BACKHAUL_US + LEAD_US - 1 }).statuses, ["too-late"]);
    const soon = bench.world.nowUs + BACKHAUL_US + LEAD_US;
    assert.deepEqual(bench.ask({ counter: soon }).statuses, ["ok"]);
    const far = bench.world.nowUs + BACKHAUL_US + 384_000_000;
    assert.deepEqual(bench.ask({ counter: far }).statuses, ["ok"]);
    assert.deepEqual(bench.ask({ counter: far + 60_000_000 }).statuses, ["too-early"]);
    assert.deepEqual(bench.ask({ counter: bench.world.nowUs - 500_000 + 0x1_0000_0000 }).statuses, ["too-late"]);
  });

  it("refuses what overlaps with a planned frame, or is nearer than 1 ms", () => {
    const bench = new Bench();
    const airtime = timeOnAirUs(PLAN.downlink(868_100_000, 5), 20);
    bench.ask({ counter: 1_000_000 });
    for (const counter of [1_000_000 - airtime - 999, 1_000_000, 1_000_000 + airtime + 999]) {
      assert.deepEqual(bench.ask({ counter }).statuses, ["collision-packet"], `${counter}`);
    }
    assert.deepEqual(bench.ask({ counter: 1_000_000 + airtime + 1000 }).statuses, ["ok"]);
    assert.deepEqual(bench.ask({ counter: 1_000_000 - airtime - 1000 }).statuses, ["ok"]);
    bench.world.run(3_000_000);
    assert.equal(bench.sent.length, 3);
  });

  it("refuses a wrong frequency, too much power, and takes the second choice when the first is refused", () => {
    const bench = new Bench();
    const wrong = PLAN.downlink(868_650_000, 5);
    const outcome = bench.ask(
      { counter: 1_000_000, modulation: wrong },
      { counter: 2_000_000, powerDbm: 30 },
      { counter: 3_000_000 },
      { counter: 4_000_000 },
    );
    assert.deepEqual(outcome, { taken: 2, statuses: ["tx-freq", "tx-power", "ok"] });
    bench.world.run(10_000_000);
    assert.deepEqual(
      bench.sent.map(({ startUs }) => startUs),
      [3_000_000],
    );
  });

  it("ETSI EN 300 220-2: refuses what exceeds the sub-band's hour; 869.525 MHz has ten times as much", () => {
    const bench = new Bench();
    const counted = (frequencyHz: number): number => {
      for (let sent = 0; sent < 1000; sent++) {
        const modulation = PLAN.downlink(frequencyHz, 0);
        const counter = (bench.world.nowUs + 1_000_000) % 0x1_0000_0000;
        const { statuses } = bench.ask({ counter, modulation, frame: new Uint8Array(33) });
        if (statuses[0] === "duty-cycle-overflow") return sent;
        assert.deepEqual(statuses, ["ok"]);
        bench.world.run(bench.world.nowUs + 3_000_000);
      }
      return -1;
    };
    const airtime = timeOnAirUs(PLAN.downlink(868_100_000, 0), 33);
    assert.equal(counted(868_100_000), Math.floor(36_000_000 / airtime));
    assert.equal(counted(869_525_000), Math.floor(360_000_000 / airtime));
  });

  it("imme: begins a second from now, or in the first gap after that which is long enough", () => {
    const bench = new Bench();
    const airtime = timeOnAirUs(PLAN.downlink(868_100_000, 5), 20);
    bench.ask({ counter: 1_020_000 });
    bench.ask({ counter: 1_020_000 + airtime + 1_000 + airtime });
    assert.deepEqual(bench.ask({ counter: undefined }).statuses, ["ok"]);
    bench.world.run(5_000_000);
    const starts = bench.sent.map(({ startUs }) => startUs);
    assert.deepEqual(starts, [1_020_000, 1_020_000 + airtime + 1_000 + airtime, 1_021_000 + 3 * airtime + 1_000]);
    bench.ask({ counter: undefined });
    bench.world.run(10_000_000);
    assert.equal(bench.sent[3].startUs, 5_000_000 + BACKHAUL_US + 1_000_000);
  });

  it("tmms: begins at a GPS time; without GNSS it says so", () => {
    const bench = new Bench();
    // 1,700,000,000 s Unix time is 1,384,035,218 s GPS time: 315,964,800 s later, with 18 leap seconds.
    assert.deepEqual(bench.ask({ counter: undefined, gpsMs: 1_384_035_220_500 }).statuses, ["ok"]);
    assert.deepEqual(bench.ask({ counter: undefined, gpsMs: 1_384_035_218_000 }).statuses, ["too-late"]);
    bench.world.run(5_000_000);
    assert.deepEqual(
      bench.sent.map(({ startUs }) => startUs),
      [2_500_000],
    );
    const blind = new Bench(0, 0, { gps: false });
    assert.deepEqual(blind.ask({ counter: undefined, gpsMs: 1_384_035_220_500 }).statuses, ["gps-unlocked"]);
    assert.deepEqual(blind.ask({ counter: 1_000_000, gpsMs: 1 }).statuses, ["ok"], "the counter needs no GNSS");
  });

  it("JIT_QUEUE_MAX: a 33rd downlink that waits is a collision", () => {
    const bench = new Bench();
    for (let i = 0; i < 32; i++) {
      assert.deepEqual(bench.ask({ counter: 10_000_000 + i * 1_000_000 }).statuses, ["ok"], `${i}`);
    }
    assert.deepEqual(bench.ask({ counter: 60_000_000 }).statuses, ["collision-packet"]);
    bench.world.run(10_500_000);
    assert.deepEqual(bench.ask({ counter: 60_000_000 }).statuses, ["ok"], "one has left");
  });

  it("its own limit of power holds", () => {
    const bench = new Bench(0, 0, { maxEirpDbm: 14 });
    assert.deepEqual(bench.ask({ counter: 1_000_000 }).statuses, ["tx-power"]);
    assert.deepEqual(bench.ask({ counter: 1_000_000, powerDbm: 14 }).statuses, ["ok"]);
  });

  it("half duplex: while it sends it hears nothing, and a frame that was coming in is lost", () => {
    const bench = new Bench();
    bench.ask({ counter: 1_000_000, modulation: PLAN.downlink(869_525_000, 0) });
    bench.world.run(500_000);
    bench.uplink(uplinkModulation(0));
    bench.world.run(1_100_000);
    bench.uplink(uplinkModulation(5, 868_300_000));
    bench.world.run(6_000_000);
    assert.deepEqual(bench.heard, []);
    assert.equal(bench.gateway.counters.lostToTransmission, 1);
    bench.uplink(uplinkModulation(5));
    bench.world.run(7_000_000);
    assert.equal(bench.heard.length, 1);
  });
});
