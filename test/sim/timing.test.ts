/** The whole node on a slow chip with a wrong clock: it hears what the network says, and blocks only where it may. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { DOWN_KEY } from "../../firmware/core/lorawan/mac-records.ts";
import { SLOW_CHIP } from "../../host-sim/node-timing.ts";
import { counts } from "../counts.ts";
import { Life } from "./life.ts";

const HOURS = counts(2, 24);
const DURATION_S = HOURS * 3_600;
/** A token a minute is a little more than the duty cycle allows: what has piled up takes a while. */
const DRAIN_S = 24 * 3_600;
const SECOND_US = 1_000_000;
const ERASE_US = SLOW_CHIP.eraseMs * 1_000;
/** RX1 is prepared 60 ms before it opens, itself up to 20 ms before its time. */
const GUARD_US = 80_000;

interface Traffic {
  life: Life;
  downlinksTaken: number;
  erasures: number;
  /** Erasures that were under way when RX1 had to be opened. */
  inTheWay: number;
}

/** A sample every second, so that a sector fills up in a minute, and a token as often. */
function busyLife(seed: number, clockPpm: number): Traffic {
  const command = `mocha test/sim/timing.test.ts: seed ${seed}, ${clockPpm} ppm`;
  const timing = { ...SLOW_CHIP, clockPpm };
  const life = new Life({ seed, sampleIntervalS: 1, batchReadings: 64, timing }, command);
  const { node } = life;
  const traffic = { life, downlinksTaken: 0, erasures: 0, inTheWay: 0 };
  const windows: number[] = [];
  life.monitor!.onFrame = ({ kind }, { endUs }) => {
    if (kind === "up") windows.push(endUs + SECOND_US);
    if (kind === "join-request") windows.push(endUs + 5 * SECOND_US);
    if (windows.length > 4) windows.shift();
  };
  const erasures: number[] = [];
  node.onErase = () => erasures.push(life.nowUs);
  const write = node.keyValue.write.bind(node.keyValue);
  node.keyValue.write = (key, value, length) => {
    if (key === DOWN_KEY) traffic.downlinksTaken++;
    write(key, value, length);
  };
  const { afterEvent } = life.loop.world;
  equal(afterEvent, undefined);
  life.loop.world.afterEvent = () => {
    while (erasures.length > 0 && erasures[0] + ERASE_US < life.nowUs) {
      const fromUs = erasures.shift()!;
      traffic.erasures++;
      for (const window of windows) {
        if (fromUs < window && fromUs + ERASE_US > window - GUARD_US) traffic.inTheWay++;
      }
    }
  };
  ok(life.live(DURATION_S, DRAIN_S), command);
  const { ledger } = life.loop;
  equal(ledger.readingsVerified, ledger.readingsTaken, command);
  deepEqual(life.monitor!.violations, [], command);
  deepEqual([...node.complaints], [], command);
  equal(node.radioChip!.violationCount, 0, command);
  return traffic;
}

describe("timing in the closed loop: 0 to 15 ms of latency, 150 ms signatures, 400 ms erasures", () => {
  for (const clockPpm of [40, -40]) {
    it(`lorawan.md, RX1 and RX2: ${HOURS} hours at ${clockPpm} ppm: every downlink is heard, no erasure is in a window's way, every reading verified`, function () {
      this.timeout(0);
      const { life, downlinksTaken, erasures, inTheWay } = busyLife(5, clockPpm);
      const { rx1, rx2 } = life.loop.field.network!.server.downlinks.counters;
      equal(downlinksTaken, rx1 + rx2 - life.monitor!.counters.joinRequests);
      ok(downlinksTaken > 50 * HOURS, `${downlinksTaken}`);
      ok(erasures > 50 * HOURS, `${erasures}`);
      equal(inTheWay, 0);
      ok(life.loop.ledger.readingsTaken > 3_550 * HOURS, "no sample is missed");
    });
  }

  it("the same seed is the same life: equal event hashes; another seed is another", () => {
    const hash = (seed: number): string => {
      const timing = { ...SLOW_CHIP, clockPpm: 40 };
      const life = new Life({ seed, timing }, "");
      life.live(4 * 3_600, DRAIN_S);
      return life.loop.world.hash.hex();
    };
    const first = hash(8);
    equal(hash(8), first);
    ok(hash(9) !== first);
  });
});
