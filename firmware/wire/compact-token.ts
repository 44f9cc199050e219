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
import { type CompactBatchHead, CompactCoder, type CompactOptions } from "./compact-coder.ts";
import { type CompactHeader, codeGoesOn, codeHeader } from "./compact-header.ts";
import { CompactModel, type CompactRow } from "./compact-model.ts";
import type { CompactRules } from "./compact-rules.ts";
import { type Refusal, SIGNATURE_BYTES } from "./cose-sign1.ts";
import { columnCount, missingFlag, type Profile } from "./profile.ts";
import { RangeDecoder } from "./range-coder.ts";

/** No more than a whole token may have. */
export const MAX_COMPACT_BYTES = 1024;

/** What a node says of a batch before its first reading. */
export interface CompactStart extends CompactBatchHead, CompactOptions {}

/** Codes a batch as its readings come. Made once; `start` begins the next batch. */
export class CompactEncoder {
  #coder: CompactCoder;
  #into: Uint8Array | undefined;
  /** Where the coder stood behind the last reading. */
  #state: Int32Array;
  /** Bytes that the data may take, without the signature. It may change while a batch is open; what is in stays in. */
  limit = 0;
  #count = 0;
  #length = 0;

  /**
   * Writes into `into`, which must be its own while a batch is open; without a buffer it counts. Between two readings others may use the coder.
   */
  constructor(profile: Profile, rules: CompactRules, into?: Uint8Array, coder = new CompactCoder(profile, rules)) {
    this.#coder = coder;
    this.#into = into;
    this.#state = new Int32Array(coder.stateNumbers);
  }

  /** Begins a batch whose data may take `limit` bytes (without the signature), no more than the buffer has. */
  start(begin: CompactStart, limit: number): void {
    this.#coder.start(begin, begin, this.#into);
    this.#coder.save(this.#state);
    this.limit = limit;
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
    const coder = this.#coder;
    coder.load(this.#state, this.#into);
    coder.row(row, this.#count);
    const length = coder.endForNow(this.#count + 1, this.#state);
    if (length <= this.limit) {
      coder.save(this.#state);
      this.#count++;
      this.#length = length;
      return true;
    }
    coder.load(this.#state, this.#into);
    // The end of what is in stands in the buffer again.
    if (this.#count > 0) coder.endForNow(this.#count, this.#state);
    return false;
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
