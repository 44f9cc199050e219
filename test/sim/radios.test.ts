/** The other radio family: the same node, network and receiver, an SX1276 instead of an SX1262. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { EU868 } from "../../firmware/core/lorawan/region/eu868.ts";
import { US915 } from "../../firmware/core/lorawan/region/us915.ts";
import { SLOW_CHIP } from "../../host-sim/node-timing.ts";
import { leastListeningUs, RxWindowTrial } from "../../host-sim/scenarios/rx-windows.ts";
import type { SimulationOptions } from "../../tools/simulation/options.ts";
import { counts } from "../counts.ts";
import { Life } from "./life.ts";

const DURATION_S = counts(12, 48) * 3_600;
const DRAIN_S = 12 * 3_600;

function live(options: Partial<SimulationOptions>, command: string): Life {
  const life = new Life({ ...options, radio: "sx1276" }, command);
  ok(life.live(DURATION_S, DRAIN_S), `${command}: not all delivered`);
  const { ledger } = life.loop;
  ok(ledger.readingsTaken > 0, command);
  equal(ledger.readingsVerified, ledger.readingsTaken, command);
  // The monitor of the air knows the rules of EU868.
  if (options.region === undefined) deepEqual(life.monitor!.violations, [], command);
  equal(life.node.radioChip!.violationCount, 0, command);
  deepEqual([...life.node.complaints], [], command);
  return life;
}

describe("receive windows of an SX1276 with 40 ppm and 0 to 15 ms of latency", () => {
  const DOWNLINKS = counts(150, 10_000);
  const TIMING = { clockPpm: 40, latencyMs: 15 };
  /** Of the theoretical minimum. */
  const MOST_LISTENING = 2;

  for (const [region, dataRates] of [
    [EU868, 6],
    [US915, 5],
  ] as const) {
    it(`TS001-1.0.4 3.3: ${region.name}, every data rate: ${DOWNLINKS} downlinks each, all heard`, () => {
      for (let dataRate = 0; dataRate < dataRates; dataRate++) {
        const options = { seed: 1 + dataRate, region, radio: "sx1276", dataRate, downlinks: DOWNLINKS } as const;
        const result = new RxWindowTrial({ ...options, timing: TIMING }).run();
        deepEqual(result.heard, result.sent, `DR${dataRate}`);
        for (const window of [0, 1]) {
          const least = leastListeningUs(window, result.modulations[window]!, TIMING);
          ok(result.empty[window].longestUs <= MOST_LISTENING * least, `DR${dataRate}, RX${window + 1}`);
        }
        equal(result.violations, 0);
        equal(result.errors, 0);
      }
    });
  }
});

describe("a node with an SX1276 (lorawan.md, radios)", () => {
  it("every reading arrives and is verified, and the chip has nothing to object", () => {
    for (let seed = 1; seed <= counts(3, 20); seed++) {
      live({ seed }, `groundtruth simulate --radio sx1276 --seed ${seed}`);
    }
  });

  it("at every data rate of EU868, with a tenth of the frames lost", () => {
    for (let fixedDataRate = 0; fixedDataRate <= 5; fixedDataRate++) {
      const command = `groundtruth simulate --radio sx1276 --data-rate ${fixedDataRate} --loss 0.1`;
      live({ fixedDataRate, lossProbability: 0.1, sampleIntervalS: 600, batchReadings: 18 }, command);
    }
  });

  it("with late JavaScript, blocking work and a crystal 40 ppm off, and through deep sleep", () => {
    for (const clockPpm of [-40, 40]) {
      live({ timing: { ...SLOW_CHIP, clockPpm } }, `mocha test/sim/radios.test.ts: ${clockPpm} ppm`);
    }
    live({ deepSleep: true, timing: SLOW_CHIP }, "mocha test/sim/radios.test.ts: deep sleep");
  });

  it("in US915, AU915 and AS923-1, at 500 kHz too (errata 2.1, 2.3)", () => {
    for (const region of ["US915", "AU915", "AS923-1"]) {
      live({ region }, `groundtruth simulate --radio sx1276 --region ${region}`);
    }
  });
});
