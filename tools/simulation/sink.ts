/**
 * Where a simulation's results go while it runs. On another engine each call becomes one line of text (`lineSink`), which the host program
 * turns into the same call again (`feedLine`).
 */
import { bytesToHex, hexToBytes } from "../receiver/hex.ts";

export interface SimulationSink {
  /** A file of a node: its public identity, or the secrets that its operator keeps. */
  nodeFile(name: string, content: object): void;
  /** What the modelled world showed at a sample. */
  truth(record: object): void;
  /** A verified reading. */
  reading(record: object): void;
  /** An accepted token, as verified. */
  token(devEui: string, seq: number, bytes: Uint8Array): void;
  /** A piece of the capture file, to be appended. */
  capture(bytes: Uint8Array): void;
  /** An hour of virtual time, or the end of the delivery, has passed. */
  progress(state: Progress): void;
}

export interface Progress {
  simulatedSeconds: number;
  readingsTaken: number;
  readingsVerified: number;
  tokensVerified: number;
  framesUp: number;
  framesLost: number;
  airtimeMs: number;
  /** The newest verified reading's values by name; null where missing. */
  latest?: { [name: string]: number | null };
}

const nothing = (): void => {};

/** A sink for whoever wants the summary alone. */
export const SILENT_SINK: SimulationSink = Object.freeze({
  nodeFile: nothing,
  truth: nothing,
  reading: nothing,
  token: nothing,
  capture: nothing,
  progress: nothing,
});

/** A sink that writes each call as one line. */
export function lineSink(print: (line: string) => void): SimulationSink {
  const say = (kind: string, value: unknown): void => print(`${kind} ${JSON.stringify(value)}`);
  return {
    nodeFile: (name, content) => say("nodeFile", { name, content }),
    truth: (record) => say("truth", record),
    reading: (record) => say("reading", record),
    token: (devEui, seq, bytes) => say("token", { devEui, seq, hex: bytesToHex(bytes) }),
    capture: (bytes) => say("capture", bytesToHex(bytes)),
    progress: (state) => say("progress", state),
  };
}

/** Repeats on `sink` the call that `line` stands for; false when the line is none of `lineSink`. */
export function feedLine(line: string, sink: SimulationSink): boolean {
  const space = line.indexOf(" ");
  const value = (): never => JSON.parse(line.slice(space + 1)) as never;
  switch (line.slice(0, space)) {
    case "nodeFile": {
      const { name, content } = value() as { name: string; content: object };
      sink.nodeFile(name, content);
      return true;
    }
    case "truth":
      sink.truth(value());
      return true;
    case "reading":
      sink.reading(value());
      return true;
    case "token": {
      const { devEui, seq, hex } = value() as { devEui: string; seq: number; hex: string };
      sink.token(devEui, seq, hexToBytes(hex));
      return true;
    }
    case "capture":
      sink.capture(hexToBytes(value()));
      return true;
    case "progress":
      sink.progress(value());
      return true;
    default:
      return false;
  }
}
