/**
 * SLIP framing (RFC 1055) as Espressif's serial protocol uses it: a packet begins and ends with 0xC0; inside it 0xC0 and 0xDB travel as
 * 0xDB 0xDC and 0xDB 0xDD.
 *
 *     outside --0xC0--> inside --0xDB--> escaped --0xDC, 0xDD--> inside --0xC0--> outside (packet)
 *        ^                 |                |
 *        '--- too long ----'-- other byte --'   (broken: everything up to the next 0xC0 is dropped)
 */

const END = 0xc0;
const ESCAPE = 0xdb;
const ESCAPED_END = 0xdc;
const ESCAPED_ESCAPE = 0xdd;

/** A packet as it goes over the wire. */
export function slipEncode(packet: Uint8Array): Uint8Array {
  let length = packet.length + 2;
  for (const byte of packet) if (byte === END || byte === ESCAPE) length++;
  const out = new Uint8Array(length);
  out[0] = END;
  let at = 1;
  for (const byte of packet) {
    if (byte === END || byte === ESCAPE) {
      out[at++] = ESCAPE;
      out[at++] = byte === END ? ESCAPED_END : ESCAPED_ESCAPE;
    } else {
      out[at++] = byte;
    }
  }
  out[at] = END;
  return out;
}

export class SlipReader {
  #buffer: Uint8Array;
  #length = 0;
  #state: "outside" | "inside" | "escaped" | "broken" = "outside";

  /** Packets of more than `maxLength` bytes are dropped. */
  constructor(maxLength: number) {
    this.#buffer = new Uint8Array(maxLength);
  }

  /** Forgets what has come in of a packet. */
  reset(): void {
    this.#state = "outside";
    this.#length = 0;
  }

  /** Takes a byte; returns the packet that it completes. */
  push(byte: number): Uint8Array | undefined {
    if (byte === END) return this.#end();
    if (this.#state === "inside" && byte === ESCAPE) {
      this.#state = "escaped";
    } else if (this.#state === "inside") {
      this.#append(byte);
    } else if (this.#state === "escaped") {
      this.#state = "inside";
      if (byte === ESCAPED_END) this.#append(END);
      else if (byte === ESCAPED_ESCAPE) this.#append(ESCAPE);
      else this.#state = "broken";
    }
    return undefined;
  }

  #end(): Uint8Array | undefined {
    const packet = this.#state === "inside" && this.#length > 0 ? this.#buffer.slice(0, this.#length) : undefined;
    // The end of nothing is a beginning.
    this.#state = packet === undefined ? "inside" : "outside";
    this.#length = 0;
    return packet;
  }

  #append(byte: number): void {
    if (this.#length === this.#buffer.length) this.#state = "broken";
    else this.#buffer[this.#length++] = byte;
  }
}
