/**
 * SCHC fragments of whole tokens on LoRaWAN, FPort 32 (RFC 8724 8.3, RFC 9011 5.6.2): uplink ACK-on-Error. The FPort is the RuleID and stands
 * outside of these bytes; DTag has no bits, W has 2, FCN 6; tiles are 10 bytes, windows 63 tiles; the reassembly check is CRC-32. Compact
 * tokens have slot-fragment.ts.
 *
 *   Regular         W(2) FCN(6) | tiles, 10 bytes each         FCN of the first tile: 62 down to 0, then the next window
 *   All-1           W(2) 111111 | CRC-32 (4 bytes) | the last tile, 0 to 10 bytes
 *   ACK REQ         W(2) 000000
 *   Sender-Abort    11   111111
 *   ACK, complete   W(2) 1 | 00000
 *   ACK, missing    W(2) 0 | compressed bitmap | zeros to the byte
 *   Receiver-Abort  11   1 11111 | 11111111
 *
 * The last tile travels in the All-1 fragment. Where a frame cannot hold both (US915's slowest data rate: 11 bytes), it goes as a Regular
 * fragment of its own, as long as it is, and the All-1 has none: RFC 9011 5.6.2 allows either.
 */
import { crc32 } from "./crc32.ts";

export const TILE_BYTES = 10;
export const WINDOW_TILES = 63;
/** W has 2 bits. */
export const MAX_TILES = 4 * WINDOW_TILES;
/** FPort and RuleID of whole, uncompressed tokens. (20, 30 and 31 are for compact tokens; 21 and 22 are RFC 9011's own.) */
export const TOKEN_FPORT = 32;

const FCN_ALL_1 = 63;
const CHECK_BYTES = 4;
const ALL_1_HEADER_BYTES = 1 + CHECK_BYTES;
/** W and C in front of an ACK's bitmap. */
const ACK_HEADER_BITS = 3;
/** The longest ACK: 66 bits. */
export const MAX_ACK_BYTES = 9;

/** Tiles of a datagram. The last one may be short. */
export function tileCount(datagramLength: number): number {
  return Math.ceil(datagramLength / TILE_BYTES);
}

/** Whole tiles that a Regular fragment of at most `maxPayload` bytes holds. */
export function tilesPerFragment(maxPayload: number): number {
  return Math.max(0, Math.floor((maxPayload - 1) / TILE_BYTES));
}

/** Window of a tile, counted from 0 through the datagram. */
export function tileWindow(tile: number): number {
  return Math.floor(tile / WINDOW_TILES);
}

function header(window: number, fcn: number): number {
  return (window << 6) | fcn;
}

/** Writes a Regular fragment with `tiles` whole tiles from `firstTile` on; returns its length. The last tile is All-1's. */
export function writeRegular(datagram: Uint8Array, firstTile: number, tiles: number, into: Uint8Array): number {
  into[0] = header(tileWindow(firstTile), WINDOW_TILES - 1 - (firstTile % WINDOW_TILES));
  const from = firstTile * TILE_BYTES;
  const length = tiles * TILE_BYTES;
  for (let i = 0; i < length; i++) into[1 + i] = datagram[from + i];
  return 1 + length;
}

/** Writes the Regular fragment with the last tile alone, for frames that hold no All-1 with it; returns its length (2 to 11). */
export function writeLastRegular(datagram: Uint8Array, length: number, into: Uint8Array): number {
  const lastTile = tileCount(length) - 1;
  const from = lastTile * TILE_BYTES;
  into[0] = header(tileWindow(lastTile), WINDOW_TILES - 1 - (lastTile % WINDOW_TILES));
  for (let i = from; i < length; i++) into[1 + i - from] = datagram[i];
  return 1 + length - from;
}

/** Length of the All-1 fragment of a datagram, with its last tile. */
export function all1Length(datagramLength: number): number {
  return ALL_1_HEADER_BYTES + datagramLength - (tileCount(datagramLength) - 1) * TILE_BYTES;
}

/**
 * Writes the All-1 fragment of a datagram of `length` bytes: reassembly check, and the last tile unless that went before; returns its length,
 * 5 to 15.
 */
export function writeAll1(datagram: Uint8Array, length: number, into: Uint8Array, withTile = true): number {
  const lastTile = tileCount(length) - 1;
  into[0] = header(tileWindow(lastTile), FCN_ALL_1);
  const check = crc32(datagram, 0, length);
  into[1] = check >>> 24;
  into[2] = (check >>> 16) & 0xff;
  into[3] = (check >>> 8) & 0xff;
  into[4] = check & 0xff;
  if (!withTile) return ALL_1_HEADER_BYTES;
  const from = lastTile * TILE_BYTES;
  for (let i = from; i < length; i++) into[ALL_1_HEADER_BYTES + i - from] = datagram[i];
  return ALL_1_HEADER_BYTES + length - from;
}

/** Asks for the receiver's state of a window. Returns the length, 1. */
export function writeAckReq(window: number, into: Uint8Array): number {
  into[0] = header(window, 0);
  return 1;
}

/** Gives the datagram up. Returns the length, 1. */
export function writeSenderAbort(into: Uint8Array): number {
  into[0] = 0xff;
  return 1;
}

/** Whether a fragment that we wrote is one that the receiver answers: an All-1 or an ACK REQ. */
export function isQuestion(frame: Uint8Array, length: number): boolean {
  const fcn = frame[0] & 63;
  return length > 1 ? fcn === FCN_ALL_1 : fcn === 0;
}

/** A fragment taken apart by `parseFragment`; the object is the caller's and is used again and again. */
export interface Fragment {
  kind: "regular" | "all-1" | "ack-request" | "sender-abort";
  window: number;
  /** Regular: number of the first tile in the datagram. */
  firstTile: number;
  /** Regular: how many tiles, and whether the last one is the datagram's, being shorter than the others. */
  tiles: number;
  isLast: boolean;
  /** All-1: CRC-32 of the whole datagram. */
  check: number;
  /** Where the tiles begin in the frame, and their bytes. */
  payloadOffset: number;
  payloadLength: number;
  /** Why the last frame was refused. */
  reason: string;
}

export function newFragment(): Fragment {
  return {
    kind: "sender-abort",
    window: 0,
    firstTile: 0,
    tiles: 0,
    isLast: false,
    check: 0,
    payloadOffset: 0,
    payloadLength: 0,
    reason: "",
  };
}

/**
 * Reads an uplink of a fragment port. False leaves the reason in `out.reason`: empty, all-1-truncated, all-1-tile-too-long,
 * regular-without-tiles, beyond-last-window.
 */
export function parseFragment(frame: Uint8Array, length: number, out: Fragment): boolean {
  out.reason = "";
  out.firstTile = 0;
  out.tiles = 0;
  out.isLast = false;
  out.check = 0;
  out.payloadOffset = 0;
  out.payloadLength = 0;
  if (length < 1) return refuse(out, "empty");
  out.window = frame[0] >>> 6;
  const fcn = frame[0] & 63;
  if (fcn === FCN_ALL_1) return parseAll1(frame, length, out);
  if (length === 1) {
    if (fcn !== 0) return refuse(out, "regular-without-tiles");
    out.kind = "ack-request";
    return true;
  }
  const payloadLength = length - 1;
  out.kind = "regular";
  out.firstTile = out.window * WINDOW_TILES + (WINDOW_TILES - 1 - fcn);
  out.tiles = tileCount(payloadLength);
  out.isLast = payloadLength % TILE_BYTES !== 0;
  out.payloadOffset = 1;
  out.payloadLength = payloadLength;
  // The All-1 fragment's tile comes behind every Regular one.
  if (out.firstTile + out.tiles >= MAX_TILES) return refuse(out, "beyond-last-window");
  return true;
}

function parseAll1(frame: Uint8Array, length: number, out: Fragment): boolean {
  if (length === 1 && out.window === 3) {
    out.kind = "sender-abort";
    return true;
  }
  if (length < ALL_1_HEADER_BYTES) return refuse(out, "all-1-truncated");
  if (length > ALL_1_HEADER_BYTES + TILE_BYTES) return refuse(out, "all-1-tile-too-long");
  out.kind = "all-1";
  out.check = ((frame[1] << 24) | (frame[2] << 16) | (frame[3] << 8) | frame[4]) >>> 0;
  out.payloadOffset = ALL_1_HEADER_BYTES;
  out.payloadLength = length - ALL_1_HEADER_BYTES;
  return true;
}

function refuse(out: { reason: string }, reason: string): boolean {
  out.reason = reason;
  return false;
}

/**
 * Writes an ACK and returns its length. `bitmap` has one entry a tile of the window, 1 where it has come; the last entry is also that
 * of the All-1 fragment (RFC 8724 8.2.2.3). It is not read when `complete`, the datagram having passed its check.
 */
export function writeAck(window: number, complete: boolean, bitmap: Uint8Array, into: Uint8Array): number {
  into[0] = (window << 6) | (complete ? 0x20 : 0);
  if (complete) return 1;
  // RFC 8724 8.3.2.1: trailing ones are left out, as far as the rest still ends with a byte. 66 bits are whole at 9 bytes only.
  let kept = WINDOW_TILES;
  while (kept > 0 && bitmap[kept - 1] === 1) kept--;
  const length = Math.max(1, Math.ceil((ACK_HEADER_BITS + kept) / 8));
  for (let i = 1; i < length; i++) into[i] = 0;
  const bits = Math.min(WINDOW_TILES, length * 8 - ACK_HEADER_BITS);
  for (let i = 0; i < bits; i++) {
    const at = ACK_HEADER_BITS + i;
    if (bitmap[i] === 1) into[at >>> 3] |= 0x80 >>> (at & 7);
  }
  return length;
}

/** Tells the sender to give the datagram up (RFC 8724 8.3.5). Returns the length, 2. */
export function writeReceiverAbort(into: Uint8Array): number {
  into[0] = 0xff;
  into[1] = 0xff;
  return 2;
}

/** An acknowledgement taken apart by `parseAck`; the object is the caller's and is used again and again. */
export interface Ack {
  kind: "ack" | "receiver-abort";
  window: number;
  /** The receiver has the whole datagram, and its check was right. */
  complete: boolean;
  /** One entry a tile of the window, 1 where it has come; entry 62 is also that of the All-1 fragment. All 1 when complete. */
  bitmap: Uint8Array;
  /** Why the last frame was refused. */
  reason: string;
}

export function newAck(): Ack {
  return { kind: "ack", window: 0, complete: false, bitmap: new Uint8Array(WINDOW_TILES), reason: "" };
}

/** Reads a downlink of a fragment port. False leaves the reason in `out.reason`: empty, ack-too-long, ack-form, ack-padding. */
export function parseAck(frame: Uint8Array, length: number, out: Ack): boolean {
  out.reason = "";
  if (length < 1) return refuse(out, "empty");
  if (length > MAX_ACK_BYTES) return refuse(out, "ack-too-long");
  out.window = frame[0] >>> 6;
  out.complete = (frame[0] & 0x20) !== 0;
  out.bitmap.fill(1);
  if (out.complete) return parseComplete(frame, length, out);
  out.kind = "ack";
  const bits = length * 8 - ACK_HEADER_BITS;
  for (let i = 0; i < bits; i++) {
    const at = ACK_HEADER_BITS + i;
    const bit = (frame[at >>> 3] >>> (7 - (at & 7))) & 1;
    if (i < WINDOW_TILES) out.bitmap[i] = bit;
    else if (bit !== 0) return refuse(out, "ack-padding");
  }
  return true;
}

function parseComplete(frame: Uint8Array, length: number, out: Ack): boolean {
  if (length === 2 && frame[0] === 0xff && frame[1] === 0xff) {
    out.kind = "receiver-abort";
    out.complete = false;
    return true;
  }
  out.kind = "ack";
  if (length !== 1) return refuse(out, "ack-form");
  if ((frame[0] & 0x1f) !== 0) return refuse(out, "ack-padding");
  return true;
}
