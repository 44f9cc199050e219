/**
 * Secrets at rest: records by name, each a JSON object, under one passphrase. See keystore-crypto.ts for how they are sealed and keystore-file.ts
 * for where they lie. A record is added and read, never changed: a key that was given to a node stays what it is.
 *
 * The number of records is sealed too, so that one cannot be taken out unseen. An older copy of the whole file is not told from the newest by
 * itself: the registry of nodes knows whose secrets must be there.
 */
import { closeSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { asObject, type JsonObject } from "../receiver/json.ts";
import {
  DEFAULT_COST,
  derive,
  ID_BYTES,
  isReasonable,
  isSame,
  KEY_BYTES,
  open,
  randomKey,
  SALT_BYTES,
  type ScryptCost,
  seal,
  stretch,
} from "./keystore-crypto.ts";
import { asKeystoreError, createFile, createTables, KeystoreError, openFile } from "./keystore-file.ts";

interface Header {
  id: Uint8Array;
  cost: ScryptCost;
  salt: Uint8Array;
  check: Uint8Array;
  master: Uint8Array;
  head: Uint8Array;
}

export class Keystore {
  readonly #database: DatabaseSync;
  readonly #id: Uint8Array;
  readonly #master: Uint8Array;
  #count: number;

  private constructor(database: DatabaseSync, id: Uint8Array, master: Uint8Array, count: number) {
    this.#database = database;
    this.#id = id;
    this.#master = master;
    this.#count = count;
  }

  /** Makes an empty keystore. Throws KeystoreError. */
  static async create(path: string, passphrase: string, cost: ScryptCost = DEFAULT_COST): Promise<void> {
    const id = randomKey(ID_BYTES);
    const master = randomKey(KEY_BYTES);
    const header = { ...(await wrap(master, id, passphrase, cost)), head: sealCount(master, id, 0) };
    createFile(path, (temporary) => {
      const database = createTables(temporary);
      putHeader(database, header);
      database.close();
    });
  }

  /** Opens a keystore; `exclusive` for whoever will add to it. Throws KeystoreError. */
  static async open(path: string, passphrase: string, exclusive = false): Promise<Keystore> {
    const database = openFile(path, exclusive);
    try {
      const header = readHeader(database);
      const master = await unwrap(header, passphrase);
      const count = openCount(master, header);
      const row = database.prepare("SELECT count(*) AS n, coalesce(max(number), 0) AS last FROM records").get()!;
      if (row.n !== count || row.last !== count)
        throw tampered("records were taken out of the keystore, or put into it");
      return new Keystore(database, header.id, master, count);
    } catch (error) {
      database.close();
      throw asKeystoreError(error);
    }
  }

  /** The keystore's own name, in hexadecimal: no secret. */
  get id(): string {
    return Buffer.from(this.#id).toString("hex");
  }

  get count(): number {
    return this.#count;
  }

  /** Names of all records in the order in which they came. */
  names(): string[] {
    return this.#database
      .prepare("SELECT name FROM records ORDER BY number")
      .all()
      .map(({ name }) => name as string);
  }

  has(name: string): boolean {
    return this.#database.prepare("SELECT 1 FROM records WHERE name = ?").get(name) !== undefined;
  }

  /** Adds records, all or none; on the disk when this returns. Throws KeystoreError. */
  add(records: readonly { name: string; content: object }[]): void {
    const insert = this.#database.prepare("INSERT INTO records (number, name, sealed) VALUES (?, ?, ?)");
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      let number = this.#count;
      for (const { name, content } of records) {
        if (this.has(name)) throw new KeystoreError("name-taken", `the keystore has ${name} already`);
        number++;
        const plain = new TextEncoder().encode(JSON.stringify(content));
        insert.run(number, name, seal(this.#key(name), plain, this.#associated(number, name)));
      }
      this.#database.prepare("UPDATE header SET head = ?").run(sealCount(this.#master, this.#id, number));
      this.#database.exec("COMMIT");
      this.#count = number;
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw asKeystoreError(error);
    }
  }

  /** Throws KeystoreError when there is none of that name or it is not authentic. */
  get(name: string): JsonObject {
    const row = this.#database.prepare("SELECT number, sealed FROM records WHERE name = ?").get(name);
    if (row === undefined) throw new KeystoreError("name-unknown", `the keystore has no ${name}`);
    const plain = open(this.#key(name), row.sealed as Uint8Array, this.#associated(row.number as number, name));
    const content = plain && asObject(JSON.parse(new TextDecoder().decode(plain)));
    if (content === undefined) throw tampered(`the record ${name} was changed`);
    return content;
  }

  /** Reads every record, so that none is found bad when it is needed. Throws KeystoreError. */
  verify(): void {
    for (const name of this.names()) this.get(name);
  }

  /** Wraps the master key anew. Copies made before still open with the old passphrase. */
  async changePassphrase(passphrase: string, cost: ScryptCost = DEFAULT_COST): Promise<void> {
    const { salt, check, master } = await wrap(this.#master, this.#id, passphrase, cost);
    this.#database
      .prepare("UPDATE header SET n = ?, r = ?, p = ?, salt = ?, check_value = ?, master = ?")
      .run(cost.N, cost.r, cost.p, salt, check, master);
    // Secure deletion overwrites the row; this also leaves no page behind that held it.
    this.#database.exec("VACUUM");
  }

  /** Writes a copy under a name that is not taken, after every record was read. Throws KeystoreError. */
  copyTo(path: string): void {
    this.verify();
    createFile(path, (temporary) => this.#database.prepare("VACUUM INTO ?").run(temporary));
  }

  /** The same in the place of a file that may be there. */
  replace(path: string): void {
    const beside = `${path}.restored-${process.pid}`;
    try {
      this.copyTo(beside);
      renameSync(beside, path);
    } finally {
      rmSync(beside, { force: true });
    }
    const folder = openSync(dirname(path), "r");
    fsyncSync(folder);
    closeSync(folder);
  }

  close(): void {
    this.#master.fill(0);
    this.#database.close();
  }

  #key(name: string): Uint8Array {
    return derive(this.#master, this.#id, `groundtruth keystore record ${name}`);
  }

  #associated(number: number, name: string): string {
    return `groundtruth keystore ${this.id} record ${number} ${name}`;
  }
}

async function wrap(
  master: Uint8Array,
  id: Uint8Array,
  passphrase: string,
  cost: ScryptCost,
): Promise<Omit<Header, "head">> {
  const salt = randomKey(SALT_BYTES);
  const { key, check } = await stretch(passphrase, salt, cost);
  return { id, cost, salt, check: checkValue(check), master: seal(key, master, wrapped(id, cost)) };
}

async function unwrap({ id, cost, salt, check, master }: Header, passphrase: string): Promise<Uint8Array> {
  if (!isReasonable(cost)) throw tampered("the keystore's header is damaged");
  const stretched = await stretch(passphrase, salt, cost);
  if (!isSame(checkValue(stretched.check), check)) {
    throw new KeystoreError("wrong-passphrase", "this is not the keystore's passphrase");
  }
  const key = open(stretched.key, master, wrapped(id, cost));
  if (key === undefined) throw tampered("the keystore's header was changed");
  return key;
}

/** One-way, so that the file does not give half of scrypt's output away. */
function checkValue(check: Uint8Array): Uint8Array {
  return derive(check, new Uint8Array(0), "groundtruth keystore check");
}

function wrapped(id: Uint8Array, { N, r, p }: ScryptCost): string {
  return `groundtruth keystore ${Buffer.from(id).toString("hex")} master ${N} ${r} ${p}`;
}

function sealCount(master: Uint8Array, id: Uint8Array, count: number): Uint8Array {
  const plain = new TextEncoder().encode(String(count));
  return seal(derive(master, id, "groundtruth keystore head"), plain, "groundtruth keystore head");
}

function openCount(master: Uint8Array, { id, head }: Header): number {
  const plain = open(derive(master, id, "groundtruth keystore head"), head, "groundtruth keystore head");
  if (plain === undefined) throw tampered("the keystore's header was changed");
  return Number(new TextDecoder().decode(plain));
}

function putHeader(database: DatabaseSync, { id, cost, salt, check, master, head }: Header): void {
  database
    .prepare(
      "INSERT INTO header (one, id, n, r, p, salt, check_value, master, head) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .run(id, cost.N, cost.r, cost.p, salt, check, master, head);
}

function readHeader(database: DatabaseSync): Header {
  const row = database.prepare("SELECT id, n, r, p, salt, check_value, master, head FROM header").get();
  if (row === undefined) throw tampered("the keystore has no header");
  const bytes = (name: string): Uint8Array => row[name] as Uint8Array;
  return {
    id: bytes("id"),
    cost: { N: row.n as number, r: row.r as number, p: row.p as number },
    salt: bytes("salt"),
    check: bytes("check_value"),
    master: bytes("master"),
    head: bytes("head"),
  };
}

function tampered(message: string): KeystoreError {
  return new KeystoreError("tampered", message);
}
