/**
 * The tables of the registry of all nodes ever made, in SQLite. Nothing in it is secret.
 *
 *   facts     the registry's own name
 *   batches   what was asked for, where its files are and whose keystore has its secrets
 *   nodes     each DevEUI once, from the moment it was promised; its public key once it has one. Rows are never deleted, so neither a DevEUI nor a
 *             key is ever given twice
 *   prints    SHA-256 of each secret key (128 random bits: nothing can be found from it), so that none is given twice
 */
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** "GTnr" in ASCII: says in the file's header whose it is (PRAGMA application_id). */
const APPLICATION_ID = 0x47546e72;
const VERSION = 1;

export type RegistryReason = "foreign" | "in-use" | "damaged" | "missing" | "duplicate" | "block-used-up" | "unknown";

/** What is wrong with the registry, or what it refuses. */
export class RegistryError extends Error {
  readonly reason: RegistryReason;

  constructor(reason: RegistryReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

const SCHEMA = `
  CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE batches (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    folder TEXT NOT NULL,
    keystore TEXT NOT NULL,
    plan TEXT NOT NULL,
    begun_ms INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE nodes (
    dev_eui TEXT PRIMARY KEY,
    batch INTEGER NOT NULL REFERENCES batches (id),
    position INTEGER NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    serial TEXT UNIQUE,
    alg INTEGER,
    public_key BLOB UNIQUE,
    made_ms INTEGER,
    retired_ms INTEGER,
    retired_why TEXT,
    UNIQUE (batch, position)
  ) STRICT;
  CREATE TABLE prints (print BLOB PRIMARY KEY, dev_eui TEXT NOT NULL REFERENCES nodes (dev_eui)) STRICT, WITHOUT ROWID;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${VERSION}`;

/** Opens the registry; makes it where `make` says so and there is none. Throws RegistryError. */
export function openRegistryFile(path: string, make: boolean): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    if (make) mkdirSync(dirname(path), { recursive: true });
    database = new DatabaseSync(path, { timeout: 5_000, readOnly: false });
    prepare(database, make);
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
    return database;
  } catch (error) {
    database?.close();
    throw asRegistryError(error);
  }
}

/** What SQLite says, as an error of the registry. */
export function asRegistryError(error: unknown): unknown {
  if (error instanceof RegistryError || !(error instanceof Error)) return error;
  const { errcode } = error as Error & { errcode?: number };
  switch (errcode === undefined ? -1 : errcode & 0xff) {
    case 5: // SQLITE_BUSY
      return new RegistryError("in-use", "another program has the registry open");
    case 11: // SQLITE_CORRUPT
      return new RegistryError("damaged", "the registry is damaged");
    case 14: // SQLITE_CANTOPEN
      return new RegistryError("missing", "the registry cannot be opened there");
    case 26: // SQLITE_NOTADB
      return new RegistryError("foreign", "the file is no registry of groundtruth's nodes");
    default:
      return error;
  }
}

function prepare(database: DatabaseSync, make: boolean): void {
  const pragma = (name: string): unknown => database.prepare(`PRAGMA ${name}`).get()?.[name];
  // Two programs may make it at the same time: the second finds the tables of the first.
  database.exec("BEGIN IMMEDIATE");
  const application = pragma("application_id");
  const tables = database.prepare("SELECT count(*) AS n FROM sqlite_schema").get()!.n;
  if (application === 0 && tables === 0 && make) {
    database.exec(SCHEMA);
    database.prepare("INSERT INTO facts VALUES ('id', ?)").run(randomBytes(16).toString("hex"));
  } else if (application !== APPLICATION_ID) {
    throw new RegistryError("foreign", "the file is no registry of groundtruth's nodes");
  } else if (pragma("user_version") !== VERSION) {
    throw new RegistryError("foreign", "the registry was made by another version of groundtruth");
  }
  database.exec("COMMIT");
}
