import assert from "node:assert/strict";
import { SOIL_WATER } from "../../../../firmware/wire/profiles/soil-water.ts";
import { DIGEST_STATE } from "../../../../tools/receiver/digest-checks.ts";
import { NODE_CRYPTO } from "../../../../tools/receiver/node-crypto.ts";
import { type SetToken, verifySet } from "../../../../tools/receiver/token-set.ts";
import { T0_S, TestNode } from "./fixture.ts";

const NOW_MS = (T0_S + 3600) * 1000;
const { sha256 } = NODE_CRYPTO;

describe("tokens of one node given together", () => {
  const node = new TestNode(1);
  const check = (...tokens: Uint8Array[]): (SetToken | string)[] =>
    verifySet(tokens, node.record, NODE_CRYPTO, NOW_MS).map((outcome) => (outcome.ok ? outcome : outcome.reason));
  const reasons = (...tokens: Uint8Array[]): string[] =>
    check(...tokens).map((outcome) => (typeof outcome === "string" ? outcome : "ok"));

  it("follows a chain of keys in whatever order its tokens are given", () => {
    const [second, third] = [new TestNode(1, 2, -8), new TestNode(1, 3, -47)];
    const key = (signer: TestNode, seq: number, newKey: ReturnType<TestNode["key"]>): Uint8Array =>
      signer.statement({ kind: "key", wallS: 0, bootCount: 1, seq, newKey });
    const tokens = [
      third.token({ seq: 30 }),
      key(second, 20, third.key(-47)),
      second.token({ seq: 15 }),
      node.token({ seq: 15 }),
      key(node, 10, second.key(-8)),
      node.token({ seq: 10_000 }),
      node.token({ seq: 3 }),
    ];
    assert.deepEqual(reasons(...tokens), ["ok", "ok", "ok", "key-retired", "ok", "key-retired", "ok"]);
    assert.deepEqual(reasons(tokens[0], tokens[2]), ["kid-of-another-key", "kid-of-another-key"]);
  });

  it("holds a digest against the tokens given", () => {
    const tokens = [0, 1, 2].map((seq) => node.token({ seq }));
    const all = new Uint8Array(tokens.flatMap((token) => [...sha256(token)]));
    const digest = (over: Uint8Array): Uint8Array =>
      node.statement({
        kind: "digest",
        wallTime: true,
        timeS: T0_S,
        bootCount: 1,
        seq: 3,
        firstSeq: 0,
        lastSeq: 2,
        digest: sha256(over),
      });
    const state = (...given: Uint8Array[]): unknown => {
      const outcome = check(...given)[0];
      return typeof outcome === "string" ? outcome : outcome.digestState;
    };
    assert.equal(state(digest(all), ...tokens), DIGEST_STATE.agrees);
    assert.equal(state(digest(all), ...tokens.slice(1)), DIGEST_STATE.incomplete);
    assert.equal(state(digest(all.slice(1)), ...tokens), "digest-mismatch");
  });

  it("places uptimes by an anchor of their boot, and takes another profile only from a boot that announces it", () => {
    const uptime = node.token({ seq: 5, wallTime: false, timeQuality: 0, t0: 600 });
    const other = node.token({ seq: 6, wallTime: false, timeQuality: 0, t0: 600, bootCount: 2 });
    const anchor = (seq: number, wallS: number): Uint8Array =>
      node.statement({ kind: "anchor", wallS, uptimeS: 900, timeQuality: 42, nonce: undefined, bootCount: 1, seq });
    const placed = check(uptime, other, anchor(9, T0_S + 5), anchor(8, T0_S)).map(
      (outcome) => typeof outcome === "object" && outcome.placement?.placedUnixMs,
    );
    assert.deepEqual(placed.slice(0, 2), [(T0_S - 300) * 1000, undefined]);

    const columns = Array.from({ length: SOIL_WATER.fields.length + 1 }, (_, c) => new Int32Array(3).fill(c && 20));
    const soil = node.token({ seq: 1, profile: SOIL_WATER, columns });
    assert.deepEqual(reasons(soil), ["profile-not-announced"]);
    assert.deepEqual(reasons(soil, node.boot({ profile: SOIL_WATER })), ["ok", "ok"]);
    assert.deepEqual(reasons(soil, node.boot({ profile: SOIL_WATER, bootCount: 2 })), ["profile-not-announced", "ok"]);
  });
});
