/** An antenna switch on two pins of the processor (TXEN and RXEN): each is high for its direction only. */
import { VirtualDigital, VirtualPin } from "./virtual-io.ts";

export class AntennaSwitch {
  readonly transmit = new VirtualPin(0);
  readonly receive = new VirtualPin(0);

  /** As a driver takes it. */
  get io() {
    return {
      transmit: { io: VirtualDigital, pin: this.transmit },
      receive: { io: VirtualDigital, pin: this.receive },
    };
  }

  isSet(transmitting: boolean): boolean {
    return this.transmit.level === (transmitting ? 1 : 0) && this.receive.level === (transmitting ? 0 : 1);
  }

  /** Neither direction: the switch draws nothing. */
  get isOff(): boolean {
    return this.transmit.level === 0 && this.receive.level === 0;
  }
}
