/**
 * How a driver is given its IO, ECMA-419 clause 12's way: not an IO object but `io`, its constructor, with whatever that constructor wants
 * (pin numbers, bus, mode, edge). The driver adds the callback and makes the object: `new busy.io({...busy, onReadable})`. That form
 * takes Moddable's classes as they are (`{io: device.io.Digital, pin: 13, mode: Digital.Input, edge: Digital.Falling}`), and the virtual ones.
 */
import type { Clock, Timer } from "../../ports/clock.ts";
import type { Digital, SPI } from "../../ports/io.ts";
import type { RadioEvents } from "../../ports/radio.ts";
import type { RfSwitchOptions } from "./rf-switch.ts";
import type { Sx126xName } from "./sx126x-variants.ts";

/** What an IO constructor is called with. */
export interface IoOptions {
  onReadable?: () => void;
  [option: string]: unknown;
}

export interface IoChoice<T> {
  io: new (options: IoOptions) => T;
  [option: string]: unknown;
}

export interface Sx126xOptions {
  /** Mode 0, most significant bit first, up to 16 MHz, chip select low for one transfer (8.2). */
  spi: IoChoice<SPI>;
  /** NRESET, an output. */
  reset: IoChoice<Digital>;
  /** BUSY, an input that calls back on the falling edge. */
  busy: IoChoice<Digital>;
  /** DIO1, an input that calls back on the rising edge. */
  dio1: IoChoice<Digital>;
  clock: Clock;
  /** A timer of the driver's own: for the reset pulse and for the operation that never ends. */
  timer: Timer;
  events: RadioEvents;
  /** Which of the family; an SX1262 where nothing is said. */
  chip?: Sx126xName;
  /** Supply of a TCXO on DIO3 in volts, one of TCXO_VOLTS; absent: a crystal. */
  tcxoVoltage?: number;
  /** How long the TCXO takes to start, in microseconds (default 5,000). Every transmission and reception begins that much later. */
  tcxoStartUs?: number;
  /** DIO2 drives the board's antenna switch. */
  dio2AsRfSwitch?: boolean;
  /** Pins of the processor drive it. */
  rfSwitch?: RfSwitchOptions;
  /** The node wakes from deep sleep, through which the chip slept on: it is left alone until the first operation, which starts it anew. */
  isAsleep?: boolean;
  /** Any frequency of the channel plan: its band's image calibration is done at start. */
  frequencyHz: number;
}
