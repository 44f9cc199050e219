/** Watches a node on its serial port: who it is, how it is, and its log, until it is told to stop or the port is gone. */
import { randomBytes } from "node:crypto";
import { CHALLENGE_BYTES } from "../../firmware/wire/console-proof.ts";
import type { SerialError, SerialLink } from "../serial/serial-link.ts";
import { ConsoleClient, ConsoleError, type LogLine } from "./client.ts";
import { NodeConsole, type NodeIdentity } from "./node-console.ts";

/** What is seen, as it is seen. Texts are printable ASCII. */
export interface MonitorEvents {
  /** `proved`: it has signed a challenge just now; undefined where it has no key yet. */
  identity(identity: NodeIdentity, proved: boolean | undefined): void;
  health(counters: Readonly<Record<string, number>>): void;
  log(line: LogLine): void;
  /** A line that is not of our log. */
  text(text: string): void;
  /** Something could not be had: why. */
  note(text: string): void;
}

type Introduction = Pick<MonitorEvents, "identity" | "health" | "note">;

export interface MonitorSummary {
  /** Lines heard, of any kind. */
  lines: number;
  hasConsole: boolean;
  /** Damaged frames. */
  framesRefused: number;
  lost?: SerialError;
}

export interface MonitorOptions {
  /** Ends the watching. */
  signal: AbortSignal;
  timeoutMs?: number;
  /** Test benches do not wait for half a minute. */
  renewMs?: number;
}

const BAUD_RATE = 115200;
/** The node stops by itself when this is not renewed: the cable may be pulled. */
const FOLLOW_S = 60;
const RENEW_MS = 30_000;
const LINE_MAX = 2000;

/** Opens the link and watches. Throws a SerialError when it does not open. */
export async function monitor(
  link: SerialLink,
  events: MonitorEvents,
  options: MonitorOptions,
): Promise<MonitorSummary> {
  const { signal, timeoutMs, renewMs = RENEW_MS } = options;
  const client = new ConsoleClient(link, timeoutMs === undefined ? {} : { timeoutMs });
  const node = new NodeConsole(client);
  const summary: MonitorSummary = { lines: 0, hasConsole: false, framesRefused: 0 };
  let isOver = false;
  const ended = new Promise<void>((resolve) => {
    const end = (): void => {
      isOver = true;
      resolve();
    };
    signal.addEventListener("abort", end, { once: true });
    client.onLost = (error) => {
      summary.lost = error;
      end();
    };
    if (signal.aborted) end();
  });
  client.onLog = ({ ms, level, source, text }) => {
    summary.lines++;
    events.log({ ms, level: printable(level), source: printable(source), text: printable(text) });
  };
  client.onText = (text) => {
    const shown = printable(text);
    if (shown === "") return;
    summary.lines++;
    events.text(shown);
  };
  await link.open(BAUD_RATE);
  let renewal: NodeJS.Timeout | undefined;
  try {
    await Promise.race([
      ended,
      introduce(
        node,
        whileOpen(events, () => !isOver),
        summary,
      ),
    ]);
    renewal = setInterval(() => void attempt(() => node.followLog(FOLLOW_S)), renewMs);
    await ended;
    if (summary.hasConsole && summary.lost === undefined) await attempt(() => node.followLog(0));
  } finally {
    clearInterval(renewal);
    await link.close();
  }
  summary.framesRefused = client.framesRefused;
  return summary;
}

async function introduce(node: NodeConsole, events: Introduction, summary: MonitorSummary): Promise<void> {
  const identity = await attempt(() => node.identify());
  if (identity instanceof ConsoleError) {
    events.note(identity.message);
    return;
  }
  summary.hasConsole = true;
  let proved: boolean | undefined;
  if (identity.publicKey !== null) {
    proved = (await attempt(() => node.prove(identity, randomBytes(CHALLENGE_BYTES)))) === true;
  }
  events.identity(identity, proved);
  if (identity.locked) {
    events.note("locked: health and the framed log are not to be had, the plain log is shown");
    return;
  }
  const health = await attempt(() => node.health());
  if (health instanceof ConsoleError) events.note(health.message);
  else events.health(health);
  const followed = await attempt(() => node.followLog(FOLLOW_S));
  if (followed instanceof ConsoleError) events.note(followed.message);
}

/** What becomes of requests when the link is closed under them is of no interest. */
function whileOpen(events: MonitorEvents, isOpen: () => boolean): Introduction {
  return {
    identity: (identity, proved) => isOpen() && events.identity(identity, proved),
    health: (counters) => isOpen() && events.health(counters),
    note: (text) => isOpen() && events.note(text),
  };
}

/** The result, or the ConsoleError that there was instead. */
async function attempt<T>(action: () => Promise<T>): Promise<T | ConsoleError> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof ConsoleError) return error;
    throw error;
  }
}

/** Without control characters and the colours of ESP-IDF's log: the board is not to steer the terminal. */
function printable(text: string): string {
  return (
    text
      .slice(0, LINE_MAX)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out.
      .replace(/\x1b\[[0-9;]*[A-Za-z]/g, "")
      .replace(/[^ -~]/g, "")
  );
}
