/** An antenna switch on one or two pins of the processor (TXEN, RXEN), where the radio's own pin does not drive it. Both low: off. */
import type { Digital } from "../../ports/io.ts";
import type { IoChoice } from "./sx126x-options.ts";

export interface RfSwitchOptions {
  /** High while sending. */
  transmit?: IoChoice<Digital>;
  /** High while listening. */
  receive?: IoChoice<Digital>;
}

export class RfSwitch {
  #transmit: Digital | undefined;
  #receive: Digital | undefined;

  constructor(options: RfSwitchOptions | undefined) {
    const { transmit, receive } = options ?? {};
    this.#transmit = transmit && new transmit.io({ ...transmit });
    this.#receive = receive && new receive.io({ ...receive });
    this.off();
  }

  transmit(): void {
    this.#receive?.write(0);
    this.#transmit?.write(1);
  }

  receive(): void {
    this.#transmit?.write(0);
    this.#receive?.write(1);
  }

  off(): void {
    this.#transmit?.write(0);
    this.#receive?.write(0);
  }

  close(): void {
    this.off();
    this.#transmit?.close();
    this.#receive?.close();
  }
}
