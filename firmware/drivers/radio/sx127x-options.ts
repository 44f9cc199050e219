/** How the SX127x's driver is given its IO; the form is that of sx126x-options.ts. */
import type { Clock, Timer } from "../../ports/clock.ts";
import type { Digital, SPI } from "../../ports/io.ts";
import type { RadioEvents } from "../../ports/radio.ts";
import type { RfSwitchOptions } from "./rf-switch.ts";
import type { IoChoice } from "./sx126x-options.ts";
import type { Sx127xName } from "./sx127x-variants.ts";

export interface Sx127xOptions {
  /** Mode 0, most significant bit first, up to 10 MHz, chip select low for one transfer (4.3). */
  spi: IoChoice<SPI>;
  /** NRESET, an open-drain output: the chip drives it itself at power-on (7.2). */
  reset: IoChoice<Digital>;
  /** DIO0 and DIO1, inputs that call back on the rising edge. */
  dio0: IoChoice<Digital>;
  dio1: IoChoice<Digital>;
  clock: Clock;
  /** A timer of the driver's own. */
  timer: Timer;
  events: RadioEvents;
  /** Which of the family; an SX1276 where nothing is said. */
  chip?: Sx127xName;
  /** The antenna hangs on PA_BOOST (2 to 20 dBm), as on most modules; else on the RFO pins (-4 to 14 dBm). */
  paBoost?: boolean;
  /** A TCXO at XTA instead of a crystal. */
  tcxo?: boolean;
  /** Pins of the processor drive the antenna switch. */
  rfSwitch?: RfSwitchOptions;
  /** The chip was left asleep by an earlier boot and is let sleep; the first operation starts it anew. */
  isAsleep?: boolean;
  /** Any frequency of the channel plan: its band's image calibration is done at start. */
  frequencyHz: number;
}
