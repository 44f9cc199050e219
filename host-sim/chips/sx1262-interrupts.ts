/** Interrupts of an SX126x (data sheet DS.SX1261-2.W.APP revision 2.1, 13.3): status, mask, and the line DIO1. */
import type { VirtualPin } from "./virtual-io.ts";

export class Sx1262Interrupts {
  status = 0;
  #mask = 0;
  #dio1Mask = 0;
  #dio1: VirtualPin;

  constructor(dio1: VirtualPin) {
    this.#dio1 = dio1;
  }

  reset(): void {
    this.status = 0;
    this.#mask = 0;
    this.#dio1Mask = 0;
    this.#drive();
  }

  /** SetDioIrqParams (13.3.1). */
  configure(bytes: Uint8Array): void {
    this.#mask = (bytes[1] << 8) | bytes[2];
    this.#dio1Mask = (bytes[3] << 8) | bytes[4];
    this.#drive();
  }

  raise(irq: number): void {
    this.status |= irq & this.#mask;
    this.#drive();
  }

  /** ClearIrqStatus (13.3.4). */
  clear(irq: number): void {
    this.status &= ~irq;
    this.#drive();
  }

  #drive(): void {
    this.#dio1.set((this.status & this.#dio1Mask) === 0 ? 0 : 1);
  }
}
