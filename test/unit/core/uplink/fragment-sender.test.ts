import assert from "node:assert/strict";
import fc from "fast-check";
import { ACK_REQUEST_FIRST_MS, ACK_REQUESTS_MAX, REPAIRS_MAX } from "../../../../firmware/core/bounds.ts";
import { FragmentSender } from "../../../../firmware/core/uplink/fragment-sender.ts";
import { MAX_TOKEN_BYTES } from "../../../../firmware/wire/batch.ts";
import {
  newFragment,
  parseFragment,
  TOKEN_FPORT,
  writeAck,
  writeReceiverAbort,
} from "../../../../firmware/wire/schc-fragment.ts";
import { Reassembler } from "../../../../tools/receiver/reassembler.ts";
import { counts } from "../../../counts.ts";
import { throughSavedState } from "../saved-state.ts";

/** EU868, DR0 to DR5; 115 and 242 as well, for networks without repeaters. */
const PAYLOADS = [51, 51, 51, 115, 222, 242];

const SEQ = 70_001;

function newSender(): FragmentSender {
  return new FragmentSender({ downlinks: true });
}

function datagramOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 37 + (i >> 3)) & 0xff);
}

/** A sender, saved and restored at each step, a lossy way, and the receiver's reassembler. */
class Bench {
  sender = newSender();
  reassembler = new Reassembler();
  nowMs = 0;
  datagram: Uint8Array;
  received: Uint8Array[] = [];
  frames: string[] = [];
  /** Says of each frame up (true) or down (false) whether it is lost. */
  lost: (up: boolean) => boolean = () => false;
  maxPayload: () => number = () => 51;
  more = false;

  constructor(length: number) {
    this.datagram = datagramOf(length);
    this.sender.start(this.datagram, length, TOKEN_FPORT, SEQ);
  }

  #cycle(): void {
    this.sender = throughSavedState(this.sender, newSender);
    this.sender.reload(this.datagram, this.datagram.length);
  }

  /** Sends until the sender waits or rests. */
  send(): void {
    while (this.sender.wantsToSend) {
      this.#cycle();
      const length = this.sender.nextFrame(this.maxPayload());
      if (length === 0) break;
      const frame = this.sender.frame.slice(0, length);
      this.frames.push(describeFrame(frame));
      this.#cycle();
      if (!this.lost(true)) this.#deliver(frame);
      this.sender.sent(this.nowMs, this.more);
      this.#cycle();
    }
  }

  #deliver(frame: Uint8Array): void {
    this.reassembler.handle(frame, this.nowMs);
    for (;;) {
      const command = this.reassembler.pollCommand();
      if (command === undefined) return;
      if (command.kind === "reply" && !this.lost(false))
        this.sender.received(TOKEN_FPORT, command.frame, command.frame.length);
      if (command.kind === "datagram") {
        this.received.push(command.bytes.slice());
        if (!this.lost(false)) this.sender.confirmed();
      }
    }
  }

  /** Sends until nothing is left to do; returns whether the token was confirmed. */
  run(): boolean {
    for (let steps = 0; steps < 1000; steps++) {
      this.send();
      if (this.sender.idle) return !this.sender.takeFailed();
      const at = this.sender.pollTimeout();
      if (at === undefined) throw new Error("the sender neither sends nor waits");
      assert.ok(at >= this.nowMs);
      this.nowMs = at;
      this.sender.handleTimeout(at);
    }
    throw new Error("the sender does not come to an end");
  }
}

function describeFrame(frame: Uint8Array): string {
  const fragment = newFragment();
  assert.ok(parseFragment(frame, frame.length, fragment), fragment.reason);
  return fragment.kind === "regular" ? `${fragment.firstTile}+${fragment.tiles}` : fragment.kind;
}

describe("fragment sender, whole tokens (RuleID 32)", () => {
  it("RFC 9011 5.6.2: tiles of 10 bytes in order, the last one in the All-1 fragment", () => {
    const bench = new Bench(123);
    assert.equal(bench.run(), true);
    assert.deepEqual(bench.frames, ["0+5", "5+5", "10+2", "all-1"]);
    assert.deepEqual(bench.received, [bench.datagram]);
  });

  it("sends what fits into one frame as an All-1 fragment alone", () => {
    const bench = new Bench(10);
    assert.equal(bench.run(), true);
    assert.deepEqual(bench.frames, ["all-1"]);
  });

  it("packs the tiles to each frame's room when the data rate changes within the token", () => {
    const rooms = [51, 222, 11, 51];
    const bench = new Bench(400);
    bench.maxPayload = () => rooms[Math.min(bench.frames.length, rooms.length - 1)];
    assert.equal(bench.run(), true);
    assert.deepEqual(bench.frames, ["0+5", "5+22", "27+1", "28+5", "33+5", "38+1", "all-1"]);
    assert.deepEqual(bench.received, [bench.datagram]);
  });

  it("RFC 8724 8.4.3.1: a fragment's tiles are of one window", () => {
    const bench = new Bench(1000);
    bench.maxPayload = () => 222;
    assert.equal(bench.run(), true);
    assert.deepEqual(bench.frames, ["0+22", "22+22", "44+19", "63+22", "85+14", "all-1"]);
  });

  it("RFC 8724 8.4.3.1: sends the tiles again that the bitmap lacks, then asks", () => {
    const bench = new Bench(200);
    bench.lost = (up) => up && (bench.frames.length === 1 || bench.frames.length === 3);
    assert.equal(bench.run(), true);
    assert.deepEqual(bench.frames, ["0+5", "5+5", "10+5", "15+4", "all-1", "0+5", "10+5"]);
    assert.deepEqual(bench.received, [bench.datagram]);
  });

  it("asks after a while when nothing is heard, sends a lost All-1 again", () => {
    const bench = new Bench(100);
    bench.lost = (up) => up && bench.frames[bench.frames.length - 1] === "all-1" && bench.frames.length < 4;
    assert.equal(bench.run(), true);
    assert.deepEqual(bench.frames, ["0+5", "5+4", "all-1", "ack-request", "all-1"]);
    assert.equal(bench.nowMs, ACK_REQUEST_FIRST_MS);
  });

  it("sends missing tiles and the missing All-1 in one go", () => {
    const bench = new Bench(100);
    bench.lost = (up) => up && bench.frames.length > 1 && bench.frames.length < 4;
    assert.equal(bench.run(), true);
    assert.deepEqual(bench.frames, ["0+5", "5+4", "all-1", "ack-request", "5+4", "all-1"]);
  });

  it("asks at once when the network says that it holds more for the node", () => {
    const bench = new Bench(100);
    bench.lost = (up) => !up;
    bench.more = true;
    bench.send();
    assert.deepEqual(bench.frames, ["0+5", "5+4", "all-1"]);
    assert.equal(bench.sender.pollTimeout(), bench.nowMs);
  });

  it("gives up after its acknowledgement requests, with a Sender-Abort", () => {
    const bench = new Bench(100);
    bench.lost = (up) => !up;
    assert.equal(bench.run(), false);
    assert.deepEqual(bench.frames, [
      "0+5",
      "5+4",
      "all-1",
      ...Array<string>(ACK_REQUESTS_MAX).fill("ack-request"),
      "sender-abort",
    ]);
  });

  it("a token that was given up goes again and arrives; the abandoned one does not disturb it", () => {
    const bench = new Bench(150);
    bench.lost = () => true;
    assert.equal(bench.run(), false);
    bench.lost = (up) => up && bench.frames.length % 5 === 0;
    bench.datagram = datagramOf(151).reverse();
    bench.sender.start(bench.datagram, 151, TOKEN_FPORT, SEQ);
    assert.equal(bench.run(), true);
    assert.deepEqual(bench.received, [bench.datagram]);
  });

  it("RFC 8724 8.4.3.1: aborts when every tile is there and the check was wrong", () => {
    const bench = new Bench(100);
    bench.lost = (up) => up;
    bench.send();
    const frame = new Uint8Array(9);
    const length = writeAck(0, false, new Uint8Array(63).fill(1), frame);
    assert.equal(bench.sender.received(TOKEN_FPORT, frame, length), undefined);
    assert.equal(bench.run(), false);
    assert.equal(bench.frames[bench.frames.length - 1], "sender-abort");
  });

  it("RFC 8724 8.4.3.1: stops at a Receiver-Abort", () => {
    const bench = new Bench(100);
    bench.lost = (up) => up;
    bench.send();
    const frame = new Uint8Array(9);
    assert.equal(bench.sender.received(TOKEN_FPORT, frame, writeReceiverAbort(frame)), undefined);
    assert.equal(bench.sender.idle, true);
    assert.equal(bench.sender.takeFailed(), true);
    assert.equal(bench.sender.takeFailed(), false);
  });

  it("a complete ACK is no delivery: it goes on asking for the final acknowledgement", () => {
    const bench = new Bench(100);
    bench.lost = (up) => !up;
    bench.send();
    const frame = new Uint8Array(9);
    bench.sender.received(TOKEN_FPORT, frame, writeAck(0, true, new Uint8Array(63), frame));
    assert.equal(bench.sender.idle, false);
    bench.nowMs = bench.sender.pollTimeout() as number;
    bench.sender.handleTimeout(bench.nowMs);
    bench.lost = () => false;
    bench.send();
    assert.equal(bench.sender.idle, true);
  });

  it("a frame that was refused goes again", () => {
    const { sender } = new Bench(100);
    const first = sender.frame.slice(0, sender.nextFrame(51));
    sender.refused();
    sender.sent(0, false);
    assert.deepEqual(sender.frame.slice(0, sender.nextFrame(51)), first);
  });

  it("sends nothing that is longer than the frame's room", () => {
    const { sender } = new Bench(20);
    assert.equal(sender.nextFrame(10), 0);
    assert.equal(sender.nextFrame(11), 11);
    sender.sent(0, false);
    assert.equal(sender.nextFrame(10), 0);
    assert.equal(sender.nextFrame(15), 15);
  });

  it("RFC 9011 5.6.2: in frames of 11 bytes (US915 DR0) the last tile goes as a Regular fragment and the All-1 has none", () => {
    for (const length of [36, 37, 40, 41]) {
      const bench = new Bench(length);
      bench.maxPayload = () => 11;
      assert.equal(bench.run(), true);
      // 6 bytes of the last tile fit beside the check.
      const alone = length % 10 === 1 || length % 10 === 6 ? 0 : 1;
      const tiles = Array.from({ length: Math.ceil(length / 10) - 1 + alone }, (_, i) => `${i}+1`);
      assert.deepEqual(bench.frames, [...tiles, "all-1"]);
      assert.deepEqual(bench.received, [bench.datagram]);
    }
  });

  it("the same with each of these frames lost: the last tile alone, the All-1 alone, and both", () => {
    for (const lost of [[4], [5], [4, 5]]) {
      const bench = new Bench(37);
      bench.maxPayload = () => 11;
      bench.lost = (up) => up && lost.includes(bench.frames.length);
      assert.equal(bench.run(), true);
      assert.deepEqual(bench.received, [bench.datagram]);
    }
  });

  it("ignores acknowledgements of windows that there are not, and garbage", () => {
    const bench = new Bench(100);
    bench.lost = (up) => up;
    bench.send();
    const frame = new Uint8Array(9);
    const length = writeAck(2, false, new Uint8Array(63), frame);
    assert.equal(bench.sender.received(TOKEN_FPORT, frame, length), "window-beyond-datagram");
    assert.equal(bench.sender.received(TOKEN_FPORT, frame, 0), "empty");
    assert.equal(bench.sender.wantsToSend, false);
    bench.sender.confirmed();
    assert.equal(bench.sender.received(TOKEN_FPORT, frame, length), "no-datagram");
  });

  it("delivers any token at any loss and any changes of the data rate, or says that it failed", () => {
    let failures = 0;
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: MAX_TOKEN_BYTES }),
        fc.integer({ min: 0, max: 40 }),
        fc.infiniteStream(fc.nat(99)),
        fc.infiniteStream(fc.constantFrom(...PAYLOADS)),
        (length, lossPercent, dice, payloads) => {
          const bench = new Bench(length);
          bench.lost = () => dice.next().value < lossPercent;
          bench.maxPayload = () => payloads.next().value;
          const confirmed = bench.run();
          if (!confirmed) failures++;
          if (confirmed) assert.ok(bench.received.length > 0);
          for (const bytes of bench.received) assert.deepEqual(bytes, bench.datagram);
        },
      ),
      { seed: 2, numRuns: counts(200, 3000) },
    );
    assert.ok(failures < counts(200, 3000) / 20, `${failures} failures`);
  });

  it("gives up on a receiver that always wants tiles again", () => {
    const bench = new Bench(50);
    const frame = new Uint8Array(9);
    const length = writeAck(0, false, new Uint8Array(63), frame);
    bench.lost = (up) => {
      if (up && bench.frames.length < 1000) bench.sender.received(TOKEN_FPORT, frame, length);
      return true;
    };
    assert.equal(bench.run(), false);
    assert.ok(bench.frames.length < 6 * (REPAIRS_MAX + 1), `${bench.frames.length} frames`);
  });

  it("any downlink at any time leaves it able to finish", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 12 }), { maxLength: 20 }), fc.nat(30), (downlinks, after) => {
        const bench = new Bench(300);
        let frames = 0;
        bench.lost = () => {
          const bytes = frames++ >= after ? downlinks.pop() : undefined;
          if (bytes !== undefined) bench.sender.received(TOKEN_FPORT, bytes, bytes.length);
          return false;
        };
        bench.run();
      }),
      { seed: 3, numRuns: counts(300, 10_000) },
    );
  });
});
