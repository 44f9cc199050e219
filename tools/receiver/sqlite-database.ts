/** Opens the database behind a receiver's store, and holds all its statements. Node.js only. */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { prepareSchema } from "./sqlite-schema.ts";

/** The store cannot be opened; the message says why. */
export class StoreError extends Error {
  /** Another process has it open. */
  readonly inUse: boolean;

  constructor(message: string, inUse = false) {
    super(message);
    this.inUse = inUse;
  }
}

/** Opens or makes the database with all its tables. Throws StoreError. */
export function openDatabase(path: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  let reason: string | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 5_000 });
    reason = prepareSchema(database);
    if (reason === undefined) {
      database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
      // 16 MB of log before it is copied into the file: the index's pages, which every transaction changes, are then copied less often.
      database.exec("PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -16000");
      return database;
    }
  } catch (error) {
    reason = (error as Error).message;
  }
  database?.close();
  throw new StoreError(reason);
}

export type Statements = { readonly [name in keyof typeof SQL]: StatementSync };

const SQL = {
  begin: "BEGIN IMMEDIATE",
  commit: "COMMIT",
  rollback: "ROLLBACK",
  insert:
    "INSERT INTO tokens (node, seq, received_ms, digest, token, kind, boot) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (node, seq) DO NOTHING",
  digest: "SELECT digest FROM tokens WHERE node = ? AND seq = ?",
  allNodes:
    "SELECT id, dev_eui, coalesce((SELECT max(last) + 1 FROM ranges WHERE node = id AND first = (SELECT max(first) FROM ranges WHERE node = id)), 0) AS next FROM nodes ORDER BY dev_eui",
  addNode: "INSERT INTO nodes (dev_eui) VALUES (?)",
  lastId: "SELECT coalesce(max(id), 0) AS id FROM tokens",
  lastReceived: "SELECT received_ms FROM tokens WHERE node = ? ORDER BY seq DESC LIMIT 1",
  ranges: "SELECT first, last FROM ranges WHERE node = ? ORDER BY first",
  takeRangeAt: "DELETE FROM ranges WHERE node = ? AND first = ? RETURNING last",
  rangeBefore: "SELECT first, last FROM ranges WHERE node = ? AND first < ? ORDER BY first DESC LIMIT 1",
  putRange:
    "INSERT INTO ranges (node, first, last) VALUES (?, ?, ?) ON CONFLICT (node, first) DO UPDATE SET last = excluded.last",
  counters: "SELECT late, duplicates, refused FROM nodes WHERE dev_eui = ?",
  putCounters: "UPDATE nodes SET late = ?, duplicates = ?, refused = ? WHERE dev_eui = ?",
  tokensAfter:
    "SELECT tokens.id, dev_eui, seq, received_ms, digest, token, kind, boot FROM tokens JOIN nodes ON nodes.id = node WHERE tokens.id > ? ORDER BY tokens.id LIMIT ?",
  // "kind <> 0" is what lets SQLite use the index that leaves the batches out.
  statements:
    "SELECT id, seq, received_ms, digest, token, kind, boot FROM tokens WHERE node = ? AND kind = ? AND kind <> 0 AND id < ? ORDER BY seq DESC LIMIT ?",
  statementsOfBoot:
    "SELECT id, seq, received_ms, digest, token, kind, boot FROM tokens WHERE node = ? AND kind = ? AND kind <> 0 AND boot = ? AND id < ? ORDER BY seq DESC LIMIT ?",
  lastTokens:
    "SELECT id, seq, received_ms, digest, token, kind, boot FROM tokens WHERE node = ? ORDER BY seq DESC LIMIT ?",
  digestsFrom: "SELECT digest FROM tokens WHERE node = ? AND seq BETWEEN ? AND ? ORDER BY seq",
  addDigest: "INSERT INTO digests (node, seq, state) VALUES (?, ?, 0) ON CONFLICT (node, seq) DO NOTHING",
  putDigest: "UPDATE digests SET state = ? WHERE node = ? AND seq = ?",
  digestCounts: "SELECT state, count(*) AS n FROM digests WHERE node = ? GROUP BY state",
  incompleteDigests:
    "SELECT id, seq, received_ms, digest, token, kind, boot FROM tokens WHERE (node, seq) IN (SELECT node, seq FROM digests WHERE node = ? AND state = 0 ORDER BY seq DESC LIMIT ?) ORDER BY seq DESC",
  output: "SELECT token, length, tail FROM outputs WHERE name = ?",
  putOutput: "INSERT OR REPLACE INTO outputs (name, token, length, tail) VALUES (?, ?, ?, ?)",
  fact: "SELECT value FROM facts WHERE name = ?",
  putFact: "INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)",
};

export function prepareStatements(database: DatabaseSync): Statements {
  const entries = Object.entries(SQL).map(([name, sql]) => [name, database.prepare(sql)]);
  return Object.fromEntries(entries) as Statements;
}
