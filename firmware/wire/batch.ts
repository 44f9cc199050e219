/**
 * A batch of readings and the node that took them, as a token states them; and the rules that both the signing and the reading side
 * hold them to (`checkEntity`, `checkBatch`).
 */
import type { SignatureAlgorithm } from "../ports/crypto.ts";
import { SIGN1_OVERHEAD_BYTES } from "./cose-sign1.ts";
import { columnCount, missingFlag, type Profile } from "./profile.ts";
import { isTimeQuality } from "./time-quality.ts";

/** The most readings in a batch: a bound for the device's buffers. */
export const MAX_BATCH_READINGS = 64;
/** The longest token: a quarter of a flash sector, 103 of the 252 tiles that SCHC can number. */
export const MAX_TOKEN_BYTES = 1024;
/** The longest claims that fit such a token. */
export const MAX_CLAIMS_BYTES = MAX_TOKEN_BYTES - SIGN1_OVERHEAD_BYTES;
export const UEID_BYTES = 9;
export const OEMID_BYTES = 3;
export const MAX_HWMODEL_BYTES = 32;
/** 2001-09-09: a wall time before this was not learned from anyone. 1970 is never claimed. */
export const MIN_WALL_TIME_S = 1_000_000_000;
/** Times have 33 bits, so that 2106 is a year like any other. */
export const MAX_TIME_S = 0x1ffffffff;
/** A day: the longest step between readings. */
export const MAX_STEP_S = 86_400;

const MAX_UINT32 = 0xffffffff;

/** What a token says about the node that made it. */
export interface EntityClaims {
  /** 9 bytes: 02 (RAND/EUI type of RFC 9711 4.2.1.1), then the EUI-64. */
  ueid: Uint8Array;
  /** 3 bytes: IEEE OUI of the maker. */
  oemid: Uint8Array;
  /** 1 to 32 bytes, the maker's own. */
  hwmodel: Uint8Array;
  /** RFC 9711 4.2.9: 0 enabled to 4 disabled fully and permanently. */
  dbgstat: number;
}

/** A node and the key that it signs with. */
export interface NodeIdentity extends EntityClaims {
  /** 8 bytes: see cose-key.ts. */
  kid: Uint8Array;
  alg: SignatureAlgorithm;
}

/** What a token says of a batch beside its readings, which are at equal steps. A device keeps one of these and fills it again and again. */
export interface BatchHead {
  profile: Profile;
  bootCount: number;
  /** Number of the outbox record that holds the token. */
  seq: number;
  /** Time of the first reading in seconds: Unix time when `wallTime`, else uptime. A multiple of `dt`. */
  t0: number;
  /** Seconds from reading to reading. */
  dt: number;
  /** See time-quality.ts; 0 exactly when `wallTime` is false. */
  timeQuality: number;
  wallTime: boolean;
  /** Readings in use in each column, 1 to MAX_BATCH_READINGS. */
  count: number;
}

export interface Batch extends BatchHead {
  /** Column 0: flags; column i + 1: field i of the profile. */
  columns: Int32Array[];
}

/** All that the claims of a batch token say. */
export interface Claims extends EntityClaims, Batch {
  kind: "batch";
}

/** Whether a value is a whole number from 0 to `max`. */
export function isUintUpTo(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= max;
}

/** Time of reading `index` in seconds: Unix time or uptime, as the batch has it. */
export function readingTimeS(batch: BatchHead, index: number): number {
  return batch.t0 + index * batch.dt;
}

/** Why these claims about the node may not stand in a token, or undefined. */
export function checkEntity(entity: EntityClaims): string | undefined {
  if (entity.ueid.length !== UEID_BYTES || entity.ueid[0] !== 0x02) return "ueid-form";
  if (entity.oemid.length !== OEMID_BYTES) return "oemid-form";
  if (entity.hwmodel.length < 1 || entity.hwmodel.length > MAX_HWMODEL_BYTES) return "hwmodel-length";
  if (!isUintUpTo(entity.dbgstat, 4)) return "dbgstat-out-of-range";
  return undefined;
}

/** Why this batch may not stand in a token, or undefined. */
export function checkBatch(batch: Batch): string | undefined {
  return checkBatchHead(batch) ?? checkColumns(batch);
}

/** The same of all but its readings. */
export function checkBatchHead(batch: BatchHead): string | undefined {
  if (!isUintUpTo(batch.bootCount, MAX_UINT32)) return "bootcount-out-of-range";
  if (!isUintUpTo(batch.seq, MAX_UINT32)) return "seq-out-of-range";
  if (!isUintUpTo(batch.count, MAX_BATCH_READINGS) || batch.count === 0) return "reading-count-out-of-range";
  if (!isUintUpTo(batch.dt, MAX_STEP_S) || batch.dt === 0) return "step-out-of-range";
  if (!isUintUpTo(batch.t0, MAX_TIME_S)) return "time-out-of-range";
  if (readingTimeS(batch, batch.count - 1) > MAX_TIME_S) return "time-out-of-range";
  if (batch.wallTime && batch.t0 < MIN_WALL_TIME_S) return "wall-time-before-2001";
  if (batch.t0 % batch.dt !== 0) return "start-not-multiple-of-step";
  if (!isTimeQuality(batch.timeQuality) || (batch.timeQuality !== 0) !== batch.wallTime) return "time-quality-invalid";
  return undefined;
}

function checkColumns(batch: Batch): string | undefined {
  const fields = batch.profile.fields;
  if (batch.columns.length !== columnCount(batch.profile)) return "column-count";
  const flags = batch.columns[0];
  const allFlags = (1 << (2 * fields.length)) - 1;
  for (let i = 0; i < batch.count; i++) {
    if ((flags[i] & ~allFlags) !== 0) return "unknown-flag";
  }
  for (let f = 0; f < fields.length; f++) {
    const column = batch.columns[f + 1];
    const { min, max } = fields[f];
    const missing = missingFlag(f);
    let previous = 0;
    for (let i = 0; i < batch.count; i++) {
      const value = column[i];
      if ((flags[i] & missing) !== 0) {
        if (value !== previous) return "missing-value-not-repeated";
      } else if (value < min || value > max) return "value-out-of-range";
      previous = value;
    }
  }
  return undefined;
}
