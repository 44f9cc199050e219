/**
 * Model of an analogue input (ECMA-419 Analog). The input is pulled up behind the sensor: a broken wire, and a voltage beyond the range, show
 * the highest code. A voltage below zero shows as zero.
 */
import type { Analog } from "../../firmware/ports/io.ts";
import type { RandomStream } from "../random-stream.ts";

export interface AdcOptions {
  /** The input now, as a fraction of the range that can be measured; NaN: the wire is broken. */
  source: () => number;
  /** Bits; 12 unless told otherwise. */
  resolution?: number;
  /** Deviation of the converter's noise, in steps; needs `random`. */
  noiseSteps?: number;
  random?: RandomStream;
}

export class Adc implements Analog {
  readonly resolution: number;
  #options: AdcOptions;

  constructor(options: AdcOptions) {
    this.resolution = options.resolution ?? 12;
    this.#options = options;
  }

  read(): number {
    const open = (1 << this.resolution) - 1;
    const fraction = this.#options.source();
    if (Number.isNaN(fraction)) return open;
    const noise =
      this.#options.random === undefined ? 0 : this.#options.random.normal() * (this.#options.noiseSteps ?? 0);
    const code = Math.floor(fraction * (open - 1) + noise + 0.5);
    return Math.min(Math.max(code, 0), open);
  }

  close(): void {}
}
