/**
 * Makes tokens, one at a time: out of the journal's readings, which it takes in order and collects in batches (open-batch.ts), and of what the
 * node has to state beside them (statement-agenda.ts). Each is signed, noted, and stored in the outbox; seq is the number that the outbox gives
 * its record. The journal on flash is its queue, so nothing is lost with power, and a batch is rebuilt from it rather than saved.
 *
 *   collecting --batch closed-----------------------------------+
 *       |                                                       v
 *       +--statement due--> contents due --`contents` answered--> signing due --`sign`--> signing --signed--+
 *                           (new key and digest only)               ^                        |              |
 *                                                                   +------failed, waits-----+              |
 *   collecting <--`trim` (batch)-- done <--appended-- storing due: `append` <-- noting due: `note` <--------+
 *              <--`useNewKey` (key)--+
 *
 * A batch closes when it is full (open-batch.ts), when the next reading is not its continuation (another boot, interval, profile, time base, time
 * quality, or a slot left out), when its token would grow too long, when the key changes, or when the node drains.
 */
import type { SignatureAlgorithm } from "../ports/crypto.ts";
import type { NodeIdentity } from "../wire/batch.ts";
import { encodeCollected } from "../wire/batch-claims.ts";
import { SIGNATURE_BYTES } from "../wire/cose-sign1.ts";
import type { Profile } from "../wire/profile.ts";
import { newReading, type Reading, readReading } from "../wire/reading-record.ts";
import { StateReader, StateWriter } from "../wire/state-record.ts";
import type { AttesterCommand, AttesterEvent, AttesterOptions } from "./attester-events.ts";
import { SIGN_RETRY_FIRST_MS, SIGN_RETRY_MAX_MS } from "./bounds.ts";
import type { Machine } from "./machine.ts";
import { OpenBatch } from "./open-batch.ts";
import { STATE_TAG } from "./state-tag.ts";
import { KIND_OF_WORK, SPREAD_OF_WORK_S, StatementAgenda, WORK, type Work } from "./statement-agenda.ts";
import { StatementMoment } from "./statement-moment.ts";
import { StatementWriter } from "./statement-writer.ts";
import { TokenBuffers } from "./token-buffers.ts";

const VERSION = 2;
const COLLECTING = 0;
const CONTENTS_DUE = 1;
const SIGN_DUE = 2;
const SIGNING = 3;
const NOTE_DUE = 4;
const APPEND_DUE = 5;
const DONE = 6;
const NONE = -1;

export class Attester implements Machine<AttesterEvent, AttesterCommand> {
  #identity: NodeIdentity;
  #profile: Profile;
  #digests: boolean;
  #open: OpenBatch;
  #agenda: StatementAgenda;
  #statements: StatementWriter;
  #token: TokenBuffers;
  #phase = COLLECTING;
  /** What the token under way is made of. */
  #work: Work = WORK.batch;
  /** Journal numbers: first record of the open batch, next to take, next to be written, and up to where a restored batch is rebuilt. */
  #first = 0;
  #cursor = 0;
  #journalNext = 0;
  #rebuildTo = 0;
  /** Readings that the saved batch had. */
  #rebuildCount = 0;
  #moment = new StatementMoment();
  /** The newest boot token that the receiver has not acknowledged. */
  #bootSeq = NONE;
  #frameBytes = 0;
  #draining = false;
  #retryAtMs: number | undefined;
  #retryMs = SIGN_RETRY_FIRST_MS;
  #reading: Reading;
  #readCommand = { kind: "readRecord" as const, number: 0 };
  /** Journal records that could not be read or were of another profile. */
  unreadable = 0;

  constructor(options: AttesterOptions) {
    const { identity, profile, policy, hash, digests, about, coder } = options;
    this.#identity = identity;
    this.#profile = profile;
    this.#digests = digests;
    this.#reading = newReading(profile.fields.length);
    this.#open = new OpenBatch(identity, profile, policy, coder);
    this.#agenda = new StatementAgenda(digests);
    this.#statements = new StatementWriter(identity, profile, about);
    this.#token = new TokenBuffers(identity, hash);
  }

  get algorithm(): SignatureAlgorithm {
    return this.#identity.alg;
  }

  /** A `sign` command is out. */
  get awaitsSignature(): boolean {
    return this.#phase === SIGNING;
  }

  /** Every reading of the journal is in a stored token, and everything that is due is stated. */
  get empty(): boolean {
    return (
      this.#phase === COLLECTING &&
      this.#open.count === 0 &&
      this.#cursor === this.#journalNext &&
      this.#cursor >= this.#rebuildTo &&
      this.#agenda.empty
    );
  }

  handle(event: AttesterEvent, nowMs: number): void {
    switch (event.kind) {
      case "start":
        this.#first = event.journalOldest;
        this.#cursor = event.journalOldest;
        this.#rebuildTo = event.journalOldest;
        this.#journalNext = event.journalNext;
        this.#moment.seq = event.outboxNext;
        this.#moment.bootCount = event.bootCount;
        this.#agenda.start(event.listed, event.listDay, event.changesKey, nowMs);
        break;
      case "journal":
        this.#journalNext = event.next;
        break;
      case "present":
        this.#moment.told(event.wallOffsetMs, event.timeQuality);
        this.#frameBytes = event.frameBytes;
        this.#agenda.clock(event.wallOffsetMs, nowMs);
        break;
      case "record":
        this.take(event.bytes, event.length);
        break;
      case "digest":
        if (this.#work !== WORK.digest || this.#token.claimsLength > 0) return;
        this.encoded(this.#statements.digest(this.#moment, event.firstSeq, event.digest, this.#token.record));
        break;
      case "newKey":
        if (this.#work !== WORK.key || this.#token.claimsLength > 0) return;
        this.encoded(this.#statements.key(this.#moment, event.publicKey, this.#token.record));
        break;
      case "signed":
        if (this.#phase !== SIGNING) return;
        this.#token.signature.set(event.signature);
        this.#retryMs = SIGN_RETRY_FIRST_MS;
        this.#phase = this.#digests || this.#work === WORK.challenge ? NOTE_DUE : APPEND_DUE;
        break;
      case "signFailed":
        if (this.#phase !== SIGNING) return;
        this.#phase = SIGN_DUE;
        this.#retryAtMs = nowMs + this.#retryMs;
        this.#retryMs = Math.min(2 * this.#retryMs, SIGN_RETRY_MAX_MS);
        break;
      case "appended":
        this.appended(event.number, nowMs);
        break;
      case "acknowledged":
        if (event.seq === this.#bootSeq) this.#bootSeq = NONE;
        break;
      case "challenge":
        this.#agenda.challenge(event.nonce, event.length, event.outboxOldest);
        break;
      case "bootRequest":
        if (this.#bootSeq === NONE || this.#bootSeq < event.outboxOldest) this.#agenda.requestBoot(nowMs);
        break;
      case "changeKey":
        this.#agenda.changeKey();
        break;
      case "drain":
        this.#draining = true;
        this.closeIfDraining();
        break;
    }
    this.choose(nowMs);
  }

  handleTimeout(nowMs: number): void {
    if (this.#retryAtMs !== undefined && nowMs >= this.#retryAtMs) this.#retryAtMs = undefined;
    this.choose(nowMs);
  }

  pollTimeout(): number | undefined {
    return this.#phase === COLLECTING ? this.#agenda.pollTimeout(this.#draining) : this.#retryAtMs;
  }

  pollCommand(): AttesterCommand | undefined {
    if (this.#cursor < this.#rebuildTo || (this.#phase === COLLECTING && this.#cursor < this.#journalNext)) {
      this.#readCommand.number = this.#cursor;
      return this.#readCommand;
    }
    if (this.#phase !== COLLECTING && this.#phase !== DONE && this.#token.claimsLength === 0) {
      const of = this.encode();
      if (of !== undefined) return { kind: "contents", of, seq: this.#moment.seq };
    }
    switch (this.#phase) {
      case SIGN_DUE:
        return this.#retryAtMs === undefined ? this.sign() : undefined;
      case NOTE_DUE:
        return this.note();
      case APPEND_DUE:
        return this.append();
      case DONE:
        return this.finish();
      default:
        return undefined;
    }
  }

  /** Begins with the next statement, when one is due and nothing else is under way. */
  private choose(nowMs: number): void {
    if (this.#phase !== COLLECTING || this.#cursor < this.#rebuildTo) return;
    const work = this.#agenda.next(nowMs, this.#draining);
    if (work === WORK.batch) return;
    // What was taken under a key is signed by it.
    if (work === WORK.key && this.#open.count > 0) {
      this.close();
      return;
    }
    this.#moment.set(nowMs);
    this.#work = work;
    this.#token.claimsLength = 0;
    this.#phase = CONTENTS_DUE;
    // Before anything else can come in between; a new key and a digest are asked for.
    this.encode();
  }

  private take(bytes: Uint8Array, length: number): void {
    const rebuilding = this.#cursor < this.#rebuildTo;
    const reading = this.#reading;
    const open = this.#open;
    if (
      length < 0 ||
      !readReading(bytes, length, reading) ||
      reading.profileVersion !== this.#profile.version ||
      (reading.wallS || reading.uptimeS) % reading.intervalS !== 0
    ) {
      if (!rebuilding) this.unreadable++;
      this.#cursor++;
      if (open.count === 0) this.#first = this.#cursor;
    } else if (open.add(reading, rebuilding ? 0 : this.#frameBytes)) {
      this.#cursor++;
      if (reading.wallS === 0 && reading.bootCount === this.#moment.bootCount) this.#agenda.tookByUptime();
    } else {
      this.close();
      return;
    }
    if (this.#phase !== COLLECTING) {
      if (this.#cursor === this.#rebuildTo && this.#work === WORK.batch) this.rebuilt();
    } else if (open.full) {
      this.close();
    } else {
      this.closeIfDraining();
    }
  }

  /** A closed batch was read back. Should flash have lost some of it since, the rest is signed anew. */
  private rebuilt(): void {
    if (this.#phase === DONE) return;
    if (this.#open.count === 0) this.collect();
    else if (this.#open.count !== this.#rebuildCount) this.close();
  }

  private closeIfDraining(): void {
    const complete = this.#cursor === this.#journalNext && this.#cursor >= this.#rebuildTo;
    if (this.#draining && this.#phase === COLLECTING && complete && this.#open.count > 0) this.close();
  }

  private close(): void {
    this.#work = WORK.batch;
    this.#phase = SIGN_DUE;
    this.#rebuildTo = this.#cursor;
    this.#token.claimsLength = 0;
  }

  /** Writes the claims of the token under way; says what has to be asked for. */
  private encode(): "digest" | "newKey" | undefined {
    const { record: claims } = this.#token;
    const moment = this.#moment;
    switch (this.#work) {
      case WORK.digest:
        return "digest";
      case WORK.key:
        return "newKey";
      case WORK.boot:
        this.encoded(this.#statements.boot(moment, claims));
        return undefined;
      case WORK.anchor:
        this.encoded(this.#statements.anchor(moment, undefined, claims));
        return undefined;
      case WORK.challenge:
        this.encoded(this.#statements.anchor(moment, this.#agenda.nonce, claims));
        return undefined;
      case WORK.batch:
        this.#open.batch.seq = moment.seq;
        this.encoded(encodeCollected(this.#identity, this.#open.batch, this.#open.columns, claims));
        return undefined;
    }
  }

  private encoded(length: number): void {
    this.#token.claimsLength = length;
    if (this.#phase === CONTENTS_DUE) this.#phase = SIGN_DUE;
  }

  private sign(): AttesterCommand {
    this.#phase = SIGNING;
    return { kind: "sign", message: this.#token.record, length: this.#token.writeMessage() };
  }

  private note(): AttesterCommand {
    this.#phase = APPEND_DUE;
    const hash = this.#token.hashToken(this.writeRecord());
    const nonce = this.#work === WORK.challenge ? this.#agenda.nonce : undefined;
    return { kind: "note", seq: this.#moment.seq, tokenKind: KIND_OF_WORK[this.#work], hash, nonce };
  }

  private append(): AttesterCommand {
    const length = this.writeRecord();
    const { count, dt } = this.#open.batch;
    const durationS = this.#work === WORK.batch ? count * dt : SPREAD_OF_WORK_S[this.#work];
    return { kind: "append", seq: this.#moment.seq, record: this.#token.record, length, durationS };
  }

  private writeRecord(): number {
    const isBatch = this.#work === WORK.batch;
    const journalEnd = isBatch ? this.#cursor : this.#first;
    return this.#token.writeRecord(journalEnd, KIND_OF_WORK[this.#work], isBatch && this.#open.keyRow);
  }

  private appended(number: number, nowMs: number): void {
    const moment = this.#moment;
    if (number !== moment.seq) throw new RangeError(`attester: seq ${moment.seq} was stored as ${number}`);
    if (this.#work === WORK.boot) this.#bootSeq = number;
    moment.seq++;
    this.#agenda.done(this.#work, number, nowMs);
    this.#phase = this.#work === WORK.batch || this.#work === WORK.key ? DONE : COLLECTING;
  }

  /** What remains to be done when a batch's or a new key's token is stored. */
  private finish(): AttesterCommand {
    if (this.#work === WORK.key) {
      this.#phase = COLLECTING;
      return { kind: "useNewKey" };
    }
    this.collect();
    return { kind: "trim", before: this.#cursor };
  }

  /** Begins an empty batch at the cursor. */
  private collect(): void {
    this.#phase = COLLECTING;
    this.#first = this.#cursor;
    this.#rebuildTo = this.#cursor;
    this.#open.next();
  }

  save(into: Uint8Array, offset: number): number {
    const writer = new StateWriter(into, offset, STATE_TAG.attester, VERSION);
    writer.u8(this.#phase);
    writer.u8(this.#work);
    writer.u32(this.#first);
    const rebuilding = this.#cursor < this.#rebuildTo;
    writer.u32(rebuilding ? this.#rebuildTo : this.#cursor);
    writer.u8(rebuilding ? this.#rebuildCount : this.#open.count);
    writer.u32(this.#journalNext);
    this.#moment.save(writer);
    writer.time(this.#bootSeq === NONE ? undefined : this.#bootSeq);
    writer.u16(this.#frameBytes);
    writer.bool(this.#draining);
    writer.time(this.#retryAtMs);
    writer.u32(this.#retryMs);
    writer.u32(this.unreadable);
    this.#open.save(writer);
    if (this.#phase === NOTE_DUE || this.#phase === APPEND_DUE) writer.bytes(this.#token.signature, SIGNATURE_BYTES);
    return this.#agenda.save(into, writer.finish());
  }

  /** The open or closed batch is read from the journal again: the next commands say so. */
  restore(bytes: Uint8Array, offset: number): number {
    const reader = new StateReader(bytes, offset, STATE_TAG.attester, VERSION);
    if (!reader.valid) return -1;
    this.#phase = reader.u8();
    this.#work = reader.u8() as Work;
    this.#token.claimsLength = 0;
    this.#first = reader.u32();
    this.#cursor = this.#first;
    this.#rebuildTo = reader.u32();
    this.#rebuildCount = reader.u8();
    this.#journalNext = reader.u32();
    this.#moment.restore(reader);
    this.#bootSeq = reader.time() ?? NONE;
    this.#frameBytes = reader.u16();
    this.#draining = reader.bool();
    this.#retryAtMs = reader.time();
    this.#retryMs = reader.u32();
    this.unreadable = reader.u32();
    this.#open.restore(reader);
    if (this.#phase === NOTE_DUE || this.#phase === APPEND_DUE) reader.bytes(this.#token.signature, SIGNATURE_BYTES);
    return this.#agenda.restore(bytes, reader.end);
  }
}
