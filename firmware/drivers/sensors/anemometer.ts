/**
 * Cup anemometer on a pulse counter (Davis 6410, specifications: one closure a revolution, 1 Hz is 2.25 mph = 1.00584 m/s).
 * The speed is the mean since the last sample, as WMO-No. 8 (5.1) asks of a recorded wind: revolutions over time. The gust is the fastest gate
 * window (3 s) in that time; without a gate in the counter there is none.
 * Where the last sample ended is kept in memory that deep sleep keeps, for waking is a reboot and the driver is made anew. Without such memory
 * the first sample is the mean since power-on, when counter and clock began together.
 * Resolution: one revolution, so 1.00584 m/s divided by the seconds between samples (0.017 m/s at a minute), and 0.34 m/s for a 3 s gust.
 */
import type { Clock } from "../../ports/clock.ts";
import type { PulseCounter } from "../../ports/io.ts";
import type { Sensor, SensorSample } from "../../ports/sensor.ts";

/** Run of the wind that turns the cups once, in metres. */
export const METRES_PER_REVOLUTION = 1.00584;

/** Memory that the driver needs kept through deep sleep. */
export const ANEMOMETER_RETAINED_BYTES = 16;
/** "WIND": with it the check tells what was written from what the memory held at power-on. */
const CHECK_SEED = 0x57494e44;

export interface AnemometerOptions {
  counter: PulseCounter;
  /** Counts from power-on, as the counter does. */
  clock: Clock;
  /** Run of the wind a pulse, in metres; 1.00584 unless told otherwise. */
  metresPerPulse?: number;
  /** ANEMOMETER_RETAINED_BYTES of memory that deep sleep keeps and a power cut does not. */
  retained?: Uint8Array;
}

/** One step of the mean speed, in m/s, for samples `intervalMs` apart. */
export function windSpeedResolution(intervalMs: number, metresPerPulse = METRES_PER_REVOLUTION): number {
  return (metresPerPulse * 1000) / intervalMs;
}

export class Anemometer implements Sensor {
  #counter: PulseCounter;
  #clock: Clock;
  #metresPerPulse: number;
  #retained: Uint8Array | undefined;
  #lastCount = 0;
  #lastMs = 0;
  #anemometer: { speed: number; gust?: number } = { speed: 0 };
  #sample: SensorSample = {};

  constructor(options: AnemometerOptions) {
    this.#counter = options.counter;
    this.#clock = options.clock;
    this.#metresPerPulse = options.metresPerPulse ?? METRES_PER_REVOLUTION;
    this.#retained = options.retained;
    this.recall();
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
    this.keep();
    const peak = this.takePeak();
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

  /** Count, high and low half of the time, check. */
  private keep(): void {
    const retained = this.#retained;
    if (retained === undefined) return;
    const high = Math.floor(this.#lastMs / 0x100000000);
    putU32(retained, 0, this.#lastCount);
    putU32(retained, 4, high);
    putU32(retained, 8, this.#lastMs);
    putU32(retained, 12, this.#lastCount ^ high ^ this.#lastMs ^ CHECK_SEED);
  }

  private recall(): void {
    const retained = this.#retained;
    if (retained === undefined) return;
    const count = u32(retained, 0);
    const high = u32(retained, 4);
    const low = u32(retained, 8);
    const lastMs = high * 0x100000000 + low;
    if (u32(retained, 12) !== (count ^ high ^ low ^ CHECK_SEED) >>> 0 || lastMs > this.#clock.nowMs()) return;
    this.#lastCount = count;
    this.#lastMs = lastMs;
  }

  /** The peak register may fail by itself: then there is a speed without a gust. */
  private takePeak(): number | undefined {
    if (this.#counter.takePeak === undefined || this.#counter.gateMs === undefined) return undefined;
    try {
      return this.#counter.takePeak();
    } catch {
      return undefined;
    }
  }
}

function u32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
