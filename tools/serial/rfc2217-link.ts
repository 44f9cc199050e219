/** A serial port behind RFC 2217, from the client's side. Every command waits for the server's answer, so that order is kept. */
import { connect, type Socket } from "node:net";
import { OptionState } from "./option-state.ts";
import {
  baudRateBytes,
  COM_PORT,
  CONTROL,
  comPortCommand,
  PURGE,
  SERVER_OFFSET,
  type TelnetEvent,
  TelnetReader,
  telnetData,
} from "./rfc2217.ts";
import { SerialError, type SerialLink } from "./serial-link.ts";

const CONNECT_TIMEOUT_MS = 5000;
const ANSWER_TIMEOUT_MS = 3000;
const CLOSE_TIMEOUT_MS = 500;
const DATA_SIZE = 8;
const PARITY_NONE = 1;
const STOP_SIZE = 1;

interface Waiting {
  command: number;
  resolve(): void;
}

export class Rfc2217Link implements SerialLink {
  readonly name: string;
  onData: (bytes: Uint8Array) => void = () => {};
  onLost: (error: SerialError) => void = () => {};
  #host: string;
  #port: number;
  #socket: Socket | undefined;
  #reader = new TelnetReader();
  #options = new OptionState();
  #waiting: Waiting[] = [];
  #onAgreed: () => void = () => {};

  constructor(host: string, port: number) {
    this.name = `rfc2217://${host.includes(":") ? `[${host}]` : host}:${port}`;
    this.#host = host;
    this.#port = port;
  }

  async open(baudRate: number): Promise<void> {
    this.#reader = new TelnetReader();
    this.#options = new OptionState();
    const socket = await this.#connect();
    this.#socket = socket;
    socket.on("data", (bytes) => {
      for (const event of this.#reader.push(bytes)) this.#handle(event);
    });
    socket.on("error", () => {});
    socket.on("close", () => this.#closed(socket));
    try {
      await this.#negotiate();
      await this.setBaudRate(baudRate);
      await this.#ask(COM_PORT.setDataSize, Uint8Array.of(DATA_SIZE));
      await this.#ask(COM_PORT.setParity, Uint8Array.of(PARITY_NONE));
      await this.#ask(COM_PORT.setStopSize, Uint8Array.of(STOP_SIZE));
      await this.#ask(COM_PORT.setControl, Uint8Array.of(CONTROL.noFlow));
    } catch (error) {
      this.#socket = undefined;
      socket.destroy();
      if (!(error instanceof SerialError) || error.reason !== "lost") throw error;
      // A server that hangs up on an opening has nothing to give: one user is there already, or the device is not.
      const what = `${this.name} is in use, or its device is unplugged`;
      throw new SerialError("busy", what, "close the program that holds it; check the cable");
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#write(telnetData(bytes));
  }

  async setBaudRate(baudRate: number): Promise<void> {
    await this.#ask(COM_PORT.setBaudRate, baudRateBytes(baudRate));
  }

  async setLines({ dtr, rts }: { dtr?: boolean; rts?: boolean }): Promise<void> {
    const asked: Promise<void>[] = [];
    // Both in one go: a reset depends on the lines changing together.
    if (dtr !== undefined)
      asked.push(this.#ask(COM_PORT.setControl, Uint8Array.of(dtr ? CONTROL.dtrOn : CONTROL.dtrOff)));
    if (rts !== undefined)
      asked.push(this.#ask(COM_PORT.setControl, Uint8Array.of(rts ? CONTROL.rtsOn : CONTROL.rtsOff)));
    await Promise.all(asked);
  }

  async purge(): Promise<void> {
    await this.#ask(COM_PORT.purgeData, Uint8Array.of(PURGE.both));
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined || socket.destroyed) return;
    // The server's end is waited for: only then is the port free for whoever opens it next.
    const timer = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT_MS);
    await new Promise<void>((resolve) => {
      socket.once("close", () => resolve());
      socket.end();
    });
    clearTimeout(timer);
  }

  #connect(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: this.#host, port: this.#port, noDelay: true });
      const timer = setTimeout(() => fail("it does not answer"), CONNECT_TIMEOUT_MS);
      const fail = (why: string): void => {
        clearTimeout(timer);
        socket.destroy();
        reject(
          new SerialError(
            "not-there",
            `${this.name} cannot be reached: ${why}`,
            "check that its server runs, and the address",
          ),
        );
      };
      socket.once("error", (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
      socket.once("connect", () => {
        clearTimeout(timer);
        socket.removeAllListeners("error");
        resolve(socket);
      });
    });
  }

  async #negotiate(): Promise<void> {
    const agreed = new Promise<void>((resolve) => {
      this.#onAgreed = resolve;
    });
    for (const request of this.#options.opening()) await this.#write(request);
    await this.#inTime(agreed, "no-answer");
    if (this.#options.comPortAgreed === true) return;
    throw new SerialError(
      "not-rfc2217",
      `${this.name} is no serial port: it refuses the COM port option`,
      "name a port that is served by RFC 2217 (groundtruth demo board, ser2net, esp_rfc2217_server)",
    );
  }

  #handle(event: TelnetEvent): void {
    if (event.kind === "data") {
      this.onData(event.bytes);
    } else if (event.kind === "option") {
      const answer = this.#options.answer(event.verb, event.option);
      if (answer !== undefined) this.#socket?.write(answer);
      if (this.#options.comPortAgreed !== undefined) this.#onAgreed();
    } else {
      const at = this.#waiting.findIndex(({ command }) => command + SERVER_OFFSET === event.command);
      if (at >= 0) this.#waiting.splice(at, 1)[0].resolve();
    }
  }

  async #ask(command: number, value: Uint8Array): Promise<void> {
    const answered = new Promise<void>((resolve) => this.#waiting.push({ command, resolve }));
    await this.#write(comPortCommand(command, value));
    await this.#inTime(answered, "no-answer");
  }

  #write(bytes: Uint8Array): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed) return Promise.reject(this.#lost());
    return new Promise((resolve, reject) => {
      socket.write(bytes, (error) => (error ? reject(this.#lost()) : resolve()));
    });
  }

  /** Waits for an answer, but neither for ever nor beyond the connection's end. */
  async #inTime(answer: Promise<void>, reason: "no-answer"): Promise<void> {
    const socket = this.#socket;
    let timer: NodeJS.Timeout | undefined;
    let onClose = (): void => {};
    const failed = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(
          new SerialError(
            reason,
            `${this.name} does not answer as RFC 2217 says`,
            "check that an RFC 2217 server is there",
          ),
        );
      }, ANSWER_TIMEOUT_MS);
      onClose = () => reject(this.#lost());
      socket?.once("close", onClose);
    });
    try {
      await Promise.race([answer, failed]);
    } finally {
      clearTimeout(timer);
      socket?.removeListener("close", onClose);
    }
  }

  #closed(socket: Socket): void {
    this.#waiting = [];
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    this.onLost(this.#lost());
  }

  #lost(): SerialError {
    return new SerialError(
      "lost",
      `the connection to ${this.name} is lost`,
      "check the cable; another program may hold the port",
    );
  }
}
