/** What the fixed plans, US915 and AU915, have in common (RP002-1.0.4). A file of its own: firmware for another region does without it. */
import { CHANNEL_MASK, type DataRate } from "./region.ts";
import { rate } from "./tables.ts";

const { banks, narrowOn, narrowOff } = CHANNEL_MASK;

export const SF8_WIDE: DataRate = rate(8, 500_000);
/** DR8 to DR13 of the fixed plans, downlinks only. */
export const SF12_TO_SF7_500: readonly DataRate[] = Object.freeze([
  rate(12, 500_000),
  rate(11, 500_000),
  rate(10, 500_000),
  rate(9, 500_000),
  SF8_WIDE,
  rate(7, 500_000),
]);

/** DR0 to DR13 of the fixed plans' downlinks; DR0 to DR7 are none. */
export const MAX_DOWNLINK_500: readonly number[] = Object.freeze([0, 0, 0, 0, 0, 0, 0, 0, 61, 137, 250, 250, 250, 250]);

/** 64 channels and 8, with masks of 16, of banks, and of the 500 kHz channels. */
export const MASKS_OF_72: readonly number[] = Object.freeze([0, 1, 2, 3, 4, banks, narrowOn, narrowOff]);

/** The downlink channels of the fixed plans. */
export const FIXED_RX1_CHANNELS = Object.freeze({ firstHz: 923_300_000, stepHz: 600_000, count: 8 });
