/**
 * The tables of the receiver's store in SQLite, and their versions. Node.js only.
 *
 *   tokens    every accepted token once, in the order of acceptance (id), with its kind (STORED_KIND in store.ts) and its boot
 *   ranges    the same numbers as ranges, so that a start does not read all tokens
 *   nodes     a small number for each DevEUI, and its counters
 *   digests   what came of each digest token (DIGEST_STATE in digest-checks.ts)
 *   outputs   up to which token each output has got (output-files.ts)
 *   facts     who this store belongs to
 */
import type { DatabaseSync } from "node:sqlite";

/** "GTrx" in ASCII: says in the file's header whose it is (PRAGMA application_id). */
export const APPLICATION_ID = 0x47547278;
export const SCHEMA_VERSION = 2;

/** What leads from each version to the next; the first from an empty file. */
const STEPS: readonly string[] = [
  `CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE nodes (
     id INTEGER PRIMARY KEY,
     dev_eui TEXT NOT NULL UNIQUE,
     late INTEGER NOT NULL DEFAULT 0,
     duplicates INTEGER NOT NULL DEFAULT 0,
     refused INTEGER NOT NULL DEFAULT 0
   ) STRICT;
   CREATE TABLE tokens (
     id INTEGER PRIMARY KEY,
     node INTEGER NOT NULL REFERENCES nodes (id),
     seq INTEGER NOT NULL,
     received_ms INTEGER NOT NULL,
     digest BLOB NOT NULL,
     token BLOB NOT NULL,
     UNIQUE (node, seq)
   ) STRICT;
   CREATE TABLE ranges (
     node INTEGER NOT NULL REFERENCES nodes (id),
     first INTEGER NOT NULL,
     last INTEGER NOT NULL,
     PRIMARY KEY (node, first)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE outputs (
     name TEXT PRIMARY KEY,
     token INTEGER NOT NULL,
     length INTEGER NOT NULL,
     tail TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;`,
  // Version 1 knew batches only, and did not place those with uptime: they stay kind 0.
  `ALTER TABLE tokens ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE tokens ADD COLUMN boot INTEGER NOT NULL DEFAULT 0;
   CREATE INDEX statements ON tokens (node, kind, boot, seq) WHERE kind <> 0;
   CREATE TABLE digests (
     node INTEGER NOT NULL REFERENCES nodes (id),
     seq INTEGER NOT NULL,
     state INTEGER NOT NULL,
     PRIMARY KEY (node, seq)
   ) STRICT, WITHOUT ROWID;`,
];

/** Brings the tables of an open database to SCHEMA_VERSION. Returns why they cannot be used, or undefined. */
export function prepareSchema(database: DatabaseSync): string | undefined {
  const version = pragma(database, "user_version");
  const application = pragma(database, "application_id");
  const empty = database.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.n === 0;
  if (!empty && application !== APPLICATION_ID) return "it is another program's database";
  if (version > SCHEMA_VERSION) {
    return `it was written by a later version of groundtruth (schema ${version}, this one knows ${SCHEMA_VERSION})`;
  }
  for (let from = version; from < SCHEMA_VERSION; from++) {
    database.exec(
      `BEGIN IMMEDIATE; ${STEPS[from]} PRAGMA user_version = ${from + 1}; PRAGMA application_id = ${APPLICATION_ID}; COMMIT;`,
    );
  }
  return undefined;
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}
