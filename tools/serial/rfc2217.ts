/**
 * Telnet (RFC 854, RFC 855) with the COM port control option (RFC 2217), as far as a serial port needs it: the reader of what comes in, and the
 * writers of what goes out. Nothing that comes in makes it throw or grow.
 *
 *     data --IAC--> command --IAC--> data (a byte 255)
 *                      |--WILL, WONT, DO, DONT--> option --any--> data
 *                      |--SB--> inside --IAC--> inside command --IAC--> inside (a byte 255)
 *                      |                              '--SE, or any other--> data
 *                      '--any other--> data
 */

export const TELNET = Object.freeze({ se: 240, sb: 250, will: 251, wont: 252, do: 253, dont: 254, iac: 255 });
export const TELNET_OPTION = Object.freeze({ binary: 0, suppressGoAhead: 3, comPort: 44 });

/** Commands of the COM port option, as a client sends them; a server answers with 100 more. */
export const COM_PORT = Object.freeze({
  signature: 0,
  setBaudRate: 1,
  setDataSize: 2,
  setParity: 3,
  setStopSize: 4,
  setControl: 5,
  notifyLineState: 6,
  notifyModemState: 7,
  flowControlSuspend: 8,
  flowControlResume: 9,
  setLineStateMask: 10,
  setModemStateMask: 11,
  purgeData: 12,
});
export const SERVER_OFFSET = 100;

/** Values of SET-CONTROL. */
export const CONTROL = Object.freeze({
  askFlow: 0,
  noFlow: 1,
  askBreak: 4,
  breakOn: 5,
  breakOff: 6,
  askDtr: 7,
  dtrOn: 8,
  dtrOff: 9,
  askRts: 10,
  rtsOn: 11,
  rtsOff: 12,
  askInboundFlow: 13,
  noInboundFlow: 14,
});

/** Values of PURGE-DATA. */
export const PURGE = Object.freeze({ receive: 1, send: 2, both: 3 });

export type TelnetEvent =
  | { kind: "data"; bytes: Uint8Array }
  | { kind: "option"; verb: number; option: number }
  | { kind: "comPort"; command: number; value: Uint8Array };

/** Longer subnegotiations are dropped: a signature is the longest thing that we would read. */
const MAX_SUBNEGOTIATION = 256;

export class TelnetReader {
  #state: "data" | "command" | "option" | "inside" | "insideCommand" = "data";
  #verb = 0;
  #inside: number[] = [];

  /** What a piece of the stream says. */
  push(bytes: Uint8Array): TelnetEvent[] {
    const events: TelnetEvent[] = [];
    const data: number[] = [];
    const flush = (): void => {
      if (data.length > 0) events.push({ kind: "data", bytes: Uint8Array.from(data) });
      data.length = 0;
    };
    for (const byte of bytes) {
      if (this.#state === "data" && byte !== TELNET.iac) {
        data.push(byte);
        continue;
      }
      const event = this.#step(byte);
      if (event === undefined) continue;
      // What comes between two commands belongs between them: a baud rate holds for what follows it.
      if (event === "iac") {
        data.push(TELNET.iac);
      } else {
        flush();
        events.push(event);
      }
    }
    flush();
    return events;
  }

  #step(byte: number): TelnetEvent | "iac" | undefined {
    switch (this.#state) {
      case "data":
        this.#state = "command";
        return undefined;
      case "command":
        return this.#command(byte);
      case "option":
        this.#state = "data";
        return { kind: "option", verb: this.#verb, option: byte };
      case "inside":
        if (byte === TELNET.iac) this.#state = "insideCommand";
        else if (this.#inside.length <= MAX_SUBNEGOTIATION) this.#inside.push(byte);
        return undefined;
      case "insideCommand":
        return this.#insideCommand(byte);
    }
  }

  #command(byte: number): "iac" | undefined {
    this.#state = "data";
    if (byte === TELNET.iac) return "iac";
    if (byte === TELNET.sb) {
      this.#state = "inside";
      this.#inside = [];
    } else if (byte >= TELNET.will && byte <= TELNET.dont) {
      this.#state = "option";
      this.#verb = byte;
    }
    return undefined;
  }

  #insideCommand(byte: number): TelnetEvent | undefined {
    if (byte === TELNET.iac) {
      this.#state = "inside";
      if (this.#inside.length <= MAX_SUBNEGOTIATION) this.#inside.push(byte);
      return undefined;
    }
    this.#state = "data";
    const [option, command, ...value] = this.#inside;
    this.#inside = [];
    if (byte !== TELNET.se || value.length >= MAX_SUBNEGOTIATION) return undefined;
    if (option !== TELNET_OPTION.comPort || command === undefined) return undefined;
    return { kind: "comPort", command, value: Uint8Array.from(value) };
  }
}

/** Data, with each 255 doubled. */
export function telnetData(bytes: Uint8Array): Uint8Array {
  if (!bytes.includes(TELNET.iac)) return bytes;
  return Uint8Array.from(escaped(bytes));
}

export function telnetOption(verb: number, option: number): Uint8Array {
  return Uint8Array.of(TELNET.iac, verb, option);
}

export function comPortCommand(command: number, value: Uint8Array): Uint8Array {
  const { iac, sb, se } = TELNET;
  return Uint8Array.from([iac, sb, TELNET_OPTION.comPort, command, ...escaped(value), iac, se]);
}

/** A baud rate, as SET-BAUDRATE has it: four bytes, the highest first. */
export function baudRateBytes(baudRate: number): Uint8Array {
  return Uint8Array.of(baudRate >>> 24, baudRate >>> 16, baudRate >>> 8, baudRate);
}

/** A baud rate from its bytes; 0, which asks for the present one, where there are too few. */
export function parseBaudRate(value: Uint8Array): number {
  if (value.length < 4) return 0;
  return ((value[0] << 24) | (value[1] << 16) | (value[2] << 8) | value[3]) >>> 0;
}

function escaped(bytes: Uint8Array): number[] {
  const out: number[] = [];
  for (const byte of bytes) {
    out.push(byte);
    if (byte === TELNET.iac) out.push(byte);
  }
  return out;
}
