import { deepEqual, equal, match, ok } from "node:assert/strict";
import { crc32 } from "../../../firmware/wire/crc32.ts";
import { TILE_BYTES, tileCount } from "../../../firmware/wire/schc-fragment.ts";
import {
  isMissing,
  MISSING_BYTES,
  newSlotAnswer,
  readSlotAnswer,
  writeSlotEnded,
  writeSlotMissing,
} from "../../../firmware/wire/slot-answer.ts";
import {
  ALL_1_BIT,
  MAX_SLOT_BYTES,
  newSlotFragment,
  parseSlotFragment,
  SLOT_ALL_1_HEADER_BYTES,
  slotOf,
  writeSlotAckReq,
  writeSlotAll1,
  writeSlotTiles,
} from "../../../firmware/wire/slot-fragment.ts";
import { counts } from "../../counts.ts";
import { throwHostileFrames } from "../../property/hostile-frames.ts";
import { fromHex, toHex } from "./token-fixture.ts";

function makeDatagram(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
}

function reasonOf(hex: string): string {
  const out = newSlotFragment();
  equal(parseSlotFragment(fromHex(hex), hex.length / 2, out), false, hex);
  return out.reason;
}

function missingBits(...tiles: number[]): Uint8Array {
  const bits = new Uint8Array(MISSING_BYTES);
  for (const tile of tiles) bits[tile >>> 3] |= 0x80 >>> (tile & 7);
  return bits;
}

describe("fragments of compact tokens, RuleID 20", () => {
  it("RFC 8724 8.2.2: DTag is seq mod 4; FCN counts down from 62, and 63 is the All-1", () => {
    const datagram = makeDatagram(35);
    const frame = new Uint8Array(64);
    const hex = (length: number): string => toHex(frame.subarray(0, length));
    equal(slotOf(70_001), 1);
    equal(hex(writeSlotTiles(datagram, 35, 1, 0, 2, frame)), `7e${toHex(datagram.subarray(0, 20))}`);
    // The datagram's last tile is as long as it is.
    equal(hex(writeSlotTiles(datagram, 35, 1, 2, 4, frame)), `7c${toHex(datagram.subarray(20))}`);
    const check = crc32(datagram, 0, 35).toString(16).padStart(8, "0");
    equal(hex(writeSlotAll1(datagram, 35, 2, 3, frame)), `bf0023${check}${toHex(datagram.subarray(30))}`);
    equal(hex(writeSlotAll1(datagram, 35, 2, 4, frame)), `bf0023${check}`);
    equal(hex(writeSlotAckReq(3, frame)), "c0");
  });

  it("come back as they were sent, for every length and every tile that may be the first of the All-1", () => {
    const frame = new Uint8Array(MAX_SLOT_BYTES + SLOT_ALL_1_HEADER_BYTES);
    const out = newSlotFragment();
    for (let length = 1; length <= MAX_SLOT_BYTES; length += 7) {
      const datagram = makeDatagram(length);
      const tiles = tileCount(length);
      for (let first = 0; first <= tiles; first++) {
        const all1 = writeSlotAll1(datagram, length, length % 4, first, frame);
        equal(parseSlotFragment(frame, all1, out), true);
        deepEqual([out.kind, out.slot, out.firstTile, out.length], ["all-1", length % 4, first, length]);
        deepEqual(frame.subarray(out.payloadOffset, all1), datagram.subarray(first * TILE_BYTES));
        if (first === tiles) continue;
        const regular = writeSlotTiles(datagram, length, length % 4, first, tiles, frame);
        equal(parseSlotFragment(frame, regular, out), true);
        deepEqual([out.kind, out.firstTile], ["regular", first]);
        // A short last tile says where the datagram ends.
        equal(out.length, length % TILE_BYTES === 0 ? 0 : length);
      }
    }
  });

  it("are refused by name", () => {
    equal(reasonOf(""), "empty");
    equal(reasonOf("05"), "regular-without-tiles");
    equal(reasonOf(`00${"00".repeat(10)}`), "beyond-last-tile");
    equal(reasonOf(`01${"00".repeat(11)}`), "beyond-last-tile");
    equal(reasonOf("3f002300000"), "all-1-truncated");
    equal(reasonOf("3f000000000000"), "all-1-length");
    equal(reasonOf("3f026d00000000"), "all-1-length");
    equal(reasonOf("3f00010000000000 00".replace(" ", "")), "all-1-length");
    equal(reasonOf(`3f002300000000${"00".repeat(6)}`), "all-1-length");
  });

  const runs = counts(20_000, 1_000_000);
  it(`${runs} hostile frames: never thrown at, and never beyond the last tile`, function () {
    this.timeout(0);
    const datagram = makeDatagram(190);
    const into = new Uint8Array(300);
    const valid = [
      into.slice(0, writeSlotTiles(datagram, 190, 1, 5, 10, into)),
      into.slice(0, writeSlotAll1(datagram, 190, 1, 15, into)),
      into.slice(0, writeSlotAckReq(1, into)),
    ];
    const out = newSlotFragment();
    let accepted = 0;
    throwHostileFrames(valid, 260, runs, (bytes) => {
      if (!parseSlotFragment(bytes, bytes.length, out)) {
        match(out.reason, /^[a-z0-9-]+$/);
        return;
      }
      accepted++;
      ok(out.firstTile * TILE_BYTES + out.payloadLength <= MAX_SLOT_BYTES || out.payloadLength === 0);
      ok(out.length <= MAX_SLOT_BYTES);
    });
    ok(accepted > runs / 20, `${accepted}`);
  });
});

describe("answers to fragments of compact tokens", () => {
  it("are short when little is missing, and speak of several slots", () => {
    const into = new Uint8Array(40);
    let end = writeSlotMissing(2, missingBits(5, 6), into, 0);
    end = writeSlotMissing(1, missingBits(0, 20, ALL_1_BIT), into, end);
    end = writeSlotMissing(0, missingBits(), into, end);
    end = writeSlotEnded(3, false, into, end);
    end = writeSlotEnded(3, true, into, end);
    equal(toHex(into.subarray(0, end)), "81064880000800000000020 0e0ff".replace(" ", ""));
    const out = newSlotAnswer();
    const found: unknown[] = [];
    for (let at = readSlotAnswer(into, 0, end, out); at >= 0; at = readSlotAnswer(into, at, end, out)) {
      const tiles = Array.from({ length: 63 }, (_, i) => i).filter((tile) => isMissing(out.missing, tile));
      found.push([out.kind, out.slot, ...tiles]);
    }
    deepEqual(found, [
      ["missing", 2, 5, 6],
      ["missing", 1, 0, 20, ALL_1_BIT],
      ["missing", 0],
      ["complete", 3],
      ["abort", 3],
    ]);
  });

  it("every pattern of two missing tiles comes back", () => {
    const into = new Uint8Array(9);
    const out = newSlotAnswer();
    for (let first = 0; first <= ALL_1_BIT; first++) {
      for (let second = first; second <= ALL_1_BIT; second++) {
        const end = writeSlotMissing(first & 3, missingBits(first, second), into, 0);
        equal(end, 2 + Math.floor(second / 8));
        equal(readSlotAnswer(into, 0, end, out), end);
        deepEqual(out.missing, missingBits(first, second));
      }
    }
  });

  it("end where an entry is cut or is none", () => {
    const out = newSlotAnswer();
    for (const hex of ["", "02ff", "09", "0900000000000000000000", "21", "3e"]) {
      equal(readSlotAnswer(fromHex(hex), 0, hex.length / 2, out), -1, hex);
    }
  });
});
