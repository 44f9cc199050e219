/**
 * Every node that was ever made, so that no DevEUI and no key is given twice. A node goes through these states, forward only:
 *
 *   reserved --(its keys are in the keystore)--> made --(its files are written)--> filed
 *
 * and may be retired once it is made.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import type { SignatureAlgorithm } from "../../firmware/ports/crypto.ts";
import { type Eui64, type EuiBlock, formatEui } from "./eui.ts";
import { asRegistryError, openRegistryFile, RegistryError } from "./registry-file.ts";

export const NODE_STATE = Object.freeze({ reserved: 0, made: 1, filed: 2 });

export interface Batch {
  id: number;
  /** 16 hexadecimal digits. */
  name: string;
  /** Where its files are, absolute. */
  folder: string;
  /** The name of the keystore that has its secrets. */
  keystore: string;
  /** JSON of what was asked for. */
  plan: string;
}

export interface RegisteredNode {
  devEui: Eui64;
  /** The batch's name. */
  batch: string;
  /** In the batch, from 0 on. */
  position: number;
  state: number;
  serial: string | undefined;
  alg: SignatureAlgorithm | undefined;
  publicKey: Uint8Array | undefined;
  madeUnixMs: number | undefined;
  retiredUnixMs: number | undefined;
  retiredWhy: string | undefined;
}

/** Keys of a node to be entered. */
export interface NewNode {
  devEui: Eui64;
  alg: SignatureAlgorithm;
  publicKey: Uint8Array;
  /** Keys that must be this node's alone. */
  secretKeys: readonly Uint8Array[];
}

const COLUMNS =
  "dev_eui, batches.name AS batch, position, state, serial, alg, public_key, made_ms, retired_ms, retired_why";
const NODES = `SELECT ${COLUMNS} FROM nodes JOIN batches ON batches.id = batch`;

export class Registry {
  readonly #database: DatabaseSync;
  #isWriting = false;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Opens the registry, or makes it. Throws RegistryError. */
  static openOrMake(path: string): Registry {
    return new Registry(openRegistryFile(path, true));
  }

  /** Opens a registry that must be there. Throws RegistryError. */
  static open(path: string): Registry {
    if (!existsSync(path)) throw new RegistryError("missing", "there is no registry");
    return new Registry(openRegistryFile(path, false));
  }

  batchIn(folder: string): Batch | undefined {
    const row = this.#database.prepare("SELECT * FROM batches WHERE folder = ?").get(folder);
    return row === undefined ? undefined : asBatch(row);
  }

  batches(): Batch[] {
    return this.#database.prepare("SELECT * FROM batches ORDER BY id").all().map(asBatch);
  }

  /** Enters a batch with the DevEUIs promised to it, all or none. Throws RegistryError: duplicate. */
  beginBatch(batch: Omit<Batch, "id">, devEuis: readonly Eui64[], serials: readonly string[] | undefined): Batch {
    return this.#write(() => {
      const { lastInsertRowid } = this.#database
        .prepare("INSERT INTO batches (name, folder, keystore, plan, begun_ms) VALUES (?, ?, ?, ?, ?)")
        .run(batch.name, batch.folder, batch.keystore, batch.plan, Date.now());
      const id = Number(lastInsertRowid);
      const add = this.#database.prepare("INSERT INTO nodes (dev_eui, batch, position, serial) VALUES (?, ?, ?, ?)");
      const known = this.#database.prepare("SELECT 1 FROM nodes WHERE dev_eui = ?");
      const taken = this.#database.prepare("SELECT 1 FROM nodes WHERE serial = ?");
      devEuis.forEach((devEui, position) => {
        if (known.get(devEui) !== undefined) throw duplicate(`the DevEUI ${devEui} belongs to a node already`);
        const serial = serials?.[position] ?? null;
        if (serial !== null && taken.get(serial) !== undefined) throw duplicate(`the serial number ${serial} is taken`);
        add.run(devEui, id, position, serial);
      });
      return { ...batch, id };
    });
  }

  /** The next `count` DevEUIs of a block: those behind the highest that was ever given. Throws RegistryError: block-used-up. */
  nextOf({ first, last }: EuiBlock, count: number): Eui64[] {
    const row = this.#database
      .prepare("SELECT max(dev_eui) AS highest FROM nodes WHERE dev_eui BETWEEN ? AND ?")
      .get(formatEui(first), formatEui(last))!;
    const next = row.highest === null ? first : BigInt(`0x${row.highest}`) + 1n;
    const left = last - next + 1n;
    if (left < BigInt(count))
      throw new RegistryError("block-used-up", `the block has ${left} DevEUIs left, not ${count}`);
    return Array.from({ length: count }, (_, i) => formatEui(next + BigInt(i)));
  }

  /** Nodes of a batch in a state, in their order. */
  nodesOf(batch: Batch, state?: number): RegisteredNode[] {
    const rows = this.#database
      .prepare(`${NODES} WHERE batch = ? AND (? IS NULL OR state = ?) ORDER BY position`)
      .all(batch.id, state ?? null, state ?? null);
    return rows.map(asNode);
  }

  /** All nodes, or those of one batch by its name, with keys or without. */
  nodes(batch?: string): RegisteredNode[] {
    const rows = this.#database
      .prepare(`${NODES} WHERE ? IS NULL OR batches.name = ? ORDER BY batch, position`)
      .all(batch ?? null, batch ?? null);
    return rows.map(asNode);
  }

  node(devEui: Eui64): RegisteredNode | undefined {
    const row = this.#database.prepare(`${NODES} WHERE dev_eui = ?`).get(devEui);
    return row === undefined ? undefined : asNode(row);
  }

  batchOf(node: RegisteredNode): Batch {
    return asBatch(this.#database.prepare("SELECT * FROM batches WHERE name = ?").get(node.batch)!);
  }

  /** Throws RegistryError when a key is another node's, or occurs twice among the new ones. */
  checkNew(nodes: readonly NewNode[]): void {
    const seen = new Map<string, Eui64>();
    for (const { devEui, publicKey, secretKeys } of nodes) {
      const other = this.#database.prepare("SELECT dev_eui FROM nodes WHERE public_key = ?").get(publicKey);
      if (other !== undefined) throw duplicate(`the new key of ${devEui} is that of ${other.dev_eui}`);
      for (const [i, key] of [publicKey, ...secretKeys].entries()) {
        const print = printOf(key);
        const holder =
          seen.get(print.toString("hex")) ??
          (i === 0
            ? undefined
            : this.#database.prepare("SELECT dev_eui FROM prints WHERE print = ?").get(print)?.dev_eui);
        if (holder !== undefined) throw duplicate(`a new key of ${devEui} is that of ${holder}`);
        seen.set(print.toString("hex"), devEui);
      }
    }
  }

  /** Enters the keys of reserved nodes, all or none. Throws RegistryError: duplicate. */
  setMade(nodes: readonly NewNode[]): void {
    this.#write(() => {
      this.checkNew(nodes);
      const set = this.#database.prepare(
        `UPDATE nodes SET state = ${NODE_STATE.made}, alg = ?, public_key = ?, made_ms = ? WHERE dev_eui = ? AND state = ${NODE_STATE.reserved}`,
      );
      const addPrint = this.#database.prepare("INSERT INTO prints (print, dev_eui) VALUES (?, ?)");
      for (const { devEui, alg, publicKey, secretKeys } of nodes) {
        const { changes } = set.run(alg, publicKey, Date.now(), devEui);
        if (changes !== 1) throw duplicate(`the node ${devEui} was made already`);
        for (const key of secretKeys) addPrint.run(printOf(key), devEui);
      }
    });
  }

  /** The files of these nodes are written. */
  setFiled(devEuis: readonly Eui64[]): void {
    this.#write(() => {
      const set = this.#database.prepare(`UPDATE nodes SET state = ${NODE_STATE.filed} WHERE dev_eui = ?`);
      for (const devEui of devEuis) set.run(devEui);
    });
  }

  /** Whoever asks later is told that the node is no longer in use. Throws RegistryError: unknown. */
  retire(devEui: Eui64, why: string): void {
    const node = this.node(devEui);
    if (node === undefined) throw new RegistryError("unknown", `the registry has no node ${devEui}`);
    if (node.retiredUnixMs !== undefined) return;
    this.#database
      .prepare("UPDATE nodes SET retired_ms = ?, retired_why = ? WHERE dev_eui = ?")
      .run(Date.now(), why, devEui);
  }

  close(): void {
    this.#database.close();
  }

  /** Runs `change` in one transaction: nobody else gets the DevEUIs that it reads of in between. */
  exclusively<T>(change: () => T): T {
    return this.#write(change);
  }

  #write<T>(change: () => T): T {
    if (this.#isWriting) return change();
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      this.#isWriting = true;
      try {
        const result = change();
        this.#database.exec("COMMIT");
        return result;
      } catch (error) {
        this.#database.exec("ROLLBACK");
        throw error;
      } finally {
        this.#isWriting = false;
      }
    } catch (error) {
      throw asRegistryError(error);
    }
  }
}

function duplicate(message: string): RegistryError {
  return new RegistryError("duplicate", message);
}

function printOf(key: Uint8Array): Buffer {
  return createHash("sha256").update("groundtruth key ").update(key).digest();
}

type Row = Record<string, unknown>;

function asBatch(row: Row): Batch {
  return {
    id: row.id as number,
    name: row.name as string,
    folder: row.folder as string,
    keystore: row.keystore as string,
    plan: row.plan as string,
  };
}

function asNode(row: Row): RegisteredNode {
  const maybe = <T>(name: string): T | undefined => (row[name] === null ? undefined : (row[name] as T));
  return {
    devEui: row.dev_eui as string,
    batch: row.batch as string,
    position: row.position as number,
    state: row.state as number,
    serial: maybe("serial"),
    alg: maybe("alg"),
    publicKey: maybe("public_key"),
    madeUnixMs: maybe("made_ms"),
    retiredUnixMs: maybe("retired_ms"),
    retiredWhy: maybe("retired_why"),
  };
}
