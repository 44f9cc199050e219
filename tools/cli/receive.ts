/**
 * `groundtruth receive`: a receiver that runs until it is told to end, and `receive --status`: what its store knows.
 *
 * SIGTERM and SIGINT end it in an orderly way, SIGHUP makes it read the nodes' files again.
 */
import { readFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { CSV_HEADER, csvRows } from "../receiver/csv-output.ts";
import { NODE_CRYPTO } from "../receiver/node-crypto.ts";
import { type Partition, partitionOf } from "../receiver/partition.ts";
import { ReadingLines } from "../receiver/reading-lines.ts";
import { senmlPack } from "../receiver/senml-output.ts";
import type { HttpAddress } from "../receiver/service/http-tokens.ts";
import { type LoadedNodes, loadNodes, NodeFileError, readSecretFile } from "../receiver/service/node-folder.ts";
import { ofReadings, type TokenFormat } from "../receiver/service/output.ts";
import { OutputFile } from "../receiver/service/output-file.ts";
import { OutputStream } from "../receiver/service/output-stream.ts";
import { ReceiverService, type ServiceEvents, type ServiceOptions } from "../receiver/service/service.ts";
import { SOURCE_NAMES, type SourceName } from "../receiver/service/sources.ts";
import { StoreError } from "../receiver/sqlite-database.ts";
import { SqliteStore } from "../receiver/sqlite-store.ts";
import { statementLines } from "../receiver/statement-lines.ts";
import { explainReason } from "../receiver/token-verifier.ts";
import { CommandError } from "./command-error.ts";
import { describeToken } from "./describe-token.ts";
import { parseAddress, parseGroup, parsePart, parsePrefix, parseUrl } from "./receive-options.ts";
import { printStatus } from "./receiver-status.ts";

interface Flags {
  mqtt?: string;
  mqttLogin?: string;
  mqttCa?: string;
  source: SourceName[];
  nodes?: string;
  secrets?: string;
  store: string;
  http?: HttpAddress;
  metrics?: HttpAddress;
  operator?: HttpAddress;
  out?: string;
  senml?: string;
  csv?: string;
  statements?: string;
  publish?: string;
  group?: string;
  partition?: Partition;
  takeOver: string[];
  status?: boolean;
  json?: boolean;
}

/** Refusals shown in a minute. */
const REPORTS_IN_WINDOW = 60;
const REPORT_WINDOW_MS = 60_000;
const WHOLE: Partition = { index: 1, count: 1 };

export function registerReceive(program: Command): void {
  program
    .command("receive")
    .description("verify and keep what nodes send, acknowledge it, and hand verified readings on")
    .requiredOption("--store <file>", "the receiver's memory, an SQLite file; made if there is none")
    .option("--nodes <dir>", "the nodes' public identities: <devEui>.json")
    .option("--secrets <dir>", "their receiver keys: <devEui>.secrets.json; without it nothing is acknowledged")
    .option("--mqtt <url>", "the broker: mqtt:// or mqtts://HOST[:PORT]", parseUrl)
    .option("--mqtt-login <file>", "user name and password for it, as USER:PASSWORD on one line")
    .option("--mqtt-ca <file>", "certificate of the broker's authority (PEM), where the system does not know it")
    .addOption(
      new Option("--source <name...>", "what to listen to there")
        .choices(SOURCE_NAMES)
        .default(["chirpstack", "plain", "p2p"], "chirpstack plain p2p"),
    )
    .option("--http <[host:]port>", "take tokens by POST /groundtruth/<devEui>/token (host: 127.0.0.1)", parseAddress)
    .option("--out <file>", "append verified readings as JSON lines")
    .option("--senml <file>", "append verified readings as SenML, one pack a line")
    .option("--csv <file>", "append verified readings as CSV, one row a value")
    .option("--statements <file>", "append what else nodes state, as JSON lines: boots, digests, anchors, keys")
    .option("--publish <prefix>", "publish verified readings to <prefix>/<devEui>/reading", parsePrefix)
    .option("--metrics <[host:]port>", "metrics for Prometheus at /metrics (host: 127.0.0.1)", parseAddress)
    .option(
      "--operator <[host:]port>",
      "take challenges for nodes at /nodes/<devEui>/challenge (host: 127.0.0.1)",
      parseAddress,
    )
    .option("--group <name>", "share the broker's messages with the receivers of this group (MQTT 5)", parseGroup)
    .option("--partition <i/n>", "take the nodes of part i of n only", parsePart)
    .option(
      "--take-over <file>",
      "take the nodes' past from another receiver's store",
      (file, all: string[]) => [...all, file],
      [],
    )
    .option("--status", "print what the store knows of each node, and end")
    .option("--json", "verified readings as JSON lines on standard output; with --status, one line a node")
    .addHelpText("after", "\nRuns until SIGTERM or Ctrl-C. SIGHUP reads the nodes' files again. See docs/receiver.md.")
    .action((flags: Flags) => (flags.status ? printStatus(flags.store, flags.json ?? false) : receive(flags)));
}

async function receive(flags: Flags): Promise<void> {
  const load = (): LoadedNodes => readNodes(flags);
  const { nodes, warnings } = load();
  const options = serviceOptions(flags);
  const store = openStore(flags, options);
  let end: (error?: CommandError) => void = () => {};
  const ended = new Promise<CommandError | undefined>((resolve) => {
    end = resolve;
  });
  const service = new ReceiverService(
    options,
    store,
    nodes,
    eventsOf(flags.mqtt, (error) => end(error)),
  );
  addOutputs(flags, service);
  try {
    await service.start();
  } catch (error) {
    await service.stop();
    throw new CommandError(
      `cannot listen: ${(error as Error).message}`,
      "--http, --metrics or --operator",
      "name another port",
    );
  }
  for (const warning of warnings) report(`warning: ${warning}`);
  report(`receiving for ${[...service.receiver.devEuis()].length} of ${nodes.length} nodes; store ${flags.store}`);
  const onEnd = (): void => end();
  const onReload = (): void => reload(service, load);
  process.on("SIGTERM", onEnd).on("SIGINT", onEnd).on("SIGHUP", onReload);
  const error = await ended;
  await service.stop();
  process.removeListener("SIGTERM", onEnd).removeListener("SIGINT", onEnd).removeListener("SIGHUP", onReload);
  if (error !== undefined) throw error;
  report("ended; everything accepted is in the store");
}

function reload(service: ReceiverService, load: () => LoadedNodes): void {
  try {
    const { nodes, warnings } = load();
    for (const warning of warnings) report(`warning: ${warning}`);
    report(`nodes read again: ${service.setNodes(nodes)} are this receiver's`);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    report(`nodes not read again, all stays as it was: ${error.message} (${error.where}); ${error.next}`);
  }
}

function eventsOf(mqtt: string | undefined, fail: (error: CommandError) => void): ServiceEvents {
  const refusals = new SparseReport();
  return {
    report,
    failed: ({ message, next }) => fail(new CommandError(message, `--mqtt ${mqtt}`, next)),
    refused: ({ devEui, reason }) => {
      const explanation = explainReason(reason);
      refusals.report(
        `${devEui ?? "unknown node"}: refused, ${reason}${explanation === undefined ? "" : ` (${explanation})`}`,
      );
    },
  };
}

/** Whoever can publish can make a receiver refuse: the log shows some of it, the metrics count all. */
class SparseReport {
  #windowEndsMs = 0;
  #shown = 0;
  #hidden = 0;

  report(text: string): void {
    const nowMs = performance.now();
    if (nowMs >= this.#windowEndsMs) {
      if (this.#hidden > 0) report(`${this.#hidden} more refused: the metrics count them by reason`);
      this.#windowEndsMs = nowMs + REPORT_WINDOW_MS;
      this.#shown = 0;
      this.#hidden = 0;
    }
    if (this.#shown++ < REPORTS_IN_WINDOW) report(text);
    else this.#hidden++;
  }
}

function serviceOptions(flags: Flags): ServiceOptions {
  const { mqtt, group, partition, http, metrics, operator, publish, source: sources } = flags;
  const need = (what: string, where: string, next: string): never => {
    throw new CommandError(what, where, next);
  };
  if (mqtt === undefined && http === undefined)
    need("nothing to receive from", "--mqtt, --http", "name a broker with --mqtt URL, or a port with --http");
  if (mqtt === undefined && (publish !== undefined || group !== undefined))
    need("there is no broker for it", "--publish, --group", "add --mqtt URL");
  if (group !== undefined && partition === undefined) {
    need(
      "each receiver of a group has nodes of its own",
      "--group",
      "add --partition 1/2 here, 2/2 at the second, and so on",
    );
  }
  return {
    sources,
    partition: partition ?? WHOLE,
    ...(mqtt === undefined ? {} : { mqtt: { url: mqtt, ...login(flags) } }),
    ...(group === undefined ? {} : { group }),
    ...(publish === undefined ? {} : { publish }),
    ...(http === undefined ? {} : { http }),
    ...(metrics === undefined ? {} : { metrics }),
    ...(operator === undefined ? {} : { operator }),
  };
}

function login({ mqttLogin, mqttCa }: Flags): { username?: string; password?: string; ca?: string } {
  return fileErrors(() => {
    const ca = mqttCa === undefined ? {} : { ca: readFileSync(mqttCa, "utf8") };
    if (mqttLogin === undefined) return ca;
    const match = /^([^:\r\n]+):([^\r\n]*)\r?\n?$/.exec(readSecretFile(mqttLogin));
    if (match === null) throw new NodeFileError("not USER:PASSWORD on one line", mqttLogin, "write it so");
    return { ...ca, username: match[1], password: match[2] };
  });
}

function readNodes({ nodes, secrets }: Flags): LoadedNodes {
  if (nodes === undefined)
    throw new CommandError("whose tokens?", "--nodes", "name the folder with the nodes' public identities");
  return fileErrors(() => loadNodes(nodes, secrets, NODE_CRYPTO));
}

/** The store, with what it takes over, and sure that it is this partition's. */
function openStore(flags: Flags, { partition, group }: ServiceOptions): SqliteStore {
  let store: SqliteStore | undefined;
  try {
    store = new SqliteStore(flags.store);
    const part = `${group ?? ""} ${partition.index}/${partition.count}`.trim();
    const known = store.fact("partition");
    if (known !== undefined && known !== part) {
      throw new CommandError(
        `the store is of partition ${known}, not ${part}`,
        `--store ${flags.store}`,
        `name a new store, and take the nodes' past from the old ones: --take-over ${flags.store}`,
      );
    }
    store.setFact("partition", part);
    for (const file of flags.takeOver) {
      const count = store.takeOver(file, (devEui) => partitionOf(devEui, partition.count) === partition.index);
      report(`${count} tokens taken over from ${file}`);
    }
    return store;
  } catch (error) {
    store?.close();
    if (!(error instanceof StoreError)) throw error;
    throw new CommandError(
      `the store cannot be used: ${error.message}`,
      `--store ${[flags.store, ...flags.takeOver].join(", ")}`,
      error.inUse
        ? "end that receiver first, or name another file"
        : "name a receiver's store, or a file that is not there yet",
    );
  }
}

function addOutputs(flags: Flags, service: ReceiverService): void {
  const pack = ofReadings((...args) => {
    const text = senmlPack(...args);
    return text === undefined ? undefined : `${text}\n`;
  });
  const { store, outputs } = service;
  const lines = new ReadingLines();
  const jsonLines = ofReadings((...args) => lines.of(...args));
  const format = flags.json ? jsonLines : tokenLine;
  outputs.add(new OutputStream("stdout", format, (text) => process.stdout.write(text), store.lastId));
  const files: [name: string, path: string | undefined, format: TokenFormat, header?: string][] = [
    ["out", flags.out, jsonLines],
    ["senml", flags.senml, pack],
    ["csv", flags.csv, ofReadings(csvRows), CSV_HEADER],
    ["statements", flags.statements, statementLines],
  ];
  for (const [name, path, format, header] of files) {
    if (path === undefined) continue;
    try {
      outputs.add(new OutputFile(name, path, format, store.outputPosition(name), store.lastId, header));
    } catch (error) {
      store.close();
      throw new CommandError(
        `cannot write there: ${(error as Error).message}`,
        `--${name} ${path}`,
        "name another file",
      );
    }
  }
}

/** A line for people about each accepted token. */
const tokenLine: TokenFormat = (claims, devEui) => `${devEui} seq ${claims.seq}: accepted, ${describeToken(claims)}\n`;

/** What is wrong with a file, as the command says it. */
function fileErrors<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof NodeFileError) throw new CommandError(error.message, error.where, error.next);
    const { code, path, message } = error as NodeJS.ErrnoException;
    throw new CommandError(
      `a file cannot be read: ${code ?? message}`,
      `${path}`,
      "check the path and that you may read it",
    );
  }
}

/** A line for the operator, with the time. */
function report(text: string): void {
  process.stderr.write(`${new Date().toISOString()} ${text}\n`);
}
