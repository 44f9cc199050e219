/**
 * Joining over the air (TS001-1.0.4 6.2): nonces that are never used twice, the walk through the data rates (in a fixed plan: through the
 * banks, RP002-1.0.4, US902-928), and the pauses between requests. How much of the air joins may take in all says back-off.ts.
 *
 * DevNonce counts up and is on flash before its request leaves. A join accept must carry a JoinNonce above the last: an old one, replayed, is
 * nothing to us. A device that has a session keeps it until the accept of a new join is there: a rejoin that nobody answers costs nothing.
 */
import type { StateReader, StateWriter } from "../../wire/state-record.ts";
import type { BackOff } from "./back-off.ts";
import type { Chance } from "./chance.ts";
import { ANY_BANK } from "./channel-plan.ts";
import { NEVER_MS } from "./duty-cycle.ts";
import type { Region } from "./region/region.ts";

const MAX_DEV_NONCE = 0xffff;
/** No join accept was ever taken. */
const NO_NONCE = -1;

/** Key and length of the record on flash. */
export const NONCES_KEY = "lw.join";
export const NONCES_BYTES = 9;
const NONCES_VERSION = 1;

export class Join {
  readonly #region: Region;
  readonly #backOff: BackOff;
  readonly #subBand: number;
  /** The next to be used. */
  #devNonce = 0;
  /** Of the last join accept taken. */
  #joinNonce = NO_NONCE;
  /** Requests since the last success: the place in the walk. */
  #attempts = 0;
  #notBeforeMs = 0;

  constructor(region: Region, backOff: BackOff, subBand = 0) {
    this.#region = region;
    this.#backOff = backOff;
    this.#subBand = region.dynamicChannels ? 0 : subBand;
  }

  /** The place in the walk; a device that knows its sub-band goes to and fro between one bank and its channel of 500 kHz. */
  private get step(): number {
    const { length } = this.#region.joinDataRates;
    return this.#subBand === 0 ? this.#attempts % length : this.#attempts % 2 === 0 ? 0 : length - 1;
  }

  /** The data rate of the next request. */
  get dataRate(): number {
    return this.#region.joinDataRates[this.step];
  }

  /** The bank of a fixed plan that the next request probes. */
  get bank(): number {
    return this.#region.dynamicChannels ? ANY_BANK : this.step;
  }

  /** When a request of `airtimeMs` may go out; `nowMs` when at once. */
  earliestMs(airtimeMs: number, nowMs: number): number {
    if (this.#devNonce > MAX_DEV_NONCE) return NEVER_MS;
    return this.#backOff.earliestMs(airtimeMs, Math.max(nowMs, this.#notBeforeMs));
  }

  /** Takes the DevNonce for a request that is about to go out; the record must be on flash before it does. */
  takeDevNonce(): number {
    return this.#devNonce++;
  }

  /** A request of `airtimeMs` has been sent, over at `endMs`. */
  book(airtimeMs: number, endMs: number): void {
    this.#backOff.book(airtimeMs, endMs);
    this.#attempts++;
  }

  /** No accept came. Returns when the next request may go out. */
  failed(airtimeMs: number, nowMs: number, chance: Chance): number {
    const pauseMs = this.#backOff.pauseMs(airtimeMs, nowMs);
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
    writer.time(this.#notBeforeMs);
  }

  restore(reader: StateReader): void {
    this.#devNonce = reader.u32();
    this.#joinNonce = reader.i32();
    this.#attempts = reader.u32();
    this.#notBeforeMs = reader.time() ?? 0;
  }
}

export function writeBig(into: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) into[at + i] = value >>> (24 - 8 * i);
}

export function readBig(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}
