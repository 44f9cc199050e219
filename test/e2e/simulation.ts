/** Runs the real command line and reads what it wrote, for the tests that look at it from outside. Nothing here knows the formats' inside. */
import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "../..");
export const LAUNCHER = join(ROOT, "tools/cli/groundtruth.js");
/** Recorded weather that is not part of the repository. */
export const WEATHER_DATA = join(ROOT, "../shared/data/weather");

export interface Outcome {
  status: number | null;
  out: string;
  err: string;
}

/** `groundtruth ARGS...` in a process of its own. */
export function groundtruth(...args: string[]): Outcome {
  const result = spawnSync(process.execPath, [LAUNCHER, ...args], { encoding: "utf8", maxBuffer: 1 << 28 });
  return { status: result.status, out: result.stdout, err: result.stderr };
}

/** The same without waiting, for many at once. */
export function groundtruthSoon(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [LAUNCHER, ...args], (error, out, err) => {
      resolve({ status: error === null ? 0 : typeof error.code === "number" ? error.code : null, out, err });
    });
  });
}

/** A line of readings.jsonl. */
export interface ReadingLine {
  node: string;
  seq: number;
  index: number;
  time: string | null;
  uptime?: number;
  bootCount: number;
  timeQuality: { source: string; uncertaintyMs: number | null };
  values: Record<string, number | null>;
  flags: Record<string, string>;
  token: string;
}

/** A line of truth.jsonl. */
export interface TruthLine {
  node: string;
  sample: number;
  time: string;
  bootCount: number;
  uptime: number;
  values: Record<string, number | null>;
}

/** summary.json. */
export interface SummaryFile {
  seed: number;
  nodes: number;
  simulatedSeconds: number;
  engine: string;
  readingsTaken: number;
  readingsVerified: number;
  tokensSent: number;
  tokensVerified: number;
  statementsSent: number;
  statementsVerified: number;
  gaps: { node: string; seq: number | null; readings: number; reason: string }[];
  framesUp: number;
  framesLost: number;
  airtimeMs: number;
  eventHash: string;
  complete: boolean;
}

/** nodes/<devEui>.json. */
export interface NodeFile {
  devEui: string;
  ueid: string;
  profile: string;
  jwk: { kty: string; crv: string; x: string; y: string };
  kid: string;
  oemid: string;
  hwmodel: string;
}

/** nodes/<devEui>.secrets.json. */
export interface SecretsFile {
  devEui: string;
  joinEui: string;
  appKey: string;
  receiverKey: string;
}

export interface TokenFile {
  devEui: string;
  seq: number;
  path: string;
  bytes: Buffer;
}

/** One `simulate ARGS... --json --out FOLDER`, the folder a temporary one. */
export class Simulation {
  readonly folder: string;
  readonly outcome: Outcome;

  constructor(...args: string[]) {
    this.folder = mkdtempSync(join(tmpdir(), "groundtruth-simulation-"));
    this.outcome = groundtruth("simulate", ...args, "--json", "--out", this.folder);
  }

  get summary(): SummaryFile {
    return this.#json("summary.json");
  }

  get readings(): ReadingLine[] {
    return this.#lines("readings.jsonl");
  }

  get truth(): TruthLine[] {
    return this.#lines("truth.jsonl");
  }

  /** Ordered by node and number. */
  get tokens(): TokenFile[] {
    const tokens = readdirSync(join(this.folder, "tokens")).map((name) => {
      const [, devEui, seq] = /^([0-9a-f]{16})-([0-9]+)\.cbor$/.exec(name)!;
      const path = join(this.folder, "tokens", name);
      return { devEui, seq: Number(seq), path, bytes: readFileSync(path) };
    });
    return tokens.sort((a, b) => (a.devEui === b.devEui ? a.seq - b.seq : a.devEui < b.devEui ? -1 : 1));
  }

  get devEuis(): string[] {
    return readdirSync(join(this.folder, "nodes"))
      .filter((name) => !name.endsWith(".secrets.json"))
      .map((name) => name.replace(/\.json$/, ""))
      .sort();
  }

  get capture(): Buffer {
    return readFileSync(join(this.folder, "capture.pcap"));
  }

  nodePath(devEui: string): string {
    return join(this.folder, "nodes", `${devEui}.json`);
  }

  node(devEui: string): NodeFile {
    return this.#json(`nodes/${devEui}.json`);
  }

  secrets(devEui: string): SecretsFile {
    return this.#json(`nodes/${devEui}.secrets.json`);
  }

  /** Every file's bytes by its path in the folder. */
  files(): Map<string, Buffer> {
    const entries = readdirSync(this.folder, { withFileTypes: true, recursive: true }).filter((entry) =>
      entry.isFile(),
    );
    const paths = entries.map((entry) => join(entry.parentPath, entry.name)).sort();
    return new Map(paths.map((path) => [path.slice(this.folder.length + 1), readFileSync(path)]));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #json<T>(name: string): T {
    return JSON.parse(readFileSync(join(this.folder, name), "utf8"));
  }

  #lines<T>(name: string): T[] {
    const text = readFileSync(join(this.folder, name), "utf8");
    return text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }
}

/** Why the recorded weather cannot be replayed here, undefined when it can. */
export function weatherProblem(file: string): string | undefined {
  return existsSync(join(WEATHER_DATA, file)) ? undefined : `${file} is not beside the repository`;
}
