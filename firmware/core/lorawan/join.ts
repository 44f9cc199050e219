/**
 * Joining over the air (TS001-1.0.4 6.2): nonces that are never used twice, the walk through the data rates, and the back-off that keeps a
 * crowd of nodes from flooding the air after a power cut (TS001-1.0.4 chapter 7, TR007 4.8).
 *
 * DevNonce counts up and is on flash before its request leaves. A join accept must carry a JoinNonce above the last: an old one, replayed, is
 * nothing to us.
 *
 *   since power-on     at most on air     pause after a failed request
 *   first hour         36 s               about 100 times its time on air
 *   next ten hours     36 s               about 1,000 times
 *   each day after     8.7 s              about 10,000 times
 */
import type { StateReader, StateWriter } from "../../wire/state-record.ts";
import type { Chance } from "./chance.ts";
import { NEVER_MS } from "./duty-cycle.ts";
import type { Region } from "./region/region.ts";

const HOUR_MS = 3_600_000;
const SECOND_PERIOD_MS = HOUR_MS;
const THIRD_PERIOD_MS = 11 * HOUR_MS;
const DAY_MS = 24 * HOUR_MS;
const BUDGET_MS = Object.freeze([36_000, 36_000, 8_700]);
const PAUSE_FACTOR = Object.freeze([100, 1_000, 10_000]);
const MAX_DEV_NONCE = 0xffff;
/** No join accept was ever taken. */
const NO_NONCE = -1;

/** Key and length of the record on flash. */
export const NONCES_KEY = "lw.join";
export const NONCES_BYTES = 9;
const NONCES_VERSION = 1;

export class Join {
  readonly #region: Region;
  /** The next to be used. */
  #devNonce = 0;
  /** Of the last join accept taken. */
  #joinNonce = NO_NONCE;
  /** Requests since the last success: the place in the walk. */
  #attempts = 0;
  #period = 0;
  #spentMs = 0;
  #notBeforeMs = 0;

  constructor(region: Region) {
    this.#region = region;
  }

  /** The data rate of the next request. */
  get dataRate(): number {
    const { joinDataRates } = this.#region;
    return joinDataRates[this.#attempts % joinDataRates.length];
  }

  /** When a request of `airtimeMs` may go out; `nowMs` when at once. */
  earliestMs(airtimeMs: number, nowMs: number): number {
    if (this.#devNonce > MAX_DEV_NONCE) return NEVER_MS;
    let earliestMs = Math.max(nowMs, this.#notBeforeMs);
    const period = periodAt(earliestMs);
    const spentMs = period === this.#period ? this.#spentMs : 0;
    if (spentMs + airtimeMs >= BUDGET_MS[Math.min(period, 2)]) earliestMs = periodStartMs(period + 1);
    return earliestMs;
  }

  /** Takes the DevNonce for a request that is about to go out; the record must be on flash before it does. */
  takeDevNonce(): number {
    return this.#devNonce++;
  }

  /** A request of `airtimeMs` has been sent, over at `endMs`. */
  book(airtimeMs: number, endMs: number): void {
    const period = periodAt(endMs);
    if (period !== this.#period) {
      this.#period = period;
      this.#spentMs = 0;
    }
    this.#spentMs += airtimeMs;
    this.#attempts++;
  }

  /** No accept came. Returns when the next request may go out. */
  failed(airtimeMs: number, nowMs: number, chance: Chance): number {
    const pauseMs = airtimeMs * PAUSE_FACTOR[Math.min(periodAt(nowMs), 2)];
    this.#notBeforeMs = nowMs + Math.floor((pauseMs * (500 + chance.below(1001))) / 1000);
    return this.earliestMs(airtimeMs, nowMs);
  }

  /** True when `joinNonce` is above all that were taken. */
  isFresh(joinNonce: number): boolean {
    return joinNonce > this.#joinNonce;
  }

  succeeded(joinNonce: number): void {
    this.#joinNonce = joinNonce;
    this.#attempts = 0;
    this.#notBeforeMs = 0;
  }

  /** The record for flash; returns its length. */
  writeRecord(into: Uint8Array): number {
    into[0] = NONCES_VERSION;
    writeBig(into, 1, this.#devNonce);
    writeBig(into, 5, this.#joinNonce >>> 0);
    return NONCES_BYTES;
  }

  /** Takes up the record, and the JoinNonce of the session on flash, which may be the newer one. */
  readRecord(bytes: Uint8Array, length: number, sessionJoinNonce: number): void {
    if (length === NONCES_BYTES && bytes[0] === NONCES_VERSION) {
      this.#devNonce = readBig(bytes, 1);
      const joinNonce = readBig(bytes, 5);
      this.#joinNonce = joinNonce === 0xffffffff ? NO_NONCE : joinNonce;
    }
    this.#joinNonce = Math.max(this.#joinNonce, sessionJoinNonce);
  }

  save(writer: StateWriter): void {
    writer.u32(this.#devNonce);
    writer.i32(this.#joinNonce);
    writer.u32(this.#attempts);
    writer.u32(this.#period);
    writer.u32(this.#spentMs);
    writer.time(this.#notBeforeMs);
  }

  restore(reader: StateReader): void {
    this.#devNonce = reader.u32();
    this.#joinNonce = reader.i32();
    this.#attempts = reader.u32();
    this.#period = reader.u32();
    this.#spentMs = reader.u32();
    this.#notBeforeMs = reader.time() ?? 0;
  }
}

function periodAt(uptimeMs: number): number {
  if (uptimeMs < SECOND_PERIOD_MS) return 0;
  return uptimeMs < THIRD_PERIOD_MS ? 1 : 2 + Math.floor((uptimeMs - THIRD_PERIOD_MS) / DAY_MS);
}

function periodStartMs(period: number): number {
  if (period < 2) return period * SECOND_PERIOD_MS;
  return THIRD_PERIOD_MS + (period - 2) * DAY_MS;
}

export function writeBig(into: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) into[at + i] = value >>> (24 - 8 * i);
}

export function readBig(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}
