/** Batches placed in time by anchors, in outputs that fall behind and in receivers that are killed: each once. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseToken } from "../../../../firmware/wire/eat-token.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { NODE_CRYPTO } from "../../../../tools/receiver/node-crypto.ts";
import { placementsAt } from "../../../../tools/receiver/placements.ts";
import { OutputFile } from "../../../../tools/receiver/service/output-file.ts";
import { Outputs } from "../../../../tools/receiver/service/outputs.ts";
import { SqliteStore } from "../../../../tools/receiver/sqlite-store.ts";
import { statementLines } from "../../../../tools/receiver/statement-lines.ts";
import { type AcceptedToken, MemoryStore, type ReceiverStore, storedKind } from "../../../../tools/receiver/store.ts";
import { T0_S, TestNode } from "./fixture.ts";

const node = new TestNode(1);

function uptimeBatch(seq: number, bootCount: number): Uint8Array {
  return node.token({ seq, bootCount, wallTime: false, timeQuality: 0, t0: 300 * seq });
}

function anchor(seq: number, bootCount: number): Uint8Array {
  return node.statement({
    kind: "anchor",
    wallS: T0_S,
    uptimeS: 90_000,
    timeQuality: 42,
    nonce: undefined,
    bootCount,
    seq,
  });
}

function entryOf(token: Uint8Array): AcceptedToken {
  const parsed = parseToken(token);
  assert.ok(parsed.ok);
  const { seq, bootCount } = parsed.claims;
  const kind = storedKind(parsed.claims);
  const digest = NODE_CRYPTO.sha256(token);
  return { devEui: node.devEui, seq, kind, bootCount, digest, token, receivedUnixMs: T0_S * 1000 };
}

/** Batches of three boots, and an anchor or two of each, in an order of their own. */
function tokens(dice: RandomStream): Uint8Array[] {
  const all = Array.from({ length: 30 }, (_, seq) => {
    const bootCount = 1 + Math.floor(seq / 10);
    return seq % 10 === 3 || seq % 10 === 8 ? anchor(seq, bootCount) : uptimeBatch(seq, bootCount);
  });
  for (let i = all.length - 1; i > 0; i--) {
    const j = dice.below(i + 1);
    [all[i], all[j]] = [all[j], all[i]];
  }
  return all;
}

/** Seqs of all uptime batches. */
const PLACED = Array.from({ length: 30 }, (_, seq) => seq).filter((seq) => seq % 10 !== 3 && seq % 10 !== 8);

describe("readings with uptime, placed by anchors", () => {
  it("each batch once, in whatever order tokens come, and the same with either store", () => {
    for (let seed = 0; seed < 10; seed++) {
      const all = tokens(new RandomStream(seed, "placements"));
      const sqlite = new SqliteStore(":memory:");
      const both = [new MemoryStore(), sqlite].map((store: ReceiverStore) => {
        const placements: unknown[] = [];
        for (const token of all) {
          const entry = entryOf(token);
          const parsed = parseToken(token);
          assert.ok(parsed.ok);
          const { claims } = parsed;
          store.commit(entry, () => placements.push(...placementsAt(entry, claims, store)));
          // Several in a transaction: what is behind an anchor in it must not count as before.
          if (entry.seq % 3 === 0) store.flush?.();
        }
        store.flush?.();
        return placements as { seq: number }[];
      });
      sqlite.close();
      assert.deepEqual(both[0], both[1]);
      assert.deepEqual(
        both[0].map(({ seq }) => seq).sort((a, b) => a - b),
        PLACED,
      );
    }
  });

  it("in a file of statements each once, however often the receiver is killed between its commit and its outputs", () => {
    const folder = mkdtempSync(join(tmpdir(), "groundtruth-placements-"));
    const path = join(folder, "statements.jsonl");
    const dice = new RandomStream(5, "kills");
    const store = new SqliteStore(":memory:");
    const open = (): Outputs => {
      const outputs = new Outputs(store, () => {});
      const position = store.outputPosition("statements");
      outputs.add(new OutputFile("statements", path, statementLines, position, store.lastId, undefined));
      return outputs;
    };
    let outputs = open();
    for (const token of tokens(dice)) {
      const entry = entryOf(token);
      const parsed = parseToken(token);
      assert.ok(parsed.ok);
      const killed = dice.below(3) === 0;
      store.commit(entry, () => {
        if (!killed) outputs.handOn(entry, parsed.claims);
      });
      store.onBatch = killed ? undefined : () => outputs.endBatch();
      store.flush();
      if (dice.below(4) === 0) outputs.checkpoint();
      if (!killed) continue;
      outputs = open();
      while (outputs.catchUp());
    }
    store.close();
    const lines = readFileSync(path, "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
    rmSync(folder, { recursive: true });
    const seqs = (kind: string): number[] =>
      lines
        .filter(({ statement }) => statement === kind)
        .map(({ seq }) => seq)
        .sort((a, b) => a - b);
    assert.deepEqual(seqs("placement"), PLACED);
    assert.deepEqual(seqs("anchor"), [3, 8, 13, 18, 23, 28]);
  });
});
