/**
 * The file of a keystore: a SQLite database that only its owner can read (mode 0600), so that adding records is all or nothing whatever happens
 * meanwhile, and that two programs cannot write at once.
 *
 *   header    one row: the keystore's name (16 random bytes), the cost and salt of scrypt, the check value, the wrapped master key, and under
 *             `head` the sealed number of records
 *   records   numbered from 1 on, by name: what keystore-crypto.ts seals
 */
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** "GTks" in ASCII: says in the file's header whose it is (PRAGMA application_id). */
const APPLICATION_ID = 0x47546b73;
const VERSION = 1;
const OWNER_ONLY = 0o600;
const FOLDER_MODE = 0o700;
const OTHERS = 0o077;

export type KeystoreReason =
  | "missing"
  | "exists"
  | "not-a-keystore"
  | "wrong-passphrase"
  | "tampered"
  | "in-use"
  | "open-to-others"
  | "name-taken"
  | "name-unknown";

/** What is wrong with a keystore. */
export class KeystoreError extends Error {
  readonly reason: KeystoreReason;

  constructor(reason: KeystoreReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

const SCHEMA = `
  CREATE TABLE header (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id BLOB NOT NULL, n INTEGER NOT NULL, r INTEGER NOT NULL, p INTEGER NOT NULL,
    salt BLOB NOT NULL, check_value BLOB NOT NULL, master BLOB NOT NULL, head BLOB NOT NULL
  ) STRICT;
  CREATE TABLE records (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, sealed BLOB NOT NULL) STRICT;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${VERSION}`;

/** Makes a file that nobody else can read, filled by `fill`, under a name that is not taken. It is there whole or not at all. */
export function createFile(path: string, fill: (temporary: string) => void): void {
  mkdirSync(dirname(path), { recursive: true, mode: FOLDER_MODE });
  const temporary = `${path}.new-${process.pid}`;
  try {
    closeSync(openSync(temporary, "wx", OWNER_ONLY));
    fill(temporary);
    const file = openSync(temporary, "r");
    fsyncSync(file);
    closeSync(file);
    linkSync(temporary, path);
  } catch (error) {
    if (codeOf(error) === "EEXIST") throw new KeystoreError("exists", "there is a file of that name already");
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Puts the tables of a keystore into an empty file. */
export function createTables(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  database.exec(SCHEMA);
  return database;
}

/** Opens a keystore's file. `exclusive`: nobody else may have it open until it is closed. Throws KeystoreError. */
export function openFile(path: string, exclusive: boolean): DatabaseSync {
  checkMode(path);
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 1_000 });
    database.exec("PRAGMA trusted_schema = OFF; PRAGMA secure_delete = ON; PRAGMA synchronous = FULL");
    if (pragma(database, "application_id") !== APPLICATION_ID) {
      throw new KeystoreError("not-a-keystore", "the file is no keystore of groundtruth");
    }
    if (pragma(database, "user_version") !== VERSION) {
      throw new KeystoreError("not-a-keystore", "the keystore was made by another version of groundtruth");
    }
    if (exclusive) database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT");
    return database;
  } catch (error) {
    database?.close();
    throw asKeystoreError(error);
  }
}

/** What SQLite says, as an error of a keystore. */
export function asKeystoreError(error: unknown): unknown {
  if (error instanceof KeystoreError || !(error instanceof Error)) return error;
  const { errcode } = error as Error & { errcode?: number };
  switch (errcode === undefined ? -1 : errcode & 0xff) {
    case 5: // SQLITE_BUSY
      return new KeystoreError("in-use", "another program has the keystore open");
    case 11: // SQLITE_CORRUPT
      return new KeystoreError("tampered", "the keystore is damaged");
    case 26: // SQLITE_NOTADB
      return new KeystoreError("not-a-keystore", "the file is no keystore of groundtruth");
    default:
      return error;
  }
}

function checkMode(path: string): void {
  let mode: number;
  try {
    const status = statSync(path);
    if (!status.isFile()) throw new KeystoreError("not-a-keystore", "this is no file");
    mode = status.mode;
  } catch (error) {
    if (codeOf(error) === "ENOENT") throw new KeystoreError("missing", "there is no keystore");
    throw error;
  }
  // Windows has no such bits: its access lists are the administrator's to look after.
  if (process.platform !== "win32" && mode & OTHERS) {
    throw new KeystoreError("open-to-others", "the keystore is open to others than its owner");
  }
}

function pragma(database: DatabaseSync, name: string): unknown {
  return database.prepare(`PRAGMA ${name}`).get()?.[name];
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
