/** One token of each kind, profile and time base by each algorithm: what every outside library gets to judge. */
import type { PublicKey } from "../../firmware/wire/cose-key.ts";
import {
  type AnchorClaims,
  type BootClaims,
  type Claims,
  type DigestClaims,
  encodeTokenClaims,
  type KeyClaims,
  MAX_CLAIMS_BYTES,
  type StatementClaims,
  type TokenClaims,
} from "../../firmware/wire/eat-token.ts";
import { columnCount, missingFlag, type Profile, suspectFlag } from "../../firmware/wire/profile.ts";
import { KNOWN_PROFILES } from "../../firmware/wire/profiles/known.ts";
import { WEATHER } from "../../firmware/wire/profiles/weather.ts";
import { ENTITY, sha256, signToken, type TokenKey, tokenKeys } from "./token-keys.ts";

export interface Sample {
  /** What it is, for titles and messages. */
  what: string;
  key: TokenKey;
  claims: TokenClaims;
  token: Uint8Array;
}

/** 2026-01-01T00:00:00Z. */
const NOW_S = 1_767_225_600;
/** The boot token whose location looks like integers to JavaScript: its floats can be told from them in other languages only. */
export const WHOLE_DEGREES = "boot at whole degrees";
const AT_SEA = { latitude: -48, longitude: 0 };
const READINGS = 12;
const STEP_S = 300;

/** Readings that walk through the range of every field, one of them suspect and one missing. */
function batchClaims(profile: Profile, wallTime: boolean, seq: number): Claims {
  const columns = Array.from({ length: columnCount(profile) }, () => new Int32Array(READINGS));
  profile.fields.forEach(({ min, max }, f) => {
    const step = Math.floor((max - min) / (READINGS + f));
    for (let i = 0; i < READINGS; i++) columns[f + 1][i] = (f & 1) === 0 ? min + step * i : max - step * i;
  });
  columns[0][3] = suspectFlag(profile, 0);
  columns[0][5] = missingFlag(1);
  columns[2][5] = columns[2][4];
  return {
    kind: "batch",
    ...ENTITY,
    profile,
    bootCount: 7,
    seq,
    t0: wallTime ? NOW_S : 600,
    dt: STEP_S,
    timeQuality: wallTime ? (1 << 5) | 10 : 0,
    wallTime,
    count: READINGS,
    columns,
  };
}

function bootClaims(full: boolean): BootClaims {
  return {
    kind: "boot",
    ...ENTITY,
    wallTime: full,
    timeS: full ? NOW_S : 9,
    profile: WEATHER,
    bootCount: 7,
    seq: 40,
    swname: "groundtruth",
    swversion: "0.1.0",
    imageDigest: full ? sha256("image") : undefined,
    // Of every length that a float may need: half, single, double.
    location: full ? { latitude: 48.5, longitude: 11.123456789, altitude: 519.25, accuracy: 3.1 } : undefined,
    sensors: full
      ? [
          { model: "SHT45", calibration: "2025-11-03" },
          { model: "BMP390", calibration: undefined },
        ]
      : [],
    protection: full ? 3 : 0,
  };
}

function digestClaims(wallTime: boolean, tokens: readonly Uint8Array[]): DigestClaims {
  const { ueid } = ENTITY;
  const seq = 30 + tokens.length;
  const digest = sha256(...tokens.map((token) => sha256(token)));
  return {
    kind: "digest",
    wallTime,
    timeS: wallTime ? NOW_S : 86_400,
    ueid,
    bootCount: 7,
    seq,
    firstSeq: 30,
    lastSeq: seq - 1,
    digest,
  };
}

function anchorClaims(wallTime: boolean, nonce: Uint8Array | undefined): AnchorClaims {
  const { ueid } = ENTITY;
  const timeQuality = wallTime ? (2 << 5) | 12 : 0;
  return {
    kind: "anchor",
    wallS: wallTime ? NOW_S : 0,
    uptimeS: 1234,
    timeQuality,
    nonce,
    ueid,
    bootCount: 7,
    seq: 42,
  };
}

function keyClaims(newKey: PublicKey, wallTime: boolean): KeyClaims {
  return { kind: "key", wallS: wallTime ? NOW_S : 0, ueid: ENTITY.ueid, bootCount: 7, seq: 43, newKey };
}

function statements(batches: readonly Uint8Array[]): [string, StatementClaims][] {
  const next = tokenKeys(1);
  return [
    ["boot with all that it may say", bootClaims(true)],
    ["boot in uptime, with what it must say", bootClaims(false)],
    [WHOLE_DEGREES, { ...bootClaims(true), location: { ...AT_SEA, altitude: undefined, accuracy: undefined } }],
    ["digest", digestClaims(true, batches)],
    ["digest in uptime", digestClaims(false, batches)],
    ["anchor", anchorClaims(true, undefined)],
    ["anchor with the answer to a challenge", anchorClaims(true, sha256("challenge").slice(0, 16))],
    ["answer to a challenge without wall time", anchorClaims(false, sha256("challenge"))],
    ...next.map((key, i): [string, StatementClaims] => [`key, to ${key.name}`, keyClaims(key, i > 0)]),
  ];
}

function sampleOf(what: string, key: TokenKey, claims: TokenClaims): Sample {
  const into = new Uint8Array(MAX_CLAIMS_BYTES);
  return { what, key, claims, token: signToken(key, into.slice(0, encodeTokenClaims(claims, into))) };
}

/** All of one key. The digests are over the batches that stand before them. */
function samplesOf(key: TokenKey): Sample[] {
  const samples: Sample[] = [];
  for (const profile of KNOWN_PROFILES) {
    for (const wallTime of [true, false]) {
      const what = `batch of ${profile.uri}${wallTime ? "" : " in uptime"}`;
      samples.push(sampleOf(what, key, batchClaims(profile, wallTime, 30 + samples.length)));
    }
  }
  const batches = samples.map(({ token }) => token);
  for (const [what, claims] of statements(batches)) samples.push(sampleOf(what, key, claims));
  return samples;
}

/** By ES256, EdDSA and ES256K: the same claims by each. */
export const SAMPLES: readonly Sample[] = tokenKeys().flatMap(samplesOf);

/** A bit turned in s, in r, in the claims. */
export function changedTokens(token: Uint8Array): Uint8Array[] {
  return [token.length - 1, token.length - 64, token.length - 80].map((at) => {
    const changed = token.slice();
    changed[at] ^= 1;
    return changed;
  });
}
