/**
 * Cup anemometer on a pulse counter (Davis 6410, specifications: one closure a revolution, 1 Hz is 2.25 mph = 1.00584 m/s).
 * The speed is the mean since the last sample, as WMO-No. 8 (5.1) asks of a recorded wind: revolutions over time. The gust is the fastest gate
 * window (3 s) in that time; without a gate in the counter there is none.
 * Resolution: one revolution, so 1.00584 m/s divided by the seconds between samples (0.017 m/s at a minute), and 0.34 m/s for a 3 s gust.
 */
import type { Clock } from "../../ports/clock.ts";
import type { PulseCounter } from "../../ports/io.ts";
import type { Sensor, SensorSample } from "../../ports/sensor.ts";

/** Run of the wind that turns the cups once, in metres. */
export const METRES_PER_REVOLUTION = 1.00584;

export interface AnemometerOptions {
  counter: PulseCounter;
  /** Counts from power-on, as the counter does. */
  clock: Clock;
  /** Run of the wind a pulse, in metres; 1.00584 unless told otherwise. */
  metresPerPulse?: number;
}

/** One step of the mean speed, in m/s, for samples `intervalMs` apart. */
export function windSpeedResolution(intervalMs: number, metresPerPulse = METRES_PER_REVOLUTION): number {
  return (metresPerPulse * 1000) / intervalMs;
}

export class Anemometer implements Sensor {
  #counter: PulseCounter;
  #clock: Clock;
  #metresPerPulse: number;
  #lastCount = 0;
  #lastMs = 0;
  #anemometer: { speed: number; gust?: number } = { speed: 0 };
  #sample: SensorSample = {};

  constructor(options: AnemometerOptions) {
    this.#counter = options.counter;
    this.#clock = options.clock;
    this.#metresPerPulse = options.metresPerPulse ?? METRES_PER_REVOLUTION;
  }

  /** One step of the gust, in m/s, or undefined where the counter has no gate. */
  get gustResolution(): number | undefined {
    const gateMs = this.#counter.gateMs;
    return gateMs === undefined ? undefined : windSpeedResolution(gateMs, this.#metresPerPulse);
  }

  start(): number {
    this.#sample.anemometer = undefined;
    const count = this.#counter.read();
    const nowMs = this.#clock.nowMs();
    const pulses = (count - this.#lastCount) >>> 0;
    const elapsedMs = nowMs - this.#lastMs;
    this.#lastCount = count;
    this.#lastMs = nowMs;
    const peak = this.#takePeak();
    // Two samples in one millisecond have no mean.
    if (elapsedMs <= 0) return 0;
    const wind = this.#anemometer;
    wind.speed = (pulses * this.#metresPerPulse * 1000) / elapsedMs;
    wind.gust = peak === undefined ? undefined : (peak * this.#metresPerPulse * 1000) / this.#counter.gateMs!;
    this.#sample.anemometer = wind;
    return 0;
  }

  sample(): SensorSample {
    return this.#sample;
  }

  close(): void {
    this.#counter.close();
  }

  /** The peak register may fail by itself: then there is a speed without a gust. */
  #takePeak(): number | undefined {
    if (this.#counter.takePeak === undefined || this.#counter.gateMs === undefined) return undefined;
    try {
      return this.#counter.takePeak();
    } catch {
      return undefined;
    }
  }
}
