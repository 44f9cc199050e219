/**
 * A serial device behind RFC 2217: every program that speaks it (ours, esptool, pyserial, a terminal) finds a serial port there, with its baud
 * rate, DTR and RTS. One client at a time, as a port has one user.
 */
import { createServer, type Server, type Socket } from "node:net";
import { OptionState } from "./option-state.ts";
import {
  baudRateBytes,
  COM_PORT,
  CONTROL,
  comPortCommand,
  parseBaudRate,
  SERVER_OFFSET,
  type TelnetEvent,
  TelnetReader,
  telnetData,
} from "./rfc2217.ts";

/** What is behind the port. */
export interface SerialDevice {
  /** Whether the cable is in; without it nobody can open the port. */
  readonly isPlugged: boolean;
  onSend: (bytes: Uint8Array) => void;
  onUnplugged: () => void;
  receive(bytes: Uint8Array): void;
  setHostBaudRate(baudRate: number): void;
  setLines(dtr: boolean | undefined, rts: boolean | undefined): void;
}

/** 8 data bits, no parity, one stop bit: the only format that the device has. */
const DATA_SIZE = 8;
const PARITY_NONE = 1;
const STOP_SIZE = 1;
/** CTS and DSR are up. */
const MODEM_STATE = 0x30;
const FIRST_BAUD_RATE = 115200;
const MAX_BAUD_RATE = 12_000_000;
/**
 * A client sets one line at a time and may wait for the answer in between (pyserial takes 50 ms), which is too slow for the way from reset into the
 * bootloader: RTS and DTR must change together. So the state between the two is kept from the board for so long.
 */
const SETTLING_MS = 250;
/** What a client that does not read may let pile up; more is lost, as on a wire without flow control. */
const MAX_WAITING = 1 << 20;

export class Rfc2217Server {
  #device: SerialDevice;
  #server: Server;
  #session: Session | undefined;
  /** Called as clients come and go. */
  onClient: (event: "connected" | "gone" | "refused", address: string) => void = () => {};

  constructor(device: SerialDevice) {
    this.#device = device;
    this.#server = createServer((socket) => this.#accept(socket));
    device.onSend = (bytes) => this.#session?.send(bytes);
    device.onUnplugged = () => this.#session?.end();
  }

  /** Listens and returns the port (0 asks for a free one). */
  async listen(port = 0, host = "127.0.0.1"): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, () => {
        this.#server.removeListener("error", reject);
        resolve();
      });
    });
    return (this.#server.address() as { port: number }).port;
  }

  async close(): Promise<void> {
    this.#session?.end();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(socket: Socket): void {
    const address = `${socket.remoteAddress}:${socket.remotePort}`;
    socket.on("error", () => socket.destroy());
    if (this.#session !== undefined || !this.#device.isPlugged) {
      socket.destroy();
      this.onClient("refused", address);
      return;
    }
    socket.setNoDelay(true);
    const session = new Session(socket, this.#device);
    this.#session = session;
    this.onClient("connected", address);
    const leave = (): void => {
      if (this.#session !== session) return;
      this.#session = undefined;
      session.release();
      this.onClient("gone", address);
    };
    // A client that has said its end has gone: it may come back before its old connection is closed.
    socket.on("end", leave).on("close", leave);
  }
}

class Session {
  #socket: Socket;
  #device: SerialDevice;
  #reader = new TelnetReader();
  #options = new OptionState();
  #baudRate = FIRST_BAUD_RATE;
  #dtr = false;
  #rts = false;
  #settling: NodeJS.Timeout | undefined;
  #hasToldModemState = false;
  #isSuspended = false;
  #held: Uint8Array[] = [];
  #heldLength = 0;

  constructor(socket: Socket, device: SerialDevice) {
    this.#socket = socket;
    this.#device = device;
    device.setHostBaudRate(this.#baudRate);
    for (const request of this.#options.opening()) socket.write(request);
    socket.on("data", (bytes) => {
      for (const event of this.#reader.push(bytes)) this.#handle(event);
    });
  }

  /** Bytes from the device. */
  send(bytes: Uint8Array): void {
    if (this.#isSuspended) {
      if (this.#heldLength + bytes.length > MAX_WAITING) return;
      this.#held.push(bytes);
      this.#heldLength += bytes.length;
    } else if (this.#socket.writableLength < MAX_WAITING) {
      this.#socket.write(telnetData(bytes));
    }
  }

  end(): void {
    this.#socket.destroy();
  }

  /** The client has gone: closing a port releases its lines. */
  release(): void {
    clearTimeout(this.#settling);
    this.#device.setLines(false, false);
  }

  #handle(event: TelnetEvent): void {
    if (event.kind === "data") {
      this.#device.receive(event.bytes);
    } else if (event.kind === "option") {
      const answer = this.#options.answer(event.verb, event.option);
      if (answer !== undefined) this.#socket.write(answer);
      if (this.#options.comPortAgreed) this.#tellModemState();
    } else {
      // Whoever uses the option has agreed to it; pyserial takes our offer for the answer to its own.
      this.#tellModemState();
      this.#command(event.command, event.value);
    }
  }

  /** The state to begin with: clients wait for one before they tell of CTS and DSR. */
  #tellModemState(): void {
    if (!this.#hasToldModemState) this.#reply(COM_PORT.notifyModemState, Uint8Array.of(MODEM_STATE));
    this.#hasToldModemState = true;
  }

  #command(command: number, value: Uint8Array): void {
    switch (command) {
      case COM_PORT.signature:
        if (value.length === 0) this.#reply(command, new TextEncoder().encode("groundtruth"));
        return;
      case COM_PORT.setBaudRate:
        this.#setBaudRate(parseBaudRate(value));
        this.#reply(command, baudRateBytes(this.#baudRate));
        return;
      case COM_PORT.setDataSize:
        this.#reply(command, Uint8Array.of(DATA_SIZE));
        return;
      case COM_PORT.setParity:
        this.#reply(command, Uint8Array.of(PARITY_NONE));
        return;
      case COM_PORT.setStopSize:
        this.#reply(command, Uint8Array.of(STOP_SIZE));
        return;
      case COM_PORT.setControl:
        if (value.length > 0) this.#reply(command, Uint8Array.of(this.#setControl(value[0])));
        return;
      case COM_PORT.notifyModemState:
        this.#reply(command, Uint8Array.of(MODEM_STATE));
        return;
      case COM_PORT.setLineStateMask:
        this.#reply(command, value.slice(0, 1));
        return;
      case COM_PORT.setModemStateMask:
        this.#reply(command, value.slice(0, 1));
        this.#reply(COM_PORT.notifyModemState, Uint8Array.of(MODEM_STATE & (value[0] ?? 0)));
        return;
      case COM_PORT.flowControlSuspend:
        this.#isSuspended = true;
        return;
      case COM_PORT.flowControlResume:
        this.#resume();
        return;
      case COM_PORT.purgeData:
        this.#held = [];
        this.#heldLength = 0;
        this.#reply(command, value.slice(0, 1));
        return;
    }
  }

  #setBaudRate(baudRate: number): void {
    if (baudRate === 0 || baudRate > MAX_BAUD_RATE) return;
    this.#baudRate = baudRate;
    this.#device.setHostBaudRate(baudRate);
  }

  /** Does what a SET-CONTROL asks; returns the state that it asks about. */
  #setControl(control: number): number {
    if (control === CONTROL.dtrOn || control === CONTROL.dtrOff) this.#setLines(control === CONTROL.dtrOn, this.#rts);
    if (control === CONTROL.rtsOn || control === CONTROL.rtsOff) this.#setLines(this.#dtr, control === CONTROL.rtsOn);
    if (control >= CONTROL.askDtr && control <= CONTROL.dtrOff) return this.#dtr ? CONTROL.dtrOn : CONTROL.dtrOff;
    if (control >= CONTROL.askRts && control <= CONTROL.rtsOff) return this.#rts ? CONTROL.rtsOn : CONTROL.rtsOff;
    if (control >= CONTROL.askBreak && control <= CONTROL.breakOff) return CONTROL.breakOff;
    return control >= CONTROL.askInboundFlow ? CONTROL.noInboundFlow : CONTROL.noFlow;
  }

  #setLines(dtr: boolean, rts: boolean): void {
    const isOnTheWay = this.#rts && !this.#dtr && dtr && rts;
    this.#dtr = dtr;
    this.#rts = rts;
    clearTimeout(this.#settling);
    const set = (): void => this.#device.setLines(dtr, rts);
    if (isOnTheWay) this.#settling = setTimeout(set, SETTLING_MS);
    else set();
  }

  #resume(): void {
    this.#isSuspended = false;
    const held = this.#held;
    this.#held = [];
    this.#heldLength = 0;
    for (const bytes of held) this.send(bytes);
  }

  #reply(command: number, value: Uint8Array): void {
    if (this.#socket.writableLength < MAX_WAITING) this.#socket.write(comPortCommand(command + SERVER_OFFSET, value));
  }
}
