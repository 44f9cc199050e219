/** `--engine xs`: the same closed loop on XS from npm, its results brought back line by line. */
import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { EngineUnavailable, ensureNpmXs } from "../../host-sim/xs/npm/engine.ts";
import { runOnNpmXs } from "../../host-sim/xs/npm/run.ts";
import type { SimulationOptions } from "../simulation/options.ts";
import { feedLine, type SimulationSink } from "../simulation/sink.ts";
import type { Summary } from "../simulation/summary.ts";
import { CommandError } from "./command-error.ts";

const SIMULATION = join(import.meta.dirname, "..", "simulation");
const SOURCE = join(SIMULATION, "xs-entry.ts");
/** Made by `npm run build:package`, for the installed package, which has neither the sources nor the bundler. */
const PREBUILT = join(SIMULATION, "xs-entry.bundle.js");

/** Runs a simulation on XS; the first time, the engine is fetched and compiled. */
export async function simulateOnXs(
  options: SimulationOptions,
  sink: SimulationSink,
  progress: (text: string) => void,
): Promise<Summary> {
  const checkout = existsSync(SOURCE);
  const folder = checkout
    ? join(import.meta.dirname, "..", "..", "build", "xs")
    : join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "groundtruth", "xs");
  mkdirSync(folder, { recursive: true });
  const engine = findEngine(join(folder, "engine"), progress);
  const bundle = checkout ? await bundleSource(join(folder, "simulation.js")) : PREBUILT;
  let summary: Summary | undefined;
  const exitCode = await runOnNpmXs({
    engine,
    bundle,
    folder,
    argument: { ...options, engine: "xs" },
    onLine: (line) => {
      if (!feedLine(line, sink) && line.startsWith("summary ")) summary = JSON.parse(line.slice("summary ".length));
    },
  });
  if (exitCode !== 0 || summary === undefined) throw new Error(`the simulation on XS ended with ${exitCode}`);
  return summary;
}

async function bundleSource(outfile: string): Promise<string> {
  const { bundleForXs } = await import("../../host-sim/xs/npm/bundle.ts");
  await bundleForXs(SOURCE, outfile);
  return outfile;
}

function findEngine(folder: string, progress: (text: string) => void): string {
  try {
    return ensureNpmXs(folder, progress);
  } catch (error) {
    if (!(error instanceof EngineUnavailable)) throw error;
    throw new CommandError(error.message, "--engine xs", "use --engine node, or provide what is missing and try again");
  }
}
