/** Batches, and the way of a compact token from node to receiver, for the tests of firmware/wire/compact-*. */
import { createPublicKey, verify } from "node:crypto";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { p256 } from "@noble/curves/nist.js";
import { compactRules } from "../../../firmware/wire/compact-profiles.ts";
import { CompactCandidates, type RebuildContext } from "../../../firmware/wire/compact-rebuild.ts";
import { CompactEncoder, decodeCompact, MAX_COMPACT_BYTES } from "../../../firmware/wire/compact-token.ts";
import { encodeSign1, protectedHeader, SIGNATURE_BYTES, sigStructure } from "../../../firmware/wire/cose-sign1.ts";
import { type Batch, encodeClaims, MAX_CLAIMS_BYTES, MAX_TOKEN_BYTES } from "../../../firmware/wire/eat-token.ts";
import { makeIdentity, SECRET_KEY } from "./token-fixture.ts";

const WEATHER_DATA = new URL("../../../../shared/data/weather/", import.meta.url);

/** Path of a file of real weather, or undefined, with a line that says so. */
export function weatherFile(name: string): string | undefined {
  const path = fileURLToPath(new URL(name, WEATHER_DATA));
  if (existsSync(path)) return path;
  console.log(`      skipped: ../shared/data/weather/${name} is not here`);
  return undefined;
}

const uncompressed = Buffer.from(p256.getPublicKey(SECRET_KEY, false));
const KEY = createPublicKey({
  key: {
    kty: "EC",
    crv: "P-256",
    x: uncompressed.subarray(1, 33).toString("base64url"),
    y: uncompressed.subarray(33).toString("base64url"),
  },
  format: "jwk",
});
const into = new Uint8Array(2 * MAX_TOKEN_BYTES);

export interface CompactOptions {
  key: boolean;
  escape: boolean;
}

/** The compact token of a batch with this signature. The batch is shortened where the limit comes first. */
export function compactOf(
  batch: Batch,
  options: CompactOptions,
  signature: Uint8Array,
  limit = MAX_COMPACT_BYTES - SIGNATURE_BYTES,
): Uint8Array {
  const { profile, bootCount, seq, t0, dt, timeQuality } = batch;
  const buffer = new Uint8Array(limit);
  const encoder = new CompactEncoder(profile, compactRules(profile)!, buffer);
  encoder.start({ bootCount, seq, t0, dt, timeQuality, ...options }, limit);
  const values = new Int32Array(profile.fields.length);
  for (let i = 0; i < batch.count; i++) {
    for (let f = 0; f < values.length; f++) values[f] = batch.columns[f + 1][i];
    if (!encoder.add({ flags: batch.columns[0][i], values })) break;
  }
  const token = new Uint8Array(encoder.length + SIGNATURE_BYTES);
  token.set(buffer.subarray(0, encoder.length));
  token.set(signature, encoder.length);
  return token;
}

/** What a receiver knows that has just had the batch before. */
export function contextOf(batch: Batch, known: readonly (number | undefined)[]): RebuildContext {
  const { profile, bootCount, seq, t0, dt, count } = batch;
  return { entity: makeIdentity(), profile, bootCount, nextSeq: seq, latestS: t0 + (count - 1) * dt + 30, known };
}

/** Decodes, tries the candidates in turn against the signature, and gives the whole token and how many it took; or the reason. */
export function expand(compact: Uint8Array, context: RebuildContext): { token: Uint8Array; tried: number } | string {
  const { profile } = context;
  const batch = decodeCompact(profile, compactRules(profile)!, compact);
  if (!batch.ok) return batch.reason;
  const signature = compact.subarray(batch.signatureOffset);
  const candidates = new CompactCandidates(batch, context);
  if (candidates.reason !== "") return candidates.reason;
  const { alg, kid } = makeIdentity();
  const claims = new Uint8Array(MAX_CLAIMS_BYTES);
  let tried = 0;
  for (let candidate = candidates.next(); candidate !== undefined; candidate = candidates.next()) {
    tried++;
    const claimsLength = encodeClaims(candidate, candidate, claims);
    const length = sigStructure(protectedHeader(alg), claims, claimsLength, into);
    const good = verify("sha256", into.subarray(0, length), { key: KEY, dsaEncoding: "ieee-p1363" }, signature);
    if (!good) continue;
    const token = new Uint8Array(MAX_TOKEN_BYTES);
    return { token: token.slice(0, encodeSign1(alg, kid, claims, claimsLength, signature, token)), tried };
  }
  return `no candidate of ${tried}`;
}
