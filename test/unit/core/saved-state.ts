/** Saves a machine, restores it into a new one and checks that nothing was lost on the way. */
import assert from "node:assert/strict";

interface Saved {
  save(into: Uint8Array, offset: number): number;
  restore(bytes: Uint8Array, offset: number, nowMs: number): number;
}

const OFFSET = 5;

/** `fresh` with the state of `machine`. Cut, damaged or foreign bytes are refused first. */
export function throughSavedState<M extends Saved>(machine: M, fresh: () => M, nowMs = 0): M {
  const bytes = new Uint8Array(4096);
  const end = machine.save(bytes, OFFSET);
  const damaged = bytes.slice();
  damaged[OFFSET + 4] ^= 1;
  assert.equal(fresh().restore(damaged, OFFSET, nowMs), -1, "damaged state is refused");
  assert.equal(fresh().restore(bytes.subarray(0, end - 1), OFFSET, nowMs), -1, "cut state is refused");
  assert.equal(fresh().restore(bytes, 0, nowMs), -1, "what is no state of this machine is refused");

  const copy = fresh();
  assert.equal(copy.restore(bytes, OFFSET, nowMs), end);
  const again = new Uint8Array(4096);
  assert.equal(copy.save(again, OFFSET), end);
  assert.deepEqual(again.subarray(OFFSET, end), bytes.subarray(OFFSET, end));
  return copy;
}
