/**
 * What tokens state beside batches of readings, and the rules that both the signing and the reading side hold them to. Each has a seq of its own, so
 * that none can be left out unseen. Encoded by statement-claims.ts.
 *
 *   boot     who the node is in this boot: software, place, sensors, what holds its key
 *   digest   what the node's tokens from one seq to another were
 *   anchor   which wall time an uptime was; with a nonce, the answer to a challenge
 *   key      the key that signs every token with a higher seq
 */
import { checkEntity, type EntityClaims, isUintUpTo, MAX_TIME_S, MIN_WALL_TIME_S, UEID_BYTES } from "./batch.ts";
import { type PublicKey, publicKeyBytes } from "./cose-key.ts";
import type { Profile } from "./profile.ts";
import { isTimeQuality } from "./time-quality.ts";

export const DIGEST_BYTES = 32;
export const MIN_NONCE_BYTES = 8;
export const MAX_NONCE_BYTES = 64;
/** Bounds of a boot token's texts, so that the longest one fits: swname, swversion; model and calibration of a sensor. */
export const MAX_SOFTWARE_TEXT = 32;
export const MAX_SENSORS = 10;
export const MAX_SENSOR_MODEL = 24;
export const MAX_CALIBRATION = 32;
/** Accuracies and altitudes beyond this are nonsense. Metres. */
export const MAX_DISTANCE_M = 10_000_000;

const MAX_UINT32 = 0xffffffff;

/** What holds the node's signing key, from the weakest on. */
export const PROTECTION = Object.freeze({
  /** Flash that anyone who holds the board can read. */
  plainFlash: 0,
  /** Flash encrypted by a key of the chip. */
  encryptedFlash: 1,
  /** Derived from or kept in fuses that software cannot read. */
  efuse: 2,
  secureElement: 3,
} as const);

export type Protection = (typeof PROTECTION)[keyof typeof PROTECTION];

/** Where a node stands (RFC 9711 4.2.10), WGS 84. */
export interface Location {
  /** Degrees, north positive. */
  latitude: number;
  /** Degrees, east positive. */
  longitude: number;
  /** Metres above the ellipsoid. */
  altitude: number | undefined;
  /** Metres, horizontal. */
  accuracy: number | undefined;
}

/** A sensor as a boot token names it. */
export interface SensorModel {
  model: string;
  /** Date or number of its calibration, as the operator writes it. */
  calibration: string | undefined;
}

/** Who the node is in this boot; its batch tokens are rebuilt from it. */
export interface BootClaims extends EntityClaims {
  kind: "boot";
  /** Whether `timeS` is Unix time; uptime otherwise. */
  wallTime: boolean;
  /** When the token was made, seconds. */
  timeS: number;
  profile: Profile;
  bootCount: number;
  seq: number;
  /** Name and version of the software. */
  swname: string;
  swversion: string;
  /** SHA-256 of the image that runs. */
  imageDigest: Uint8Array | undefined;
  location: Location | undefined;
  sensors: readonly SensorModel[];
  protection: Protection;
}

/** SHA-256 over the SHA-256 of each of the node's tokens from `firstSeq` to `lastSeq`, one behind the other. */
export interface DigestClaims {
  kind: "digest";
  wallTime: boolean;
  /** When the token was made, seconds: Unix time or uptime. */
  timeS: number;
  ueid: Uint8Array;
  bootCount: number;
  seq: number;
  firstSeq: number;
  lastSeq: number;
  digest: Uint8Array;
}

/** Wall time and uptime of the same instant. */
export interface AnchorClaims {
  kind: "anchor";
  /** Unix time in seconds, or 0 when it is not known: then `timeQuality` is 0 and there is a nonce. */
  wallS: number;
  uptimeS: number;
  /** See time-quality.ts. */
  timeQuality: number;
  /** The verifier's challenge, 8 to 64 bytes. */
  nonce: Uint8Array | undefined;
  ueid: Uint8Array;
  bootCount: number;
  seq: number;
}

/** A change of keys, signed by the key in force before. */
export interface KeyClaims {
  kind: "key";
  /** Unix time in seconds, or 0 when it is not known. */
  wallS: number;
  ueid: Uint8Array;
  bootCount: number;
  seq: number;
  /** It signs every token with a higher seq. */
  newKey: PublicKey;
}

export type StatementClaims = BootClaims | DigestClaims | AnchorClaims | KeyClaims;

/** Why this may not stand in a token, or undefined. */
export function checkStatement(claims: StatementClaims): string | undefined {
  if (claims.ueid.length !== UEID_BYTES || claims.ueid[0] !== 0x02) return "ueid-form";
  if (!isUintUpTo(claims.bootCount, MAX_UINT32)) return "bootcount-out-of-range";
  if (!isUintUpTo(claims.seq, MAX_UINT32)) return "seq-out-of-range";
  switch (claims.kind) {
    case "boot":
      return checkEntity(claims) ?? checkTime(claims.timeS, claims.wallTime) ?? checkBoot(claims);
    case "digest":
      return checkTime(claims.timeS, claims.wallTime) ?? checkDigest(claims);
    case "anchor":
      return checkAnchor(claims);
    case "key":
      return checkOptionalWallTime(claims.wallS) ?? checkKey(claims.newKey);
  }
}

/** Why this key may not stand in a token, or undefined. */
export function checkKey({ alg, publicKey }: PublicKey): string | undefined {
  return publicKey.length === publicKeyBytes(alg) ? undefined : "key-form";
}

function checkTime(timeS: number, wallTime: boolean): string | undefined {
  if (!isUintUpTo(timeS, MAX_TIME_S)) return "time-out-of-range";
  return wallTime && timeS < MIN_WALL_TIME_S ? "wall-time-before-2001" : undefined;
}

/** Unix seconds, or 0 for none. */
export function checkOptionalWallTime(wallS: number): string | undefined {
  return wallS === 0 ? undefined : checkTime(wallS, true);
}

function checkDigest({ firstSeq, lastSeq, seq, digest }: DigestClaims): string | undefined {
  if (!isUintUpTo(lastSeq, seq - 1) || !isUintUpTo(firstSeq, lastSeq)) return "digest-range";
  return digest.length === DIGEST_BYTES ? undefined : "digest-form";
}

function checkAnchor({ wallS, uptimeS, timeQuality, nonce }: AnchorClaims): string | undefined {
  const reason = checkOptionalWallTime(wallS) ?? checkTime(uptimeS, false);
  if (reason !== undefined) return reason;
  if (!isTimeQuality(timeQuality) || (timeQuality !== 0) !== (wallS !== 0)) return "time-quality-invalid";
  if (nonce === undefined) return wallS === 0 ? "anchor-without-time" : undefined;
  return nonce.length < MIN_NONCE_BYTES || nonce.length > MAX_NONCE_BYTES ? "nonce-length" : undefined;
}

function checkBoot(boot: BootClaims): string | undefined {
  if (!isText(boot.swname, MAX_SOFTWARE_TEXT) || !isText(boot.swversion, MAX_SOFTWARE_TEXT)) return "software-text";
  if (boot.imageDigest !== undefined && boot.imageDigest.length !== DIGEST_BYTES) return "measurements-form";
  if (boot.location !== undefined && !isLocation(boot.location)) return "location-out-of-range";
  if (boot.sensors.length > MAX_SENSORS) return "sensors-form";
  for (const { model, calibration } of boot.sensors) {
    if (!isText(model, MAX_SENSOR_MODEL)) return "sensors-form";
    if (calibration !== undefined && !isText(calibration, MAX_CALIBRATION)) return "sensors-form";
  }
  return isUintUpTo(boot.protection, PROTECTION.secureElement) ? undefined : "protection-unknown";
}

/** ASCII without control characters, at least one character. */
function isText(text: string, maxLength: number): boolean {
  if (text.length < 1 || text.length > maxLength) return false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}

function isLocation({ latitude, longitude, altitude, accuracy }: Location): boolean {
  return (
    isWithin(latitude, 90) &&
    isWithin(longitude, 180) &&
    (altitude === undefined || isWithin(altitude, MAX_DISTANCE_M)) &&
    (accuracy === undefined || (accuracy >= 0 && isWithin(accuracy, MAX_DISTANCE_M)))
  );
}

/** Whether a number is from -limit to limit. -0 is none: it would be another encoding of 0. */
function isWithin(value: number, limit: number): boolean {
  return value >= -limit && value <= limit && !Object.is(value, -0);
}
