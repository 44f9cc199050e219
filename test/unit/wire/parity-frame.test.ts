import { deepEqual, equal, match, ok } from "node:assert/strict";
import { crc32 } from "../../../firmware/wire/crc32.ts";
import {
  COMPACT_RULE,
  newParityFrame,
  PARITY_HEADER_BYTES,
  type ParityRule,
  parityTilesAtMost,
  parityTilesPerFrame,
  parseParityFrame,
  SHORT_PARITY_BYTES,
  writeParityFrame,
  writeShortParity,
} from "../../../firmware/wire/parity-frame.ts";
import { MAX_DATA_TILES, MAX_PARITY_TILES } from "../../../firmware/wire/reed-solomon.ts";
import { TILE_BYTES, TOKEN_FPORT, tileCount } from "../../../firmware/wire/schc-fragment.ts";
import { counts } from "../../counts.ts";
import { throwHostileFrames } from "../../property/hostile-frames.ts";
import { toHex } from "./token-fixture.ts";

function makeDatagram(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 11 + 5) & 0xff);
}

function frameOf(length: number, rule: ParityRule, seq: number, first: number, tiles: number): Uint8Array {
  const into = new Uint8Array(PARITY_HEADER_BYTES + tiles * TILE_BYTES);
  equal(writeParityFrame(makeDatagram(length), length, rule, seq, first, tiles, into), into.length);
  return into;
}

function reasonOf(frame: Uint8Array): string {
  const out = newParityFrame();
  equal(parseParityFrame(frame, frame.length, out), false);
  return out.reason;
}

/** The frame with some bytes of its header replaced. */
function changed(frame: Uint8Array, bytes: Record<number, number>): Uint8Array {
  const copy = frame.slice();
  for (const [at, byte] of Object.entries(bytes)) copy[Number(at)] = byte;
  return copy;
}

describe("parity frames, FPort 31", () => {
  it("hold seq mod 16, length of the last tile, rule, k, index, the reassembly check and the tiles: the worked example", () => {
    // 18 bytes, two tiles. CRC-32 by zlib; the tile by a few lines of Python that know the formula only.
    const datagram = new Uint8Array(Buffer.from("123456789123456789"));
    const into = new Uint8Array(17);
    equal(writeParityFrame(datagram, 18, TOKEN_FPORT, 0x35, 1, 1, into), 17);
    equal(toHex(into), "5881014b837ae4ec9324bedaa5a9e461b6");
  });

  it("come back as they were sent, for every k, length of the last tile, seq and index", () => {
    const out = newParityFrame();
    for (let length = 1; length <= MAX_DATA_TILES * TILE_BYTES; length++) {
      const rule = length % 2 === 0 ? COMPACT_RULE : TOKEN_FPORT;
      const firstParity = length % (MAX_PARITY_TILES - 1);
      const frame = frameOf(length, rule, length * 7, firstParity, 2);
      equal(parseParityFrame(frame, frame.length, out), true);
      deepEqual(out, {
        rule,
        slot: (length * 7) % 4,
        seq: (length * 7) % 16,
        hasHeader: true,
        payloadOffset: PARITY_HEADER_BYTES,
        dataTiles: tileCount(length),
        datagramLength: length,
        firstParity,
        tiles: 2,
        check: crc32(makeDatagram(length), 0, length),
        reason: "",
      });
    }
  });

  it("a tile is the same in whichever frame it travels: the data rate may change", () => {
    const long = frameOf(190, COMPACT_RULE, 3, 4, 6);
    const short = frameOf(190, COMPACT_RULE, 3, 8, 1);
    deepEqual(long.subarray(PARITY_HEADER_BYTES + 40, PARITY_HEADER_BYTES + 50), short.subarray(PARITY_HEADER_BYTES));
  });

  it("without tiles they are a header, in 7 bytes", () => {
    const out = newParityFrame();
    const header = frameOf(190, COMPACT_RULE, 3, 0, 0);
    equal(header.length, PARITY_HEADER_BYTES);
    equal(parseParityFrame(header, header.length, out), true);
    deepEqual([out.tiles, out.datagramLength, out.seq], [0, 190, 3]);
  });

  it("in 11 bytes a tile has one byte in front of it: rule, slot and index", () => {
    const out = newParityFrame();
    const into = new Uint8Array(SHORT_PARITY_BYTES);
    for (const [rule, seq, index, head] of [
      [COMPACT_RULE, 0x36, 31, 0x5f],
      [COMPACT_RULE, 0x37, 0, 0x60],
      [TOKEN_FPORT, 0x37, 127, 0xff],
    ] as const) {
      equal(writeShortParity(makeDatagram(190), 190, rule, seq, index, into), SHORT_PARITY_BYTES);
      equal(into[0], head);
      deepEqual(into.subarray(1), frameOf(190, rule, seq, index, 1).subarray(PARITY_HEADER_BYTES));
      equal(parseParityFrame(into, into.length, out), true);
      deepEqual([out.rule, out.firstParity, out.tiles, out.hasHeader], [rule, index, 1, false]);
      if (rule === COMPACT_RULE) equal(out.slot, seq % 4);
    }
    deepEqual(
      [51, 17, 16, 11, 10].map((room) => [parityTilesAtMost(COMPACT_RULE, room), parityTilesAtMost(TOKEN_FPORT, room)]),
      [
        [128, 128],
        [128, 128],
        [32, 128],
        [32, 128],
        [0, 0],
      ],
    );
  });

  it("hold 4 tiles at DR0, 10 at DR3, 23 at DR5 of EU868, and none in 11 bytes", () => {
    deepEqual([51, 115, 242, 17, 16, 11, 0].map(parityTilesPerFrame), [4, 10, 23, 1, 0, 0, 0]);
  });

  it("read the length that they are given, not that of the buffer", () => {
    const frame = frameOf(190, COMPACT_RULE, 3, 0, 2);
    const out = newParityFrame();
    equal(parseParityFrame(frame, 17, out), true);
    equal(out.tiles, 1);
  });
});

describe("parity frames that are refused", () => {
  const frame = frameOf(190, COMPACT_RULE, 3, 0, 2);

  it("parity-truncated: less than a header", () => {
    equal(reasonOf(new Uint8Array(0)), "parity-truncated");
    equal(reasonOf(frame.subarray(0, 6)), "parity-truncated");
  });

  it("parity-not-whole-tiles", () => {
    equal(reasonOf(frame.subarray(0, 16)), "parity-not-whole-tiles");
    equal(reasonOf(frame.subarray(0, 18)), "parity-not-whole-tiles");
    equal(reasonOf(frame.subarray(0, 22)), "parity-not-whole-tiles");
    equal(reasonOf(frame.subarray(0, 26)), "parity-not-whole-tiles");
  });

  it("parity-last-tile-length: 0, and 11 to 15", () => {
    for (const length of [0, 11, 12, 13, 14, 15]) {
      equal(reasonOf(changed(frame, { 0: 0x30 | length })), "parity-last-tile-length");
    }
  });

  it("parity-index-beyond: the last tile's index above 127, and the reserved bit", () => {
    equal(reasonOf(changed(frame, { 2: 127 })), "parity-index-beyond");
    equal(reasonOf(changed(frame, { 2: 128 })), "parity-index-beyond");
    const out = newParityFrame();
    equal(parseParityFrame(changed(frame, { 2: 126 }), frame.length, out), true);
  });

  const runs = counts(20_000, 1_000_000);
  it(`${runs} hostile frames: never thrown at, and what is accepted has one header only`, function () {
    this.timeout(0);
    const out = newParityFrame();
    const valid = [frame, frameOf(1, TOKEN_FPORT, 15, 127, 1), frameOf(1024, TOKEN_FPORT, 8, 100, 23)];
    let accepted = 0;
    throwHostileFrames(valid, 260, runs, (bytes) => {
      if (!parseParityFrame(bytes, bytes.length, out)) {
        match(out.reason, /^parity-[a-z-]+$/);
        return;
      }
      accepted++;
      equal(out.reason, "");
      if (!out.hasHeader) {
        equal(bytes.length, SHORT_PARITY_BYTES);
        return;
      }
      const lastLength = out.datagramLength - (out.dataTiles - 1) * TILE_BYTES;
      ok(lastLength >= 1 && lastLength <= TILE_BYTES && out.dataTiles <= MAX_DATA_TILES);
      ok(out.tiles >= 0 && out.firstParity + out.tiles <= MAX_PARITY_TILES);
      const header = new Uint8Array(PARITY_HEADER_BYTES);
      header[0] = out.seq * 16 + lastLength;
      header[1] = (out.rule === TOKEN_FPORT ? 128 : 0) + out.dataTiles - 1;
      header[2] = out.firstParity;
      new DataView(header.buffer).setUint32(3, out.check);
      deepEqual(bytes.subarray(0, PARITY_HEADER_BYTES), header);
      equal(bytes.length, PARITY_HEADER_BYTES + out.tiles * TILE_BYTES);
    });
    ok(accepted > runs / 20, `${accepted}`);
  });
});
