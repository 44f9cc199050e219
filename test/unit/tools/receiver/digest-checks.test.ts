import assert from "node:assert/strict";
import { DIGEST_STATE, DigestChecks, MAX_DIGEST_TOKENS, MAX_OPEN } from "../../../../tools/receiver/digest-checks.ts";
import { NODE_CRYPTO } from "../../../../tools/receiver/node-crypto.ts";

const { sha256 } = NODE_CRYPTO;
const digestOf = (seq: number): Uint8Array => sha256(new Uint8Array([seq]));

/** SHA-256 over the digests of tokens `first` to `last`. */
function over(first: number, last: number): Uint8Array {
  const all = [];
  for (let seq = first; seq <= last; seq++) all.push(...digestOf(seq));
  return sha256(new Uint8Array(all));
}

class Held {
  readonly seqs = new Set<number>();
  asked = 0;

  readonly of = (first: number, last: number): Uint8Array[] => {
    this.asked++;
    return [...this.seqs]
      .filter((seq) => seq >= first && seq <= last)
      .sort((a, b) => a - b)
      .map(digestOf);
  };
}

describe("digests of a node against the tokens held", () => {
  it("attestation.md: agrees where every token is held, and tells a token that is another one", () => {
    const held = new Held();
    for (const seq of [3, 4, 5]) held.seqs.add(seq);
    const checks = new DigestChecks();
    const claims = { seq: 9, firstSeq: 3, lastSeq: 5, digest: over(3, 5) };
    assert.equal(checks.add(claims, held.of, sha256), DIGEST_STATE.agrees);
    assert.equal(checks.add({ ...claims, digest: over(2, 4) }, held.of, sha256), DIGEST_STATE.mismatch);
    assert.deepEqual(checks.counts, { agree: 1, incomplete: 0, mismatch: 1 });
    assert.equal(checks.isWaiting, false);
  });

  it("waits for the tokens that are missing, and hashes once, when the last has come", () => {
    const held = new Held();
    held.seqs.add(3);
    const checks = new DigestChecks();
    const claims = { seq: 9, firstSeq: 3, lastSeq: 6, digest: over(3, 6) };
    assert.equal(checks.add(claims, held.of, sha256), DIGEST_STATE.incomplete);
    assert.deepEqual(checks.counts, { agree: 0, incomplete: 1, mismatch: 0 });
    for (const seq of [5, 4, 100]) {
      held.seqs.add(seq);
      assert.deepEqual(checks.accepted(seq, held.of, sha256), []);
    }
    assert.equal(held.asked, 1);
    held.seqs.add(6);
    assert.deepEqual(checks.accepted(6, held.of, sha256), [{ seq: 9, state: DIGEST_STATE.agrees }]);
    assert.deepEqual(checks.counts, { agree: 1, incomplete: 0, mismatch: 0 });
  });

  it("is not misled by a store that held a token before it told of it", () => {
    const held = new Held();
    held.seqs.add(3).add(4);
    const checks = new DigestChecks();
    checks.add({ seq: 9, firstSeq: 3, lastSeq: 5, digest: over(3, 5) }, held.of, sha256);
    assert.deepEqual(checks.accepted(4, held.of, sha256), []);
    assert.equal(checks.isWaiting, true);
    held.seqs.add(5);
    assert.equal(checks.accepted(5, held.of, sha256)[0].state, DIGEST_STATE.agrees);
  });

  it("bounds what a node can make it hash and keep", () => {
    const held = new Held();
    const checks = new DigestChecks();
    const claims = { seq: 0xffffffff, firstSeq: 0, lastSeq: MAX_DIGEST_TOKENS, digest: new Uint8Array(32) };
    assert.equal(checks.add(claims, held.of, sha256), DIGEST_STATE.incomplete);
    assert.equal(held.asked, 0);
    assert.equal(checks.isWaiting, false);
    for (let i = 0; i < MAX_OPEN + 9; i++) checks.add({ ...claims, lastSeq: i }, held.of, sha256);
    held.seqs.add(0);
    assert.equal(checks.accepted(0, held.of, sha256).length, 1);
    assert.equal(checks.counts.incomplete, MAX_OPEN + 9);
  });
});
