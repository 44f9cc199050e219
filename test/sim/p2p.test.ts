/** Point to point LoRa in the closed loop: nodes, base nodes on modelled chips, and the receiver behind a broker. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { P2P_COUNTER_BLOCK } from "../../firmware/core/bounds.ts";
import { newP2pFrame, parseP2pFrame } from "../../firmware/wire/p2p-frame.ts";
import { timeOnAirUs } from "../../firmware/wire/time-on-air.ts";
import { DutyCycleChecker } from "../../host-sim/checkers/duty-cycle-checker.ts";
import { SLOW_CHIP } from "../../host-sim/node-timing.ts";
import type { AirTransmission } from "../../host-sim/radio/channel.ts";
import { NODE_CRYPTO } from "../../tools/receiver/node-crypto.ts";
import { ClosedLoop } from "../../tools/simulation/closed-loop.ts";
import { ONE_DAY, type SimulationOptions } from "../../tools/simulation/options.ts";
import { SILENT_SINK } from "../../tools/simulation/sink.ts";
import type { Summary } from "../../tools/simulation/summary.ts";
import { counts } from "../counts.ts";
import { Life } from "./life.ts";

const SECOND_US = 1_000_000;
/** The token of a day's last batch is on its way when sampling ends. */
const DAY_READINGS = 288;

interface Run {
  loop: ClosedLoop;
  summary: Summary;
  dutyCycle: DutyCycleChecker;
  /** When samples were taken, by the world's clock, and when the verified readings say so, in seconds. */
  taken: number[];
  claimed: number[];
}

/** A run with an independent count of everybody's airtime; every chip of every radio must be content. */
function run(options: Partial<SimulationOptions>, prepare?: (loop: ClosedLoop) => void): Run {
  const taken: number[] = [];
  const claimed: number[] = [];
  const sink = {
    ...SILENT_SINK,
    truth: (record: object) => taken.push(Date.parse((record as { time: string }).time) / 1000),
    reading: (record: object) => claimed.push(Date.parse((record as { time: string }).time) / 1000),
  };
  const loop = new ClosedLoop({ ...ONE_DAY, uplink: "p2p", ...options }, sink, NODE_CRYPTO, "node");
  const dutyCycle = new DutyCycleChecker();
  const { channel, nodes, bases } = loop.field;
  const ours = new Set<object>([...nodes.map((node) => node.radioChip!.modem), ...bases.map((b) => b.radioChip.modem)]);
  channel!.onTransmission((transmission) => {
    if (ours.has(transmission.from)) dutyCycle.sent(transmission);
  });
  prepare?.(loop);
  const summary = loop.run();
  deepEqual(dutyCycle.violations, []);
  for (const { radioChip } of [...nodes, ...bases]) deepEqual(radioChip!.violations, []);
  for (const { radioErrors } of bases) deepEqual(radioErrors, []);
  for (const { complaints } of nodes) deepEqual([...complaints], []);
  return { loop, summary, dutyCycle, taken, claimed };
}

describe("point to point, closed loop", () => {
  it("a day ends with every reading verified, no frame more than needed, and the readings' times are true", () => {
    const { loop, summary, taken, claimed } = run({});
    equal(summary.readingsVerified, DAY_READINGS);
    deepEqual([summary.gaps, summary.refused, summary.framesLost, summary.complete], [[], {}, 0, true]);
    equal(loop.field.bases[0].app.counters.heard, summary.framesUp);
    equal(taken.length, claimed.length);
    // 2.048 s are what the readings themselves claim; both sides are cut to whole seconds.
    for (const [i, time] of claimed.entries()) ok(Math.abs(time - taken[i]) <= 3, `reading ${i}`);
  });

  it("with a fifth of the frames lost all readings are verified, and it costs airtime", () => {
    const { summary } = run({ lossProbability: 0.2 });
    equal(summary.readingsVerified, DAY_READINGS);
    ok(summary.framesLost > 0 && summary.framesUp > 35);
  });

  it("ETSI EN 300 220-2 band M: at DR0 a node uses nearly all of its 1 %, and never more", () => {
    const { summary, dutyCycle } = run({ fixedDataRate: 0, lossProbability: 0.2 });
    equal(summary.readingsVerified, DAY_READINGS);
    ok(dutyCycle.worst > 0.9 && dutyCycle.worst <= 1);
  });

  it("ten nodes at one base, on one channel: frames collide, nothing is lost", () => {
    const { summary } = run({ nodes: 10, durationS: 21_600, lossProbability: 0.1 });
    equal(summary.readingsVerified, summary.readingsTaken);
    ok(summary.complete && summary.readingsTaken > 700);
  });

  it("120 nodes at two bases: what both hear counts once", () => {
    const { loop, summary } = run({ nodes: 120, durationS: 3600, sampleIntervalS: 900, batchReadings: 4 });
    equal(summary.readingsVerified, summary.readingsTaken);
    equal(loop.field.bases.length, 2);
    ok((loop.receiver.ignoredEvents.get("p2p-repeated") ?? 0) > 0);
  });

  it("slow chips, 15 ms of latency at node and base, crystals of 40 ppm: every answer is heard in its window", () => {
    for (const dataRate of [0, 3, 5]) {
      const timing = { ...SLOW_CHIP, clockPpm: 40 };
      const options = { fixedDataRate: dataRate, durationS: 43_200 };
      const { loop, summary } = run({ ...options, timing });
      equal(summary.readingsVerified, DAY_READINGS / 2);
      equal(summary.framesUp, run(options).summary.framesUp);
      equal(loop.field.bases[0].app.counters.late, 0);
    }
  });

  it("a node that sleeps deeply between its frames delivers all the same", () => {
    const timing = { ...SLOW_CHIP, sleepPpm: 10_000 };
    const { loop, summary } = run({ deepSleep: true, durationS: 21_600, timing });
    equal(summary.readingsVerified, summary.readingsTaken);
    ok(loop.field.nodes[0].account.boots > 50);
  });
});

/** Notes the counters of a node's frames as they go into the air. */
class CounterWatch {
  readonly faults: string[] = [];
  frames = 0;
  highest = -1;
  skipped = 0;

  sent({ frame, modulation }: AirTransmission): void {
    if (modulation.invertIq) return;
    const parsed = newP2pFrame();
    if (!parseP2pFrame(frame, frame.length, parsed)) this.faults.push(parsed.reason);
    this.frames++;
    if (parsed.counter <= this.highest) this.faults.push(`counter ${parsed.counter} after ${this.highest}`);
    this.skipped += parsed.counter - this.highest - 1;
    this.highest = parsed.counter;
  }
}

describe("point to point, power cut at a write to storage", () => {
  const OPTIONS = { seed: 1, uplink: "p2p", batchReadings: 2, sampleIntervalS: 300 } as const;

  function life(cut: number): { life: Life; watch: CounterWatch; delivered: boolean } {
    const one = new Life(OPTIONS, `cut ${cut}, mocha test/sim/p2p.test.ts`);
    const watch = new CounterWatch();
    one.loop.field.channel!.onTransmission((transmission) => watch.sent(transmission));
    if (cut > 0) one.node.rail.cutAfter(cut);
    return { life: one, watch, delivered: one.live(3600, 86_400) };
  }

  it("no counter is used twice, one block at most is skipped, and the node carries on", () => {
    const { operations } = life(0).life.node.rail;
    const step = counts(5, 1);
    for (let cut = 1; cut <= operations; cut += step) {
      const { life: one, watch, delivered } = life(cut);
      deepEqual(watch.faults, [], one.replay);
      ok(delivered && one.cuts === 1, one.replay);
      ok(watch.skipped <= P2P_COUNTER_BLOCK, one.replay);
      const { readingsTaken, readingsVerified, readingsWrong } = one.loop.ledger;
      equal(readingsWrong, 0, one.replay);
      ok(readingsTaken - readingsVerified <= 1 && readingsVerified >= 10, one.replay);
    }
  });
});

/**
 * Somebody beside the base with a loud radio: repeats every uplink three seconds later, and puts answers of earlier uplinks, or uplinks turned round, into
 * every second window, a little before the base's own.
 */
class Replayer {
  replays = 0;
  #loop: ClosedLoop;
  #uplinks = 0;
  #answers: AirTransmission[] = [];

  constructor(loop: ClosedLoop) {
    this.#loop = loop;
    loop.field.channel!.onTransmission((transmission) => {
      if (transmission.from === this) return;
      if (transmission.modulation.invertIq) this.#answers.push(transmission);
      else this.#uplink(transmission);
    });
  }

  #uplink(transmission: AirTransmission): void {
    const { world } = this.#loop;
    world.at(transmission.endUs + 3 * SECOND_US, () => this.#send(transmission, transmission.frame));
    const earlier = this.#answers[(this.#uplinks * 7) % Math.max(this.#answers.length, 1)];
    if (++this.#uplinks % 2 === 0 || earlier === undefined) return;
    const frame =
      this.#uplinks % 3 === 0 ? transmission.frame.map((byte, i) => (i === 0 ? byte | 0x10 : byte)) : earlier.frame;
    world.at(transmission.endUs + 998_000, () => this.#send(earlier, frame));
  }

  #send({ modulation, position }: AirTransmission, frame: Uint8Array): void {
    const { nowUs } = this.#loop.world;
    this.replays++;
    const endUs = nowUs + timeOnAirUs(modulation, frame.length);
    this.#loop.field.channel!.transmit({
      modulation,
      powerDbm: 30,
      frame,
      startUs: nowUs,
      endUs,
      from: this,
      position,
    });
  }
}

describe("point to point, under replay", () => {
  it("a day of replayed uplinks and answers: every reading verified at its time, every replay refused", () => {
    let replayer: Replayer | undefined;
    const { loop, summary, taken, claimed } = run({ lossProbability: 0.1 }, (made) => {
      replayer = new Replayer(made);
    });
    equal(summary.readingsVerified, DAY_READINGS);
    ok(replayer!.replays > 50);
    // So many answers are drowned that the receiver may stop giving them: then the token begins anew.
    const reasons = Object.keys(summary.refused).filter((reason) => reason !== "too-many-acknowledgements");
    deepEqual(reasons, ["p2p-counter-used"]);
    ok(loop.field.nodes[0].app!.health.controlRefused > 10);
    equal(loop.field.nodes[0].app!.health.tokensDropped, 0);
    for (const [i, time] of claimed.entries()) ok(Math.abs(time - taken[i]) <= 3, `reading ${i}`);
  });
});
