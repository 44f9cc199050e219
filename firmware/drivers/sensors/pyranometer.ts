/**
 * Pyranometer with a voltage output on an analogue input (Apogee SP-110 and SP-214 with an amplifier, Davis 6450 at 1.67 mV per W/m2).
 * Resolution: full scale divided by the converter's steps, 0.39 W/m2 for 1600 W/m2 and 12 bits. An input has no negative codes: the few
 * W/m2 below zero that a clear night gives read as zero.
 */
import type { Analog } from "../../ports/io.ts";
import type { Sensor, SensorSample } from "../../ports/sensor.ts";
import { AnalogInput } from "./analog-input.ts";

/** Above the highest irradiance at the edge of a cloud that stations near sea level record. */
export const DEFAULT_FULL_SCALE_WPM2 = 1600;

export interface PyranometerOptions {
  analog: Analog;
  /** Irradiance at the highest code, in W/m2; 1600 unless told otherwise. */
  fullScaleWpm2?: number;
}

export class Pyranometer implements Sensor {
  /** One step of the irradiance, in W/m2. */
  readonly resolution: number;
  #input: AnalogInput;
  #fullScale: number;
  #pyranometer = { irradiance: 0 };
  #sample: SensorSample = {};

  constructor(options: PyranometerOptions) {
    this.#input = new AnalogInput(options.analog);
    this.#fullScale = options.fullScaleWpm2 ?? DEFAULT_FULL_SCALE_WPM2;
    this.resolution = this.#fullScale / this.#input.span;
  }

  start(): number {
    this.#input.read();
    return 0;
  }

  sample(): SensorSample {
    const fraction = this.#input.fraction;
    this.#sample.pyranometer = fraction === undefined ? undefined : this.#pyranometer;
    if (fraction !== undefined) this.#pyranometer.irradiance = fraction * this.#fullScale;
    return this.#sample;
  }

  close(): void {
    this.#input.close();
  }
}
