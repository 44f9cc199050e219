import assert from "node:assert/strict";
import type { LoraModulation } from "../../../../firmware/ports/radio.ts";
import { preambleUs, symbolUs, timeOnAirUs } from "../../../../firmware/wire/time-on-air.ts";
import { type AirListener, type AirTransmission, RadioChannel } from "../../../../host-sim/radio/channel.ts";
import { demodulationFloorDb, noiseDbm, OULU_2015, pathLossDb } from "../../../../host-sim/radio/propagation.ts";
import { World } from "../../../../host-sim/world.ts";
import { heltecStation, makeBench, UPLINK } from "../../drivers/radio/radio-bench.ts";

/** A gateway: eight channels, any spreading factor, deaf while it sends. */
class Gateway implements AirListener {
  readonly position: { x: number; y: number };
  readonly heard: string[] = [];
  readonly spoilt: string[] = [];
  sending = false;

  constructor(x = 0, y = 0) {
    this.position = { x, y };
  }

  hears({ modulation }: AirTransmission): boolean {
    return !this.sending && !modulation.invertIq && modulation.bandwidthHz === 125_000;
  }

  received({ frame }: AirTransmission): void {
    this.heard.push(String(frame[0]));
  }

  lost({ frame }: AirTransmission): void {
    this.spoilt.push(String(frame[0]));
  }
}

interface Sending {
  x: number;
  atUs?: number;
  powerDbm?: number;
  modulation?: Partial<LoraModulation>;
}

/** Sends frames numbered from 0 to a gateway at the origin. */
function sendAll(sendings: Sending[], lossProbability = 0, seed = 1): { gateway: Gateway; channel: RadioChannel } {
  const world = new World(seed, 0);
  const channel = new RadioChannel(world, { lossProbability });
  const gateway = new Gateway();
  channel.attach(gateway);
  sendings.forEach((sending, index) => {
    const modulation = { ...UPLINK, ...sending.modulation };
    const frame = Uint8Array.of(index, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    world.at(sending.atUs ?? 0, () =>
      channel.transmit({
        modulation,
        powerDbm: sending.powerDbm ?? 14,
        frame,
        startUs: world.nowUs,
        endUs: world.nowUs + timeOnAirUs(modulation, frame.length),
        from: sending,
        position: { x: sending.x, y: 0 },
      }),
    );
  });
  world.run(1e10);
  return { gateway, channel };
}

describe("radio channel: propagation", () => {
  it("the loss at 1 km is the model's, and ten times the distance costs 23.2 dB (Petäjäjärvi 2015)", () => {
    const at = (x: number): number => pathLossDb({ x: 0, y: 0 }, { x, y: 0 }, OULU_2015);
    assert.equal(at(1000), 128.95);
    assert.ok(Math.abs(at(10_000) - 152.15) < 1e-9);
    assert.ok(Math.abs(pathLossDb({ x: 3, y: 4 }, { x: 3, y: 1004 }, OULU_2015) - 128.95) < 1e-9);
    assert.equal(at(0), at(1), "nearer than a metre is a metre");
  });

  it("noise in 125, 250 and 500 kHz at a noise figure of 6 dB", () => {
    assert.ok(Math.abs(noiseDbm(125_000) + 117.03) < 0.01);
    assert.ok(Math.abs(noiseDbm(500_000) + 111.01) < 0.01);
  });

  it("DS.SX1261-2 6.1.1.1: demodulation floors from -7.5 dB (SF7) to -20 dB (SF12)", () => {
    assert.deepEqual([7, 8, 9, 10, 11, 12].map(demodulationFloorDb), [-7.5, -10, -12.5, -15, -17.5, -20]);
  });

  it("the range ends where the SNR falls below the floor, farther for each spreading factor", () => {
    // SNR = 14 - loss + 117.03 = floor: the distance at which that is so, in metres.
    for (const spreadingFactor of [7, 8, 9, 10, 11, 12]) {
      const lossDb = 14 + 117.0309 - demodulationFloorDb(spreadingFactor);
      const edgeM = 1000 * 10 ** ((lossDb - 128.95) / 23.2);
      const { gateway, channel } = sendAll([
        { x: edgeM * 0.99, modulation: { spreadingFactor } },
        { x: edgeM * 1.01, atUs: 1e8, modulation: { spreadingFactor } },
      ]);
      assert.deepEqual(gateway.heard, ["0"]);
      assert.equal(channel.counts.tooWeak, 1);
    }
  });
});

describe("radio channel: collisions", () => {
  it("two frames of like strength at once spoil each other", () => {
    const { gateway, channel } = sendAll([{ x: 300 }, { x: -300 }]);
    assert.deepEqual(gateway.heard, []);
    assert.deepEqual(gateway.spoilt, ["0", "1"]);
    assert.equal(channel.counts.collided, 2);
  });

  it("capture: from 6 dB on the stronger survives, the weaker never", () => {
    assert.deepEqual(sendAll([{ x: 300 }, { x: 300, powerDbm: 8 }]).gateway.heard, ["0"]);
    assert.deepEqual(sendAll([{ x: 300 }, { x: 300, powerDbm: 8.1 }]).gateway.heard, []);
  });

  it("other spreading factors, frequencies and IQ polarities do not disturb", () => {
    const others: Partial<LoraModulation>[] = [
      { spreadingFactor: 8 },
      { frequencyHz: 868_300_000 },
      { invertIq: true },
      { bandwidthHz: 250_000 },
    ];
    for (const modulation of others) {
      const { gateway } = sendAll([{ x: 300 }, { x: 300, modulation }]);
      assert.ok(gateway.heard.includes("0"), JSON.stringify(modulation));
      assert.deepEqual(gateway.spoilt, []);
    }
  });

  it("a frame that ends before the last five preamble symbols of another does no harm; one symbol later it does", () => {
    const airUs = timeOnAirUs(UPLINK, 10);
    const harmlessUs = airUs - 3 * symbolUs(7, 125_000);
    assert.deepEqual(sendAll([{ x: 300 }, { x: 300, atUs: harmlessUs }]).gateway.heard, ["1"]);
    assert.deepEqual(sendAll([{ x: 300 }, { x: 300, atUs: harmlessUs - 1024 }]).gateway.heard, []);
    assert.deepEqual(sendAll([{ x: 300 }, { x: 300, atUs: airUs }]).gateway.heard, ["0", "1"]);
  });

  it("a frame broken off by its sender is lost, and disturbs only as long as it lasted", () => {
    const world = new World(1, 0);
    const channel = new RadioChannel(world);
    const gateway = new Gateway();
    channel.attach(gateway);
    const make = (index: number): AirTransmission => ({
      modulation: UPLINK,
      powerDbm: 14,
      frame: Uint8Array.of(index),
      startUs: world.nowUs,
      endUs: world.nowUs + timeOnAirUs(UPLINK, 1),
      from: gateway,
      position: { x: 300, y: 0 },
    });
    const broken = make(0);
    channel.transmit(broken);
    world.run(preambleUs(UPLINK) + 1000);
    channel.breakOff(broken);
    world.run(preambleUs(UPLINK) + 2000);
    channel.transmit(make(1));
    world.run(1e6);
    assert.deepEqual(gateway.spoilt, ["0"]);
    assert.deepEqual(gateway.heard, ["1"]);
  });
});

describe("radio channel: listeners", () => {
  it("a gateway hears many frames at once, any spreading factor, but none while it sends", () => {
    const sendings = [7, 8, 9, 10, 11, 12].map((spreadingFactor) => ({ x: 100, modulation: { spreadingFactor } }));
    const { gateway } = sendAll(sendings);
    assert.deepEqual(gateway.heard.sort(), ["0", "1", "2", "3", "4", "5"]);
  });

  it("the loss is drawn for each receiver on its own, at the rate asked for", () => {
    const sendings = Array.from({ length: 5000 }, (_, index) => ({ x: 100, atUs: index * 1e6 }));
    const { channel } = sendAll(sendings, 0.2);
    assert.equal(channel.counts.received + channel.counts.lost, 5000);
    assert.ok(Math.abs(channel.counts.lost - 1000) < 100, `${channel.counts.lost}`);
  });

  it("observers see every frame at its start", () => {
    const bench = makeBench();
    const seen: number[] = [];
    bench.channel.onTransmission((transmission) => seen.push(transmission.frame[0]));
    const station = heltecStation(bench);
    station.radio.transmit(UPLINK, 14, Uint8Array.of(7), 1);
    bench.run(200);
    assert.deepEqual(seen, [7]);
  });

  it("the same seed gives the same day, another seed another", () => {
    const run = (seed: number): string => {
      const sendings = Array.from({ length: 300 }, (_, index) => ({ x: 100 + index, atUs: index * 30_000 }));
      return JSON.stringify(sendAll(sendings, 0.3, seed));
    };
    assert.equal(run(1), run(1));
    assert.notEqual(run(1), run(2));
  });
});
