/**
 * Battery voltage by a resistor divider on an analogue input (ESP32-S3 data sheet, clause 4.9.2, for the converter: 0 to 3.1 V with 12 bits).
 * Resolution: reference times divider over the converter's steps, 4.5 mV for 3.1 V and a divider of 6.
 */
import type { Analog } from "../../ports/io.ts";
import type { Sensor, SensorSample } from "../../ports/sensor.ts";
import { AnalogInput } from "./analog-input.ts";

/** Voltage of the converter's highest code. */
export const DEFAULT_REFERENCE_V = 3.1;
/** Battery voltage over input voltage: 18.6 V at the highest code, enough for a 12 V lead battery while it charges. */
export const DEFAULT_DIVIDER = 6;

export interface BatteryGaugeOptions {
  analog: Analog;
  referenceV?: number;
  divider?: number;
}

export class BatteryGauge implements Sensor {
  /** One step of the voltage, in volts. */
  readonly resolution: number;
  #input: AnalogInput;
  #fullScaleV: number;
  #battery = { voltage: 0 };
  #sample: SensorSample = {};

  constructor(options: BatteryGaugeOptions) {
    this.#input = new AnalogInput(options.analog);
    this.#fullScaleV = (options.referenceV ?? DEFAULT_REFERENCE_V) * (options.divider ?? DEFAULT_DIVIDER);
    this.resolution = this.#fullScaleV / this.#input.span;
  }

  start(): number {
    this.#input.read();
    return 0;
  }

  sample(): SensorSample {
    const fraction = this.#input.fraction;
    this.#sample.battery = fraction === undefined ? undefined : this.#battery;
    if (fraction !== undefined) this.#battery.voltage = fraction * this.#fullScaleV;
    return this.#sample;
  }

  close(): void {
    this.#input.close();
  }
}
