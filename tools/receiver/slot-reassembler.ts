/**
 * Receiver's side of the fragments of compact tokens (firmware/wire/slot-fragment.ts), for one node and one slot.
 *
 *                  frame                   all tiles, or as many parity tiles as are missing; check right
 *      +------+ ----------> +------------+ --------------------------------------------------------------> +------+
 *      | idle |             | collecting |                                                                 | done |
 *      +------+ <---------- +------------+ <-------------------------------------------------------------- +------+
 *          inactive for 12 h    | ^   All-1, ACK REQ, parity, the last        a frame of another datagram         | ^ All-1, ACK REQ, parity:
 *          too many answers     +-+   of the tiles asked for:                                                +-+ given out again
 *                                     what is missing
 *
 * A frame that contradicts what is held shows that the sender has come round to this slot with another token: the old one is dropped.
 *
 * An answer names as many of the missing tiles as parity tiles have not made up for.
 */
import { crc32 } from "../../firmware/wire/crc32.ts";
import { tileCount } from "../../firmware/wire/schc-fragment.ts";
import { isMissing, MISSING_BYTES } from "../../firmware/wire/slot-answer.ts";
import { ALL_1_BIT, MAX_SLOT_TILES } from "../../firmware/wire/slot-fragment.ts";
import { TileStore } from "./tile-store.ts";

/** RFC 9011 5.6.2 recommends it for uplinks. */
export const SLOT_INACTIVITY_MS = 12 * 3600 * 1000;
/** Answers without a new tile in between: twice MAX_ACK_REQUESTS of RFC 9011 5.6.2, since tokens are resumed over hours. */
export const MAX_SLOT_ANSWERS = 16;

/** What came in a frame, tiles or parity tiles, and what it says of the datagram: length 0 and check -1 where it says nothing. */
export interface SlotFrame {
  kind: "tiles" | "all-1" | "parity";
  /** First tile, or index of the first parity tile. */
  first: number;
  payload: Uint8Array;
  length: number;
  check: number;
}

export type SlotOutcome =
  | { kind: "nothing" }
  /** Good until the next call. */
  | { kind: "datagram"; bytes: Uint8Array; repeated: boolean }
  /** The sender is to be told what is missing. */
  | { kind: "missing" };

const NOTHING: SlotOutcome = Object.freeze({ kind: "nothing" });
const MISSING: SlotOutcome = Object.freeze({ kind: "missing" });

export class SlotReassembler {
  #store: TileStore | undefined;
  #isDone = false;
  #answers = 0;
  /** The last of the tiles that were asked for, -1 for none. */
  #askedTile = -1;
  #expiresMs = 0;
  /** Why what was held has been dropped, "" where it was not; the caller takes it. */
  dropped = "";

  /** When `handleTimeout` has something to do. */
  get expiresMs(): number | undefined {
    return this.#store === undefined ? undefined : this.#expiresMs;
  }

  handle(frame: SlotFrame, nowMs: number): SlotOutcome {
    this.#expiresMs = nowMs + SLOT_INACTIVITY_MS;
    let store = this.#store;
    if (store === undefined || this.#contradicts(store, frame)) {
      if (store !== undefined && !this.#isDone) this.dropped = "datagram-replaced";
      store = this.#begin();
    }
    store.know(frame.length, frame.check);
    if (this.#isDone) {
      // Tiles come late; who sends the All-1 or parity tiles has not heard the answer.
      return frame.kind === "tiles" ? NOTHING : this.#giveOut(store, true);
    }
    const isNew =
      frame.kind === "parity" ? store.putParity(frame.first, frame.payload) : store.put(frame.first, frame.payload);
    if (isNew) this.#answers = 0;
    const state = store.complete();
    if (state === "whole") {
      this.#isDone = true;
      return this.#giveOut(store, false);
    }
    if (state === "spoiled") {
      // Tiles of an earlier token that did not contradict this one's. Of what came only this frame is certain to be of the token under way.
      this.dropped = "datagram-check";
      store = this.#begin();
      store.know(frame.length, frame.check);
      if (frame.kind !== "parity") store.put(frame.first, frame.payload);
      return this.#ask(store);
    }
    const end = frame.first + tileCount(frame.payload.length);
    // Parity tiles that do not complete it are a question as well.
    const isLastAsked = this.#askedTile >= frame.first && this.#askedTile < end;
    return frame.kind !== "tiles" || isLastAsked ? this.#ask(store) : NOTHING;
  }

  /** An ACK REQ. */
  handleAckRequest(nowMs: number): SlotOutcome {
    const store = this.#store;
    if (store === undefined) return MISSING;
    this.#expiresMs = nowMs + SLOT_INACTIVITY_MS;
    return this.#isDone ? this.#giveOut(store, true) : this.#ask(store);
  }

  /** The token came in one frame. Returns whether what is held is part of it, and held no longer. */
  takeWhole(bytes: Uint8Array): boolean {
    const store = this.#store;
    if (store === undefined || this.#isDone) return false;
    if (store.contradictsHeader(bytes.length, crc32(bytes, 0, bytes.length)) || store.contradicts(0, bytes))
      return false;
    this.#store = undefined;
    return true;
  }

  handleTimeout(nowMs: number): void {
    if (this.#store === undefined || nowMs < this.#expiresMs) return;
    if (!this.#isDone) this.dropped = "reassembly-timeout";
    this.#store = undefined;
  }

  #contradicts(store: TileStore, frame: SlotFrame): boolean {
    if (store.contradictsHeader(frame.length, frame.check)) return true;
    return frame.kind !== "parity" && store.contradicts(frame.first, frame.payload);
  }

  #begin(): TileStore {
    this.#isDone = false;
    this.#answers = 0;
    this.#askedTile = -1;
    this.#store = new TileStore(MAX_SLOT_TILES);
    return this.#store;
  }

  #giveOut(store: TileStore, repeated: boolean): SlotOutcome {
    return { kind: "datagram", bytes: store.bytes.subarray(0, store.length), repeated };
  }

  #ask(store: TileStore): SlotOutcome {
    if (++this.#answers > MAX_SLOT_ANSWERS) {
      this.dropped = "too-many-acknowledgements";
      this.#store = undefined;
      return NOTHING;
    }
    this.#askedTile = -1;
    // Behind the tiles an All-1 comes that is missing, and is answered by itself.
    if (store.length > 0 && store.check >= 0) {
      const missing = this.missing();
      for (let tile = 0; tile < tileCount(store.length); tile++) if (isMissing(missing, tile)) this.#askedTile = tile;
    }
    return MISSING;
  }

  /**
   * Bits for an answer (wire/slot-answer.ts): what is missing; all there may be while nothing has come. Each parity tile that has come
   * stands for one of the missing, whichever.
   */
  missing(): Uint8Array {
    const bits = new Uint8Array(MISSING_BYTES);
    const store = this.#store;
    const set = (tile: number): void => {
      bits[tile >>> 3] |= 0x80 >>> (tile & 7);
    };
    const tiles = store === undefined || store.length === 0 ? MAX_SLOT_TILES : tileCount(store.length);
    let spare = store?.parityCount ?? 0;
    for (let tile = 0; tile < tiles; tile++) {
      if (store?.have[tile] === 1) continue;
      if (spare > 0) spare--;
      else set(tile);
    }
    if (store === undefined || store.length === 0 || store.check < 0) set(ALL_1_BIT);
    return bits;
  }

  /** A datagram is under way. */
  get isCollecting(): boolean {
    return this.#store !== undefined && !this.#isDone;
  }
}
