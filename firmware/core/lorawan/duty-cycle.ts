/**
 * How long a node may send: the duty cycle of each sub-band in any hour (ETSI EN 300 220-1 4.3.3), and the silence that the network may ask
 * for with DutyCycleReq (TS001-1.0.4 5.3).
 *
 * The books are kept in pieces of five minutes. A frame is booked where it ends, and a piece counts in full until all of it is more than an
 * hour old: thirteen pieces, so that no hour, wherever it begins, holds more than the limit.
 *
 * A power cut takes the books, and nobody knows how long it was dark. So flash holds, for each sub-band, how many 32nds of the limit were
 * spent at most (record lw.duty); it is written before the frame that passes into the next one, and when a quarter has become free.
 * After a cut that much counts as spent at that very moment. An hour's silence after each cut would need no record, but a node that
 * somebody has just switched on must join at once.
 */
import type { StateReader, StateWriter } from "../../wire/state-record.ts";
import { type Region, subBandOf } from "./region/region.ts";

const PIECE_MS = 300_000;
const PIECES = 13;
/** What one permille of an hour is. */
const PERMILLE_MS = 3_600;
const NO_LIMIT_PERMILLE = 1_000;
/** "Never": such a frame is longer than the band allows in any hour. */
export const NEVER_MS = Number.MAX_SAFE_INTEGER;
/** Key of the record on flash: its version, then a byte for each sub-band. */
export const DUTY_KEY = "lw.duty";
const DUTY_VERSION = 1;
const LEVELS = 32;
const LEVELS_TO_SPARE = 8;

export class DutyCycle {
  readonly #region: Region;
  /** Milliseconds sent, by band and by piece (number of the piece modulo PIECES). */
  readonly #spentMs: Uint32Array;
  /** What flash says, in 32nds of the limit. */
  readonly #levels: Uint8Array;
  /** Number of the newest piece since power-on. */
  #newest = 0;
  #silentUntilMs = 0;
  /** False under certification (TS009 RegionalDutyCycleCtrlReq): DutyCycleReq counts still. */
  isOn = true;

  constructor(region: Region) {
    this.#region = region;
    this.#spentMs = new Uint32Array(region.subBands.length * PIECES);
    this.#levels = new Uint8Array(region.subBands.length);
  }

  /** Books a frame of `airtimeMs` that ended at `endMs`; `maxDutyCycle` is DutyCycleReq's exponent. */
  book(frequencyHz: number, endMs: number, airtimeMs: number, maxDutyCycle: number): void {
    this.advance(endMs);
    const band = subBandOf(this.#region, frequencyHz);
    this.#spentMs[band * PIECES + (this.#newest % PIECES)] += airtimeMs;
    if (maxDutyCycle > 0) this.#silentUntilMs = endMs + airtimeMs * ((1 << maxDutyCycle) - 1);
  }

  /** When a frame of `airtimeMs` may begin on `frequencyHz`; `nowMs` when it may at once. */
  earliestMs(frequencyHz: number, airtimeMs: number, nowMs: number): number {
    const earliestMs = Math.max(nowMs, this.#silentUntilMs);
    const band = subBandOf(this.#region, frequencyHz);
    const limitMs = this.limitMs(band);
    if (!this.isOn || limitMs === 0) return earliestMs;
    this.advance(nowMs + airtimeMs);
    if (airtimeMs > limitMs) return NEVER_MS;
    let spentMs = airtimeMs + this.spentIn(band);
    let freeMs = earliestMs;
    for (let piece = this.#newest - PIECES + 1; spentMs > limitMs; piece++) {
      if (piece < 0) continue;
      spentMs -= this.#spentMs[band * PIECES + (piece % PIECES)];
      freeMs = Math.max(freeMs, (piece + PIECES) * PIECE_MS);
    }
    return freeMs;
  }

  /** Before a frame of `airtimeMs` on `frequencyHz`: true when the record must be written first. */
  mustStore(frequencyHz: number, airtimeMs: number): boolean {
    const band = subBandOf(this.#region, frequencyHz);
    const limitMs = this.limitMs(band);
    if (limitMs === 0) return false;
    const level = Math.min(Math.ceil(((this.spentIn(band) + airtimeMs) * LEVELS) / limitMs), LEVELS);
    if (level <= this.#levels[band] && level > this.#levels[band] - LEVELS_TO_SPARE) return false;
    this.#levels[band] = level;
    return true;
  }

  /** The record for flash; returns its length. */
  writeRecord(into: Uint8Array): number {
    into[0] = DUTY_VERSION;
    into.set(this.#levels, 1);
    return 1 + this.#levels.length;
  }

  /** After a power cut: takes what the record says as spent just now. */
  readRecord(bytes: Uint8Array, length: number, nowMs: number): void {
    if (length !== 1 + this.#levels.length || bytes[0] !== DUTY_VERSION) return;
    this.advance(nowMs);
    for (let band = 0; band < this.#levels.length; band++) {
      this.#levels[band] = Math.min(bytes[1 + band], LEVELS);
      const spentMs = Math.floor((this.#levels[band] * this.limitMs(band)) / LEVELS);
      this.#spentMs[band * PIECES + (this.#newest % PIECES)] += spentMs;
    }
  }

  /** What an hour allows; 0: there is no limit. */
  private limitMs(band: number): number {
    const { dutyCyclePermille } = this.#region.subBands[band];
    return dutyCyclePermille === NO_LIMIT_PERMILLE ? 0 : dutyCyclePermille * PERMILLE_MS;
  }

  private spentIn(band: number): number {
    let spentMs = 0;
    for (let i = 0; i < PIECES; i++) spentMs += this.#spentMs[band * PIECES + i];
    return spentMs;
  }

  private advance(toMs: number): void {
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
    writer.bytes(this.#levels, this.#levels.length);
    writer.bool(this.isOn);
  }

  restore(reader: StateReader): void {
    this.#newest = reader.u32();
    this.#silentUntilMs = reader.time() ?? 0;
    for (let i = 0; i < this.#spentMs.length; i++) this.#spentMs[i] = reader.u32();
    reader.bytes(this.#levels, this.#levels.length);
    this.isOn = reader.bool();
  }
}
