import assert from "node:assert/strict";
import { TokenMemory } from "../../../firmware/app/token-memory.ts";
import { ANSWERED_NONCES } from "../../../firmware/core/bounds.ts";
import { TOKEN_KIND } from "../../../firmware/wire/token-record.ts";
import { HASH, range, sha256 } from "../core/attester-bench.ts";

class Store {
  values = new Map<string, Uint8Array>();
  read(key: string, into: Uint8Array): number {
    const value = this.values.get(key);
    if (value === undefined) return -1;
    into.set(value);
    return value.length;
  }
  write(key: string, value: Uint8Array, length: number): void {
    this.values.set(key, value.slice(0, length));
  }
  delete(key: string): void {
    this.values.delete(key);
  }
}

const hashOf = (seq: number): Uint8Array => sha256(Uint8Array.of(seq, seq >> 8));
const nonceOf = (i: number): Uint8Array => new Uint8Array(8).fill(i + 1);

/** The memory of a node on flash; `fresh` is the node after a power cut. */
class Bench {
  store = new Store();
  memory = this.fresh(0);

  fresh(outboxNext: number): TokenMemory {
    const memory = new TokenMemory(this.store, HASH);
    memory.start(outboxNext);
    return memory;
  }

  note(seq: number, day = 0, kind: number = TOKEN_KIND.batch, nonce?: Uint8Array): void {
    this.memory.note(seq, kind as 0, hashOf(seq), nonce, day);
  }

  assertDigest(seq: number, first: number, memory = this.memory): void {
    const digest = new Uint8Array(32);
    assert.equal(memory.digest(seq, digest), first);
    assert.deepEqual(digest, sha256(...range(first, seq).map(hashOf)));
  }
}

describe("token memory", () => {
  it("the digest of any number of tokens, with a power cut behind each", () => {
    const bench = new Bench();
    for (let seq = 0; seq < 70; seq++) {
      bench.note(seq);
      bench.memory = bench.fresh(seq + 1);
      assert.equal(bench.memory.listed, seq + 1);
      bench.assertDigest(seq + 1, 0);
    }
  });

  it("a token that was noted and not stored is not on the list; the next one with its number is", () => {
    const bench = new Bench();
    bench.note(0);
    bench.note(1);
    bench.memory = bench.fresh(1);
    assert.equal(bench.memory.listed, 1);
    bench.assertDigest(1, 0);
    bench.note(1);
    bench.note(2);
    bench.memory = bench.fresh(3);
    bench.assertDigest(3, 0);
  });

  it("a digest begins the next list; the list before it stays until the digest is stored", () => {
    const bench = new Bench();
    for (const seq of range(0, 3)) bench.note(seq, 100);
    bench.note(3, 101, TOKEN_KIND.digest);
    bench.assertDigest(3, 0);
    const lost = bench.fresh(3);
    assert.deepEqual([lost.listed, lost.day], [3, 100]);
    bench.assertDigest(3, 0, lost);
    bench.note(3, 101, TOKEN_KIND.digest);
    const stored = bench.fresh(4);
    assert.deepEqual([stored.listed, stored.day], [1, 101]);
    bench.note(4, 101);
    bench.assertDigest(5, 3);
  });

  it("waking from deep sleep, with nothing but flash", () => {
    const bench = new Bench();
    for (const seq of range(0, 5)) bench.note(seq);
    const woken = new TokenMemory(bench.store, HASH);
    bench.assertDigest(5, 0, woken);
  });

  it("the day is the first that was known", () => {
    const bench = new Bench();
    bench.note(0, 0);
    bench.note(1, 20_000);
    bench.note(2, 20_001);
    assert.equal(bench.fresh(3).day, 20_000);
  });

  it("a list that does not reach the outbox's end begins anew", () => {
    const bench = new Bench();
    bench.note(0);
    bench.memory = bench.fresh(7);
    assert.equal(bench.memory.listed, 0);
    bench.note(7);
    bench.note(8);
    bench.assertDigest(9, 7);
    bench.store.values.clear();
    bench.memory = bench.fresh(9);
    bench.note(9);
    bench.assertDigest(10, 9);
  });

  it("remembers the last challenges that were answered, and none that was not", () => {
    const bench = new Bench();
    for (let seq = 0; seq < ANSWERED_NONCES + 3; seq++) {
      bench.note(seq, 0, TOKEN_KIND.anchor, nonceOf(seq));
      assert.equal(bench.memory.answered(nonceOf(seq)), true);
      bench.memory = bench.fresh(seq);
      assert.equal(bench.memory.answered(nonceOf(seq)), false, "power failed before it was stored");
      bench.note(seq, 0, TOKEN_KIND.anchor, nonceOf(seq));
      bench.memory = bench.fresh(seq + 1);
    }
    const known = range(0, ANSWERED_NONCES + 3).filter((i) => bench.memory.answered(nonceOf(i)));
    assert.deepEqual(known, range(3, ANSWERED_NONCES + 3));
    assert.equal(bench.memory.answered(nonceOf(4).subarray(0, 7)), false);
  });
});
