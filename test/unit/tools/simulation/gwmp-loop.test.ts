/** The closed loop with its network server at the other end of the Semtech UDP protocol: virtual time, datagrams in memory. */
import assert from "node:assert/strict";
import { EU868 } from "../../../../firmware/core/lorawan/region/eu868.ts";
import type { Gateway } from "../../../../host-sim/network/gateway.ts";
import { ForwardingGateway } from "../../../../host-sim/network/gwmp/forwarding-gateway.ts";
import { RemoteGateways } from "../../../../host-sim/network/gwmp/remote-gateways.ts";
import { SimulatedNetwork } from "../../../../host-sim/network/network-edge.ts";
import { NetworkPlan } from "../../../../host-sim/network/network-plan.ts";
import type { World } from "../../../../host-sim/world.ts";
import { hexToBytes } from "../../../../tools/receiver/hex.ts";
import { NODE_CRYPTO } from "../../../../tools/receiver/node-crypto.ts";
import { ClosedLoop, type Outside, runClosedLoop } from "../../../../tools/simulation/closed-loop.ts";
import type { SimulationOptions } from "../../../../tools/simulation/options.ts";
import type { SimulationSink } from "../../../../tools/simulation/sink.ts";

const OPTIONS: SimulationOptions = {
  nodes: 3,
  durationS: 6 * 3600,
  seed: 11,
  region: "EU868",
  uplink: "lorawan",
  sampleIntervalS: 300,
  batchReadings: 12,
  lossProbability: 0,
};
const LATENCY_US = 15_000;

/** A network server behind datagrams: each takes 15 ms, and some are lost. */
class DatagramNetwork {
  readonly secrets: { devEui: string; joinEui: string; appKey: string }[] = [];
  readonly forwarding: ForwardingGateway[] = [];
  readonly lossProbability: number;
  readonly joins: { devEui: string }[] = [];
  integration: SimulatedNetwork | undefined;
  remote: RemoteGateways | undefined;

  constructor(lossProbability: number) {
    this.lossProbability = lossProbability;
  }

  get sink(): SimulationSink {
    return {
      nodeFile: (name, content) => {
        if (name.endsWith(".secrets.json")) this.secrets.push(content as (typeof this.secrets)[0]);
      },
      truth() {},
      reading() {},
      token() {},
      capture() {},
      progress() {},
    };
  }

  connect(world: World, gateways: readonly Gateway[]): void {
    const network = new SimulatedNetwork(world, { plan: new NetworkPlan(EU868) });
    const remote = new RemoteGateways(world, network, EU868.subBands);
    const chance = world.random("test datagrams");
    for (const { devEui, joinEui, appKey } of this.secrets) {
      network.register({ devEui: hexToBytes(devEui), joinEui: hexToBytes(joinEui), appKey: hexToBytes(appKey) });
    }
    for (const gateway of gateways) {
      const forwarding = new ForwardingGateway(world, gateway);
      forwarding.onSend = (bytes) => {
        if (chance.unit() < this.lossProbability) return;
        world.after(LATENCY_US, () => remote.receive(bytes, gateway.id));
      };
      this.forwarding.push(forwarding);
    }
    remote.onSend = (bytes, to) => {
      if (chance.unit() < this.lossProbability) return;
      const forwarding = this.forwarding.find(({ gateway }) => gateway.id === to);
      world.after(LATENCY_US, () => forwarding?.receive(bytes));
    };
    network.onUplink((topic, json) => {
      if (topic.endsWith("/join")) this.joins.push(JSON.parse(json).deviceInfo);
    });
    this.integration = network;
    this.remote = remote;
  }
}

function through(network: DatagramNetwork, options: SimulationOptions): ClosedLoop {
  const outside: Outside = { network };
  return new ClosedLoop(options, network.sink, NODE_CRYPTO, "node", outside);
}

describe("a network server behind the Semtech UDP protocol", () => {
  it("nodes join, deliver and are acknowledged, as with a network server in process", () => {
    const network = new DatagramNetwork(0);
    const summary = through(network, OPTIONS).run();
    const direct = runClosedLoop(OPTIONS, new DatagramNetwork(0).sink, NODE_CRYPTO, "node");
    assert.equal(summary.readingsVerified, direct.readingsVerified);
    assert.equal(summary.readingsVerified, summary.readingsTaken);
    assert.deepEqual([summary.gaps, summary.refused, summary.framesLost], [[], {}, direct.framesLost]);
    assert.equal(network.joins.length, 3);
    const [{ forwarder, gateway }] = network.forwarding;
    assert.equal(forwarder.counters.pushAcknowledged, forwarder.counters.pushed);
    assert.ok(forwarder.counters.downlinks >= 3 + summary.tokensVerified);
    assert.equal(gateway.counters.sent, forwarder.counters.downlinks);
    assert.deepEqual([forwarder.refused, network.remote?.server.refused], [{}, {}]);
    assert.equal(network.remote?.stats.get(gateway.id)?.acknowledgedPercent, 100);
  });

  it("over several hours the counter wraps, and RX1 is met before and after", () => {
    const network = new DatagramNetwork(0);
    const summary = through(network, { ...OPTIONS, nodes: 1, durationS: 12 * 3600 }).run();
    assert.ok(summary.simulatedSeconds > (5 * 2 ** 32) / 1_000_000, "it wraps every 71.6 minutes");
    assert.equal(summary.readingsVerified, summary.readingsTaken);
    const { rx1, rx2, refused } = network.integration!.server.downlinks.counters;
    assert.ok(rx1 > summary.tokensVerified && rx2 === 0 && refused === 0, `${rx1} ${rx2} ${refused}`);
  });

  it("a tenth of all datagrams lost: everything is delivered in the end", () => {
    const network = new DatagramNetwork(0.1);
    const summary = through(network, OPTIONS).run();
    assert.equal(summary.readingsVerified, summary.readingsTaken);
    assert.ok(
      network.forwarding[0].forwarder.counters.pushAcknowledged < network.forwarding[0].forwarder.counters.pushed,
    );
  });

  it("one gateway more: copies of two gateways are one uplink, and frames lost are counted once", () => {
    const network = new DatagramNetwork(0);
    const summary = through(network, { ...OPTIONS, nodes: 101, durationS: 3600, batchReadings: 12 }).run();
    assert.equal(network.forwarding.length, 2);
    assert.ok(network.integration!.server.counters.duplicatesMerged > 0);
    assert.equal(summary.readingsVerified, summary.readingsTaken);
    assert.ok(summary.framesLost >= 0 && summary.framesLost < summary.framesUp / 2, `${summary.framesLost}`);
  });

  it("DevNonce begins where it is told to, for a server that has seen lower ones", () => {
    const network = new DatagramNetwork(0);
    const nonces: number[] = [];
    const loop = through(network, { ...OPTIONS, nodes: 1, durationS: 3600, firstDevNonce: 513 });
    loop.field.channel!.onTransmission(({ frame }) => {
      if (frame[0] === 0) nonces.push(frame[17] | (frame[18] << 8));
    });
    const summary = loop.run();
    assert.equal(nonces[0], 513);
    assert.equal(summary.readingsVerified, summary.readingsTaken);
  });

  it("a server that nobody hears of: nodes go on, and nothing is claimed to be verified", () => {
    const outside: Outside = { network: { connect() {} } };
    const options = { ...OPTIONS, nodes: 1, durationS: 3600, drainS: 60 };
    const summary = new ClosedLoop(options, new DatagramNetwork(0).sink, NODE_CRYPTO, "node", outside).run();
    assert.equal(summary.readingsVerified, 0);
    assert.ok(summary.readingsTaken > 0 && summary.complete);
    assert.equal(
      summary.gaps.reduce((sum, { readings }) => sum + readings, 0),
      summary.readingsTaken,
    );
  });
});
