/** Looks into a receiver's store, while a receiver has it open or not. Node.js only. */
import { existsSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import type { AccountCounters } from "./gap-account.ts";
import { openDatabase, prepareStatements, StoreError } from "./sqlite-database.ts";
import type { AcceptedToken } from "./store.ts";

export interface StoredToken extends AcceptedToken {
  id: number;
}

/** A store that is only looked at, while a receiver has it open or not. */
export interface StoreReader {
  nodes(): { devEui: string; counters: AccountCounters; ranges: number[]; lastReceivedUnixMs: number | undefined }[];
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
  const { allNodes, ranges, counters, tokensAfter, lastReceived, fact } = prepareStatements(database);
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
        };
      }),
    tokensAfter: (id, limit) => tokensAfter.all(id, limit).map(storedToken),
    fact: (name) => fact.get(name)?.value as string | undefined,
    close: () => database.close(),
  };
}

/** A row of `tokensAfter`. */
export function storedToken(row: Record<string, unknown>): StoredToken {
  return {
    id: Number(row.id),
    devEui: String(row.dev_eui),
    seq: Number(row.seq),
    receivedUnixMs: Number(row.received_ms),
    digest: row.digest as Uint8Array,
    token: row.token as Uint8Array,
  };
}
