/**
 * The sending half of SCHC fragmentation, uplink ACK-on-Error (RFC 8724 8.4.3.1, RFC 9011 5.6.2), for one token at a time.
 *
 *   idle --datagram--> sending --every tile and the All-1 are out--> waiting --timer--> asking --ACK REQ is out--> waiting
 *                         ^                                            |                  |
 *                         +-------ACK: these tiles are missing---------+                  | requests used up, check failed,
 *                                                                                         v or frames too small
 *   idle <--confirmed (the receiver's final acknowledgement)-- any               aborting --Sender-Abort is out: `failed`--> idle
 *
 * A complete ACK only says that the receiver could put the datagram together; the sender goes on asking until the token is confirmed.
 * Tiles are packed into whatever frame there is at that moment, so the data rate may change between two fragments. One bit a tile says
 * whether it is still to be sent; it is cleared when its frame has really left.
 */
import { MAX_TOKEN_BYTES } from "../../wire/batch.ts";
import {
  newAck,
  parseAck,
  TILE_BYTES,
  tileCount,
  tilesPerFragment,
  tileWindow,
  WINDOW_TILES,
  writeAckReq,
  writeAll1,
  writeRegular,
  writeSenderAbort,
} from "../../wire/schc-fragment.ts";
import { StateReader, StateWriter } from "../../wire/state-record.ts";
import { ACK_REQUEST_FIRST_MS, ACK_REQUEST_MAX_MS, ACK_REQUESTS_MAX, REPAIRS_MAX } from "../bounds.ts";
import { STATE_TAG } from "../state-tag.ts";

const VERSION = 1;
const IDLE = 0;
const SENDING = 1;
const WAITING = 2;
const ASKING = 3;
const ABORTING = 4;

/** What the frame in the air carries. */
const NOTHING = 0;
const TILES = 1;
const QUESTION = 2;
const ABORT = 3;

/** What the All-1 fragment adds to its tile. */
const ALL_1_HEADER_BYTES = 5;
/** The longest fragment: LoRaWAN's longest payload. */
const FRAME_BYTES_MAX = 242;

export class FragmentSender {
  #phase = IDLE;
  #datagram = new Uint8Array(MAX_TOKEN_BYTES);
  #length = 0;
  /** One bit a tile: still to be sent. */
  #pending = new Uint8Array(Math.ceil(tileCount(MAX_TOKEN_BYTES) / 8));
  #flight = NOTHING;
  #flightFirst = 0;
  #flightTiles = 0;
  /** Requests in a row that nothing answered, and bitmaps that asked for tiles. */
  #requests = 0;
  #repairs = 0;
  #askDelayMs = ACK_REQUEST_FIRST_MS;
  #askAtMs = 0;
  #failed = false;
  #ack = newAck();
  /** The frame that `nextFrame` wrote. */
  readonly frame = new Uint8Array(FRAME_BYTES_MAX);

  get idle(): boolean {
    return this.#phase === IDLE;
  }

  /** It has a frame to send. */
  get wantsToSend(): boolean {
    return this.#phase === SENDING || this.#phase === ASKING || this.#phase === ABORTING;
  }

  /** Begins a datagram. */
  start(datagram: Uint8Array, length: number): void {
    this.reload(datagram, length);
    const tiles = tileCount(length);
    this.#pending.fill(0);
    for (let tile = 0; tile < tiles; tile++) this.#setPending(tile, true);
    this.#phase = SENDING;
    this.#flight = NOTHING;
    this.#requests = 0;
    this.#repairs = 0;
    this.#askDelayMs = ACK_REQUEST_FIRST_MS;
    this.#failed = false;
  }

  /** Puts the bytes of the datagram back after `restore`, which does not hold them. */
  reload(datagram: Uint8Array, length: number): void {
    for (let i = 0; i < length; i++) this.#datagram[i] = datagram[i];
    this.#length = length;
  }

  /** Writes the next fragment of at most `maxPayload` bytes into `frame`; returns its length, or 0 when none fits. */
  nextFrame(maxPayload: number): number {
    const room = Math.min(maxPayload, FRAME_BYTES_MAX);
    if (room < 1) return 0;
    if (this.#phase === ABORTING) {
      this.#flight = ABORT;
      return writeSenderAbort(this.frame);
    }
    if (this.#phase === ASKING) {
      this.#flight = QUESTION;
      return writeAckReq(tileWindow(this.#lastTile), this.frame);
    }
    return this.#phase === SENDING ? this.#nextTiles(room) : 0;
  }

  #nextTiles(room: number): number {
    const last = this.#lastTile;
    let first = 0;
    while (first < last && !this.#isPending(first)) first++;
    if (first === last) {
      if (room < ALL_1_HEADER_BYTES + this.#length - last * TILE_BYTES) return 0;
      this.#flight = TILES;
      this.#flightFirst = last;
      this.#flightTiles = 1;
      return writeAll1(this.#datagram, this.#length, this.frame);
    }
    // RFC 8724 8.4.3.1: consecutive tiles; they stay within one window.
    const windowEnd = (tileWindow(first) + 1) * WINDOW_TILES;
    const end = Math.min(last, windowEnd, first + tilesPerFragment(room));
    let tiles = 0;
    while (first + tiles < end && this.#isPending(first + tiles)) tiles++;
    if (tiles === 0) return 0;
    this.#flight = TILES;
    this.#flightFirst = first;
    this.#flightTiles = tiles;
    return writeRegular(this.#datagram, first, tiles, this.frame);
  }

  /** The frame has left, and its receive windows are over. `more`: the network holds downlinks that another uplink would fetch. */
  sent(nowMs: number, more: boolean): void {
    const flight = this.#flight;
    this.#flight = NOTHING;
    if (flight === TILES) {
      for (let i = 0; i < this.#flightTiles; i++) this.#setPending(this.#flightFirst + i, false);
      if (this.#phase !== SENDING || this.#anyPending()) return;
      // Tiles that were sent again stand behind the All-1 fragment: the receiver answers a question only.
      if (this.#flightFirst === this.#lastTile) this.#wait(nowMs, more);
      else this.#ask();
    } else if (flight === QUESTION && this.#phase === ASKING) {
      this.#wait(nowMs, more);
    } else if (flight === ABORT && this.#phase === ABORTING) {
      this.#phase = IDLE;
      this.#failed = true;
    }
  }

  /** The frame was not sent. */
  refused(): void {
    this.#flight = NOTHING;
  }

  /** A downlink on the fragment port: an acknowledgement with a bitmap, or an abort. Returns why it was ignored, or undefined. */
  received(frame: Uint8Array, length: number): string | undefined {
    if (this.#phase === IDLE || this.#phase === ABORTING) return "no-datagram";
    const ack = this.#ack;
    if (!parseAck(frame, length, ack)) return ack.reason;
    if (ack.kind === "receiver-abort") {
      this.#phase = IDLE;
      this.#failed = true;
      return undefined;
    }
    if (ack.complete) return undefined;
    return this.#resend(ack.window, ack.bitmap);
  }

  #resend(window: number, bitmap: Uint8Array): string | undefined {
    const last = this.#lastTile;
    const lastWindow = tileWindow(last);
    if (window > lastWindow) return "window-beyond-datagram";
    let missing = 0;
    for (let tile = window * WINDOW_TILES; tile < (window + 1) * WINDOW_TILES && tile < last; tile++) {
      if (bitmap[tile % WINDOW_TILES] === 1) continue;
      this.#setPending(tile, true);
      missing++;
    }
    if (window === lastWindow && bitmap[WINDOW_TILES - 1] === 0) {
      this.#setPending(last, true);
      missing++;
    }
    if (missing > 0) {
      this.#repairs++;
      this.#phase = this.#repairs > REPAIRS_MAX ? ABORTING : SENDING;
      this.#requests = 0;
      this.#askDelayMs = ACK_REQUEST_FIRST_MS;
    } else if (window === lastWindow && this.#phase !== SENDING) {
      // Every tile is there and the check was wrong (RFC 8724 8.4.3.1): nothing that is sent again would help.
      this.#phase = ABORTING;
    }
    return undefined;
  }

  /** The receiver has the token. */
  confirmed(): void {
    this.#phase = IDLE;
    this.#failed = false;
  }

  /** Gives the datagram up: a Sender-Abort goes, then it has failed. */
  abort(): void {
    if (this.#phase !== IDLE) this.#phase = ABORTING;
  }

  /** True once after the datagram has failed. */
  takeFailed(): boolean {
    const failed = this.#failed;
    this.#failed = false;
    return failed;
  }

  handleTimeout(nowMs: number): void {
    if (this.#phase === WAITING && nowMs >= this.#askAtMs) this.#ask();
  }

  pollTimeout(): number | undefined {
    return this.#phase === WAITING ? this.#askAtMs : undefined;
  }

  #wait(nowMs: number, more: boolean): void {
    this.#phase = WAITING;
    this.#askAtMs = more ? nowMs : nowMs + this.#askDelayMs;
    this.#askDelayMs = Math.min(2 * this.#askDelayMs, ACK_REQUEST_MAX_MS);
  }

  #ask(): void {
    this.#phase = this.#requests < ACK_REQUESTS_MAX ? ASKING : ABORTING;
    this.#requests++;
  }

  get #lastTile(): number {
    return tileCount(this.#length) - 1;
  }

  #isPending(tile: number): boolean {
    return (this.#pending[tile >>> 3] & (1 << (tile & 7))) !== 0;
  }

  #setPending(tile: number, pending: boolean): void {
    const bit = 1 << (tile & 7);
    if (pending) this.#pending[tile >>> 3] |= bit;
    else this.#pending[tile >>> 3] &= ~bit;
  }

  #anyPending(): boolean {
    for (let i = 0; i < this.#pending.length; i++) if (this.#pending[i] !== 0) return true;
    return false;
  }

  save(into: Uint8Array, offset: number): number {
    const writer = new StateWriter(into, offset, STATE_TAG.fragmentSender, VERSION);
    writer.u8(this.#phase);
    writer.u16(this.#length);
    writer.bytes(this.#pending, this.#pending.length);
    writer.u8(this.#flight);
    writer.u8(this.#flightFirst);
    writer.u8(this.#flightTiles);
    writer.u8(this.#requests);
    writer.u8(this.#repairs);
    writer.u32(this.#askDelayMs);
    writer.time(this.#askAtMs);
    writer.bool(this.#failed);
    return writer.finish();
  }

  restore(bytes: Uint8Array, offset: number): number {
    const reader = new StateReader(bytes, offset, STATE_TAG.fragmentSender, VERSION);
    if (!reader.valid) return -1;
    this.#phase = reader.u8();
    this.#length = reader.u16();
    reader.bytes(this.#pending, this.#pending.length);
    this.#flight = reader.u8();
    this.#flightFirst = reader.u8();
    this.#flightTiles = reader.u8();
    this.#requests = reader.u8();
    this.#repairs = reader.u8();
    this.#askDelayMs = reader.u32();
    this.#askAtMs = reader.time() ?? 0;
    this.#failed = reader.bool();
    return reader.end;
  }
}
