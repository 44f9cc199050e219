/**
 * The device console's lines on a serial port that also carries a log. A frame is a JSON text between a record separator and a line feed
 * (RFC 7464 2.2), with the protocol's version before it and a check behind it, all in printable ASCII:
 *
 *     RS "gt1 " JSON " " CRC-32 of what stands between RS and this, as 8 hex digits, LF
 *
 * A log holds no RS, so a reader is in step again at the next one, whatever came before:
 *
 *     text --RS--> frame --LF--> checked --> text       too long: what follows is skipped up to LF or RS
 *      ^            ^-RS-'(cut)
 *      '-LF: a line of text
 */
import { crc32 } from "./crc32.ts";

export const CONSOLE_VERSION = 1;
/** The longest frame, RS and LF included. Room for a configuration and little more. */
export const CONSOLE_LINE_BYTES_MAX = 2048;

const RECORD_SEPARATOR = 0x1e;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
/** "gt1 ". */
const MARK = Object.freeze([0x67, 0x74, 0x31, SPACE]);
const CRC_DIGITS = 8;
const TAIL_BYTES = 1 + CRC_DIGITS;

/** What `push` has found. */
export const LINE = Object.freeze({
  /** Nothing yet. */
  none: 0,
  /** A good frame: its JSON is `bytes` from `from` to `to`. */
  frame: 1,
  /** A frame that is no good; `reason` says why. */
  refused: 2,
  /** A line of text, or what there was of one before a frame: `bytes` from `from` to `to`. */
  text: 3,
});

/** Takes bytes one at a time. What it found is good until the next byte. */
export class ConsoleLineReader {
  readonly bytes: Uint8Array;
  from = 0;
  to = 0;
  /** CRC-32 of the frame. */
  crc = 0;
  /** line-cut, line-too-long, line-damaged or other-version. */
  reason = "";
  #length = 0;
  #inFrame = false;
  #isTooLong = false;

  /** `capacity`: the longest line in bytes; longer text is cut. */
  constructor(capacity: number = CONSOLE_LINE_BYTES_MAX) {
    this.bytes = new Uint8Array(capacity);
  }

  push(byte: number): number {
    if (byte === RECORD_SEPARATOR) return this.beginFrame();
    if (byte === LINE_FEED) return this.endLine();
    if (this.#length < this.bytes.length) this.bytes[this.#length++] = byte;
    else this.#isTooLong = true;
    return LINE.none;
  }

  /** Overwrites the frame that was found last, which may have brought a key. To be called before the next byte. */
  wipe(): void {
    this.bytes.fill(0, this.from, this.to);
  }

  private beginFrame(): number {
    const wasFrame = this.#inFrame;
    const found = wasFrame ? this.refuse("line-cut") : this.endText();
    this.#inFrame = true;
    return found;
  }

  private endLine(): number {
    if (!this.#inFrame) return this.endText();
    this.#inFrame = false;
    const isTooLong = this.#isTooLong;
    const length = this.#length;
    this.clear();
    return isTooLong ? this.refuse("line-too-long") : this.check(this.withoutReturn(length));
  }

  private endText(): number {
    const length = this.withoutReturn(this.#length);
    this.clear();
    this.from = 0;
    this.to = length;
    return length === 0 ? LINE.none : LINE.text;
  }

  /** A terminal ends its lines with CR LF. */
  private withoutReturn(length: number): number {
    return length > 0 && this.bytes[length - 1] === CARRIAGE_RETURN ? length - 1 : length;
  }

  private check(length: number): number {
    const { bytes } = this;
    const to = length - TAIL_BYTES;
    if (to <= MARK.length || bytes[to] !== SPACE) return this.refuse("line-damaged");
    this.crc = crc32(bytes, 0, to);
    if (readDigits(bytes, to + 1) !== this.crc) return this.refuse("line-damaged");
    for (let i = 0; i < MARK.length; i++) if (bytes[i] !== MARK[i]) return this.refuse("other-version");
    this.from = MARK.length;
    this.to = to;
    return LINE.frame;
  }

  private refuse(reason: string): number {
    this.clear();
    this.reason = reason;
    return LINE.refused;
  }

  private clear(): void {
    this.#length = 0;
    this.#isTooLong = false;
  }
}

/** Where the JSON of a frame begins in the buffer that `closeFrame` is given. */
export const FRAME_JSON_AT = 1 + MARK.length;
/** What a frame takes beside its JSON. */
export const FRAME_OVERHEAD_BYTES = FRAME_JSON_AT + TAIL_BYTES + 1;

/** Puts the frame around the JSON that stands in `bytes` from FRAME_JSON_AT to `to`; returns the frame's length. */
export function closeFrame(bytes: Uint8Array, to: number): number {
  bytes[0] = RECORD_SEPARATOR;
  for (let i = 0; i < MARK.length; i++) bytes[1 + i] = MARK[i];
  const crc = crc32(bytes, 1, to);
  let at = to;
  bytes[at++] = SPACE;
  for (let shift = 28; shift >= 0; shift -= 4) {
    const digit = (crc >>> shift) & 15;
    bytes[at++] = digit < 10 ? 0x30 + digit : 0x57 + digit;
  }
  bytes[at++] = LINE_FEED;
  return at;
}

/** Eight lower-case hex digits, or -1. */
function readDigits(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = at; i < at + CRC_DIGITS; i++) {
    const code = bytes[i];
    const digit = code >= 0x30 && code <= 0x39 ? code - 0x30 : code >= 0x61 && code <= 0x66 ? code - 0x57 : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}
