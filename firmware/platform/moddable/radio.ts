/** Wires the driver of the board's radio, of either family, to its pins. */
import Digital from "embedded:io/digital";
import { Sx126x } from "../../drivers/radio/sx126x.ts";
import type { IoChoice } from "../../drivers/radio/sx126x-options.ts";
import { Sx127x } from "../../drivers/radio/sx127x.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Digital as DigitalPort, SPI } from "../../ports/io.ts";
import type { Radio, RadioEvents } from "../../ports/radio.ts";
import type { BoardRadio } from "./board.ts";
import { EdgeInput, SelectedSpi } from "./io.ts";
import { LoopTimer } from "./timer.ts";

/** Half of what an SX126x takes (8.2), and less than the 10 MHz of an SX127x (4.3): a transfer of 20 bytes is 20 us. */
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

/** `frequencyHz`: any channel of the plan; `isAsleep`: the node wakes from deep sleep, through which the chip slept on. */
export function openRadio(
  pins: BoardRadio,
  frequencyHz: number,
  clock: Clock,
  events: RadioEvents,
  isAsleep: boolean,
): Radio {
  const { port, clock: clockPin, in: inPin, out: outPin } = pins.SPI;
  const wires = { port, clock: clockPin, in: inPin, out: outPin, select: pins.select, active: 0 };
  const { transmit, receive } = pins.rfSwitch ?? {};
  const common = {
    spi: { io: constructorOf<SPI>(SelectedSpi), ...wires, mode: 0, hz: SPI_HZ },
    dio1: edgeInput(pins.dio1, true),
    rfSwitch: {
      transmit: transmit === undefined ? undefined : output(transmit, 0),
      receive: receive === undefined ? undefined : output(receive, 0),
    },
    clock,
    timer: new LoopTimer(clock),
    events,
    isAsleep,
    frequencyHz,
  };
  if ("dio0" in pins) {
    const { chip, paBoost, tcxo } = pins;
    const reset = { ...output(pins.reset, 1), mode: Digital.OutputOpenDrain };
    return new Sx127x({ ...common, reset, dio0: edgeInput(pins.dio0, true), chip, paBoost, tcxo });
  }
  const { chip, tcxoVoltage, dio2AsRfSwitch } = pins;
  const reset = output(pins.reset, 1);
  return new Sx126x({ ...common, reset, busy: edgeInput(pins.busy, false), chip, tcxoVoltage, dio2AsRfSwitch });
}

function output(pin: number, initialValue: number) {
  return { io: constructorOf<DigitalPort>(Digital), pin, mode: Digital.Output, initialValue };
}

function edgeInput(pin: number, rises: boolean) {
  return { io: constructorOf<DigitalPort>(EdgeInput), pin, rises };
}

/** The driver calls a constructor with the very options that stand beside it, which its type cannot say. */
function constructorOf<T>(io: unknown): IoChoice<T>["io"] {
  return io as IoChoice<T>["io"];
}
