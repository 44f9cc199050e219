/** What regions have in common (RP002-1.0.4): data rates, payload sizes as for a network with repeaters, RX1 tables. */
import { CHANNEL_MASK, type ChannelBlock, type DataRate } from "./region.ts";

const { reserved, allOn } = CHANNEL_MASK;

/** A data rate of LoRa. */
export const rate = (spreadingFactor: number, bandwidthHz: DataRate["bandwidthHz"]): DataRate =>
  Object.freeze({ spreadingFactor, bandwidthHz });

/** Channels of 125 kHz in a row, for DR0 to `maxDataRate`. */
export const channels = (
  firstHz: number,
  stepHz: number,
  count: number,
  maxDataRate = 5,
  minDataRate = 0,
): ChannelBlock => Object.freeze({ firstHz, stepHz, count, minDataRate, maxDataRate });

/** DR0 to DR5: SF12 to SF7 at 125 kHz. */
export const SF12_TO_SF7: readonly DataRate[] = Object.freeze([
  rate(12, 125_000),
  rate(11, 125_000),
  rate(10, 125_000),
  rate(9, 125_000),
  rate(8, 125_000),
  rate(7, 125_000),
]);

/** DR0 to DR6: the same, and SF7 at 250 kHz. */
export const SF12_TO_SF7_WIDE: readonly DataRate[] = Object.freeze([...SF12_TO_SF7, rate(7, 250_000)]);

/** M by data rate where DR0 is SF12. */
export const MAX_MAC_PAYLOAD: readonly number[] = Object.freeze([59, 59, 59, 123, 230, 230, 230]);
/** Of downlinks: a network without repeaters may use more, and we take it. */
export const MAX_DOWNLINK_MAC_PAYLOAD: readonly number[] = Object.freeze([59, 59, 59, 123, 250, 250, 250]);
/** In 400 ms, where DR0 is SF12. */
export const MAX_MAC_PAYLOAD_DWELL: readonly number[] = Object.freeze([0, 0, 19, 61, 133, 230, 230]);

/** RX1DROffset 0 to 5 takes as many steps off, to DR0 at the lowest. */
export const RX1_STEPS_DOWN: readonly (readonly number[])[] = Object.freeze([
  Object.freeze([0, 0, 0, 0, 0, 0]),
  Object.freeze([1, 0, 0, 0, 0, 0]),
  Object.freeze([2, 1, 0, 0, 0, 0]),
  Object.freeze([3, 2, 1, 0, 0, 0]),
  Object.freeze([4, 3, 2, 1, 0, 0]),
  Object.freeze([5, 4, 3, 2, 1, 0]),
  Object.freeze([6, 5, 4, 3, 2, 1]),
]);

/** Sixteen channels, one mask; 6 switches all on that are defined. */
export const MASKS_OF_16: readonly number[] = Object.freeze([
  0,
  reserved,
  reserved,
  reserved,
  reserved,
  reserved,
  allOn,
  reserved,
]);
