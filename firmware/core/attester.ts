/**
 * Makes tokens out of the journal's readings: takes them in order, closes a batch, has it signed, has the token stored, has the journal
 * trimmed. The journal on flash is its queue, so nothing is lost with power, and a batch is rebuilt from it rather than saved.
 *
 *   collecting --batch closed--> signing due --`sign`--> signing --signed--> storing due --`append`--> trimming due --`trim`--> collecting
 *                                     ^                     |
 *                                     +---failed, waits-----+
 *
 * A batch closes when it is full, when the next reading is not its continuation (another boot, interval, profile, time base, time quality,
 * or a slot left out), when its token would grow too long, or when the node drains. seq is the number that the outbox gives its record.
 */
import type { Hash, SignatureAlgorithm } from "../ports/crypto.ts";
import { type Batch, MAX_BATCH_READINGS, MAX_CLAIMS_BYTES, MAX_TOKEN_BYTES, type NodeIdentity } from "../wire/batch.ts";
import { encodeSign1, protectedHeader, SIGNATURE_BYTES, sigStructure } from "../wire/cose-sign1.ts";
import { encodeClaims } from "../wire/eat-token.ts";
import { columnCount, missingFlag, type Profile } from "../wire/profile.ts";
import { newReading, type Reading, readReading } from "../wire/reading-record.ts";
import { StateReader, StateWriter } from "../wire/state-record.ts";
import { TOKEN_RECORD_HEADER_BYTES, writeTokenRecordHeader } from "../wire/token-record.ts";
import { CLAIMS_FIXED_BYTES, SIGN_RETRY_FIRST_MS, SIGN_RETRY_MAX_MS } from "./bounds.ts";
import type { Machine } from "./machine.ts";
import { STATE_TAG } from "./state-tag.ts";

export type AttesterEvent =
  /** What the two logs hold, told once at the start after power-on. */
  | { kind: "start"; journalOldest: number; journalNext: number; outboxNext: number }
  /** The journal has grown: the number that its next record gets. */
  | { kind: "journal"; next: number }
  /** The answer to `readRecord`; `length` -1 when the record is gone or damaged. */
  | { kind: "record"; bytes: Uint8Array; length: number }
  | { kind: "signed"; signature: Uint8Array }
  | { kind: "signFailed" }
  /** The token is in the outbox under this number. */
  | { kind: "appended"; number: number }
  /** Close the open batch, and every later one, as soon as the journal is empty. */
  | { kind: "drain" };

export type AttesterCommand =
  | { kind: "readRecord"; number: number }
  | { kind: "sign"; digest: Uint8Array }
  /** Store this outbox record; the token in it stands for `durationS` seconds of readings. */
  | { kind: "append"; seq: number; record: Uint8Array; length: number; durationS: number }
  | { kind: "trim"; before: number };

const VERSION = 1;
const COLLECTING = 0;
const SIGN_DUE = 1;
const SIGNING = 2;
const APPEND_DUE = 3;
const TRIM_DUE = 4;

/** Length of an integer in CBOR, at most: 1, 2, 3 or 5 bytes. */
function cborIntBytes(value: number): number {
  const magnitude = value < 0 ? -1 - value : value;
  return magnitude < 24 ? 1 : magnitude < 0x100 ? 2 : magnitude < 0x10000 ? 3 : 5;
}

export class Attester implements Machine<AttesterEvent, AttesterCommand> {
  #identity: NodeIdentity;
  #profile: Profile;
  #batchReadings: number;
  #hash: Hash;
  #phase = COLLECTING;
  /** Journal numbers: first record of the open batch, next to take, next to be written, and up to where a restored batch is rebuilt. */
  #first = 0;
  #cursor = 0;
  #journalNext = 0;
  #rebuildTo = 0;
  /** Readings that the saved batch had. */
  #rebuildCount = 0;
  #seq = 0;
  #draining = false;
  #retryAtMs: number | undefined;
  #retryMs = SIGN_RETRY_FIRST_MS;
  #batch: Batch;
  /** CBOR bytes of the columns' items so far. */
  #itemBytes = 0;
  #fixedBytes: number;
  #reading: Reading;
  #claims = new Uint8Array(MAX_CLAIMS_BYTES);
  #claimsLength = 0;
  #digest = new Uint8Array(32);
  #signature = new Uint8Array(SIGNATURE_BYTES);
  /** The outbox record; before that, the Sig_structure. */
  #record = new Uint8Array(TOKEN_RECORD_HEADER_BYTES + MAX_TOKEN_BYTES);
  #readCommand = { kind: "readRecord" as const, number: 0 };
  #signCommand: AttesterCommand;
  #appendCommand = { kind: "append" as const, seq: 0, record: this.#record, length: 0, durationS: 0 };
  #trimCommand = { kind: "trim" as const, before: 0 };
  /** Journal records that could not be read or were of another profile. */
  unreadable = 0;

  constructor(identity: NodeIdentity, profile: Profile, batchReadings: number, hash: Hash) {
    this.#identity = identity;
    this.#profile = profile;
    this.#batchReadings = Math.min(batchReadings, MAX_BATCH_READINGS);
    this.#hash = hash;
    this.#reading = newReading(profile.fields.length);
    this.#fixedBytes = CLAIMS_FIXED_BYTES + identity.hwmodel.length + profile.uri.length;
    this.#signCommand = { kind: "sign", digest: this.#digest };
    const columns: Int32Array[] = [];
    for (let i = 0; i < columnCount(profile); i++) columns.push(new Int32Array(this.#batchReadings));
    this.#batch = {
      profile,
      bootCount: 0,
      seq: 0,
      t0: 0,
      dt: 0,
      timeQuality: 0,
      wallTime: false,
      count: 0,
      columns,
    };
  }

  get algorithm(): SignatureAlgorithm {
    return this.#identity.alg;
  }

  /** A `sign` command is out. */
  get awaitsSignature(): boolean {
    return this.#phase === SIGNING;
  }

  /** Every reading of the journal is in a stored token. */
  get empty(): boolean {
    return this.#phase === COLLECTING && this.#batch.count === 0 && this.#cursor === this.#journalNext;
  }

  handle(event: AttesterEvent, nowMs: number): void {
    switch (event.kind) {
      case "start":
        this.#first = event.journalOldest;
        this.#cursor = event.journalOldest;
        this.#rebuildTo = event.journalOldest;
        this.#journalNext = event.journalNext;
        this.#seq = event.outboxNext;
        return;
      case "journal":
        this.#journalNext = event.next;
        return;
      case "record":
        this.#take(event.bytes, event.length);
        return;
      case "signed":
        if (this.#phase !== SIGNING) return;
        this.#signature.set(event.signature);
        this.#retryMs = SIGN_RETRY_FIRST_MS;
        this.#phase = APPEND_DUE;
        return;
      case "signFailed":
        if (this.#phase !== SIGNING) return;
        this.#phase = SIGN_DUE;
        this.#retryAtMs = nowMs + this.#retryMs;
        this.#retryMs = Math.min(2 * this.#retryMs, SIGN_RETRY_MAX_MS);
        return;
      case "appended":
        if (event.number !== this.#seq)
          throw new RangeError(`attester: seq ${this.#seq} was stored as ${event.number}`);
        this.#seq++;
        this.#phase = TRIM_DUE;
        return;
      case "drain":
        this.#draining = true;
        this.#closeIfDraining();
        return;
    }
  }

  handleTimeout(nowMs: number): void {
    if (this.#retryAtMs !== undefined && nowMs >= this.#retryAtMs) this.#retryAtMs = undefined;
  }

  pollTimeout(): number | undefined {
    return this.#retryAtMs;
  }

  pollCommand(): AttesterCommand | undefined {
    if (this.#cursor < this.#rebuildTo || (this.#phase === COLLECTING && this.#cursor < this.#journalNext)) {
      this.#readCommand.number = this.#cursor;
      return this.#readCommand;
    }
    if (this.#phase === SIGN_DUE && this.#retryAtMs === undefined) {
      this.#phase = SIGNING;
      return this.#signCommand;
    }
    if (this.#phase === APPEND_DUE) return this.#tokenRecord();
    if (this.#phase === TRIM_DUE) {
      this.#trimCommand.before = this.#cursor;
      this.#open();
      return this.#trimCommand;
    }
    return undefined;
  }

  /** Begins an empty batch at the cursor. */
  #open(): void {
    this.#phase = COLLECTING;
    this.#first = this.#cursor;
    this.#rebuildTo = this.#cursor;
    this.#batch.count = 0;
    this.#itemBytes = 0;
  }

  #take(bytes: Uint8Array, length: number): void {
    const rebuilding = this.#cursor < this.#rebuildTo;
    const reading = this.#reading;
    const batch = this.#batch;
    if (
      length < 0 ||
      !readReading(bytes, length, reading) ||
      reading.profileVersion !== this.#profile.version ||
      (reading.wallS || reading.uptimeS) % reading.intervalS !== 0
    ) {
      if (!rebuilding) this.unreadable++;
      this.#cursor++;
      if (batch.count === 0) this.#first = this.#cursor;
    } else if (batch.count > 0 && !this.#continues(reading)) {
      this.#close();
      return;
    } else {
      this.#add(reading);
      this.#cursor++;
    }
    if (this.#phase !== COLLECTING) {
      if (this.#cursor === this.#rebuildTo) this.#rebuilt();
    } else if (batch.count === this.#batchReadings) {
      this.#close();
    } else {
      this.#closeIfDraining();
    }
  }

  /** A closed batch was read back. Should flash have lost some of it since, the rest is signed anew. */
  #rebuilt(): void {
    if (this.#batch.count === 0) this.#open();
    else if (this.#batch.count === this.#rebuildCount) this.#encode();
    else this.#close();
  }

  #closeIfDraining(): void {
    const complete = this.#cursor === this.#journalNext && this.#cursor >= this.#rebuildTo;
    if (this.#draining && this.#phase === COLLECTING && complete && this.#batch.count > 0) this.#close();
  }

  /** Whether the reading is the open batch's next one. */
  #continues(reading: Reading): boolean {
    const batch = this.#batch;
    const wall = reading.wallS !== 0;
    return (
      reading.bootCount === batch.bootCount &&
      reading.intervalS === batch.dt &&
      reading.timeQuality === batch.timeQuality &&
      wall === batch.wallTime &&
      (wall ? reading.wallS : reading.uptimeS) === batch.t0 + batch.count * batch.dt &&
      this.#fixedBytes + this.#itemBytes + this.#bytesOf(reading) <= MAX_CLAIMS_BYTES
    );
  }

  /** Value of column `c` for the reading: the flags, or a field, whose last value is repeated where it is missing (0 at first). */
  #item(reading: Reading, c: number): number {
    if (c === 0) return reading.flags;
    const at = this.#batch.count;
    if ((reading.flags & missingFlag(c - 1)) === 0) return reading.values[c - 1];
    return at === 0 ? 0 : this.#batch.columns[c][at - 1];
  }

  #bytesOf(reading: Reading): number {
    const { columns, count } = this.#batch;
    let bytes = 0;
    for (let c = 0; c < columns.length; c++) {
      bytes += cborIntBytes(this.#item(reading, c) - (count === 0 ? 0 : columns[c][count - 1]));
    }
    return bytes;
  }

  #add(reading: Reading): void {
    const batch = this.#batch;
    if (batch.count === 0) {
      batch.bootCount = reading.bootCount;
      batch.dt = reading.intervalS;
      batch.timeQuality = reading.timeQuality;
      batch.wallTime = reading.wallS !== 0;
      batch.t0 = batch.wallTime ? reading.wallS : reading.uptimeS;
    }
    this.#itemBytes += this.#bytesOf(reading);
    for (let c = 0; c < batch.columns.length; c++) batch.columns[c][batch.count] = this.#item(reading, c);
    batch.count++;
  }

  #close(): void {
    this.#phase = SIGN_DUE;
    this.#rebuildTo = this.#cursor;
    this.#encode();
  }

  /** Claims and the digest that is signed. */
  #encode(): void {
    this.#batch.seq = this.#seq;
    this.#claimsLength = encodeClaims(this.#identity, this.#batch, this.#claims);
    const length = sigStructure(protectedHeader(this.#identity.alg), this.#claims, this.#claimsLength, this.#record);
    this.#hash.sha256(this.#record, length, this.#digest);
  }

  #tokenRecord(): AttesterCommand {
    const { alg, kid } = this.#identity;
    const token = this.#record.subarray(TOKEN_RECORD_HEADER_BYTES);
    const length = encodeSign1(alg, kid, this.#claims, this.#claimsLength, this.#signature, token);
    writeTokenRecordHeader(this.#cursor, this.#record);
    const command = this.#appendCommand;
    command.seq = this.#seq;
    command.length = TOKEN_RECORD_HEADER_BYTES + length;
    command.durationS = this.#batch.count * this.#batch.dt;
    return command;
  }

  save(into: Uint8Array, offset: number): number {
    const writer = new StateWriter(into, offset, STATE_TAG.attester, VERSION);
    writer.u8(this.#phase);
    writer.u32(this.#first);
    const rebuilding = this.#cursor < this.#rebuildTo;
    writer.u32(rebuilding ? this.#rebuildTo : this.#cursor);
    writer.u8(rebuilding ? this.#rebuildCount : this.#batch.count);
    writer.u32(this.#journalNext);
    writer.u32(this.#seq);
    writer.bool(this.#draining);
    writer.time(this.#retryAtMs);
    writer.u32(this.#retryMs);
    writer.u32(this.unreadable);
    if (this.#phase === APPEND_DUE) writer.bytes(this.#signature, SIGNATURE_BYTES);
    return writer.finish();
  }

  /** The open or closed batch is read from the journal again: the next commands say so. */
  restore(bytes: Uint8Array, offset: number): number {
    const reader = new StateReader(bytes, offset, STATE_TAG.attester, VERSION);
    if (!reader.valid) return -1;
    this.#phase = reader.u8();
    this.#first = reader.u32();
    this.#cursor = this.#first;
    this.#rebuildTo = reader.u32();
    this.#rebuildCount = reader.u8();
    this.#journalNext = reader.u32();
    this.#seq = reader.u32();
    this.#draining = reader.bool();
    this.#retryAtMs = reader.time();
    this.#retryMs = reader.u32();
    this.unreadable = reader.u32();
    if (this.#phase === APPEND_DUE) reader.bytes(this.#signature, SIGNATURE_BYTES);
    return reader.end;
  }
}
