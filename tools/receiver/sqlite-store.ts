/**
 * The receiver's store in SQLite (`node:sqlite`). Node.js only.
 *
 *   commit -> waiting ------- COMMIT_DELAY_MS, or MAX_WAITING tokens -------> one transaction -> done callbacks, in order -> onBatch
 *
 * A token is committed when SQLite's write-ahead log is on the disk (synchronous = FULL): it then survives SIGKILL and the loss of power.
 * That costs a millisecond or more whatever the number of tokens, so tokens wait for each other a little. What a killed receiver had not
 * committed was not acknowledged either, and the node sends it again.
 *
 * One process at a time has a store open for writing: it holds an exclusive lock on `FILE-owner`, which the operating system releases
 * with the process. Others may read (`readStore`).
 */
import { randomBytes } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { type DigestCounts, MAX_OPEN } from "./digest-checks.ts";
import type { AccountCounters } from "./gap-account.ts";
import { equalBytes } from "./hex.ts";
import { openDatabase, prepareStatements, type Statements, StoreError } from "./sqlite-database.ts";
import { digestCounts, readStore, type StoredToken, statementsOf, storedToken } from "./sqlite-reader.ts";
import {
  type AcceptedToken,
  type DigestOutcome,
  type ReceiverStore,
  STORED_KIND,
  type StatementQuery,
} from "./store.ts";

const SQLITE_BUSY = 5;

/** How long the first token of a batch waits for others: little against the second that a LoRaWAN downlink has. */
export const COMMIT_DELAY_MS = 10;
/** The most tokens in one transaction, which is what a backlog makes of them: under a megabyte, and some 150 ms of a core. */
export const MAX_WAITING = 1024;

/** Where an output has got to. */
export interface OutputPosition {
  /** Id of the last token that is in it. */
  token: number;
  /** How long the file was then, and its last characters. */
  length: number;
  tail: string;
}

interface Waiting {
  entry: AcceptedToken;
  done: (failure?: string) => void;
}

interface NodeRow {
  id: number;
  /** One above the highest number committed: above it no look-up is needed. */
  next: number;
}

export class SqliteStore implements ReceiverStore {
  /** Called after each transaction, when all its tokens have been handed on. */
  onBatch: (() => void) | undefined;
  /** Transactions, the tokens in them, those that failed, and the seconds that they took. */
  readonly counters = { commits: 0, tokens: 0, failures: 0, seconds: 0 };
  readonly #database: DatabaseSync;
  readonly #owner: DatabaseSync | undefined;
  readonly #statements: Statements;
  #nodes = new Map<string, NodeRow>();
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** Callers of the last transaction are being told: what they hand in now waits for the next one. */
  #flushing = false;
  #lastId: number;

  /** Opens the store for writing and makes it if there is none; ":memory:" is one that goes with the process. Throws StoreError. */
  constructor(path: string) {
    this.#owner = path === ":memory:" ? undefined : lockOwner(path);
    try {
      this.#database = openDatabase(path);
    } catch (error) {
      this.#owner?.close();
      throw error;
    }
    this.#statements = prepareStatements(this.#database);
    for (const row of this.#statements.allNodes.all()) {
      this.#nodes.set(String(row.dev_eui), { id: Number(row.id), next: Number(row.next) });
    }
    this.#lastId = Number(this.#statements.lastId.get()?.id);
    if (this.fact("instance") === undefined) this.setFact("instance", randomBytes(8).toString("hex"));
  }

  digestOf(devEui: string, seq: number): Uint8Array | undefined {
    const node = this.#nodes.get(devEui);
    if (node === undefined || seq >= node.next) return undefined;
    return this.#statements.digest.get(node.id, seq)?.digest as Uint8Array | undefined;
  }

  commit(entry: AcceptedToken, done: (failure?: string) => void): void {
    this.#waiting.push({ entry, done });
    if (this.#waiting.length >= MAX_WAITING && !this.#flushing) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), COMMIT_DELAY_MS);
  }

  acceptedRanges(devEui: string): number[] {
    const node = this.#nodes.get(devEui);
    const rows = node === undefined ? [] : this.#statements.ranges.all(node.id);
    return rows.flatMap(({ first, last }) => [Number(first), Number(last)]);
  }

  countersOf(devEui: string): AccountCounters | undefined {
    const row = this.#statements.counters.get(devEui);
    return row && { late: Number(row.late), duplicates: Number(row.duplicates), refused: Number(row.refused) };
  }

  /** Tokens handed in and not committed yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Id of the last token committed, 0 before the first. Ids ascend in the order of acceptance. */
  get lastId(): number {
    return this.#lastId;
  }

  /** Commits what waits, and tells whoever handed it in. A failure is theirs too: nothing of the batch is then in the store. */
  flush(): void {
    if (this.#flushing) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#waiting;
    if (batch.length === 0) return;
    this.#waiting = [];
    const started = performance.now();
    const clashes = new Set<Waiting>();
    const lastId = this.#lastId;
    const failure = this.#transaction(() => this.#insert(batch, clashes));
    this.counters.commits++;
    this.counters.seconds += (performance.now() - started) / 1000;
    if (failure === undefined) {
      this.counters.tokens += batch.length;
    } else {
      this.counters.failures++;
      this.#lastId = lastId;
      this.#forgetNodes();
    }
    this.#flushing = true;
    for (const waiting of batch)
      waiting.done(failure ?? (clashes.has(waiting) ? "number-already-committed" : undefined));
    this.#flushing = false;
    this.onBatch?.();
  }

  /** Tokens after the one with this id, in the order of acceptance, `limit` at most. */
  tokensAfter(id: number, limit: number): StoredToken[] {
    return this.#statements.tokensAfter.all(id, limit).map((row) => storedToken(row));
  }

  statements(devEui: string, query: StatementQuery): StoredToken[] {
    return statementsOf(this.#statements, this.#nodes.get(devEui)?.id, devEui, query);
  }

  lastTokens(devEui: string, limit: number): StoredToken[] {
    const node = this.#nodes.get(devEui);
    const rows = node === undefined ? [] : this.#statements.lastTokens.all(node.id, limit);
    return rows.map((row) => storedToken(row, devEui));
  }

  digests(devEui: string, firstSeq: number, lastSeq: number): Uint8Array[] {
    const node = this.#nodes.get(devEui);
    const rows = node === undefined ? [] : this.#statements.digestsFrom.all(node.id, firstSeq, lastSeq);
    return rows.map(({ digest }) => digest as Uint8Array);
  }

  digestAccount(devEui: string): { counts: DigestCounts; incomplete: StoredToken[] } {
    const node = this.#nodes.get(devEui);
    if (node === undefined) return { counts: { agree: 0, incomplete: 0, mismatch: 0 }, incomplete: [] };
    const rows = this.#statements.incompleteDigests.all(node.id, MAX_OPEN);
    return {
      counts: digestCounts(this.#statements, node.id),
      incomplete: rows.map((row) => storedToken(row, devEui)),
    };
  }

  /** Keeps where outputs have got to, counters, and what came of digest tokens, in one transaction. Returns why it failed, or undefined. */
  keep(
    positions: ReadonlyMap<string, OutputPosition>,
    accounts: readonly { devEui: string; counters: AccountCounters }[] = [],
    outcomes: readonly DigestOutcome[] = [],
  ): string | undefined {
    if (positions.size === 0 && accounts.length === 0 && outcomes.length === 0) return undefined;
    const failure = this.#transaction(() => {
      for (const [name, { token, length, tail }] of positions) {
        this.#statements.putOutput.run(name, token, length, tail);
      }
      for (const { devEui, counters } of accounts) {
        this.#node(devEui);
        this.#statements.putCounters.run(counters.late, counters.duplicates, counters.refused, devEui);
      }
      for (const { devEui, seq, state } of outcomes) this.#statements.putDigest.run(state, this.#node(devEui).id, seq);
    });
    if (failure !== undefined) this.#forgetNodes();
    return failure;
  }

  outputPosition(name: string): OutputPosition | undefined {
    const row = this.#statements.output.get(name);
    return row && { token: Number(row.token), length: Number(row.length), tail: String(row.tail) };
  }

  fact(name: string): string | undefined {
    return this.#statements.fact.get(name)?.value as string | undefined;
  }

  setFact(name: string, value: string): void {
    this.#statements.putFact.run(name, value);
  }

  /**
   * Takes over the tokens that another store holds of the nodes that `wanted` says, as accepted there, and once their counters. Returns how
   * many tokens were new here, or throws StoreError: when a number is used by two different tokens, nothing at all is taken.
   */
  takeOver(path: string, wanted: (devEui: string) => boolean): number {
    const from = readStore(path);
    try {
      let taken = 0;
      const clashes = new Set<Waiting>();
      const failure = this.#transaction(() => {
        const known = `counters of ${from.fact("instance")}`;
        for (const { devEui, counters } of this.fact(known) === undefined ? from.nodes() : []) {
          if (wanted(devEui)) this.#addCounters(devEui, counters);
        }
        this.setFact(known, "added");
        let at = 0;
        for (let rows = from.tokensAfter(at, MAX_WAITING); rows.length > 0; rows = from.tokensAfter(at, MAX_WAITING)) {
          at = rows[rows.length - 1].id;
          const batch = rows
            .filter(({ devEui }) => wanted(devEui))
            .map((entry): Waiting => ({ entry, done: () => {} }));
          taken += this.#insert(batch, clashes);
          for (const { entry } of clashes) {
            throw new StoreError(`number ${entry.seq} of node ${entry.devEui} is another token here and in ${path}`);
          }
        }
      });
      if (failure !== undefined) {
        this.#forgetNodes();
        throw new StoreError(failure);
      }
      return taken;
    } finally {
      from.close();
    }
  }

  /** Commits what waits and closes the file. */
  close(): void {
    this.flush();
    this.#database.close();
    this.#owner?.close();
  }

  /** Inserts what is not there yet; returns how many. A number that is used by another token goes into `clashes`. */
  #insert(batch: readonly Waiting[], clashes: Set<Waiting>): number {
    const added = new Map<NodeRow, number[]>();
    let count = 0;
    for (const waiting of batch) {
      const { devEui, seq, receivedUnixMs, digest, token, kind, bootCount } = waiting.entry;
      const node = this.#node(devEui);
      const result = this.#statements.insert.run(node.id, seq, receivedUnixMs, digest, token, kind, bootCount);
      if (result.changes === 0) {
        const there = this.#statements.digest.get(node.id, seq)?.digest as Uint8Array;
        if (!equalBytes(there, digest)) clashes.add(waiting);
        continue;
      }
      count++;
      this.#lastId = Number(result.lastInsertRowid);
      waiting.entry.id = this.#lastId;
      if (kind === STORED_KIND.digest) this.#statements.addDigest.run(node.id, seq);
      const numbers = added.get(node);
      if (numbers === undefined) added.set(node, [seq]);
      else numbers.push(seq);
    }
    for (const [node, numbers] of added) this.#addRanges(node, numbers);
    return count;
  }

  #addCounters(devEui: string, { late, duplicates, refused }: AccountCounters): void {
    this.#node(devEui);
    const own = this.countersOf(devEui)!;
    this.#statements.putCounters.run(own.late + late, own.duplicates + duplicates, own.refused + refused, devEui);
  }

  #addRanges(node: NodeRow, numbers: number[]): void {
    numbers.sort((a, b) => a - b);
    for (let i = 0; i < numbers.length; ) {
      let first = numbers[i];
      let last = first;
      for (i++; i < numbers.length && numbers[i] === last + 1; i++) last++;
      node.next = Math.max(node.next, last + 1);
      const right = this.#statements.takeRangeAt.get(node.id, last + 1);
      if (right !== undefined) last = Number(right.last);
      const left = this.#statements.rangeBefore.get(node.id, first);
      if (left !== undefined && Number(left.last) === first - 1) first = Number(left.first);
      this.#statements.putRange.run(node.id, first, last);
    }
  }

  /** The node's row, made if need be. */
  #node(devEui: string): NodeRow {
    let node = this.#nodes.get(devEui);
    if (node === undefined) {
      node = { id: Number(this.#statements.addNode.run(devEui).lastInsertRowid), next: 0 };
      this.#nodes.set(devEui, node);
    }
    return node;
  }

  /** After a transaction that failed, memory may know what the file does not. */
  #forgetNodes(): void {
    this.#nodes.clear();
    for (const row of this.#statements.allNodes.all()) {
      this.#nodes.set(String(row.dev_eui), { id: Number(row.id), next: Number(row.next) });
    }
    this.#lastId = Number(this.#statements.lastId.get()?.id);
  }

  /** Returns why it failed, or undefined. */
  #transaction(work: () => void): string | undefined {
    try {
      this.#statements.begin.run();
      work();
      this.#statements.commit.run();
      return undefined;
    } catch (error) {
      // SQLite has rolled back by itself where the disk was full.
      if (this.#database.isTransaction) this.#statements.rollback.run();
      return (error as Error).message;
    }
  }
}

function lockOwner(path: string): DatabaseSync {
  let owner: DatabaseSync | undefined;
  try {
    owner = new DatabaseSync(`${path}-owner`);
    owner.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    return owner;
  } catch (error) {
    owner?.close();
    const inUse = (error as { errcode?: number }).errcode === SQLITE_BUSY;
    throw new StoreError(inUse ? "another receiver has it open" : (error as Error).message, inUse);
  }
}
