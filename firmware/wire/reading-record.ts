/**
 * A reading as the journal keeps it on flash, from the moment it is taken until a token that holds it is in the outbox. Big-endian:
 *
 *   format 1 | profile version 1 | boot count 4 | interval s 3 | time quality 1 | uptime s 4 | wall time s 5 | flags 4 | n 1 | n values of 4
 *
 * The record names its own boot, interval and profile, so that what is read back after a power cut needs nothing else. The log that
 * holds it guards it with a checksum.
 */

const FORMAT = 1;
const FIXED_BYTES = 24;
const TWO_POW_32 = 0x100000000;

/** One sample of all fields of a profile. A node keeps one of these and fills it again and again. */
export interface Reading {
  profileVersion: number;
  bootCount: number;
  /** Seconds between slots, 1 to 86,400. */
  intervalS: number;
  /** See time-quality.ts; 0 exactly when `wallS` is 0. */
  timeQuality: number;
  /** Uptime in seconds; the slot itself when there is no wall time. */
  uptimeS: number;
  /** The slot in Unix seconds, or 0 when wall time is not known. */
  wallS: number;
  /** As column 0 of a batch: see profile.ts. */
  flags: number;
  /** Integers in the profile's scale; 0 where missing. */
  values: Int32Array;
}

/** An empty reading with room for `fields` values. */
export function newReading(fields: number): Reading {
  return {
    profileVersion: 0,
    bootCount: 0,
    intervalS: 0,
    timeQuality: 0,
    uptimeS: 0,
    wallS: 0,
    flags: 0,
    values: new Int32Array(fields),
  };
}

/** Length of the record of a reading with `fields` values. */
export function readingRecordBytes(fields: number): number {
  return FIXED_BYTES + 4 * fields;
}

function putUint(into: Uint8Array, at: number, bytes: number, value: number): void {
  let rest = value;
  for (let i = bytes - 1; i >= 0; i--) {
    into[at + i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

function getUint(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = 0; i < count; i++) value = value * 256 + bytes[at + i];
  return value;
}

/** Writes the record into `into` at `offset` and returns its length. */
export function writeReading(reading: Reading, into: Uint8Array, offset = 0): number {
  const values = reading.values;
  into[offset] = FORMAT;
  into[offset + 1] = reading.profileVersion;
  putUint(into, offset + 2, 4, reading.bootCount);
  putUint(into, offset + 6, 3, reading.intervalS);
  into[offset + 9] = reading.timeQuality;
  putUint(into, offset + 10, 4, reading.uptimeS);
  putUint(into, offset + 14, 5, reading.wallS);
  putUint(into, offset + 19, 4, reading.flags >>> 0);
  into[offset + 23] = values.length;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    putUint(into, offset + FIXED_BYTES + 4 * i, 4, value < 0 ? value + TWO_POW_32 : value);
  }
  return readingRecordBytes(values.length);
}

/** Reads a record into `reading`; false when it is not one of this format with as many values as `reading` has room for. */
export function readReading(bytes: Uint8Array, length: number, reading: Reading): boolean {
  const values = reading.values;
  if (length !== readingRecordBytes(values.length) || bytes[0] !== FORMAT || bytes[23] !== values.length) return false;
  reading.profileVersion = bytes[1];
  reading.bootCount = getUint(bytes, 2, 4);
  reading.intervalS = getUint(bytes, 6, 3);
  reading.timeQuality = bytes[9];
  reading.uptimeS = getUint(bytes, 10, 4);
  reading.wallS = getUint(bytes, 14, 5);
  reading.flags = getUint(bytes, 19, 4) | 0;
  for (let i = 0; i < values.length; i++) values[i] = getUint(bytes, FIXED_BYTES + 4 * i, 4) | 0;
  return true;
}
