import assert from "node:assert/strict";
import { P2pBase, type P2pBaseEvent } from "../../../../firmware/core/base/p2p-base.ts";
import { P2P_ANSWER_LATENCY_MS, P2P_BASE_NODES, P2P_BASE_RETRY_MS } from "../../../../firmware/core/bounds.ts";
import { DUTY_KEY } from "../../../../firmware/core/lorawan/duty-cycle.ts";
import { EU868 } from "../../../../firmware/core/lorawan/region/eu868.ts";
import { p2pPlan } from "../../../../firmware/core/uplink/p2p-plan.ts";
import { newP2pFrame, writeP2pFrame, writeP2pTag } from "../../../../firmware/wire/p2p-frame.ts";
import { timeOnAirUs } from "../../../../firmware/wire/time-on-air.ts";
import { bytesToHex } from "../../../../tools/receiver/hex.ts";

const PLAN = p2pPlan(EU868);

/** A frame of the node with this address, or an answer for it; the base cannot tell a right tag from a wrong one. */
function frameOf(address: number, down = false, counter = 0, bytes = 3): Uint8Array {
  const into = new Uint8Array(255);
  const header = { ...newP2pFrame(), down, address, counter, port: 32 };
  return into.slice(
    0,
    writeP2pTag(new Uint8Array(16), into, writeP2pFrame(header, new Uint8Array(bytes), bytes, into)),
  );
}

/** A base on a radio and a network that do what the test says. */
class Bench {
  base = new P2pBase(EU868, PLAN);
  nowMs = 0;
  log: string[] = [];
  sent: { atMs: number; hex: string }[] = [];
  stores = 0;

  constructor() {
    this.handle({ kind: "start" });
  }

  handle(event: P2pBaseEvent): void {
    this.base.handle(event, this.nowMs);
    this.#commands();
  }

  #commands(): void {
    for (let command = this.base.pollCommand(); command !== undefined; command = this.base.pollCommand()) {
      if (command.kind === "store") {
        assert.equal(command.key, DUTY_KEY);
        this.stores++;
        continue;
      }
      this.log.push(command.kind);
      if (command.kind === "receive") assert.deepEqual([command.symbolTimeout, command.modulation], [0, PLAN.uplink]);
      if (command.kind !== "transmit") continue;
      this.sent.push({ atMs: this.nowMs, hex: bytesToHex(command.frame.subarray(0, command.length)) });
    }
  }

  heard(frame: Uint8Array): void {
    this.handle({ kind: "received", frame, length: frame.length, atMs: this.nowMs });
  }

  answer(frame: Uint8Array): void {
    this.handle({ kind: "answer", frame, length: frame.length });
  }

  /** Time passes; a transmission ends when its airtime has passed. `lateMs`: by how much each timer is. */
  run(ms: number, lateMs = 0): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const dueMs = this.base.pollTimeout();
      if (dueMs === undefined || dueMs + lateMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, dueMs) + lateMs;
      const before = this.sent.length;
      this.base.handleTimeout(this.nowMs);
      this.#commands();
      if (this.sent.length === before) continue;
      this.nowMs += Math.ceil(timeOnAirUs(PLAN.answer, this.sent[before].hex.length / 2) / 1000);
      this.handle({ kind: "transmitted", atMs: this.nowMs });
    }
    this.nowMs = Math.max(this.nowMs, untilMs);
  }
}

describe("point to point base", () => {
  it("listening, stopped, prepared, transmitting, listening: answers a second after the frame", () => {
    const bench = new Bench();
    bench.nowMs = 500;
    bench.heard(frameOf(1));
    assert.deepEqual(bench.log, ["receive", "forward", "receive"]);
    bench.run(70);
    const answer = frameOf(1, true);
    bench.answer(answer);
    bench.run(2000);
    assert.deepEqual(bench.sent, [{ atMs: 1500, hex: bytesToHex(answer) }]);
    assert.deepEqual(bench.log.slice(3), ["sleepRadio", "prepareRadio", "transmit", "receive"]);
    assert.equal(bench.stores, 1);
    bench.run(10_000);
    assert.equal(bench.sent.length, 1, "once");
  });

  it("an answer that comes too late goes after the node's next frame; the newest counts", () => {
    const bench = new Bench();
    bench.heard(frameOf(1));
    bench.run(950);
    bench.answer(frameOf(1, true, 0));
    bench.answer(frameOf(1, true, 1));
    bench.run(5000);
    assert.equal(bench.sent.length, 0);
    bench.heard(frameOf(1, false, 2));
    const heardMs = bench.nowMs;
    bench.run(2000);
    assert.deepEqual(bench.sent, [{ atMs: heardMs + 1000, hex: bytesToHex(frameOf(1, true, 1)) }]);
    assert.equal(bench.base.counters.late, 2);
  });

  it("is never late without the node's window allowing for it: slow JavaScript either answers in time or waits", () => {
    const late = new Bench();
    late.heard(frameOf(1));
    late.answer(frameOf(1, true));
    late.run(2000, 15);
    assert.ok(late.sent[0].atMs <= 1000 + P2P_ANSWER_LATENCY_MS);
    const later = new Bench();
    later.heard(frameOf(1));
    later.answer(frameOf(1, true));
    later.run(2000, P2P_ANSWER_LATENCY_MS + 10);
    assert.equal(later.sent.length, 0);
    assert.equal(later.log.at(-1), "receive");
  });

  it("of two answers due at once one waits", () => {
    const bench = new Bench();
    bench.heard(frameOf(1));
    bench.nowMs = 20;
    bench.heard(frameOf(2));
    bench.answer(frameOf(2, true));
    bench.answer(frameOf(1, true));
    bench.run(3000);
    assert.deepEqual(bench.sent, [{ atMs: 1000, hex: bytesToHex(frameOf(1, true)) }]);
    bench.heard(frameOf(2));
    bench.run(3000);
    assert.equal(bench.sent.length, 2);
  });

  it("forwards well-formed uplinks only, and takes answers only for nodes that it has heard", () => {
    const bench = new Bench();
    bench.heard(frameOf(1, true));
    bench.heard(Uint8Array.from([1, 2, 3]));
    bench.answer(frameOf(1, true));
    bench.heard(frameOf(1));
    bench.answer(frameOf(1));
    bench.answer(frameOf(1, true, 0, 29));
    bench.run(5000);
    assert.deepEqual(bench.base.counters, { heard: 1, answered: 0, refused: 3, late: 0 });
    assert.equal(bench.log.filter((kind) => kind === "forward").length, 1);
    assert.equal(bench.sent.length, 0);
  });

  it("remembers a bounded number of nodes: the one silent for longest is forgotten", () => {
    const bench = new Bench();
    for (let address = 0; address <= P2P_BASE_NODES; address++) {
      bench.heard(frameOf(address));
      bench.nowMs++;
    }
    bench.answer(frameOf(0, true));
    assert.equal(bench.base.counters.refused, 1);
    bench.answer(frameOf(1, true));
    assert.equal(bench.base.counters.refused, 1);
  });

  it("ETSI EN 300 220-2 band P: answers take 10 % of an hour and no more", () => {
    const bench = new Bench();
    const answer = frameOf(1, true, 0, 16);
    const airtimeMs = Math.ceil(timeOnAirUs(PLAN.answer, answer.length) / 1000);
    while (bench.nowMs < 3_600_000) {
      bench.heard(frameOf(1));
      bench.answer(answer);
      bench.run(1090);
    }
    assert.ok(bench.sent.length * airtimeMs <= 360_000);
    const busy = new P2pBase(EU868, PLAN);
    busy.loadPersistent((_key, into) => {
      // Everything is spent, as after a power cut in the worst case.
      into.set([1, ...EU868.subBands.map(() => 32)]);
      return 1 + EU868.subBands.length;
    }, 0);
    const silent = new Bench();
    silent.base = busy;
    silent.handle({ kind: "start" });
    silent.heard(frameOf(1));
    silent.answer(answer);
    silent.run(5000);
    assert.equal(silent.sent.length, 0);
    assert.equal(busy.counters.late, 1);
  });

  it("listens again after a bad frame, and a second after a radio that failed", () => {
    const bench = new Bench();
    bench.handle({ kind: "receiveTimeout" });
    assert.deepEqual(bench.log, ["receive", "receive"]);
    bench.handle({ kind: "radioError" });
    assert.equal(bench.log.length, 2);
    bench.run(P2P_BASE_RETRY_MS);
    assert.equal(bench.log.length, 3);
    bench.heard(frameOf(1));
    bench.answer(frameOf(1, true));
    bench.run(999);
    bench.handle({ kind: "radioError" });
    bench.run(5000);
    assert.deepEqual([bench.sent.length, bench.log.at(-1)], [0, "receive"]);
  });
});
