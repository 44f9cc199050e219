/** Plans of tokens whose lengths the test chooses, and Semtech's formula once more, written down by the application note alone. */
import { nodeLink } from "../../../../host-sim/node-link.ts";
import type { BatchPlan, PlanInput } from "../../../../tools/planning/plan-types.ts";

/** AN1200.13, section 4: seconds of a frame of `bytes`, explicit header, CRC, CR 4/5, 8 symbols of preamble. */
export function an120013(spreadingFactor: number, bandwidthHz: number, bytes: number): number {
  const symbolS = 2 ** spreadingFactor / bandwidthHz;
  const optimised = symbolS > 0.016 ? 1 : 0;
  const blocks = Math.ceil((8 * bytes - 4 * spreadingFactor + 28 + 16) / (4 * (spreadingFactor - 2 * optimised)));
  return (8 + 4.25 + 8 + Math.max(blocks, 0) * 5) * symbolS;
}

/** Every stretch gives tokens of these lengths, by the number of readings. */
export function lengthsOf(plain: (readings: number) => number, key = plain, stretches = 1): PlanInput["lengths"] {
  const row = (length: (readings: number) => number): number[] => Array.from({ length: 64 }, (_, i) => length(i + 1));
  return {
    plain: Array.from({ length: stretches }, () => row(plain)),
    key: Array.from({ length: stretches }, () => row(key)),
  };
}

/** EU868 at DR0 with nothing but tokens of 40 bytes and what is said otherwise; the node never sleeps. */
export function planInput(changed: Partial<PlanInput> & { dataRate?: number; region?: string } = {}): PlanInput {
  const { dataRate = 0, region = "EU868", ...rest } = changed;
  return {
    link: nodeLink(region, dataRate, false)!,
    network: "own",
    intervalS: 300,
    lengths: lengthsOf(() => 40),
    loss: 0,
    downlinks: true,
    sleeps: false,
    copies: 1,
    statements: [],
    standbyUa: 0,
    powerDbm: 14,
    ...rest,
  };
}

export function batchOf(batches: readonly BatchPlan[], readings: number): BatchPlan {
  return batches.find(({ closes, at }) => closes === "readings" && at === readings)!;
}
