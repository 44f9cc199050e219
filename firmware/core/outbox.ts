/**
 * Tokens on flash until the receiver has acknowledged them. Those at the head of the log, a window of them, are in view; each is
 *
 *   waiting --chosen: `deliver`--> in flight --notDelivered--> waiting, longer each time
 *      |                              |
 *      +---------acknowledged---------+--> done; when the head is done the log is trimmed up to the first that is not
 *
 * The oldest that is due goes first, one in flight for each uplink. A token is given up in three cases only, each counted and visible as a
 * gap in seq: the log is full (the oldest goes), it holds back a full window while later tokens come through (see bounds.ts), or flash
 * has lost it.
 */
import { StateReader, StateWriter } from "../wire/state-record.ts";
import {
  DRAIN_RETRY_MAX_MS,
  OUTBOX_WINDOW,
  PATH_RETRY_FIRST_MS,
  PATH_RETRY_MAX_MS,
  REFUSED_TRIES_MAX,
  RESEND_FIRST_MS,
  RESEND_MAX_MS,
} from "./bounds.ts";
import type { Machine } from "./machine.ts";
import { STATE_TAG } from "./state-tag.ts";

export type OutboxEvent =
  /** What the log holds, told once at the start after power-on; the backlog may go after `delayMs`. */
  | { kind: "start"; oldest: number; next: number; delayMs: number }
  /** A token was stored; its first transmission waits `delayMs`. */
  | { kind: "appended"; seq: number; delayMs: number }
  /** The uplink that would take a token now, by its number; -1 for none. */
  | { kind: "uplink"; free: number }
  /** The receiver's own, authenticated acknowledgement. */
  | { kind: "acknowledged"; seq: number }
  /** The uplink has done what it could; the token is free again. */
  | { kind: "notDelivered"; seq: number }
  /** The log could not give the token back: its flash is damaged. */
  | { kind: "lost"; seq: number }
  /** The log has no room for another token. */
  | { kind: "full" }
  /** Somebody waits for the outbox to empty. */
  | { kind: "drain" };

export type OutboxCommand =
  | { kind: "deliver"; seq: number; uplink: number }
  | { kind: "delivered"; seq: number }
  | { kind: "dropped"; seq: number }
  | { kind: "trim"; before: number };

const VERSION = 1;
const WAITING = 0;
const IN_FLIGHT = 1;
const DONE = 2;
const NONE = -1;

/** `first` doubled for each try after the first, up to `max`. */
function backOffMs(first: number, max: number, tries: number): number {
  let delay = first;
  for (let i = 1; i < tries && delay < max; i++) delay *= 2;
  return Math.min(delay, max);
}

export class Outbox implements Machine<OutboxEvent, OutboxCommand> {
  #oldest = 0;
  #next = 0;
  #trimmed = 0;
  /** By seq modulo the window. */
  #status = new Uint8Array(OUTBOX_WINDOW);
  #tries = new Uint8Array(OUTBOX_WINDOW);
  #dueMs = new Float64Array(OUTBOX_WINDOW);
  #freeUplink = NONE;
  #failures = 0;
  #resumeAtMs = 0;
  #draining = false;
  #chosen = NONE;
  #deliveredSeq = NONE;
  #droppedSeq = NONE;
  #deliver = { kind: "deliver" as const, seq: 0, uplink: 0 };
  #delivered = { kind: "delivered" as const, seq: 0 };
  #dropped = { kind: "dropped" as const, seq: 0 };
  #trim = { kind: "trim" as const, before: 0 };
  /** Tokens given up since power-on. */
  droppedCount = 0;

  /** No token is without acknowledgement. */
  get empty(): boolean {
    return this.#oldest === this.#next;
  }

  /** A token would go now if an uplink were there. */
  isDue(nowMs: number): boolean {
    return nowMs >= this.#resumeAtMs && this.#firstDueMs() <= nowMs;
  }

  handle(event: OutboxEvent, nowMs: number): void {
    switch (event.kind) {
      case "start":
        this.#oldest = event.oldest;
        this.#trimmed = event.oldest;
        this.#next = event.next;
        for (let seq = this.#oldest; seq < this.#windowEnd(); seq++) this.#enter(seq, nowMs + event.delayMs);
        break;
      case "appended":
        this.#next = event.seq + 1;
        if (this.#inView(event.seq)) this.#enter(event.seq, this.#draining ? nowMs : nowMs + event.delayMs);
        break;
      case "uplink":
        this.#freeUplink = event.free;
        break;
      case "acknowledged":
        if (!this.#inView(event.seq) || this.#status[event.seq % OUTBOX_WINDOW] === DONE) return;
        this.#status[event.seq % OUTBOX_WINDOW] = DONE;
        this.#deliveredSeq = event.seq;
        this.#failures = 0;
        this.#resumeAtMs = nowMs;
        this.#advance(nowMs);
        break;
      case "notDelivered":
        this.#failed(event.seq, nowMs);
        break;
      case "lost":
        this.#lost(event.seq, nowMs);
        break;
      case "full":
        if (!this.empty) this.#drop(nowMs);
        break;
      case "drain":
        if (this.#draining) return;
        this.#draining = true;
        this.#hurry(nowMs);
        break;
    }
    this.#choose(nowMs);
  }

  handleTimeout(nowMs: number): void {
    this.#choose(nowMs);
  }

  /** When the next token is due, if an uplink would take it. */
  pollTimeout(): number | undefined {
    if (this.#freeUplink === NONE || this.#chosen !== NONE) return undefined;
    const first = this.#firstDueMs();
    return first === Infinity ? undefined : Math.max(first, this.#resumeAtMs);
  }

  #firstDueMs(): number {
    let first = Infinity;
    for (let seq = this.#oldest; seq < this.#windowEnd(); seq++) {
      const slot = seq % OUTBOX_WINDOW;
      if (this.#status[slot] === WAITING) first = Math.min(first, this.#dueMs[slot]);
    }
    return first;
  }

  pollCommand(): OutboxCommand | undefined {
    if (this.#deliveredSeq !== NONE) {
      this.#delivered.seq = this.#deliveredSeq;
      this.#deliveredSeq = NONE;
      return this.#delivered;
    }
    if (this.#droppedSeq !== NONE) {
      this.#dropped.seq = this.#droppedSeq;
      this.#droppedSeq = NONE;
      return this.#dropped;
    }
    if (this.#trimmed < this.#oldest) {
      this.#trimmed = this.#oldest;
      this.#trim.before = this.#oldest;
      return this.#trim;
    }
    if (this.#chosen === NONE) return undefined;
    this.#deliver.seq = this.#chosen;
    this.#deliver.uplink = this.#freeUplink;
    this.#status[this.#chosen % OUTBOX_WINDOW] = IN_FLIGHT;
    this.#chosen = NONE;
    this.#freeUplink = NONE;
    return this.#deliver;
  }

  #windowEnd(): number {
    return Math.min(this.#next, this.#oldest + OUTBOX_WINDOW);
  }

  #inView(seq: number): boolean {
    return seq >= this.#oldest && seq < this.#windowEnd();
  }

  #enter(seq: number, dueMs: number): void {
    const slot = seq % OUTBOX_WINDOW;
    this.#status[slot] = WAITING;
    this.#tries[slot] = 0;
    this.#dueMs[slot] = dueMs;
  }

  /** Moves the head over what is done; tokens that come into view are due at once. */
  #advance(nowMs: number): void {
    while (this.#oldest < this.#next && this.#status[this.#oldest % OUTBOX_WINDOW] === DONE) this.#step(nowMs);
  }

  #step(nowMs: number): void {
    const end = this.#windowEnd();
    this.#oldest++;
    if (this.#windowEnd() > end) this.#enter(end, nowMs);
  }

  #drop(nowMs: number): void {
    this.#droppedSeq = this.#oldest;
    this.droppedCount++;
    this.#step(nowMs);
    this.#advance(nowMs);
  }

  #lost(seq: number, nowMs: number): void {
    if (!this.#inView(seq)) return;
    this.#status[seq % OUTBOX_WINDOW] = DONE;
    this.#droppedSeq = seq;
    this.droppedCount++;
    this.#advance(nowMs);
  }

  #failed(seq: number, nowMs: number): void {
    const slot = seq % OUTBOX_WINDOW;
    if (!this.#inView(seq) || this.#status[slot] !== IN_FLIGHT) return;
    const tries = Math.min(this.#tries[slot] + 1, 255);
    this.#failures = Math.min(this.#failures + 1, 255);
    this.#status[slot] = WAITING;
    this.#tries[slot] = tries;
    this.#dueMs[slot] = nowMs + backOffMs(RESEND_FIRST_MS, this.#retryMaxMs(RESEND_MAX_MS), tries);
    this.#resumeAtMs = nowMs + backOffMs(PATH_RETRY_FIRST_MS, this.#retryMaxMs(PATH_RETRY_MAX_MS), this.#failures);
    if (seq === this.#oldest && tries >= REFUSED_TRIES_MAX && this.#holdsBack()) this.#drop(nowMs);
  }

  #retryMaxMs(max: number): number {
    return this.#draining ? Math.min(max, DRAIN_RETRY_MAX_MS) : max;
  }

  /** The window is full, and tokens behind the oldest came through. */
  #holdsBack(): boolean {
    if (this.#next - this.#oldest < OUTBOX_WINDOW) return false;
    for (let slot = 0; slot < OUTBOX_WINDOW; slot++) if (this.#status[slot] === DONE) return true;
    return false;
  }

  #hurry(nowMs: number): void {
    this.#resumeAtMs = Math.min(this.#resumeAtMs, nowMs + DRAIN_RETRY_MAX_MS);
    for (let seq = this.#oldest; seq < this.#windowEnd(); seq++) {
      const slot = seq % OUTBOX_WINDOW;
      const limit = this.#tries[slot] === 0 ? nowMs : nowMs + DRAIN_RETRY_MAX_MS;
      this.#dueMs[slot] = Math.min(this.#dueMs[slot], limit);
    }
  }

  /** The oldest token that is due, when an uplink is free. */
  #choose(nowMs: number): void {
    this.#chosen = NONE;
    if (this.#freeUplink === NONE || nowMs < this.#resumeAtMs) return;
    for (let seq = this.#oldest; seq < this.#windowEnd(); seq++) {
      const slot = seq % OUTBOX_WINDOW;
      if (this.#status[slot] !== WAITING || this.#dueMs[slot] > nowMs) continue;
      this.#chosen = seq;
      return;
    }
  }

  save(into: Uint8Array, offset: number): number {
    const writer = new StateWriter(into, offset, STATE_TAG.outbox, VERSION);
    writer.u32(this.#oldest);
    writer.u32(this.#next);
    writer.u32(this.#trimmed);
    writer.u8(this.#failures);
    writer.time(this.#resumeAtMs);
    writer.bool(this.#draining);
    writer.u32(this.droppedCount);
    for (let seq = this.#oldest; seq < this.#windowEnd(); seq++) {
      const slot = seq % OUTBOX_WINDOW;
      writer.u8(this.#status[slot]);
      writer.u8(this.#tries[slot]);
      writer.time(this.#dueMs[slot]);
    }
    return writer.finish();
  }

  restore(bytes: Uint8Array, offset: number): number {
    const reader = new StateReader(bytes, offset, STATE_TAG.outbox, VERSION);
    if (!reader.valid) return -1;
    this.#oldest = reader.u32();
    this.#next = reader.u32();
    this.#trimmed = reader.u32();
    this.#failures = reader.u8();
    this.#resumeAtMs = reader.time() ?? 0;
    this.#draining = reader.bool();
    this.droppedCount = reader.u32();
    for (let seq = this.#oldest; seq < this.#windowEnd(); seq++) {
      const slot = seq % OUTBOX_WINDOW;
      this.#status[slot] = reader.u8();
      this.#tries[slot] = reader.u8();
      this.#dueMs[slot] = reader.time() ?? 0;
    }
    return reader.end;
  }
}
