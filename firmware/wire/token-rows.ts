/**
 * A batch token's readings row by row, as a node needs them that reads its own token from flash to send it in another form. One object for all
 * tokens, nothing allocated on the way; the columns stay where they are, each with a cursor of its own.
 *
 *   closed --`open`: a batch token of the profile--> at the first row --`next`--> ... --`next`: false--> behind the last row
 *                  +-> closed: any other bytes
 *
 * It reads the form that batch-claims.ts and cose-sign1.ts write. A flash that lies (its checksums are the log's) gives `false`, or rows that
 * no receiver will find the signature to fit; it never reads outside of the token.
 */
import { MAX_BATCH_READINGS } from "./batch.ts";
import { BATCH_ITEMS } from "./batch-claims.ts";
import { CLAIM } from "./claim-keys.ts";
import type { CompactRow } from "./compact-model.ts";
import { SIGNATURE_BYTES } from "./cose-sign1.ts";
import { columnCount, type Profile } from "./profile.ts";

const MAJOR_UINT = 0;
const MAJOR_NEGATIVE = 1;
const MAJOR_BYTES = 2;
const MAJOR_TEXT = 3;
const MAJOR_ARRAY = 4;
const MAJOR_MAP = 5;
const MAJOR_TAG = 6;
/** Of COSE_Sign1. */
const TAG = 18;

export class TokenRows {
  /** What the token says of its batch; of the token that was opened last. Times in seconds. */
  bootCount = 0;
  seq = 0;
  t0 = 0;
  dt = 0;
  timeQuality = 0;
  count = 0;
  /** Where the signature begins in the token. */
  signatureOffset = 0;
  /** The row that `next` has read; it must stay as it is until the next one. */
  readonly row: CompactRow;
  #profile: Profile;
  #bytes: Uint8Array | undefined;
  #end = 0;
  #at = 0;
  #major = 0;
  #argument = 0;
  /** By column: where its next difference stands. The value before that is the row's. */
  #cursors: Int32Array;
  #rowsLeft = 0;

  constructor(profile: Profile) {
    this.#profile = profile;
    const columns = columnCount(profile);
    this.#cursors = new Int32Array(columns);
    this.row = { flags: 0, values: new Int32Array(columns - 1) };
  }

  /** Opens a token of `length` bytes, which must stay as it is while its rows are read. False when it is no batch of the profile. */
  open(token: Uint8Array, length: number): boolean {
    this.#bytes = token;
    this.#end = length;
    this.#at = 0;
    this.#rowsLeft = 0;
    if (!this.openClaims() || !this.skipToBatch() || !this.openBatch()) return false;
    // The payload ends with the batch; the signature is all that follows.
    if (!this.is(MAJOR_BYTES, SIGNATURE_BYTES)) return false;
    this.signatureOffset = this.#at;
    if (this.#at + SIGNATURE_BYTES !== length) return false;
    this.row.flags = 0;
    this.row.values.fill(0);
    this.#rowsLeft = this.count;
    return true;
  }

  /** Reads the next row into `row`; false behind the last one. */
  next(): boolean {
    if (this.#rowsLeft === 0) return false;
    this.#rowsLeft--;
    const { row } = this;
    for (let c = 0; c < this.#cursors.length; c++) {
      this.#at = this.#cursors[c];
      this.head();
      const difference = this.#major === MAJOR_NEGATIVE ? -1 - this.#argument : this.#argument;
      this.#cursors[c] = this.#at;
      if (c === 0) row.flags = (row.flags + difference) | 0;
      else row.values[c - 1] += difference;
    }
    return true;
  }

  /** Reads an item's head into #major and #argument; false when it is none or stands outside. */
  private head(): boolean {
    if (this.#at >= this.#end) return false;
    const initial = this.#bytes![this.#at++];
    this.#major = initial >>> 5;
    const info = initial & 31;
    this.#argument = info;
    if (info < 24) return true;
    if (info > 27) return false;
    let argument = 0;
    for (let left = 1 << (info - 24); left > 0; left--) {
      if (this.#at >= this.#end) return false;
      argument = argument * 256 + this.#bytes![this.#at++];
    }
    this.#argument = argument;
    return true;
  }

  /** Whether an item of this type is next, with this number in its head where one is given. */
  private is(major: number, argument = -1): boolean {
    return this.head() && this.#major === major && (argument < 0 || this.#argument === argument);
  }

  /** A string's content, or the nothing that an integer has. */
  private skip(): boolean {
    if (!this.head()) return false;
    if (this.#major === MAJOR_BYTES || this.#major === MAJOR_TEXT) this.#at += this.#argument;
    else if (this.#major > MAJOR_NEGATIVE) return false;
    return this.#at <= this.#end;
  }

  /** Up to the map of claims. */
  private openClaims(): boolean {
    if (!this.is(MAJOR_TAG, TAG)) return false;
    if (!this.is(MAJOR_ARRAY, 4)) return false;
    if (!this.skip() || !this.is(MAJOR_MAP, 1)) return false;
    if (!this.skip() || !this.skip()) return false;
    return this.is(MAJOR_BYTES) && this.is(MAJOR_MAP);
  }

  /** Takes the claims that are wanted, up to the batch; it is the last one. */
  private skipToBatch(): boolean {
    for (let left = this.#argument; left > 0; left--) {
      if (!this.head()) return false;
      const key = this.#major === MAJOR_NEGATIVE ? -1 - this.#argument : this.#argument;
      if (key === CLAIM.batch) return left === 1;
      if (key === CLAIM.profile) {
        if (!this.isProfile()) return false;
      } else if (key === CLAIM.bootCount) {
        if (!this.is(MAJOR_UINT)) return false;
        this.bootCount = this.#argument;
      } else if (key === CLAIM.seq) {
        if (!this.is(MAJOR_UINT)) return false;
        this.seq = this.#argument;
      } else if (!this.skip()) {
        return false;
      }
    }
    return false;
  }

  private isProfile(): boolean {
    const { uri } = this.#profile;
    if (!this.is(MAJOR_TEXT, uri.length) || this.#at + uri.length > this.#end) return false;
    for (let i = 0; i < uri.length; i++) if (this.#bytes![this.#at++] !== uri.charCodeAt(i)) return false;
    return true;
  }

  private openBatch(): boolean {
    if (!this.is(MAJOR_ARRAY, BATCH_ITEMS)) return false;
    if (!this.is(MAJOR_UINT)) return false;
    this.t0 = this.#argument;
    if (!this.is(MAJOR_UINT)) return false;
    this.dt = this.#argument;
    if (this.dt === 0) return false;
    if (!this.is(MAJOR_UINT)) return false;
    this.timeQuality = this.#argument;
    if (!this.is(MAJOR_ARRAY, this.#cursors.length)) return false;
    for (let c = 0; c < this.#cursors.length; c++) if (!this.openColumn(c)) return false;
    return true;
  }

  /** Leaves the column's cursor at its first difference and goes on behind its last one. */
  private openColumn(c: number): boolean {
    if (!this.is(MAJOR_ARRAY)) return false;
    if (c === 0) this.count = this.#argument;
    else if (this.#argument !== this.count) return false;
    if (this.count === 0 || this.count > MAX_BATCH_READINGS) return false;
    this.#cursors[c] = this.#at;
    for (let i = 0; i < this.count; i++) if (!this.head() || this.#major > MAJOR_NEGATIVE) return false;
    return true;
  }
}
