/** What survives a power cut. */

/** Small values under short names (ESP-IDF's NVS on a board). A write is atomic: after a power cut the old or the new value is there. */
export interface KeyValueStore {
  /** Copies the value into `into` and returns its length, or -1 where there is none. */
  read(key: string, into: Uint8Array): number;
  write(key: string, value: Uint8Array, length: number): void;
  delete(key: string): void;
}

/**
 * Append-only records with running numbers, in a ring of flash sectors. A record is there whole or not at all. Numbers are never used
 * twice, not even after everything was trimmed and power was lost.
 */
export interface RecordLog {
  /** Number of the oldest record kept; equal to `next` when there is none. */
  readonly oldest: number;
  /** Number that the next record gets. */
  readonly next: number;
  /** Appends a record (up to `maxRecordLength` bytes) and returns its number, or -1 when there is no room left that may be reclaimed. */
  append(record: Uint8Array, length: number): number;
  /** Copies record `number` to `into`; returns its length, or -1 when it is trimmed, not written yet or damaged. */
  read(number: number, into: Uint8Array): number;
  /** Gives up all records before `number`. */
  trim(number: number): void;
  readonly maxRecordLength: number;
}
