/**
 * Trains the tables of the compact token: `node tools/training/train-compact.ts FILE.csv ... [--out FILE.ts]`. Files are weather as
 * `groundtruth simulate` replays it. Without --out the module's text goes to standard output.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { describeCsvError, parseReplayCsv } from "../../host-sim/weather/replay-csv.ts";
import { tablesModule, trainCompact } from "./compact-training.ts";
import { type Sequence, weatherSequences } from "./weather-sequences.ts";

export const TRAINING_STEP_S = 300;

/** The sequences of a file at five-minute steps, sampled at every minute of the step. */
export function sequencesOfFile(path: string, stepS = TRAINING_STEP_S, offsetsS?: readonly number[]): Sequence[] {
  const parsed = parseReplayCsv(readFileSync(path, "utf8"));
  if (!parsed.ok) throw new Error(`${path}: ${describeCsvError(parsed.error)}`);
  const phases = Math.max(1, Math.floor((stepS * 1000) / parsed.table.intervalMs));
  const offsets = offsetsS ?? Array.from({ length: phases }, (_, i) => (i * stepS) / phases);
  return weatherSequences(parsed.table, stepS, offsets);
}

/** The text of the tables' module, trained on these files. */
export function trainOnFiles(paths: readonly string[]): string {
  const tables = trainCompact(paths.flatMap((path) => sequencesOfFile(path)));
  return tablesModule(
    tables,
    paths.map((path) => basename(path)),
  );
}

if (import.meta.main) {
  const args = process.argv.slice(2);
  const at = args.indexOf("--out");
  const out = at < 0 ? undefined : args.splice(at, 2)[1];
  if (args.length === 0) {
    console.error("usage: node tools/training/train-compact.ts FILE.csv ... [--out FILE.ts]");
    process.exitCode = 1;
  } else {
    const text = trainOnFiles(args);
    if (out === undefined) process.stdout.write(text);
    else writeFileSync(out, text);
  }
}
