import { deepEqual, equal, throws } from "node:assert/strict";
import { RESUMES_MAX, SET_ASIDE_MAX, SET_ASIDE_MS } from "../../../../firmware/core/bounds.ts";
import { SetAside } from "../../../../firmware/core/uplink/set-aside.ts";
import { MISSING_BYTES, writeSlotMissing } from "../../../../firmware/wire/slot-answer.ts";
import { StateReader, StateWriter } from "../../../../firmware/wire/state-record.ts";

const TAG = 0x7f;

/** The same after a sleep. */
function slept(aside: SetAside): SetAside {
  const bytes = new Uint8Array(1024);
  const writer = new StateWriter(bytes, 0, TAG, 1);
  aside.save(writer);
  writer.finish();
  const copy = new SetAside();
  copy.restore(new StateReader(bytes, 0, TAG, 1));
  return copy;
}

function withTokens(...seqs: number[]): SetAside {
  const aside = new SetAside();
  for (const seq of seqs) aside.add(seq, seq & 0xff, 1000);
  return aside;
}

function answer(slot: number, ...tiles: number[]): Uint8Array {
  const bits = new Uint8Array(MISSING_BYTES);
  for (const tile of tiles) bits[tile >>> 3] |= 0x80 >>> (tile & 7);
  const into = new Uint8Array(9);
  return into.slice(0, writeSlotMissing(slot, bits, into, 0));
}

describe("tokens set aside", () => {
  it("wait for what a later answer says: what it has goes, what it lacks is due, oldest first", () => {
    let aside = withTokens(10, 12, 13, 15);
    equal(aside.due(2000), -1);
    equal(aside.pollTimeout(), 1000 + SET_ASIDE_MS);
    // 14 has come, 13 has, 12 and 10 have not, and of 15 it cannot speak.
    aside.history(14, 0b0001);
    aside = slept(aside);
    deepEqual(
      [10, 12, 13, 15].map((seq) => aside.has(seq)),
      [true, true, false, true],
    );
    equal(aside.due(2000), 10);
    equal(aside.pollTimeout(), 0);
    equal(aside.resume(10), 10);
    equal(aside.due(2000), 12);
    aside.remove(12);
    equal(aside.due(2000), -1);
  });

  it("a history tells of eight tokens before the one that it names, and of no others", () => {
    const aside = withTokens(91, 92, 100, 101);
    aside.history(100, 0);
    equal(aside.has(100), false);
    equal(aside.due(2000), 92);
    aside.resume(92);
    equal(aside.due(2000), -1);
  });

  it("one that is resumed is not resumed again before it is put back, and then waits anew", () => {
    let aside = withTokens(5);
    aside.history(6, 0);
    aside.resume(5);
    aside.history(6, 0);
    equal(aside.due(2000), -1);
    equal(aside.pollTimeout(), undefined);
    aside.add(5, 7, 3000);
    aside = slept(aside);
    equal(aside.due(3000), -1);
    equal(aside.due(3000 + SET_ASIDE_MS), 5);
    equal(aside.resume(5), 7);
  });

  it("is due for want of places, and when somebody waits", () => {
    const aside = withTokens(...Array.from({ length: SET_ASIDE_MAX }, (_, i) => 20 + i));
    equal(aside.isFull, true);
    equal(aside.due(1000), 20);
    equal(aside.pollTimeout(), 0);
    throws(() => aside.add(40, 0, 0), RangeError);
    aside.remove(25);
    equal(aside.due(1000), -1);
    equal(aside.due(1000, true), 20);
    equal(aside.size, SET_ASIDE_MAX - 1);
  });

  it("is exhausted after RESUMES_MAX, and as new when its place was free meanwhile", () => {
    let aside = withTokens(5);
    for (let i = 0; i < RESUMES_MAX; i++) {
      equal(aside.isExhausted(5), false);
      aside.resume(5);
      aside.add(5, 0, 0);
      aside = slept(aside);
    }
    equal(aside.isExhausted(5), true);
    aside.remove(5);
    equal(aside.isExhausted(5), false);
    aside.add(5, 0, 0);
    equal(aside.isExhausted(5), false);
  });

  it("what an answer lists of its slot is due, with what is missing; of two tokens of one slot the later one is meant", () => {
    let aside = withTokens(4, 5, 8);
    const frame = Uint8Array.from([...answer(0, 3, 7), ...answer(1, 0), ...answer(2, 1)]);
    aside.lacks(frame, 0, frame.length, 6);
    aside = slept(aside);
    equal(aside.missingOf(4), undefined);
    deepEqual(aside.missingOf(8), Uint8Array.from([0x11, 0, 0, 0, 0, 0, 0, 0]));
    deepEqual(aside.missingOf(5), Uint8Array.from([0x80, 0, 0, 0, 0, 0, 0, 0]));
    equal(aside.due(2000), 5);
    aside.resume(5);
    equal(aside.due(2000), 8);
    aside.add(5, 0, 3000);
    equal(aside.missingOf(5), undefined);
  });

  it("an answer about the token in hand, about nothing, or one that is cut changes nothing", () => {
    const aside = withTokens(4, 5);
    for (const frame of [answer(0, 3), answer(1), answer(2, 5), answer(1, 60).subarray(0, 5), new Uint8Array(0)]) {
      aside.lacks(frame, 0, frame.length, 8);
      equal(aside.due(2000), -1);
    }
  });
});
