import assert from "node:assert/strict";
import fc from "fast-check";
import { GapAccount, MAX_RANGES } from "../../../../tools/receiver/gap-account.ts";
import { counts } from "../../../counts.ts";

function missingOf(account: GapAccount): number[] {
  return account.summary().ranges.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, i) => from + i));
}

describe("gap account (attestation.md: a gap is always visible in seq)", () => {
  it("has nothing missing while tokens come in order", () => {
    const account = new GapAccount();
    for (let seq = 0; seq < 5; seq++) account.accept(seq);
    const { accepted, next, missing, ranges, late } = account.summary();
    assert.deepEqual(
      { accepted, next, missing, ranges, late },
      { accepted: 5, next: 5, missing: 0, ranges: [], late: 0 },
    );
  });

  it("counts from 0: what was never seen at the beginning is missing as well", () => {
    const account = new GapAccount();
    account.accept(3);
    assert.deepEqual(account.summary().ranges, [{ from: 0, to: 2 }]);
  });

  it("lists a gap, and fills it from either end and from the middle", () => {
    const account = new GapAccount();
    account.accept(0);
    account.accept(10);
    assert.equal(account.summary().missing, 9);
    account.accept(5);
    account.accept(1);
    account.accept(9);
    assert.deepEqual(account.summary().ranges, [
      { from: 2, to: 4 },
      { from: 6, to: 8 },
    ]);
    for (const seq of [3, 2, 4]) account.accept(seq);
    assert.deepEqual(account.summary().ranges, [{ from: 6, to: 8 }]);
    assert.equal(account.summary().late, 6);
  });

  it("takes up what a store holds", () => {
    const account = new GapAccount([2, 4, 8, 8]);
    assert.deepEqual(missingOf(account), [0, 1, 5, 6, 7]);
    assert.equal(account.summary().accepted, 4);
    assert.equal(account.summary().next, 9);
    account.accept(9);
    assert.equal(account.summary().next, 10);
  });

  it("bounds its memory: the oldest ranges are counted, not listed, and a late token still counts", () => {
    const account = new GapAccount();
    const tokens = MAX_RANGES + 10;
    for (let i = 0; i < tokens; i++) account.accept(2 * i + 1);
    assert.equal(account.summary().ranges.length, MAX_RANGES);
    assert.equal(account.summary().writtenOff, 10);
    assert.equal(account.summary().missing, tokens);
    account.accept(0);
    assert.equal(account.summary().writtenOff, 9);
    assert.equal(account.summary().missing, tokens - 1);
  });

  it("takes the largest seq there is", () => {
    const account = new GapAccount();
    account.accept(0xffffffff);
    assert.equal(account.summary().missing, 0xffffffff);
  });

  it("agrees with a plain set for any order of arrival", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(200), { maxLength: 150 }), fc.nat(150), (seqs, split) => {
        const stored = seqs.slice(0, split).sort((a, b) => a - b);
        const account = new GapAccount(stored.flatMap((seq) => [seq, seq]));
        for (const seq of seqs.slice(split)) account.accept(seq);
        const top = Math.max(-1, ...seqs);
        const expected = Array.from({ length: top + 1 }, (_, i) => i).filter((seq) => !seqs.includes(seq));
        assert.deepEqual(missingOf(account), expected);
        assert.equal(account.summary().missing, expected.length);
        assert.equal(account.summary().accepted, seqs.length);
        const touching = account.summary().ranges.some((range, i, all) => i > 0 && range.from <= all[i - 1].to + 1);
        assert.equal(touching, false);
      }),
      { seed: 1, numRuns: counts(300, 5000) },
    );
  });
});
