/**
 * Compact tokens that were sent and that nothing answered. A question for one would cost a good part of the token, and the answer to a later
 * token tells the same for nothing: it says of the tokens before which the receiver has. Each of them is
 *
 *   --add--> aside --the receiver lacks it, it has waited long, or there is no place left: due--> resumed --add--> aside
 *              |                                                                                    |
 *              +--------------------acknowledged, or the receiver has it----------------------------+--> gone
 *
 * Resumed is not begun anew: the receiver keeps what came of it, and one frame asks what that is.
 *
 * What does not help is done more seldom. A receiver that says again and again that it lacks a token, whatever is sent, waits for something else
 * (a boot token, a key): from the third time on the token rests before it goes, longer each time. Where many tokens in a row are not answered the path is
 * dead: then want of places makes nothing due any more (its owner gives one back to the outbox, which knows how to wait), and haste little.
 */
import { MISSING_BYTES, newSlotAnswer, readSlotAnswer, type SlotAnswer } from "../../wire/slot-answer.ts";
import { slotOf } from "../../wire/slot-fragment.ts";
import type { StateReader, StateWriter } from "../../wire/state-record.ts";
import {
  DRAIN_RETRY_MAX_MS,
  RESUME_REST_MS,
  RESUMES_MAX,
  SET_ASIDE_MAX,
  SET_ASIDE_MS,
  UNANSWERED_MAX,
} from "../bounds.ts";

/** How many tokens before the one that it names a history tells of. */
const HISTORY_TOKENS = 8;

const FREE = 0;
const ASIDE = 1;
const MISSING = 2;
const RESUMED = 3;

/** Where what is kept of the tokens stands: a column for each. */
const STATE = 0;
const SEQ = SET_ASIDE_MAX;
const NOTE = 2 * SET_ASIDE_MAX;
const RESUMES = 3 * SET_ASIDE_MAX;
/** How often a history said that the receiver lacks it. */
const LACKS = 4 * SET_ASIDE_MAX;
const ADDED_MS = 5 * SET_ASIDE_MAX;
const COLUMNS = 6;

/** So often a receiver may say that it lacks a token before that is taken for something else than loss. */
const LACKS_AT_ONCE = 2;

export class SetAside {
  /** Of the token in place i: `[STATE + i]`, `[SEQ + i]` and so on; one array, for each takes RAM of its own. */
  #of = new Float64Array(COLUMNS * SET_ASIDE_MAX);
  /** Tokens set aside since anything was answered, and when the last one was. */
  #unanswered = 0;
  #lastAddMs = 0;
  /** What the receiver lacks of each, as far as it has told: MISSING_BYTES bytes of bits, all 0 while it has not. */
  #missing = new Uint8Array(SET_ASIDE_MAX * MISSING_BYTES);
  #answer: SlotAnswer;

  /** The answer is room for reading answers in, during a call only. */
  constructor(answer = newSlotAnswer()) {
    this.#answer = answer;
  }

  get size(): number {
    let size = 0;
    for (let i = 0; i < SET_ASIDE_MAX; i++) if (this.#of[STATE + i] !== FREE) size++;
    return size;
  }

  get isFull(): boolean {
    return this.size === SET_ASIDE_MAX;
  }

  has(seq: number): boolean {
    return this.find(seq) >= 0;
  }

  /** Sets a token aside, also one that was resumed. `note`: what the owner wants to know again of it, 0 to 255. There must be a place. */
  add(seq: number, note: number, nowMs: number): void {
    let i = this.find(seq);
    if (i < 0) {
      i = this.#of.indexOf(FREE, STATE);
      if (i < 0 || i >= SEQ) throw new RangeError("set aside: no place left");
      this.#of[RESUMES + i] = 0;
      this.#of[LACKS + i] = 0;
    }
    if (this.#unanswered < 255) this.#unanswered++;
    this.#lastAddMs = nowMs;
    this.#of[STATE + i] = ASIDE;
    this.#of[SEQ + i] = seq;
    this.#of[NOTE + i] = note;
    this.#of[ADDED_MS + i] = nowMs;
    this.missing(i).fill(0);
  }

  /** Something was answered: the path is alive. */
  answered(): void {
    this.#unanswered = 0;
  }

  /** The oldest one, to be given up where another needs its place; -1 where there is none. */
  get oldest(): number {
    let oldest = -1;
    for (let i = 0; i < SET_ASIDE_MAX; i++)
      if (this.#of[STATE + i] !== FREE && (oldest < 0 || this.#of[SEQ + i] < oldest)) oldest = this.#of[SEQ + i];
    return oldest;
  }

  /** The receiver has the token, or it is given up. */
  remove(seq: number): void {
    const i = this.find(seq);
    if (i >= 0) this.#of[STATE + i] = FREE;
  }

  /** An authentic acknowledgement of `seq` with bit i of `earlier` for token seq - 1 - i: what it has is removed, what it lacks is due. */
  history(seq: number, earlier: number): void {
    this.remove(seq);
    for (let i = 0; i < SET_ASIDE_MAX; i++) {
      const before = seq - 1 - this.#of[SEQ + i];
      if (this.#of[STATE + i] === FREE || before < 0 || before >= HISTORY_TOKENS) continue;
      if ((earlier & (1 << before)) !== 0) this.#of[STATE + i] = FREE;
      else if (this.#of[STATE + i] === ASIDE) {
        this.#of[STATE + i] = MISSING;
        if (this.#of[LACKS + i] < 255) this.#of[LACKS + i]++;
      }
    }
  }

  /**
   * Answers of FPort 20 from `offset` on (wire/slot-answer.ts), which came for another token: what they say is missing is due. Of two tokens of one
   * slot the later one is meant. `current`: the compact token in hand, which is none of these, or -1.
   */
  lacks(answers: Uint8Array, offset: number, length: number, current: number): void {
    const answer = this.#answer;
    for (
      let at = readSlotAnswer(answers, offset, length, answer);
      at >= 0;
      at = readSlotAnswer(answers, at, length, answer)
    ) {
      if (answer.kind !== "missing" || (current >= 0 && answer.slot === slotOf(current))) continue;
      let found = -1;
      for (let i = 0; i < SET_ASIDE_MAX; i++) {
        if (
          this.#of[STATE + i] === FREE ||
          this.#of[STATE + i] === RESUMED ||
          slotOf(this.#of[SEQ + i]) !== answer.slot
        )
          continue;
        if (found < 0 || this.#of[SEQ + i] > this.#of[SEQ + found]) found = i;
      }
      if (found < 0 || answer.missing.every((byte) => byte === 0)) continue;
      this.missing(found).set(answer.missing);
      this.#of[STATE + found] = MISSING;
      // It says what: sending that helps.
      this.#of[LACKS + found] = 0;
    }
  }

  /** What the receiver lacks of a token, or undefined while it has not told. Good until the next call. */
  missingOf(seq: number): Uint8Array | undefined {
    const i = this.find(seq);
    if (i < 0) return undefined;
    const missing = this.missing(i);
    return missing.some((byte) => byte !== 0) ? missing : undefined;
  }

  /** The oldest token to be resumed now, or -1. `hurry`: somebody waits until all are delivered. */
  due(nowMs: number, hurry = false): number {
    let found = -1;
    for (let i = 0; i < SET_ASIDE_MAX; i++) {
      if (nowMs >= this.dueMs(i, hurry) && (found < 0 || this.#of[SEQ + i] < this.#of[SEQ + found])) found = i;
    }
    return found < 0 ? -1 : this.#of[SEQ + found];
  }

  /** When the token in place `i` is due; Infinity for one that is resumed, and for none. */
  private dueMs(i: number, hurry: boolean): number {
    const state = this.#of[STATE + i];
    const addedMs = this.#of[ADDED_MS + i];
    if (state !== ASIDE && state !== MISSING) return Infinity;
    if (state === MISSING && this.#of[LACKS + i] <= LACKS_AT_ONCE) return 0;
    let dueMs = addedMs + (state === MISSING ? this.restMs(i) : SET_ASIDE_MS);
    const isDead = this.#unanswered >= UNANSWERED_MAX;
    if (hurry) dueMs = Math.min(dueMs, isDead || state === MISSING ? this.#lastAddMs + DRAIN_RETRY_MAX_MS : 0);
    else if (state === ASIDE && !isDead && this.isFull) dueMs = 0;
    return dueMs;
  }

  private restMs(i: number): number {
    let restMs = RESUME_REST_MS;
    for (let told = LACKS_AT_ONCE + 1; told < this.#of[LACKS + i] && restMs < SET_ASIDE_MS; told++) restMs *= 2;
    return Math.min(restMs, SET_ASIDE_MS);
  }

  /** The token is sent again now. Returns its note. */
  resume(seq: number): number {
    const i = this.find(seq);
    this.#of[STATE + i] = RESUMED;
    if (this.#of[RESUMES + i] < 255) this.#of[RESUMES + i]++;
    return this.#of[NOTE + i];
  }

  /** It was resumed often enough: better it starts anew. */
  isExhausted(seq: number): boolean {
    const i = this.find(seq);
    return i >= 0 && this.#of[RESUMES + i] >= RESUMES_MAX;
  }

  /** When `due` has something to say. */
  pollTimeout(hurry = false): number | undefined {
    let next = Infinity;
    for (let i = 0; i < SET_ASIDE_MAX; i++) next = Math.min(next, this.dueMs(i, hurry));
    return next === Infinity ? undefined : next;
  }

  private missing(i: number): Uint8Array {
    return this.#missing.subarray(i * MISSING_BYTES, (i + 1) * MISSING_BYTES);
  }

  private find(seq: number): number {
    for (let i = 0; i < SET_ASIDE_MAX; i++) if (this.#of[STATE + i] !== FREE && this.#of[SEQ + i] === seq) return i;
    return -1;
  }

  /** Its state is part of its owner's. */
  save(writer: StateWriter): void {
    writer.u8(this.#unanswered);
    writer.time(this.#lastAddMs);
    for (let i = 0; i < SET_ASIDE_MAX; i++) {
      writer.u8(this.#of[STATE + i]);
      writer.u32(this.#of[SEQ + i]);
      writer.u8(this.#of[NOTE + i]);
      writer.u8(this.#of[RESUMES + i]);
      writer.u8(this.#of[LACKS + i]);
      writer.time(this.#of[ADDED_MS + i]);
      writer.bytes(this.missing(i), MISSING_BYTES);
    }
  }

  restore(reader: StateReader): void {
    this.#unanswered = reader.u8();
    this.#lastAddMs = reader.time() ?? 0;
    for (let i = 0; i < SET_ASIDE_MAX; i++) {
      this.#of[STATE + i] = reader.u8();
      this.#of[SEQ + i] = reader.u32();
      this.#of[NOTE + i] = reader.u8();
      this.#of[RESUMES + i] = reader.u8();
      this.#of[LACKS + i] = reader.u8();
      this.#of[ADDED_MS + i] = reader.time() ?? 0;
      reader.bytes(this.missing(i), MISSING_BYTES);
    }
  }
}
