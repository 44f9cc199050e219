/** How long the tokens are that carry no readings: a boot token and a digest token with usual contents, encoded as a node does. */
import { MAX_CLAIMS_BYTES, MAX_TOKEN_BYTES } from "../../firmware/wire/batch.ts";
import { encodeSign1, KID_BYTES, SIGNATURE_BYTES } from "../../firmware/wire/cose-sign1.ts";
import type { Profile } from "../../firmware/wire/profile.ts";
import { encodeStatement } from "../../firmware/wire/statement-claims.ts";
import { DIGEST_BYTES, PROTECTION, type StatementClaims } from "../../firmware/wire/statements.ts";

/** A node some months old. */
const TIME_S = 1_767_225_600;
const BOOT_COUNT = 30;
const SEQ = 2000;
const UEID = Uint8Array.of(2, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6, 7, 0x18);

/** Bytes of a boot token with place, image digest and three sensors with a calibration each. */
export function bootTokenBytes(profile: Profile): number {
  return tokenBytes({
    kind: "boot",
    wallTime: true,
    timeS: TIME_S,
    ueid: UEID,
    oemid: Uint8Array.of(0xa1, 0xb2, 0xc3),
    hwmodel: new TextEncoder().encode("heltec-v3"),
    dbgstat: 2,
    profile,
    bootCount: BOOT_COUNT,
    seq: SEQ,
    swname: "groundtruth",
    swversion: "1.0.0",
    imageDigest: new Uint8Array(DIGEST_BYTES),
    location: { latitude: 47.37689, longitude: 8.54169, altitude: 450, accuracy: 5 },
    sensors: ["SHT45", "BMP280", "SEN0170"].map((model) => ({ model, calibration: "2026-01-15" })),
    protection: PROTECTION.encryptedFlash,
  });
}

/** Bytes of a digest token over a day. */
export function digestTokenBytes(): number {
  return tokenBytes({
    kind: "digest",
    wallTime: true,
    timeS: TIME_S,
    ueid: UEID,
    bootCount: BOOT_COUNT,
    seq: SEQ,
    firstSeq: SEQ - 20,
    lastSeq: SEQ - 1,
    digest: new Uint8Array(DIGEST_BYTES),
  });
}

function tokenBytes(claims: StatementClaims): number {
  const payload = new Uint8Array(MAX_CLAIMS_BYTES);
  const length = encodeStatement(claims, payload);
  const signature = new Uint8Array(SIGNATURE_BYTES);
  return encodeSign1(-7, new Uint8Array(KID_BYTES), payload, length, signature, new Uint8Array(MAX_TOKEN_BYTES));
}
