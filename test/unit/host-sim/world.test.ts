import assert from "node:assert/strict";
import { EventHash } from "../../../host-sim/event-hash.ts";
import { EventQueue } from "../../../host-sim/event-queue.ts";
import { RandomStream } from "../../../host-sim/random-stream.ts";
import { World } from "../../../host-sim/world.ts";

describe("event queue", () => {
  it("gives events in the order of time, and of asking at the same time", () => {
    const random = new RandomStream(7, "queue");
    const queue = new EventQueue();
    const expected: { atUs: number; serial: number }[] = [];
    for (let i = 0; i < 3000; i++) {
      const event = queue.push(random.below(50), () => {});
      if (i % 7 === 0) event.action = undefined;
      else expected.push(event);
    }
    expected.sort((a, b) => a.atUs - b.atUs || a.serial - b.serial);
    for (const event of expected) assert.equal(queue.pop(), event);
    assert.equal(queue.pop(), undefined);
  });
});

describe("random streams", () => {
  it("repeat for the same seed and name, and differ otherwise", () => {
    const draw = (seed: number, name: string): number[] => {
      const stream = new RandomStream(seed, name);
      return Array.from({ length: 20 }, () => stream.u32());
    };
    assert.deepEqual(draw(1, "a"), draw(1, "a"));
    assert.notDeepEqual(draw(1, "a"), draw(2, "a"));
    assert.notDeepEqual(draw(1, "a"), draw(1, "b"));
  });

  it("are even: each of 16 classes within 5 % of its share, mean and deviation of normal() right", () => {
    const stream = new RandomStream(3, "even");
    const classes = new Array<number>(16).fill(0);
    let sum = 0;
    let squares = 0;
    const draws = 160_000;
    for (let i = 0; i < draws; i++) {
      classes[stream.below(16)]++;
      const value = stream.normal();
      sum += value;
      squares += value * value;
    }
    for (const count of classes) assert.ok(Math.abs(count / (draws / 16) - 1) < 0.05);
    assert.ok(Math.abs(sum / draws) < 0.01);
    assert.ok(Math.abs(squares / draws - 1) < 0.02);
  });
});

describe("world", () => {
  it("lets time pass from event to event, cancelled ones left out", () => {
    const world = new World(1, 0);
    const seen: string[] = [];
    world.after(20, () => seen.push(`b at ${world.nowUs}`));
    world.after(10, () => {
      seen.push(`a at ${world.nowUs}`);
      world.after(0, () => seen.push(`a2 at ${world.nowUs}`));
    });
    world.cancel(world.after(15, () => seen.push("never")));
    world.run(1000);
    assert.deepEqual(seen, ["a at 10", "a2 at 10", "b at 20"]);
    assert.equal(world.nowUs, 1000);
  });

  it("stops when told that it is over", () => {
    const world = new World(1, 0);
    let count = 0;
    for (let i = 1; i <= 10; i++) world.at(i, () => count++);
    assert.equal(
      world.run(100, () => count === 4),
      true,
    );
    assert.equal(world.nowUs, 4);
  });
});

describe("event hash", () => {
  const hashOf = (add: (hash: EventHash) => void): string => {
    const hash = new EventHash();
    add(hash);
    return hash.hex();
  };

  it("depends on kind, time, numbers, bytes and order", () => {
    const bytes = new Uint8Array([1, 2, 3]);
    const base = hashOf((hash) => hash.add("tx", 5, [1, 2], bytes));
    assert.equal(
      base,
      hashOf((hash) => hash.add("tx", 5, [1, 2], bytes)),
    );
    for (const other of [
      hashOf((hash) => hash.add("rx", 5, [1, 2], bytes)),
      hashOf((hash) => hash.add("tx", 5 + 2 ** 32, [1, 2], bytes)),
      hashOf((hash) => hash.add("tx", 5, [1, -2], bytes)),
      hashOf((hash) => hash.add("tx", 5, [1, 2], bytes, 2)),
      hashOf((hash) => hash.add("tx", 5, [2, 1], bytes)),
    ])
      assert.notEqual(other, base);
  });

  it("takes more than its buffer, and may be asked between", () => {
    const big = new Uint8Array(10_000).fill(7);
    const whole = hashOf((hash) => {
      for (let i = 0; i < 50; i++) hash.add("big", i, [i], big);
    });
    const asked = hashOf((hash) => {
      for (let i = 0; i < 50; i++) {
        hash.add("big", i, [i], big);
        hash.hex();
      }
    });
    assert.equal(asked, whole);
  });
});
