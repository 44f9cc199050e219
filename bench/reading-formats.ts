/** What one reading takes in the forms that others send it in, signed one by one, so that benchmarks can set it beside a batch. */
import { encodeSign1, SIGNATURE_BYTES } from "../firmware/wire/cose-sign1.ts";
import {
  type Batch,
  encodeClaims,
  MAX_CLAIMS_BYTES,
  MAX_TOKEN_BYTES,
  type NodeIdentity,
} from "../firmware/wire/eat-token.ts";
import { fieldValue, missingFlag } from "../firmware/wire/profile.ts";
import { WEATHER } from "../firmware/wire/profiles/weather.ts";

const TIME_QUALITY = (1 << 5) | 11;
const BOOT_COUNT = 3;

const IDENTITY: NodeIdentity = {
  ueid: Uint8Array.from([2, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6, 7, 0x18]),
  oemid: Uint8Array.from([0xa1, 0xb2, 0xc3]),
  hwmodel: Uint8Array.from(Buffer.from("heltec-v3")),
  dbgstat: 2,
  kid: Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]),
  alg: -7,
};

/** Length of one reading of the weather profile in a form. */
export type BytesOfReading = (timeS: number, seq: number, flags: number, row: Int32Array) => number;

/** Short names, so that JSON costs no more than it must. */
const JSON_NAMES = ["t", "h", "p", "ws", "wg", "wd", "r", "g", "b"];

/** RFC 7515 compact serialisation: time, number, boot, flags where any, values by short names. */
export function jwsBytes(timeS: number, seq: number, flags: number, row: Int32Array): number {
  const payload: Record<string, unknown> = {
    ueid: Buffer.from(IDENTITY.ueid).toString("base64url"),
    iat: timeS,
    seq,
    boot: BOOT_COUNT,
    tq: TIME_QUALITY,
  };
  if (flags !== 0) payload.f = flags;
  WEATHER.fields.forEach((field, f) => {
    if ((flags & missingFlag(f)) === 0) payload[JSON_NAMES[f]] = fieldValue(field, row[f]);
  });
  const header = JSON.stringify({ alg: "ES256", kid: Buffer.from(IDENTITY.kid).toString("base64url") });
  const base64Bytes = (bytes: number): number => Math.ceil((bytes * 4) / 3);
  return base64Bytes(header.length) + 1 + base64Bytes(JSON.stringify(payload).length) + 1 + base64Bytes(64);
}

function varintBytes(value: number): number {
  return value < 128 ? 1 : 1 + varintBytes(Math.floor(value / 128));
}

/** A protobuf message: tags of one byte, varints, sint32 values in the profile's scale, raw r and s; the node is the DevEUI's. */
export function protobufBytes(timeS: number, seq: number, flags: number, row: Int32Array): number {
  let bytes =
    1 + varintBytes(timeS) + 1 + varintBytes(seq) + 1 + varintBytes(BOOT_COUNT) + 1 + varintBytes(TIME_QUALITY);
  if (flags !== 0) bytes += 1 + varintBytes(flags);
  WEATHER.fields.forEach((_, f) => {
    if ((flags & missingFlag(f)) === 0) bytes += 1 + varintBytes(row[f] < 0 ? -2 * row[f] - 1 : 2 * row[f]);
  });
  return bytes + 2 + 64;
}

const claims = new Uint8Array(MAX_CLAIMS_BYTES);
const token = new Uint8Array(MAX_TOKEN_BYTES);
const signature = new Uint8Array(SIGNATURE_BYTES);

/** Our own token, not compacted, with a single reading. */
export function coseBytes(timeS: number, seq: number, flags: number, row: Int32Array): number {
  const dt = 300;
  const batch: Batch = {
    profile: WEATHER,
    bootCount: BOOT_COUNT,
    seq,
    t0: timeS - (timeS % dt),
    dt,
    timeQuality: TIME_QUALITY,
    wallTime: true,
    count: 1,
    columns: [
      Int32Array.of(flags),
      ...WEATHER.fields.map((_, f) => Int32Array.of((flags & missingFlag(f)) === 0 ? row[f] : 0)),
    ],
  };
  const length = encodeClaims(IDENTITY, batch, claims);
  return encodeSign1(-7, IDENTITY.kid, claims, length, signature, token);
}
