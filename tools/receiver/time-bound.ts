/** The latest time that a token received at some moment may claim. */
import { timeUncertaintyMs } from "../../firmware/wire/time-quality.ts";

/** How far the receiver's own clock may be behind the truth. A minute is what an unattended machine with NTP never reaches. */
export const CLOCK_TOLERANCE_MS = 60_000;
/** Of a node's stated uncertainty, so much at most excuses a time in the future: a node cannot talk itself out of the bound. */
const MAX_EXCUSED_MS = 3_600_000;

/** In Unix milliseconds. Without wall time (quality 0) the bound is as wide as it gets: uptime is another count. */
export function latestTimeMs(receivedUnixMs: number, timeQuality: number): number {
  return latestWithinMs(receivedUnixMs, timeUncertaintyMs(timeQuality));
}

/** The same of a time that is right within `uncertaintyMs`. */
export function latestWithinMs(receivedUnixMs: number, uncertaintyMs: number): number {
  return receivedUnixMs + CLOCK_TOLERANCE_MS + Math.min(uncertaintyMs, MAX_EXCUSED_MS);
}
