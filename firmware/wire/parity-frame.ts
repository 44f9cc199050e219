/**
 * Parity frames, FPort 31: parity tiles (reed-solomon.ts) of a datagram that goes in fragments, on request (control message 2), ahead of
 * any request, or where they repair more cheaply than the tiles themselves. Ours on top of RFC 8724.
 *
 *   seq mod 16 (4) | length of the last data tile, 1 to 10 (4)
 *   rule: 0 for RuleID 20, 1 for RuleID 32 (1) | number of data tiles - 1 (7)
 *   0 | index of the first parity tile (7)
 *   CRC-32 of the whole datagram (32)
 *   parity tiles, 10 bytes each, with consecutive indices; none: only the header is to be known
 *
 * The header says all that the All-1 fragment says, which may be the one that was lost, and how many tiles there are. Tiles, check and seq
 * together name the datagram, and the check settles whether what was rebuilt is it.
 *
 * Where frames hold less than header and tile (US915's slowest data rate: 11 bytes) a tile goes with one byte in front of it, and the header is
 * known from the All-1 of RuleID 20 or from a frame without tiles:
 *
 *   RuleID 20:  0 | seq mod 4 (2) | index, 0 to 31 (5)        RuleID 32:  1 | index (7)        then one parity tile
 */
import { crc32 } from "./crc32.ts";
import { MAX_PARITY_TILES, writeParityTile } from "./reed-solomon.ts";
import { TILE_BYTES, TOKEN_FPORT, tileCount } from "./schc-fragment.ts";
import { slotOf } from "./slot-fragment.ts";

export const PARITY_FPORT = 31;
export const PARITY_HEADER_BYTES = 7;
/** A parity tile with one byte in front of it. */
export const SHORT_PARITY_BYTES = 1 + TILE_BYTES;
/** Under RuleID 20 the short form has five bits for the index. */
export const SHORT_SLOT_PARITY_TILES = 32;
/** FPort and RuleID of compact tokens in fragments; that of whole ones is TOKEN_FPORT. */
export const COMPACT_RULE = 20;

/** Whose tiles: RuleID 20 (compact tokens) or 32 (whole ones). */
export type ParityRule = typeof COMPACT_RULE | typeof TOKEN_FPORT;

const SEQ_MASK = 15;
const WHOLE_TOKEN = 0x80;
const COUNT_MASK = 0x7f;

/** Parity tiles that a frame of at most `maxPayload` bytes holds behind a header. */
export function parityTilesPerFrame(maxPayload: number): number {
  return Math.max(0, Math.floor((maxPayload - PARITY_HEADER_BYTES) / TILE_BYTES));
}

/** How many parity tiles frames of at most `maxPayload` bytes may ever carry of one datagram. */
export function parityTilesAtMost(rule: ParityRule, maxPayload: number): number {
  if (parityTilesPerFrame(maxPayload) > 0) return MAX_PARITY_TILES;
  if (maxPayload < SHORT_PARITY_BYTES) return 0;
  return rule === COMPACT_RULE ? SHORT_SLOT_PARITY_TILES : MAX_PARITY_TILES;
}

/** The rule's bit, above a number of 7 bits. */
export function ruleBit(rule: ParityRule): number {
  return rule === TOKEN_FPORT ? WHOLE_TOKEN : 0;
}

export function ruleOfBit(byte: number): ParityRule {
  return (byte & WHOLE_TOKEN) === 0 ? COMPACT_RULE : TOKEN_FPORT;
}

/**
 * Writes a frame with `tiles` parity tiles from index `firstParity` on, of a datagram of 1 to MAX_DATA_TILES * TILE_BYTES bytes; returns its
 * length. Makes them as it goes: about `tiles` * `length` field operations.
 */
export function writeParityFrame(
  datagram: Uint8Array,
  length: number,
  rule: ParityRule,
  seq: number,
  firstParity: number,
  tiles: number,
  into: Uint8Array,
): number {
  const dataTiles = tileCount(length);
  into[0] = ((seq & SEQ_MASK) << 4) | (length - (dataTiles - 1) * TILE_BYTES);
  into[1] = ruleBit(rule) | (dataTiles - 1);
  into[2] = firstParity;
  const check = crc32(datagram, 0, length);
  into[3] = check >>> 24;
  into[4] = (check >>> 16) & 0xff;
  into[5] = (check >>> 8) & 0xff;
  into[6] = check & 0xff;
  for (let i = 0; i < tiles; i++) {
    writeParityTile(datagram, length, firstParity + i, into, PARITY_HEADER_BYTES + i * TILE_BYTES);
  }
  return PARITY_HEADER_BYTES + tiles * TILE_BYTES;
}

/** Writes a frame with one parity tile and one byte in front of it; `index` is below parityTilesAtMost. Returns its length. */
export function writeShortParity(
  datagram: Uint8Array,
  length: number,
  rule: ParityRule,
  seq: number,
  index: number,
  into: Uint8Array,
): number {
  into[0] = rule === COMPACT_RULE ? (slotOf(seq) << 5) | index : WHOLE_TOKEN | index;
  writeParityTile(datagram, length, index, into, 1);
  return SHORT_PARITY_BYTES;
}

/** A frame taken apart by `parseParityFrame`; the object is the caller's and is used again and again. */
export interface ParityFrame {
  rule: ParityRule;
  /** The token's seq mod 4. */
  slot: number;
  /** The token's seq mod 16. In the short form 0, like all that it does not say. */
  seq: number;
  /** A header stands before the tiles. */
  hasHeader: boolean;
  /** Where the tiles begin. */
  payloadOffset: number;
  dataTiles: number;
  /** Length of the datagram in bytes. */
  datagramLength: number;
  firstParity: number;
  /** How many parity tiles the frame holds. */
  tiles: number;
  /** CRC-32 of the whole datagram. */
  check: number;
  /** Why the last frame was refused. */
  reason: string;
}

export function newParityFrame(): ParityFrame {
  return {
    rule: COMPACT_RULE,
    slot: 0,
    seq: 0,
    hasHeader: false,
    payloadOffset: 0,
    dataTiles: 0,
    datagramLength: 0,
    firstParity: 0,
    tiles: 0,
    check: 0,
    reason: "",
  };
}

/**
 * Reads an uplink of the parity port. False leaves the reason in `out.reason`: parity-truncated, parity-not-whole-tiles, parity-last-tile-length,
 * parity-index-beyond.
 */
export function parseParityFrame(frame: Uint8Array, length: number, out: ParityFrame): boolean {
  out.reason = "";
  if (length === SHORT_PARITY_BYTES) return parseShort(frame, out);
  if (length < PARITY_HEADER_BYTES) return refuse(out, "parity-truncated");
  const payloadLength = length - PARITY_HEADER_BYTES;
  if (payloadLength % TILE_BYTES !== 0) return refuse(out, "parity-not-whole-tiles");
  const lastTileLength = frame[0] & 15;
  if (lastTileLength === 0 || lastTileLength > TILE_BYTES) return refuse(out, "parity-last-tile-length");
  out.rule = ruleOfBit(frame[1]);
  out.seq = frame[0] >>> 4;
  out.slot = slotOf(out.seq);
  out.hasHeader = true;
  out.payloadOffset = PARITY_HEADER_BYTES;
  out.dataTiles = (frame[1] & COUNT_MASK) + 1;
  out.datagramLength = (out.dataTiles - 1) * TILE_BYTES + lastTileLength;
  out.firstParity = frame[2];
  out.tiles = payloadLength / TILE_BYTES;
  out.check = ((frame[3] << 24) | (frame[4] << 16) | (frame[5] << 8) | frame[6]) >>> 0;
  // The reserved bit makes the index too high as well.
  return out.firstParity + out.tiles <= MAX_PARITY_TILES || refuse(out, "parity-index-beyond");
}

function parseShort(frame: Uint8Array, out: ParityFrame): boolean {
  out.rule = ruleOfBit(frame[0]);
  out.slot = out.rule === COMPACT_RULE ? (frame[0] >>> 5) & 3 : 0;
  out.firstParity = frame[0] & (out.rule === COMPACT_RULE ? SHORT_SLOT_PARITY_TILES - 1 : COUNT_MASK);
  out.seq = 0;
  out.hasHeader = false;
  out.payloadOffset = 1;
  out.dataTiles = 0;
  out.datagramLength = 0;
  out.tiles = 1;
  out.check = 0;
  return true;
}

function refuse(out: ParityFrame, reason: string): boolean {
  out.reason = reason;
  return false;
}
