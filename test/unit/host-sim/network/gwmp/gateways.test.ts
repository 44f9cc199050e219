/** A modelled gateway with its packet forwarder, and the server's picture of it at the other end: what each makes of the other's packets. */
import assert from "node:assert/strict";
import { EU868 } from "../../../../../firmware/core/lorawan/region/eu868.ts";
import { timeOnAirUs } from "../../../../../firmware/wire/time-on-air.ts";
import {
  Gateway,
  type GatewayDownlink,
  type GatewayOptions,
  type GatewayUplink,
  type NetworkGateway,
  type TxStatus,
} from "../../../../../host-sim/network/gateway.ts";
import { parseDatagram } from "../../../../../host-sim/network/gwmp/datagram.ts";
import { ForwardingGateway } from "../../../../../host-sim/network/gwmp/forwarding-gateway.ts";
import { RemoteGateways } from "../../../../../host-sim/network/gwmp/remote-gateways.ts";
import { type AirTransmission, RadioChannel } from "../../../../../host-sim/radio/channel.ts";
import { World } from "../../../../../host-sim/world.ts";
import { bytes, PLAN, START_UNIX_MS, uplinkModulation } from "../fixture.ts";
import { GATEWAY_ID } from "./samples.ts";

const LATENCY_US = 10_000;

class Bench {
  readonly world = new World(1, START_UNIX_MS);
  readonly channel = new RadioChannel(this.world);
  /** Uplinks as the gateway had them, and as they came out at the server. */
  readonly heard: GatewayUplink[] = [];
  readonly arrived: GatewayUplink[] = [];
  readonly sent: AirTransmission[] = [];
  /** JSON that the gateway sent, in order. */
  readonly texts: string[] = [];
  remote: NetworkGateway | undefined;

  constructor(options: Partial<GatewayOptions> = {}) {
    const gateway = new Gateway(this.world, this.channel, {
      id: bytes(GATEWAY_ID),
      position: { x: 0, y: 0 },
      channelsHz: PLAN.channelsHz,
      subBands: EU868.subBands,
      backhaulUs: 0,
      ...options,
    });
    gateway.onUplink = (uplink) => this.heard.push(uplink);
    const forwarding = new ForwardingGateway(this.world, gateway);
    const remotes = new RemoteGateways(
      this.world,
      {
        addGateway: (remote) => {
          this.remote = remote;
          remote.onUplink = (uplink) => this.arrived.push(uplink);
        },
      },
      EU868.subBands,
    );
    forwarding.onSend = (datagram) => {
      const parsed = parseDatagram(datagram);
      if (parsed.ok && "text" in parsed.datagram) this.texts.push(parsed.datagram.text);
      this.world.after(LATENCY_US, () => remotes.receive(datagram, "gateway"));
    };
    remotes.onSend = (datagram) => this.world.after(LATENCY_US, () => forwarding.receive(datagram));
    this.channel.onTransmission((transmission) => {
      if (transmission.from === gateway) this.sent.push(transmission);
    });
  }

  wait(seconds: number): void {
    this.world.run(this.world.nowUs + seconds * 1_000_000);
  }

  uplink(): void {
    const modulation = uplinkModulation(3, 867_700_000);
    const frame = Uint8Array.of(0x40, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
    const startUs = this.world.nowUs;
    const endUs = startUs + timeOnAirUs(modulation, frame.length);
    this.channel.transmit({
      modulation,
      powerDbm: 14,
      frame,
      startUs,
      endUs,
      from: this,
      position: { x: 3_000, y: 0 },
    });
    this.wait(0.5);
  }

  /** Asks for downlinks so many seconds after the uplink. */
  ask(items: (Partial<GatewayDownlink> & { delayS: number })[]): { taken: number; statuses: TxStatus[] } {
    let outcome: { taken: number; statuses: TxStatus[] } | undefined;
    const { counter } = this.arrived[this.arrived.length - 1];
    const whole = items.map(({ delayS, ...item }) => ({
      frame: new Uint8Array(20),
      modulation: PLAN.downlink(869_525_000, 3),
      powerDbm: 16,
      counter: (counter + delayS * 1_000_000) % 0x1_0000_0000,
      ...item,
    }));
    this.remote?.send(whole, (taken, statuses) => {
      outcome = { taken, statuses };
    });
    this.wait(0.2);
    assert.ok(outcome !== undefined);
    return outcome;
  }
}

describe("gateways at both ends of the Semtech UDP protocol", () => {
  it("PROTOCOL.TXT 4: an uplink comes out at the server as the gateway heard it", () => {
    const bench = new Bench();
    bench.uplink();
    const { gateway: _, uplinkId: __, ...expected } = bench.heard[0];
    const { gateway, uplinkId, ...actual } = bench.arrived[0];
    assert.deepEqual(actual, expected);
    assert.equal(gateway.id, GATEWAY_ID);
    const [rxpk] = JSON.parse(bench.texts[0]).rxpk;
    assert.equal(
      rxpk.tmms,
      Math.floor(START_UNIX_MS - 315_964_800_000 + 18_000 + bench.heard[0].unixMs - START_UNIX_MS),
    );
    assert.equal(rxpk.rfch, 1, "channels 4 to 7 hang on the second radio");
    assert.ok(uplinkId >= 0);
  });

  it("PROTOCOL.TXT 4: without GNSS there is no time in it, and the server takes its own", () => {
    const bench = new Bench({ gps: false });
    bench.uplink();
    const [rxpk] = JSON.parse(bench.texts[0]).rxpk;
    assert.deepEqual([rxpk.time, rxpk.tmms], [undefined, undefined]);
    assert.equal(bench.arrived[0].unixMs, bench.heard[0].unixMs + LATENCY_US / 1000);
  });

  it("PROTOCOL.TXT 6: a downlink leaves at the microsecond of its tmst, as it was asked for", () => {
    const bench = new Bench();
    bench.uplink();
    const endUs = (bench.heard[0].unixMs - START_UNIX_MS) * 1000;
    assert.deepEqual(bench.ask([{ delayS: 1 }]), { taken: 0, statuses: ["ok"] });
    bench.wait(2);
    const [{ startUs, modulation, powerDbm, frame }] = bench.sent;
    assert.ok(Math.abs(startUs - endUs - 1_000_000) <= 1, "a thousandth of a millisecond is what `time` shows");
    assert.deepEqual(modulation, PLAN.downlink(869_525_000, 3));
    assert.deepEqual([powerDbm, frame], [16, new Uint8Array(20)]);
  });

  it("PROTOCOL.TXT 5.5: what the gateway refuses in RX1 is tried in RX2", () => {
    const bench = new Bench();
    bench.uplink();
    const refused = { delayS: 1, modulation: PLAN.downlink(868_650_000, 3) };
    assert.deepEqual(bench.ask([refused, { delayS: 2 }]), { taken: 1, statuses: ["tx-freq", "ok"] });
    assert.deepEqual(bench.ask([refused]), { taken: -1, statuses: ["tx-freq"] });
    bench.wait(3);
    assert.equal(bench.sent.length, 1);
  });

  it("imme and tmms reach the gateway as what they are", () => {
    const bench = new Bench();
    bench.uplink();
    const gpsMs = Math.floor(bench.world.unixMs) - 315_964_800_000 + 18_000 + 5_000;
    const { nowUs } = bench.world;
    assert.deepEqual(bench.ask([{ delayS: 0, counter: undefined, gpsMs }]).statuses, ["ok"]);
    assert.deepEqual(bench.ask([{ delayS: 0, counter: undefined }]).statuses, ["ok"]);
    bench.wait(10);
    const starts = bench.sent.map(({ startUs }) => startUs);
    assert.deepEqual(starts, [
      nowUs + 200_000 + LATENCY_US + 1_000_000,
      (gpsMs - 18_000 + 315_964_800_000 - START_UNIX_MS) * 1000,
    ]);
  });

  it("the server books the airtime of what was taken, and of nothing else", () => {
    const bench = new Bench();
    bench.uplink();
    bench.ask([{ delayS: 1, powerDbm: 40 }]);
    assert.equal(bench.remote?.dutyCycle.usedUs(869_525_000, bench.world.nowUs + 10_000_000), 0);
    bench.ask([{ delayS: 1 }]);
    const airtimeUs = timeOnAirUs(PLAN.downlink(869_525_000, 3), 20);
    assert.equal(bench.remote?.dutyCycle.usedUs(869_525_000, bench.world.nowUs + 10_000_000), airtimeUs);
  });

  it("PROTOCOL.TXT 4: the gateway's stat counts frames that left", () => {
    const bench = new Bench();
    bench.uplink();
    bench.ask([{ delayS: 1 }]);
    bench.wait(40);
    const stats = bench.texts.map((text) => JSON.parse(text).stat).filter((stat) => stat !== undefined);
    const { rxnb, rxfw, ackr, dwnb, txnb } = stats[0];
    assert.deepEqual([rxnb, rxfw, ackr, dwnb, txnb], [1, 1, 100, 1, 1]);
  });
});
