/**
 * Receiver's side of SCHC fragmentation in uplink ACK-on-Error mode (RFC 8724 8.4.3.2, RFC 9011 5.6.2) for whole tokens, RuleID 32, of one node: one
 * datagram at a time, since DTag has no bits.
 *
 *                     fragment                All-1 there, all tiles, check right
 *      +------+ -----------------> +------------+ -------------------------> +------+
 *      | idle |                    | collecting |                            | done |
 *      +------+ <----------------- +------------+ <------------------------- +------+
 *         ^      Sender-Abort,           | ^        All-1 or ACK REQ for        |  | All-1 or ACK REQ again:
 *         |      too many ACKs           +-+        another datagram            +--+ the datagram is given out again
 *         |      inactive for 12 h    All-1 or ACK REQ, tiles missing:          |
 *         |                           ACK with the bitmap of a window           |
 *         +---------------------------------------------------------------------+ inactive for 12 h: memory is freed
 *
 * `done` keeps the datagram: a sender that missed the answer, or starts over with the same token, needs no more than its All-1 to be heard.
 * A tile that contradicts one already held shows that the sender began another datagram (it rebooted, or gave up unheard): the old one
 * is dropped. Parity tiles (FPort 31) count like tiles; their header says the length, which the All-1 does not. Memory: at most the store's
 * 5.3 KB and the finished datagram, whatever is sent.
 *
 * Differences from RFC 8724: a right datagram is only given out; the caller answers it, by the final acknowledgement (control-message.ts) or
 * by an ACK with C = 1. When the inactivity timer expires nothing is sent: a Class A node would get the abort amid a later datagram. No ACK is
 * sent after each window (RFC 9011 5.6.2 recommends it): tokens have one or two, and downlinks are what a gateway has least of.
 */
import { crc32 } from "../../firmware/wire/crc32.ts";
import { MAX_DATA_TILES, MAX_PARITY_TILES } from "../../firmware/wire/reed-solomon.ts";
import {
  type Fragment,
  MAX_ACK_BYTES,
  MAX_TILES,
  newFragment,
  parseFragment,
  TILE_BYTES,
  tileCount,
  tileWindow,
  WINDOW_TILES,
  writeAck,
  writeReceiverAbort,
} from "../../firmware/wire/schc-fragment.ts";
import { TileStore } from "./tile-store.ts";

/** RFC 9011 5.6.2 recommends it for uplinks. */
export const INACTIVITY_MS = 12 * 3600 * 1000;
/** RFC 9011 5.6.2: MAX_ACK_REQUESTS. Counted anew with each tile that comes: a repair that gets on is not given up. */
export const MAX_ACK_ATTEMPTS = 8;

export type ReassemblerCommand =
  /** The check was right. `bytes` is the machine's own, good until its next call; `window` is that of the last tile, for an ACK. */
  | { kind: "datagram"; bytes: Uint8Array; window: number; repeated: boolean }
  /** To be sent to the node on the rule's FPort. */
  | { kind: "reply"; frame: Uint8Array }
  /** Parity tiles to be asked for (wire/parity-request.ts); who cannot sends `instead` on the rule's FPort. */
  | { kind: "parity"; firstParity: number; tiles: number; check: number; instead: Uint8Array }
  /** What had come so far was dropped, or a message was refused. */
  | { kind: "dropped"; reason: string };

/** The All-1 fragment of the datagram under way. */
interface LastFragment {
  window: number;
  check: number;
  tile: Uint8Array;
}

/** A datagram that is whole, kept to be given out again. */
interface Finished {
  bytes: Uint8Array;
  last: LastFragment;
}

export class Reassembler {
  /** What has come of the datagram under way; while there is a finished one, what has come since. */
  #store: TileStore | undefined;
  #finished: Finished | undefined;
  #last: LastFragment | undefined;
  /** The last window that the sender has spoken of. */
  #window = 0;
  #attempts = 0;
  #expiresMs = 0;
  #fragment: Fragment = newFragment();
  #commands: ReassemblerCommand[] = [];

  /** A frame of this rule came in. */
  handle(frame: Uint8Array, nowMs: number): void {
    const fragment = this.#fragment;
    if (!parseFragment(frame, frame.length, fragment)) {
      this.#commands.push({ kind: "dropped", reason: `fragment-${fragment.reason}` });
      return;
    }
    if (fragment.kind === "sender-abort") {
      if (this.#isCollecting) this.#drop("sender-abort");
      return;
    }
    if (fragment.kind === "regular") this.#handleTiles(frame.subarray(fragment.payloadOffset));
    else if (fragment.kind === "all-1") this.#handleLast(frame.slice(fragment.payloadOffset));
    else this.#handleAckRequest();
    this.#touch(nowMs);
  }

  /** Parity tiles of this rule came in (wire/parity-frame.ts); `length` 0 and `check` -1 where no header stands before them. */
  handleParity(firstIndex: number, tiles: Uint8Array, length: number, check: number, nowMs: number): void {
    if (tileCount(length) > MAX_DATA_TILES) return;
    // Ahead of any request they come for a datagram that is whole as well.
    if (this.#finished !== undefined && (check < 0 || check === this.#finished.last.check)) return;
    let store = this.#store ?? this.#begin();
    if (store.contradictsHeader(length, check)) store = this.#replace();
    store.know(length, check);
    if (store.putParity(firstIndex, tiles)) this.#attempts = 0;
    this.#complete(false);
    this.#touch(nowMs);
  }

  /** The inactivity timer (RFC 8724 8.4.3.2). */
  handleTimeout(nowMs: number): void {
    if (this.pollTimeout() === undefined || nowMs < this.#expiresMs) return;
    if (this.#isCollecting) this.#drop("reassembly-timeout");
    else this.#free();
  }

  /** When `handleTimeout` has something to do. */
  pollTimeout(): number | undefined {
    return this.#store === undefined && this.#finished === undefined ? undefined : this.#expiresMs;
  }

  pollCommand(): ReassemblerCommand | undefined {
    return this.#commands.shift();
  }

  get #isCollecting(): boolean {
    return this.#store !== undefined && this.#finished === undefined;
  }

  #touch(nowMs: number): void {
    this.#expiresMs = nowMs + INACTIVITY_MS;
  }

  #handleTiles(payload: Uint8Array): void {
    const { firstTile, window, isLast } = this.#fragment;
    const length = isLast ? firstTile * TILE_BYTES + payload.length : 0;
    let store = this.#store ?? this.#begin();
    if (store.contradicts(firstTile, payload) || store.contradictsHeader(length, -1)) store = this.#replace();
    store.know(length, -1);
    if (store.put(firstTile, payload)) this.#attempts = 0;
    this.#window = Math.max(this.#window, window);
    this.#complete(false);
  }

  #handleLast(tile: Uint8Array): void {
    const { check, window } = this.#fragment;
    const last = { window, check, tile };
    if (this.#finished !== undefined && isSame(this.#finished.last, last)) {
      this.#giveOut(this.#finished, true);
      return;
    }
    const replaced =
      (this.#last !== undefined && !isSame(this.#last, last)) || this.#store?.contradictsHeader(0, check) === true;
    // None of what was collected for another All-1 can be told apart from the abandoned datagram's, unless it fits this one.
    if (this.#store === undefined) this.#begin();
    this.#last = last;
    if (this.#complete(replaced)) return;
    if (replaced) {
      this.#replace();
      this.#last = last;
    }
    this.#window = window;
    this.#acknowledge();
  }

  #handleAckRequest(): void {
    if (this.#finished !== undefined && this.#store === undefined) {
      this.#giveOut(this.#finished, true);
      return;
    }
    // RFC 8724 8.4.3.2: with nothing received the ACK is for window 0, and there is no state worth keeping.
    if (this.#store === undefined) {
      this.#reply(this.#ack(0));
      return;
    }
    this.#window = Math.max(this.#window, this.#fragment.window);
    this.#acknowledge();
  }

  /** Gives the datagram out if it is whole. `anew`: what the store knows of length and check may be of another one. */
  #complete(anew: boolean): boolean {
    const store = this.#store as TileStore;
    const bytes = store.length > 0 && !anew ? this.#completeKnown(store) : this.#completeUnknown(store);
    if (bytes === undefined) return false;
    const last = this.#last ?? lastOf(bytes, store.check);
    this.#finished = { bytes, last };
    this.#giveOut(this.#finished, false);
    return true;
  }

  /** The length is known. */
  #completeKnown(store: TileStore): Uint8Array | undefined {
    const lastTile = tileCount(store.length) - 1;
    const last = this.#last;
    if (last !== undefined) {
      if (last.tile.length > 0 && store.have[lastTile] !== 1) {
        if (lastTile * TILE_BYTES + last.tile.length !== store.length) return undefined;
        store.put(lastTile, last.tile);
      }
      store.know(0, last.check);
    }
    const state = store.complete();
    if (state === "spoiled") this.#replace();
    return state === "whole" ? store.bytes.slice(0, store.length) : undefined;
  }

  /** The number of tiles is nowhere said: only the check tells. */
  #completeUnknown(store: TileStore): Uint8Array | undefined {
    const last = this.#last;
    if (last === undefined) return undefined;
    const top = store.have.lastIndexOf(1) + 1;
    if (store.have.indexOf(0) !== top && top < MAX_TILES) return undefined;
    const lastTile = last.tile.length > 0 ? top : top - 1;
    if (lastTile < 0 || lastTile >= MAX_TILES || tileWindow(lastTile) !== last.window) return undefined;
    const bytes = new Uint8Array(top * TILE_BYTES + last.tile.length);
    bytes.set(store.bytes.subarray(0, top * TILE_BYTES));
    bytes.set(last.tile, top * TILE_BYTES);
    return crc32(bytes, 0, bytes.length) === last.check ? bytes : undefined;
  }

  #giveOut(finished: Finished, repeated: boolean): void {
    this.#store = undefined;
    this.#last = undefined;
    this.#window = 0;
    this.#attempts = 0;
    this.#commands.push({ kind: "datagram", bytes: finished.bytes, window: finished.last.window, repeated });
  }

  /** An ACK for the lowest window known to lack tiles, or else for the last one; where parity tiles have come, a request for more of them. */
  #acknowledge(): void {
    const store = this.#store as TileStore;
    // The sender wants to know of what came after the finished datagram.
    this.#finished = undefined;
    if (++this.#attempts > MAX_ACK_ATTEMPTS) {
      const frame = new Uint8Array(MAX_ACK_BYTES);
      this.#reply(frame.subarray(0, writeReceiverAbort(frame)));
      this.#drop("too-many-acknowledgements");
      return;
    }
    let window = 0;
    while (window < this.#window && isFull(store, window)) window++;
    const instead = this.#ack(window);
    const { check, missing, parityCount, parityEnd } = store;
    const tiles = missing - parityCount;
    if (parityCount > 0 && store.length > 0 && check >= 0 && parityEnd + tiles <= MAX_PARITY_TILES) {
      this.#commands.push({ kind: "parity", firstParity: parityEnd, tiles, check, instead });
    } else this.#reply(instead);
  }

  #ack(window: number): Uint8Array {
    const bitmap = new Uint8Array(WINDOW_TILES);
    if (this.#store !== undefined) {
      bitmap.set(this.#store.have.subarray(window * WINDOW_TILES, (window + 1) * WINDOW_TILES));
    }
    // RFC 8724 8.2.2.3: in the last window the last bit stands for the All-1 fragment.
    if (this.#last?.window === window) bitmap[WINDOW_TILES - 1] = 1;
    const frame = new Uint8Array(MAX_ACK_BYTES);
    return frame.subarray(0, writeAck(window, false, bitmap, frame));
  }

  #reply(frame: Uint8Array): void {
    this.#commands.push({ kind: "reply", frame });
  }

  /** Starts collecting with nothing. */
  #begin(): TileStore {
    this.#store = new TileStore(MAX_TILES);
    this.#attempts = 0;
    this.#last = undefined;
    this.#window = 0;
    return this.#store;
  }

  /** Another datagram has begun. */
  #replace(): TileStore {
    if (this.#isCollecting) this.#commands.push({ kind: "dropped", reason: "datagram-replaced" });
    return this.#begin();
  }

  #drop(reason: string): void {
    this.#commands.push({ kind: "dropped", reason });
    this.#free();
  }

  #free(): void {
    this.#store = undefined;
    this.#finished = undefined;
    this.#last = undefined;
    this.#window = 0;
  }
}

function isFull(store: TileStore, window: number): boolean {
  const from = window * WINDOW_TILES;
  return store.have.subarray(from, from + WINDOW_TILES).indexOf(0) < 0;
}

/** The All-1 that a datagram rebuilt without it would have had. */
function lastOf(bytes: Uint8Array, check: number): LastFragment {
  const lastTile = tileCount(bytes.length) - 1;
  return { window: tileWindow(lastTile), check, tile: bytes.slice(lastTile * TILE_BYTES) };
}

function isSame(a: LastFragment, b: LastFragment): boolean {
  return a.check === b.check && a.tile.length === b.tile.length && a.tile.every((byte, i) => byte === b.tile[i]);
}
