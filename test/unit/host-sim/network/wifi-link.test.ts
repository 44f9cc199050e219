import assert from "node:assert/strict";
import { Broker } from "../../../../host-sim/network/broker.ts";
import { WifiLink, type WifiLinkOptions } from "../../../../host-sim/network/wifi-link.ts";
import { World } from "../../../../host-sim/world.ts";

const S = 1_000_000;

class Bench {
  readonly world = new World(1, 0);
  readonly broker = new Broker(this.world, 5000);
  readonly log: string[] = [];
  readonly arrived: string[] = [];
  readonly times: { unixMs: number; atMs: number; uncertaintyMs: number }[] = [];
  readonly link: WifiLink;

  constructor(options: WifiLinkOptions) {
    this.link = new WifiLink(this.world, this.broker, "node 1", options);
    this.broker.subscribe("up", (_, payload) => this.arrived.push(`${payload[0]} ${this.world.nowUs}`));
    this.link.subscribe("down");
    this.link.open({
      onOnline: () => this.note("online"),
      onOffline: () => this.note("offline"),
      onMessage: (topic, payload) => this.note(`${topic} ${payload[0]}`),
      onTime: (unixMs, atMs, uncertaintyMs) => this.times.push({ unixMs, atMs, uncertaintyMs }),
    });
  }

  note(text: string): void {
    this.log.push(`${text} ${this.world.nowUs / S}`);
  }

  publish(value: number): void {
    this.link.publish("up", Uint8Array.of(value, 0, 0), 1);
  }
}

describe("Wi-Fi link of a virtual node", () => {
  it("comes online, carries messages both ways with its latency, and tells nothing more", () => {
    const bench = new Bench({ latencyUs: 30_000, connectUs: 2 * S });
    bench.publish(1);
    bench.world.run(3 * S);
    assert.ok(bench.link.online);
    bench.publish(2);
    bench.broker.publish("down", Uint8Array.of(7));
    bench.world.run(4 * S);
    assert.deepEqual(bench.arrived, ["2 3035000"]);
    assert.deepEqual(bench.log, ["online 2", "down 7 3.035"]);
    assert.equal(bench.link.counters.publishedOffline, 1);
  });

  it("a lost message drops the connection; it comes back with its subscriptions, and the message is gone", () => {
    const bench = new Bench({ latencyUs: 30_000, connectUs: S, reconnectUs: 5 * S, lossProbability: 0.5 });
    for (let second = 2; second < 200; second++) {
      bench.world.run(second * S);
      if (bench.link.online) bench.publish(second);
    }
    const { lostUp } = bench.link.counters;
    assert.ok(lostUp > 5 && bench.arrived.length > 5, `${lostUp} lost, ${bench.arrived.length} arrived`);
    assert.equal(bench.log.filter((line) => line.startsWith("offline")).length, lostUp);
    assert.equal(bench.log.filter((line) => line.startsWith("online")).length, lostUp + (bench.link.online ? 1 : 0));
    assert.equal(new Set(bench.arrived.map((line) => line.split(" ")[0])).size, bench.arrived.length);
  });

  it("a message lost on the way down drops the connection too", () => {
    const bench = new Bench({ lossProbability: 1, connectUs: S });
    bench.world.run(2 * S);
    bench.broker.publish("down", Uint8Array.of(7));
    bench.world.run(3 * S);
    assert.equal(bench.link.counters.lostDown, 1);
    assert.ok(!bench.link.online);
  });

  it("offline periods: away at once, back after the end, nothing under way survives", () => {
    const bench = new Bench({ connectUs: S, reconnectUs: S, offline: [{ fromUs: 10 * S, toUs: 100 * S }] });
    bench.world.run(10 * S - 1);
    bench.publish(3);
    bench.world.run(99 * S);
    assert.ok(!bench.link.online);
    bench.world.run(110 * S);
    assert.deepEqual(bench.log, ["online 1", "offline 10", "online 101"]);
    assert.deepEqual(bench.arrived, []);
  });

  it("RFC 5905: tells the time on the node's clock, true within what it states, at each connection and every four hours", () => {
    const world = { nowMs: () => 0 };
    const bench = new Bench({ connectUs: S, clock: world, latencyUs: 100_000 });
    world.nowMs = () => Math.floor(bench.world.nowUs / 1000) + 77;
    bench.world.run(24 * 3600 * S);
    assert.equal(bench.times.length, 6);
    assert.equal(bench.times[0].atMs, 1000 + 200 + 77);
    const errors = bench.times.map(({ unixMs, atMs }) => Math.abs(unixMs - (atMs - 77)));
    assert.ok(bench.times.every(({ uncertaintyMs }, index) => errors[index] <= uncertaintyMs));
    assert.ok(Math.max(...errors) > 5);
  });

  it("a lost time request is made again, no sooner than after 15 s (RFC 4330 10)", () => {
    const bench = new Bench({ connectUs: S, clock: { nowMs: () => 0 }, lossProbability: 0.9 });
    bench.world.run(600 * S);
    assert.equal(bench.times.length, 1);
  });

  it("closed, it stays away until it is opened again", () => {
    const bench = new Bench({ connectUs: S });
    bench.world.run(2 * S);
    bench.link.close();
    bench.world.run(100 * S);
    assert.ok(!bench.link.online);
    assert.deepEqual(bench.log, ["online 1"]);
  });
});
