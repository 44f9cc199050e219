/** `--out DIR`: the files of a simulation, written as it runs. */
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Progress, SimulationSink } from "../simulation/sink.ts";

/** Lines are collected up to this many characters before they are written. */
const FLUSH_AT = 1 << 16;

class LineFile {
  #file: number;
  #pending = "";

  constructor(path: string) {
    this.#file = openSync(path, "w");
  }

  add(record: object): void {
    this.#pending += `${JSON.stringify(record)}\n`;
    if (this.#pending.length > FLUSH_AT) this.#flush();
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  #flush(): void {
    writeSync(this.#file, this.#pending);
    this.#pending = "";
  }
}

/** A sink that fills a folder. What an earlier run left there is taken away first: its tokens would be mistaken for this run's. */
export class OutputFolder implements SimulationSink {
  #folder: string;
  #readings: LineFile;
  #truth: LineFile;
  #capture: number;

  constructor(folder: string) {
    for (const part of ["tokens", "nodes"]) {
      rmSync(join(folder, part), { recursive: true, force: true });
      mkdirSync(join(folder, part), { recursive: true });
    }
    rmSync(join(folder, "summary.json"), { force: true });
    this.#folder = folder;
    this.#readings = new LineFile(join(folder, "readings.jsonl"));
    this.#truth = new LineFile(join(folder, "truth.jsonl"));
    this.#capture = openSync(join(folder, "capture.pcap"), "w");
  }

  nodeFile(name: string, content: object): void {
    const mode = name.includes(".secrets.") ? 0o600 : 0o644;
    writeFileSync(join(this.#folder, "nodes", name), `${JSON.stringify(content, undefined, 2)}\n`, { mode });
  }

  truth(record: object): void {
    this.#truth.add(record);
  }

  reading(record: object): void {
    this.#readings.add(record);
  }

  token(devEui: string, seq: number, bytes: Uint8Array): void {
    writeFileSync(join(this.#folder, "tokens", `${devEui}-${seq}.cbor`), bytes);
  }

  capture(bytes: Uint8Array): void {
    writeSync(this.#capture, bytes);
  }

  progress(_state: Progress): void {}

  /** Writes the summary and closes the files. */
  finish(summary: object): void {
    this.#readings.close();
    this.#truth.close();
    closeSync(this.#capture);
    writeFileSync(join(this.#folder, "summary.json"), `${JSON.stringify(summary, undefined, 2)}\n`);
  }
}
