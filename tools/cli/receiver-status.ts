/** `groundtruth receive --status`: per node what was accepted, what is missing, what was refused, and what the node states, from the store alone. */
import { parseToken, type StatementClaims } from "../../firmware/wire/eat-token.ts";
import type { DigestCounts } from "../receiver/digest-checks.ts";
import { GapAccount, type GapSummary } from "../receiver/gap-account.ts";
import { StoreError } from "../receiver/sqlite-database.ts";
import { readStore, type StoreReader } from "../receiver/sqlite-reader.ts";
import { statementOf } from "../receiver/statement-lines.ts";
import { STORED_KIND } from "../receiver/store.ts";
import { CommandError } from "./command-error.ts";

interface NodeStatus extends GapSummary {
  node: string;
  /** Time of reception of the token with the highest number, ISO 8601; null before the first. */
  lastReceived: string | null;
  /** Digest tokens: the tokens held agree, are not all there, or are others. */
  digests: DigestCounts;
  /** The latest boot token; null before the first. */
  boot: object | null;
  /** The number from which on the node's newest key signs; null while it is the one of its identity file. */
  newKeyFromSeq: number | null;
  /** The latest anchor; null before the first. */
  anchor: object | null;
}

type StatementKind = StatementClaims["kind"];

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
    "boot",
    "digests",
    "missing numbers",
  ];
  const rows = nodes.map((node) => [
    node.node,
    ...[node.accepted, node.next, node.missing, node.late, node.duplicates, node.refused].map(String),
    node.lastReceived ?? "never",
    bootText(node.boot),
    `${node.digests.agree}/${node.digests.incomplete}/${node.digests.mismatch}`,
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
    const nodes = store.nodes().map(({ devEui, counters, ranges, lastReceivedUnixMs, digests }) => {
      const last = (kind: StatementKind): StatementClaims | undefined => lastStatement(store, devEui, kind);
      const key = last("key");
      return {
        node: devEui,
        ...new GapAccount(ranges, counters).summary(),
        lastReceived: lastReceivedUnixMs === undefined ? null : new Date(lastReceivedUnixMs).toISOString(),
        digests,
        boot: objectOf(last("boot")),
        newKeyFromSeq: key === undefined ? null : key.seq + 1,
        anchor: objectOf(last("anchor")),
      };
    });
    store.close();
    return nodes;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new CommandError(`the store cannot be read: ${error.message}`, `--store ${path}`, "name a receiver's store");
  }
}

/** The statement of a kind with the highest number. */
function lastStatement(store: StoreReader, devEui: string, kind: StatementKind): StatementClaims | undefined {
  for (const { token } of store.statements(devEui, { kind: STORED_KIND[kind], limit: 1 })) {
    const parsed = parseToken(token);
    if (parsed.ok && parsed.claims.kind !== "batch") return parsed.claims;
  }
  return undefined;
}

function objectOf(claims: StatementClaims | undefined): object | null {
  return claims === undefined ? null : { seq: claims.seq, ...statementOf(claims) };
}

function bootText(boot: object | null): string {
  if (boot === null) return "not told";
  const { bootCount, software } = boot as { bootCount: number; software: { name: string; version: string } };
  return `${bootCount}: ${software.name} ${software.version}`;
}

function rangesText({ ranges, writtenOff }: GapSummary): string {
  const shown = ranges.slice(-RANGES_SHOWN).map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`));
  if (ranges.length > RANGES_SHOWN || writtenOff > 0) shown.unshift("...");
  return shown.join(" ");
}
