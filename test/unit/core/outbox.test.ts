import assert from "node:assert/strict";
import {
  DRAIN_RETRY_MAX_MS,
  OUTBOX_WINDOW,
  PATH_RETRY_FIRST_MS,
  REFUSED_TRIES_MAX,
  RESEND_FIRST_MS,
} from "../../../firmware/core/bounds.ts";
import { Outbox, type OutboxEvent } from "../../../firmware/core/outbox.ts";
import { throughSavedState } from "./saved-state.ts";

/** An outbox, saved and restored after every event, and what it asked for. */
class Bench {
  outbox = new Outbox();
  nowMs = 0;
  next = 0;
  free = 0;
  sent: number[] = [];
  delivered: number[] = [];
  dropped: number[] = [];
  trimmed = 0;

  handle(event: OutboxEvent): void {
    this.outbox.handle(event, this.nowMs);
    this.#run();
    this.outbox.handle({ kind: "uplink", free: this.free }, this.nowMs);
    this.#run();
  }

  append(count = 1, delayMs = 0): void {
    for (let i = 0; i < count; i++) this.handle({ kind: "appended", seq: this.next++, delayMs });
  }

  /** The uplink reports on its token and is free again. */
  finish(kind: "acknowledged" | "notDelivered", seq: number): void {
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
        this.free = -1;
      } else if (command.kind === "trim") this.trimmed = command.before;
      else this[command.kind].push(command.seq);
    }
    this.outbox = throughSavedState(this.outbox, () => new Outbox());
    this.outbox.handle({ kind: "uplink", free: this.free }, this.nowMs);
  }
}

describe("outbox", () => {
  it("sends the oldest first, one at a time, and trims by acknowledgement only", () => {
    const bench = new Bench();
    bench.append(3);
    assert.deepEqual(bench.sent, [0]);
    assert.equal(bench.trimmed, 0);
    bench.finish("acknowledged", 0);
    bench.finish("acknowledged", 1);
    assert.deepEqual(bench.sent, [0, 1, 2]);
    assert.equal(bench.trimmed, 2);
    bench.finish("acknowledged", 2);
    assert.equal(bench.trimmed, 3);
    assert.deepEqual(bench.delivered, [0, 1, 2]);
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

  it("begins with the backlog of the log after its delay", () => {
    const bench = new Bench();
    bench.handle({ kind: "start", oldest: 7, next: 9, delayMs: 1000 });
    bench.next = 9;
    assert.equal(bench.wait(), 1000);
    bench.finish("acknowledged", 7);
    assert.deepEqual(bench.sent, [7, 8]);
    assert.equal(bench.trimmed, 8);
  });

  it("trims the log only up to the first token that is not acknowledged", () => {
    const bench = new Bench();
    bench.append(3);
    bench.finish("notDelivered", 0);
    bench.wait();
    assert.deepEqual(bench.sent, [0, 1]);
    bench.finish("acknowledged", 1);
    assert.equal(bench.trimmed, 0);
    bench.finish("acknowledged", 2);
    bench.wait();
    bench.finish("acknowledged", 0);
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
    bench.append(OUTBOX_WINDOW + 3);
    for (const seq of [OUTBOX_WINDOW, OUTBOX_WINDOW + 3, 0xffffffff]) bench.finish("acknowledged", seq);
    assert.deepEqual(bench.delivered, []);
    assert.equal(bench.trimmed, 0);
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
      bench.finish("notDelivered", bench.sent[bench.sent.length - 1]);
      waits.push(bench.wait() / PATH_RETRY_FIRST_MS);
    }
    assert.deepEqual(waits, [1, 2, 4, 8, 16]);
  });

  it("takes the path for good again after one success", () => {
    const bench = new Bench();
    bench.append(10);
    for (let i = 0; i < 4; i++) {
      bench.finish("notDelivered", bench.sent[bench.sent.length - 1]);
      bench.wait();
    }
    bench.finish("acknowledged", bench.sent[bench.sent.length - 1]);
    assert.equal(bench.free, -1, "the next token goes at once");
    bench.finish("notDelivered", bench.sent[bench.sent.length - 1]);
    assert.equal(bench.wait(), PATH_RETRY_FIRST_MS);
  });

  it("gives up a token that holds back a full window while others come through, counted", () => {
    const bench = new Bench();
    bench.append(OUTBOX_WINDOW + 5);
    let steps = 0;
    while (bench.dropped.length === 0 && steps++ < 500) {
      if (bench.free === 0) bench.wait();
      const seq = bench.sent[bench.sent.length - 1];
      bench.finish(seq === 0 ? "notDelivered" : "acknowledged", seq);
    }
    assert.deepEqual(bench.dropped, [0]);
    assert.equal(bench.outbox.droppedCount, 1);
    assert.equal(bench.sent.filter((seq) => seq === 0).length, REFUSED_TRIES_MAX);
    assert.ok(bench.trimmed >= OUTBOX_WINDOW);
  });

  it("gives up the oldest when the log is full, counted", () => {
    const bench = new Bench();
    bench.append(3);
    bench.handle({ kind: "full" });
    assert.deepEqual(bench.dropped, [0]);
    assert.equal(bench.trimmed, 1);
    bench.finish("acknowledged", 0);
    assert.deepEqual(bench.delivered, []);
    assert.deepEqual(bench.sent, [0, 1]);
  });

  it("gives up what flash has lost, counted", () => {
    const bench = new Bench();
    bench.append(2);
    bench.free = 0;
    bench.handle({ kind: "lost", seq: 0 });
    assert.deepEqual([bench.dropped, bench.trimmed, bench.sent], [[0], 1, [0, 1]]);
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
    assert.ok(bench.wait() <= DRAIN_RETRY_MAX_MS);
    bench.finish("acknowledged", bench.sent[bench.sent.length - 1]);
    if (bench.free === 0) assert.ok(bench.wait() <= DRAIN_RETRY_MAX_MS);
    bench.finish("acknowledged", bench.sent[bench.sent.length - 1]);
    assert.equal(bench.outbox.empty, true);
    bench.append(1, 500_000);
    assert.equal(bench.sent[bench.sent.length - 1], 2);
  });
});
