import assert from "node:assert/strict";
import { NODE_CRYPTO } from "../../../../tools/receiver/node-crypto.ts";
import { BrokerCarrier, type BrokerConnection } from "../../../../tools/simulation/broker-carrier.ts";
import { ClosedLoop, type Outside, runClosedLoop } from "../../../../tools/simulation/closed-loop.ts";
import type { SimulationOptions } from "../../../../tools/simulation/options.ts";
import type { SimulationSink } from "../../../../tools/simulation/sink.ts";
import type { Summary } from "../../../../tools/simulation/summary.ts";

const OPTIONS: SimulationOptions = {
  nodes: 3,
  durationS: 3 * 3600,
  seed: 7,
  region: "EU868",
  uplink: "wifi",
  sampleIntervalS: 300,
  batchReadings: 6,
  lossProbability: 0.2,
};

const SINK: SimulationSink = {
  nodeFile() {},
  truth() {},
  reading() {},
  token() {},
  capture() {},
  progress() {},
};

/** A broker that delivers each message some turns of the event loop after it was published. */
class SlowBroker implements BrokerConnection {
  onMessage: BrokerConnection["onMessage"];
  readonly seen: string[] = [];
  #queue: { topic: string; payload: Uint8Array }[] = [];

  publish(topic: string, payload: Uint8Array): void {
    this.seen.push(topic);
    this.#queue.push({ topic, payload: payload.slice() });
  }

  async nextMessage(): Promise<void> {
    await new Promise(setImmediate);
    // The newest first: a broker owes no order to messages of different topics.
    const { topic, payload } = this.#queue.pop()!;
    this.onMessage?.(topic, payload);
  }
}

async function runThrough(connection: BrokerConnection): Promise<{ summary: Summary; carrier: BrokerCarrier }> {
  const carrier = new BrokerCarrier(connection);
  const outside: Outside = { broker: carrier };
  const loop = new ClosedLoop(OPTIONS, SINK, NODE_CRYPTO, "node", outside);
  return { summary: await loop.runWith((phase) => carrier.run(loop.world, phase)), carrier };
}

describe("a real broker in the simulated one's place", () => {
  it("whatever its latency, the simulation is the same to the last event", async () => {
    const broker = new SlowBroker();
    const { summary, carrier } = await runThrough(broker);
    assert.deepEqual(summary, runClosedLoop(OPTIONS, SINK, NODE_CRYPTO, "node"));
    assert.ok(summary.complete && summary.readingsVerified === summary.readingsTaken && summary.readingsTaken > 100);
    assert.equal(carrier.counters.carried, broker.seen.length);
    assert.ok(broker.seen.some((topic) => topic.endsWith("/token")));
    assert.ok(broker.seen.some((topic) => topic.endsWith("/control")));
  });

  it("what comes back is what is delivered: a message that the broker spoils never verifies", async () => {
    const broker = new SlowBroker();
    const carrier = new BrokerCarrier(broker);
    const loop = new ClosedLoop({ ...OPTIONS, drainS: 3600 }, SINK, NODE_CRYPTO, "node", { broker: carrier });
    const deliver = broker.onMessage!;
    broker.onMessage = (topic, payload) => {
      if (topic.endsWith("/token"))
        deliver(
          topic,
          payload.map((byte, index) => (index === 40 ? byte ^ 1 : byte)),
        );
      deliver(topic, payload.slice());
    };
    const summary = await loop.runWith((phase) => carrier.run(loop.world, phase));
    assert.ok(carrier.counters.foreign > 0);
    assert.equal(
      Object.values(summary.refused).reduce((sum, count) => sum + count, 0),
      carrier.counters.foreign,
    );
    assert.equal(summary.readingsVerified, summary.readingsTaken, "the good copies do");
  });

  it("a broker that fails ends the simulation with its error", async () => {
    const broker = new SlowBroker();
    let left = 5;
    const nextMessage = broker.nextMessage.bind(broker);
    broker.nextMessage = async () => {
      if (left-- === 0) throw new Error("gone");
      await nextMessage();
    };
    await assert.rejects(runThrough(broker), /^Error: gone$/);
  });
});
