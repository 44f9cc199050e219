/** docs/wire-format.md, sections 4.1, 4.3 and 5: the printed frames of the compact token, by what the text says of them and by the receiver. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { createCipheriv } from "node:crypto";
import { crc32 } from "node:zlib";
import { tableAfter } from "./markdown.ts";
import { hex, lorawanAnswers, printed, receiveFrames, TEXT } from "./wire-document.ts";
import { IDENTITY, RECEIVER_KEY } from "./wire-examples.ts";

const COMPACT = printed("compact-key");
const TILES = 10;
/** What a receiver says that has had the boot token, 301, before: it then knows which number is meant. */
const ACCEPTED = [33, hex(historyOf(301, 1))];

/** Section 4.3: GF(2^8) with x^8 + x^4 + x^3 + x^2 + 1, bit by bit. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let x = a, y = b; y > 0; y >>= 1) {
    if ((y & 1) !== 0) product ^= x;
    x <<= 1;
    if (x > 255) x ^= 0b1_0001_1101;
  }
  return product;
}

function divide(a: number, b: number): number {
  for (let quotient = 0; quotient < 256; quotient++) if (multiply(quotient, b) === a) return quotient;
  throw new Error("division by zero");
}

function parityTile(datagram: Uint8Array, i: number): Uint8Array {
  const tile = new Uint8Array(TILES);
  for (let at = 0; at < datagram.length; at++) {
    tile[at % TILES] ^= divide(datagram[at], (255 - i) ^ Math.floor(at / TILES));
  }
  return tile;
}

/** RFC 4493, for messages that are not as long as whole blocks: subkey K2. */
function cmacOf(key: Uint8Array, message: Uint8Array): Uint8Array {
  const encrypt = (block: Uint8Array) => createCipheriv("aes-128-ecb", key, null).setAutoPadding(false).update(block);
  const double = (block: Uint8Array) =>
    Uint8Array.from(
      block,
      (byte, i) => ((byte << 1) | ((block[i + 1] ?? 0) >> 7)) ^ (i === 15 && block[0] > 127 ? 0x87 : 0),
    );
  const k1 = double(encrypt(new Uint8Array(16)));
  const isWhole = message.length > 0 && message.length % 16 === 0;
  const padded = new Uint8Array(Math.max(1, Math.ceil(message.length / 16)) * 16);
  padded.set(message);
  if (!isWhole) padded[message.length] = 0x80;
  const subkey = isWhole ? k1 : double(k1);
  for (let i = 0; i < 16; i++) padded[padded.length - 16 + i] ^= subkey[i];
  let state: Uint8Array = new Uint8Array(16);
  for (let at = 0; at < padded.length; at += 16) state = encrypt(state.map((byte, i) => byte ^ padded[at + i]));
  return state;
}

function historyOf(seq: number, earlier: number): Uint8Array {
  const body = Uint8Array.of(seq >>> 24, (seq >>> 16) & 255, (seq >>> 8) & 255, seq & 255, earlier);
  const covered = Buffer.concat([Buffer.from("his"), IDENTITY.ueid, body]);
  return Uint8Array.of(5, ...body, ...cmacOf(RECEIVER_KEY, covered).subarray(0, 4));
}

/** What becomes of frames at a receiver that has had the boot token, and what it answers. */
function receiveBehindBoot(frames: [number, string][]) {
  const { readings, refused, down } = receiveFrames(frames, "boot-token");
  return { readings, refused, answers: lorawanAnswers(down.slice(1)) };
}

describe("docs/wire-format.md: frames of a compact token", () => {
  it("the two fragments are its ten tiles, with its length and check", () => {
    const [first, last] = [printed("slot-fragment-1"), printed("slot-fragment-all-1")];
    equal(first[0], ((300 % 4) << 6) | 62);
    equal(last[0], ((300 % 4) << 6) | 63);
    const view = new DataView(last.buffer);
    deepEqual([view.getUint16(1), view.getUint32(3)], [COMPACT.length, crc32(COMPACT)]);
    deepEqual(Uint8Array.of(...first.subarray(1), ...last.subarray(7)), COMPACT);
    ok(first.length <= 51 && last.length <= 51);
  });

  it("a receiver takes the batch from FPort 30 and from FPort 20, and answers with a history", () => {
    for (const frames of [
      [[30, "compact-key"]],
      [[30, "compact-escape"]],
      [
        [20, "slot-fragment-1"],
        [20, "slot-fragment-all-1"],
      ],
    ] as [number, string][][]) {
      const { readings, refused, answers } = receiveBehindBoot(frames);
      deepEqual([readings.length, refused, answers], [3, [], [ACCEPTED]]);
    }
    // Everything stands in the escape: nothing has to be known before.
    const alone = receiveFrames([[30, "compact-escape"]]);
    equal(alone.readings.length, 3);
    deepEqual(lorawanAnswers(alone.down), [[33, hex(printed("control-history-first"))]]);
  });

  it("without the first fragment the answer is the printed one, also to an ACK REQ; then it goes on", () => {
    const { readings, answers } = receiveBehindBoot([
      [20, "slot-fragment-all-1"],
      [20, "slot-ack-request"],
      [20, "slot-fragment-1"],
    ]);
    const missing = [20, hex(printed("slot-missing"))];
    deepEqual(answers, [missing, missing, ACCEPTED]);
    equal(readings.length, 3);
  });

  it("the parity tiles are those of the formula", () => {
    const parity = printed("parity");
    const view = new DataView(parity.buffer);
    deepEqual([parity[0] >> 4, parity[0] & 15], [300 % 16, COMPACT.length % TILES]);
    deepEqual([parity[1], parity[2], view.getUint32(3)], [Math.ceil(COMPACT.length / TILES) - 1, 0, crc32(COMPACT)]);
    for (let i = 0; i < 4; i++)
      deepEqual(parity.slice(7 + TILES * i, 17 + TILES * i), parityTile(COMPACT, i), `tile ${i}`);
    const short = printed("parity-short");
    equal(short[0], ((300 % 4) << 5) | 4);
    deepEqual(short.slice(1), parityTile(COMPACT, 4));
  });

  it("four parity tiles and the fifth stand for the five tiles of the first fragment", () => {
    const { readings } = receiveBehindBoot([
      [31, "parity"],
      [20, "slot-fragment-all-1"],
      [31, "parity-short"],
    ]);
    equal(readings.length, 3);
  });

  it("parity tiles make up for missing ones in the answer, the lowest first", () => {
    const { answers } = receiveBehindBoot([
      [20, "slot-fragment-all-1"],
      [31, "parity"],
    ]);
    deepEqual(answers, [
      [20, hex(printed("slot-missing"))],
      [20, "0108"],
    ]);
  });

  it("of the whole token, what is asked for with four parity tiles in the place of five tiles is the printed request", () => {
    const whole = printed("parity-whole");
    deepEqual([whole[0], whole[1], whole[2]], [((300 % 16) << 4) | 5, 0x80 | 24, 0]);
    for (let i = 0; i < 4; i++) deepEqual(whole.slice(7 + TILES * i, 17 + TILES * i), parityTile(printed("token"), i));
    const { down } = receiveFrames([
      ...["fragment-1", "fragment-3", "fragment-4", "fragment-5"].map((name): [number, string] => [32, name]),
      [31, "parity-whole"],
      [32, "fragment-all-1"],
    ]);
    deepEqual(lorawanAnswers(down), [[33, hex(printed("control-parity"))]]);
  });
});

describe("docs/wire-format.md: control messages", () => {
  it("RFC 4493: each printed message has the tag over label, ueid and body that the table says", () => {
    const labels = new Map(
      tableAfter(TEXT, "| type | name | body | label | where |").map((row) => [Number(row[0]), row[3]]),
    );
    equal(labels.size, 5);
    const types = new Set<number>();
    for (const name of [
      "lorawan",
      "mqtt",
      "history-first",
      "history",
      "history-answers",
      "boot",
      "challenge",
      "parity",
    ]) {
      const bytes = printed(`control-${name}`);
      const tagBytes = name === "mqtt" ? 16 : 4;
      const body = bytes.subarray(1, bytes.length - tagBytes);
      const covered = Buffer.concat([Buffer.from(labels.get(bytes[0])!), IDENTITY.ueid, body]);
      equal(hex(bytes.slice(-tagBytes)), hex(cmacOf(RECEIVER_KEY, covered).slice(0, tagBytes)), name);
      if (name === "lorawan") equal(hex(covered), hex(printed("control-covered")));
      types.add(bytes[0]);
    }
    equal(types.size, 5);
  });
});
