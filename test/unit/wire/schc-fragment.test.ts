import { deepEqual, equal } from "node:assert/strict";
import { crc32 } from "../../../firmware/wire/crc32.ts";
import {
  all1Length,
  MAX_ACK_BYTES,
  MAX_TILES,
  newAck,
  newFragment,
  parseAck,
  parseFragment,
  TILE_BYTES,
  tileCount,
  tilesPerFragment,
  tileWindow,
  WINDOW_TILES,
  writeAck,
  writeAckReq,
  writeAll1,
  writeLastRegular,
  writeReceiverAbort,
  writeRegular,
  writeSenderAbort,
} from "../../../firmware/wire/schc-fragment.ts";
import { fromHex, toHex } from "./token-fixture.ts";

const HELLO_WORLD = "48656c6c6f576f726c64";

function makeDatagram(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
}

function fragmentReason(hex: string): string {
  const fragment = newFragment();
  equal(parseFragment(fromHex(hex), hex.length / 2, fragment), false);
  return fragment.reason;
}

function ackBytes(window: number, bitmap: ArrayLike<number>): string {
  const into = new Uint8Array(MAX_ACK_BYTES).fill(0xee);
  return toHex(into.subarray(0, writeAck(window, false, Uint8Array.from(bitmap), into)));
}

/** 63 ones with zeros at the given tiles. */
function bitmapMissing(...tiles: number[]): number[] {
  return Array.from({ length: WINDOW_TILES }, (_, i) => (tiles.includes(i) ? 0 : 1));
}

describe("SCHC fragments", () => {
  it("RFC 9011 5.6.2: a Regular fragment is W, FCN and whole tiles", () => {
    const fragment = newFragment();
    const frame = fromHex(`d1${HELLO_WORLD}`);
    equal(parseFragment(frame, frame.length, fragment), true);
    equal(fragment.kind, "regular");
    // W 3, FCN 17: tile 62 - 17 of the fourth window.
    deepEqual([fragment.window, fragment.firstTile, fragment.tiles], [3, 3 * 63 + 45, 1]);
    const datagram = new Uint8Array(MAX_TILES * TILE_BYTES);
    datagram.set(fromHex(HELLO_WORLD), fragment.firstTile * TILE_BYTES);
    const into = new Uint8Array(11);
    equal(writeRegular(datagram, fragment.firstTile, 1, into), 11);
    deepEqual(into, frame);
  });

  it("RFC 9011 5.6.2: an All-1 fragment is W, ones, CRC-32 and the last tile", () => {
    const fragment = newFragment();
    const frame = fromHex(`bfacde3214${HELLO_WORLD}`);
    equal(parseFragment(frame, frame.length, fragment), true);
    deepEqual([fragment.kind, fragment.window, fragment.check], ["all-1", 2, 0xacde3214]);
    deepEqual([fragment.payloadOffset, fragment.payloadLength], [5, 10]);
    equal(parseFragment(frame, 5, fragment), true);
    equal(fragment.payloadLength, 0);
  });

  it("RFC 8724 8.2.3: the check is CRC-32 over the datagram, big-endian (check value of the polynomial: 123456789)", () => {
    const into = new Uint8Array(15);
    const digits = new Uint8Array(Buffer.from("123456789"));
    const length = writeAll1(digits, digits.length, into);
    equal(toHex(into.subarray(0, length)), `3fcbf43926${toHex(digits)}`);
  });

  it("RFC 9011 5.6.2: ACK REQ and Sender-Abort are one byte", () => {
    const into = new Uint8Array(1);
    const fragment = newFragment();
    equal(writeAckReq(1, into), 1);
    equal(toHex(into), "40");
    equal(parseFragment(into, 1, fragment), true);
    deepEqual([fragment.kind, fragment.window], ["ack-request", 1]);
    equal(writeSenderAbort(into), 1);
    equal(toHex(into), "ff");
    equal(parseFragment(into, 1, fragment), true);
    equal(fragment.kind, "sender-abort");
  });

  for (const length of [1, 9, 10, 11, 620, 629, 630, 631, 1024, 2511, 2520]) {
    it(`RFC 8724 8.2.2: ${length} bytes come back from their fragments, any number of tiles a frame`, () => {
      const datagram = makeDatagram(length);
      const tiles = tileCount(length);
      const received = new Uint8Array(length);
      const frame = new Uint8Array(64);
      const fragment = newFragment();
      let size = 1;
      for (let tile = 0; tile < tiles - 1; tile += size) {
        size = Math.min((size % 5) + 1, tiles - 1 - tile);
        equal(parseFragment(frame, writeRegular(datagram, tile, size, frame), fragment), true);
        deepEqual([fragment.kind, fragment.firstTile, fragment.tiles], ["regular", tile, size]);
        equal(fragment.isLast, false);
        equal(fragment.window, tileWindow(tile));
        received.set(frame.subarray(1, 1 + fragment.payloadLength), fragment.firstTile * TILE_BYTES);
      }
      const frameLength = writeAll1(datagram, length, frame);
      equal(parseFragment(frame, frameLength, fragment), true);
      deepEqual([fragment.kind, fragment.window], ["all-1", tileWindow(tiles - 1)]);
      equal(fragment.payloadLength, length - (tiles - 1) * TILE_BYTES);
      received.set(frame.subarray(fragment.payloadOffset, frameLength), (tiles - 1) * TILE_BYTES);
      deepEqual(received, datagram);
    });
  }

  it("RFC 9011 5.6.2: where the All-1 with a tile does not fit, the last tile is a Regular fragment of its own and the All-1 has none", () => {
    const datagram = Uint8Array.from({ length: 37 }, (_, i) => i);
    const frame = new Uint8Array(11);
    const fragment = newFragment();
    const length = writeLastRegular(datagram, 37, frame);
    equal(toHex(frame.subarray(0, length)), "3b1e1f2021222324");
    equal(parseFragment(frame, length, fragment), true);
    deepEqual([fragment.kind, fragment.firstTile, fragment.tiles, fragment.isLast], ["regular", 3, 1, true]);
    equal(all1Length(37), 12);
    equal(writeAll1(datagram, 37, frame, false), 5);
    equal(parseFragment(frame, 5, fragment), true);
    deepEqual([fragment.kind, fragment.check, fragment.payloadLength], ["all-1", crc32(datagram, 0, 37), 0]);
  });

  it("counts the tiles that a frame holds beside its header", () => {
    deepEqual([0, 10, 11, 51, 115, 222].map(tilesPerFragment), [0, 0, 1, 5, 11, 22]);
  });

  it("refuses by name what is no fragment of ours", () => {
    equal(fragmentReason(""), "empty");
    equal(fragmentReason("05"), "regular-without-tiles");
    equal(fragmentReason("3f"), "all-1-truncated");
    equal(fragmentReason("ff010203"), "all-1-truncated");
    equal(fragmentReason(`3f00000000${HELLO_WORLD}00`), "all-1-tile-too-long");
    // The last tile of all (W 3, FCN 0) can only be All-1's.
    equal(fragmentReason(`c0${HELLO_WORLD}`), "beyond-last-window");
    equal(fragmentReason(`c1${HELLO_WORLD}${HELLO_WORLD}`), "beyond-last-window");
  });
});

describe("SCHC acknowledgements", () => {
  it("RFC 9011 5.6.2: a datagram that is complete is one byte", () => {
    const into = new Uint8Array(MAX_ACK_BYTES);
    equal(writeAck(2, true, new Uint8Array(0), into), 1);
    equal(into[0], 0xa0);
    const ack = newAck();
    equal(parseAck(into, 1, ack), true);
    deepEqual([ack.kind, ack.window, ack.complete], ["ack", 2, true]);
  });

  it("RFC 8724 8.3.2.1: trailing ones are left out to the last byte that holds a zero", () => {
    // 01 0 10111: the bitmap begins 10111 and goes on with ones.
    equal(ackBytes(1, bitmapMissing(1)), "57");
    equal(ackBytes(0, bitmapMissing()), "1f");
    equal(ackBytes(0, bitmapMissing(4)), "1e");
    equal(ackBytes(0, bitmapMissing(5)), "1f7f");
    equal(ackBytes(3, bitmapMissing(60)), "dffffffffffffffe");
    // A zero among the last two of 66 bits: all of them, and zeros to the byte.
    equal(ackBytes(0, bitmapMissing(61)), "1fffffffffffffff40");
    equal(ackBytes(0, bitmapMissing(62)), "1fffffffffffffff80");
    equal(ackBytes(0, new Uint8Array(63)), "000000000000000000");
  });

  it("RFC 8724 8.3.2.1: every pattern of two missing tiles comes back", () => {
    const ack = newAck();
    const into = new Uint8Array(MAX_ACK_BYTES);
    for (let first = 0; first < WINDOW_TILES; first++) {
      for (let second = first; second < WINDOW_TILES; second++) {
        const bitmap = Uint8Array.from(bitmapMissing(first, second));
        equal(parseAck(into, writeAck(first & 3, false, bitmap, into), ack), true);
        deepEqual([ack.window, ack.complete], [first & 3, false]);
        deepEqual(ack.bitmap, bitmap);
      }
    }
  });

  it("RFC 8724 8.3.5: a Receiver-Abort is no acknowledgement", () => {
    const into = new Uint8Array(2);
    const ack = newAck();
    equal(parseAck(into, writeReceiverAbort(into), ack), true);
    deepEqual([toHex(into), ack.kind, ack.complete], ["ffff", "receiver-abort", false]);
  });

  it("refuses by name what is none", () => {
    const ack = newAck();
    const reasons = ["", "00".repeat(10), "2000", "21", "ff", "fffe", `1f${"ff".repeat(7)}e0`].map((hex) => {
      equal(parseAck(fromHex(hex), hex.length / 2, ack), false, hex);
      return ack.reason;
    });
    deepEqual(reasons, ["empty", "ack-too-long", "ack-form", "ack-padding", "ack-padding", "ack-form", "ack-padding"]);
  });
});
