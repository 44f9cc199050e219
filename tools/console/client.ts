/**
 * Speaks the device console (firmware/core/console/console.ts) over a serial port that a log shares: finds the frames amid the text, repeats a request that
 * got no answer or did not arrive whole, and tells the log's lines as they come.
 *
 * A repeated request is the same line, with the same id: the node does not do twice what it has done. Ids begin at random, so that a tool is
 * never given the answer to another.
 */
import { randomInt } from "node:crypto";
import {
  CONSOLE_LINE_BYTES_MAX,
  ConsoleLineReader,
  closeFrame,
  FRAME_JSON_AT,
  LINE,
} from "../../firmware/wire/console-line.ts";
import type { SerialError, SerialLink } from "../serial/serial-link.ts";

export interface LogLine {
  /** Milliseconds since the node started. */
  ms: number;
  level: string;
  source: string;
  text: string;
}

export interface ConsoleClientOptions {
  /** How long an answer may take; a signature takes up to 150 ms on the chip. */
  timeoutMs?: number;
  /** How often a request is sent in all. */
  tries?: number;
}

export type ConsoleFailure = "no-answer" | "refused" | "lost" | "not-understood";

/** Why a request has no result. `reason`: what the node says, where it refused. */
export class ConsoleError extends Error {
  readonly failure: ConsoleFailure;
  readonly reason: string;
  readonly code: number;

  constructor(failure: ConsoleFailure, message: string, reason: string = failure, code = 0) {
    super(message);
    this.name = "ConsoleError";
    this.failure = failure;
    this.reason = reason;
    this.code = code;
  }
}

const TIMEOUT_MS = 1000;
const TRIES = 4;
const ID_MAX = 2 ** 31;

type Members = Record<string, unknown>;

interface Waiting {
  id: number;
  line: Uint8Array;
  triesLeft: number;
  timer: NodeJS.Timeout | undefined;
  resolve(result: Members): void;
  reject(error: ConsoleError): void;
}

export class ConsoleClient {
  /** A line of the log, framed or plain. */
  onLog: (line: LogLine) => void = () => {};
  /** A line of text that is no line of our log: the ROM, the bootloader, another firmware. Not fit for a terminal as it is. */
  onText: (text: string) => void = () => {};
  /** The port is gone. */
  onLost: (error: SerialError) => void = () => {};
  /** Frames that were no good. */
  framesRefused = 0;
  #link: SerialLink;
  #timeoutMs: number;
  #tries: number;
  #lines = new ConsoleLineReader();
  #nextId = randomInt(ID_MAX);
  #waiting: Waiting | undefined;
  #isLost = false;

  /** Takes over what `link` says; whoever made it opens and closes it. */
  constructor(link: SerialLink, { timeoutMs, tries }: ConsoleClientOptions = {}) {
    this.#link = link;
    this.#timeoutMs = timeoutMs ?? TIMEOUT_MS;
    this.#tries = tries ?? TRIES;
    link.onData = (bytes) => this.#receive(bytes);
    link.onLost = (error) => {
      this.#isLost = true;
      this.#fail(new ConsoleError("lost", error.message));
      this.onLost(error);
    };
  }

  /** Sends a request and gives its result, or throws a ConsoleError. One at a time. */
  async call(method: string, params: Members = {}): Promise<Members> {
    if (this.#waiting !== undefined) throw new Error("console: one request at a time");
    if (this.#isLost) throw new ConsoleError("lost", `the connection to ${this.#link.name} is lost`);
    const id = this.#nextId++;
    const line = frameOf({ jsonrpc: "2.0", id, method, params });
    return new Promise((resolve, reject) => {
      this.#waiting = { id, line, triesLeft: this.#tries, timer: undefined, resolve, reject };
      this.#try();
    });
  }

  #try(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    clearTimeout(waiting.timer);
    if (waiting.triesLeft-- === 0) {
      this.#fail(new ConsoleError("no-answer", `no console answers on ${this.#link.name}`));
      return;
    }
    waiting.timer = setTimeout(() => this.#try(), this.#timeoutMs);
    this.#link.write(waiting.line).catch((error: Error) => this.#fail(new ConsoleError("lost", error.message)));
  }

  #receive(bytes: Uint8Array): void {
    const lines = this.#lines;
    for (const byte of bytes) {
      const found = lines.push(byte);
      if (found === LINE.none) continue;
      if (found === LINE.refused) {
        this.framesRefused++;
        continue;
      }
      const text = Buffer.from(lines.bytes.subarray(lines.from, lines.to)).toString("latin1");
      if (found === LINE.frame) this.#takeFrame(text);
      else this.#takeText(text);
    }
  }

  #takeFrame(json: string): void {
    let message: unknown;
    try {
      message = JSON.parse(json);
    } catch {
      message = undefined;
    }
    if (!isObject(message)) {
      this.framesRefused++;
      return;
    }
    const { id, method, params, result, error } = message;
    if (method === "log" && isObject(params)) this.onLog(logLineOf(params));
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    if (id === null && isObject(error)) {
      // Something did not arrive whole; most likely it was ours. Repeating is harmless.
      this.#try();
    } else if (id === waiting.id && isObject(result)) {
      this.#end();
      waiting.resolve(result);
    } else if (id === waiting.id && isObject(error)) {
      this.#fail(refusal(error));
    }
  }

  #takeText(text: string): void {
    const line = parseLogText(text);
    if (line === undefined) this.onText(text);
    else this.onLog(line);
  }

  #end(): void {
    clearTimeout(this.#waiting?.timer);
    this.#waiting = undefined;
  }

  #fail(error: ConsoleError): void {
    const waiting = this.#waiting;
    this.#end();
    waiting?.reject(error);
  }
}

/** A message as the line that carries it, in ASCII. */
export function frameOf(message: object): Uint8Array {
  const json = JSON.stringify(message).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  const bytes = new Uint8Array(json.length + 32);
  bytes.set(Buffer.from(json, "latin1"), FRAME_JSON_AT);
  const frame = bytes.subarray(0, closeFrame(bytes, FRAME_JSON_AT + json.length));
  // RS and LF are not kept by the reader.
  if (frame.length - 2 <= CONSOLE_LINE_BYTES_MAX) return frame;
  throw new ConsoleError("refused", `a line of the console takes ${CONSOLE_LINE_BYTES_MAX} bytes`, "line-too-long");
}

/** A plain line of the node's log: `<uptime ms> <level> <source>: <text>`; undefined for any other. */
export function parseLogText(text: string): LogLine | undefined {
  const match = /^(\d{1,15}) (error|warn|info|debug) ([^ :]{1,32}): (.*)$/.exec(text);
  return match === null ? undefined : { ms: Number(match[1]), level: match[2], source: match[3], text: match[4] };
}

function logLineOf({ ms, level, source, text }: Members): LogLine {
  return { ms: Number(ms), level: String(level), source: String(source), text: String(text) };
}

function refusal({ code, message, data }: Members): ConsoleError {
  const reason = typeof message === "string" ? message : "unknown";
  const what = isObject(data) && typeof data.what === "string" ? ` (${data.what})` : "";
  return new ConsoleError("refused", `the node refuses: ${reason}${what}`, reason, Number(code));
}

function isObject(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
