/** Nodes that really power down between events: waking is a reboot, and what was not saved is gone. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { timeUncertaintyMs } from "../../firmware/wire/time-quality.ts";
import { SLOW_CHIP } from "../../host-sim/node-timing.ts";
import { Life } from "./life.ts";

const DAY_S = 86_400;
const DRAIN_S = 6 * 3_600;
const SEED = 3;

interface Honesty {
  samples: number;
  /** Samples whose stated time was further off than they say. */
  wrong: number;
  worstMs: number;
}

/** Watches what the node says of the time against what the time is. */
function watchTime(life: Life): Honesty {
  const honesty = { samples: 0, wrong: 0, worstMs: 0 };
  const { observer } = life.node.config;
  const { onSample } = observer!;
  observer!.onSample = (reading) => {
    onSample?.(reading);
    if (reading.wallS === 0) return;
    honesty.samples++;
    const errorMs = Math.abs(life.loop.world.unixMs - reading.wallS * 1000);
    honesty.worstMs = Math.max(honesty.worstMs, errorMs);
    if (errorMs > timeUncertaintyMs(reading.timeQuality)) honesty.wrong++;
  };
  return honesty;
}

function assertAllVerified(life: Life): void {
  const { ledger } = life.loop;
  equal(ledger.readingsVerified, ledger.readingsTaken);
  equal(ledger.readingsWrong, 0);
  deepEqual(life.monitor?.violations ?? [], []);
  equal(life.node.radioChip?.violationCount ?? 0, 0);
  deepEqual([...life.node.complaints], []);
}

describe("deep sleep in the closed loop", () => {
  it("a day with an ideal clock: every reading verified, asleep for more than 99 % of it, under 40 J", () => {
    const life = new Life({ seed: SEED, deepSleep: true }, "mocha test/sim/deep-sleep.test.ts");
    const honesty = watchTime(life);
    ok(life.live(DAY_S, DRAIN_S));
    assertAllVerified(life);
    ok(life.loop.ledger.readingsTaken >= 285);
    equal(honesty.wrong, 0);
    const report = life.node.account.report();
    ok(report.cpuAsleepUs > 0.99 * (report.cpuAsleepUs + report.cpuAwakeUs));
    ok(report.radioStandbyUs < 60_000_000, "the radio sleeps too");
    ok(report.joulesPerDay < 40, `${report.joulesPerDay} J`);
    equal(life.node.app?.bootCount, 1, "waking is no boot of its own");
  });

  it("lorawan.md, timing: the same with late JavaScript and a sleeping RC clock that is wrong by 1 % either way; no reading claims a better time than it has", () => {
    for (const sleepPpm of [10_000, -10_000]) {
      const timing = { ...SLOW_CHIP, clockPpm: 40, sleepPpm };
      const life = new Life({ seed: SEED, deepSleep: true, timing }, `sleepPpm ${sleepPpm}`);
      const honesty = watchTime(life);
      ok(life.live(DAY_S, DRAIN_S));
      assertAllVerified(life);
      ok(honesty.samples > 270);
      equal(honesty.wrong, 0, `worst ${honesty.worstMs} ms`);
      ok(honesty.worstMs > 10_000, "the clock was wrong indeed");
    }
  });

  it("architecture.md, the seam: retained memory is lost again and again while asleep: flash is the authority, nothing else is lost", () => {
    const life = new Life({ seed: SEED, deepSleep: true }, "mocha test/sim/deep-sleep.test.ts");
    const { world } = life.loop;
    const random = world.random("test: retained memory");
    let losses = 0;
    const lose = (): void => {
      if (life.node.app === undefined) {
        life.node.loseRetainedMemory();
        losses++;
        world.after((1 + random.below(5)) * 3_600_000_000, lose);
      } else world.after(1_000_000, lose);
    };
    world.at(7_200_000_000, lose);
    ok(life.live(DAY_S, DRAIN_S));
    assertAllVerified(life);
    ok(losses >= 4, `${losses}`);
    ok(life.loop.ledger.readingsTaken >= 285 - 2 * losses, `${life.loop.ledger.readingsTaken} readings`);
    equal(life.monitor!.counters.joinRequests, 1, "the session goes on");
  });

  it("on Wi-Fi: a day, every reading verified", () => {
    const life = new Life({ seed: SEED, deepSleep: true, uplink: "wifi" }, "mocha test/sim/deep-sleep.test.ts");
    ok(life.live(DAY_S, DRAIN_S));
    assertAllVerified(life);
    ok(life.loop.ledger.readingsTaken >= 285);
  });
});
