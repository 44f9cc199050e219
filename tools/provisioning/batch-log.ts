/** A batch's log, `provision.log`: a JSON line for each node once its files are there, without anything secret. */
import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { asString, parseJsonObject } from "../receiver/json.ts";

const MAX_LINE = 4096;

export class BatchLog {
  readonly #file: number;
  readonly #logged = new Set<string>();

  /** Opens or begins the log; a line that was torn by a crash is taken off. */
  constructor(path: string) {
    const text = existsSync(path) ? readFileSync(path, "utf8") : "";
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    for (const line of whole.split("\n")) {
      const json = parseJsonObject(line, MAX_LINE);
      const devEui = json.ok ? asString(json.value.devEui) : undefined;
      if (devEui !== undefined) this.#logged.add(devEui);
    }
    this.#file = openSync(path, "a");
    if (whole.length < text.length) ftruncateSync(this.#file, Buffer.byteLength(whole));
  }

  /** Adds the lines of nodes that have none yet. */
  add(lines: readonly { devEui: string }[]): void {
    const added = lines.filter(({ devEui }) => !this.#logged.has(devEui));
    for (const { devEui } of added) this.#logged.add(devEui);
    if (added.length > 0) writeSync(this.#file, added.map((line) => `${JSON.stringify(line)}\n`).join(""));
  }

  close(): void {
    closeSync(this.#file);
  }
}
