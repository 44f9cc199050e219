/**
 * Do nodes hear every downlink, and how long do they listen for it: `node bench/rx-windows.ts [downlinks a data rate]`. Clock wrong by up to 40 ppm,
 * JavaScript late by 0 to 15 ms at every interrupt and timer; the table stands in docs/radio-timing.md.
 */
import { EU868 } from "../firmware/core/lorawan/region/eu868.ts";
import type { Region } from "../firmware/core/lorawan/region/region.ts";
import { US915 } from "../firmware/core/lorawan/region/us915.ts";
import { leastListeningUs, RxWindowTrial } from "../host-sim/scenarios/rx-windows.ts";

const TIMING = { clockPpm: 40, latencyMs: 15 };
const ROUNDS = process.argv[2] === undefined ? 10_000 : Number(process.argv[2]);
const PLANS: readonly (readonly [Region, number])[] = [
  [EU868, 6],
  [US915, 5],
];

const RADIOS = ["sx1262", "sx1276"] as const;

const ms = (us: number): string => (us / 1000).toFixed(1);
const HEADINGS = ["radio", "region", "uplink", "window", "modulation", "sent", "heard"];
const FIGURES = ["least ms", "mean ms", "longest ms", "mean / least", "longest / least"];

function print(cells: readonly (string | number)[]): void {
  console.log(`| ${cells.join(" | ")} |`);
}

/** Prints the rows of one data rate; returns how many downlinks were missed. */
function measure(radio: (typeof RADIOS)[number], region: Region, dataRate: number): number {
  const trial = new RxWindowTrial({ seed: 1, radio, region, dataRate, downlinks: ROUNDS, timing: TIMING });
  const { sent, heard, empty, modulations } = trial.run();
  for (const window of [0, 1]) {
    const modulation = modulations[window];
    if (modulation === undefined) throw new Error("a window that never was");
    const { spreadingFactor, bandwidthHz } = modulation;
    const { windows, totalUs, longestUs } = empty[window];
    const least = leastListeningUs(window, modulation, TIMING);
    const mean = totalUs / windows;
    const names = [
      radio,
      region.name,
      `DR${dataRate}`,
      `RX${window + 1}`,
      `SF${spreadingFactor}/${bandwidthHz / 1000}`,
    ];
    const figures = [ms(least), ms(mean), ms(longestUs), (mean / least).toFixed(2), (longestUs / least).toFixed(2)];
    print([...names, sent[window], heard[window], ...figures]);
  }
  return sent[0] + sent[1] - heard[0] - heard[1];
}

print([...HEADINGS, ...FIGURES]);
print([...HEADINGS, ...FIGURES].map(() => "---"));
let missed = 0;
for (const radio of RADIOS) {
  for (const [region, dataRates] of PLANS) {
    for (let dataRate = 0; dataRate < dataRates; dataRate++) missed += measure(radio, region, dataRate);
  }
}
if (missed > 0) {
  console.error(`${missed} downlinks were missed`);
  process.exitCode = 1;
}
