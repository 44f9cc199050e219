/**
 * Tipping-bucket rain gauge on a pulse counter (Davis 6464 and 6466 with the metric adapter, specifications: 0.2 mm a tip; WMO-No. 8, 6.5).
 * Resolution: one tip. The counter runs from power-on and through deep sleep, so a driver made anew after a sleep goes on where the last one
 * was; a power cut starts both at zero.
 */
import type { PulseCounter } from "../../ports/io.ts";
import type { Sensor, SensorSample } from "../../ports/sensor.ts";

export const DEFAULT_MM_PER_TIP = 0.2;

export interface RainGaugeOptions {
  counter: PulseCounter;
  /** Rain that tips the bucket once, in millimetres; 0.2 unless told otherwise. */
  mmPerTip?: number;
}

export class RainGauge implements Sensor {
  /** One tip, in millimetres. */
  readonly resolution: number;
  #counter: PulseCounter;
  #lastCount = 0;
  #tips = 0;
  #rainGauge = { rain: 0 };
  #sample: SensorSample = { rainGauge: this.#rainGauge };

  constructor(options: RainGaugeOptions) {
    this.#counter = options.counter;
    this.resolution = options.mmPerTip ?? DEFAULT_MM_PER_TIP;
  }

  start(): number {
    const count = this.#counter.read();
    // The counter has 32 bits and wraps; the difference is right as long as it is read once in 4,294,967,295 tips.
    this.#tips += (count - this.#lastCount) >>> 0;
    this.#lastCount = count;
    return 0;
  }

  sample(): SensorSample {
    this.#rainGauge.rain = this.#tips * this.resolution;
    return this.#sample;
  }

  close(): void {
    this.#counter.close();
  }
}
