/**
 * The log port on the board's serial console: `<uptime ms> <level> <source>: <text>`. The SDK's `trace` is silent in release builds. Lines
 * wait in a ring while the UART is busy; a line that does not fit is dropped and counted, because a log never holds up the node.
 */
import type Serial from "embedded:io/serial";
import type { SerialOptions } from "embedded:io/serial";
import type { Clock } from "../../ports/clock.ts";
import type { Log, LogLevel } from "../../ports/log.ts";

/** About twenty lines; at 115,200 baud they take 180 ms. */
const RING_BYTES = 2048;
const BAUD = 115_200;
const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
const QUESTION_MARK = 0x3f;

export interface SerialPort {
  io: new (options: SerialOptions) => Serial;
  port: number;
  receive: number;
  transmit: number;
}

export class SerialLog implements Log {
  /** Lines that did not fit. */
  dropped = 0;
  #clock: Clock;
  #serial: Serial;
  #ring = new Uint8Array(RING_BYTES);
  #first = 0;
  #length = 0;
  #room = 0;

  constructor(port: SerialPort, clock: Clock) {
    this.#clock = clock;
    this.#serial = new port.io({
      port: port.port,
      receive: port.receive,
      transmit: port.transmit,
      baud: BAUD,
      format: "buffer",
      onWritable: (bytes) => {
        this.#room = bytes;
        this.send();
      },
    });
  }

  write(level: LogLevel, source: string, text: string): void {
    const line = `${this.#clock.nowMs()} ${level} ${source}: ${text}`;
    if (this.#length + line.length + 2 > RING_BYTES) {
      this.dropped++;
      return;
    }
    for (let i = 0; i < line.length; i++) {
      const code = line.charCodeAt(i);
      // Only printable ASCII: a line is a line.
      this.put(code >= 0x20 && code < 0x7f ? code : QUESTION_MARK);
    }
    this.put(CARRIAGE_RETURN);
    this.put(LINE_FEED);
    this.send();
  }

  private put(byte: number): void {
    this.#ring[(this.#first + this.#length) % RING_BYTES] = byte;
    this.#length++;
  }

  private send(): void {
    while (this.#length > 0 && this.#room > 0) {
      const bytes = Math.min(this.#length, this.#room, RING_BYTES - this.#first);
      this.#serial.write(this.#ring.subarray(this.#first, this.#first + bytes));
      this.#first = (this.#first + bytes) % RING_BYTES;
      this.#length -= bytes;
      this.#room -= bytes;
    }
  }
}
