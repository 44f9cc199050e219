/** `groundtruth receive --status`: per node what was accepted, what is missing and what was refused, from the store alone. */
import { GapAccount, type GapSummary } from "../receiver/gap-account.ts";
import { StoreError } from "../receiver/sqlite-database.ts";
import { readStore } from "../receiver/sqlite-reader.ts";
import { CommandError } from "./command-error.ts";

interface NodeStatus extends GapSummary {
  node: string;
  /** Time of reception of the token with the highest number, ISO 8601; null before the first. */
  lastReceived: string | null;
}

/** Ranges that a line of the table has room for. */
const RANGES_SHOWN = 5;

/** Prints the status of every node in a store, whether a receiver has it open or not. */
export function printStatus(path: string, json: boolean): void {
  const nodes = readStatus(path);
  if (json) {
    for (const node of nodes) process.stdout.write(`${JSON.stringify(node)}\n`);
    return;
  }
  const header = [
    "node",
    "accepted",
    "next",
    "missing",
    "late",
    "again",
    "refused",
    "last received",
    "missing numbers",
  ];
  const rows = nodes.map((node) => [
    node.node,
    ...[node.accepted, node.next, node.missing, node.late, node.duplicates, node.refused].map(String),
    node.lastReceived ?? "never",
    rangesText(node),
  ]);
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  for (const row of [header, ...rows]) {
    process.stdout.write(
      `${row
        .map((cell, i) => cell.padEnd(widths[i]))
        .join("  ")
        .trimEnd()}\n`,
    );
  }
}

function readStatus(path: string): NodeStatus[] {
  try {
    const store = readStore(path);
    const nodes = store.nodes().map(({ devEui, counters, ranges, lastReceivedUnixMs }) => ({
      node: devEui,
      ...new GapAccount(ranges, counters).summary(),
      lastReceived: lastReceivedUnixMs === undefined ? null : new Date(lastReceivedUnixMs).toISOString(),
    }));
    store.close();
    return nodes;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new CommandError(`the store cannot be read: ${error.message}`, `--store ${path}`, "name a receiver's store");
  }
}

function rangesText({ ranges, writtenOff }: GapSummary): string {
  const shown = ranges.slice(-RANGES_SHOWN).map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`));
  if (ranges.length > RANGES_SHOWN || writtenOff > 0) shown.unshift("...");
  return shown.join(" ");
}
