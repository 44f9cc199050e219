/**
 * An I2C bus with addressed chips (NXP UM10204: a transfer that nobody acknowledges fails). What `open` returns has the shape of ECMA-419's
 * I2C class, so a driver does not see the difference.
 */
import type { I2C } from "../../firmware/ports/io.ts";

/** One chip on the bus. Each call is a whole transfer; false means: not acknowledged. */
export interface I2cChip {
  write(bytes: Uint8Array): boolean;
  read(into: Uint8Array): boolean;
}

export class I2cBus {
  #chips = new Map<number, I2cChip>();

  attach(address: number, chip: I2cChip): void {
    if (this.#chips.has(address)) throw new Error(`two chips at I2C address ${address}`);
    this.#chips.set(address, chip);
  }

  /** Takes a chip off the bus, as a broken wire does. */
  detach(address: number): void {
    this.#chips.delete(address);
  }

  /** The IO object for the device at `address`; whether a chip is there shows in its transfers. */
  open(address: number): I2C {
    let isOpen = true;
    const transfer = (run: (chip: I2cChip) => boolean): void => {
      if (!isOpen) throw new Error("I2C: closed");
      const chip = this.#chips.get(address);
      if (chip === undefined || !run(chip)) throw new Error(`I2C: no acknowledgement from address ${address}`);
    };
    return {
      read: (into) => transfer((chip) => chip.read(into)),
      write: (bytes) => transfer((chip) => chip.write(bytes)),
      close: () => {
        isOpen = false;
      },
    };
  }
}
