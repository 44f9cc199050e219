/**
 * Model of a free-running pulse counter (PCNT or ULP of an ESP32) with a sensor at its input. Nothing happens a pulse: the count is computed
 * when it is read, from what ran past the sensor since the read before. 32 bits, wraps.
 */
import type { PulseCounter } from "../../firmware/ports/io.ts";

/** Takes up what the rounding of sums costs, far below one pulse. */
const ROUNDING = 1e-9;

export interface PulseCounterOptions {
  /** True time now, in Unix milliseconds. */
  unixMs: () => number;
  /** What ran past the sensor in (from, to]: metres of wind, millimetres of rain. */
  amount: (fromUnixMs: number, toUnixMs: number) => number;
  /** How much of it makes one pulse. */
  amountPerPulse: number;
  /** Whether the sensor answers now. */
  isKnown: () => boolean;
  /** The fastest rate in (from, to], as an amount a second; NaN: not known. Without it the counter has no gate. */
  peakPerSecond?: (fromUnixMs: number, toUnixMs: number) => number;
  gateMs?: number;
  /** The count to begin at; a test lets it wrap early. */
  firstCount?: number;
}

export class PulseCounterChip implements PulseCounter {
  readonly gateMs: number | undefined;
  readonly takePeak: (() => number) | undefined;
  /** Time of the last read and of the one before, in Unix milliseconds; the last two are equal before the first read. */
  lastReadMs: number;
  previousReadMs: number;
  /** The same of the peaks. */
  lastPeakMs: number;
  previousPeakMs: number;
  /** What ran past the sensor up to the last read, since the counter started. */
  total = 0;
  #options: PulseCounterOptions;
  #firstCount: number;

  constructor(options: PulseCounterOptions) {
    this.#options = options;
    this.#firstCount = options.firstCount ?? 0;
    const now = options.unixMs();
    this.lastReadMs = now;
    this.previousReadMs = now;
    this.lastPeakMs = now;
    this.previousPeakMs = now;
    if (options.peakPerSecond === undefined) return;
    this.gateMs = options.gateMs ?? 3000;
    this.takePeak = () => this.#takePeak();
  }

  read(): number {
    const options = this.#options;
    if (!options.isKnown()) throw new Error("pulse counter: the sensor does not answer");
    const now = options.unixMs();
    if (now > this.lastReadMs) {
      this.total += options.amount(this.lastReadMs, now);
      this.previousReadMs = this.lastReadMs;
      this.lastReadMs = now;
    }
    return (this.#firstCount + Math.floor(this.total / options.amountPerPulse + ROUNDING)) >>> 0;
  }

  /** A power cut: counts from zero again. */
  restart(): void {
    const now = this.#options.unixMs();
    this.#firstCount = 0;
    this.total = 0;
    this.lastReadMs = now;
    this.previousReadMs = now;
    this.lastPeakMs = now;
    this.previousPeakMs = now;
  }

  close(): void {}

  #takePeak(): number {
    const options = this.#options;
    const now = options.unixMs();
    const rate = options.peakPerSecond?.(this.lastPeakMs, now) ?? Number.NaN;
    if (Number.isNaN(rate)) throw new Error("pulse counter: the sensor does not answer");
    this.previousPeakMs = this.lastPeakMs;
    this.lastPeakMs = now;
    // Of the many gates that a gust meets, the best one catches the started pulse too.
    return Math.ceil((rate * this.gateMs!) / 1000 / options.amountPerPulse - ROUNDING);
  }
}
