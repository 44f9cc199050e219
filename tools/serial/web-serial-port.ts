/**
 * A link in the shape of the Web Serial API's SerialPort (WICG, https://wicg.github.io/serial/), which is what esptool-js flashes through. It
 * also changes the baud rate in place, as esptool-js asks for where a port can. Runs in browsers too.
 */
import type { SerialError, SerialLink } from "./serial-link.ts";

export class WebSerialPort {
  readable: ReadableStream<Uint8Array> | null = null;
  writable: WritableStream<Uint8Array> | null = null;
  /** The port is gone; called before its streams fail. */
  onLost: (error: SerialError) => void = () => {};
  #link: SerialLink;

  constructor(link: SerialLink) {
    this.#link = link;
  }

  getInfo(): { usbVendorId?: number; usbProductId?: number } {
    const { usb } = this.#link;
    return usb === undefined ? {} : { usbVendorId: usb.vendorId, usbProductId: usb.productId };
  }

  async open({ baudRate }: { baudRate: number }): Promise<void> {
    if (this.readable !== null) throw new DOMException("The port is already open.", "InvalidStateError");
    const link = this.#link;
    let fail: (error: unknown) => void = () => {};
    const readable = new ReadableStream<Uint8Array>({
      start: (controller) => {
        let isOver = false;
        link.onData = (bytes) => {
          if (!isOver) controller.enqueue(bytes);
        };
        fail = (error) => {
          if (!isOver) controller.error(error);
          isOver = true;
        };
      },
      cancel: () => {
        link.onData = () => {};
        fail = () => {};
      },
    });
    link.onLost = (error) => {
      this.onLost(error);
      fail(new DOMException("The device has been lost.", "NetworkError"));
    };
    await link.open(baudRate);
    this.readable = readable;
    this.writable = new WritableStream<Uint8Array>({ write: (bytes) => link.write(bytes) });
  }

  async setSignals(signals: { dataTerminalReady?: boolean; requestToSend?: boolean }): Promise<void> {
    const { dataTerminalReady: dtr, requestToSend: rts } = signals;
    await this.#link.setLines({ ...(dtr === undefined ? {} : { dtr }), ...(rts === undefined ? {} : { rts }) });
  }

  async setBaudRate(baudRate: number): Promise<void> {
    await this.#link.setBaudRate(baudRate);
  }

  async close(): Promise<void> {
    this.readable = null;
    this.writable = null;
    await this.#link.close();
  }
}
