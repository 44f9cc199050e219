/** A day under attack: nothing crashes, nothing changes that no correct MIC asked for, and the law is kept all the while. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { DOWN_KEY, SESSION_KEY } from "../../firmware/core/lorawan/mac-records.ts";
import { EU868 } from "../../firmware/core/lorawan/region/eu868.ts";
import { SLOW_CHIP } from "../../host-sim/node-timing.ts";
import { Attack, type AttackOptions } from "../../host-sim/scenarios/attackers.ts";
import { counts } from "../counts.ts";
import { Life } from "./life.ts";
import { assertReplaysChangeNothing } from "./replays.ts";

const DAY_S = 86_400;
const SECOND_US = 1_000_000;
const SEEDS = counts(1, 10);
const FIRST_SEED = Number(process.env.GROUNDTRUTH_SEED ?? 1);
/** ADR_ACK_LIMIT and ADR_ACK_DELAY: after so many uplinks unheard a node changes its settings by itself (TS001-1.0.4 4.3.1.1). */
const BACK_OFF_UPLINKS = 96;
const CHANNELS_HZ = [868_100_000, 868_300_000, 868_500_000, 867_100_000, 867_500_000, EU868.rx2FrequencyHz];

type Intensity = Pick<AttackOptions, "jamEveryMs" | "jam" | "flood" | "forge">;

/** Watches what the node stores: only what the network itself said may change a session. */
class StorageWatch {
  readonly faults: string[] = [];
  downlinksTaken = 0;
  #genuine = new Set<string>();
  #uplinksSinceDownlink = 0;
  #joinedSinceWrite = false;

  constructor(life: Life, attack: () => object) {
    const monitor = life.monitor!;
    monitor.onFrame = (frame, { from }) => {
      if (frame.kind === "up") this.#uplinksSinceDownlink++;
      if (from === attack()) return;
      if (frame.kind === "join-accept") this.#joinedSinceWrite = true;
      if (frame.kind === "down") this.#genuine.add(`${frame.session!.devNonce} ${frame.fCnt}`);
    };
    const { keyValue } = life.node;
    const write = keyValue.write.bind(keyValue);
    keyValue.write = (key, value, length) => {
      this.#look(key, new DataView(value.buffer, value.byteOffset, length));
      write(key, value, length);
    };
  }

  #look(key: string, value: DataView): void {
    if (key === DOWN_KEY) {
      const name = `${value.getUint16(0)} ${value.getUint32(2)}`;
      if (!this.#genuine.delete(name))
        this.faults.push(`FCntDown ${name} was stored, and no gateway sent it, or twice`);
      this.downlinksTaken++;
      this.#uplinksSinceDownlink = 0;
    } else if (key === SESSION_KEY) {
      const asked = this.#joinedSinceWrite || this.#uplinksSinceDownlink === 0;
      if (!asked && this.#uplinksSinceDownlink < BACK_OFF_UPLINKS) this.faults.push("the session changed unasked");
      this.#joinedSinceWrite = false;
    }
  }
}

function attackedDay(seed: number, intensity: Intensity): { life: Life; attack: Attack; watch: StorageWatch } {
  const command = `GROUNDTRUTH_SEED=${seed} mocha test/sim/attacks.test.ts`;
  const options = { seed, sampleIntervalS: 120, batchReadings: 2, timing: { ...SLOW_CHIP, clockPpm: 40 } };
  const life = new Life(options, command);
  const { loop, node } = life;
  let attack: Attack | undefined;
  const watch = new StorageWatch(life, () => attack!);
  const { spreadingFactor, bandwidthHz } = EU868.dataRates[EU868.rx2DataRate]!;
  attack = new Attack({
    world: loop.world,
    channel: loop.field.channel!,
    position: node.radioChip!.modem.position,
    frequenciesHz: CHANNELS_HZ,
    rx2: { frequencyHz: EU868.rx2FrequencyHz, spreadingFactor, bandwidthHz },
    rx1DelayS: 1,
    untilUs: DAY_S * SECOND_US,
    ...intensity,
  });
  const delivered = life.live(DAY_S, 3 * DAY_S);
  const { ledger } = loop;
  ok(delivered, `${command}: it does not recover`);
  equal(ledger.readingsVerified, ledger.readingsTaken, command);
  equal(ledger.readingsWrong, 0, command);
  deepEqual(life.monitor!.violations, [], command);
  deepEqual(watch.faults, [], command);
  equal(node.radioChip!.violationCount, 0, command);
  deepEqual([...node.complaints], [], command);
  ok(life.monitor!.dutyCycle.worst <= 1, command);
  return { life, attack, watch };
}

describe("a day under attack", () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    it(`seed ${seed}: floods of random bytes and of forged downlinks in every window: no state change without a correct MIC`, function () {
      this.timeout(0);
      const { life, attack, watch } = attackedDay(seed, { jamEveryMs: 0, jam: 0, flood: 0.3, forge: 0.4 });
      const { flooded, forged, replayed } = attack.counters;
      ok(flooded > 100 && forged > 100 && replayed > 20, JSON.stringify(attack.counters));
      ok(watch.downlinksTaken > 10);
      ok(life.node.app!.bootCount === 1);
      assertReplaysChangeNothing(life.node, attack.forged.slice(0, counts(500, 5_000)));
    });

    it(`seed ${seed}: ETSI EN 300 220: jammed: the duty cycle holds in every hour, and all is delivered when it ends`, function () {
      this.timeout(0);
      const { life, attack } = attackedDay(seed, { jamEveryMs: 2_000, jam: 0.7, flood: 0.2, forge: 0.2 });
      ok(attack.counters.jammed > 30_000);
      const { frames, worst } = life.monitor!.dutyCycle;
      ok(frames > 100);
      ok(worst > 0.5, `the checker had something to look at: ${worst}`);
    });
  }
});
