/** Runs an entry module (default export: `(argument, host) => exit code`, see ../entry.ts) on XS from npm. */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

const FINISHED = "exit-code ";

export interface NpmRun {
  /** The engine's command, from `ensureNpmXs`. */
  engine: string;
  /** A script that defines `entry` with the entry module's exports, from `bundleForXs`. */
  bundle: string;
  /** Where the argument is written for the engine to read. */
  folder: string;
  argument: unknown;
  onLine(line: string): void;
}

/** Resolves to the entry's exit code; rejects with what the engine said when the script threw or the engine gave up. */
export function runOnNpmXs({ engine, bundle, folder, argument, onLine }: NpmRun): Promise<number> {
  mkdirSync(folder, { recursive: true });
  const start = join(folder, `start-${process.pid}.js`);
  const text = JSON.stringify(JSON.stringify(argument));
  writeFileSync(start, `print(${JSON.stringify(FINISHED)} + entry.default(${text}, { print }));\n`);
  return new Promise((resolve, reject) => {
    const child = spawn(engine, [bundle, start], { stdio: ["ignore", "pipe", "pipe"] });
    let exitCode: number | undefined;
    let errors = "";
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.startsWith(FINISHED)) exitCode = Number(line.slice(FINISHED.length));
      else onLine(line);
    });
    child.stderr.on("data", (data) => {
      errors += data;
    });
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0 && exitCode !== undefined) resolve(exitCode);
      else reject(new Error(`XS from npm stopped with ${code}: ${errors.trim()}`));
    });
  });
}
