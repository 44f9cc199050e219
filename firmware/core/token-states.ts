/**
 * What the outbox knows of each token on flash, two bits a token, by seq modulo OUTBOX_TOKENS_MAX:
 *
 *   UNTRIED --came back--> TRIED --came back--> SHELVED
 *      |  ^------an outage is over-----+-----------+
 *      +----------------------+--------------------+------> DONE
 *
 * and, beside the bits, which tokens are in flight. What is done also stands on flash, as a bitmap from the first token that
 * is not: `writeDone` and `readDone`.
 *
 *   done record   flags (bit 0: done tokens are kept until room is needed; bit 1: `urgent` follows) | first that is not done (4 bytes, big-endian)
 *                 | urgent (4 bytes) | one bit a token from the first that is not done on, lowest bit first, as far as any is set
 */
import { slotOf } from "../wire/slot-fragment.ts";
import type { StateReader, StateWriter } from "../wire/state-record.ts";
import { FLIGHTS_MAX, OUTBOX_TOKENS_MAX } from "./bounds.ts";

export const UNTRIED = 0;
export const TRIED = 1;
export const SHELVED = 2;
export const DONE = 3;
export type TokenMark = typeof UNTRIED | typeof TRIED | typeof SHELVED | typeof DONE;

export const NO_TOKEN = -1;
const HEADER_BYTES = 5;
const URGENT_BYTES = 4;
const KEPT = 1;
const HAS_URGENT = 2;
/** The longest done record. */
export const DONE_RECORD_BYTES = HEADER_BYTES + URGENT_BYTES + OUTBOX_TOKENS_MAX / 8;

function putU32(into: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) into[at + i] = (value >>> (24 - 8 * i)) & 0xff;
}

function u32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

export class TokenStates {
  #marks = new Uint8Array(OUTBOX_TOKENS_MAX / 4);
  /** Tokens of each mark that are not in flight; those that are done do not count. */
  #counts = new Uint16Array(4);
  #flights = new Float64Array(FLIGHTS_MAX).fill(NO_TOKEN);
  /** The first token that is not done, and the number that the next one gets. */
  head = 0;
  next = 0;
  /** The token that others cannot be verified without, or NO_TOKEN: it may be done. */
  urgent = NO_TOKEN;

  /** Begins with the tokens from `first` up to, and without, `next`: untried. */
  start(first: number, next: number): void {
    this.head = first;
    this.next = first;
    while (this.next < next) this.append();
  }

  /** Another token, with the number `next`. */
  append(): void {
    this.write(this.next, UNTRIED);
    this.#counts[UNTRIED]++;
    this.next++;
  }

  mark(seq: number): TokenMark {
    const slot = seq % OUTBOX_TOKENS_MAX;
    return ((this.#marks[slot >>> 2] >>> (2 * (slot & 3))) & 3) as TokenMark;
  }

  private write(seq: number, mark: TokenMark): void {
    const slot = seq % OUTBOX_TOKENS_MAX;
    const shift = 2 * (slot & 3);
    this.#marks[slot >>> 2] = (this.#marks[slot >>> 2] & ~(3 << shift)) | (mark << shift);
  }

  /** Not done, and known. */
  isOpen(seq: number): boolean {
    return seq >= this.head && seq < this.next && this.mark(seq) !== DONE;
  }

  /** How many tokens with this mark wait. */
  count(mark: TokenMark): number {
    return this.#counts[mark];
  }

  /** An uplink takes the token. */
  fly(seq: number): void {
    this.#flights[this.#flights.indexOf(NO_TOKEN)] = seq;
    this.#counts[this.mark(seq)]--;
  }

  /** No more tokens may be in flight. */
  get skyIsFull(): boolean {
    return this.#flights.indexOf(NO_TOKEN) < 0;
  }

  isFlying(seq: number): boolean {
    return this.#flights.indexOf(seq) >= 0;
  }

  /** The token waits again, from now on with this mark. */
  land(seq: number, mark: TokenMark): void {
    this.#flights[this.#flights.indexOf(seq)] = NO_TOKEN;
    this.write(seq, mark);
    this.#counts[mark]++;
  }

  /** All that came back and waits is as if it had never gone. */
  forgetTries(): void {
    for (let seq = this.head; seq < this.next; seq++) {
      const mark = this.mark(seq);
      if ((mark !== TRIED && mark !== SHELVED) || this.isFlying(seq)) continue;
      this.#counts[mark]--;
      this.#counts[UNTRIED]++;
      this.write(seq, UNTRIED);
    }
  }

  /** An open token is done; `head` moves over all that are. */
  finish(seq: number): void {
    const flight = this.#flights.indexOf(seq);
    if (flight >= 0) this.#flights[flight] = NO_TOKEN;
    else this.#counts[this.mark(seq)]--;
    this.write(seq, DONE);
    while (this.head < this.next && this.mark(this.head) === DONE) this.head++;
  }

  /** The oldest before `end`, and from `from` on, that waits with this mark, or NO_TOKEN. */
  oldest(mark: TokenMark, end: number, from = 0): number {
    return this.find(mark, Math.max(from, this.head), end, 1);
  }

  /** The newest before `end` that waits with this mark, or NO_TOKEN. */
  newest(mark: TokenMark, end: number): number {
    return this.find(mark, end - 1, this.head - 1, -1);
  }

  /** The first from `from` towards `end`; rather one that shares its slot with none in flight, since LoRa's fragments of two such tokens would mix. */
  private find(mark: TokenMark, from: number, end: number, step: number): number {
    let found = NO_TOKEN;
    for (let seq = from; step * (end - seq) > 0; seq += step) {
      if (this.mark(seq) !== mark || this.isFlying(seq)) continue;
      if (!this.sharesSlot(seq)) return seq;
      if (found === NO_TOKEN) found = seq;
    }
    return found;
  }

  private sharesSlot(seq: number): boolean {
    for (let i = 0; i < FLIGHTS_MAX; i++) {
      if (this.#flights[i] !== NO_TOKEN && slotOf(this.#flights[i]) === slotOf(seq)) return true;
    }
    return false;
  }

  /** The newest that is known to be done, or NO_TOKEN. */
  get newestDone(): number {
    let seq = this.next - 1;
    while (seq >= this.head && this.mark(seq) !== DONE) seq--;
    return seq;
  }

  /** Writes the done record (DONE_RECORD_BYTES at most); returns its length. */
  writeDone(kept: boolean, into: Uint8Array): number {
    const hasUrgent = this.isOpen(this.urgent);
    into.fill(0);
    into[0] = (kept ? KEPT : 0) | (hasUrgent ? HAS_URGENT : 0);
    putU32(into, 1, this.head);
    if (hasUrgent) putU32(into, HEADER_BYTES, this.urgent);
    const bits = HEADER_BYTES + (hasUrgent ? URGENT_BYTES : 0);
    let length = bits;
    for (let seq = this.head; seq < this.next; seq++) {
      if (this.mark(seq) !== DONE) continue;
      const bit = seq - this.head;
      into[bits + (bit >>> 3)] |= 1 << (bit & 7);
      length = bits + (bit >>> 3) + 1;
    }
    return length;
  }

  /** Takes up a done record after `start`. False, and nothing is changed, when it is none of this log. */
  readDone(record: Uint8Array, length: number): boolean {
    if (length < HEADER_BYTES || length > DONE_RECORD_BYTES) return false;
    const head = u32(record, 1);
    if (head > this.next) return false;
    const hasUrgent = (record[0] & HAS_URGENT) !== 0 && length >= HEADER_BYTES + URGENT_BYTES;
    if (hasUrgent) this.urgent = u32(record, HEADER_BYTES);
    const bits = HEADER_BYTES + (hasUrgent ? URGENT_BYTES : 0);
    while (this.head < head) this.finish(this.head);
    for (let bit = 0; bit < 8 * (length - bits); bit++) {
      const isDone = (record[bits + (bit >>> 3)] & (1 << (bit & 7))) !== 0;
      if (isDone && this.isOpen(head + bit)) this.finish(head + bit);
    }
    return true;
  }

  save(writer: StateWriter): void {
    writer.u32(this.head);
    writer.u32(this.next);
    writer.time(this.urgent === NO_TOKEN ? undefined : this.urgent);
    for (let seq = this.head; seq < this.next; seq += 4) {
      let marks = 0;
      for (let i = 0; i < 4 && seq + i < this.next; i++) marks |= this.mark(seq + i) << (2 * i);
      writer.u8(marks);
    }
    for (let i = 0; i < FLIGHTS_MAX; i++) writer.time(this.#flights[i] === NO_TOKEN ? undefined : this.#flights[i]);
  }

  restore(reader: StateReader): void {
    this.head = reader.u32();
    this.next = reader.u32();
    this.urgent = reader.time() ?? NO_TOKEN;
    this.#counts.fill(0);
    for (let seq = this.head; seq < this.next; seq += 4) {
      const marks = reader.u8();
      for (let i = 0; i < 4 && seq + i < this.next; i++) {
        const mark = ((marks >>> (2 * i)) & 3) as TokenMark;
        this.write(seq + i, mark);
        this.#counts[mark]++;
      }
    }
    for (let i = 0; i < FLIGHTS_MAX; i++) {
      const seq = reader.time() ?? NO_TOKEN;
      this.#flights[i] = seq;
      if (seq !== NO_TOKEN) this.#counts[this.mark(seq)]--;
    }
  }
}

/** Whether a done record says that done tokens are kept until room is needed. */
export function doneRecordKeeps(record: Uint8Array, length: number): boolean {
  return length >= HEADER_BYTES && (record[0] & KEPT) !== 0;
}
