/** What a receiver must not forget: which token was accepted under which number, and its bytes. */
import type { AccountCounters } from "./gap-account.ts";
import { equalBytes } from "./hex.ts";

/** A verified token on its way into the store. */
export interface AcceptedToken {
  devEui: string;
  seq: number;
  /** SHA-256 of `token`. */
  digest: Uint8Array;
  /** The tagged COSE_Sign1 as verified. */
  token: Uint8Array;
  /** When it was complete, in Unix milliseconds. */
  receivedUnixMs: number;
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
  /** What was last kept of a node's counters. Read once, when the receiver starts. */
  countersOf?(devEui: string): AccountCounters | undefined;
  /** Commits at once what waits for others to be committed together with. */
  flush?(): void;
}

/** A store that forgets everything with the process: for simulations and tests. */
export class MemoryStore implements ReceiverStore {
  #nodes = new Map<string, Map<number, Uint8Array>>();

  digestOf(devEui: string, seq: number): Uint8Array | undefined {
    return this.#nodes.get(devEui)?.get(seq);
  }

  commit(entry: AcceptedToken, done: (failure?: string) => void): void {
    let node = this.#nodes.get(entry.devEui);
    if (node === undefined) {
      node = new Map();
      this.#nodes.set(entry.devEui, node);
    }
    const known = node.get(entry.seq);
    if (known !== undefined && !equalBytes(known, entry.digest)) {
      done("number-already-committed");
      return;
    }
    node.set(entry.seq, entry.digest);
    done();
  }

  acceptedRanges(devEui: string): number[] {
    const seqs = [...(this.#nodes.get(devEui)?.keys() ?? [])].sort((a, b) => a - b);
    const ranges: number[] = [];
    for (const seq of seqs) {
      if (ranges.length > 0 && ranges[ranges.length - 1] === seq - 1) ranges[ranges.length - 1] = seq;
      else ranges.push(seq, seq);
    }
    return ranges;
  }
}
