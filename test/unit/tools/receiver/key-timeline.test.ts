import assert from "node:assert/strict";
import { KeyTimeline, MAX_ROTATIONS } from "../../../../tools/receiver/key-timeline.ts";
import { TestNode } from "./fixture.ts";

const [a, b, c] = [1, 2, 3].map((number) => new TestNode(1, number).key(-7));

describe("timeline of a node's keys", () => {
  it("attestation.md: a key token at s ends the old key at s and starts the new one at s + 1", () => {
    const keys = new KeyTimeline(a);
    assert.equal(keys.refusalOf(100, b), undefined);
    keys.rotate(100, b);
    keys.rotate(300, c);
    for (const [seq, key] of [
      [0, a],
      [100, a],
      [101, b],
      [300, b],
      [301, c],
      [0xffffffff, c],
    ] as const) {
      assert.equal(keys.keyAt(seq), key, `${seq}`);
      assert.deepEqual(keys.keyFor(seq, key.kid, key.alg), { ok: true, key });
    }
  });

  it("names why a key does not sign a number", () => {
    const keys = new KeyTimeline(a, [
      { kid: b.kid, fromSeq: 200 },
      { kid: a.kid, fromSeq: 90, toSeq: 99 },
    ]);
    keys.rotate(100, b);
    const reason = (seq: number, kid: Uint8Array, alg = -7): string | undefined => {
      const result = keys.keyFor(seq, kid, alg);
      return result.ok ? undefined : result.reason;
    };
    assert.equal(reason(101, a.kid), "key-retired");
    assert.equal(reason(100, b.kid), "key-retired");
    assert.equal(reason(5, c.kid), "kid-of-another-key");
    assert.equal(reason(5, a.kid, -8), "algorithm-of-another-key");
    assert.equal(reason(89, a.kid), undefined);
    assert.equal(reason(90, a.kid), "key-revoked");
    assert.equal(reason(99, a.kid), "key-revoked");
    assert.equal(reason(100, a.kid), undefined, "its key token stands");
    assert.equal(reason(199, b.kid), undefined);
    assert.equal(reason(200, b.kid), "key-revoked");
    assert.equal(reason(50, a.kid), undefined);
  });

  it("takes no change of keys before one that is known, and the same one twice", () => {
    const keys = new KeyTimeline(a);
    keys.rotate(100, b);
    assert.equal(keys.refusalOf(100, b), undefined);
    keys.rotate(100, b);
    assert.equal(keys.refusalOf(100, c), "key-timeline-contradicted");
    assert.equal(keys.refusalOf(50, c), "key-timeline-contradicted");
    assert.equal(keys.refusalOf(101, c), undefined);
    assert.equal(keys.newest.fromSeq, 101);
  });

  it("bounds what a node that changes its key with every token makes it keep", () => {
    const keys = new KeyTimeline(a);
    let seq = 0;
    while (keys.refusalOf(seq, b) === undefined) keys.rotate(seq++, b);
    assert.equal(keys.refusalOf(seq, b), "key-rotations-too-many");
    assert.equal(seq, MAX_ROTATIONS);
  });
});
