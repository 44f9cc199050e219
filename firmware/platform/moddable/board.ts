/** What a board's host/provider.ts tells of the board (ECMA-419 clause 15, with what it has no words for). */
import type Analog from "embedded:io/analog";
import type I2C from "embedded:io/i2c";
import type Serial from "embedded:io/serial";
import type SPI from "embedded:io/spi";
import type { Sx126xName } from "../../drivers/radio/sx126x-variants.ts";
import type { Sx127xName } from "../../drivers/radio/sx127x-variants.ts";

export interface Board {
  /** Claim hwmodel of the node's tokens (RFC 9711 4.2.4): 1 to 32 ASCII characters. */
  readonly model: string;
  /** The bus for sensors. */
  readonly I2C: { readonly default: { readonly io: typeof I2C; readonly data: number; readonly clock: number } };
  /** The console. */
  readonly Serial: {
    readonly default: {
      readonly io: typeof Serial;
      readonly port: number;
      readonly receive: number;
      readonly transmit: number;
    };
  };
  readonly Analog: { readonly io: typeof Analog };
  /** The LoRa transceiver and the bus it is on. */
  readonly radio?: BoardRadio;
  /** The battery's divider. */
  readonly battery?: BoardBattery;
  /** Switches the supply of the sensors on. */
  readonly sensorSupply?: { readonly pin: number; readonly on: 0 | 1 };
}

export type BoardRadio = BoardSx126x | BoardSx127x;

interface RadioWires {
  readonly SPI: {
    readonly io: typeof SPI;
    readonly port: number;
    readonly clock: number;
    readonly in: number;
    readonly out: number;
  };
  readonly select: number;
  readonly reset: number;
  readonly dio1: number;
  /** Pins that drive the antenna switch, each high for its direction. */
  readonly rfSwitch?: { readonly transmit?: number; readonly receive?: number };
}

export interface BoardSx126x extends RadioWires {
  /** An SX1262 where nothing is said. */
  readonly chip?: Sx126xName;
  readonly busy: number;
  /** Supply of a TCXO on DIO3; absent: a crystal. */
  readonly tcxoVoltage?: number;
  /** DIO2 drives the antenna switch. */
  readonly dio2AsRfSwitch: boolean;
}

export interface BoardSx127x extends RadioWires {
  readonly chip: Sx127xName;
  readonly dio0: number;
  /** The antenna hangs on PA_BOOST, unless this is false. */
  readonly paBoost?: boolean;
  /** A TCXO instead of a crystal. */
  readonly tcxo?: boolean;
}

export interface BoardBattery {
  readonly pin: number;
  /** Battery voltage over input voltage. */
  readonly divider: number;
  /** The output that connects the divider. */
  readonly enable?: { readonly pin: number; readonly on: 0 | 1 };
}
