/**
 * Which token the outbox hands over next, and when.
 *
 * In turn: the newest untried, the oldest untried, one that is due again; so after an outage fresh data comes first, and the backlog goes from both ends.
 * Each token that is appended brings the turn back to the newest. Before all that goes an urgent one at its first two tries.
 *
 *   newest --> oldest --> again (if any is due) --> newest
 *
 * A token that came back goes again after a minute. One that came back twice is on the shelf, from which one at a time goes, the wait doubled each time up to
 * RESEND_MAX_MS for all of the shelf, until one comes through: whatever a receiver refuses for ever costs four tries a day, and holds back nothing
 * but room. The path as a whole rests after each failure, longer each time, up to PATH_RETRY_MAX_MS; a shelved token's failure says nothing about it.
 * After an outage of OUTAGE_MS all that came back meanwhile goes like new.
 */
import type { StateReader, StateWriter } from "../wire/state-record.ts";
import {
  DRAIN_RETRY_MAX_MS,
  OUTAGE_MS,
  PATH_RETRY_FIRST_MS,
  PATH_RETRY_MAX_MS,
  RESEND_FIRST_MS,
  RESEND_MAX_MS,
} from "./bounds.ts";
import { NO_TOKEN, SHELVED, type TokenStates, TRIED, UNTRIED } from "./token-states.ts";

/** Whose turn it is. */
const NEWEST = 0;
const OLDEST = 1;
const AGAIN = 2;

/** `first` doubled for each try after the first, up to `max`. */
function backOffMs(first: number, max: number, tries: number): number {
  let delay = first;
  for (let i = 1; i < tries && delay < max; i++) delay *= 2;
  return Math.min(delay, max);
}

export class OutboxSchedule {
  #tokens: TokenStates;
  /** Tokens from this one on wait until then for their first transmission. */
  #heldFrom = 0;
  #heldUntilMs = 0;
  #turn = NEWEST;
  #triedDueMs = 0;
  #shelfDueMs = 0;
  #shelfFailures = 0;
  /** The shelf goes round from here on. */
  #shelfNext = 0;
  #failures = 0;
  /** A token came back at its first try, and none came through since. */
  #pathFailed = false;
  #resumeAtMs = 0;
  /** When something came through last; the start counts. */
  #throughMs = 0;
  #draining = false;

  constructor(tokens: TokenStates) {
    this.#tokens = tokens;
  }

  /** Nothing goes before `atMs`. */
  rest(atMs: number): void {
    this.#resumeAtMs = atMs;
    this.#throughMs = atMs;
  }

  /** Token `seq` was appended; its first transmission waits `delayMs`. */
  appended(seq: number, delayMs: number, nowMs: number): void {
    this.#turn = NEWEST;
    // One that still waits takes the new one with it.
    if (nowMs < this.#heldUntilMs) return;
    this.#heldFrom = seq;
    this.#heldUntilMs = this.#draining ? nowMs : nowMs + delayMs;
  }

  /** An open token was acknowledged or sent; it is not marked as done yet. */
  cameThrough(seq: number, nowMs: number): void {
    const mark = this.#tokens.mark(seq);
    if (this.#pathFailed && nowMs - this.#throughMs >= OUTAGE_MS) this.#tokens.forgetTries();
    this.#throughMs = nowMs;
    // What came back while the path was dead was not refused.
    if (this.#pathFailed || mark === TRIED) this.#triedDueMs = nowMs;
    if (this.#pathFailed || mark === SHELVED) {
      this.#shelfDueMs = nowMs;
      this.#shelfFailures = 0;
    }
    this.#pathFailed = false;
    this.#failures = 0;
    this.#resumeAtMs = nowMs;
  }

  /** A token in flight is free again. */
  cameBack(seq: number, nowMs: number): void {
    const tokens = this.#tokens;
    const mark = tokens.mark(seq);
    const retryMaxMs = this.retryMaxMs(RESEND_MAX_MS);
    if (mark === SHELVED) {
      this.#shelfFailures = Math.min(this.#shelfFailures + 1, 255);
      this.#shelfDueMs = nowMs + backOffMs(RESEND_FIRST_MS, retryMaxMs, this.#shelfFailures + 2);
      this.#shelfNext = seq + 1;
      tokens.land(seq, SHELVED);
      return;
    }
    this.#failures = Math.min(this.#failures + 1, 255);
    this.#resumeAtMs = nowMs + backOffMs(PATH_RETRY_FIRST_MS, this.retryMaxMs(PATH_RETRY_MAX_MS), this.#failures);
    if (mark === UNTRIED) {
      this.#pathFailed = true;
      if (tokens.count(TRIED) === 0) this.#triedDueMs = nowMs + backOffMs(RESEND_FIRST_MS, retryMaxMs, 1);
      tokens.land(seq, TRIED);
      return;
    }
    const dueMs = nowMs + backOffMs(RESEND_FIRST_MS, retryMaxMs, 2);
    const isFirst = tokens.count(SHELVED) === 0;
    if (isFirst) this.#shelfFailures = 0;
    this.#shelfDueMs = isFirst ? dueMs : Math.min(this.#shelfDueMs, dueMs);
    this.#shelfNext = seq;
    tokens.land(seq, SHELVED);
  }

  private retryMaxMs(max: number): number {
    return this.#draining ? Math.min(max, DRAIN_RETRY_MAX_MS) : max;
  }

  /** Somebody waits: first transmissions at once, repeats within DRAIN_RETRY_MAX_MS. */
  hurry(nowMs: number): void {
    const limitMs = nowMs + DRAIN_RETRY_MAX_MS;
    this.#draining = true;
    this.#heldUntilMs = Math.min(this.#heldUntilMs, nowMs);
    this.#resumeAtMs = Math.min(this.#resumeAtMs, limitMs);
    this.#triedDueMs = Math.min(this.#triedDueMs, limitMs);
    this.#shelfDueMs = Math.min(this.#shelfDueMs, limitMs);
  }

  isDue(nowMs: number): boolean {
    return nowMs >= this.#resumeAtMs && this.firstDueMs(nowMs) <= nowMs;
  }

  /** When the next token is due; undefined when none waits. */
  pollTimeout(): number | undefined {
    const first = this.firstDueMs(this.#resumeAtMs);
    return first === Infinity ? undefined : first;
  }

  /** Untried tokens end here at `nowMs`: those behind still wait for their first transmission. */
  private untriedEnd(nowMs: number): number {
    return nowMs < this.#heldUntilMs ? this.#heldFrom : this.#tokens.next;
  }

  /** The earliest time at which anything is due, as far as it is later than `nowMs`; else that. */
  private firstDueMs(nowMs: number): number {
    const tokens = this.#tokens;
    let first = Infinity;
    if (tokens.count(UNTRIED) > 0) {
      const held = tokens.next - Math.max(this.untriedEnd(nowMs), tokens.head);
      first = tokens.count(UNTRIED) > held ? nowMs : this.#heldUntilMs;
    }
    if (tokens.count(TRIED) > 0) first = Math.min(first, Math.max(this.#triedDueMs, nowMs));
    if (tokens.count(SHELVED) > 0) first = Math.min(first, Math.max(this.#shelfDueMs, nowMs));
    return first;
  }

  /** The token that goes next, or NO_TOKEN. */
  choose(nowMs: number): number {
    const tokens = this.#tokens;
    if (!this.isDue(nowMs)) return NO_TOKEN;
    if (this.urgentDue(nowMs)) return tokens.urgent;
    if (this.#turn === AGAIN) {
      const again = this.dueAgain(nowMs);
      if (again !== NO_TOKEN) return again;
      this.#turn = NEWEST;
    }
    const end = this.untriedEnd(nowMs);
    const untried = this.#turn === OLDEST ? tokens.oldest(UNTRIED, end) : tokens.newest(UNTRIED, end);
    return untried === NO_TOKEN ? this.dueAgain(nowMs) : untried;
  }

  /** The token that was chosen is handed over; an urgent one takes nobody's turn. */
  passTurn(seq: number): void {
    if (seq !== this.#tokens.urgent) this.#turn = this.#turn === AGAIN ? NEWEST : this.#turn + 1;
  }

  private urgentDue(nowMs: number): boolean {
    const tokens = this.#tokens;
    const { urgent } = tokens;
    if (!tokens.isOpen(urgent) || tokens.isFlying(urgent)) return false;
    const mark = tokens.mark(urgent);
    return mark === UNTRIED ? urgent < this.untriedEnd(nowMs) : mark === TRIED && nowMs >= this.#triedDueMs;
  }

  private dueAgain(nowMs: number): number {
    const tokens = this.#tokens;
    if (tokens.count(TRIED) > 0 && nowMs >= this.#triedDueMs) {
      return this.#turn === NEWEST ? tokens.newest(TRIED, tokens.next) : tokens.oldest(TRIED, tokens.next);
    }
    if (tokens.count(SHELVED) === 0 || nowMs < this.#shelfDueMs) return NO_TOKEN;
    const seq = tokens.oldest(SHELVED, tokens.next, this.#shelfNext);
    return seq === NO_TOKEN ? tokens.oldest(SHELVED, tokens.next) : seq;
  }

  save(writer: StateWriter): void {
    writer.u32(this.#heldFrom);
    writer.time(this.#heldUntilMs);
    writer.u8(this.#turn);
    writer.time(this.#triedDueMs);
    writer.time(this.#shelfDueMs);
    writer.u8(this.#shelfFailures);
    writer.u32(this.#shelfNext);
    writer.u8(this.#failures);
    writer.bool(this.#pathFailed);
    writer.time(this.#resumeAtMs);
    writer.time(this.#throughMs);
    writer.bool(this.#draining);
  }

  restore(reader: StateReader): void {
    this.#heldFrom = reader.u32();
    this.#heldUntilMs = reader.time() ?? 0;
    this.#turn = reader.u8();
    this.#triedDueMs = reader.time() ?? 0;
    this.#shelfDueMs = reader.time() ?? 0;
    this.#shelfFailures = reader.u8();
    this.#shelfNext = reader.u32();
    this.#failures = reader.u8();
    this.#pathFailed = reader.bool();
    this.#resumeAtMs = reader.time() ?? 0;
    this.#throughMs = reader.time() ?? 0;
    this.#draining = reader.bool();
  }
}
