import assert from "node:assert/strict";
import fc from "fast-check";
import {
  newAck,
  parseAck,
  tileCount,
  writeAckReq,
  writeRegular,
  writeSenderAbort,
} from "../../../../firmware/wire/schc-fragment.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { INACTIVITY_MS, MAX_ACK_ATTEMPTS, Reassembler } from "../../../../tools/receiver/reassembler.ts";
import { counts } from "../../../counts.ts";
import { fragmentsOf } from "./fixture.ts";

interface Said {
  datagrams: Uint8Array[];
  repeated: boolean[];
  acks: { window: number; missing: number[] }[];
  aborts: number;
  dropped: string[];
}

/** Hands frames over and collects what the machine says. */
function feed(machine: Reassembler, frames: readonly Uint8Array[], nowMs = 0): Said {
  const said: Said = { datagrams: [], repeated: [], acks: [], aborts: 0, dropped: [] };
  for (const frame of frames) {
    machine.handle(frame, nowMs);
    collect(machine, said);
  }
  return said;
}

function collect(machine: Reassembler, said: Said): Said {
  for (let command = machine.pollCommand(); command !== undefined; command = machine.pollCommand()) {
    if (command.kind === "datagram") {
      said.datagrams.push(command.bytes.slice());
      said.repeated.push(command.repeated);
    } else if (command.kind === "dropped") said.dropped.push(command.reason);
    else if (command.kind === "reply") {
      const ack = newAck();
      assert.equal(parseAck(command.frame, command.frame.length, ack), true);
      if (ack.kind === "receiver-abort") said.aborts++;
      else said.acks.push({ window: ack.window, missing: [...ack.bitmap.keys()].filter((i) => ack.bitmap[i] === 0) });
    }
  }
  return said;
}

/** A datagram whose every tile differs from every other datagram's. */
function datagram(length: number, salt = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >>> 8) * 17 + salt) & 0xff);
}

function ackRequest(window: number): Uint8Array {
  const frame = new Uint8Array(1);
  writeAckReq(window, frame);
  return frame;
}

function senderAbort(): Uint8Array {
  const frame = new Uint8Array(1);
  writeSenderAbort(frame);
  return frame;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

describe("SCHC reassembly, ACK-on-Error (RFC 8724 8.4.3, RFC 9011 5.6.2)", () => {
  for (const length of [1, 9, 10, 11, 20, 250, 629, 630, 631, 640, 641, 1024, 2510, 2511, 2519, 2520]) {
    it(`RFC 8724 8.4.3.2: a datagram of ${length} bytes, in order`, () => {
      const machine = new Reassembler();
      const said = feed(machine, fragmentsOf(datagram(length)));
      assert.deepEqual(said.datagrams, [datagram(length)]);
      assert.deepEqual(said.acks, []);
      assert.deepEqual(said.dropped, []);
    });
  }

  it("RFC 8724 8.4.3.2: fragments after the All-1, in any order and doubled, complete the datagram", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2520 }),
        fc.integer({ min: 15, max: 242 }),
        fc.infiniteStream(fc.nat(1e6)),
        (length, payload, dice) => {
          const bytes = datagram(length);
          const frames = fragmentsOf(bytes, payload);
          const doubled = [...frames, ...frames.filter(() => dice.next().value % 3 === 0)];
          const shuffled = doubled
            .map((frame) => ({ frame, at: dice.next().value }))
            .sort((a, b) => a.at - b.at)
            .map(({ frame }) => frame);
          const said = feed(new Reassembler(), shuffled);
          assert.deepEqual(said.datagrams[0], bytes);
          assert.equal(said.repeated[0], false);
          for (const again of said.datagrams) assert.deepEqual(again, bytes);
          assert.deepEqual(
            said.dropped.filter((reason) => reason !== "too-many-acknowledgements"),
            [],
          );
        },
      ),
      { seed: 1, numRuns: counts(200, 5000) },
    );
  });

  it("RFC 8724 8.4.3.1, 8.4.3.2: with 30 % loss both ways the sender's repairs complete it, and the bytes are right", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2520 }), fc.nat(0xffff), (length, seed) => {
        const bytes = datagram(length);
        const dice = new RandomStream(seed, "loss"); // fast-check's own numbers lean towards small ones
        const lost = (): boolean => dice.unit() < 0.3;
        const machine = new Reassembler();
        let toSend = fragmentsOf(bytes);
        const all1 = toSend[toSend.length - 1];
        for (let round = 0; round < 200; round++) {
          const said = feed(
            machine,
            toSend.filter(() => !lost()),
          );
          if (said.datagrams.length > 0) {
            assert.deepEqual(said.datagrams[0], bytes);
            return;
          }
          assert.deepEqual(
            said.dropped.filter((reason) => reason !== "too-many-acknowledgements"),
            [],
          );
          if (said.aborts > 0) {
            toSend = fragmentsOf(bytes);
            continue;
          }
          const acks = said.acks.filter(() => !lost());
          toSend = acks.flatMap((ack) => repair(bytes, ack));
          if (toSend.length === 0 || toSend[toSend.length - 1][0] !== all1[0]) {
            toSend.push(ackRequest((tileCount(length) - 1) / 63));
          }
        }
        assert.fail("never complete");
      }),
      { seed: 2, numRuns: counts(200, 5000) },
    );
  });

  /** What a sender of RFC 8724 8.4.3.1 sends after an ACK. */
  function repair(bytes: Uint8Array, ack: { window: number; missing: number[] }): Uint8Array[] {
    const tiles = tileCount(bytes.length);
    const frames = fragmentsOf(bytes);
    const into = new Uint8Array(20);
    const regular = ack.missing
      .map((i) => ack.window * 63 + i)
      .filter((tile) => tile < tiles - 1)
      .map((tile) => into.slice(0, writeRegular(bytes, tile, 1, into)));
    const lastMissing = ack.missing.includes(62) && ack.window === Math.floor((tiles - 1) / 63);
    return lastMissing ? [...regular, frames[frames.length - 1]] : regular;
  }

  it("RFC 8724 8.4.3.2: an All-1 with tiles missing is answered with the lowest window that lacks some", () => {
    const frames = fragmentsOf(datagram(1500));
    const without = frames.filter((_, i) => i !== 3 && i !== 20);
    const said = feed(new Reassembler(), without);
    assert.deepEqual(said.acks, [{ window: 0, missing: range(15, 19) }]);
  });

  it("RFC 8724 8.2.2.3: in the last window the last bit stands for the All-1, and lost tiles behind all others show as missing", () => {
    const frames = fragmentsOf(datagram(305));
    const said = feed(
      new Reassembler(),
      frames.filter((_, i) => i !== frames.length - 2),
    );
    assert.deepEqual(said.acks, [{ window: 0, missing: range(25, 61) }]);
  });

  it("RFC 8724 8.4.3.2: an ACK REQ is answered; with nothing received, for window 0 and without keeping anything", () => {
    const machine = new Reassembler();
    const said = feed(machine, [ackRequest(2)]);
    assert.deepEqual(said.acks, [{ window: 0, missing: range(0, 62) }]);
    assert.equal(machine.pollTimeout(), undefined);
  });

  it("RFC 8724 8.4.3.2: an ACK REQ before the All-1 shows that the All-1 is missing", () => {
    const machine = new Reassembler();
    const frames = fragmentsOf(datagram(700));
    const said = feed(machine, [...frames.slice(0, -1), ackRequest(1)]);
    assert.deepEqual(said.acks, [{ window: 1, missing: range(6, 62) }]);
    assert.deepEqual(feed(machine, frames.slice(-1)).datagrams, [datagram(700)]);
  });

  it("RFC 8724 8.4.3.2: a Sender-Abort drops what was collected", () => {
    const machine = new Reassembler();
    const said = feed(machine, [...fragmentsOf(datagram(300)).slice(0, 2), senderAbort()]);
    assert.deepEqual(said.dropped, ["sender-abort"]);
    assert.equal(machine.pollTimeout(), undefined);
    assert.deepEqual(feed(machine, fragmentsOf(datagram(300, 5))).datagrams, [datagram(300, 5)]);
  });

  it("RFC 9011 5.6.2: after MAX_ACK_REQUESTS acknowledgements comes a Receiver-Abort", () => {
    const machine = new Reassembler();
    const all1 = fragmentsOf(datagram(300)).slice(-1);
    for (let i = 0; i < MAX_ACK_ATTEMPTS; i++) assert.equal(feed(machine, all1).acks.length, 1);
    const said = feed(machine, all1);
    assert.equal(said.aborts, 1);
    assert.deepEqual(said.dropped, ["too-many-acknowledgements"]);
    assert.equal(machine.pollTimeout(), undefined);
  });

  it("RFC 9011 5.6.2: the inactivity timer runs anew with each fragment, and frees everything", () => {
    const machine = new Reassembler();
    const frames = fragmentsOf(datagram(300));
    feed(machine, frames.slice(0, 1), 1000);
    feed(machine, frames.slice(1, 2), 5000);
    assert.equal(machine.pollTimeout(), 5000 + INACTIVITY_MS);
    machine.handleTimeout(5000 + INACTIVITY_MS - 1);
    assert.equal(machine.pollTimeout(), 5000 + INACTIVITY_MS);
    machine.handleTimeout(5000 + INACTIVITY_MS);
    assert.equal(machine.pollTimeout(), undefined);
    assert.deepEqual(machine.pollCommand(), { kind: "dropped", reason: "reassembly-timeout" });
  });

  it("a finished datagram expires in silence", () => {
    const machine = new Reassembler();
    feed(machine, fragmentsOf(datagram(300)), 0);
    machine.handleTimeout(INACTIVITY_MS);
    assert.equal(machine.pollTimeout(), undefined);
    assert.equal(machine.pollCommand(), undefined);
  });

  it("gives a finished datagram out again when its All-1 or an ACK REQ comes again (the answer was lost)", () => {
    const machine = new Reassembler();
    const bytes = datagram(300);
    const frames = fragmentsOf(bytes);
    feed(machine, frames);
    for (const frame of [frames[frames.length - 1], ackRequest(0)]) {
      const said = feed(machine, [frame]);
      assert.deepEqual(said.datagrams, [bytes]);
      assert.deepEqual(said.repeated, [true]);
    }
  });

  it("takes a token sent anew from its beginning, even when only its All-1 gets through", () => {
    const machine = new Reassembler();
    const frames = fragmentsOf(datagram(300));
    feed(machine, frames);
    assert.deepEqual(feed(machine, frames).repeated, [true]);
    assert.deepEqual(feed(machine, [frames[2], frames[frames.length - 1]]).repeated, [true]);
  });

  it("tells the next datagram from the finished one, though its first tiles are the same (every token begins alike)", () => {
    for (const maxPayload of [11, 51, 242]) {
      const machine = new Reassembler();
      const first = datagram(300);
      const second = datagram(295, 9);
      second.set(first.subarray(0, 15));
      const next = [...fragmentsOf(second.slice(0, 295), maxPayload === 11 ? 15 : maxPayload)];
      feed(machine, fragmentsOf(first));
      const said = feed(machine, next);
      assert.deepEqual(said.datagrams, [second]);
      assert.deepEqual(said.dropped, []);
      assert.deepEqual(said.acks, []);
    }
  });

  it("a remnant of the finished datagram does not spoil the next one", () => {
    const machine = new Reassembler();
    const old = fragmentsOf(datagram(300));
    feed(machine, old);
    feed(machine, [old[0]]);
    const said = feed(machine, fragmentsOf(datagram(300, 77)));
    assert.deepEqual(said.datagrams, [datagram(300, 77)]);
  });

  it("drops an abandoned datagram when a tile of the next one contradicts it", () => {
    const machine = new Reassembler();
    feed(machine, fragmentsOf(datagram(600)).slice(0, 4));
    const said = feed(machine, fragmentsOf(datagram(300, 77)));
    assert.deepEqual(said.dropped, ["datagram-replaced"]);
    assert.deepEqual(said.datagrams, [datagram(300, 77)]);
  });

  it("starts over when another All-1 comes and nothing that was collected fits it", () => {
    const machine = new Reassembler();
    const abandoned = fragmentsOf(datagram(600));
    feed(machine, [abandoned[4], abandoned[abandoned.length - 1]]);
    const said = feed(machine, fragmentsOf(datagram(300, 77)).slice(-1));
    assert.deepEqual(said.dropped, ["datagram-replaced"]);
    assert.deepEqual(said.acks, [{ window: 0, missing: range(0, 61) }]);
  });

  it("names what is wrong with a malformed fragment, and keeps what it has", () => {
    const machine = new Reassembler();
    const frames = fragmentsOf(datagram(300));
    feed(machine, frames.slice(0, 2));
    const said = feed(machine, [new Uint8Array(0), new Uint8Array([0x3e]), new Uint8Array([0x3f, 0])]);
    assert.deepEqual(said.dropped, ["fragment-empty", "fragment-regular-without-tiles", "fragment-all-1-truncated"]);
    assert.deepEqual(feed(machine, frames.slice(2)).datagrams, [datagram(300)]);
  });
});
