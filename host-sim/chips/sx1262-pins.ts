/** The wires of an SX1262 to its host: NRESET, BUSY, DIO1 and SPI, as a driver takes them, and how they break. */
import { FALLING, RISING, type SpiChip, VirtualDigital, VirtualPin, VirtualSpi } from "./virtual-io.ts";

export class Sx1262Pins {
  readonly reset = new VirtualPin(1);
  readonly busy = new VirtualPin(1);
  readonly dio1 = new VirtualPin(0);
  /** Fault: no chip answers on the bus. */
  spiBroken = false;

  /** Options for a driver's IO constructors. */
  io(chip: SpiChip) {
    return {
      spi: { io: VirtualSpi, chip },
      reset: { io: VirtualDigital, pin: this.reset },
      busy: { io: VirtualDigital, pin: this.busy, edge: FALLING },
      dio1: { io: VirtualDigital, pin: this.dio1, edge: RISING },
    };
  }
}
