/**
 * Which tokens of a node are missing. Every node numbers its tokens from 0 without a hole (attestation.md: seq comes from the outbox
 * record), so what was not accepted below the highest number accepted is a gap: late, lost or withheld.
 *
 *      0 ................................................ next
 *      |  written off (a count)  |  listed as ranges       |
 *
 * Memory is bounded: beyond MAX_RANGES the oldest range is no longer listed, only counted, until a late token from it is accepted.
 */

/** Ranges of missing numbers kept a node: 16 KB at most, and more holes than a month of hourly tokens with every other one lost. */
export const MAX_RANGES = 1024;

/** One range of consecutive missing numbers, both ends included. */
export interface MissingRange {
  from: number;
  to: number;
}

export interface GapSummary {
  accepted: number;
  /** One above the highest number accepted. */
  next: number;
  missing: number;
  /** The missing numbers as ranges, oldest first; those written off are not in it. */
  ranges: MissingRange[];
  /** Missing numbers that are no longer listed. */
  writtenOff: number;
  /** Tokens that filled a gap after later ones had come. */
  late: number;
  /** Times a token came again after it had been accepted. */
  duplicates: number;
  /** Tokens and messages of this node that were refused. */
  refused: number;
}

/** What an account counts beside the accepted numbers: for people, so that losing the last second of it does no harm. */
export interface AccountCounters {
  late: number;
  duplicates: number;
  refused: number;
}

export class GapAccount {
  /** One above the highest number accepted. */
  next = 0;
  accepted = 0;
  late = 0;
  duplicates = 0;
  refused = 0;
  writtenOff = 0;
  /** from, to, from, to ...: ascending, never touching. */
  #ranges: number[] = [];

  /**
   * `acceptedRanges` is what the store already holds of this node: from, to, from, to ..., ascending, both ends included. `counters` are those
   * that it kept.
   */
  constructor(acceptedRanges: readonly number[] = [], counters?: AccountCounters) {
    if (counters !== undefined) {
      this.late = counters.late;
      this.duplicates = counters.duplicates;
      this.refused = counters.refused;
    }
    for (let i = 0; i < acceptedRanges.length; i += 2) {
      this.#skipTo(acceptedRanges[i]);
      this.next = acceptedRanges[i + 1] + 1;
      this.accepted += this.next - acceptedRanges[i];
    }
  }

  /** Notes that token `seq` was accepted. Each number is noted once: the store sees to that. */
  accept(seq: number): void {
    this.accepted++;
    if (seq >= this.next) {
      this.#skipTo(seq);
      this.next = seq + 1;
      return;
    }
    this.late++;
    this.#fill(seq);
  }

  summary(): GapSummary {
    const ranges: MissingRange[] = [];
    let missing = this.writtenOff;
    for (let i = 0; i < this.#ranges.length; i += 2) {
      const range = { from: this.#ranges[i], to: this.#ranges[i + 1] };
      missing += range.to - range.from + 1;
      ranges.push(range);
    }
    const { accepted, next, writtenOff, late, duplicates, refused } = this;
    return { accepted, next, missing, ranges, writtenOff, late, duplicates, refused };
  }

  counters(): AccountCounters {
    return { late: this.late, duplicates: this.duplicates, refused: this.refused };
  }

  #skipTo(seq: number): void {
    if (seq === this.next) return;
    this.#ranges.push(this.next, seq - 1);
    this.#bound();
  }

  #bound(): void {
    while (this.#ranges.length > 2 * MAX_RANGES) {
      const [from, to] = this.#ranges.splice(0, 2);
      this.writtenOff += to - from + 1;
    }
  }

  #fill(seq: number): void {
    const ranges = this.#ranges;
    let low = 0;
    let high = ranges.length >>> 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ranges[2 * middle + 1] < seq) low = middle + 1;
      else high = middle;
    }
    const at = 2 * low;
    if (at >= ranges.length || ranges[at] > seq) {
      this.writtenOff--;
      return;
    }
    const from = ranges[at];
    const to = ranges[at + 1];
    if (from === to) ranges.splice(at, 2);
    else if (seq === from) ranges[at]++;
    else if (seq === to) ranges[at + 1]--;
    else {
      ranges.splice(at + 1, 0, seq - 1, seq + 1);
      this.#bound();
    }
  }
}
