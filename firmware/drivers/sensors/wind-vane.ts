/**
 * Wind vane with a potentiometer on an analogue input (Davis 6410, specifications: 20 kOhm, one turn is the full scale, north at both ends).
 * Resolution: one step of the converter, 0.088 degrees with 12 bits.
 */
import type { Analog } from "../../ports/io.ts";
import type { Sensor, SensorSample } from "../../ports/sensor.ts";
import { AnalogInput } from "./analog-input.ts";

export interface WindVaneOptions {
  /** The wiper, against the potentiometer's own supply. */
  analog: Analog;
  /** What the vane shows when the wind comes from true north, in degrees; 0 unless told otherwise. */
  northOffsetDeg?: number;
}

export class WindVane implements Sensor {
  /** One step of the direction, in degrees. */
  readonly resolution: number;
  #input: AnalogInput;
  #northOffsetDeg: number;
  #vane = { direction: 0 };
  #sample: SensorSample = {};

  constructor(options: WindVaneOptions) {
    this.#input = new AnalogInput(options.analog);
    this.#northOffsetDeg = options.northOffsetDeg ?? 0;
    this.resolution = 360 / this.#input.span;
  }

  start(): number {
    this.#input.read();
    return 0;
  }

  sample(): SensorSample {
    const fraction = this.#input.fraction;
    this.#sample.vane = fraction === undefined ? undefined : this.#vane;
    if (fraction !== undefined) this.#vane.direction = (fraction * 360 - this.#northOffsetDeg + 720) % 360;
    return this.#sample;
  }

  close(): void {
    this.#input.close();
  }
}
