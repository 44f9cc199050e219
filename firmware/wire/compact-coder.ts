/**
 * What codes a compact token (compact-token.ts), row by row. Between two rows all that it knows can be put aside and taken up again, so that one coder
 * serves all on a node that code in turn: the batch that is open, and the tokens that are sent meanwhile.
 */
import { type CompactHeader, codeGoesOn, codeHeader } from "./compact-header.ts";
import { CompactModel, type CompactRow } from "./compact-model.ts";
import type { CompactRules } from "./compact-rules.ts";
import type { Profile } from "./profile.ts";
import { RANGE_STATE_NUMBERS, RangeEncoder } from "./range-coder.ts";

/** What a compact token says of its batch beside its readings. */
export interface CompactBatchHead {
  /** In full; the coder takes what it needs. */
  bootCount: number;
  seq: number;
  /** Seconds, a multiple of dt. */
  t0: number;
  dt: number;
  timeQuality: number;
}

/** How it is sent. */
export interface CompactOptions {
  /** First values in full: after boot, after long gaps, once a day. */
  key: boolean;
  /** Number, time and boot in full as well: for what is sent out of order or late, or has no wall time. */
  escape: boolean;
}

export class CompactCoder {
  #range = new RangeEncoder();
  #model: CompactModel;

  constructor(profile: Profile, rules: CompactRules) {
    this.#model = new CompactModel(profile, rules, false);
  }

  /** Begins a token. It is written into `into`; without a buffer it is counted. */
  start(head: CompactBatchHead, options: CompactOptions, into?: Uint8Array): void {
    const { bootCount, seq, t0, dt, timeQuality } = head;
    const { key, escape: inFull } = options;
    const header: CompactHeader = { escape: inFull, key, bootCount, seq, slot: t0 / dt, dt, timeQuality };
    this.#range.start(into);
    codeHeader(this.#range, header);
    this.#model.start(header.key);
  }

  /** Adds a row behind the first `count`. */
  row(row: CompactRow, count: number): void {
    if (count > 0) codeGoesOn(this.#range, count, true);
    this.#model.row(this.#range, row);
  }

  /** Ends the token behind `count` rows; returns the length of its data. */
  end(count: number): number {
    codeGoesOn(this.#range, count, false);
    return this.#range.finish();
  }

  /** The same, and then stands again where another row can follow. `state` is an array of `stateNumbers`. */
  endForNow(count: number, state: Int32Array): number {
    const at = this.stateNumbers - RANGE_STATE_NUMBERS;
    this.#range.save(state, at);
    const length = this.end(count);
    this.#range.load(state, at);
    return length;
  }

  /** Length of the arrays for `save`. */
  get stateNumbers(): number {
    return this.#model.stateNumbers + 2 * RANGE_STATE_NUMBERS;
  }

  /** Puts aside where it stands. */
  save(into: Int32Array): void {
    this.#range.save(into, 0);
    this.#model.save(into, RANGE_STATE_NUMBERS);
  }

  /** Goes on from there, in this buffer. */
  load(from: Int32Array, into?: Uint8Array): void {
    this.#range.into = into;
    this.#range.load(from, 0);
    this.#model.load(from, RANGE_STATE_NUMBERS);
  }
}
