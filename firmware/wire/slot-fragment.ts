/**
 * SCHC fragments of compact tokens, FPort and RuleID 20: RFC 8724's ACK-on-Error with other fields than RFC 9011's. Several tokens may be under
 * way at once, so DTag has 2 bits (the token's seq mod 4, its *slot*) and W none: a datagram is one window of up to 62 tiles of 10 bytes.
 *
 *   Regular         slot(2) FCN(6) | tiles, 10 bytes each, the datagram's last one as long as it is       FCN = 62 - first tile
 *   All-1           slot(2) 111111 | length of the datagram (2 bytes) | CRC-32 (4) | its last tiles, none to all
 *   ACK REQ         slot(2) 000000
 *
 * The All-1 says the length, so that a receiver knows how many tiles there are whatever is lost, and takes as many tiles as fit, which saves a
 * frame. There is no Sender-Abort: a sender that gives up is silent. Answers: slot-answer.ts.
 */
import { crc32 } from "./crc32.ts";
import { TILE_BYTES, tileCount, WINDOW_TILES } from "./schc-fragment.ts";

/** Tiles 0 to 61 have FCN 62 to 1; FCN 0 is the ACK REQ's, and bit 62 of the bitmap the All-1's. */
export const MAX_SLOT_TILES = 62;
export const MAX_SLOT_BYTES = MAX_SLOT_TILES * TILE_BYTES;
/** Datagrams that can be told apart. */
export const SLOTS = 4;
/** In front of the All-1's tiles. */
export const SLOT_ALL_1_HEADER_BYTES = 7;
/** Bit of an answer that stands for length and check. */
export const ALL_1_BIT = WINDOW_TILES - 1;

const FCN_ALL_1 = 63;

/** The slot of the token with this number. */
export function slotOf(seq: number): number {
  return seq % SLOTS;
}

/** Writes a Regular fragment with tiles `first` to `end` - 1 of a datagram of `length` bytes; returns its length. */
export function writeSlotTiles(
  datagram: Uint8Array,
  length: number,
  slot: number,
  first: number,
  end: number,
  into: Uint8Array,
): number {
  into[0] = (slot << 6) | (WINDOW_TILES - 1 - first);
  return copyTiles(datagram, length, first, end, into, 1);
}

/** Writes the All-1 fragment with all tiles from `first` on, none where `first` is their count; returns its length. */
export function writeSlotAll1(
  datagram: Uint8Array,
  length: number,
  slot: number,
  first: number,
  into: Uint8Array,
): number {
  const check = crc32(datagram, 0, length);
  into[0] = (slot << 6) | FCN_ALL_1;
  into[1] = length >>> 8;
  into[2] = length & 0xff;
  into[3] = check >>> 24;
  into[4] = (check >>> 16) & 0xff;
  into[5] = (check >>> 8) & 0xff;
  into[6] = check & 0xff;
  return copyTiles(datagram, length, first, tileCount(length), into, SLOT_ALL_1_HEADER_BYTES);
}

function copyTiles(
  datagram: Uint8Array,
  length: number,
  first: number,
  end: number,
  into: Uint8Array,
  offset: number,
): number {
  const from = first * TILE_BYTES;
  const bytes = Math.max(Math.min(end * TILE_BYTES, length) - from, 0);
  for (let i = 0; i < bytes; i++) into[offset + i] = datagram[from + i];
  return offset + bytes;
}

/** Asks what has come of a slot's datagram. Returns the length, 1. */
export function writeSlotAckReq(slot: number, into: Uint8Array): number {
  into[0] = slot << 6;
  return 1;
}

/** A fragment taken apart by `parseSlotFragment`; the object is the caller's and is used again and again. */
export interface SlotFragment {
  kind: "regular" | "all-1" | "ack-request";
  slot: number;
  /** The first tile in the frame, and where its bytes begin; they go to the frame's end. */
  firstTile: number;
  payloadOffset: number;
  payloadLength: number;
  /** All-1: length and CRC-32 of the datagram. Regular: the length if the last tile is in it and shorter than the others, else 0. */
  length: number;
  check: number;
  /** Why the last frame was refused. */
  reason: string;
}

export function newSlotFragment(): SlotFragment {
  return {
    kind: "ack-request",
    slot: 0,
    firstTile: 0,
    payloadOffset: 0,
    payloadLength: 0,
    length: 0,
    check: 0,
    reason: "",
  };
}

/**
 * Reads an uplink of FPort 20. False leaves the reason in `out.reason`: empty, regular-without-tiles, beyond-last-tile, all-1-truncated,
 * all-1-length.
 */
export function parseSlotFragment(frame: Uint8Array, length: number, out: SlotFragment): boolean {
  out.reason = "";
  out.firstTile = 0;
  out.payloadOffset = 1;
  out.payloadLength = length - 1;
  out.length = 0;
  out.check = 0;
  if (length < 1) return refuse(out, "empty");
  out.slot = frame[0] >>> 6;
  const fcn = frame[0] & 63;
  if (fcn === FCN_ALL_1) return parseAll1(frame, length, out);
  if (length === 1) {
    out.kind = "ack-request";
    return fcn === 0 || refuse(out, "regular-without-tiles");
  }
  out.kind = "regular";
  out.firstTile = WINDOW_TILES - 1 - fcn;
  const end = out.firstTile * TILE_BYTES + out.payloadLength;
  if (end > MAX_SLOT_BYTES) return refuse(out, "beyond-last-tile");
  if (end % TILE_BYTES !== 0) out.length = end;
  return true;
}

function parseAll1(frame: Uint8Array, length: number, out: SlotFragment): boolean {
  out.kind = "all-1";
  if (length < SLOT_ALL_1_HEADER_BYTES) return refuse(out, "all-1-truncated");
  out.length = (frame[1] << 8) | frame[2];
  out.check = ((frame[3] << 24) | (frame[4] << 16) | (frame[5] << 8) | frame[6]) >>> 0;
  out.payloadOffset = SLOT_ALL_1_HEADER_BYTES;
  out.payloadLength = length - SLOT_ALL_1_HEADER_BYTES;
  const from = out.length - out.payloadLength;
  // The tiles in it are the last ones, so they begin where a tile does.
  if (out.length < 1 || out.length > MAX_SLOT_BYTES || from < 0) return refuse(out, "all-1-length");
  if (out.payloadLength > 0 && from % TILE_BYTES !== 0) return refuse(out, "all-1-length");
  out.firstTile = out.payloadLength > 0 ? from / TILE_BYTES : tileCount(out.length);
  return true;
}

function refuse(out: SlotFragment, reason: string): boolean {
  out.reason = reason;
  return false;
}
