import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { StoreError } from "../../../../tools/receiver/sqlite-database.ts";
import { readStore } from "../../../../tools/receiver/sqlite-reader.ts";
import { APPLICATION_ID } from "../../../../tools/receiver/sqlite-schema.ts";
import { MAX_WAITING, SqliteStore } from "../../../../tools/receiver/sqlite-store.ts";
import { type AcceptedToken, MemoryStore, type StoredKind } from "../../../../tools/receiver/store.ts";

const NODE = "70b3d57ed0000001";
const OTHER = "70b3d57ed0000002";

function entry(devEui: string, seq: number, variant = 0): AcceptedToken {
  const bytes = new Uint8Array(32).fill(variant);
  new DataView(bytes.buffer).setUint32(0, seq);
  return {
    devEui,
    seq,
    kind: 0,
    bootCount: 1,
    digest: bytes,
    token: bytes.slice(0, 20),
    receivedUnixMs: 1_780_000_000_000 + seq,
  };
}

/** Commits and flushes; returns what `done` said. */
function commit(store: SqliteStore, ...entries: AcceptedToken[]): (string | undefined)[] {
  const said: (string | undefined)[] = [];
  for (const one of entries) store.commit(one, (failure) => said.push(failure));
  store.flush();
  return said;
}

describe("SQLite store of the receiver", () => {
  let folder: string;
  let path: string;
  const open: SqliteStore[] = [];
  const newStore = (at = path): SqliteStore => {
    const store = new SqliteStore(at);
    open.push(store);
    return store;
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "groundtruth-store-"));
    path = join(folder, "receiver.db");
  });
  afterEach(() => {
    for (const store of open.splice(0)) store.close();
    rmSync(folder, { recursive: true });
  });

  it("says done only after the transaction, in order, and onBatch after all of them", () => {
    const store = newStore();
    const said: string[] = [];
    store.onBatch = () => said.push("batch");
    store.commit(entry(NODE, 0), () => {
      said.push("0");
      const reader = readStore(path);
      assert.equal(reader.nodes()[0].ranges.length, 2, "another connection sees the token");
      reader.close();
    });
    store.commit(entry(NODE, 1), () => said.push("1"));
    assert.deepEqual(said, []);
    assert.equal(store.digestOf(NODE, 0), undefined);
    assert.equal(store.waiting, 2);
    store.flush();
    assert.deepEqual(said, ["0", "1", "batch"]);
    assert.equal(store.waiting, 0);
    assert.deepEqual(store.digestOf(NODE, 1), entry(NODE, 1).digest);
    assert.equal(store.digestOf(NODE, 2), undefined);
    assert.equal(store.digestOf(OTHER, 0), undefined);
  });

  it(`commits ${MAX_WAITING} tokens without waiting for more, and fewer by itself a moment later`, async () => {
    const store = newStore();
    for (let seq = 0; seq < MAX_WAITING; seq++) store.commit(entry(NODE, seq), () => {});
    assert.equal(store.waiting, 0);
    await new Promise<void>((resolve) => store.commit(entry(NODE, MAX_WAITING), () => resolve()));
    assert.deepEqual(store.acceptedRanges(NODE), [0, MAX_WAITING]);
    assert.equal(store.counters.commits, 2);
  });

  it("knows everything again after a restart: digests, ranges, counters, positions of outputs, its name", () => {
    const store = newStore();
    commit(store, entry(NODE, 3), entry(NODE, 4), entry(OTHER, 0), entry(NODE, 0));
    store.keep(new Map([["out", { token: 4, length: 99, tail: "}" }]]), [
      { devEui: NODE, counters: { late: 1, duplicates: 2, refused: 3 } },
    ]);
    const name = store.fact("instance");
    store.close();
    open.pop();
    const again = newStore();
    assert.deepEqual(again.acceptedRanges(NODE), [0, 0, 3, 4]);
    assert.deepEqual(again.digestOf(NODE, 4), entry(NODE, 4).digest);
    assert.equal(again.digestOf(NODE, 1), undefined);
    assert.deepEqual(again.countersOf(NODE), { late: 1, duplicates: 2, refused: 3 });
    assert.deepEqual(again.countersOf(OTHER), { late: 0, duplicates: 0, refused: 0 });
    assert.equal(again.countersOf("70b3d57ed0000009"), undefined);
    assert.deepEqual(again.outputPosition("out"), { token: 4, length: 99, tail: "}" });
    assert.equal(again.lastId, 4);
    assert.match(again.fact("instance")!, /^[0-9a-f]{16}$/);
    assert.equal(again.fact("instance"), name);
  });

  it("a number is committed once: the same token again is no failure and no second row, another one is refused", () => {
    const store = newStore();
    assert.deepEqual(commit(store, entry(NODE, 5), entry(NODE, 5), entry(NODE, 5, 1)), [
      undefined,
      undefined,
      "number-already-committed",
    ]);
    assert.deepEqual(commit(store, entry(NODE, 5), entry(NODE, 5, 1)), [undefined, "number-already-committed"]);
    assert.equal(store.tokensAfter(0, 10).length, 1);
    assert.deepEqual(store.acceptedRanges(NODE), [5, 5]);
  });

  it("hands tokens out in the order of acceptance, as they were handed in", () => {
    const store = newStore();
    const entries = [entry(NODE, 7), entry(OTHER, 1), entry(NODE, 2)];
    commit(store, ...entries);
    const rows = store.tokensAfter(0, 10);
    assert.deepEqual(
      rows,
      entries.map((one, i) => ({ ...one, id: i + 1 })),
    );
    assert.deepEqual(
      store.tokensAfter(rows[0].id, 1).map(({ seq }) => seq),
      [1],
    );
  });

  it("when a transaction fails nothing of it is there, every caller is told, and the tokens can come again", () => {
    const store = newStore();
    commit(store, entry(NODE, 0));
    const other = new DatabaseSync(path);
    other.exec(
      "CREATE TRIGGER full BEFORE INSERT ON tokens WHEN NEW.seq = 2 BEGIN SELECT RAISE(FAIL, 'disk is full'); END",
    );
    assert.deepEqual(commit(store, entry(NODE, 1), entry(NODE, 2), entry(OTHER, 0)), [
      "disk is full",
      "disk is full",
      "disk is full",
    ]);
    assert.deepEqual(store.acceptedRanges(NODE), [0, 0]);
    assert.equal(store.digestOf(NODE, 1), undefined);
    assert.equal(store.digestOf(OTHER, 0), undefined);
    assert.equal(store.lastId, 1);
    assert.equal(store.counters.failures, 1);
    other.exec("DROP TRIGGER full");
    other.close();
    assert.deepEqual(commit(store, entry(NODE, 1), entry(NODE, 2), entry(OTHER, 0)), [undefined, undefined, undefined]);
    assert.deepEqual(store.acceptedRanges(NODE), [0, 2]);
    assert.deepEqual(store.acceptedRanges(OTHER), [0, 0]);
  });

  it("keeps the same ranges as a store in memory, whatever the order and the restarts", () => {
    const dice = new RandomStream(11, "sqlite-store");
    const reference = new MemoryStore();
    let store = newStore();
    for (let round = 0; round < 60; round++) {
      for (let i = 0; i < 20; i++) {
        const one = entry(dice.unit() < 0.5 ? NODE : OTHER, dice.below(400));
        reference.commit(one, () => {});
        store.commit(one, () => {});
      }
      store.flush();
      if (round % 10 === 9) {
        store.close();
        open.pop();
        store = newStore();
      }
      for (const devEui of [NODE, OTHER]) {
        assert.deepEqual(store.acceptedRanges(devEui), reference.acceptedRanges(devEui));
      }
    }
  });

  it("is open for writing in one process at a time, and can be read meanwhile", () => {
    const store = newStore();
    commit(store, entry(NODE, 0));
    assert.throws(
      () => new SqliteStore(path),
      (error) => error instanceof StoreError && error.inUse,
    );
    const reader = readStore(path);
    assert.deepEqual(reader.nodes(), [
      {
        devEui: NODE,
        counters: { late: 0, duplicates: 0, refused: 0 },
        ranges: [0, 0],
        lastReceivedUnixMs: 1_780_000_000_000,
        digests: { agree: 0, incomplete: 0, mismatch: 0 },
      },
    ]);
    reader.close();
    store.close();
    open.pop();
    newStore();
  });

  it("refuses what is not its own, with the reason, and leaves it as it was", () => {
    assert.throws(() => readStore(join(folder, "none.db")), /no such file/);
    assert.equal(existsSync(join(folder, "none.db")), false);
    writeFileSync(
      path,
      "not a database at all, but text that is long enough to have a header of a hundred bytes or more ...",
    );
    assert.throws(() => new SqliteStore(path), /not a database/);
    const foreign = join(folder, "foreign.db");
    new DatabaseSync(foreign).exec("CREATE TABLE a (b)");
    assert.throws(() => new SqliteStore(foreign), /another program's database/);
    newStore(join(folder, "later.db")).close();
    open.pop();
    const later = new DatabaseSync(join(folder, "later.db"));
    later.exec("PRAGMA user_version = 99");
    later.close();
    assert.throws(() => new SqliteStore(join(folder, "later.db")), /later version of groundtruth \(schema 99/);
    assert.throws(() => new SqliteStore(join(folder, "no", "such", "folder.db")), StoreError);
  });

  it("takes over another store's tokens and counters of the nodes that it is asked for, once", () => {
    const other = newStore(join(folder, "other.db"));
    commit(other, entry(NODE, 0), entry(NODE, 1), entry(OTHER, 0), entry(NODE, 5));
    other.keep(new Map(), [{ devEui: NODE, counters: { late: 0, duplicates: 4, refused: 1 } }]);
    const store = newStore();
    commit(store, entry(NODE, 1), entry(NODE, 2));
    assert.equal(
      store.takeOver(join(folder, "other.db"), (devEui) => devEui === NODE),
      2,
    );
    assert.deepEqual(store.acceptedRanges(NODE), [0, 2, 5, 5]);
    assert.deepEqual(store.acceptedRanges(OTHER), []);
    assert.deepEqual(store.countersOf(NODE), { late: 0, duplicates: 4, refused: 1 });
    commit(other, entry(NODE, 6));
    assert.equal(
      store.takeOver(join(folder, "other.db"), () => true),
      2,
      "a second time what has been added, and what was not asked for before",
    );
    assert.deepEqual(store.acceptedRanges(NODE), [0, 2, 5, 6]);
    assert.deepEqual(store.countersOf(NODE), { late: 0, duplicates: 4, refused: 1 }, "counters are added once");
  });

  it("takes nothing over when a number is two different tokens", () => {
    const other = newStore(join(folder, "other.db"));
    commit(other, entry(NODE, 0), entry(NODE, 1, 9));
    const store = newStore();
    commit(store, entry(NODE, 1));
    assert.throws(() => store.takeOver(join(folder, "other.db"), () => true), /number 1 of node 70b3d57ed0000001/);
    assert.deepEqual(store.acceptedRanges(NODE), [1, 1]);
  });

  it("finds statements by kind and boot, the highest number first, as they were when a token was accepted", () => {
    const store = newStore();
    const of = (seq: number, kind: StoredKind, bootCount: number): AcceptedToken => ({
      ...entry(NODE, seq),
      kind,
      bootCount,
    });
    commit(store, of(0, 1, 1), of(1, 0, 1), of(4, 5, 2), of(3, 5, 1), entry(OTHER, 0), of(2, 5, 1));
    const reference = new MemoryStore();
    for (const token of [of(0, 1, 1), of(1, 0, 1), of(4, 5, 2), of(3, 5, 1), entry(OTHER, 0), of(2, 5, 1)])
      reference.commit(token, () => {});
    for (const query of [
      { kind: 5, limit: 9 },
      { kind: 5, limit: 1 },
      { kind: 5, bootCount: 1, limit: 9 },
      { kind: 5, bootCount: 1, beforeId: 6, limit: 9 },
      { kind: 1, limit: 9 },
      { kind: 4, limit: 9 },
    ] as const) {
      assert.deepEqual(store.statements(NODE, query), reference.statements(NODE, query));
    }
    assert.deepEqual(
      store.statements(NODE, { kind: 5, limit: 9 }).map(({ seq, bootCount }) => [seq, bootCount]),
      [
        [4, 2],
        [3, 1],
        [2, 1],
      ],
    );
    assert.deepEqual(store.lastTokens(NODE, 3), reference.lastTokens(NODE, 3));
    assert.deepEqual(store.digests(NODE, 1, 3), reference.digests(NODE, 1, 3));
    assert.deepEqual(store.statements("70b3d57ed0000009", { kind: 1, limit: 9 }), []);
    const reader = readStore(path);
    assert.deepEqual(reader.statements(NODE, { kind: 1, limit: 9 }), store.statements(NODE, { kind: 1, limit: 9 }));
    reader.close();
  });

  it("keeps what came of digest tokens; those that it was not told of are incomplete", () => {
    const store = newStore();
    const digest = (seq: number): AcceptedToken => ({ ...entry(NODE, seq), kind: 2 });
    commit(store, digest(3), digest(5), digest(7), digest(9));
    store.keep(
      new Map(),
      [],
      [
        { devEui: NODE, seq: 3, state: 1 },
        { devEui: NODE, seq: 7, state: 2 },
      ],
    );
    store.close();
    open.pop();
    const { counts, incomplete } = newStore().digestAccount(NODE);
    assert.deepEqual(counts, { agree: 1, incomplete: 2, mismatch: 1 });
    assert.deepEqual(
      incomplete.map(({ seq }) => seq),
      [9, 5],
    );
    const reader = readStore(path);
    assert.deepEqual(reader.nodes()[0].digests, { agree: 1, incomplete: 2, mismatch: 1 });
    reader.close();
  });

  it("takes what a caller hands in while it is told of a commit into the next transaction", () => {
    const store = newStore();
    const batches: number[] = [];
    store.onBatch = () => batches.push(store.lastId);
    store.commit(entry(NODE, 0), () => {
      store.commit(entry(NODE, 1), () => {});
      store.flush();
      assert.equal(store.waiting, 1);
    });
    store.flush();
    assert.deepEqual([batches, store.waiting], [[1], 1]);
    store.flush();
    assert.deepEqual(
      [batches, store.acceptedRanges(NODE)],
      [
        [1, 2],
        [0, 1],
      ],
    );
  });

  it("brings a store of version 1 to this version, with all that is in it", () => {
    const old = new DatabaseSync(path);
    old.exec(VERSION_1);
    old.close();
    const store = newStore();
    assert.deepEqual(store.acceptedRanges(NODE), [4, 4]);
    assert.deepEqual(store.lastTokens(NODE, 9)[0], { ...entry(NODE, 4), bootCount: 0, id: 1 });
    commit(store, { ...entry(NODE, 5), kind: 1 });
    assert.equal(store.statements(NODE, { kind: 1, limit: 9 }).length, 1);
    assert.deepEqual(store.outputPosition("out"), { token: 1, length: 9, tail: "}" });
  });
});

/** A store as version 1 of the schema made it. */
const VERSION_1 = `
  CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE nodes (id INTEGER PRIMARY KEY, dev_eui TEXT NOT NULL UNIQUE, late INTEGER NOT NULL DEFAULT 0,
    duplicates INTEGER NOT NULL DEFAULT 0, refused INTEGER NOT NULL DEFAULT 0) STRICT;
  CREATE TABLE tokens (id INTEGER PRIMARY KEY, node INTEGER NOT NULL REFERENCES nodes (id), seq INTEGER NOT NULL,
    received_ms INTEGER NOT NULL, digest BLOB NOT NULL, token BLOB NOT NULL, UNIQUE (node, seq)) STRICT;
  CREATE TABLE ranges (node INTEGER NOT NULL REFERENCES nodes (id), first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (node, first)) STRICT, WITHOUT ROWID;
  CREATE TABLE outputs (name TEXT PRIMARY KEY, token INTEGER NOT NULL, length INTEGER NOT NULL, tail TEXT NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO nodes (id, dev_eui) VALUES (1, '${NODE}');
  INSERT INTO tokens VALUES (1, 1, 4, 1780000000004, X'00000004${"00".repeat(28)}', X'00000004${"00".repeat(16)}');
  INSERT INTO ranges VALUES (1, 4, 4);
  INSERT INTO outputs VALUES ('out', 1, 9, '}');
  PRAGMA user_version = 1;
  PRAGMA application_id = ${APPLICATION_ID};`;
