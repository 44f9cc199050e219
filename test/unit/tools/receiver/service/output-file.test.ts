import assert from "node:assert/strict";
import { appendFileSync, copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseBatchToken } from "../../../../../firmware/wire/eat-token.ts";
import { RandomStream } from "../../../../../host-sim/random-stream.ts";
import { NODE_CRYPTO } from "../../../../../tools/receiver/node-crypto.ts";
import { OutputFile } from "../../../../../tools/receiver/service/output-file.ts";
import { OutputTopics } from "../../../../../tools/receiver/service/output-topics.ts";
import { Outputs } from "../../../../../tools/receiver/service/outputs.ts";
import { SqliteStore } from "../../../../../tools/receiver/sqlite-store.ts";
import { type AcceptedToken, STORED_KIND } from "../../../../../tools/receiver/store.ts";
import { TestNode } from "../fixture.ts";

const HEADER = "seq\n";

describe("outputs of the receiver", () => {
  const node = new TestNode(1);
  const tokens = Array.from({ length: 60 }, (_, seq) => node.token({ seq }));
  let folder: string;
  let store: SqliteStore;
  let reports: string[];
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "groundtruth-outputs-"));
    path = join(folder, "out.csv");
    store = new SqliteStore(":memory:");
    reports = [];
  });
  afterEach(() => {
    store.close();
    rmSync(folder, { recursive: true });
  });

  /** Accepts tokens as a receiver does; `outputs` undefined: killed between its commit and its outputs. */
  function accept(outputs: Outputs | undefined, from: number, to: number): void {
    store.onBatch = () => outputs?.endBatch();
    for (let seq = from; seq < to; seq++) {
      const token = tokens[seq];
      const entry: AcceptedToken = {
        devEui: node.devEui,
        seq,
        kind: STORED_KIND.batch,
        bootCount: 1,
        digest: NODE_CRYPTO.sha256(token),
        token,
        receivedUnixMs: 0,
      };
      store.commit(entry, () => {
        const parsed = parseBatchToken(token);
        if (parsed.ok) outputs?.handOn(entry, parsed.claims);
      });
    }
    store.flush();
  }

  const newFile = (at = path): OutputFile =>
    new OutputFile("csv", at, ({ seq }) => `${seq}\n`, store.outputPosition("csv"), store.lastId, HEADER);
  const newOutputs = (...files: OutputFile[]): Outputs => {
    const outputs = new Outputs(store, (text) => reports.push(text));
    for (const file of files) outputs.add(file);
    return outputs;
  };
  const expected = (from: number, to: number): string =>
    Array.from({ length: to - from }, (_, i) => `${from + i}\n`).join("");
  const text = (at = path): string => readFileSync(at, "latin1");
  /** The position of the file as it is now is in the store. */
  const kept = (file: OutputFile): void => {
    store.keep(new Map([["csv", file.finalPosition()]]));
  };

  it("begins with its header and what is accepted from now on", () => {
    accept(undefined, 0, 5);
    const outputs = newOutputs(newFile());
    accept(outputs, 5, 8);
    assert.equal(text(), HEADER + expected(5, 8));
    outputs.close([]);
  });

  it("after a kill: cuts off what the store does not know of, and writes it again with what was missing", () => {
    const first = newFile();
    const outputs = newOutputs(first);
    accept(outputs, 0, 10);
    kept(first);
    accept(outputs, 10, 14);
    appendFileSync(path, "half a li");
    accept(undefined, 14, 20);
    const again = newFile();
    assert.equal(text(), HEADER + expected(0, 10));
    const others = newOutputs(again);
    accept(others, 20, 22);
    assert.equal(text(), HEADER + expected(0, 10), "behind: new tokens come from the store");
    while (others.catchUp());
    assert.equal(text(), HEADER + expected(0, 22));
    accept(others, 22, 25);
    assert.equal(text(), HEADER + expected(0, 25));
    outputs.close([]);
    others.close([]);
  });

  it("killed at random moments, moved and copied: each token is in it once, in order", () => {
    const dice = new RandomStream(3, "outputs");
    let file = newFile();
    let outputs = newOutputs(file);
    let seq = 0;
    let killed = 0;
    while (seq < tokens.length) {
      const to = Math.min(tokens.length, seq + 1 + dice.below(5));
      const dies = dice.unit() < 0.4;
      accept(dies && dice.unit() < 0.5 ? undefined : outputs, seq, to);
      seq = to;
      while (outputs.catchUp());
      if (!dies) {
        if (dice.unit() < 0.5) kept(file);
        continue;
      }
      killed++;
      if (dice.unit() < 0.5) appendFileSync(path, "12");
      file.close();
      if (dice.unit() < 0.3) {
        copyFileSync(path, join(folder, "copy"));
        renameSync(join(folder, "copy"), path);
      }
      file = newFile();
      outputs = newOutputs(file);
      while (outputs.catchUp());
    }
    while (outputs.catchUp());
    assert.ok(killed > 3);
    assert.equal(text(), HEADER + expected(0, tokens.length));
    outputs.close([]);
  });

  it("does not cut another file of the same name, and goes on in it where the old one stood", () => {
    const first = newFile();
    const outputs = newOutputs(first);
    accept(outputs, 0, 10);
    outputs.close([]);
    renameSync(path, join(folder, "old.csv"));
    const foreign = "something that somebody else wrote, longer than the old file was by far: 0123456789 0123456789\n";
    writeFileSync(path, foreign);
    accept(undefined, 10, 12);
    const others = newOutputs(newFile());
    while (others.catchUp());
    assert.equal(text(), foreign + expected(10, 12));
    assert.equal(text(join(folder, "old.csv")), HEADER + expected(0, 10));
    others.close([]);
  });

  it("a disk that is full is reported once; nothing is kept in memory, and nothing is left out afterwards", function () {
    if (process.platform !== "linux") this.skip();
    // /dev/full takes no byte.
    const full = new OutputFile("csv", "/dev/full", ({ seq }) => `${seq}\n`, undefined, 0, undefined);
    const good = newFile();
    const outputs = new Outputs(store, (line) => reports.push(line));
    outputs.add(full);
    accept(outputs, 0, 3);
    accept(outputs, 3, 5);
    outputs.catchUp();
    assert.equal(reports.length, 1);
    assert.match(reports[0], /csv: cannot be written \(ENOSPC/);
    assert.deepEqual(outputs.backlog(), [{ name: "csv", tokens: 5 }]);
    outputs.close([]);
    good.close();
  });

  describe("to MQTT topics", () => {
    it("a token is taken when the broker has acknowledged its readings; what is lost is read from the store again", () => {
      let connected = true;
      const sent: { topic: string; seq: number; done: (error?: Error) => void }[] = [];
      const topics = new OutputTopics(
        "verified",
        (topic, payload, done) => sent.push({ topic, seq: JSON.parse(payload).seq, done }),
        () => connected,
        undefined,
        store.lastId,
      );
      const outputs = new Outputs(store, (line) => reports.push(line));
      outputs.add(topics);
      accept(outputs, 0, 2);
      assert.equal(sent.length, 6);
      assert.equal(sent[0].topic, `verified/${node.devEui}/reading`);
      assert.equal(topics.taken, 0);
      for (const { done } of sent.splice(0, 5)) done();
      assert.equal(topics.taken, 0);
      sent.splice(0)[0].done();
      assert.equal(topics.taken, 2);
      connected = false;
      accept(outputs, 2, 3);
      sent.splice(0)[0].done(new Error("connection lost"));
      accept(outputs, 3, 5);
      assert.deepEqual([sent.length, topics.taken, topics.behind], [0, 2, true]);
      assert.equal(outputs.catchUp(), false, "the broker is away");
      connected = true;
      outputs.catchUp();
      assert.deepEqual(
        sent.map(({ seq }) => seq),
        [2, 2, 2, 3, 3, 3, 4, 4, 4],
      );
      assert.equal(topics.ready, false, "what is under way must arrive before the store is read again");
      for (const { done } of sent.splice(0)) done();
      assert.equal(topics.taken, 5);
      outputs.catchUp();
      assert.equal(topics.behind, false);
      outputs.close([]);
      assert.equal(store.outputPosition("publish")?.token, 5);
    });

    it("does not hold more than a bound under way when the broker is slow", () => {
      let published = 0;
      const topics = new OutputTopics(
        "verified",
        () => published++,
        () => true,
        undefined,
        0,
      );
      const outputs = new Outputs(store, () => {});
      outputs.add(topics);
      for (let round = 0; round < 40; round++) {
        const batch = new TestNode(2).token({ seq: round, count: 64 });
        const parsed = parseBatchToken(batch);
        assert.ok(parsed.ok);
        const { devEui } = node;
        const digest = new Uint8Array(32);
        const rest = { kind: STORED_KIND.batch, bootCount: 1, digest, token: batch, receivedUnixMs: 0 };
        const entry: AcceptedToken = { devEui, seq: round, ...rest };
        store.onBatch = () => outputs.endBatch();
        store.commit(entry, () => outputs.handOn(entry, parsed.claims));
        store.flush();
      }
      assert.ok(published < 2048 + 2 * 64, `${published}`);
      assert.equal(topics.behind, true);
    });
  });
});
