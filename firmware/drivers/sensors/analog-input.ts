/**
 * What the analogue sensors share: the input is read when the measurement starts, so that all quantities of one sample are of one moment, and
 * the highest code means that nothing was measured: a broken wire (the input is pulled up) or a value beyond the range.
 */
import type { Analog } from "../../ports/io.ts";

export class AnalogInput {
  /** The highest code that is a measurement. */
  readonly span: number;
  #analog: Analog;
  #code = 0;

  constructor(analog: Analog) {
    this.#analog = analog;
    this.span = (1 << analog.resolution) - 2;
  }

  /** Converts once. */
  read(): void {
    this.#code = this.#analog.read();
  }

  /** The last conversion as a fraction of the span, 0 to 1, or undefined where nothing was measured. */
  get fraction(): number | undefined {
    return this.#code > this.span ? undefined : this.#code / this.span;
  }

  close(): void {
    this.#analog.close();
  }
}
