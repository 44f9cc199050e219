import assert from "node:assert/strict";
import {
  COMPACT_RULE,
  PARITY_FPORT,
  writeParityFrame,
  writeShortParity,
} from "../../../../firmware/wire/parity-frame.ts";
import { TOKEN_FPORT, writeAckReq } from "../../../../firmware/wire/schc-fragment.ts";
import { isMissing, newSlotAnswer, readSlotAnswer } from "../../../../firmware/wire/slot-answer.ts";
import { ALL_1_BIT, writeSlotAckReq, writeSlotAll1, writeSlotTiles } from "../../../../firmware/wire/slot-fragment.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { FragmentPorts, isFragmentPort, WHOLE_COMPACT_FPORT } from "../../../../tools/receiver/fragment-ports.ts";
import { MAX_SLOT_ANSWERS, SLOT_INACTIVITY_MS } from "../../../../tools/receiver/slot-reassembler.ts";
import { MAX_WRONG_REBUILDS, TileStore } from "../../../../tools/receiver/tile-store.ts";
import { counts } from "../../../counts.ts";
import { fragmentsOf } from "./fixture.ts";

interface Said {
  datagrams: Uint8Array[];
  repeated: boolean[];
  /** By answer: slot, then what is missing there. */
  answers: number[][][];
  parity: { firstParity: number; tiles: number }[];
  dropped: string[];
}

type Frame = readonly [port: number, bytes: Uint8Array];

function feed(ports: FragmentPorts, frames: readonly Frame[], nowMs = 0): Said {
  const said: Said = { datagrams: [], repeated: [], answers: [], parity: [], dropped: [] };
  for (const [port, bytes] of frames) {
    ports.handle(port, bytes, nowMs);
    collect(ports, said);
  }
  return said;
}

function collect(ports: FragmentPorts, said: Said): Said {
  for (let command = ports.pollCommand(); command !== undefined; command = ports.pollCommand()) {
    if (command.kind === "datagram") {
      said.datagrams.push(command.bytes.slice());
      said.repeated.push(command.repeated);
    } else if (command.kind === "dropped") said.dropped.push(command.reason);
    else if (command.kind === "parity") {
      said.parity.push({ firstParity: command.firstParity, tiles: command.tiles });
    } else if (command.port === COMPACT_RULE) said.answers.push(entriesOf(command.frame));
  }
  return said;
}

function entriesOf(frame: Uint8Array): number[][] {
  const out = newSlotAnswer();
  const entries: number[][] = [];
  let end = 0;
  for (
    let at = readSlotAnswer(frame, 0, frame.length, out);
    at >= 0;
    at = readSlotAnswer(frame, at, frame.length, out)
  ) {
    assert.equal(out.kind, "missing");
    entries.push([out.slot, ...Array.from({ length: 63 }, (_, i) => i).filter((tile) => isMissing(out.missing, tile))]);
    end = at;
  }
  assert.equal(end, frame.length, "nothing but entries");
  return entries;
}

function datagramOf(length: number, salt = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >>> 8) * 17 + salt) & 0xff);
}

const into = new Uint8Array(700);

function tiles(datagram: Uint8Array, slot: number, first: number, end: number): Frame {
  return [COMPACT_RULE, into.slice(0, writeSlotTiles(datagram, datagram.length, slot, first, end, into))];
}

function all1(datagram: Uint8Array, slot: number, first: number): Frame {
  return [COMPACT_RULE, into.slice(0, writeSlotAll1(datagram, datagram.length, slot, first, into))];
}

function parity(datagram: Uint8Array, seq: number, first: number, count: number, rule: 20 | 32 = COMPACT_RULE): Frame {
  const length = writeParityFrame(datagram, datagram.length, rule, seq, first, count, into);
  return [PARITY_FPORT, into.slice(0, length)];
}

function short(datagram: Uint8Array, seq: number, index: number): Frame {
  return [PARITY_FPORT, into.slice(0, writeShortParity(datagram, datagram.length, COMPACT_RULE, seq, index, into))];
}

function range(from: number, end: number): number[] {
  return Array.from({ length: end - from }, (_, i) => from + i);
}

describe("fragments of compact tokens at the receiver (FPorts 20, 30, 31)", () => {
  const first = datagramOf(165);
  const second = datagramOf(190, 99);

  it("two tokens at once in their slots, in any order, doubled", () => {
    const ports = new FragmentPorts();
    const said = feed(ports, [
      tiles(first, 1, 5, 10),
      tiles(second, 2, 0, 10),
      all1(first, 1, 15),
      tiles(first, 1, 5, 10),
      all1(second, 2, 10),
      tiles(first, 1, 10, 15),
      tiles(first, 1, 0, 5),
    ]);
    assert.deepEqual(said.datagrams, [second, first]);
    assert.deepEqual(said.dropped, []);
  });

  it("an All-1 is answered by what is missing, of its token first and of the others", () => {
    const ports = new FragmentPorts();
    const said = feed(ports, [tiles(first, 1, 0, 5), all1(first, 1, 15), tiles(second, 2, 5, 10), all1(second, 2, 15)]);
    const [ofFirst, , ofSecond] = said.answers;
    assert.deepEqual(ofFirst, [[1, ...range(5, 15)]]);
    assert.deepEqual(ofSecond, [
      [2, ...range(0, 5), ...range(10, 15)],
      [1, ...range(5, 15)],
    ]);
  });

  it("the first frame of another token is answered by what is missing of those before, the next ones are not", () => {
    const ports = new FragmentPorts();
    const said = feed(ports, [tiles(first, 1, 0, 5), tiles(second, 2, 0, 5), tiles(second, 2, 5, 10)]);
    assert.deepEqual(said.answers, [[[1, ...range(5, 62), ALL_1_BIT]]]);
  });

  it("the last of the tiles that were asked for is answered, though others did not come", () => {
    const ports = new FragmentPorts();
    feed(ports, [tiles(first, 1, 5, 10), all1(first, 1, 15)]);
    assert.deepEqual(feed(ports, [tiles(first, 1, 10, 15)]).answers, [[[1, ...range(0, 5)]]]);
    assert.deepEqual(feed(ports, [tiles(first, 1, 0, 5)]).datagrams, [first]);
  });

  it("an ACK REQ is answered; with nothing there, by everything that there may be, and without keeping anything", () => {
    const ports = new FragmentPorts();
    const ask: Frame = [COMPACT_RULE, into.slice(0, writeSlotAckReq(3, into))];
    assert.deepEqual(feed(ports, [ask]).answers, [[[3, ...range(0, 63)]]]);
    assert.equal(ports.pollTimeout(), undefined);
    feed(ports, [tiles(first, 3, 0, 5)]);
    assert.deepEqual(feed(ports, [ask]).answers, [[[3, ...range(5, 63)]]]);
  });

  it("a finished token is given out again for its All-1, an ACK REQ or a parity tile, not for a tile", () => {
    const ports = new FragmentPorts();
    feed(ports, [tiles(first, 1, 0, 15), all1(first, 1, 15)]);
    const ask: Frame = [COMPACT_RULE, into.slice(0, writeSlotAckReq(1, into))];
    for (const [frame, times] of [
      [all1(first, 1, 15), 1],
      [ask, 1],
      [parity(first, 5, 0, 1), 1],
      [short(first, 5, 0), 1],
      [tiles(first, 1, 0, 5), 0],
    ] as const) {
      const said = feed(ports, [frame]);
      assert.deepEqual(said.datagrams, Array<Uint8Array>(times).fill(first));
      assert.deepEqual(said.repeated, Array<boolean>(times).fill(true));
    }
  });

  it("a token in one frame is given out, again for an ACK REQ soon after, and takes the place of its fragments", () => {
    const ports = new FragmentPorts();
    feed(ports, [tiles(first, 1, 0, 5)]);
    const said = feed(ports, [[WHOLE_COMPACT_FPORT, first]]);
    assert.deepEqual(said.datagrams, [first]);
    const ask: Frame = [COMPACT_RULE, into.slice(0, writeSlotAckReq(1, into))];
    assert.deepEqual(feed(ports, [ask]).datagrams, [first]);
    assert.deepEqual(feed(ports, [[WHOLE_COMPACT_FPORT, first]]).repeated, [true]);
    ports.handleTimeout(SLOT_INACTIVITY_MS);
    assert.equal(ports.pollTimeout(), undefined);
    assert.deepEqual(feed(ports, [[WHOLE_COMPACT_FPORT, new Uint8Array(0)]]).dropped, ["compact-empty"]);
  });

  it("parity tiles stand for any that are missing, also where the All-1 was lost; one less is asked for each", () => {
    const ports = new FragmentPorts();
    assert.deepEqual(feed(ports, [tiles(first, 1, 0, 5), parity(first, 5, 7, 2)]).answers, [[[1, ...range(7, 17)]]]);
    assert.deepEqual(feed(ports, [tiles(first, 1, 7, 12), parity(first, 5, 20, 5)]).datagrams, [first]);
  });

  it("in 11 bytes their header comes in the All-1 or in a frame of its own", () => {
    for (const header of [all1(first, 1, 17), parity(first, 5, 0, 0)]) {
      const ports = new FragmentPorts();
      feed(ports, [tiles(first, 1, 2, 17), short(first, 5, 3), short(first, 5, 9)]);
      assert.deepEqual(feed(ports, [header]).datagrams, [first]);
    }
  });

  it("another token in the slot drives an unfinished one out", () => {
    const ports = new FragmentPorts();
    feed(ports, [tiles(first, 1, 0, 5), all1(first, 1, 15)]);
    const said = feed(ports, [tiles(second, 1, 0, 10), all1(second, 1, 10)]);
    assert.deepEqual(said.dropped, ["datagram-replaced"]);
    assert.deepEqual(said.datagrams, [second]);
  });

  it("tiles of an earlier token that contradicted nothing are found out by the check; the frame that showed it stays", () => {
    const ports = new FragmentPorts();
    const other = datagramOf(165, 7);
    const said = feed(ports, [tiles(first, 1, 0, 10), all1(other, 1, 10)]);
    assert.deepEqual(said.dropped, ["datagram-check"]);
    assert.deepEqual(said.answers, [[[1, ...range(0, 10)]]]);
    assert.deepEqual(feed(ports, [tiles(other, 1, 0, 10)]).datagrams, [other]);
  });

  it("stops answering after MAX_SLOT_ANSWERS without a new tile", () => {
    const ports = new FragmentPorts();
    const frame = all1(first, 1, 15);
    for (let i = 0; i < MAX_SLOT_ANSWERS; i++) assert.equal(feed(ports, [frame]).answers.length, 1);
    const said = feed(ports, [frame]);
    assert.deepEqual([said.answers.length, said.dropped], [0, ["too-many-acknowledgements"]]);
    assert.equal(ports.pollTimeout(), undefined);
  });

  it("RFC 9011 5.6.2: what is unfinished expires after 12 hours without a frame of its slot, what is finished in silence", () => {
    const ports = new FragmentPorts();
    feed(ports, [tiles(first, 1, 0, 5)], 1000);
    feed(ports, [tiles(second, 2, 0, 10), all1(second, 2, 10)], 5000);
    assert.equal(ports.pollTimeout(), 1000 + SLOT_INACTIVITY_MS);
    const said: Said = { datagrams: [], repeated: [], answers: [], parity: [], dropped: [] };
    ports.handleTimeout(1000 + SLOT_INACTIVITY_MS);
    assert.deepEqual(collect(ports, said).dropped, ["reassembly-timeout"]);
    ports.handleTimeout(5000 + SLOT_INACTIVITY_MS);
    assert.deepEqual(collect(ports, said).dropped, ["reassembly-timeout"]);
    assert.equal(ports.pollTimeout(), undefined);
  });

  it("names what is wrong with a frame", () => {
    const ports = new FragmentPorts();
    const said = feed(ports, [
      [COMPACT_RULE, new Uint8Array(0)],
      [PARITY_FPORT, new Uint8Array(3)],
      parity(datagramOf(630), 1, 0, 1),
      [99, new Uint8Array(3)],
    ]);
    assert.deepEqual(said.dropped, ["fragment-empty", "parity-truncated", "parity-datagram-length", "port-unknown"]);
    assert.deepEqual([20, 21, 30, 31, 32, 33].filter(isFragmentPort), [20, 30, 31, 32]);
  });
});

describe("whole tokens with parity tiles at the receiver (FPorts 31, 32)", () => {
  const datagram = datagramOf(700);
  const frames = fragmentsOf(datagram).map((bytes): Frame => [TOKEN_FPORT, bytes]);

  it("parity tiles make up for what is missing, the All-1 included", () => {
    const ports = new FragmentPorts();
    const heard = frames.filter((_, i) => i !== 3 && i !== frames.length - 1);
    assert.deepEqual(feed(ports, [...heard, parity(datagram, 1, 0, 4, 32), parity(datagram, 1, 4, 2, 32)]).datagrams, [
      datagram,
    ]);
    // Those that come ahead of any request come for nothing then.
    assert.deepEqual(feed(ports, [parity(datagram, 1, 6, 4, 32)]).datagrams, []);
    assert.deepEqual(feed(ports, frames.slice(-1)).repeated, [true]);
  });

  it("once some have come, a question is answered by a request for as many as are missing still", () => {
    const ports = new FragmentPorts();
    const heard = frames.filter((_, i) => i !== 3 && i !== 5);
    feed(ports, [...heard, parity(datagram, 1, 2, 4, 32)]);
    const ask: Frame = [TOKEN_FPORT, into.slice(0, writeAckReq(1, into))];
    assert.deepEqual(feed(ports, [ask]).parity, [{ firstParity: 6, tiles: 6 }]);
    assert.deepEqual(feed(ports, [parity(datagram, 1, 6, 4, 32), parity(datagram, 1, 10, 2, 32)]).datagrams, [
      datagram,
    ]);
  });

  it("a header of another datagram begins that one", () => {
    const ports = new FragmentPorts();
    const other = datagramOf(300, 5);
    feed(ports, frames.slice(0, 8));
    assert.deepEqual(feed(ports, [parity(other, 1, 0, 1, 32)]).dropped, ["datagram-replaced"]);
    const said = feed(
      ports,
      fragmentsOf(other).map((bytes): Frame => [TOKEN_FPORT, bytes]),
    );
    assert.deepEqual(said.datagrams[0], other);
  });
});

describe("the receiver's memory, whatever is sent", () => {
  it("no more parity tiles than tiles; after a few that give a wrong check the datagram is not trusted", () => {
    const store = new TileStore(62);
    const datagram = datagramOf(165);
    store.know(165, 12345);
    for (let index = 0; index < 128; index++) store.putParity(index, new Uint8Array(10));
    assert.equal(store.parityCount, 17);
    store.put(0, datagram.subarray(0, 50));
    for (let i = 1; i < MAX_WRONG_REBUILDS; i++) {
      assert.equal(store.complete(), "partial");
      assert.equal(store.parityCount, 0);
      assert.deepEqual(store.bytes.subarray(0, 50), datagram.subarray(0, 50));
      assert.equal(store.missing, 12);
      store.putParity(0, new Uint8Array(120));
    }
    assert.equal(store.complete(), "spoiled");
  });

  it("foreign parity tiles do not keep a token from arriving", () => {
    const ports = new FragmentPorts();
    const datagram = datagramOf(165);
    const frame = parity(datagram, 1, 0, 4);
    frame[1].fill(0xee, 7);
    const said = feed(ports, [tiles(datagram, 1, 0, 13), all1(datagram, 1, 17), frame, tiles(datagram, 1, 13, 17)]);
    assert.deepEqual(said.datagrams, [datagram]);
  });

  const runs = counts(20_000, 500_000);
  it(`${runs} hostile frames on all ports: never thrown at, every datagram has the check that was named, and it ends`, function () {
    this.timeout(0);
    const dice = new RandomStream(4, "hostile");
    const ports = new FragmentPorts();
    const datagrams = [datagramOf(165), datagramOf(300, 3), datagramOf(20, 9)];
    let given = 0;
    for (let i = 0; i < runs; i++) {
      const datagram = datagrams[dice.u32() % datagrams.length];
      const count = Math.ceil(datagram.length / 10);
      const at = dice.u32() % count;
      const slot = dice.u32() % 4;
      const choice: (() => Frame)[] = [
        () => tiles(datagram, slot, at, count),
        () => tiles(datagram, slot, at, at + 1),
        () => all1(datagram, slot, at),
        () => parity(datagram, slot, dice.u32() % 120, 1 + (dice.u32() % 4)),
        () => parity(datagram, slot, dice.u32() % 120, 2, 32),
        () => short(datagram, slot, dice.u32() % 32),
        () => [TOKEN_FPORT, fragmentsOf(datagram)[0]],
        () => [[20, 30, 31, 32][dice.u32() % 4], new Uint8Array(dice.u32() % 40)],
      ];
      const [port, bytes] = choice[dice.u32() % choice.length]();
      if (dice.u32() % 4 === 0 && bytes.length > 0) bytes[dice.u32() % bytes.length] ^= 1 << (dice.u32() % 8);
      const said = feed(ports, [[port, bytes]], i);
      given += said.datagrams.length;
      assert.ok(said.answers.length + said.datagrams.length <= 1, "one answer a frame");
    }
    assert.ok(given > runs / 20, `${given}`);
    ports.handleTimeout(runs + SLOT_INACTIVITY_MS);
    assert.equal(ports.pollTimeout(), undefined);
  });
});
