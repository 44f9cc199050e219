/**
 * How the compact token codes the fields of a profile: which value is expected next, by which statistics the difference is coded, and how
 * much of a batch's first value is sent. Data that belongs to the profile's version, like the tables in compact-tables.ts: a change of
 * either is a new version of the profile.
 */

/** What value is expected next. */
export const EXPECT = Object.freeze({
  /** The last one. */
  last: 0,
  /** The last one, less a quarter of what field `of` has just risen (relative humidity falls as the air warms). */
  coupled: 1,
  /** A running average. */
  average: 2,
  /** Field `of` of the same row times a ratio that is learned within the batch (a gust and its wind). */
  ratio: 3,
  /** The running mean of a direction. */
  circular: 4,
  /** The last one, or the line through the last two, whichever erred less of late. */
  line: 5,
} as const);

/** Whose statistics: see compact-model.ts for the contexts of each. */
export const STATISTICS = Object.freeze({
  temperature: 0,
  humidity: 1,
  /** What moves slowly: pressure, voltages, and all that has no statistics of its own. */
  steady: 2,
  wind: 3,
  direction: 4,
  irradiance: 5,
  /** What rests and only ever grows. */
  counter: 6,
} as const);

export interface FieldRule {
  readonly expect: number;
  readonly statistics: number;
  /** The error expected at first, in sixteenths of a unit. */
  readonly error: number;
  /**
   * A batch that does not begin with a key row gives the field's first value modulo 2^windowBits, and the receiver takes the value nearest to
   * what it knew before; 0: the value in full. Only for fields of which no other depends but by its changes.
   */
  readonly windowBits: number;
  /** Index of the field that `coupled` and `ratio` look at. It stands before this one. */
  readonly of?: number;
  /** The ratio expected at first, in 256ths. */
  readonly ratio?: number;
}

/** By URI of the profile; the rules stand in the order of its fields. */
export interface CompactRules {
  readonly uri: string;
  readonly fields: readonly FieldRule[];
}
