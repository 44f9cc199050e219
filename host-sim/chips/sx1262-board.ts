/** The board around an SX1262 (or another of its family), as its model has to know it. */
import type { RadioChannel } from "../radio/channel.ts";
import type { Position } from "../radio/propagation.ts";
import type { World } from "../world.ts";
import type { AntennaSwitch } from "./antenna-switch.ts";
import type { Sx126xName } from "./sx1262-variants.ts";

export interface Sx1262Board {
  world: World;
  channel: RadioChannel;
  position: Position;
  /** Which of the family; an SX1262 where nothing is said. */
  chip?: Sx126xName;
  /** By how much its crystal is fast, in parts per million. */
  crystalPpm?: number;
  /** A TCXO supplied by DIO3 instead of a crystal. */
  tcxo?: boolean;
  /** The antenna switch hangs on DIO2. */
  dio2RfSwitch?: boolean;
  /** The antenna switch hangs on pins of the processor. */
  antennaSwitch?: AntennaSwitch;
  /** How long BUSY stays high for a command that switches nothing, in microseconds; the data sheet does not say. */
  commandUs?: number;
}
