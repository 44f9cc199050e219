/** A node, a batch and a signed token for the tests of wire/. */
import { createHash } from "node:crypto";
import { p256 } from "@noble/curves/nist.js";
import { encodeSign1, KID_BYTES, protectedHeader, sigStructure } from "../../../firmware/wire/cose-sign1.ts";
import {
  type Batch,
  encodeClaims,
  MAX_BATCH_READINGS,
  MAX_CLAIMS_BYTES,
  MAX_TOKEN_BYTES,
  type NodeIdentity,
} from "../../../firmware/wire/eat-token.ts";
import { columnCount } from "../../../firmware/wire/profile.ts";
import { WEATHER } from "../../../firmware/wire/profiles/weather.ts";
import { TIME_SOURCE, timeQuality } from "../../../firmware/wire/time-quality.ts";

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** A private key that is nobody's: 32 times 7. */
export const SECRET_KEY = new Uint8Array(32).fill(7);

export function makeIdentity(): NodeIdentity {
  return {
    ueid: fromHex("02a1b2c3d4e5f60718"),
    oemid: fromHex("a1b2c3"),
    hwmodel: new Uint8Array(Buffer.from("heltec-v3")),
    dbgstat: 2,
    kid: fromHex("1122334455667788"),
    alg: -7,
  };
}

/** `count` readings at 5-minute steps: a calm morning with integers that move as weather does. */
export function makeBatch(count = 36): Batch {
  const columns = Array.from({ length: columnCount(WEATHER) }, () => new Int32Array(MAX_BATCH_READINGS));
  for (let i = 0; i < count; i++) {
    const row = [
      0,
      120 + i,
      90 - (i >> 1),
      10132 - (i & 3),
      (i * 7) % 40,
      10 + ((i * 7) % 40),
      (i * 5) % 72,
      1000 + i,
      i * 9,
      400,
    ];
    for (let c = 0; c < row.length; c++) columns[c][i] = row[c];
  }
  return {
    profile: WEATHER,
    bootCount: 3,
    seq: 70_000,
    t0: 1_700_000_100,
    dt: 300,
    timeQuality: timeQuality(TIME_SOURCE.deviceTime, 900),
    wallTime: true,
    count,
    columns,
  };
}

/** The claims of a batch as bytes of their own length. */
export function claimsOf(identity: NodeIdentity, batch: Batch): Uint8Array {
  const into = new Uint8Array(MAX_CLAIMS_BYTES);
  return into.slice(0, encodeClaims(identity, batch, into));
}

/** Signs any payload as one of our tokens (ES256, RFC 6979 nonce, low-S). */
export function signPayload(identity: NodeIdentity, payload: Uint8Array, secretKey = SECRET_KEY): Uint8Array {
  const toBeSigned = new Uint8Array(2 * MAX_TOKEN_BYTES);
  const length = sigStructure(protectedHeader(identity.alg), payload, payload.length, toBeSigned);
  const digest = createHash("sha256").update(toBeSigned.subarray(0, length)).digest();
  const signature = p256.sign(digest, secretKey, { prehash: false, lowS: true });
  const token = new Uint8Array(2 * MAX_TOKEN_BYTES);
  const kid = identity.kid.subarray(0, KID_BYTES);
  return token.slice(0, encodeSign1(identity.alg, kid, payload, payload.length, signature, token));
}

/** A whole signed token. */
export function makeToken(batch = makeBatch()): Uint8Array {
  const identity = makeIdentity();
  return signPayload(identity, claimsOf(identity, batch));
}
