import assert from "node:assert/strict";
import { Broker } from "../../../../host-sim/network/broker.ts";
import { isTopicFilter, isTopicName, topicMatches } from "../../../../host-sim/network/topic-filter.ts";
import { World } from "../../../../host-sim/world.ts";

describe("MQTT topics", () => {
  it("MQTT 3.1.1 4.7.1, 4.7.2: the examples of the standard", () => {
    const matching: [string, string][] = [
      ["sport/tennis/player1/#", "sport/tennis/player1"],
      ["sport/tennis/player1/#", "sport/tennis/player1/ranking"],
      ["sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"],
      ["sport/#", "sport"],
      ["#", "sport/tennis"],
      ["sport/tennis/+", "sport/tennis/player1"],
      ["sport/+", "sport/"],
      ["+/+", "/finance"],
      ["/+", "/finance"],
      ["$SYS/#", "$SYS/monitor/Clients"],
      ["$SYS/monitor/+", "$SYS/monitor/Clients"],
      ["groundtruth/+/token", "groundtruth/70b3d57ed0000011/token"],
    ];
    for (const [filter, topic] of matching) assert.ok(topicMatches(filter, topic), `${filter} ${topic}`);
    const different: [string, string][] = [
      ["sport/tennis/+", "sport/tennis/player1/ranking"],
      ["sport/+", "sport"],
      ["+", "/finance"],
      ["#", "$SYS/monitor"],
      ["+/monitor/Clients", "$SYS/monitor/Clients"],
      ["Accounts", "ACCOUNTS"],
      ["a/b", "a"],
      ["a", "a/b"],
    ];
    for (const [filter, topic] of different) assert.ok(!topicMatches(filter, topic), `${filter} ${topic}`);
  });

  it("MQTT 3.1.1 4.7.1.2, 4.7.1.3, 4.7.3: which filters and names are valid", () => {
    for (const filter of ["#", "+", "a/#", "+/tennis/#", "sport/+/player1", "/", "a//b"])
      assert.ok(isTopicFilter(filter), filter);
    for (const filter of ["", "sport/tennis#", "sport/tennis/#/ranking", "sport+", "a\0b"])
      assert.ok(!isTopicFilter(filter), filter);
    for (const name of ["a", "/", "a b", "$x"]) assert.ok(isTopicName(name), name);
    for (const name of ["", "a/+", "#", "a\0", "x".repeat(513)]) assert.ok(!isTopicName(name), name);
  });
});

describe("broker", () => {
  it("delivers copies in order, after its delay, to whoever's filter matches", () => {
    const world = new World(1, 0);
    const broker = new Broker(world, 5000);
    const seen: string[] = [];
    broker.subscribe("groundtruth/+/token", (topic, payload) => seen.push(`${world.nowUs} ${topic} ${payload.join()}`));
    broker.subscribe("other/#", () => seen.push("wrong"));
    const payload = Uint8Array.of(1, 2);
    assert.ok(broker.publish("groundtruth/a/token", payload));
    payload[0] = 9;
    broker.publish("groundtruth/b/token", payload);
    world.run(10_000);
    assert.deepEqual(seen, ["5000 groundtruth/a/token 1,2", "5000 groundtruth/b/token 9,2"]);
  });

  it("a cancelled subscription gets nothing, not even what was under way", () => {
    const world = new World(1, 0);
    const broker = new Broker(world);
    let count = 0;
    const subscription = broker.subscribe("a", () => count++);
    broker.publish("a", new Uint8Array(1));
    subscription!.cancel();
    broker.publish("a", new Uint8Array(1));
    world.run(100_000);
    assert.equal(count, 0);
  });

  it("refuses what is no topic, no filter, or too large, by name", () => {
    const broker = new Broker(new World(1, 0));
    assert.ok(!broker.publish("a/#", new Uint8Array(1)));
    assert.ok(!broker.publish("a", new Uint8Array(65_537)));
    assert.equal(
      broker.subscribe("a#", () => {}),
      undefined,
    );
    assert.deepEqual(broker.refused, { "invalid-topic": 1, "payload-too-large": 1, "invalid-filter": 1 });
  });
});
