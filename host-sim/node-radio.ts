/** A node's radio: either family's chip model on its board, with the firmware's driver for it. */
import { Sx126x } from "../firmware/drivers/radio/sx126x.ts";
import { Sx127x } from "../firmware/drivers/radio/sx127x.ts";
import type { Clock, Timer } from "../firmware/ports/clock.ts";
import type { Radio, RadioEvents } from "../firmware/ports/radio.ts";
import { Sx1262 } from "./chips/sx1262.ts";
import { Sx1276 } from "./chips/sx1276.ts";
import { slowRadioIo } from "./node-timing.ts";
import type { RadioChannel } from "./radio/channel.ts";
import type { Position } from "./radio/propagation.ts";
import type { VirtualCpu } from "./virtual-cpu.ts";
import type { World } from "./world.ts";

/** Boards: Heltec WiFi LoRa 32 V3 (SX1262, TCXO of 1.8 V on DIO3, antenna switch on DIO2); TTGO LoRa32 (SX1276, crystal, PA_BOOST). */
export type RadioKind = "sx1262" | "sx1276";
export type RadioChip = Sx1262 | Sx1276;

const TCXO_VOLTS = 1.8;

export interface RadioPlace {
  world: World;
  channel: RadioChannel;
  position: Position;
}

export interface DriverOptions {
  clock: Clock;
  timer: Timer;
  events: RadioEvents;
  isAsleep: boolean;
  frequencyHz: number;
}

export function newRadioChip(kind: RadioKind, place: RadioPlace): RadioChip {
  return kind === "sx1262" ? new Sx1262({ ...place, tcxo: true, dio2RfSwitch: true }) : new Sx1276(place);
}

/** With `cpu` its interrupts and transfers are as late as that is. */
export function newRadioDriver(chip: RadioChip, options: DriverOptions, cpu: VirtualCpu | undefined): Radio {
  const { clock } = options;
  if (chip instanceof Sx1276) {
    const io = cpu === undefined ? chip.io : slowRadioIo(chip.io, cpu, clock);
    return new Sx127x({ ...io, ...options });
  }
  const io = cpu === undefined ? chip.io : slowRadioIo(chip.io, cpu, clock);
  return new Sx126x({ ...io, ...options, tcxoVoltage: TCXO_VOLTS, dio2AsRfSwitch: true });
}
