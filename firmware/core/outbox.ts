/**
 * Tokens on flash until the receiver has acknowledged them. Each is
 *
 *   appended --> untried --`deliver`--> in flight --acknowledged, or sent where nothing answers--> done
 *                                        |    ^                                                     ^
 *                            notDelivered|    |`deliver`, when due                                  |
 *                                        v    |                                                     |
 *                              tried (once), shelved (more often) --acknowledged, however late------+
 *
 * When the oldest are done the log is trimmed up to the first that is not; where nothing answers (`sent`), only when room is needed.
 *
 * Which goes next, and when: outbox-schedule.ts.
 *
 * A token is given up in three cases only, each counted and visible as a gap in seq: the log has no room (the oldest goes), OUTBOX_TOKENS_MAX later ones have
 * been stored, or flash has lost it. What was acknowledged out of order is kept on flash too (`store`): losing such a write costs a transmission.
 */
import { StateReader, StateWriter } from "../wire/state-record.ts";
import { OUTBOX_TOKENS_MAX, SEQ_AHEAD_MAX } from "./bounds.ts";
import type { Machine } from "./machine.ts";
import { OutboxSchedule } from "./outbox-schedule.ts";
import { STATE_TAG } from "./state-tag.ts";
import { DONE_RECORD_BYTES, doneRecordKeeps, NO_TOKEN, TokenStates } from "./token-states.ts";

export type OutboxEvent =
  /** What the log holds and the record that `store` wrote last, told once at the start after power-on; the backlog may go after `delayMs`. */
  | { kind: "start"; oldest: number; next: number; delayMs: number; record: Uint8Array; recordLength: number }
  /** A token was stored; its first transmission waits `delayMs`. `urgent`: later ones cannot be verified without it. */
  | { kind: "appended"; seq: number; delayMs: number; urgent: boolean }
  /** The uplink that would take a token now, by its number; -1 for none. */
  | { kind: "uplink"; free: number }
  /** The receiver's own, authenticated acknowledgement. */
  | { kind: "acknowledged"; seq: number }
  /** All of it has gone out, and no answer is expected. */
  | { kind: "sent"; seq: number }
  /** The uplink has done what it could; the token is free again. */
  | { kind: "notDelivered"; seq: number }
  /** The log could not give the token back: its flash is damaged. */
  | { kind: "lost"; seq: number }
  /** The log has no room for another token. */
  | { kind: "full" }
  /** Somebody waits for the outbox to empty. */
  | { kind: "drain" };

export type OutboxCommand =
  /** `tries`: 0 for the first. `inOrder`: it is newer than all that came through, by SEQ_AHEAD_MAX at most. */
  | { kind: "deliver"; seq: number; uplink: number; tries: number; inOrder: boolean }
  | { kind: "delivered"; seq: number }
  | { kind: "dropped"; seq: number }
  | { kind: "store"; key: string; value: Uint8Array; length: number }
  | { kind: "trim"; before: number };

const VERSION = 3;
/** Key on flash: what is done out of order. */
export const OUTBOX_KEY = "outbox";

export class Outbox implements Machine<OutboxEvent, OutboxCommand> {
  #tokens = new TokenStates();
  #schedule = new OutboxSchedule(this.#tokens);
  /** Oldest in the log; less than the first that is not done where sent tokens are kept. */
  #oldest = 0;
  #trimmed = 0;
  /** Nothing answers: what is done stays until room is needed. */
  #keeps = false;
  /** The newest that came through. */
  #highest = NO_TOKEN;
  #freeUplink = NO_TOKEN;
  #storeWanted = false;
  #chosen = NO_TOKEN;
  #deliveredSeq = NO_TOKEN;
  #droppedSeq = NO_TOKEN;
  #record = new Uint8Array(DONE_RECORD_BYTES);
  #deliver = { kind: "deliver" as const, seq: 0, uplink: 0, tries: 0, inOrder: false };
  #delivered = { kind: "delivered" as const, seq: 0 };
  #dropped = { kind: "dropped" as const, seq: 0 };
  #store = { kind: "store" as const, key: OUTBOX_KEY, value: this.#record, length: 0 };
  #trim = { kind: "trim" as const, before: 0 };
  /** Tokens given up since power-on. */
  droppedCount = 0;

  /** Every token is done. */
  get empty(): boolean {
    return this.#tokens.head === this.#tokens.next;
  }

  /** The log holds tokens that `full` would make room of. */
  get hasTokens(): boolean {
    return this.#oldest < this.#tokens.next;
  }

  /** A token would go now if an uplink were there. */
  isDue(nowMs: number): boolean {
    return this.#schedule.isDue(nowMs);
  }

  handle(event: OutboxEvent, nowMs: number): void {
    switch (event.kind) {
      case "start":
        this.start(event, nowMs);
        break;
      case "appended":
        this.append(event, nowMs);
        break;
      case "uplink":
        this.#freeUplink = event.free;
        break;
      case "acknowledged":
        if (!this.#tokens.isOpen(event.seq)) return;
        this.#deliveredSeq = event.seq;
        this.cameThrough(event.seq, nowMs);
        break;
      case "sent":
        if (!this.#tokens.isFlying(event.seq)) return;
        this.#keeps = true;
        this.cameThrough(event.seq, nowMs);
        break;
      case "notDelivered":
        if (this.#tokens.isFlying(event.seq)) this.#schedule.cameBack(event.seq, nowMs);
        break;
      case "lost":
        if (this.#tokens.isOpen(event.seq)) this.giveUp(event.seq);
        break;
      case "full":
        if (this.hasTokens) this.reclaim();
        break;
      case "drain":
        this.#schedule.hurry(nowMs);
        break;
    }
    this.choose(nowMs);
  }

  handleTimeout(nowMs: number): void {
    this.choose(nowMs);
  }

  /** When the next token is due, if an uplink would take it. */
  pollTimeout(): number | undefined {
    if (this.#freeUplink === NO_TOKEN || this.#chosen !== NO_TOKEN || this.#tokens.skyIsFull) return undefined;
    return this.#schedule.pollTimeout();
  }

  private start(event: Extract<OutboxEvent, { kind: "start" }>, nowMs: number): void {
    const { record, recordLength, next } = event;
    const tokens = this.#tokens;
    this.#oldest = Math.max(event.oldest, next - OUTBOX_TOKENS_MAX);
    this.#trimmed = event.oldest;
    tokens.start(this.#oldest, next);
    if (tokens.readDone(record, recordLength)) this.#keeps = doneRecordKeeps(record, recordLength);
    // A record of another log must not be believed when this one has grown as long.
    else if (recordLength >= 0) this.#storeWanted = true;
    if (!this.#keeps) {
      this.droppedCount += this.#oldest - event.oldest;
      this.#oldest = tokens.head;
    }
    this.#highest = tokens.newestDone;
    this.#schedule.rest(nowMs + event.delayMs);
  }

  private append({ seq, delayMs, urgent }: Extract<OutboxEvent, { kind: "appended" }>, nowMs: number): void {
    const tokens = this.#tokens;
    if (seq !== tokens.next) throw new RangeError("outbox: numbers of tokens must follow each other");
    if (seq - this.#oldest >= OUTBOX_TOKENS_MAX) this.reclaim();
    tokens.append();
    if (urgent) {
      tokens.urgent = seq;
      this.#storeWanted = true;
    }
    this.#schedule.appended(seq, delayMs, nowMs);
  }

  private cameThrough(seq: number, nowMs: number): void {
    this.#schedule.cameThrough(seq, nowMs);
    this.#highest = Math.max(this.#highest, seq);
    this.finish(seq);
  }

  /** The token is done; what of it must outlast a power cut is stored. */
  private finish(seq: number): void {
    const tokens = this.#tokens;
    tokens.finish(seq);
    if (!this.#keeps) this.#oldest = Math.max(this.#oldest, tokens.head);
    if (this.#keeps || seq >= tokens.head) this.#storeWanted = true;
  }

  private giveUp(seq: number): void {
    this.#droppedSeq = seq;
    this.droppedCount++;
    this.finish(seq);
  }

  /** Makes room of the oldest. */
  private reclaim(): void {
    const oldest = this.#oldest;
    if (oldest === this.#tokens.head) this.giveUp(oldest);
    this.#oldest = Math.max(this.#oldest, oldest + 1);
  }

  /** Chooses the token that goes next, when one is due and an uplink is free. */
  private choose(nowMs: number): void {
    const isFree = this.#freeUplink !== NO_TOKEN && !this.#tokens.skyIsFull;
    this.#chosen = isFree ? this.#schedule.choose(nowMs) : NO_TOKEN;
  }

  pollCommand(): OutboxCommand | undefined {
    if (this.#deliveredSeq !== NO_TOKEN) {
      this.#delivered.seq = this.#deliveredSeq;
      this.#deliveredSeq = NO_TOKEN;
      return this.#delivered;
    }
    if (this.#droppedSeq !== NO_TOKEN) {
      this.#dropped.seq = this.#droppedSeq;
      this.#droppedSeq = NO_TOKEN;
      return this.#dropped;
    }
    if (this.#storeWanted) {
      this.#storeWanted = false;
      this.#store.length = this.#tokens.writeDone(this.#keeps, this.#record);
      return this.#store;
    }
    if (this.#trimmed < this.#oldest) {
      this.#trimmed = this.#oldest;
      this.#trim.before = this.#oldest;
      return this.#trim;
    }
    return this.#chosen === NO_TOKEN ? undefined : this.takeOff();
  }

  private takeOff(): OutboxCommand {
    const deliver = this.#deliver;
    const seq = this.#chosen;
    deliver.seq = seq;
    deliver.uplink = this.#freeUplink;
    deliver.tries = this.#tokens.mark(seq);
    deliver.inOrder = seq > this.#highest && seq <= this.#highest + SEQ_AHEAD_MAX;
    this.#tokens.fly(seq);
    this.#schedule.passTurn(seq);
    this.#chosen = NO_TOKEN;
    this.#freeUplink = NO_TOKEN;
    return deliver;
  }

  save(into: Uint8Array, offset: number): number {
    const writer = new StateWriter(into, offset, STATE_TAG.outbox, VERSION);
    this.#tokens.save(writer);
    this.#schedule.save(writer);
    writer.u32(this.#oldest);
    writer.u32(this.#trimmed);
    writer.bool(this.#keeps);
    writer.time(this.#highest === NO_TOKEN ? undefined : this.#highest);
    writer.bool(this.#storeWanted);
    writer.u32(this.droppedCount);
    return writer.finish();
  }

  restore(bytes: Uint8Array, offset: number): number {
    const reader = new StateReader(bytes, offset, STATE_TAG.outbox, VERSION);
    if (!reader.valid) return -1;
    this.#tokens.restore(reader);
    this.#schedule.restore(reader);
    this.#oldest = reader.u32();
    this.#trimmed = reader.u32();
    this.#keeps = reader.bool();
    this.#highest = reader.time() ?? NO_TOKEN;
    this.#storeWanted = reader.bool();
    this.droppedCount = reader.u32();
    return reader.end;
  }
}
