/** The runs that every engine must end in the same way. */
import attest from "../../host-sim/xs/attestation-entry.ts";
import { NODE_CRYPTO } from "../../tools/receiver/node-crypto.ts";
import { runClosedLoop } from "../../tools/simulation/closed-loop.ts";
import { ONE_DAY, type SimulationOptions } from "../../tools/simulation/options.ts";
import { SILENT_SINK } from "../../tools/simulation/sink.ts";
import type { Summary } from "../../tools/simulation/summary.ts";

/** One node and one day at 5-minute samples, unless told otherwise. */
export function dayOf(seed: number, changes: Partial<SimulationOptions> = {}): SimulationOptions {
  return { ...ONE_DAY, seed, ...changes };
}

/** Weather with what a file may have: no gust column, an empty cell, quotes. */
const REPLAY = [
  'time_utc,air_temperature_degC,relative_humidity_pct,"wind_speed_mps"',
  ...Array.from({ length: 60 }, (_, i) => {
    const time = `2026-03-01T00:${`${i}`.padStart(2, "0")}:00Z`;
    return `${time},${i === 30 ? "" : -7.3 + i / 10},${40 + (i % 7)},"${(i % 9) / 2}"`;
  }),
].join("\n");

export const SCENARIOS: readonly { title: string; options: SimulationOptions }[] = [
  { title: "a day, seed 1", options: dayOf(1) },
  { title: "a day, seed 2", options: dayOf(2) },
  { title: "a day, seed 3", options: dayOf(3) },
  {
    title: "six hours with a fifth of the frames lost",
    options: dayOf(4, { durationS: 21_600, lossProbability: 0.2 }),
  },
  { title: "six hours on Wi-Fi", options: dayOf(5, { durationS: 21_600, uplink: "wifi" }) },
  {
    title: "six hours point to point, three nodes and a fifth of the frames lost",
    options: dayOf(8, { nodes: 3, durationS: 21_600, uplink: "p2p", lossProbability: 0.2 }),
  },
  {
    title: "three nodes at DR0 for three hours",
    options: dayOf(6, { nodes: 3, durationS: 10_800, fixedDataRate: 0, batchReadings: 12 }),
  },
  {
    title: "a day at DR0, batches of four full frames, EdDSA, a fifth of the frames lost",
    options: dayOf(9, { fixedDataRate: 0, frameBudget: 4, batchReadings: 64, algorithm: -8, lossProbability: 0.2 }),
  },
  {
    title: "six hours without downlinks, ES256K, a tenth of the frames lost",
    options: dayOf(10, { durationS: 21_600, downlinks: false, algorithm: -47, lossProbability: 0.1 }),
  },
  {
    title: "a replayed hour",
    options: dayOf(7, { durationS: 3600, sampleIntervalS: 0, batchReadings: 12, replay: { csv: REPLAY } }),
  },
];

export function runOnNode(options: SimulationOptions): Summary {
  return runClosedLoop(options, SILENT_SINK, NODE_CRYPTO, "node");
}

/** The device's half alone. */
export const ATTESTATION_ENTRY = "host-sim/xs/attestation-entry.ts";

/** What it says of its frames. */
export function attestOnNode(): string {
  const lines: string[] = [];
  attest("", { print: (line) => lines.push(line) });
  return lines.join("; ");
}
