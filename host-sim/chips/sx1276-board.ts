/** The board around an SX1276 (or another of its family), as its model has to know it; and the chip's wires. */
import type { RadioChannel } from "../radio/channel.ts";
import type { Position } from "../radio/propagation.ts";
import type { World } from "../world.ts";
import type { AntennaSwitch } from "./antenna-switch.ts";
import type { Sx127xChip } from "./sx1276-settings.ts";
import { RISING, type SpiChip, VirtualDigital, VirtualPin, VirtualSpi } from "./virtual-io.ts";

export interface Sx1276Board {
  world: World;
  channel: RadioChannel;
  position: Position;
  /** Which of the family; an SX1276 where nothing is said. */
  chip?: Sx127xChip;
  /** By how much its crystal is fast, in parts per million. */
  crystalPpm?: number;
  /** A TCXO at XTA instead of a crystal. */
  tcxo?: boolean;
  /** The antenna hangs on PA_BOOST, unless this is false. */
  paBoost?: boolean;
  /** The antenna switch hangs on pins of the processor. */
  antennaSwitch?: AntennaSwitch;
}

export class Sx1276Pins {
  readonly reset = new VirtualPin(1);
  readonly dio0 = new VirtualPin(0);
  readonly dio1 = new VirtualPin(0);
  /** Fault: no chip answers on the bus. */
  spiBroken = false;

  /** Options for a driver's IO constructors. */
  io(chip: SpiChip) {
    return {
      spi: { io: VirtualSpi, chip },
      reset: { io: VirtualDigital, pin: this.reset },
      dio0: { io: VirtualDigital, pin: this.dio0, edge: RISING },
      dio1: { io: VirtualDigital, pin: this.dio1, edge: RISING },
    };
  }
}
