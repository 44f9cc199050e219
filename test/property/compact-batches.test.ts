/**
 * 10,000 random batches, and two real days, on the whole way: signed, made compact, decoded, rebuilt in the receiver's context, verified, equal to
 * the byte; and what was rebuilt before other people's verifiers: @auth0/cose (ES256, EdDSA), Python's cbor2 and cryptography (all three).
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { Algorithms, COSEKey, Sign1 } from "@auth0/cose";
import fc from "fast-check";
import type { Batch } from "../../firmware/wire/batch.ts";
import type { CompactOptions } from "../../firmware/wire/compact-coder.ts";
import { compactRules } from "../../firmware/wire/compact-profiles.ts";
import { CompactCandidates, MAX_CANDIDATES, type RebuildContext } from "../../firmware/wire/compact-rebuild.ts";
import { decodeCompact, MAX_COMPACT_BYTES } from "../../firmware/wire/compact-token.ts";
import { CompactTranscoder } from "../../firmware/wire/compact-transcoder.ts";
import { SIGNATURE_BYTES } from "../../firmware/wire/cose-sign1.ts";
import {
  claimsFit,
  encodeClaims,
  MAX_CLAIMS_BYTES,
  MAX_TOKEN_BYTES,
  parseToken,
} from "../../firmware/wire/eat-token.ts";
import { columnCount, missingFlag, type Profile } from "../../firmware/wire/profile.ts";
import { KNOWN_PROFILES } from "../../firmware/wire/profiles/known.ts";
import { WEATHER } from "../../firmware/wire/profiles/weather.ts";
import { sequencesOfFile } from "../../tools/training/train-compact.ts";
import type { Sequence } from "../../tools/training/weather-sequences.ts";
import { counts } from "../counts.ts";
import { judgeWithPython, pythonProblem } from "../interop/python.ts";
import { ENTITY, signToken, type TokenKey, toBeSigned, tokenKeys, tokenWith } from "../interop/token-keys.ts";
import { weatherFile } from "../unit/wire/compact-fixture.ts";
import { batchOf, contextFor, type Journey, journeys, randomOf, shapes } from "./random-batches.ts";

const SAMPLED = counts(1_000, 10_000);
const KEYS = tokenKeys();
const NO_SIGNATURE = new Uint8Array(SIGNATURE_BYTES);
/** One for all tokens of a profile, as a node has it. */
const transcoders = new Map(
  KNOWN_PROFILES.map((profile) => [profile, new CompactTranscoder(profile, compactRules(profile)!)]),
);
const REAL_STEP_S = 300;
const READINGS = 36;

interface Rebuilt {
  token: Uint8Array;
  key: TokenKey;
}

function claimsOf(batch: Batch): Uint8Array {
  const into = new Uint8Array(MAX_CLAIMS_BYTES);
  return into.slice(0, encodeClaims(ENTITY, batch, into));
}

/** What a node does: from the token in its buffer to the compact form. undefined: it has none, for it would be too long. */
function compactOf(token: Uint8Array, profile: Profile, options: CompactOptions): Uint8Array | undefined {
  const buffer = new Uint8Array(MAX_TOKEN_BYTES).fill(0xee);
  buffer.set(token);
  const into = new Uint8Array(MAX_COMPACT_BYTES);
  const length = transcoders.get(profile)!.transcode(buffer, token.length, options, into);
  return length < 0 ? undefined : into.slice(0, length);
}

/** Whether both forms of a token hold the batch; with an escape the compact one is longest. */
function fits(batch: Batch): boolean {
  if (!claimsFit(ENTITY, batch)) return false;
  const token = tokenWith(KEYS[0], claimsOf(batch), NO_SIGNATURE);
  return compactOf(token, batch.profile, { key: false, escape: true }) !== undefined;
}

/** What a receiver does: decode, try what it may have been, let the signature decide. */
function rebuild(compact: Uint8Array, context: RebuildContext, key: TokenKey): { token: Uint8Array; tried: number } {
  const decoded = decodeCompact(context.profile, compactRules(context.profile)!, compact);
  if (!decoded.ok) throw new Error(decoded.reason);
  const signature = compact.subarray(decoded.signatureOffset);
  const candidates = new CompactCandidates(decoded, context);
  equal(candidates.reason, "");
  let tried = 0;
  for (let candidate = candidates.next(); candidate !== undefined; candidate = candidates.next()) {
    tried++;
    const into = new Uint8Array(MAX_CLAIMS_BYTES);
    const claims = into.subarray(0, encodeClaims(context.entity, candidate, into));
    if (key.verify(toBeSigned(key.alg, claims), signature)) return { token: tokenWith(key, claims, signature), tried };
  }
  throw new Error(`none of ${tried} candidates`);
}

/** The whole way of a batch: the token that comes out is the one that was signed. */
function travel(batch: Batch, options: CompactOptions, context: RebuildContext, key: TokenKey) {
  const token = signToken(key, claimsOf(batch));
  const compact = compactOf(token, batch.profile, options);
  ok(compact);
  const rebuilt = rebuild(compact, context, key);
  deepEqual(rebuilt.token, token);
  ok(rebuilt.tried <= MAX_CANDIDATES);
  const parsed = parseToken(rebuilt.token);
  ok(parsed.ok, parsed.ok ? "" : parsed.reason);
  return rebuilt;
}

async function verifyWithAuth0({ token, key }: Rebuilt): Promise<void> {
  const algorithm = key.name === "ES256" ? Algorithms.ES256 : Algorithms.EdDSA;
  await Sign1.decode(token).verify(await COSEKey.fromJWK(key.jwk).toKeyLike(), { algorithms: [algorithm] });
}

/** Both verdicts on all that was rebuilt, each in a test of its own. */
function letOthersVerify(rebuilt: readonly Rebuilt[]): void {
  for (const name of ["ES256", "EdDSA"] as const) {
    it(`RFC 9052 4.4: @auth0/cose verifies each of them that is signed by ${name}`, async function () {
      this.timeout(0);
      const own = rebuilt.filter(({ key }) => key.name === name);
      if (rebuilt.length === 0) this.skip();
      ok(own.length > rebuilt.length / 4, `${own.length} of ${rebuilt.length}`);
      for (const one of own) await verifyWithAuth0(one);
    });
  }

  it("RFC 9052 4.4, RFC 8949 4.2: Python verifies each of them, of all three algorithms, and would encode it in the same bytes", function () {
    const problem = pythonProblem();
    if (problem !== undefined) console.log(`      skipped: ${problem}`);
    if (problem !== undefined || rebuilt.length === 0) this.skip();
    this.timeout(0);
    equal(new Set(rebuilt.map(({ key }) => key.name)).size, 3);
    const verdicts = judgeWithPython(rebuilt);
    equal(verdicts.length, rebuilt.length);
    deepEqual([...new Set(verdicts)], ["good"]);
  });
}

describe(`compact tokens of ${SAMPLED} random batches`, () => {
  const rebuilt: Rebuilt[] = [];
  /** How many had what. */
  const seen = new Map<string, number>();

  function saw(what: string): void {
    seen.set(what, (seen.get(what) ?? 0) + 1);
  }

  function account(batch: Batch, journey: Journey, tried: number, name: string): void {
    saw(batch.profile.uri);
    saw(name);
    saw(journey.escape ? "escape" : journey.key ? "key row" : "short first row");
    if (!batch.wallTime) saw("uptime");
    const fields = batch.profile.fields.length;
    const flags = batch.columns[0].subarray(0, batch.count);
    if (flags.some((bits) => (bits & ((1 << fields) - 1)) !== 0)) saw("missing");
    if (flags.some((bits) => bits >>> fields !== 0)) saw("suspect");
    for (let f = 0; f < fields; f++) if (flags.every((bits) => (bits & missingFlag(f)) !== 0)) saw("absent field");
    if (tried > 1) saw(`surprised by ${journey.surprise}`);
  }

  it("each comes back as the very token that was signed, by one of the three algorithms in turn", function () {
    this.timeout(0);
    const keyIndex = fc.nat(KEYS.length - 1);
    fc.assert(
      fc.property(shapes, journeys, keyIndex, (shape, journey, index) => {
        const batch = batchOf(shape, fits);
        const context = contextFor(batch, ENTITY, journey, randomOf(~shape.seed));
        const { token, tried } = travel(batch, journey, context, KEYS[index]);
        rebuilt.push({ token, key: KEYS[index] });
        account(batch, journey, tried, KEYS[index].name);
      }),
      { numRuns: SAMPLED, seed: 4 },
    );
    equal(rebuilt.length, SAMPLED);
  });

  it("among them all profiles and algorithms, missing and suspect values, fields that never answer, uptime, escapes, key rows, surprises", () => {
    const kinds = ["escape", "key row", "short first row", "uptime", "missing", "suspect", "absent field"];
    const surprises = ["seq", "slot", "value"].map((what) => `surprised by ${what}`);
    const names = [...KNOWN_PROFILES.map(({ uri }) => uri), ...KEYS.map(({ name }) => name)];
    for (const what of [...names, ...kinds]) ok((seen.get(what) ?? 0) >= SAMPLED / 20, `${what}: ${seen.get(what)}`);
    for (const what of surprises) ok((seen.get(what) ?? 0) >= SAMPLED / 100, `${what}: ${seen.get(what)}`);
  });

  letOthersVerify(rebuilt);
});

/** Readings `from` on of a real day. */
function sliceOf({ startS, flags, rows }: Sequence, from: number, seq: number): Batch {
  const count = Math.min(READINGS, rows.length - from);
  const columns = Array.from({ length: columnCount(WEATHER) }, () => new Int32Array(count));
  for (let i = 0; i < count; i++) {
    columns[0][i] = flags[from + i];
    for (let f = 0; f < WEATHER.fields.length; f++) {
      const missing = (flags[from + i] & missingFlag(f)) !== 0;
      columns[f + 1][i] = !missing ? rows[from + i][f] : i === 0 ? 0 : columns[f + 1][i - 1];
    }
  }
  const t0 = startS + from * REAL_STEP_S;
  return { profile: WEATHER, bootCount: 9, seq, t0, dt: REAL_STEP_S, timeQuality: 43, wallTime: true, count, columns };
}

/** All batches of a day one after the other, the first with a key row, as each key would have sent them. */
function travelDay(path: string): { rebuilt: Rebuilt[]; readings: number } {
  const rebuilt: Rebuilt[] = [];
  let readings = 0;
  for (const key of KEYS) {
    let seq = 0;
    // One sampling begins at each minute of the step: five times the batches.
    for (const sequence of sequencesOfFile(path, REAL_STEP_S)) {
      let known: (number | undefined)[] = WEATHER.fields.map(() => undefined);
      for (let from = 0; from < sequence.rows.length; from += READINGS) {
        const batch = sliceOf(sequence, from, seq++);
        const latestS = batch.t0 + (batch.count - 1) * REAL_STEP_S + 30;
        const context = { entity: ENTITY, profile: WEATHER, bootCount: 9, nextSeq: batch.seq, latestS, known };
        rebuilt.push({ token: travel(batch, { key: from === 0, escape: false }, context, key).token, key });
        known = WEATHER.fields.map((_, f) => batch.columns[f + 1][batch.count - 1]);
        readings += batch.count;
      }
    }
  }
  return { rebuilt, readings };
}

for (const name of ["midc-2018-10-18.csv", "surfrad-alamosa-2016-01-01.csv"]) {
  describe(`compact tokens of a real day, ${name}`, () => {
    const rebuilt: Rebuilt[] = [];

    it("each comes back as the very token that was signed, by each of the three algorithms", function () {
      this.timeout(0);
      const path = weatherFile(name);
      if (path === undefined) this.skip();
      const day = travelDay(path);
      rebuilt.push(...day.rebuilt);
      ok(day.readings >= 3 * 1_000, `${day.readings} readings`);
    });

    letOthersVerify(rebuilt);
  });
}
