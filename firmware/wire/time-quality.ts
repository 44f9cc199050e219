/**
 * Time as evidence: one byte that says how the node knew the time and how well, `source << 5 | exponent`; the time given was right
 * within ±2^exponent ms when the last reading was taken. 0 is "no wall time at all".
 */

/** Where wall time came from. */
export const TIME_SOURCE = Object.freeze({
  none: 0,
  /** LoRaWAN DeviceTimeAns (TS001-1.0.4 5.9). */
  deviceTime: 1,
  /** SNTP (RFC 5905) over IP. */
  sntp: 2,
  gnss: 3,
  /** The node's own receiver, in an authentic answer over point to point LoRa (wire/p2p-frame.ts): who verifies the token told the time in it. */
  receiver: 4,
} as const);

export type TimeSource = (typeof TIME_SOURCE)[keyof typeof TIME_SOURCE];

const NAMES = Object.freeze(["none", "lorawan", "sntp", "gnss", "receiver"] as const);

/** 2^10 ms: tokens count seconds, so a finer claim would say nothing. */
const FINEST_EXPONENT = 10;
/** 2^31 ms are 25 days: a time known worse than that is not known. */
const COARSEST_EXPONENT = 31;

/** The byte for a source and an uncertainty in milliseconds; 0 when the time is not known well enough to be called known. */
export function timeQuality(source: TimeSource, uncertaintyMs: number): number {
  if (source === TIME_SOURCE.none) return 0;
  let exponent = FINEST_EXPONENT;
  let reachMs = 1 << FINEST_EXPONENT;
  while (reachMs < uncertaintyMs) {
    reachMs *= 2;
    exponent++;
    if (exponent > COARSEST_EXPONENT) return 0;
  }
  return uncertaintyMs >= 0 ? (source << 5) | exponent : 0;
}

/** Whether `value` is a byte that `timeQuality` can give. */
export function isTimeQuality(value: number): boolean {
  if (value === 0) return true;
  const source = value >>> 5;
  const exponent = value & 31;
  return source >= TIME_SOURCE.deviceTime && source <= TIME_SOURCE.receiver && exponent >= FINEST_EXPONENT;
}

/** The source in a valid byte. */
export function timeSource(quality: number): TimeSource {
  return (quality >>> 5) as TimeSource;
}

/** Bound of the error in milliseconds; Infinity when there is no wall time. */
export function timeUncertaintyMs(quality: number): number {
  if (quality === 0) return Infinity;
  let reachMs = 1;
  for (let i = quality & 31; i > 0; i--) reachMs *= 2;
  return reachMs;
}

/** The source by name, for people and for JSON. */
export function timeSourceName(quality: number): (typeof NAMES)[number] {
  return NAMES[timeSource(quality)];
}
