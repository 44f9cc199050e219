/** `groundtruth simulate`: virtual nodes, their network and their receiver in virtual time. */
import { readFileSync } from "node:fs";
import { type Command, InvalidArgumentError, Option } from "commander";
import { REGION_NAMES } from "../../host-sim/network/network-plan.ts";
import type { RadioKind } from "../../host-sim/node-radio.ts";
import { describeCsvError, parseReplayCsv } from "../../host-sim/weather/replay-csv.ts";
import { parseServerAddress, type ServerAddress } from "../live/gwmp-network.ts";
import { NODE_CRYPTO } from "../receiver/node-crypto.ts";
import { runClosedLoop } from "../simulation/closed-loop.ts";
import type { SimulationOptions } from "../simulation/options.ts";
import type { Progress, SimulationSink } from "../simulation/sink.ts";
import { CommandError, EXIT } from "./command-error.ts";
import { type PreparedSimulation, prepareBroker, prepareGwmp } from "./live-simulation.ts";
import { OutputFolder } from "./output-folder.ts";
import { ProgressTable, printNextSteps, printSummary } from "./simulation-report.ts";
import { simulateOnXs } from "./xs-engine.ts";

interface Flags {
  nodes: number;
  hours?: number;
  days?: number;
  seed: number;
  region: string;
  subBand?: number;
  dataRate?: number;
  uplink: "lorawan" | "wifi" | "p2p";
  radio: RadioKind;
  replay?: string;
  columns?: string;
  sampleInterval?: number;
  batch: number;
  loss: number;
  engine: "node" | "xs";
  mqtt?: string;
  gwmp?: ServerAddress;
  integrationMqtt?: string;
  speed?: number;
  devNonce?: number;
  out?: string;
  json?: boolean;
}

/** Readings in a token where nothing else is asked: three hours at 5-minute samples. */
const DEFAULT_BATCH = 36;
const DEFAULT_INTERVAL_S = 300;

export function registerSimulate(program: Command): void {
  program
    .command("simulate")
    .description("run virtual nodes from sensor to verified reading, in virtual time")
    .option("--nodes <n>", "how many nodes", integer(1, 10_000), 1)
    .addOption(new Option("--hours <h>", "how long they sample").argParser(decimal(0.01, 24 * 366)).conflicts("days"))
    .option("--days <d>", "the same in days (default: 1)", decimal(0.001, 366))
    .option("--seed <s>", "the seed of all chance", integer(0, 0xffffffff), 1)
    .addOption(new Option("--region <name>", "LoRaWAN region").choices(REGION_NAMES).default("EU868"))
    .option("--sub-band <n>", "US915, AU915: the bank of channels that network and nodes use", integer(1, 8))
    .option("--data-rate <dr>", "fix the data rate, 0 to 5, and switch ADR off", integer(0, 5))
    .addOption(
      new Option("--uplink <kind>", "how tokens travel (p2p: LoRa to a base node, without a network)")
        .choices(["lorawan", "wifi", "p2p"])
        .default("lorawan"),
    )
    .addOption(
      new Option("--radio <chip>", "the nodes' radio (with LoRa)").choices(["sx1262", "sx1276"]).default("sx1262"),
    )
    .option("--replay <file>", "weather from a CSV file instead of the generator")
    .option("--columns <map>", "the file's columns, as temperature=air_temp,humidity=rh,...")
    .option(
      "--sample-interval <s>",
      "seconds between samples (default: 300, or the replayed file's step)",
      integer(1, 86_400),
    )
    .option("--batch <n>", "readings in a token", integer(1, 64), DEFAULT_BATCH)
    .option("--loss <p>", "chance that a frame is lost, 0 to 0.95", decimal(0, 0.95), 0)
    .addOption(new Option("--engine <name>", "the JavaScript engine").choices(["node", "xs"]).default("node"))
    .option("--mqtt <url>", "publish the Wi-Fi tokens to a real broker (with --uplink wifi)")
    .option(
      "--gwmp <host:port>",
      "put a real network server behind the simulated air (Semtech UDP protocol); runs in real time",
      serverAddress,
    )
    .option("--integration-mqtt <url>", "with --gwmp: the broker of that server's ChirpStack v4 integration")
    .option(
      "--speed <x>",
      "with --gwmp: at most so many times as fast as the wall clock (default: 1)",
      decimal(0.1, 100),
    )
    .option("--dev-nonce <n>", "DevNonce of the first join, for a server that saw an earlier run", integer(0, 0xffff))
    .option("--out <dir>", "write readings, tokens, keys and capture into this folder")
    .option("--json", "print the summary as JSON, and nothing else")
    .action(simulate);
}

async function simulate(flags: Flags): Promise<void> {
  const options = toOptions(flags);
  if (flags.mqtt !== undefined && (flags.uplink !== "wifi" || flags.engine !== "node")) {
    throw new CommandError("--mqtt goes with --uplink wifi on engine node only", "--mqtt", "add --uplink wifi");
  }
  if (flags.gwmp !== undefined && (flags.uplink !== "lorawan" || flags.engine !== "node")) {
    throw new CommandError("--gwmp goes with --uplink lorawan on engine node only", "--gwmp", "leave --uplink out");
  }
  if (flags.gwmp === undefined && (flags.integrationMqtt !== undefined || flags.speed !== undefined)) {
    throw new CommandError("--integration-mqtt and --speed go with --gwmp", "simulate", "add --gwmp HOST:PORT");
  }
  const prepared = await prepare(flags, options);
  try {
    await show(flags, options, prepared);
  } finally {
    await prepared.close?.();
  }
}

async function show(flags: Flags, options: SimulationOptions, prepared: PreparedSimulation): Promise<void> {
  const folder = flags.out === undefined ? undefined : openFolder(flags.out);
  const table = flags.json ? undefined : new ProgressTable(process.stdout, options);
  const sink = joinSinks([folder, table]);
  const started = performance.now();
  const summary = await prepared.run(sink);
  folder?.finish(summary);
  if (flags.json) console.log(JSON.stringify(summary, undefined, 2));
  else {
    printSummary(process.stdout, summary, performance.now() - started);
    printNextSteps(process.stdout, flags.out);
  }
  if (!summary.complete) process.exitCode = EXIT.failed;
}

/** Whoever is to take part from outside is there once this returns. */
async function prepare(flags: Flags, options: SimulationOptions): Promise<PreparedSimulation> {
  const say = (text: string): void => {
    process.stderr.write(`${text}\n`);
  };
  if (flags.engine === "xs") return { run: (sink) => simulateOnXs(options, sink, say) };
  if (flags.mqtt !== undefined) return prepareBroker(flags.mqtt, options);
  if (flags.gwmp !== undefined) {
    const { gwmp: server, integrationMqtt: integration, speed = 1 } = flags;
    return prepareGwmp({ server, integration, speed }, options, say);
  }
  return { run: async (sink) => runClosedLoop(options, sink, NODE_CRYPTO, "node") };
}

function toOptions(flags: Flags): SimulationOptions {
  const replay = flags.replay === undefined ? undefined : readReplay(flags.replay, flags.columns);
  if (replay === undefined && flags.columns !== undefined) {
    throw new CommandError("--columns says how to read a replayed file", "--columns", "add --replay FILE");
  }
  const hours = flags.hours ?? (flags.days ?? 1) * 24;
  return {
    nodes: flags.nodes,
    durationS: Math.round(hours * 3600),
    seed: flags.seed,
    region: flags.region,
    subBand: flags.subBand,
    fixedDataRate: flags.dataRate,
    uplink: flags.uplink,
    radio: flags.radio,
    replay,
    sampleIntervalS: flags.sampleInterval ?? (replay === undefined ? DEFAULT_INTERVAL_S : 0),
    batchReadings: flags.batch,
    lossProbability: flags.loss,
    firstDevNonce: flags.devNonce,
  };
}

/** The file's text, once it is known to be good: before the output folder is touched, and in words for every engine. */
function readReplay(path: string, columns: string | undefined): SimulationOptions["replay"] {
  let csv: string;
  try {
    csv = readFileSync(path, "utf8");
  } catch (error) {
    throw new CommandError(`cannot read the file: ${(error as Error).message}`, `--replay ${path}`, "check the path");
  }
  const parsed = parseReplayCsv(csv, columns);
  if (parsed.ok) return { csv, columns };
  const { line, column } = parsed.error;
  const where = line === 0 ? `--columns ${columns}` : `--replay ${path}, line ${line}`;
  throw new CommandError(
    `the replayed file cannot be used: ${describeCsvError(parsed.error)}`,
    where,
    column === undefined || line > 1
      ? "mend that line"
      : "name the file's columns: --columns time=when,temperature=...",
  );
}

function openFolder(path: string): OutputFolder {
  try {
    return new OutputFolder(path);
  } catch (error) {
    throw new CommandError(`cannot write there: ${(error as Error).message}`, `--out ${path}`, "name another folder");
  }
}

function joinSinks(sinks: (SimulationSink | undefined)[]): SimulationSink {
  const present = sinks.filter((sink) => sink !== undefined);
  const each =
    <Args extends unknown[]>(call: (sink: SimulationSink, ...args: Args) => void) =>
    (...args: Args): void => {
      for (const sink of present) call(sink, ...args);
    };
  return {
    nodeFile: each((sink, name: string, content: object) => sink.nodeFile(name, content)),
    truth: each((sink, record: object) => sink.truth(record)),
    reading: each((sink, record: object) => sink.reading(record)),
    token: each((sink, devEui: string, seq: number, bytes: Uint8Array) => sink.token(devEui, seq, bytes)),
    capture: each((sink, bytes: Uint8Array) => sink.capture(bytes)),
    progress: each((sink, state: Progress) => sink.progress(state)),
  };
}

function serverAddress(text: string): ServerAddress {
  const address = parseServerAddress(text);
  if (address === undefined) throw new InvalidArgumentError("HOST:PORT is needed, as 127.0.0.1:1700.");
  return address;
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max))
      throw new InvalidArgumentError(`A whole number from ${min} to ${max} is needed.`);
    return value;
  };
}

function decimal(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`A number from ${min} to ${max} is needed.`);
    return value;
  };
}
