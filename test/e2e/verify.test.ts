/** Tokens of a real run in the hands of the command line, the library and the receiver: good ones pass, and nothing else does. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { NODE_CRYPTO } from "../../tools/receiver/node-crypto.ts";
import { type NodeRecord, parseNodeRecord } from "../../tools/receiver/node-registry.ts";
import { Receiver } from "../../tools/receiver/receiver.ts";
import { MemoryStore } from "../../tools/receiver/store.ts";
import { verifyToken } from "../../tools/receiver/token-verifier.ts";
import { groundtruth, Simulation } from "./simulation.ts";

/** Later than any reading of the run. */
const NOW = "2025-06-22T00:00:00Z";
const NOW_UNIX_MS = Date.parse(NOW);

describe("tokens of a simulation", () => {
  let run: Simulation;
  before(() => {
    run = new Simulation("--nodes", "2", "--hours", "6");
    assert.equal(run.outcome.status, 0, run.outcome.err);
  });
  after(() => run.remove());

  function record(devEui: string): NodeRecord {
    const parsed = parseNodeRecord(readFileSync(run.nodePath(devEui), "utf8"), NODE_CRYPTO);
    assert.ok(parsed.ok);
    return parsed.node;
  }

  function pathsOf(devEui: string): string[] {
    return run.tokens.filter((token) => token.devEui === devEui).map(({ path }) => path);
  }

  it("groundtruth verify: exit code 0, and with --json the very lines of readings.jsonl beside statements", () => {
    for (const devEui of run.devEuis) {
      const { status, out, err } = groundtruth(
        "verify",
        ...pathsOf(devEui),
        "--node",
        run.nodePath(devEui),
        "--json",
        "--at",
        NOW,
      );
      assert.deepEqual([status, err], [0, ""]);
      assert.deepEqual(
        out
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line))
          .filter(({ statement }) => statement === undefined),
        run.readings.filter(({ node }) => node === devEui),
      );
    }
  });

  it("groundtruth verify with another node's key: exit code 1, each token refused with the reason", () => {
    const [own, other] = run.devEuis;
    const { status, out } = groundtruth("verify", ...pathsOf(own), "--node", run.nodePath(other), "--at", NOW);
    assert.equal(status, 1);
    assert.deepEqual(
      out
        .trimEnd()
        .split("\n")
        .map((line) => line.replace(/ \(.*$/, "")),
      pathsOf(own).map((path) => `${path}: REFUSED, kid-of-another-key`),
    );
  });

  it("any one of a token's bits flipped: refused, and the reason has a name", () => {
    const [{ devEui, bytes }] = run.tokens;
    const node = record(devEui);
    assert.ok(verifyToken(bytes, node, NODE_CRYPTO, NOW_UNIX_MS).ok);
    const reasons = new Map<string, number>();
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const changed = Uint8Array.from(bytes);
        changed[at] ^= 1 << bit;
        const result = verifyToken(changed, node, NODE_CRYPTO, NOW_UNIX_MS);
        assert.ok(!result.ok, `byte ${at}, bit ${bit}`);
        assert.match(result.reason, /^[a-z0-9]+(-[a-z0-9]+)*$/);
        reasons.set(result.reason, (reasons.get(result.reason) ?? 0) + 1);
      }
    }
    // What is well-formed after the change is caught by the signature alone.
    assert.ok(reasons.get("signature-invalid")! > 64 * 4, JSON.stringify([...reasons]));
    assert.ok(reasons.size > 5);
  });

  it("a token cut short or with a byte more: refused", () => {
    const [{ devEui, bytes }] = run.tokens;
    const node = record(devEui);
    for (let length = 0; length < bytes.length; length++) {
      assert.ok(!verifyToken(bytes.subarray(0, length), node, NODE_CRYPTO, NOW_UNIX_MS).ok, `${length} bytes`);
    }
    assert.ok(!verifyToken(Uint8Array.of(...bytes, 0), node, NODE_CRYPTO, NOW_UNIX_MS).ok);
  });

  it("the receiver takes each token once: replayed it gives no reading, under another node's name it is refused", () => {
    const [own, other] = run.devEuis;
    const tokens = run.tokens.filter(({ devEui }) => devEui === own);
    const store = new MemoryStore();
    const seen = { tokens: 0, readings: 0, refused: [] as string[] };
    const start = (): Receiver =>
      new Receiver({
        nodes: run.devEuis.map((devEui) => ({ record: record(devEui) })),
        crypto: NODE_CRYPTO,
        store,
        output: {
          onToken: () => seen.tokens++,
          onReading: () => seen.readings++,
          onRefused: ({ reason }) => seen.refused.push(reason),
        },
      });
    let receiver = start();
    for (const { bytes } of tokens) receiver.handleMqttToken(`groundtruth/${own}/token`, bytes, NOW_UNIX_MS);
    const once = { tokens: tokens.length, readings: 72, refused: [] };
    assert.deepEqual(seen, once);
    for (const { bytes } of tokens) receiver.handleMqttToken(`groundtruth/${own}/token`, bytes, NOW_UNIX_MS);
    assert.deepEqual(seen, once);
    assert.equal(receiver.account(own)!.duplicates, tokens.length);

    receiver = start();
    for (const { bytes } of tokens) receiver.handleMqttToken(`groundtruth/${own}/token`, bytes, NOW_UNIX_MS);
    assert.deepEqual(seen, once, "after a restart too");

    for (const { bytes } of tokens) receiver.handleMqttToken(`groundtruth/${other}/token`, bytes, NOW_UNIX_MS);
    assert.deepEqual(seen, { ...once, refused: tokens.map(() => "kid-of-another-key") });
  });
});
