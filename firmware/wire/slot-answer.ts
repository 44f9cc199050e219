/**
 * What the receiver says of the compact tokens under way (slot-fragment.ts): an answer on FPort 20, and behind the acknowledgement with history on
 * FPort 33. One entry or more, each of one slot:
 *
 *   missing   slot(2) 0 | bytes that follow, 0 to 8 (5) | bit by bit from the first byte's highest on: tile 0, 1, ...; 1 means missing; bit 62 is the All-1
 *   complete  slot(2) 1 | 00000       the datagram has passed its check
 *   abort     slot(2) 1 | 11111       its token will never be accepted: the sender is to give it up
 *
 * RFC 8724's ACK turned round: what is behind the last byte has come, so that an entry is short when little is missing, and says where it ends, so
 * that an answer to one token can speak of the others as well. A slot without an entry has nothing under way.
 */
import { SLOTS } from "./slot-fragment.ts";

/** Bits of tiles 0 to 61 and of the All-1. */
export const MISSING_BYTES = 8;
/** Entries of all slots. */
export const MAX_SLOT_ANSWER_BYTES = SLOTS * (1 + MISSING_BYTES);

const ENDED = 0x20;
const COUNT = 0x1f;

/** Writes at `offset` what is missing of a slot's datagram (MISSING_BYTES bytes of bits); returns the offset behind it. */
export function writeSlotMissing(slot: number, missing: Uint8Array, into: Uint8Array, offset: number): number {
  let count = MISSING_BYTES;
  while (count > 0 && missing[count - 1] === 0) count--;
  into[offset] = (slot << 6) | count;
  for (let i = 0; i < count; i++) into[offset + 1 + i] = missing[i];
  return offset + 1 + count;
}

/** Writes at `offset` that a slot's datagram is complete, or that it is to be given up; returns the offset behind it. */
export function writeSlotEnded(slot: number, abort: boolean, into: Uint8Array, offset: number): number {
  into[offset] = (slot << 6) | ENDED | (abort ? COUNT : 0);
  return offset + 1;
}

/** An entry, read by `readSlotAnswer`; the object is the caller's and is used again and again. */
export interface SlotAnswer {
  kind: "missing" | "complete" | "abort";
  slot: number;
  /** MISSING_BYTES bytes of bits. */
  missing: Uint8Array;
}

export function newSlotAnswer(): SlotAnswer {
  return { kind: "complete", slot: 0, missing: new Uint8Array(MISSING_BYTES) };
}

/** Reads the entry at `offset`; returns the offset behind it, or -1 where there is no good one. */
export function readSlotAnswer(bytes: Uint8Array, offset: number, length: number, out: SlotAnswer): number {
  if (offset >= length) return -1;
  const head = bytes[offset];
  const count = head & COUNT;
  out.slot = head >>> 6;
  for (let i = 0; i < MISSING_BYTES; i++) out.missing[i] = 0;
  if ((head & ENDED) !== 0) {
    out.kind = count === 0 ? "complete" : "abort";
    return count === 0 || count === COUNT ? offset + 1 : -1;
  }
  out.kind = "missing";
  if (count > MISSING_BYTES || offset + 1 + count > length) return -1;
  for (let i = 0; i < count; i++) out.missing[i] = bytes[offset + 1 + i];
  return offset + 1 + count;
}

/** Whether the tile, or ALL_1_BIT, is among the missing. */
export function isMissing(missing: Uint8Array, tile: number): boolean {
  return (missing[tile >>> 3] & (0x80 >>> (tile & 7))) !== 0;
}
