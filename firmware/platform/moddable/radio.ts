/** Wires the SX126x driver to a board's pins. */
import Digital from "embedded:io/digital";
import { Sx126x } from "../../drivers/radio/sx126x.ts";
import type { IoChoice } from "../../drivers/radio/sx126x-options.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Digital as DigitalPort, SPI } from "../../ports/io.ts";
import type { Radio, RadioEvents } from "../../ports/radio.ts";
import type { BoardRadio } from "./board.ts";
import { EdgeInput, SelectedSpi } from "./io.ts";
import { LoopTimer } from "./timer.ts";

/** Half of what the chip takes (8.2): a transfer of 20 bytes is 20 us. */
const SPI_HZ = 8_000_000;

/** Hands the driver's events to the application, which is made after the driver. */
export class RadioEventRelay implements RadioEvents {
  target: RadioEvents | undefined;

  onTransmitted(atMs: number): void {
    this.target?.onTransmitted(atMs);
  }

  onReceived(frame: Uint8Array, length: number, rssiDbm: number, snrDb: number, atMs: number): void {
    this.target?.onReceived(frame, length, rssiDbm, snrDb, atMs);
  }

  onReceiveTimeout(atMs: number): void {
    this.target?.onReceiveTimeout(atMs);
  }

  onError(reason: string): void {
    this.target?.onError(reason);
  }
}

/** `frequencyHz`: any channel of the plan. */
export function openRadio(pins: BoardRadio, frequencyHz: number, clock: Clock, events: RadioEvents): Radio {
  const { port, clock: clockPin, in: inPin, out: outPin } = pins.SPI;
  const wires = { port, clock: clockPin, in: inPin, out: outPin, select: pins.select, active: 0 };
  return new Sx126x({
    spi: { io: constructorOf<SPI>(SelectedSpi), ...wires, mode: 0, hz: SPI_HZ },
    reset: { io: constructorOf<DigitalPort>(Digital), pin: pins.reset, mode: Digital.Output, initialValue: 1 },
    busy: { io: constructorOf<DigitalPort>(EdgeInput), pin: pins.busy, rises: false },
    dio1: { io: constructorOf<DigitalPort>(EdgeInput), pin: pins.dio1, rises: true },
    clock,
    timer: new LoopTimer(clock),
    events,
    tcxoVoltage: pins.tcxoVoltage,
    dio2AsRfSwitch: pins.dio2AsRfSwitch,
    frequencyHz,
  });
}

/** The driver calls a constructor with the very options that stand beside it, which its type cannot say. */
function constructorOf<T>(io: unknown): IoChoice<T>["io"] {
  return io as IoChoice<T>["io"];
}
