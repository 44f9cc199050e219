/**
 * What a compact token says before its readings: which batch of which boot this is, from when, at which step and how well the time was known.
 *
 *   kind       0; 1 is for later                            0.2 bits
 *   escape     seq, boot count and t0 follow in full        0.1 bits
 *   key        first values in full (an escape has them)    0.2 bits
 *   boot count mod 8, seq mod 16, slot mod 256              15 bits; slot = t0 / dt
 *   step       300 s, one of fifteen more, or any           1 bit or more
 *   time       LoRaWAN to 2.048 s, one of five more, or any 0.4 bits or more
 *
 * Behind each reading one bit asks whether there is another, by how usual it is to end there: 1.4 bits in all for 36 readings.
 */
import { MAX_BATCH_READINGS, MAX_STEP_S } from "./batch.ts";
import { type SymbolCoder, uniformWide } from "./range-coder.ts";
import { TIME_SOURCE } from "./time-quality.ts";

export const BOOT_MODULUS = 8;
export const SEQ_MODULUS = 16;
export const SLOT_MODULUS = 256;

export interface CompactHeader {
  /** Everything in full: for what is out of order or older than six hours. */
  escape: boolean;
  /** First values in full. */
  key: boolean;
  /** With an escape: the number itself; else modulo BOOT_MODULUS, SEQ_MODULUS. */
  bootCount: number;
  seq: number;
  /** t0 / dt; without an escape modulo SLOT_MODULUS. */
  slot: number;
  dt: number;
  /** See time-quality.ts; 0: times are uptime. */
  timeQuality: number;
}

/** Probabilities of a 0, in 65,536ths. */
const FIRST_KIND = 14 * 4096;
const NO_ESCAPE = 15 * 4096;
const NO_KEY = 14 * 4096;
const USUAL_STEP = 8 * 4096;
const USUAL_TIME = 12 * 4096;

const USUAL_DT_S = 300;
const STEPS_S: readonly number[] = Object.freeze([1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 600, 900, 1200, 1800, 3600]);
/** What a node awake says: LoRaWAN's second, and what its clock may lose until it asks again. */
const USUAL_TIME_QUALITY = (TIME_SOURCE.deviceTime << 5) | 11;
/** What others say: one that sleeps, without the time, point to point awake and asleep, with the time just told. */
const TIME_QUALITIES: readonly number[] = Object.freeze([
  (TIME_SOURCE.deviceTime << 5) | 16,
  TIME_SOURCE.none,
  (TIME_SOURCE.receiver << 5) | 11,
  (TIME_SOURCE.receiver << 5) | 16,
  (TIME_SOURCE.deviceTime << 5) | 10,
]);
const FINEST_EXPONENT = 10;
const EXPONENTS = 22;
/** Room for what time-quality.ts may come to know. */
const SOURCES = 7;

const MAX_UINT32 = 0xffffffff;
/** Times have 33 bits. */
const TIME_BITS = 33;

/** Probability that another reading follows, by how many there are: half a day's quarters and whole hours are usual ends. */
function goesOn(count: number): number {
  if (count === 36) return 8 * 4096;
  if (count % 12 === 0) return count < 36 ? 15 * 4096 : 12 * 4096;
  return count < 36 ? 65_280 : 15 * 4096;
}

/** A number of any size up to 2^33: how many bits it has, then they. */
function codeNumber(coder: SymbolCoder, value: number): number {
  let bits = 0;
  for (let rest = value; rest >= 1; rest = Math.floor(rest / 2)) bits++;
  bits = coder.uniform(TIME_BITS + 1, bits);
  let found = 0;
  let weight = 1;
  for (let done = 0; done < bits; ) {
    const count = Math.min(bits - done, 16);
    const size = 1 << count;
    found += weight * coder.uniform(size, Math.floor(value / weight) % size);
    weight *= size;
    done += count;
  }
  return found;
}

function codeStep(coder: SymbolCoder, dt: number): number {
  if (coder.bit(USUAL_STEP, dt === USUAL_DT_S ? 0 : 1, -1) === 0) return USUAL_DT_S;
  let index = 0;
  while (index < STEPS_S.length && STEPS_S[index] !== dt) index++;
  index = coder.uniform(STEPS_S.length + 1, index);
  return index < STEPS_S.length ? STEPS_S[index] : 1 + uniformWide(coder, MAX_STEP_S, dt - 1);
}

function codeTimeQuality(coder: SymbolCoder, quality: number): number {
  if (coder.bit(USUAL_TIME, quality === USUAL_TIME_QUALITY ? 0 : 1, -1) === 0) return USUAL_TIME_QUALITY;
  let index = 0;
  while (index < TIME_QUALITIES.length && TIME_QUALITIES[index] !== quality) index++;
  index = coder.uniform(TIME_QUALITIES.length + 1, index);
  if (index < TIME_QUALITIES.length) return TIME_QUALITIES[index];
  const source = 1 + coder.uniform(SOURCES, (quality >>> 5) - 1);
  return (source << 5) | (FINEST_EXPONENT + coder.uniform(EXPONENTS, (quality & 31) - FINEST_EXPONENT));
}

/**
 * Codes the header: an encoder reads it, a decoder fills it in. Without an escape the encoder may hand in whole numbers. Returns a reason,
 * or "": kind-unknown, header-out-of-range.
 */
export function codeHeader(coder: SymbolCoder, header: CompactHeader): string {
  if (coder.bit(FIRST_KIND, 0, -1) !== 0) return "kind-unknown";
  header.escape = coder.bit(NO_ESCAPE, header.escape ? 1 : 0, -1) !== 0;
  if (header.escape) {
    header.key = true;
    header.bootCount = codeNumber(coder, header.bootCount);
    header.seq = codeNumber(coder, header.seq);
    header.slot = codeNumber(coder, header.slot);
    if (header.bootCount > MAX_UINT32 || header.seq > MAX_UINT32) return "header-out-of-range";
  } else {
    header.key = coder.bit(NO_KEY, header.key ? 1 : 0, -1) !== 0;
    header.bootCount = coder.uniform(BOOT_MODULUS, header.bootCount % BOOT_MODULUS);
    header.seq = coder.uniform(SEQ_MODULUS, header.seq % SEQ_MODULUS);
    header.slot = coder.uniform(SLOT_MODULUS, header.slot % SLOT_MODULUS);
  }
  header.dt = codeStep(coder, header.dt);
  header.timeQuality = codeTimeQuality(coder, header.timeQuality);
  return header.dt > MAX_STEP_S ? "header-out-of-range" : "";
}

/** Codes whether another reading follows the first `count`. */
export function codeGoesOn(coder: SymbolCoder, count: number, more: boolean): boolean {
  if (count >= MAX_BATCH_READINGS) return false;
  return coder.bit(goesOn(count), more ? 0 : 1, -1) === 0;
}
