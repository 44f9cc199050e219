/**
 * The columns of a batch as its claims have them (batch-claims.ts), while its readings come one by one: the differences stand column behind column
 * in one buffer, and each reading goes in at the ends of all of them. A batch so kept takes a third of what its values would.
 */
import { CborWriter } from "./cbor-writer.ts";
import type { CompactRow } from "./compact-model.ts";
import { columnCount, missingFlag, type Profile } from "./profile.ts";

/** Length of an integer in CBOR: 1, 2, 3 or 5 bytes. */
function cborIntBytes(value: number): number {
  const magnitude = value < 0 ? -1 - value : value;
  return magnitude < 24 ? 1 : magnitude < 0x100 ? 2 : magnitude < 0x10000 ? 3 : 5;
}

export class BatchColumns {
  #profile: Profile;
  #bytes: Uint8Array;
  /** By column: where its differences end; and behind all of these its last value. */
  #state: Int32Array;

  /** With room for this many bytes. */
  constructor(profile: Profile, room: number) {
    this.#profile = profile;
    this.#bytes = new Uint8Array(room);
    this.#state = new Int32Array(2 * columnCount(profile));
  }

  /** Bytes of all differences, without the heads of the columns. */
  get length(): number {
    return this.end(this.columns - 1);
  }

  clear(): void {
    this.#state.fill(0);
  }

  private bytesOf(row: CompactRow): number {
    let bytes = 0;
    for (let c = 0; c < this.columns; c++) bytes += cborIntBytes(this.difference(row, c));
    return bytes;
  }

  /** Whether another row fits. */
  fits(row: CompactRow): boolean {
    return this.length + this.bytesOf(row) <= this.#bytes.length;
  }

  /** Adds a row that fits. Throws on what no receiver would accept: a bug of ours. */
  add(row: CompactRow): void {
    this.check(row);
    const writer = new CborWriter(this.#bytes);
    let shift = this.bytesOf(row);
    // From the last column on, each moves as far as the ones before it will grow.
    for (let c = this.columns - 1; c >= 0; c--) {
      const difference = this.difference(row, c);
      shift -= cborIntBytes(difference);
      this.#bytes.copyWithin(this.end(c - 1) + shift, this.end(c - 1), this.end(c));
      writer.offset = this.end(c) + shift;
      writer.int(difference);
      this.#state[c] = writer.offset;
      this.#state[this.columns + c] += difference;
    }
  }

  /** Writes the array of columns, of `count` rows. */
  write(writer: CborWriter, count: number): void {
    writer.array(this.columns);
    for (let c = 0; c < this.columns; c++) {
      writer.array(count);
      writer.items(this.#bytes, this.end(c - 1), this.end(c));
    }
  }

  private get columns(): number {
    return this.#state.length / 2;
  }

  private end(c: number): number {
    return c < 0 ? 0 : this.#state[c];
  }

  /** Of the flags, or of a field, whose last value is repeated where it is missing (0 at first). */
  private difference(row: CompactRow, c: number): number {
    const last = this.#state[this.columns + c];
    if (c === 0) return row.flags - last;
    return (row.flags & missingFlag(c - 1)) === 0 ? row.values[c - 1] - last : 0;
  }

  private check(row: CompactRow): void {
    const { fields } = this.#profile;
    if (row.flags >>> (2 * fields.length) !== 0) throw new RangeError("claims: unknown-flag");
    for (let f = 0; f < fields.length; f++) {
      const { min, max } = fields[f];
      const isThere = (row.flags & missingFlag(f)) === 0;
      if (isThere && (row.values[f] < min || row.values[f] > max)) throw new RangeError("claims: value-out-of-range");
    }
  }
}
