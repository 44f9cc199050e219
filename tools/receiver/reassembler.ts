/**
 * Receiver's side of SCHC fragmentation in uplink ACK-on-Error mode (RFC 8724 8.4.3.2, RFC 9011 5.6.2), for one node and one rule: one datagram
 * at a time, since DTag has no bits.
 *
 *                     fragment                All-1 there, all tiles, check right
 *      +------+ -----------------> +------------+ -------------------------> +------+
 *      | idle |                    | collecting |                            | done |
 *      +------+ <----------------- +------------+ <------------------------- +------+
 *         ^      Sender-Abort,           | ^         a tile that differs        |  | All-1 or ACK REQ again:
 *         |      too many ACKs           +-+         from the datagram's        +--+ the datagram is given out again
 *         |      inactive for 12 h    All-1 or ACK REQ, tiles missing:          |
 *         |                           ACK with the bitmap of a window           |
 *         +---------------------------------------------------------------------+ inactive for 12 h: memory is freed
 *
 * `done` keeps the tiles: a sender that missed the answer, or starts over with the same token, needs no more than its All-1 to be heard.
 * A tile that contradicts one already held shows that the sender began another datagram (it rebooted, or gave up unheard): the old one
 * is dropped. Memory: 2.8 KB while not idle, whatever is sent.
 *
 * Differences from RFC 8724: a right datagram is only given out; the caller answers it, by the final acknowledgement (control-message.ts) or
 * by an ACK with C = 1. When the inactivity timer expires nothing is sent: a Class A node would get the abort amid a later datagram. No ACK is
 * sent after each window (RFC 9011 5.6.2 recommends it): tokens have one or two, and downlinks are what a gateway has least of.
 */
import { crc32 } from "../../firmware/wire/crc32.ts";
import {
  type Fragment,
  MAX_ACK_BYTES,
  MAX_TILES,
  newFragment,
  parseFragment,
  TILE_BYTES,
  tileWindow,
  WINDOW_TILES,
  writeAck,
  writeReceiverAbort,
} from "../../firmware/wire/schc-fragment.ts";

/** RFC 9011 5.6.2 recommends it for uplinks. */
export const INACTIVITY_MS = 12 * 3600 * 1000;
/** RFC 9011 5.6.2: MAX_ACK_REQUESTS. Counted anew with each tile that comes: a repair that gets on is not given up. */
export const MAX_ACK_ATTEMPTS = 8;

export type ReassemblerCommand =
  /** The check was right. `bytes` is the machine's own, good until its next call; `window` is that of the last tile, for an ACK. */
  | { kind: "datagram"; bytes: Uint8Array; window: number; repeated: boolean }
  /** To be sent to the node on the rule's FPort. */
  | { kind: "reply"; frame: Uint8Array }
  /** What had come so far was dropped, or a message was refused. */
  | { kind: "dropped"; reason: string };

/** The All-1 fragment of the datagram under way. */
interface LastFragment {
  window: number;
  check: number;
  tile: Uint8Array;
}

export class Reassembler {
  #state: "idle" | "collecting" | "done" = "idle";
  /** Tiles at their places; the last one is not in it before the datagram is whole. */
  #bytes: Uint8Array | undefined;
  /** 1 where a tile has come since this datagram began (in `done`: since it was whole). */
  #have = new Uint8Array(MAX_TILES);
  #haveCount = 0;
  /** One above the highest tile that has come. */
  #top = 0;
  #last: LastFragment | undefined;
  /** The last window that the sender has spoken of. */
  #window = 0;
  /** Length of the datagram in `done`. */
  #length = 0;
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
      if (this.#state === "collecting") this.#drop("sender-abort");
      return;
    }
    if (fragment.kind === "regular") this.#handleTiles(frame.subarray(fragment.payloadOffset));
    else if (fragment.kind === "all-1") this.#handleLast(frame.slice(fragment.payloadOffset));
    else this.#handleAckRequest();
    if (this.#state !== "idle") this.#expiresMs = nowMs + INACTIVITY_MS;
  }

  /** The inactivity timer (RFC 8724 8.4.3.2). */
  handleTimeout(nowMs: number): void {
    if (this.#state === "idle" || nowMs < this.#expiresMs) return;
    if (this.#state === "collecting") this.#drop("reassembly-timeout");
    else this.#free();
  }

  /** When `handleTimeout` has something to do. */
  pollTimeout(): number | undefined {
    return this.#state === "idle" ? undefined : this.#expiresMs;
  }

  pollCommand(): ReassemblerCommand | undefined {
    return this.#commands.shift();
  }

  #handleTiles(payload: Uint8Array): void {
    const { firstTile, tiles, window } = this.#fragment;
    if (this.#state === "idle") this.#begin();
    const bytes = this.#bytes as Uint8Array;
    const offset = firstTile * TILE_BYTES;
    let contradicts = false;
    // Behind the finished datagram's end there is nothing to be the same as.
    let differs = offset + payload.length > this.#length;
    for (let i = 0; i < payload.length; i++) {
      if (bytes[offset + i] === payload[i]) continue;
      differs = true;
      contradicts ||= this.#have[firstTile + Math.floor(i / TILE_BYTES)] === 1;
    }
    if (contradicts) {
      if (this.#state === "collecting") this.#commands.push({ kind: "dropped", reason: "datagram-replaced" });
      this.#begin();
    } else if (differs) {
      this.#reopen();
    }
    bytes.set(payload, offset);
    for (let tile = firstTile; tile < firstTile + tiles; tile++) {
      if (this.#have[tile] === 1) continue;
      this.#have[tile] = 1;
      this.#haveCount++;
      this.#attempts = 0;
    }
    this.#top = Math.max(this.#top, firstTile + tiles);
    this.#window = Math.max(this.#window, window);
    if (this.#state === "collecting" && this.#last !== undefined) this.#complete(this.#last);
  }

  #handleLast(tile: Uint8Array): void {
    const { check, window } = this.#fragment;
    const last = { window, check, tile };
    if (this.#state === "idle") this.#begin();
    if (this.#state === "done") {
      if (this.#last?.check === check && sameBytes(this.#last.tile, tile)) {
        this.#giveOut(window, true);
        return;
      }
      this.#reopen();
    }
    const replaced = this.#last !== undefined && (this.#last.check !== check || !sameBytes(this.#last.tile, tile));
    if (this.#complete(last)) return;
    if (replaced) {
      // None of what was collected can be told apart from the abandoned datagram's.
      this.#commands.push({ kind: "dropped", reason: "datagram-replaced" });
      this.#begin();
    }
    this.#last = last;
    this.#window = window;
    this.#acknowledge();
  }

  #handleAckRequest(): void {
    if (this.#state === "done" && this.#haveCount === 0 && this.#last !== undefined) {
      this.#giveOut(this.#last.window, true);
      return;
    }
    // RFC 8724 8.4.3.2: with nothing received the ACK is for window 0, and there is no state worth keeping.
    if (this.#state === "idle") {
      this.#reply(0);
      return;
    }
    this.#reopen();
    this.#window = Math.max(this.#window, this.#fragment.window);
    this.#acknowledge();
  }

  /** Gives the datagram out if it is whole; the number of tiles is nowhere said, only the check tells. */
  #complete(last: LastFragment): boolean {
    const bytes = this.#bytes as Uint8Array;
    const regularLength = this.#top * TILE_BYTES;
    const lastTile = last.tile.length > 0 ? this.#top : this.#top - 1;
    if (this.#haveCount !== this.#top || lastTile < 0 || lastTile >= MAX_TILES) return false;
    if (tileWindow(lastTile) !== last.window) return false;
    bytes.set(last.tile, regularLength);
    const length = regularLength + last.tile.length;
    if (crc32(bytes, 0, length) !== last.check) return false;
    this.#state = "done";
    this.#last = last;
    this.#length = length;
    this.#giveOut(last.window, false);
    return true;
  }

  #giveOut(window: number, repeated: boolean): void {
    this.#forgetTiles();
    this.#attempts = 0;
    const bytes = (this.#bytes as Uint8Array).subarray(0, this.#length);
    this.#commands.push({ kind: "datagram", bytes, window, repeated });
  }

  /** An ACK for the lowest window known to lack tiles, or else for the last one. */
  #acknowledge(): void {
    if (++this.#attempts > MAX_ACK_ATTEMPTS) {
      const frame = new Uint8Array(MAX_ACK_BYTES);
      this.#commands.push({ kind: "reply", frame: frame.subarray(0, writeReceiverAbort(frame)) });
      this.#drop("too-many-acknowledgements");
      return;
    }
    let window = 0;
    while (window < this.#window && this.#isFull(window)) window++;
    this.#reply(window);
  }

  #isFull(window: number): boolean {
    for (let i = 0; i < WINDOW_TILES; i++) if (this.#have[window * WINDOW_TILES + i] === 0) return false;
    return true;
  }

  #reply(window: number): void {
    const bitmap = this.#have.slice(window * WINDOW_TILES, (window + 1) * WINDOW_TILES);
    // RFC 8724 8.2.2.3: in the last window the last bit stands for the All-1 fragment.
    if (this.#last?.window === window) bitmap[WINDOW_TILES - 1] = 1;
    const frame = new Uint8Array(MAX_ACK_BYTES);
    const length = writeAck(window, false, bitmap, frame);
    this.#commands.push({ kind: "reply", frame: frame.subarray(0, length) });
  }

  /** Starts collecting with nothing. */
  #begin(): void {
    this.#bytes ??= new Uint8Array(MAX_TILES * TILE_BYTES);
    this.#state = "collecting";
    this.#attempts = 0;
    this.#forgetTiles();
    this.#last = undefined;
  }

  /** Leaves `done` for another datagram; tiles that came since and are the same in both stay. */
  #reopen(): void {
    if (this.#state !== "done") return;
    this.#state = "collecting";
    this.#attempts = 0;
    this.#last = undefined;
  }

  #forgetTiles(): void {
    this.#have.fill(0);
    this.#haveCount = 0;
    this.#top = 0;
    this.#window = 0;
  }

  #drop(reason: string): void {
    this.#commands.push({ kind: "dropped", reason });
    this.#free();
  }

  #free(): void {
    this.#state = "idle";
    this.#bytes = undefined;
    this.#last = undefined;
    this.#forgetTiles();
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
