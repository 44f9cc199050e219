import assert from "node:assert/strict";
import { World } from "../../../../host-sim/world.ts";
import { Pacer, type WallClock } from "../../../../tools/simulation/pacer.ts";

/** A clock that a test moves: every sleep takes as long as asked, and `late` more. */
class TestClock implements WallClock {
  ms = 1_000;
  sleeps = 0;
  /** Milliseconds that the next sleeps take longer. */
  late: number[] = [];
  onSleep: (() => void) | undefined;

  nowMs(): number {
    return this.ms;
  }

  async sleep(ms: number): Promise<void> {
    this.sleeps++;
    this.ms += ms + (this.late.shift() ?? 0);
    this.onSleep?.();
  }
}

const SECOND_US = 1_000_000;

describe("pacer: virtual time no faster than real time", () => {
  it("ten virtual seconds take ten real ones, in steps of at most 5 ms", async () => {
    const world = new World(1, 0);
    const clock = new TestClock();
    await new Pacer(world, clock).run({ untilUs: 10 * SECOND_US });
    assert.equal(world.nowUs, 10 * SECOND_US);
    assert.ok(Math.abs(clock.ms - 11_000) < 10, `${clock.ms}`);
    assert.ok(clock.sleeps >= 2_000);
  });

  it("an event happens no earlier than its real moment, and at most a step later", async () => {
    const world = new World(1, 0);
    const clock = new TestClock();
    const at: number[] = [];
    for (const ms of [1, 333.3, 5_000]) world.at(ms * 1000, () => at.push(clock.ms - 1_000 - ms));
    await new Pacer(world, clock).run({ untilUs: 6 * SECOND_US });
    assert.ok(
      at.every((lateMs) => lateMs >= 0 && lateMs <= 5.1),
      `${at}`,
    );
  });

  it("time that the process was held up is not caught up", async () => {
    const world = new World(1, 0);
    const clock = new TestClock();
    clock.late = [0, 0, 3_000];
    await new Pacer(world, clock).run({ untilUs: SECOND_US });
    assert.ok(clock.ms - 1_000 > 3_900, "it took the time as well");
    assert.ok(clock.ms - 1_000 < 4_000, "but for one step of 50 ms");
  });

  it("what comes in between two steps happens in the present", async () => {
    const world = new World(1, 0);
    const clock = new TestClock();
    const at: number[] = [];
    clock.onSleep = () => {
      if (clock.sleeps === 100) world.after(0, () => at.push(world.nowUs));
    };
    await new Pacer(world, clock).run({ untilUs: SECOND_US });
    assert.deepEqual(at, [99 * 5_000]);
  });

  it("sped up twenty times, a step is still at most 50 ms of virtual time", async () => {
    const world = new World(1, 0);
    const clock = new TestClock();
    await new Pacer(world, clock, 20).run({ untilUs: 10 * SECOND_US });
    assert.ok(Math.abs(clock.ms - 1_000 - 500) < 5, `${clock.ms}`);
    assert.ok(clock.sleeps >= 200);
  });

  it("ends when somebody outside ends it, though nothing happens in the world", async () => {
    const world = new World(1, 0);
    const clock = new TestClock();
    await new Pacer(world, clock).run({ untilUs: SECOND_US, isOver: () => clock.sleeps > 10 });
    assert.equal(world.nowUs, 50_000);
  });

  it("ends when the phase is over", async () => {
    const world = new World(1, 0);
    let over = false;
    world.at(300_000, () => {
      over = true;
    });
    await new Pacer(world, new TestClock()).run({ untilUs: SECOND_US, isOver: () => over });
    assert.equal(world.nowUs, 300_000);
  });
});
