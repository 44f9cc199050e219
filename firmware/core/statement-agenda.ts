/**
 * Which tokens without readings are due, and which goes first: the new key's, this boot's, the anchor of readings that were taken before the time
 * was known, the answer to a challenge, the digest of the day.
 *
 *   boot       due at each start from flash, after a change of key, and when the receiver asks for it
 *   anchor     due once in a boot that took readings by uptime, when the wall time is known
 *   challenge  due when one came, the last answer has left the outbox, and it was made ten minutes ago
 *   digest     due at the end of the UTC day in which the list of tokens began (24 h of uptime where no day is known), or when the list is full
 *
 * A draining node makes no digest (its list waits on flash), and answers at once.
 */
import { StateReader, StateWriter } from "../wire/state-record.ts";
import { MAX_NONCE_BYTES } from "../wire/statements.ts";
import { TOKEN_KIND, type TokenKind } from "../wire/token-record.ts";
import { ANSWER_INTERVAL_MS, DIGEST_TOKENS_MAX, DIGEST_TOKENS_MIN } from "./bounds.ts";
import { STATE_TAG } from "./state-tag.ts";

/** What a token may be made of. */
export const WORK = Object.freeze({ batch: 0, key: 1, boot: 2, anchor: 3, challenge: 4, digest: 5 } as const);

export type Work = (typeof WORK)[keyof typeof WORK];

/** By work: what its outbox record says. */
export const KIND_OF_WORK: readonly TokenKind[] = Object.freeze([
  TOKEN_KIND.batch,
  TOKEN_KIND.key,
  TOKEN_KIND.boot,
  TOKEN_KIND.anchor,
  TOKEN_KIND.anchor,
  TOKEN_KIND.digest,
]);
/**
 * By work: the duration by which its first transmission is spread. Power returns to a whole fleet at once, and its day ends at once; a challenge
 * is waited for.
 */
export const SPREAD_OF_WORK_S: readonly number[] = Object.freeze([0, 0, 240, 240, 0, 3600]);

const VERSION = 2;
const NONE = -1;
const DAY_MS = 86_400_000;

export class StatementAgenda {
  #digests: boolean;
  #keyDue = false;
  #bootDue = false;
  /** When the boot token may be asked for again. */
  #bootAgainMs = 0;
  #tookByUptime = false;
  #anchored = false;
  /** Of the challenge that waits. Made when one comes, for few nodes ever see one. */
  #nonce: Uint8Array | undefined;
  #answerAtMs = 0;
  /** The last answer: while nobody has acknowledged it, whoever asks withholds it or is not the receiver. */
  #answerSeq = NONE;
  /** Tokens since, and with, the last digest; the UTC day in which that was (0: not known) and the uptime. */
  #listed = 0;
  #listDay = 0;
  #listSinceMs = 0;
  /** Wall time minus uptime, where it is known. */
  #offsetMs: number | undefined;

  constructor(digests: boolean) {
    this.#digests = digests;
  }

  /** After power-on: a boot token is due; a key token too where a change of keys was under way. */
  start(listed: number, listDay: number, changesKey: boolean, nowMs: number): void {
    this.#bootDue = true;
    this.#keyDue = changesKey;
    this.#listed = listed;
    this.#listDay = listDay;
    this.#listSinceMs = nowMs;
  }

  /** What is known of the wall time. */
  clock(offsetMs: number | undefined, nowMs: number): void {
    this.#offsetMs = offsetMs;
    if (this.#listDay === 0) this.#listDay = this.day(nowMs);
  }

  /** A reading of this boot has no wall time. */
  tookByUptime(): void {
    this.#tookByUptime = true;
  }

  changeKey(): void {
    this.#keyDue = true;
  }

  /** The receiver asks for the boot token. */
  requestBoot(nowMs: number): void {
    if (nowMs >= this.#bootAgainMs) this.#bootDue = true;
  }

  /** A challenge; one waits at a time, and one answer is in the outbox at a time. Tokens before `outboxOldest` are not in it any more. */
  challenge(nonce: Uint8Array, length: number, outboxOldest: number): void {
    if (this.#nonce !== undefined || length > MAX_NONCE_BYTES || this.#answerSeq >= outboxOldest) return;
    this.#nonce = nonce.slice(0, length);
  }

  /** The challenge that waits, or is being answered. */
  get nonce(): Uint8Array | undefined {
    return this.#nonce;
  }

  /** Nothing is due that a drain has to wait for. */
  get empty(): boolean {
    return !this.#keyDue && !this.#bootDue && !this.anchorDue && this.#nonce === undefined;
  }

  private get anchorDue(): boolean {
    return this.#tookByUptime && !this.#anchored && this.#offsetMs !== undefined;
  }

  /** What goes next; WORK.batch when nothing is due. */
  next(nowMs: number, draining: boolean): Work {
    if (this.#keyDue) return WORK.key;
    if (this.#bootDue) return WORK.boot;
    if (this.anchorDue) return WORK.anchor;
    if (this.#nonce !== undefined && (draining || nowMs >= this.#answerAtMs)) return WORK.challenge;
    return !draining && this.digestDue(nowMs) ? WORK.digest : WORK.batch;
  }

  private digestDue(nowMs: number): boolean {
    if (!this.#digests) return false;
    if (this.#listed >= DIGEST_TOKENS_MAX) return true;
    if (nowMs < this.dayEndMs) return false;
    if (this.#listed >= DIGEST_TOKENS_MIN) return true;
    // Nothing to state: the list goes on through the day that has begun.
    this.#listDay = this.day(nowMs);
    this.#listSinceMs = nowMs;
    return false;
  }

  private get dayEndMs(): number {
    const hasDay = this.#offsetMs !== undefined && this.#listDay > 0;
    return hasDay ? (this.#listDay + 1) * DAY_MS - this.#offsetMs! : this.#listSinceMs + DAY_MS;
  }

  private day(nowMs: number): number {
    return this.#offsetMs === undefined ? 0 : Math.floor((nowMs + this.#offsetMs) / DAY_MS);
  }

  /** When something becomes due by itself. */
  pollTimeout(draining: boolean): number | undefined {
    if (draining) return undefined;
    let next = Infinity;
    if (this.#nonce !== undefined) next = this.#answerAtMs;
    if (this.#digests && this.#listed >= DIGEST_TOKENS_MIN) next = Math.min(next, this.dayEndMs);
    return next === Infinity ? undefined : next;
  }

  /** A token of this was stored under the number `seq`. */
  done(work: Work, seq: number, nowMs: number): void {
    this.#listed++;
    switch (work) {
      case WORK.batch:
        return;
      case WORK.key:
        this.#keyDue = false;
        this.#bootDue = true;
        return;
      case WORK.boot:
        this.#bootDue = false;
        this.#bootAgainMs = nowMs + ANSWER_INTERVAL_MS;
        return;
      case WORK.anchor:
        this.#anchored = true;
        return;
      case WORK.challenge:
        this.#nonce = undefined;
        this.#answerSeq = seq;
        this.#answerAtMs = nowMs + ANSWER_INTERVAL_MS;
        return;
      case WORK.digest:
        // The next list begins with the digest itself.
        this.#listed = 1;
        this.#listDay = this.day(nowMs);
        this.#listSinceMs = nowMs;
        return;
    }
  }

  save(into: Uint8Array, offset: number): number {
    const writer = new StateWriter(into, offset, STATE_TAG.agenda, VERSION);
    writer.bool(this.#keyDue);
    writer.bool(this.#bootDue);
    writer.time(this.#bootAgainMs);
    writer.bool(this.#tookByUptime);
    writer.bool(this.#anchored);
    writer.u8(this.#nonce?.length ?? 0);
    if (this.#nonce !== undefined) writer.bytes(this.#nonce, this.#nonce.length);
    writer.time(this.#answerAtMs);
    writer.u32(this.#answerSeq + 1);
    writer.u32(this.#listed);
    writer.u32(this.#listDay);
    writer.time(this.#listSinceMs);
    writer.time(this.#offsetMs);
    return writer.finish();
  }

  restore(bytes: Uint8Array, offset: number): number {
    const reader = new StateReader(bytes, offset, STATE_TAG.agenda, VERSION);
    if (!reader.valid) return -1;
    this.#keyDue = reader.bool();
    this.#bootDue = reader.bool();
    this.#bootAgainMs = reader.time() ?? 0;
    this.#tookByUptime = reader.bool();
    this.#anchored = reader.bool();
    const nonceLength = reader.u8();
    this.#nonce = nonceLength > 0 ? new Uint8Array(nonceLength) : undefined;
    if (this.#nonce !== undefined) reader.bytes(this.#nonce, nonceLength);
    this.#answerAtMs = reader.time() ?? 0;
    this.#answerSeq = reader.u32() - 1;
    this.#listed = reader.u32();
    this.#listDay = reader.u32();
    this.#listSinceMs = reader.time() ?? 0;
    this.#offsetMs = reader.time();
    return reader.end;
  }
}
