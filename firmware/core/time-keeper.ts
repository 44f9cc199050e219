/**
 * Wall time from uptime: what was learned last, from whom, and how uncertain it has become since. Wall time is never claimed before
 * somebody told it.
 */
import { MIN_WALL_TIME_S } from "../wire/batch.ts";
import { StateReader, StateWriter } from "../wire/state-record.ts";
import { TIME_SOURCE, type TimeSource, timeQuality } from "../wire/time-quality.ts";
import { CLOCK_DRIFT_PPM, TIME_REFRESH_MS } from "./bounds.ts";
import { STATE_TAG } from "./state-tag.ts";

/** 1980-01-06, where GPS time begins, in Unix milliseconds. */
const GPS_EPOCH_UNIX_MS = 315_964_800_000;
/** GPS time minus UTC since 2017-01-01 (IERS Bulletin C). No further leap second has been announced. */
const GPS_LEAP_SECONDS_MS = 18_000;

/** Unix milliseconds of a GPS time (milliseconds since 1980-01-06, without leap seconds: TS001-1.0.4 5.9). */
export function gpsToUnixMs(gpsMs: number): number {
  return gpsMs + GPS_EPOCH_UNIX_MS - GPS_LEAP_SECONDS_MS;
}

const VERSION = 1;

export class TimeKeeper {
  #source: TimeSource = TIME_SOURCE.none;
  /** Wall time minus uptime. */
  #offsetMs = 0;
  /** Uptime at which the time was true within the uncertainty. */
  #learnedAtMs = 0;
  #uncertaintyMs = 0;
  #driftPpm: number;
  #refreshMs: number;

  /** How wrong the clock that counts uptime may be, and how often the wall time is told anew. */
  constructor(driftPpm: number = CLOCK_DRIFT_PPM, refreshMs: number = TIME_REFRESH_MS) {
    this.#driftPpm = driftPpm;
    this.#refreshMs = refreshMs;
  }

  get known(): boolean {
    return this.#source !== TIME_SOURCE.none;
  }

  /** Wall time minus uptime in milliseconds; undefined while wall time is not known. */
  get offsetMs(): number | undefined {
    return this.known ? this.#offsetMs : undefined;
  }

  /** Bound of the error now, in milliseconds. */
  uncertaintyMs(nowMs: number): number {
    return this.#uncertaintyMs + Math.ceil(((nowMs - this.#learnedAtMs) * this.#driftPpm) / 1_000_000);
  }

  /**
   * The time quality byte of a reading taken now (wire/time-quality.ts). It states the uncertainty that the time will have when it is next
   * refreshed, so that the class, and with it the batch, does not change on the way there.
   */
  quality(nowMs: number): number {
    if (!this.known) return 0;
    return timeQuality(this.#source, this.uncertaintyMs(Math.max(nowMs, this.#learnedAtMs + this.#refreshMs)));
  }

  /** The time quality byte of this very moment, given in whole seconds: half a second of rounding comes on top. */
  momentQuality(nowMs: number): number {
    return this.known ? timeQuality(this.#source, this.uncertaintyMs(nowMs) + 500) : 0;
  }

  /**
   * It was `unixMs` at uptime `atMs`, within `uncertaintyMs`. Returns whether the clock now follows it: not when it is no time at all, nor
   * when what we have is better.
   */
  learn(source: TimeSource, unixMs: number, atMs: number, uncertaintyMs: number): boolean {
    if (unixMs < MIN_WALL_TIME_S * 1000 || timeQuality(source, uncertaintyMs) === 0) return false;
    if (this.known && uncertaintyMs > this.uncertaintyMs(atMs)) return false;
    this.#source = source;
    this.#offsetMs = Math.floor(unixMs - atMs + 0.5);
    this.#learnedAtMs = atMs;
    this.#uncertaintyMs = Math.ceil(uncertaintyMs);
    return true;
  }

  save(into: Uint8Array, offset: number): number {
    const writer = new StateWriter(into, offset, STATE_TAG.timeKeeper, VERSION);
    writer.u8(this.#source);
    writer.time(this.#offsetMs);
    writer.time(this.#learnedAtMs);
    writer.time(this.#uncertaintyMs);
    return writer.finish();
  }

  restore(bytes: Uint8Array, offset: number): number {
    const reader = new StateReader(bytes, offset, STATE_TAG.timeKeeper, VERSION);
    if (!reader.valid) return -1;
    this.#source = reader.u8() as TimeSource;
    this.#offsetMs = reader.time() ?? 0;
    this.#learnedAtMs = reader.time() ?? 0;
    this.#uncertaintyMs = reader.time() ?? 0;
    return reader.end;
  }
}
