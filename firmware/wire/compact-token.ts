/**
 * The compact token: what a LoRa node sends of a batch token (eat-token.ts). Only what the receiver cannot know; it rebuilds the token byte
 * for byte (compact-rebuild.ts), and the signature says whether it guessed right.
 *
 *   compact token = range coded data | signature (64 bytes)
 *   data          = header, first reading, { goes on, reading }, ends
 *
 * Symbols and probabilities: compact-header.ts, compact-model.ts, compact-tables.ts. The length of the whole is the transport's to say. The
 * node codes readings as they come, in constant memory; each token can be decoded by itself.
 */
import { MAX_BATCH_READINGS } from "./batch.ts";
import { type CompactHeader, codeGoesOn, codeHeader } from "./compact-header.ts";
import { CompactModel, type CompactRow } from "./compact-model.ts";
import type { CompactRules } from "./compact-rules.ts";
import { type Refusal, SIGNATURE_BYTES } from "./cose-sign1.ts";
import { columnCount, missingFlag, type Profile } from "./profile.ts";
import { RangeDecoder, RangeEncoder } from "./range-coder.ts";

/** No more than a whole token may have. */
export const MAX_COMPACT_BYTES = 1024;

/** The range coder's marks. */
const BEFORE_ROW = 0;
const AFTER_ROW = 1;

/** What a node says of a batch before its first reading. */
export interface CompactStart {
  /** In full; the encoder takes what it needs. */
  bootCount: number;
  seq: number;
  /** Seconds, a multiple of dt. */
  t0: number;
  dt: number;
  timeQuality: number;
  /** First values in full: after boot, after long gaps, once a day. */
  key: boolean;
  /** Number, time and boot in full as well: for what is sent out of order or later than six hours. */
  escape: boolean;
}

/** Codes a batch as its readings come. Made once; `start` begins the next batch. */
export class CompactEncoder {
  #coder: RangeEncoder;
  #model: CompactModel;
  #limit = 0;
  #count = 0;
  #length = 0;
  #header: CompactHeader = { escape: false, key: false, bootCount: 0, seq: 0, slot: 0, dt: 0, timeQuality: 0 };

  /** Writes into `into`, which must be its own while a batch is open. */
  constructor(profile: Profile, rules: CompactRules, into: Uint8Array) {
    this.#coder = new RangeEncoder(into);
    this.#model = new CompactModel(profile, rules, false);
  }

  /** Begins a batch whose data may take `limit` bytes (without the signature), no more than the buffer has. */
  start(begin: CompactStart, limit: number): void {
    const header = this.#header;
    header.escape = begin.escape;
    header.key = begin.key;
    header.bootCount = begin.bootCount;
    header.seq = begin.seq;
    header.slot = begin.t0 / begin.dt;
    header.dt = begin.dt;
    header.timeQuality = begin.timeQuality;
    this.#coder.start();
    this.#model.start(begin.key || begin.escape);
    codeHeader(this.#coder, header);
    this.#limit = limit;
    this.#count = 0;
    this.#length = 0;
  }

  /** Readings so far. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of data, complete as they stand in the buffer: the place of the signature. */
  get length(): number {
    return this.#length;
  }

  /** Adds a reading. False when it does not fit any more; then the batch stands as it was before. */
  add(row: CompactRow): boolean {
    if (this.#count === MAX_BATCH_READINGS) return false;
    this.#coder.mark(BEFORE_ROW);
    this.#model.mark();
    if (this.#count > 0) codeGoesOn(this.#coder, this.#count, true);
    this.#model.row(this.#coder, row);
    this.#count++;
    const length = this.#length;
    this.#end();
    if (this.#length <= this.#limit) return true;
    this.#coder.reset(BEFORE_ROW);
    this.#model.reset();
    this.#count--;
    if (this.#count > 0) this.#end();
    else this.#length = length;
    return false;
  }

  /** Ends the data in the buffer, and goes back to where another reading can follow. */
  #end(): void {
    this.#coder.mark(AFTER_ROW);
    codeGoesOn(this.#coder, this.#count, false);
    this.#length = this.#coder.finish();
    this.#coder.reset(AFTER_ROW);
  }
}

/** A compact token taken apart: the readings, and hints at the rest. The signature is not checked yet. */
export interface CompactBatch {
  ok: true;
  header: CompactHeader;
  count: number;
  /** As the columns of a batch, `count` long, but where `windowed`: to all values of a field from `firsts` on, the same multiple of its window is to be added. */
  columns: Int32Array[];
  /** By field: the window of its values, or 0 where they are whole. */
  windows: number[];
  /** By field: index of the first reading that has it; `count` where none has. */
  firsts: number[];
  /** Where the signature begins. */
  signatureOffset: number;
}

/**
 * Decodes a compact token. Takes any bytes; every number it gives is checked where the token is rebuilt.
 *
 * Reasons: compact-length, kind-unknown, header-out-of-range.
 */
export function decodeCompact(profile: Profile, rules: CompactRules, bytes: Uint8Array): CompactBatch | Refusal {
  const signatureOffset = bytes.length - SIGNATURE_BYTES;
  if (signatureOffset < 1 || bytes.length > MAX_COMPACT_BYTES) return { ok: false, reason: "compact-length" };
  const coder = new RangeDecoder(bytes, signatureOffset);
  const header: CompactHeader = { escape: false, key: false, bootCount: 0, seq: 0, slot: 0, dt: 0, timeQuality: 0 };
  const reason = codeHeader(coder, header);
  if (reason !== "") return { ok: false, reason };
  const model = new CompactModel(profile, rules, true);
  model.start(header.key);
  const fields = profile.fields.length;
  const rows: Int32Array[] = [];
  for (let c = 0; c < columnCount(profile); c++) rows.push(new Int32Array(MAX_BATCH_READINGS));
  const row: CompactRow = { flags: 0, values: new Int32Array(fields) };
  let count = 0;
  do {
    model.row(coder, row);
    rows[0][count] = row.flags;
    for (let f = 0; f < fields; f++) rows[f + 1][count] = row.values[f];
    count++;
  } while (codeGoesOn(coder, count, false));
  const windows: number[] = [];
  const firsts: number[] = [];
  for (let f = 0; f < fields; f++) {
    windows.push(model.window(f));
    let first = 0;
    while (first < count && (rows[0][first] & missingFlag(f)) !== 0) first++;
    firsts.push(first);
  }
  const columns = rows.map((column) => column.slice(0, count));
  return { ok: true, header, count, columns, windows, firsts, signatureOffset };
}
