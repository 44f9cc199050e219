/** `groundtruth nodes`: the registry of all nodes ever made. Nothing secret is in it, so it asks for no passphrase. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type BatchPlan, identityOf, parsePlan } from "../provisioning/batch-plan.ts";
import { labelTerminal, labelText } from "../provisioning/device-label.ts";
import { parseEui64 } from "../provisioning/eui.ts";
import { didKey, publicJwk } from "../provisioning/public-forms.ts";
import { NODE_STATE, type RegisteredNode, Registry } from "../provisioning/registry.ts";
import { bytesToHex } from "../receiver/hex.ts";
import { nodeFileContent } from "../receiver/node-registry.ts";
import { CommandError } from "./command-error.ts";
import { EXIT_HELP, registryOption, secretErrors } from "./secret-options.ts";

interface Flags {
  registry: string;
  json?: boolean;
}

interface SelectFlags extends Flags {
  batch?: string;
  all?: boolean;
}

const EXPORTS = ["identities", "csv", "jwks"] as const;
type ExportFormat = (typeof EXPORTS)[number];

const STATE_NAMES: Readonly<Record<number, string>> = Object.freeze({
  [NODE_STATE.reserved]: "reserved",
  [NODE_STATE.made]: "unfinished",
  [NODE_STATE.filed]: "made",
});

export function registerNodes(program: Command): void {
  const nodes = program.command("nodes").description("every node ever made: list, show, retire, export");
  nodes
    .command("list")
    .description("list the nodes")
    .addOption(registryOption())
    .option("--batch <name>", "only those of this batch")
    .option("--json", "one JSON line a node")
    .addHelpText("after", EXIT_HELP)
    .action(list);
  nodes
    .command("show")
    .description("show a node's public identity")
    .argument("<devEui>", "the node", eui)
    .addOption(registryOption())
    .option("--qr", "and its LoRaWAN QR code (TR005)")
    .option("--json", "as JSON")
    .addHelpText("after", EXIT_HELP)
    .action(show);
  nodes
    .command("retire")
    .description("take nodes out of use; neither their DevEUI nor their key is ever given again")
    .argument("<devEui...>", "the nodes", euis)
    .addOption(registryOption())
    .requiredOption("--why <text>", "the reason, for whoever asks later")
    .option("--yes", "do not ask whether that is meant")
    .option("--json", "one JSON line a node")
    .addHelpText("after", EXIT_HELP)
    .action(retire);
  nodes
    .command("export")
    .description("write what is public about the nodes in use")
    .addOption(registryOption())
    .addOption(
      new Option("--format <name>", "identities (a folder that receive and verify read), csv, or jwks (RFC 7517 5)")
        .choices(EXPORTS)
        .default("identities"),
    )
    .requiredOption("--out <path>", "the folder or the file; it must not be there yet")
    .option("--batch <name>", "only those of this batch")
    .option("--all", "retired ones too")
    .option("--json", "print the result as JSON")
    .addHelpText("after", EXIT_HELP)
    .action(exportNodes);
}

async function list(flags: SelectFlags): Promise<void> {
  const rows = await withRegistry(flags, (registry) => registry.nodes(flags.batch));
  if (flags.json) {
    for (const node of rows) console.log(JSON.stringify(summaryOf(node)));
    return;
  }
  const header = ["DevEUI", "state", "made", "batch", "serial"];
  const cells = rows.map((node) => [
    node.devEui,
    stateOf(node),
    dateOf(node.madeUnixMs),
    node.batch,
    node.serial ?? "",
  ]);
  const widths = header.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i].length)));
  for (const row of [header, ...cells])
    console.log(
      row
        .map((cell, i) => cell.padEnd(widths[i]))
        .join("  ")
        .trimEnd(),
    );
}

async function show(devEui: string, flags: Flags & { qr?: boolean }): Promise<void> {
  const { node, plan } = await withRegistry(flags, (registry) => {
    const found = findNode(registry, devEui);
    return { node: found, plan: parsePlan(registry.batchOf(found).plan) };
  });
  const identity = identityOf(node, plan);
  const label = labelText({ joinEui: plan.joinEui, devEui, profileId: plan.profileId, serial: node.serial });
  const content = {
    ...summaryOf(node),
    joinEui: plan.joinEui,
    label,
    identity: identity === undefined ? null : nodeFileContent(identity),
  };
  if (flags.json) console.log(JSON.stringify(content, undefined, 2));
  else {
    const { identity: _, ...lines } = content;
    for (const [name, value] of Object.entries(lines)) if (value !== null) console.log(`${name.padEnd(10)}${value}`);
    if (flags.qr) console.log(await labelTerminal(label));
  }
}

async function retire(devEuis: string[], flags: Flags & { why: string; yes?: boolean }): Promise<void> {
  const nodes = await withRegistry(flags, (registry) => devEuis.map((devEui) => findNode(registry, devEui)));
  if (!flags.yes)
    await confirm(`Take ${nodes.length === 1 ? nodes[0].devEui : `${nodes.length} nodes`} out of use for good?`);
  const retired = await withRegistry(flags, (registry) => {
    for (const devEui of devEuis) registry.retire(devEui, flags.why);
    return devEuis.map((devEui) => findNode(registry, devEui));
  });
  for (const node of retired) {
    if (flags.json) console.log(JSON.stringify(summaryOf(node)));
    else console.log(`${node.devEui}: retired ${dateOf(node.retiredUnixMs)}, ${node.retiredWhy}`);
  }
}

async function exportNodes(flags: SelectFlags & { format: ExportFormat; out: string }): Promise<void> {
  const { out, format } = flags;
  if (existsSync(out))
    throw new CommandError("there is something of that name already", `--out ${out}`, "name another");
  const count = await withRegistry(flags, (registry) => {
    const plans = new Map(registry.batches().map(({ name, plan }) => [name, parsePlan(plan)]));
    const nodes = registry
      .nodes(flags.batch)
      .filter(({ publicKey, retiredUnixMs }) => publicKey !== undefined && (flags.all || retiredUnixMs === undefined));
    if (nodes.length === 0) throw new CommandError("there are no such nodes", "--batch", "groundtruth nodes list");
    writeExport(format, out, nodes, plans);
    return nodes.length;
  });
  console.log(flags.json ? JSON.stringify({ out, format, nodes: count }) : `${out}: ${count} nodes`);
}

function writeExport(
  format: ExportFormat,
  out: string,
  nodes: readonly RegisteredNode[],
  plans: ReadonlyMap<string, BatchPlan>,
): void {
  const identities = nodes.map((node) => identityOf(node, plans.get(node.batch)!)!);
  if (format === "identities") {
    mkdirSync(out);
    for (const identity of identities) {
      const text = `${JSON.stringify(nodeFileContent(identity), undefined, 2)}\n`;
      writeFileSync(join(out, `${identity.devEui}.json`), text);
    }
  } else if (format === "jwks") {
    const keys = identities.map(({ alg, publicKey, kid }) => publicJwk(alg, publicKey, kid));
    writeFileSync(out, `${JSON.stringify({ keys }, undefined, 2)}\n`);
  } else {
    const names = ["devEui", "state", "made", "batch", "serial", "joinEui", "kid", "did"];
    const rows = nodes.map((node, i) => {
      const { alg, publicKey, kid } = identities[i];
      const { joinEui } = plans.get(node.batch)!;
      const made = dateOf(node.madeUnixMs);
      const did = didKey(alg, publicKey);
      return [node.devEui, stateOf(node), made, node.batch, node.serial ?? "", joinEui, bytesToHex(kid), did];
    });
    writeFileSync(out, [names, ...rows].map((row) => `${row.join(",")}\r\n`).join(""));
  }
}

function summaryOf(node: RegisteredNode): Record<string, string | number | null> {
  const { devEui, batch, serial, alg, publicKey, retiredWhy } = node;
  return {
    devEui,
    state: stateOf(node),
    made: dateOf(node.madeUnixMs) || null,
    batch,
    serial: serial ?? null,
    did: alg === undefined || publicKey === undefined ? null : didKey(alg, publicKey),
    retired: dateOf(node.retiredUnixMs) || null,
    why: retiredWhy ?? null,
  };
}

function stateOf({ state, retiredUnixMs }: RegisteredNode): string {
  return retiredUnixMs === undefined ? STATE_NAMES[state] : "retired";
}

function dateOf(unixMs: number | undefined): string {
  return unixMs === undefined ? "" : new Date(unixMs).toISOString();
}

function findNode(registry: Registry, devEui: string): RegisteredNode {
  const node = registry.node(devEui);
  if (node !== undefined) return node;
  throw new CommandError(`the registry has no node ${devEui}`, devEui, "groundtruth nodes list shows which there are");
}

async function withRegistry<T>({ registry: path }: Flags, use: (registry: Registry) => T): Promise<T> {
  return secretErrors({ registry: path }, () => {
    const registry = Registry.open(path);
    try {
      return use(registry);
    } finally {
      registry.close();
    }
  });
}

async function confirm(question: string): Promise<void> {
  if (!process.stdin.isTTY) {
    throw new CommandError("this cannot be taken back, and there is no terminal to ask at", "--yes", "add --yes");
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${question} [y/N] `);
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim()))
    throw new CommandError("nothing was done", "your answer", "answer y, or add --yes");
}

function eui(text: string): string {
  const parsed = parseEui64(text);
  if (parsed === undefined) throw new InvalidArgumentError("16 hexadecimal digits are needed.");
  return parsed;
}

function euis(text: string, before: string[] = []): string[] {
  return [...before, eui(text)];
}
