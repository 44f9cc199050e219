import assert from "node:assert/strict";
import {
  DRAIN_RETRY_MAX_MS,
  OUTAGE_MS,
  OUTBOX_TOKENS_MAX,
  PATH_RETRY_FIRST_MS,
  RESEND_FIRST_MS,
  RESEND_MAX_MS,
  SEQ_AHEAD_MAX,
} from "../../../firmware/core/bounds.ts";
import { OUTBOX_KEY, Outbox, type OutboxEvent } from "../../../firmware/core/outbox.ts";
import { counts } from "../../counts.ts";
import { throughSavedState } from "./saved-state.ts";

const DAY_MS = 86_400_000;

/** An outbox, saved and restored after every event, what it asked for, and the flash that a power cut leaves. */
class Bench {
  outbox = new Outbox();
  nowMs = 0;
  next = 0;
  free = 0;
  sent: number[] = [];
  handed = { tries: 0, inOrder: false };
  delivered: number[] = [];
  dropped: number[] = [];
  trimmed = 0;
  stored = new Uint8Array(0);
  stores = 0;
  /** Writes to the key-value store are lost from now on. */
  storeFails = false;

  handle(event: OutboxEvent): void {
    this.outbox.handle(event, this.nowMs);
    this.#run();
    this.outbox.handle({ kind: "uplink", free: this.free }, this.nowMs);
    this.#run();
  }

  append(count = 1, delayMs = 0, urgent = false): void {
    for (let i = 0; i < count; i++) this.handle({ kind: "appended", seq: this.next++, delayMs, urgent });
  }

  /** After power-on: what flash holds. */
  start(oldest: number, next: number, delayMs = 0): void {
    this.next = next;
    this.trimmed = oldest;
    const recordLength = this.stored.length > 0 ? this.stored.length : -1;
    this.handle({ kind: "start", oldest, next, delayMs, record: this.stored, recordLength });
  }

  cutPower(): void {
    this.outbox = new Outbox();
    this.free = -1;
    this.nowMs = 0;
    this.start(this.trimmed, this.next);
    this.free = 0;
    this.handle({ kind: "uplink", free: 0 });
  }

  get last(): number {
    return this.sent[this.sent.length - 1];
  }

  /** The uplink reports on its token and is free again. */
  finish(kind: "acknowledged" | "notDelivered" | "sent" | "lost", seq = this.last): void {
    this.free = 0;
    this.handle({ kind, seq });
  }

  /** Lets time pass to the next thing the outbox waits for; returns how long that was. */
  wait(): number {
    const at = this.outbox.pollTimeout();
    assert.ok(at !== undefined, "the outbox waits for something");
    const waited = at - this.nowMs;
    this.nowMs = at;
    this.outbox.handleTimeout(at);
    this.#run();
    return waited;
  }

  #run(): void {
    for (let command = this.outbox.pollCommand(); command !== undefined; command = this.outbox.pollCommand()) {
      if (command.kind === "deliver") {
        this.sent.push(command.seq);
        this.handed = { tries: command.tries, inOrder: command.inOrder };
        this.free = -1;
      } else if (command.kind === "trim") this.trimmed = command.before;
      else if (command.kind === "store") {
        assert.equal(command.key, OUTBOX_KEY);
        this.stores++;
        if (!this.storeFails) this.stored = command.value.slice(0, command.length);
      } else this[command.kind].push(command.seq);
    }
    this.outbox = throughSavedState(this.outbox, () => new Outbox());
    this.outbox.handle({ kind: "uplink", free: this.free }, this.nowMs);
  }
}

describe("outbox", () => {
  it("one at a time, and trims by acknowledgement only", () => {
    const bench = new Bench();
    bench.append(3);
    assert.deepEqual(bench.sent, [0]);
    assert.equal(bench.trimmed, 0);
    bench.finish("acknowledged", 0);
    assert.deepEqual([bench.sent, bench.trimmed], [[0, 2], 1]);
    bench.finish("acknowledged", 2);
    assert.deepEqual([bench.sent, bench.trimmed], [[0, 2, 1], 1]);
    bench.finish("acknowledged", 1);
    assert.equal(bench.trimmed, 3);
    assert.deepEqual(bench.delivered, [0, 2, 1]);
    assert.equal(bench.outbox.empty, true);
    assert.equal(bench.outbox.pollTimeout(), undefined);
  });

  it("holds the first transmission back for the delay it was given", () => {
    const bench = new Bench();
    bench.append(1, 12_345);
    assert.deepEqual(bench.sent, []);
    assert.equal(bench.wait(), 12_345);
    assert.deepEqual(bench.sent, [0]);
  });

  it("a token that is held back keeps no older one waiting, and takes one with it that is stored meanwhile", () => {
    const bench = new Bench();
    bench.start(7, 9);
    bench.append(1, 60_000);
    assert.deepEqual(bench.sent, [8]);
    bench.finish("acknowledged");
    bench.finish("acknowledged");
    assert.deepEqual(bench.sent, [8, 7]);
    bench.nowMs = 20_000;
    bench.append(1, 60_000);
    assert.equal(bench.wait(), 40_000);
    bench.finish("acknowledged");
    assert.deepEqual(bench.sent, [8, 7, 10, 9]);
  });

  it("begins with the backlog of the log after its delay", () => {
    const bench = new Bench();
    bench.start(7, 9, 1000);
    assert.equal(bench.wait(), 1000);
    bench.finish("acknowledged");
    bench.finish("acknowledged");
    assert.deepEqual(bench.sent, [8, 7]);
    assert.equal(bench.trimmed, 9);
  });

  it("takes newest and oldest in turn from a backlog, and what is stored meanwhile at once", () => {
    const bench = new Bench();
    bench.start(0, 6);
    bench.finish("acknowledged");
    bench.finish("acknowledged");
    bench.append(1);
    assert.deepEqual(bench.sent, [5, 0, 4]);
    for (let i = 0; i < 5; i++) bench.finish("acknowledged");
    assert.deepEqual(bench.sent, [5, 0, 4, 6, 1, 3, 2]);
    assert.equal(bench.outbox.empty, true);
  });

  it("240 tokens after an outage: all acknowledged in any order, power cut in the middle, none sent again that was acknowledged", () => {
    const bench = new Bench();
    bench.start(1000, 1240);
    // Acknowledgements come some tokens late, in another order; every eighth token is lost once.
    const late: number[] = [];
    const lost = new Set<number>();
    const acknowledged = new Set<number>();
    const acknowledge = (): void => {
      const seq = late.splice(late.length > 2 ? 1 : 0, 1)[0];
      acknowledged.add(seq);
      bench.finish("acknowledged", seq);
    };
    const step = (): void => {
      const seq = bench.last;
      assert.ok(!acknowledged.has(seq), `token ${seq} is sent although it was acknowledged`);
      if (seq % 8 !== 3 || lost.has(seq)) late.push(seq);
      lost.add(seq);
      bench.finish("notDelivered", seq);
      if (late.length > 3) acknowledge();
      if (bench.free === 0 && !bench.outbox.empty) bench.wait();
    };
    assert.deepEqual(bench.handed, { tries: 0, inOrder: false }, "the receiver may not have seen 239 tokens");
    for (let i = 0; i < 100; i++) step();
    assert.deepEqual(bench.sent.slice(0, 2), [1239, 1000]);
    const begun = [...new Set(bench.sent)];
    const newer = begun.filter((seq) => seq >= 1120).length;
    assert.ok(
      begun.length > 60 && Math.abs(2 * newer - begun.length) <= 2,
      `${newer} of ${begun.length} are newer ones`,
    );
    assert.ok(acknowledged.size > 50);
    bench.cutPower();
    while (!bench.outbox.empty) {
      if (late.length > 0 && bench.sent.length > 500) acknowledge();
      else step();
    }
    assert.ok(bench.sent.length < 501);
    assert.equal(bench.trimmed, 1240);
    assert.deepEqual(bench.dropped, []);
    assert.equal(new Set(bench.delivered).size, 240);
    assert.equal(bench.delivered.length, 240);
  });

  it("a write of the done record that is lost costs a transmission, nothing else", () => {
    const bench = new Bench();
    bench.start(0, 8);
    bench.finish("acknowledged");
    bench.storeFails = true;
    bench.finish("notDelivered");
    bench.wait();
    bench.finish("acknowledged");
    const known = [...bench.delivered];
    assert.deepEqual(known, [7, 6]);
    bench.cutPower();
    for (let i = 0; i < 20 && !bench.outbox.empty; i++) bench.finish("acknowledged");
    assert.deepEqual([...bench.delivered].sort(), [0, 1, 2, 3, 4, 5, 6, 6, 7]);
  });

  it("writes nothing to flash while acknowledgements come in order", () => {
    const bench = new Bench();
    for (let i = 0; i < 50; i++) {
      bench.append();
      bench.finish("acknowledged");
    }
    assert.deepEqual([bench.stores, bench.trimmed], [0, 50]);
  });

  it("does not believe the done record of another log", () => {
    const bench = new Bench();
    bench.start(100, 110);
    bench.finish("acknowledged", 105);
    assert.ok(bench.stored.length > 0);
    bench.outbox = new Outbox();
    bench.delivered = [];
    bench.start(0, 3);
    assert.equal(bench.stored.length, 5, "the record is put right at once");
    bench.append(110);
    while (!bench.outbox.empty) bench.finish("acknowledged");
    assert.equal(bench.delivered.length, 113);
    bench.cutPower();
    assert.equal(bench.outbox.empty, true);
  });

  it("ignores a done record that is cut, and one that is none", () => {
    for (const stored of [new Uint8Array(3), new Uint8Array(500), Uint8Array.from([0, 0, 0, 0, 9, 255])]) {
      const bench = new Bench();
      bench.stored = stored;
      bench.start(0, 3);
      while (!bench.outbox.empty) bench.finish("acknowledged");
      assert.equal(bench.delivered.length, 3);
    }
  });

  it("trims the log only up to the first token that is not acknowledged", () => {
    const bench = new Bench();
    bench.append(3);
    bench.finish("notDelivered", 0);
    bench.wait();
    assert.deepEqual(bench.sent, [0, 2]);
    bench.finish("acknowledged", 2);
    assert.equal(bench.trimmed, 0);
    bench.finish("acknowledged", 0);
    assert.equal(bench.trimmed, 1);
    bench.finish("acknowledged", 1);
    assert.equal(bench.trimmed, 3);
  });

  it("takes a late acknowledgement of a token it had back already, and each only once", () => {
    const bench = new Bench();
    bench.append(1);
    bench.finish("notDelivered", 0);
    bench.finish("acknowledged", 0);
    bench.finish("acknowledged", 0);
    assert.deepEqual(bench.delivered, [0]);
    assert.equal(bench.outbox.empty, true);
  });

  it("ignores acknowledgements of what it does not have", () => {
    const bench = new Bench();
    bench.start(5, 8);
    for (const seq of [0, 4, 8, 9, 5 + OUTBOX_TOKENS_MAX, 0xffffffff]) bench.finish("acknowledged", seq);
    assert.deepEqual(bench.delivered, []);
    assert.equal(bench.trimmed, 5);
  });

  it("says which token is a first try in order, whose compact form needs no full numbers", () => {
    const bench = new Bench();
    bench.append(1);
    assert.deepEqual(bench.handed, { tries: 0, inOrder: true });
    bench.finish("notDelivered");
    bench.wait();
    assert.deepEqual(bench.handed, { tries: 1, inOrder: true });
    bench.finish("notDelivered");
    bench.wait();
    assert.equal(bench.handed.tries, 2);
    bench.append(SEQ_AHEAD_MAX);
    bench.finish("notDelivered");
    while (bench.free === 0) bench.wait();
    assert.deepEqual([bench.last, bench.handed], [SEQ_AHEAD_MAX, { tries: 0, inOrder: false }]);
    bench.finish("acknowledged");
    while (bench.last >= SEQ_AHEAD_MAX) bench.wait();
    assert.equal(bench.handed.inOrder, false, "older than what came through");
    bench.append(SEQ_AHEAD_MAX);
    bench.finish("acknowledged");
    assert.deepEqual([bench.last, bench.handed], [2 * SEQ_AHEAD_MAX, { tries: 0, inOrder: true }]);
  });

  it("never gives a token up while none comes through: waits longer each time, up to a bound", () => {
    const bench = new Bench();
    bench.append(1);
    const waits: number[] = [];
    for (let i = 0; i < 14; i++) {
      bench.finish("notDelivered", 0);
      waits.push(bench.wait() / RESEND_FIRST_MS);
    }
    assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360, 360, 360]);
    assert.equal(bench.sent.length, 15);
    assert.deepEqual(bench.dropped, []);
  });

  it("probes a dead path with one token at growing intervals, whatever else waits", () => {
    const bench = new Bench();
    bench.append(10);
    const waits: number[] = [];
    for (let i = 0; i < 5; i++) {
      bench.finish("notDelivered");
      waits.push(bench.wait() / PATH_RETRY_FIRST_MS);
    }
    assert.deepEqual(waits, [1, 2, 4, 8, 16]);
  });

  it("takes the path for good again after one success, and tries at once what came back while it was dead", () => {
    const bench = new Bench();
    bench.append(2);
    for (let i = 0; i < 12; i++) {
      bench.finish("notDelivered");
      bench.wait();
    }
    bench.append(1);
    bench.finish("notDelivered");
    while (bench.last !== 2) bench.wait();
    bench.finish("notDelivered");
    while (bench.last === 2 || bench.free === 0) {
      if (bench.free === 0) bench.wait();
      else bench.finish("notDelivered");
    }
    const nowMs = bench.nowMs;
    for (let i = 0; i < 3; i++) bench.finish("acknowledged");
    assert.equal(bench.nowMs, nowMs, "all the rest goes at once");
    assert.equal(bench.outbox.empty, true);
    bench.append(1);
    bench.finish("notDelivered");
    assert.equal(bench.wait(), RESEND_FIRST_MS);
  });

  it("after an outage of six hours what came back meanwhile goes like new, newest and oldest in turn; after a shorter one the shelf goes round", () => {
    const afterOutage = (outageMs: number): number[] => {
      const bench = new Bench();
      bench.append(1);
      bench.finish("acknowledged");
      bench.append(7);
      while (bench.nowMs < outageMs) {
        if (bench.free === 0) bench.wait();
        else bench.finish("notDelivered");
      }
      if (bench.free === 0) bench.wait();
      const from = bench.sent.length;
      while (!bench.outbox.empty) bench.finish("acknowledged");
      assert.deepEqual([...bench.delivered].sort(), [0, 1, 2, 3, 4, 5, 6, 7]);
      return bench.sent.slice(from - 1);
    };
    assert.deepEqual(afterOutage(OUTAGE_MS / 2), [3, 7, 4, 5, 6, 2, 1]);
    assert.deepEqual(afterOutage(2 * OUTAGE_MS), [5, 7, 1, 6, 2, 4, 3]);
  });

  it("an urgent token goes before all others, over power cuts too; from its third try on it waits on the shelf as they do", () => {
    const bench = new Bench();
    bench.append(3);
    bench.append(1, 0, true);
    bench.append(3);
    bench.finish("acknowledged");
    assert.deepEqual(bench.sent, [0, 3]);
    bench.cutPower();
    assert.deepEqual(bench.sent, [0, 3, 3]);
    bench.finish("notDelivered");
    assert.equal(bench.wait(), PATH_RETRY_FIRST_MS);
    assert.equal(bench.last, 6, "the path is probed with another");
    bench.finish("acknowledged");
    assert.equal(bench.last, 3);
    bench.finish("notDelivered");
    bench.wait();
    for (let i = 0; i < 4; i++) bench.finish("acknowledged");
    assert.deepEqual(bench.sent.slice(5), [1, 5, 2, 4]);
    bench.wait();
    assert.equal(bench.last, 3);
    assert.equal(bench.stored[0], 2);
    bench.append(2);
    bench.finish("acknowledged", 3);
    bench.finish("acknowledged", 8);
    assert.equal(bench.stored[0], 0, "once it is done it is forgotten");
  });

  it("what a receiver refuses for ever costs four tries a day, and delays no other token", () => {
    const bench = new Bench();
    const refused = new Set([3, 4, 5, 6, 7, 20, 21]);
    let tries = 0;
    let afterMs = 0;
    // Eight tokens a day for 40 days.
    for (let token = 0; token < 320; token++) {
      bench.append();
      const dueMs = bench.nowMs + DAY_MS / 8;
      while (bench.free !== 0 || (bench.outbox.pollTimeout() ?? Infinity) <= dueMs) {
        if (bench.free === 0) bench.wait();
        const seq = bench.last;
        if (refused.has(seq)) {
          if (token > 40) tries++;
          bench.finish("notDelivered");
        } else {
          if (token > 40) afterMs = Math.max(afterMs, bench.nowMs - (dueMs - DAY_MS / 8));
          bench.finish("acknowledged");
        }
      }
      bench.nowMs = dueMs;
    }
    assert.ok(tries <= (4 * 280) / 8, `${tries} tries of refused tokens in 35 days`);
    assert.ok(tries >= 100, "they are not given up");
    assert.equal(afterMs, 0);
    assert.deepEqual(bench.dropped, []);
    assert.deepEqual([bench.delivered.length, bench.trimmed], [313, 3]);
  });

  it("gives up a refused token when as many later ones are stored as the bitmap holds, counted", () => {
    const bench = new Bench();
    bench.append(OUTBOX_TOKENS_MAX);
    bench.finish("lost", 5);
    for (let seq = 1; seq < OUTBOX_TOKENS_MAX; seq++) bench.finish("acknowledged", seq);
    assert.deepEqual([bench.dropped, bench.trimmed], [[5], 0]);
    bench.append(1);
    assert.deepEqual([bench.dropped, bench.trimmed], [[5, 0], OUTBOX_TOKENS_MAX]);
    assert.equal(bench.outbox.droppedCount, 2);
    bench.finish("acknowledged", OUTBOX_TOKENS_MAX);
    assert.equal(bench.outbox.empty, true);
  });

  it("gives up what is too old already when the power comes on, counted", () => {
    const bench = new Bench();
    bench.start(10, 12 + OUTBOX_TOKENS_MAX);
    assert.deepEqual([bench.trimmed, bench.outbox.droppedCount], [12, 2]);
  });

  it("gives up the oldest when the log is full, counted", () => {
    const bench = new Bench();
    bench.append(3);
    bench.handle({ kind: "full" });
    assert.deepEqual(bench.dropped, [0]);
    assert.equal(bench.trimmed, 1);
    bench.finish("acknowledged", 0);
    assert.deepEqual(bench.delivered, []);
    assert.deepEqual(bench.sent, [0, 2]);
  });

  it("gives up what flash has lost, counted", () => {
    const bench = new Bench();
    bench.append(2);
    bench.finish("lost", 0);
    assert.deepEqual([bench.dropped, bench.trimmed, bench.sent], [[0], 1, [0, 1]]);
  });

  it("without downlinks: what was sent is done, and kept until room is needed, over power cuts too", () => {
    const bench = new Bench();
    bench.append(4);
    bench.finish("sent");
    bench.finish("notDelivered");
    bench.wait();
    bench.finish("sent");
    bench.finish("sent");
    assert.deepEqual([bench.sent, bench.trimmed, bench.outbox.empty], [[0, 3, 1, 3, 2], 0, false]);
    bench.cutPower();
    assert.deepEqual(bench.sent, [0, 3, 1, 3, 2, 2]);
    bench.finish("sent");
    assert.equal(bench.outbox.empty, true);
    bench.cutPower();
    assert.deepEqual([bench.outbox.empty, bench.trimmed], [true, 0]);
    bench.append(1);
    assert.deepEqual(bench.sent.slice(6), [4]);
    for (let i = 0; i < 4; i++) bench.handle({ kind: "full" });
    assert.deepEqual([bench.trimmed, bench.dropped, bench.outbox.droppedCount], [4, [], 0], "sent tokens are no loss");
    bench.handle({ kind: "full" });
    assert.deepEqual([bench.trimmed, bench.dropped, bench.outbox.hasTokens], [5, [4], false]);
  });

  it("without downlinks: an acknowledgement that comes all the same counts", () => {
    const bench = new Bench();
    bench.append(3);
    bench.finish("sent");
    bench.finish("acknowledged", 1);
    bench.finish("sent");
    assert.deepEqual([bench.sent, bench.delivered, bench.trimmed], [[0, 2], [1], 0]);
    assert.equal(bench.outbox.empty, true);
  });

  it("two uplinks carry two tokens, and no token twice", () => {
    const bench = new Bench();
    bench.start(0, 3);
    bench.free = 1;
    bench.handle({ kind: "uplink", free: 1 });
    assert.deepEqual(bench.sent, [2, 0]);
    bench.finish("acknowledged", 2);
    bench.finish("acknowledged", 1);
    bench.finish("acknowledged", 0);
    assert.deepEqual([bench.sent, bench.trimmed], [[2, 0, 1], 3]);
  });

  it("hurries when draining: first transmissions at once, repeats within a minute", () => {
    const bench = new Bench();
    bench.append(1);
    for (let i = 0; i < 6; i++) {
      bench.finish("notDelivered", 0);
      if (i < 5) bench.wait();
    }
    bench.append(1, 500_000);
    bench.handle({ kind: "drain" });
    assert.equal(bench.last, 1);
    bench.finish("notDelivered");
    assert.ok(bench.wait() <= DRAIN_RETRY_MAX_MS);
    bench.finish("acknowledged");
    if (bench.free === 0) assert.ok(bench.wait() <= DRAIN_RETRY_MAX_MS);
    bench.finish("acknowledged");
    assert.equal(bench.outbox.empty, true);
    bench.append(1, 500_000);
    assert.equal(bench.last, 2);
  });

  it("whatever happens in whatever order: no token twice in flight, none forgotten, none sent that is done on flash, nothing waited for in vain", () => {
    for (let seed = 1; seed <= counts(60, 3000); seed++) {
      let state = seed;
      const below = (limit: number): number => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        return Math.floor((state / 0x100000000) * limit);
      };
      const bench = new Bench();
      const flying = new Set<number>();
      const done = new Set<number>();
      let handed = 0;
      const look = (): void => {
        for (; handed < bench.sent.length; handed++) {
          const seq = bench.sent[handed];
          assert.ok(!flying.has(seq) && !done.has(seq), `seed ${seed}: token ${seq}`);
          flying.add(seq);
        }
        for (let seq = 0; seq < bench.trimmed; seq++) assert.ok(done.has(seq), `seed ${seed}: ${seq} is trimmed`);
      };
      bench.append(1 + below(40));
      for (let step = 0; step < 150; step++) {
        look();
        const any = bench.trimmed + below(bench.next - bench.trimmed + 2);
        const one = [...flying][below(flying.size)] ?? any;
        const event = below(10);
        if (event < 3) {
          flying.delete(one);
          bench.finish("notDelivered", one);
        } else if (event < 6) {
          const seq = event === 5 ? any : one;
          flying.delete(seq);
          if (seq < bench.next) done.add(seq);
          bench.finish("acknowledged", seq);
        } else if (event === 6) {
          bench.append(below(3), below(2) * 60_000);
        } else if (event === 7 && below(10) === 0) {
          flying.clear();
          bench.cutPower();
        } else if (bench.free === 0 && bench.outbox.pollTimeout() !== undefined) {
          assert.ok(bench.wait() <= RESEND_MAX_MS, `seed ${seed}`);
        } else {
          bench.free = below(2) - 1;
          bench.handle({ kind: "uplink", free: bench.free });
        }
      }
      look();
      for (let seq = 0; seq < bench.next; seq++) bench.finish("acknowledged", seq);
      assert.deepEqual([bench.outbox.empty, bench.trimmed, bench.dropped], [true, bench.next, []], `seed ${seed}`);
    }
  });

  it("waits for nothing longer than the shelf's bound", () => {
    const bench = new Bench();
    bench.append(30);
    for (let i = 0; i < 300; i++) {
      bench.finish("notDelivered");
      assert.ok(bench.wait() <= RESEND_MAX_MS);
    }
    assert.equal(new Set(bench.sent.slice(-30)).size, 30, "the shelf goes round");
  });
});
