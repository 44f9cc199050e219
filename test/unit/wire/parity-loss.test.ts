/**
 * How many datagrams a receiver that hears 80 % of the frames gets, when the sender sends parity frames ahead of any request and nothing
 * is ever asked for. Not sampled: every pattern of losses is played through the real packing and decoder, and counts by its probability.
 */
import { deepEqual, equal } from "node:assert/strict";
import { FragmentSender } from "../../../firmware/core/uplink/fragment-sender.ts";
import { crc32 } from "../../../firmware/wire/crc32.ts";
import {
  newParityFrame,
  PARITY_HEADER_BYTES,
  parityTilesPerFrame,
  parseParityFrame,
  writeParityFrame,
} from "../../../firmware/wire/parity-frame.ts";
import { type ParityTile, rebuildTiles } from "../../../firmware/wire/reed-solomon.ts";
import {
  newFragment,
  parseFragment,
  TILE_BYTES,
  TOKEN_FPORT,
  tileCount,
} from "../../../firmware/wire/schc-fragment.ts";

const LOSS = 0.2;
/** LoRaWAN's longest payload of EU868. */
const DR0_BYTES = 51;
const DR5_BYTES = 242;

/** The SCHC fragments of a datagram, as the node's sender packs them. */
function fragmentsOf(datagram: Uint8Array, maxPayload: number): Uint8Array[] {
  const sender = new FragmentSender({ downlinks: true });
  sender.start(datagram, datagram.length, TOKEN_FPORT, 9);
  const frames: Uint8Array[] = [];
  while (sender.wantsToSend) {
    frames.push(sender.frame.slice(0, sender.nextFrame(maxPayload)));
    sender.sent(0, false);
  }
  return frames;
}

function parityFramesOf(datagram: Uint8Array, count: number, maxPayload: number): Uint8Array[] {
  const tiles = parityTilesPerFrame(maxPayload);
  return Array.from({ length: count }, (_, i) => {
    const into = new Uint8Array(maxPayload);
    return into.slice(0, writeParityFrame(datagram, datagram.length, TOKEN_FPORT, 9, i * tiles, tiles, into));
  });
}

/** What a receiver makes of the frames that came: the datagram, or undefined. Also how many tiles they held. */
function receive(fragments: readonly Uint8Array[], parityFrames: readonly Uint8Array[]): [Uint8Array?, number?] {
  const bytes = new Uint8Array(1280);
  const have = new Uint8Array(128);
  const parity: ParityTile[] = [];
  const fragment = newFragment();
  const header = newParityFrame();
  let lastTile: Uint8Array | undefined;
  let heard = 0;
  let [length, check] = [0, -1];
  for (const frame of fragments) {
    equal(parseFragment(frame, frame.length, fragment), true);
    const tiles = frame.subarray(fragment.payloadOffset);
    if (fragment.kind === "all-1") {
      lastTile = tiles;
      check = fragment.check;
      heard++;
      continue;
    }
    bytes.set(tiles, fragment.firstTile * TILE_BYTES);
    have.fill(1, fragment.firstTile, fragment.firstTile + fragment.tiles);
    heard += fragment.tiles;
  }
  for (const frame of parityFrames) {
    equal(parseParityFrame(frame, frame.length, header), true);
    length = header.datagramLength;
    check = header.check;
    for (let i = 0; i < header.tiles; i++) {
      const at = PARITY_HEADER_BYTES + i * TILE_BYTES;
      parity.push({ index: header.firstParity + i, bytes: frame.subarray(at, at + TILE_BYTES) });
    }
    heard += header.tiles;
  }
  if (lastTile !== undefined) {
    // Without any parity frame the number of tiles is that of a row without gaps, and the check tells (see reassembler.ts).
    const top = length > 0 ? tileCount(length) - 1 : have.lastIndexOf(1) + 1;
    bytes.set(lastTile, top * TILE_BYTES);
    have[top] = 1;
    if (length === 0) length = top * TILE_BYTES + lastTile.length;
  }
  const rebuilt = length > 0 && rebuildTiles(bytes, tileCount(length), have, parity);
  return rebuilt && crc32(bytes, 0, length) === check ? [bytes.slice(0, length), heard] : [undefined, heard];
}

/** Share of datagrams of `length` bytes that arrive, with `count` parity frames, and how many frames go in all. */
function delivered(length: number, count: number, maxPayload: number): { share: number; frames: number } {
  const datagram = Uint8Array.from({ length }, (_, i) => (i * 89 + (i >> 3)) & 0xff);
  const fragments = fragmentsOf(datagram, maxPayload);
  const parityFrames = parityFramesOf(datagram, count, maxPayload);
  const frames = fragments.length + count;
  let share = 0;
  for (let pattern = 0; pattern < 1 << frames; pattern++) {
    const came = (_: Uint8Array, i: number): boolean => ((pattern >> i) & 1) === 1;
    const cameParity = (_: Uint8Array, i: number): boolean => ((pattern >> (fragments.length + i)) & 1) === 1;
    const [found, heard] = receive(fragments.filter(came), parityFrames.filter(cameParity));
    // Any k of k + m, and never fewer.
    equal(found !== undefined, (heard ?? 0) >= tileCount(length), `pattern ${pattern.toString(2)}`);
    if (found === undefined) continue;
    deepEqual(found, datagram);
    let weight = 1;
    for (let i = 0; i < frames; i++) weight *= (pattern >> i) & 1 ? 1 - LOSS : LOSS;
    share += weight;
  }
  return { share, frames };
}

describe("parity ahead of any request, 20 % of frames lost, no downlinks: share of datagrams that arrive", () => {
  for (const [what, length, maxPayload, fragments, expected] of [
    ["compact token, 190 bytes, DR0", 190, DR0_BYTES, 5, [32.8, 47.5, 74.1, 88.8, 95.6, 98.4, 99.5]],
    ["whole token, 500 bytes, DR0", 500, DR0_BYTES, 11, [8.6, 12, 28.5, 50.4, 69.9]],
    ["whole token, 500 bytes, DR5", 500, DR5_BYTES, 4, [41, 59.4, 83.6, 94.5, 98.4, 99.5]],
    ["longest token, 1024 bytes, DR5", 1024, DR5_BYTES, 6, [26.2, 44.6, 73.1, 89.3, 96.2]],
  ] as const) {
    const tiles = expected.map((_, count) => count * parityTilesPerFrame(maxPayload));
    it(`${what}, ${fragments} fragments: ${tiles.join(", ")} parity tiles deliver ${expected.join(", ")} %`, () => {
      const rows = expected.map((_, count) => delivered(length, count, maxPayload));
      deepEqual(
        rows.map(({ share }) => Math.round(share * 1000) / 10),
        expected,
      );
      deepEqual(
        rows.map(({ frames }) => frames),
        expected.map((_, count) => fragments + count),
      );
    });
  }
});
