/**
 * How long a node may send: the duty cycle of each sub-band in any hour (ETSI EN 300 220-1 4.3.3), and the silence that the network may ask
 * for with DutyCycleReq (TS001-1.0.4 5.3).
 *
 * The books are kept in pieces of five minutes. A frame is booked where it ends, and a piece counts in full until all of it is more than an
 * hour old: thirteen pieces, so that no hour, wherever it begins, holds more than the limit.
 */
import type { StateReader, StateWriter } from "../../wire/state-record.ts";
import { type Region, subBandOf } from "./region/region.ts";

const PIECE_MS = 300_000;
const PIECES = 13;
/** What one permille of an hour is. */
const PERMILLE_MS = 3_600;
/** "Never": such a frame is longer than the band allows in any hour. */
export const NEVER_MS = Number.MAX_SAFE_INTEGER;

export class DutyCycle {
  readonly #region: Region;
  /** Milliseconds sent, by band and by piece (number of the piece modulo PIECES). */
  readonly #spentMs: Uint32Array;
  /** Number of the newest piece since power-on. */
  #newest = 0;
  #silentUntilMs = 0;

  constructor(region: Region) {
    this.#region = region;
    this.#spentMs = new Uint32Array(region.subBands.length * PIECES);
  }

  /** Books a frame of `airtimeMs` that ended at `endMs`; `maxDutyCycle` is DutyCycleReq's exponent. */
  book(frequencyHz: number, endMs: number, airtimeMs: number, maxDutyCycle: number): void {
    this.#advance(endMs);
    const band = subBandOf(this.#region, frequencyHz);
    this.#spentMs[band * PIECES + (this.#newest % PIECES)] += airtimeMs;
    if (maxDutyCycle > 0) this.#silentUntilMs = endMs + airtimeMs * ((1 << maxDutyCycle) - 1);
  }

  /** When a frame of `airtimeMs` may begin on `frequencyHz`; `nowMs` when it may at once. */
  earliestMs(frequencyHz: number, airtimeMs: number, nowMs: number): number {
    const endMs = nowMs + airtimeMs;
    this.#advance(endMs);
    const band = subBandOf(this.#region, frequencyHz);
    const limitMs = this.#region.subBands[band].dutyCyclePermille * PERMILLE_MS;
    if (airtimeMs > limitMs) return NEVER_MS;
    let spentMs = airtimeMs;
    for (let i = 0; i < PIECES; i++) spentMs += this.#spentMs[band * PIECES + i];
    let earliestMs = Math.max(nowMs, this.#silentUntilMs);
    for (let piece = this.#newest - PIECES + 1; spentMs > limitMs; piece++) {
      if (piece < 0) continue;
      spentMs -= this.#spentMs[band * PIECES + (piece % PIECES)];
      earliestMs = Math.max(earliestMs, (piece + PIECES) * PIECE_MS);
    }
    return earliestMs;
  }

  #advance(toMs: number): void {
    const piece = Math.floor(toMs / PIECE_MS);
    if (piece <= this.#newest) return;
    const first = Math.max(this.#newest + 1, piece - PIECES + 1);
    for (let passed = first; passed <= piece; passed++) {
      for (let at = passed % PIECES; at < this.#spentMs.length; at += PIECES) this.#spentMs[at] = 0;
    }
    this.#newest = piece;
  }

  save(writer: StateWriter): void {
    writer.u32(this.#newest);
    writer.time(this.#silentUntilMs);
    for (let i = 0; i < this.#spentMs.length; i++) writer.u32(this.#spentMs[i]);
  }

  restore(reader: StateReader): void {
    this.#newest = reader.u32();
    this.#silentUntilMs = reader.time() ?? 0;
    for (let i = 0; i < this.#spentMs.length; i++) this.#spentMs[i] = reader.u32();
  }
}
