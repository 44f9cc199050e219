/**
 * Verified readings as the receiver hands them on: plain objects, one JSON line each.
 *
 *   {"node":"…","seq":3,"index":0,"time":"2026-06-01T00:00:00Z","timeQuality":{"source":"lorawan","uncertaintyMs":1024},
 *    "values":{"temperature":21.3,"humidity":null,…},"flags":{"humidity":"missing"},"token":"<SHA-256 of the token, hex>"}
 *
 * A node that did not know the time gives `"time":null` and `uptime` in seconds with the boot it counts from.
 */
import { type Claims, readingTimeS } from "../../firmware/wire/eat-token.ts";
import { fieldValue, missingFlag, suspectFlag } from "../../firmware/wire/profile.ts";
import { timeSourceName, timeUncertaintyMs } from "../../firmware/wire/time-quality.ts";

/** What a flag of the node says about a value: it could not be measured, or it was but looks wrong. */
export type ReadingFlag = "missing" | "suspect";

export interface VerifiedReading {
  /** DevEUI, 16 hexadecimal digits. */
  node: string;
  seq: number;
  /** Place of the reading in its token, from 0. */
  index: number;
  /** ISO 8601 in UTC, or null when the node did not know the time. */
  time: string | null;
  /** Seconds since the node's boot; only where `time` is null. */
  uptime?: number;
  bootCount: number;
  /** How the node knew the time, and within what bound; the bound is null without a source. */
  timeQuality: { source: string; uncertaintyMs: number | null };
  /** By field name, in the profile's units; null where missing. */
  values: { [field: string]: number | null };
  /** By field name; a field that is well is not named. */
  flags: { [field: string]: ReadingFlag };
  /** SHA-256 of the token that proves it, hexadecimal. */
  token: string;
}

/** The reading at `index` of verified claims. */
export function readingOf(claims: Claims, index: number, devEui: string, tokenDigestHex: string): VerifiedReading {
  const flagBits = claims.columns[0][index];
  const values: { [field: string]: number | null } = {};
  const flags: { [field: string]: ReadingFlag } = {};
  claims.profile.fields.forEach((field, f) => {
    const missing = (flagBits & missingFlag(f)) !== 0;
    values[field.name] = missing ? null : fieldValue(field, claims.columns[f + 1][index]);
    if (missing) flags[field.name] = "missing";
    else if ((flagBits & suspectFlag(claims.profile, f)) !== 0) flags[field.name] = "suspect";
  });
  const atS = readingTimeS(claims, index);
  const source = timeSourceName(claims.timeQuality);
  const uncertaintyMs = claims.wallTime ? timeUncertaintyMs(claims.timeQuality) : null;
  return {
    node: devEui,
    seq: claims.seq,
    index,
    time: claims.wallTime ? isoSeconds(atS) : null,
    ...(claims.wallTime ? {} : { uptime: atS }),
    bootCount: claims.bootCount,
    timeQuality: { source, uncertaintyMs },
    values,
    flags,
    token: tokenDigestHex,
  };
}

/** ISO 8601 of whole Unix seconds, without a fraction. */
export function isoSeconds(unixS: number): string {
  return `${new Date(unixS * 1000).toISOString().slice(0, 19)}Z`;
}
