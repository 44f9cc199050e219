/** ECMA-419 IO as ports/io.ts has it, over the SDK's classes where they fit and over C where they do not. */
import ModdableAnalog from "embedded:io/analog";
import ModdableSPI, { type SPIOptions } from "embedded:io/spi";
import type { Analog, Digital, PulseCounter, SPI } from "../../ports/io.ts";

/**
 * Voltage of an analogue input's highest code: the SDK calibrates each conversion and scales it so with its default attenuation of 12 dB
 * (modules/io/analog/esp32/_analog.c).
 */
export const ANALOG_FULL_SCALE_V = 2.45;

/** SPI whose chip select is active for one transfer: the SDK's stays active until it is told to let go. */
export class SelectedSpi implements SPI {
  #spi: ModdableSPI;

  constructor(options: SPIOptions) {
    this.#spi = new ModdableSPI(options);
  }

  transfer(buffer: Uint8Array): void {
    this.#spi.transfer(buffer);
    this.#spi.flush(true);
  }

  close(): void {
    this.#spi.close();
  }
}

export interface EdgeInputOptions {
  pin: number;
  /** Whether the rising edge calls back; else the falling one. */
  rises: boolean;
  onReadable: () => void;
}

/** A digital input that takes the time of an edge in its interrupt (native/gt-edge-input.c). */
export class EdgeInput extends Native("xs_gt_edge_input_destructor") implements Digital {
  constructor(options: EdgeInputOptions) {
    super();
    native("xs_gt_edge_input").call(this, options);
  }

  /** Time of the edge that `onReadable` was called for last, on the clock port's scale. */
  get edgeMs(): number {
    return native("xs_gt_edge_input_edge_ms").call(this) as number;
  }

  read(): number {
    return native("xs_gt_edge_input_read").call(this) as number;
  }

  write(): void {
    throw new Error("digital: an input");
  }

  close(): void {
    native("xs_gt_edge_input_close").call(this);
  }
}

/** An analogue input; a conversion that failed throws, as a bus error does. */
export class AnalogPin implements Analog {
  #analog: ModdableAnalog;
  readonly resolution: number;

  constructor(pin: number) {
    this.#analog = new ModdableAnalog({ pin });
    this.resolution = this.#analog.resolution;
  }

  read(): number {
    const code = this.#analog.read();
    if (code === undefined) throw new Error("analog: no conversion");
    return code;
  }

  close(): void {
    this.#analog.close();
  }
}

/** Counts a reed contact's closures while the chip is awake, with gates that an interrupt keeps exactly (native/gt-pulse-counter.c). */
export class ReedCounter extends Native("xs_gt_pulse_counter_destructor") implements PulseCounter {
  readonly gateMs: number;

  /** `quietMs`: how long a contact bounces at most. */
  constructor(pin: number, gateMs: number, quietMs: number) {
    super();
    this.gateMs = gateMs;
    native("xs_gt_pulse_counter").call(this, pin, gateMs, quietMs);
  }

  read(): number {
    return native("xs_gt_pulse_counter_read").call(this) as number;
  }

  takePeak(): number {
    return native("xs_gt_pulse_counter_take_peak").call(this) as number;
  }

  close(): void {
    native("xs_gt_pulse_counter_close").call(this);
  }
}
