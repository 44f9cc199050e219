/** What fits into a number of LoRaWAN frames: a compact token in one, or its fragments (wire/slot-fragment.ts) in several. */
import { TILE_BYTES, tilesPerFragment } from "../wire/schc-fragment.ts";
import { MAX_SLOT_BYTES, SLOT_ALL_1_HEADER_BYTES } from "../wire/slot-fragment.ts";

/** The longest compact token that travels in `frames` frames of at most `frameBytes` bytes of payload, without parity. */
export function tokenBytesIn(frames: number, frameBytes: number): number {
  if (frames <= 1) return frameBytes;
  const regular = (frames - 1) * tilesPerFragment(frameBytes) * TILE_BYTES;
  const last = Math.max(frameBytes - SLOT_ALL_1_HEADER_BYTES, 0);
  return Math.max(frameBytes, Math.min(regular + last, MAX_SLOT_BYTES));
}
