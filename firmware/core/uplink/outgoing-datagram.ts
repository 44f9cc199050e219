/**
 * The datagram that the fragment sender has in hand: which tiles are still to go, packed into whatever frame there is at that moment, so that the
 * data rate may change between two frames.
 *
 *   RuleID 32 (whole tokens)      Regular fragments, then the All-1 with the last tile                  wire/schc-fragment.ts
 *   RuleID 20 (compact tokens)    in one frame as it is on FPort 30, or Regular fragments and the
 *                                 All-1 with as many of the last tiles as fit                           wire/slot-fragment.ts
 *   FPort 31                      parity tiles of either                                                wire/parity-frame.ts
 *
 * What was put into a frame counts as sent when the frame has left.
 */
import { MAX_TOKEN_BYTES } from "../../wire/batch.ts";
import { crc32 } from "../../wire/crc32.ts";
import {
  COMPACT_RULE,
  PARITY_FPORT,
  type ParityRule,
  parityTilesAtMost,
  parityTilesPerFrame,
  writeParityFrame,
  writeShortParity,
} from "../../wire/parity-frame.ts";
import {
  all1Length,
  TOKEN_FPORT,
  tileCount,
  tilesPerFragment,
  tileWindow,
  WINDOW_TILES,
  writeAckReq,
  writeAll1,
  writeLastRegular,
  writeRegular,
  writeSenderAbort,
} from "../../wire/schc-fragment.ts";
import { isMissing } from "../../wire/slot-answer.ts";
import { ALL_1_BIT, slotOf, writeSlotAckReq, writeSlotAll1, writeSlotTiles } from "../../wire/slot-fragment.ts";
import type { StateReader, StateWriter } from "../../wire/state-record.ts";
import { ParityPlan } from "./parity-plan.ts";
import { evenTiles, firstTileOfAll1, fitsAll1, framesOf } from "./slot-packing.ts";
import { TileSet } from "./tile-set.ts";

/** FPort of a compact token in one frame. */
export const WHOLE_COMPACT_FPORT = 30;
/** The longest frame: LoRaWAN's longest payload. */
export const FRAME_BYTES_MAX = 242;

/** From so many frames on a datagram has many. */
const MANY_FRAMES = 8;

/** What the frame in the air carries. */
const NOTHING = 0;
const TILES = 1;
const WHOLE = 2;
const PARITY = 3;
const HEADER = 4;

export class OutgoingDatagram {
  rule: ParityRule = TOKEN_FPORT;
  seq = 0;
  /** FPort of the frame that was written last. */
  port: number = TOKEN_FPORT;
  readonly frame = new Uint8Array(FRAME_BYTES_MAX);
  /** The datagram; `begin` and `reload` take it from here as well. */
  readonly bytes = new Uint8Array(MAX_TOKEN_BYTES);
  #length = 0;
  /** Still to be sent: tiles, the All-1 fragment, parity tiles. */
  #tiles = new TileSet(tileCount(MAX_TOKEN_BYTES));
  #all1 = false;
  #parity = new ParityPlan();
  /** Copies of a token in one frame that go ahead of any request. */
  #copies = 0;
  /** It was sent before: its last frame asks what has come. */
  #resumed = false;
  /** The missing tiles were told and nothing has been sent since: parity tiles may be cheaper. */
  #repairing = false;
  /** RuleID 32: the last tile went as a Regular fragment. */
  #lastAlone = false;
  /** RuleID 20: the frames hold about as many tiles each. */
  #isEven = false;
  /** Bytes that the last frame could hold. */
  #room = 0;
  #flight = NOTHING;
  #flightFirst = 0;
  #flightEnd = 0;
  #flightAll1 = false;

  get isAllOut(): boolean {
    return !this.#all1 && this.#parity.isEmpty && this.#copies === 0 && this.#tiles.isEmpty;
  }

  /** Whether the frame that is in the air holds the whole datagram. */
  get isWholeInFlight(): boolean {
    return this.#flight === WHOLE;
  }

  /** CRC-32 of the datagram. */
  get check(): number {
    return crc32(this.bytes, 0, this.#length);
  }

  /** `resumed`: it was sent before. `isEven`: parity tiles will follow ahead of any request. */
  begin(bytes: Uint8Array, length: number, rule: ParityRule, seq: number, resumed: boolean, isEven: boolean): void {
    this.#isEven = isEven;
    this.rule = rule;
    this.seq = seq;
    this.reload(bytes, length);
    this.#tiles.setRange(0, tileCount(length));
    this.#all1 = true;
    this.#parity.begin();
    this.#copies = 0;
    this.#resumed = resumed;
    this.#repairing = false;
    this.#lastAlone = false;
    this.#flight = NOTHING;
  }

  reload(bytes: Uint8Array, length: number): void {
    if (bytes !== this.bytes) for (let i = 0; i < length; i++) this.bytes[i] = bytes[i];
    this.#length = length;
  }

  /** Writes the next frame of at most `room` bytes; returns its length, or 0 when nothing fits. */
  next(room: number): number {
    this.#room = room;
    this.port = this.rule;
    // Such frames cannot name that parity tile: let the receiver say anew what it lacks.
    if (this.#parity.cutTo(parityTilesAtMost(this.rule, room))) this.#all1 = true;
    if (this.#parity.header) return this.nextHeader();
    if (this.#parity.left > 0) return parityTilesPerFrame(room) === 0 ? this.shortParity() : this.parity(room);
    return this.rule === COMPACT_RULE ? this.nextOfSlot(room) : this.nextOfWindow(room);
  }

  /** Writes a question for what has come; returns its length. */
  question(): number {
    this.port = this.rule;
    this.#flight = NOTHING;
    if (this.rule === COMPACT_RULE) return writeSlotAckReq(slotOf(this.seq), this.frame);
    return writeAckReq(tileWindow(this.last), this.frame);
  }

  /** Writes what gives the datagram up (RuleID 32); returns its length. */
  senderAbort(): number {
    this.port = this.rule;
    this.#flight = NOTHING;
    return writeSenderAbort(this.frame);
  }

  /** The frame that `next` wrote has left. */
  sent(): void {
    const flight = this.#flight;
    this.#flight = NOTHING;
    if (flight === TILES) {
      this.#tiles.removeRange(this.#flightFirst, this.#flightEnd);
      if (this.#flightAll1) this.#all1 = false;
    } else if (flight === WHOLE) {
      this.#tiles.clear();
      this.#all1 = false;
      if (this.#copies > 0) this.#copies--;
    } else if (flight === PARITY) {
      this.#parity.sent(this.#flightEnd, this.#flightAll1);
    } else if (flight === HEADER) this.#parity.header = false;
  }

  /** The frame was not sent. */
  refused(): void {
    this.#flight = NOTHING;
  }

  /** Parity ahead of any request: tiles in per cent of the datagram's, in full frames, or copies where it goes in one frame. */
  addAhead(percent: number, whole: boolean): void {
    if (whole) {
      this.#parity.ahead(0);
      this.#copies = Math.ceil(percent / 100);
      return;
    }
    const perFrame = Math.max(parityTilesPerFrame(this.#room), 1);
    const frames = Math.ceil((tileCount(this.#length) * percent) / 100 / perFrame);
    this.#parity.ahead(Math.min(frames * perFrame, parityTilesAtMost(this.rule, this.#room)));
  }

  /** One frame is a small part of the datagram, at the last frame's room. */
  get isManyFrames(): boolean {
    return tileCount(this.#length) >= MANY_FRAMES * tilesPerFragment(this.#room);
  }

  /** A parity tile that nobody asked for. Returns false when there is none left. */
  addOne(): boolean {
    return this.#parity.addOne(parityTilesAtMost(this.rule, this.#room));
  }

  /** Whether `window` is the datagram's last one, so that a bitmap without gaps says that all has come (RuleID 32). */
  isLastWindow(window: number): boolean {
    return window === tileWindow(this.last);
  }

  /** Parity tiles that the receiver asked for, in the place of all that was still to go. */
  request(firstParity: number, tiles: number): void {
    this.#tiles.clear();
    this.#all1 = false;
    this.#repairing = false;
    this.#resumed = false;
    this.landParity();
    this.#parity.request(firstParity, tiles);
  }

  /** RuleID 20: what is missing (wire/slot-answer.ts) is to be sent now. Returns whether anything is. */
  lacks(missing: Uint8Array): boolean {
    const tiles = tileCount(this.#length);
    this.#resumed = false;
    this.#tiles.clear();
    this.landParity();
    this.#parity.left = 0;
    this.#all1 = isMissing(missing, ALL_1_BIT);
    for (let tile = 0; tile < tiles; tile++) if (isMissing(missing, tile)) this.#tiles.add(tile);
    this.#repairing = true;
    return !this.isAllOut;
  }

  /** Parity tiles in the air have left, and are no part of what is planned from now on. */
  private landParity(): void {
    if (this.#flight !== PARITY) return;
    this.#parity.next += this.#flightEnd;
    this.#flight = NOTHING;
  }

  /** RuleID 32: a bitmap came. Returns how much of its window is missing; it is to be sent now. -1: there is no such window. */
  missing(window: number, bitmap: Uint8Array): number {
    const last = this.last;
    const lastWindow = tileWindow(last);
    if (window > lastWindow) return -1;
    let missing = 0;
    const end = this.#lastAlone ? last + 1 : last;
    for (let tile = window * WINDOW_TILES; tile < (window + 1) * WINDOW_TILES && tile < end; tile++) {
      if (bitmap[tile % WINDOW_TILES] === 1) continue;
      this.#tiles.add(tile);
      missing++;
    }
    if (window === lastWindow && bitmap[ALL_1_BIT] === 0) {
      this.#all1 = true;
      if (!this.#lastAlone) this.#tiles.add(last);
      missing++;
    }
    return missing;
  }

  private nextOfSlot(room: number): number {
    const tiles = tileCount(this.#length);
    if (this.#resumed) this.resume(room, tiles);
    if (this.#repairing) this.chooseParity(room, tiles);
    if (this.#parity.left > 0) return this.parity(room);
    const isUnsent = this.#all1 && this.#tiles.nextOutside(0, tiles) === tiles;
    if ((isUnsent || this.#copies > 0) && this.#length <= room) return this.whole();
    if (this.#copies > 0) {
      // The frames have become shorter: the copies go in fragments.
      this.#copies = 0;
      this.#tiles.setRange(0, tiles);
      this.#all1 = true;
    }
    const first = this.#tiles.next(0, tiles);
    const end = this.#tiles.nextOutside(first, tiles);
    if (this.#all1 && end === tiles && fitsAll1(this.#length, first, room)) {
      this.fly(first, tiles, true);
      return writeSlotAll1(this.bytes, this.#length, slotOf(this.seq), first, this.frame);
    }
    if (first === tiles) return 0;
    const upTo = Math.min(end, first + (this.#isEven ? evenTiles(this.#length, room) : tilesPerFragment(room)));
    if (upTo === first) return 0;
    this.fly(first, upTo, false);
    return writeSlotTiles(this.bytes, this.#length, slotOf(this.seq), first, upTo, this.frame);
  }

  /** All of it once more where it is one frame, else the All-1 with the tiles that it has when everything goes in frames of this room. */
  private resume(room: number, tiles: number): void {
    this.#resumed = false;
    if (this.#length > room) this.#tiles.setRange(firstTileOfAll1(this.#length, room), tiles);
  }

  /** Missing tiles that lie apart take a frame each; as parity tiles they go together, with all that the All-1 says. */
  private chooseParity(room: number, tiles: number): void {
    this.#repairing = false;
    const perFrame = parityTilesPerFrame(room);
    const count = this.#tiles.count(tiles);
    if (perFrame === 0 || count === 0) return;
    if (Math.ceil(count / perFrame) >= framesOf(this.#tiles, this.#length, this.#all1, room)) return;
    if (this.#parity.next + count <= parityTilesAtMost(this.rule, room)) this.request(this.#parity.next, count);
  }

  private nextOfWindow(room: number): number {
    const last = this.last;
    const first = this.#tiles.next(0, last);
    if (first < last) {
      // RFC 8724 8.4.3.1: consecutive tiles; they stay within one window.
      const windowEnd = (tileWindow(first) + 1) * WINDOW_TILES;
      const end = this.#tiles.nextOutside(first, Math.min(last, windowEnd, first + tilesPerFragment(room)));
      if (end === first) return 0;
      this.fly(first, end, false);
      return writeRegular(this.bytes, first, end - first, this.frame);
    }
    const hasTile = this.#tiles.has(last);
    if (hasTile && this.#all1 && !this.#lastAlone && all1Length(this.#length) <= room) {
      this.fly(last, last + 1, true);
      return writeAll1(this.bytes, this.#length, this.frame);
    }
    if (hasTile) {
      if (tilesPerFragment(room) === 0) return 0;
      this.#lastAlone = true;
      this.fly(last, last + 1, false);
      return writeLastRegular(this.bytes, this.#length, this.frame);
    }
    this.fly(last, last, true);
    return writeAll1(this.bytes, this.#length, this.frame, false);
  }

  private whole(): number {
    this.#flight = WHOLE;
    this.port = WHOLE_COMPACT_FPORT;
    for (let i = 0; i < this.#length; i++) this.frame[i] = this.bytes[i];
    return this.#length;
  }

  private parity(room: number): number {
    const tiles = Math.min(
      this.#parity.left,
      parityTilesPerFrame(room),
      parityTilesAtMost(this.rule, room) - this.#parity.next,
    );
    this.#flight = PARITY;
    this.#flightEnd = tiles;
    this.#flightAll1 = false;
    this.port = PARITY_FPORT;
    return writeParityFrame(this.bytes, this.#length, this.rule, this.seq, this.#parity.next, tiles, this.frame);
  }

  /** In the midst of such tiles and behind them a header goes: nothing in them says what they are of, and the All-1 may have been lost. */
  private shortParity(): number {
    this.#flight = PARITY;
    this.#flightEnd = 1;
    this.#flightAll1 = true;
    this.port = PARITY_FPORT;
    return writeShortParity(this.bytes, this.#length, this.rule, this.seq, this.#parity.next, this.frame);
  }

  private nextHeader(): number {
    this.#flight = HEADER;
    this.port = PARITY_FPORT;
    return writeParityFrame(this.bytes, this.#length, this.rule, this.seq, 0, 0, this.frame);
  }

  private fly(first: number, end: number, all1: boolean): void {
    this.#flight = TILES;
    this.#flightFirst = first;
    this.#flightEnd = end;
    this.#flightAll1 = all1;
  }

  private get last(): number {
    return tileCount(this.#length) - 1;
  }

  save(writer: StateWriter): void {
    writer.u8(this.rule);
    writer.u32(this.seq);
    writer.u16(this.#length);
    writer.bytes(this.#tiles.bits, this.#tiles.bits.length);
    writer.bool(this.#all1);
    this.#parity.save(writer);
    writer.u8(this.#copies);
    writer.bool(this.#resumed);
    writer.bool(this.#repairing);
    writer.bool(this.#lastAlone);
    writer.bool(this.#isEven);
    writer.u8(this.#room);
    writer.u8(this.#flight);
    writer.u8(this.#flightFirst);
    writer.u8(this.#flightEnd);
    writer.bool(this.#flightAll1);
  }

  restore(reader: StateReader): void {
    this.rule = reader.u8() === COMPACT_RULE ? COMPACT_RULE : TOKEN_FPORT;
    this.seq = reader.u32();
    this.#length = reader.u16();
    reader.bytes(this.#tiles.bits, this.#tiles.bits.length);
    this.#all1 = reader.bool();
    this.#parity.restore(reader);
    this.#copies = reader.u8();
    this.#resumed = reader.bool();
    this.#repairing = reader.bool();
    this.#lastAlone = reader.bool();
    this.#isEven = reader.bool();
    this.#room = reader.u8();
    this.#flight = reader.u8();
    this.#flightFirst = reader.u8();
    this.#flightEnd = reader.u8();
    this.#flightAll1 = reader.bool();
  }
}
