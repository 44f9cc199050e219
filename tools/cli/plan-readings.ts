/** The readings that `groundtruth plan` codes: generated ones, or those of a file. */
import { readFileSync } from "node:fs";
import { MAX_BATCH_READINGS } from "../../firmware/wire/batch.ts";
import { describeCsvError, parseReplayCsv } from "../../host-sim/weather/replay-csv.ts";
import { generatedStretches, profileOfName, recordedStretches, type Stretch } from "../planning/streams.ts";
import { CommandError } from "./command-error.ts";

/** Tokens that each length is the mean of, at the most. */
const STRETCHES = 240;

/** Where the lengths of tokens come from. */
export interface Source {
  kind: "generated" | "recorded";
  /** Tokens of each length that were coded. */
  batches: number;
  text: string;
}

export interface ReadingFlags {
  profile: string;
  replay?: string;
  columns?: string;
  sampleInterval: number;
  readings?: number;
}

/** The readings of a plan; throws a CommandError where a file has none. */
export function readingsOf(flags: ReadingFlags): { stretches: Stretch[]; source: Source } {
  const { replay, columns, sampleInterval } = flags;
  const most = flags.readings ?? MAX_BATCH_READINGS;
  if (replay === undefined) {
    const stretches = generatedStretches(profileOfName(flags.profile)!, sampleInterval, STRETCHES, most);
    const what = flags.profile === "weather" ? "generated weather" : `made-up ${flags.profile} readings, an estimate`;
    const hint = flags.profile === "weather" ? "; with your own weather: --replay FILE" : "";
    const text = `${what}, ${stretches.length} batches through a year, coded as the node codes them${hint}`;
    return { stretches, source: { kind: "generated", batches: stretches.length, text } };
  }
  let csv: string;
  try {
    csv = readFileSync(replay, "utf8");
  } catch (error) {
    throw new CommandError(`cannot read the file: ${(error as Error).message}`, `--replay ${replay}`, "check the path");
  }
  const parsed = parseReplayCsv(csv, columns);
  if (!parsed.ok) {
    const { line } = parsed.error;
    throw new CommandError(
      `the replayed file cannot be used: ${describeCsvError(parsed.error)}`,
      line === 0 ? `--columns ${columns}` : `--replay ${replay}, line ${line}`,
      line > 1 ? "mend that line" : "name the file's columns: --columns time=when,temperature=...",
    );
  }
  const stretches = recordedStretches(parsed.table, sampleInterval, STRETCHES, most);
  if (stretches.length === 0) {
    throw new CommandError(
      `the file has no ${most} readings in a row, one every ${sampleInterval} s`,
      `--replay ${replay}`,
      "name another --interval, one of the file's own steps, or fewer --readings",
    );
  }
  const text = `${replay}, ${stretches.length} batches, coded as the node codes them`;
  return { stretches, source: { kind: "recorded", batches: stretches.length, text } };
}
