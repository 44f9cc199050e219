/** Looks into a receiver's store, while a receiver has it open or not. Node.js only. */
import { existsSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { DIGEST_STATE, type DigestCounts } from "./digest-checks.ts";
import type { AccountCounters } from "./gap-account.ts";
import { openDatabase, prepareStatements, type Statements, StoreError } from "./sqlite-database.ts";
import type { AcceptedToken, StatementQuery, StoredKind } from "./store.ts";

export interface StoredToken extends AcceptedToken {
  id: number;
}

export interface StoredNode {
  devEui: string;
  counters: AccountCounters;
  ranges: number[];
  lastReceivedUnixMs: number | undefined;
  digests: DigestCounts;
}

/** A store that is only looked at, while a receiver has it open or not. */
export interface StoreReader {
  nodes(): StoredNode[];
  /** Statements of a node, as `ReceiverStore` has it. */
  statements(devEui: string, query: StatementQuery): StoredToken[];
  tokensAfter(id: number, limit: number): StoredToken[];
  fact(name: string): string | undefined;
  close(): void;
}

/** Opens a store for reading. Throws StoreError. */
export function readStore(path: string): StoreReader {
  if (!existsSync(path)) throw new StoreError("there is no such file");
  let database: DatabaseSync;
  try {
    // Not read-only: a killed receiver may have left a write-ahead log, which whoever opens the file next has to take in.
    database = openDatabase(path);
  } catch (error) {
    throw error instanceof StoreError ? error : new StoreError((error as Error).message);
  }
  const sql = prepareStatements(database);
  const { allNodes, ranges, counters, tokensAfter, lastReceived, fact } = sql;
  const ids = new Map(allNodes.all().map(({ id, dev_eui }) => [String(dev_eui), Number(id)]));
  return {
    nodes: () =>
      allNodes.all().map(({ id, dev_eui }) => {
        const row = counters.get(String(dev_eui))!;
        const last = lastReceived.get(id)?.received_ms;
        return {
          devEui: String(dev_eui),
          counters: { late: Number(row.late), duplicates: Number(row.duplicates), refused: Number(row.refused) },
          ranges: ranges.all(id).flatMap((range) => [Number(range.first), Number(range.last)]),
          lastReceivedUnixMs: last === undefined ? undefined : Number(last),
          digests: digestCounts(sql, Number(id)),
        };
      }),
    statements: (devEui, query) => statementsOf(sql, ids.get(devEui), devEui, query),
    tokensAfter: (id, limit) => tokensAfter.all(id, limit).map((row) => storedToken(row)),
    fact: (name) => fact.get(name)?.value as string | undefined,
    close: () => database.close(),
  };
}

/** A row of `tokensAfter`, or one of a known node. */
export function storedToken(row: Record<string, unknown>, devEui = String(row.dev_eui)): StoredToken {
  return {
    id: Number(row.id),
    devEui,
    kind: Number(row.kind) as StoredKind,
    bootCount: Number(row.boot),
    seq: Number(row.seq),
    receivedUnixMs: Number(row.received_ms),
    digest: row.digest as Uint8Array,
    token: row.token as Uint8Array,
  };
}

/** Statements of the node with that number in this database. */
export function statementsOf(
  sql: Statements,
  id: number | undefined,
  devEui: string,
  { kind, bootCount, beforeId, limit }: StatementQuery,
): StoredToken[] {
  if (id === undefined) return [];
  const before = beforeId ?? Number.MAX_SAFE_INTEGER;
  const rows =
    bootCount === undefined
      ? sql.statements.all(id, kind, before, limit)
      : sql.statementsOfBoot.all(id, kind, bootCount, before, limit);
  return rows.map((row) => storedToken(row, devEui));
}

/** What came of a node's digest tokens. */
export function digestCounts(sql: Statements, id: number): DigestCounts {
  const counts = { incomplete: 0, agree: 0, mismatch: 0 };
  for (const { state, n } of sql.digestCounts.all(id)) {
    if (state === DIGEST_STATE.agrees) counts.agree = Number(n);
    else if (state === DIGEST_STATE.mismatch) counts.mismatch = Number(n);
    else counts.incomplete += Number(n);
  }
  return counts;
}
