/** What a receiver must not forget: which token was accepted under which number, its bytes, and what kind it is. */
import type { TokenClaims } from "../../firmware/wire/eat-token.ts";
import type { DigestCounts, DigestState } from "./digest-checks.ts";
import type { AccountCounters } from "./gap-account.ts";
import { equalBytes } from "./hex.ts";

/** Kinds of tokens as a store can look for them. Batches with wall time are never looked for by kind. */
export const STORED_KIND = Object.freeze({
  batch: 0,
  boot: 1,
  digest: 2,
  anchor: 3,
  key: 4,
  /** A batch whose times are uptime. */
  uptimeBatch: 5,
} as const);

export type StoredKind = (typeof STORED_KIND)[keyof typeof STORED_KIND];

export function storedKind(claims: TokenClaims): StoredKind {
  return claims.kind === "batch" && !claims.wallTime ? STORED_KIND.uptimeBatch : STORED_KIND[claims.kind];
}

/** A verified token on its way into the store. */
export interface AcceptedToken {
  devEui: string;
  seq: number;
  kind: StoredKind;
  bootCount: number;
  /** SHA-256 of `token`. */
  digest: Uint8Array;
  /** The tagged COSE_Sign1 as verified. */
  token: Uint8Array;
  /** When it was complete, in Unix milliseconds. */
  receivedUnixMs: number;
  /** The order of acceptance: ascending, given by the store when it commits. */
  id?: number;
}

/** Which statements of a node are looked for. */
export interface StatementQuery {
  kind: Exclude<StoredKind, 0>;
  /** Of that boot only. */
  bootCount?: number;
  /** Accepted before the token with this id only. */
  beforeId?: number | undefined;
  limit: number;
}

/** The store behind a receiver: in memory here, a database in the field. */
export interface ReceiverStore {
  /** SHA-256 of the token committed under this number, or undefined. */
  digestOf(devEui: string, seq: number): Uint8Array | undefined;
  /**
   * Writes the token down and calls `done` once it would survive a crash, at once or in a later turn (a database commits many together), with
   * a reason when it could not. Only after `done` is the token handed on and acknowledged.
   */
  commit(entry: AcceptedToken, done: (failure?: string) => void): void;
  /** Numbers committed for a node: from, to, from, to ..., ascending, both ends included. Read once, when the receiver starts. */
  acceptedRanges(devEui: string): number[];
  /** Committed tokens of a kind, the highest number first. */
  statements(devEui: string, query: StatementQuery): AcceptedToken[];
  /** Committed tokens of any kind, the highest number first. */
  lastTokens(devEui: string, limit: number): AcceptedToken[];
  /** SHA-256 of the tokens committed from one number to another, ascending. */
  digests(devEui: string, firstSeq: number, lastSeq: number): Uint8Array[];
  /** What was last kept of a node's counters. Read once, when the receiver starts. */
  countersOf?(devEui: string): AccountCounters | undefined;
  /** What was kept of a node's digest tokens: how many agreed or did not, and the numbers of those that were incomplete. */
  digestAccount?(devEui: string): { counts: DigestCounts; incomplete: AcceptedToken[] };
  /** Commits at once what waits for others to be committed together with. */
  flush?(): void;
}

/** The outcome of a digest token, to be kept. */
export interface DigestOutcome {
  devEui: string;
  seq: number;
  state: DigestState;
}

/** Tokens of any kind that `MemoryStore` keeps of a node. */
const MAX_RECENT = 16;

interface MemoryNode {
  digests: Map<number, Uint8Array>;
  /** Ascending by seq: all but batches with wall time. */
  statements: AcceptedToken[];
  /** Ascending by seq: the last of any kind. */
  recent: AcceptedToken[];
}

/** A store that forgets everything with the process: for simulations and tests. */
export class MemoryStore implements ReceiverStore {
  #nodes = new Map<string, MemoryNode>();
  #lastId = 0;

  digestOf(devEui: string, seq: number): Uint8Array | undefined {
    return this.#nodes.get(devEui)?.digests.get(seq);
  }

  commit(entry: AcceptedToken, done: (failure?: string) => void): void {
    let node = this.#nodes.get(entry.devEui);
    if (node === undefined) {
      node = { digests: new Map(), statements: [], recent: [] };
      this.#nodes.set(entry.devEui, node);
    }
    const known = node.digests.get(entry.seq);
    if (known !== undefined && !equalBytes(known, entry.digest)) {
      done("number-already-committed");
      return;
    }
    if (known === undefined) {
      entry.id = ++this.#lastId;
      node.digests.set(entry.seq, entry.digest);
      insertBySeq(node.recent, entry);
      if (node.recent.length > MAX_RECENT) node.recent.shift();
      if (entry.kind !== STORED_KIND.batch) insertBySeq(node.statements, entry);
    }
    done();
  }

  statements(devEui: string, { kind, bootCount, beforeId, limit }: StatementQuery): AcceptedToken[] {
    return (this.#nodes.get(devEui)?.statements.slice() ?? [])
      .reverse()
      .filter((token) => token.kind === kind)
      .filter((token) => bootCount === undefined || token.bootCount === bootCount)
      .filter((token) => beforeId === undefined || (token.id as number) < beforeId)
      .slice(0, limit);
  }

  lastTokens(devEui: string, limit: number): AcceptedToken[] {
    return (this.#nodes.get(devEui)?.recent.slice() ?? []).reverse().slice(0, limit);
  }

  digests(devEui: string, firstSeq: number, lastSeq: number): Uint8Array[] {
    const found: Uint8Array[] = [];
    for (let seq = firstSeq; seq <= lastSeq; seq++) {
      const digest = this.digestOf(devEui, seq);
      if (digest !== undefined) found.push(digest);
    }
    return found;
  }

  acceptedRanges(devEui: string): number[] {
    const seqs = [...(this.#nodes.get(devEui)?.digests.keys() ?? [])].sort((a, b) => a - b);
    const ranges: number[] = [];
    for (const seq of seqs) {
      if (ranges.length > 0 && ranges[ranges.length - 1] === seq - 1) ranges[ranges.length - 1] = seq;
      else ranges.push(seq, seq);
    }
    return ranges;
  }
}

function insertBySeq(tokens: AcceptedToken[], entry: AcceptedToken): void {
  let at = tokens.length;
  while (at > 0 && tokens[at - 1].seq > entry.seq) at--;
  tokens.splice(at, 0, entry);
}
