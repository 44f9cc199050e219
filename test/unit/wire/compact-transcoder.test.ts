import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { compactRules } from "../../../firmware/wire/compact-profiles.ts";
import { CompactCandidates, type RebuildContext } from "../../../firmware/wire/compact-rebuild.ts";
import { decodeCompact, MAX_COMPACT_BYTES } from "../../../firmware/wire/compact-token.ts";
import { CompactTranscoder } from "../../../firmware/wire/compact-transcoder.ts";
import { encodeSign1, SIGNATURE_BYTES } from "../../../firmware/wire/cose-sign1.ts";
import {
  type Batch,
  claimsFit,
  encodeClaims,
  encodeTokenClaims,
  MAX_TOKEN_BYTES,
  parseToken,
} from "../../../firmware/wire/eat-token.ts";
import type { Profile } from "../../../firmware/wire/profile.ts";
import { ENERGY } from "../../../firmware/wire/profiles/energy.ts";
import { KNOWN_PROFILES } from "../../../firmware/wire/profiles/known.ts";
import { WEATHER } from "../../../firmware/wire/profiles/weather.ts";
import { TokenRows } from "../../../firmware/wire/token-rows.ts";
import { counts } from "../../counts.ts";
import { batchOf, contextFor, type Journey, randomOf, shapes } from "../../property/random-batches.ts";
import { type CompactOptions, compactOf } from "./compact-fixture.ts";
import { makeStatements } from "./statement-fixture.ts";
import { claimsOf, makeBatch, makeIdentity, makeToken, signPayload } from "./token-fixture.ts";

const ALGORITHMS = [-7, -8, -47] as const;

/** One transcoder for all tokens of a profile, as a node has it. */
const transcoders = new Map(KNOWN_PROFILES.map((profile) => [profile, makeTranscoder(profile)]));

function makeTranscoder(profile: Profile): CompactTranscoder {
  return new CompactTranscoder(profile, compactRules(profile)!);
}

/** A token whose signature nobody checks here. */
function tokenOf(batch: Batch, alg: (typeof ALGORITHMS)[number], random: (below: number) => number): Uint8Array {
  const identity = makeIdentity();
  const claims = claimsOf(identity, batch);
  // Halved: s is then low for every curve.
  const signature = Uint8Array.from({ length: SIGNATURE_BYTES }, () => random(128) >> 1);
  const into = new Uint8Array(MAX_TOKEN_BYTES);
  return into.slice(0, encodeSign1(alg, identity.kid, claims, claims.length, signature, into));
}

function transcode(batch: Batch, token: Uint8Array, options: CompactOptions, room = MAX_COMPACT_BYTES): Uint8Array {
  // Longer than the token, as a node's buffer is.
  const stored = new Uint8Array(MAX_TOKEN_BYTES).fill(0xee);
  stored.set(token);
  const into = new Uint8Array(room);
  const length = transcoders.get(batch.profile)!.transcode(stored, token.length, options, into);
  ok(length > 0, `${length}`);
  return into.slice(0, length);
}

/** Whether one of the receiver's candidates is the very token. */
function comesBack(compact: Uint8Array, token: Uint8Array, context: RebuildContext): boolean {
  const { profile } = context;
  const decoded = decodeCompact(profile, compactRules(profile)!, compact);
  ok(decoded.ok);
  const parsed = parseToken(token);
  ok(parsed.ok);
  const signature = compact.subarray(decoded.signatureOffset);
  const candidates = new CompactCandidates(decoded, context);
  const claims = new Uint8Array(MAX_TOKEN_BYTES);
  const again = new Uint8Array(MAX_TOKEN_BYTES);
  for (let candidate = candidates.next(); candidate !== undefined; candidate = candidates.next()) {
    const claimsLength = encodeClaims(candidate, candidate, claims);
    const length = encodeSign1(parsed.alg, parsed.kid, claims, claimsLength, signature, again);
    if (Buffer.compare(again.subarray(0, length), token) === 0) return true;
  }
  return false;
}

function fits(batch: Batch): boolean {
  if (!claimsFit(makeIdentity(), batch)) return false;
  const rules = compactRules(batch.profile)!;
  const compact = compactOf(batch, { key: false, escape: true }, new Uint8Array(SIGNATURE_BYTES));
  const decoded = decodeCompact(batch.profile, rules, compact);
  return decoded.ok && decoded.count === batch.count;
}

describe("compact transcoder", () => {
  const runs = counts(1500, 20_000);
  it(`${runs} random batches of all profiles: as the encoder would have it, and back to the very token`, function () {
    this.timeout(0);
    const profiles = new Set<string>();
    const flags = fc.record({ key: fc.boolean(), escape: fc.boolean() });
    fc.assert(
      fc.property(shapes, flags, fc.constantFrom(...ALGORITHMS), (shape, options, alg) => {
        const random = randomOf(~shape.seed);
        const batch = batchOf(shape, fits);
        const token = tokenOf(batch, alg, random);
        const compact = transcode(batch, token, options);
        deepEqual(compact, compactOf(batch, options, token.slice(-SIGNATURE_BYTES)));
        deepEqual(transcode(batch, token, options, compact.length), compact);
        const journey: Journey = { ...options, surprise: "none" };
        ok(comesBack(compact, token, contextFor(batch, makeIdentity(), journey, random)));
        profiles.add(batch.profile.uri);
      }),
      { numRuns: runs, seed: 11 },
    );
    equal(profiles.size, KNOWN_PROFILES.length);
  });

  it("says of which batch a token is", () => {
    const transcoder = makeTranscoder(WEATHER);
    const token = makeToken();
    equal(transcoder.inspect(token, token.length), true);
    const { bootCount, seq, t0, dt, timeQuality, count } = transcoder.batch;
    const batch = makeBatch();
    deepEqual(
      [bootCount, seq, t0, dt, timeQuality, count],
      [batch.bootCount, batch.seq, batch.t0, batch.dt, batch.timeQuality, batch.count],
    );
  });

  it("reads times of 33 bits, and numbers of 32", () => {
    const batch = { ...makeBatch(1), bootCount: 0xffffffff, seq: 0xffffffff, t0: 0x1ffffffff - 300 - 191, dt: 300 };
    batch.t0 -= batch.t0 % 300;
    const token = makeToken(batch);
    const transcoder = makeTranscoder(WEATHER);
    equal(transcoder.inspect(token, token.length), true);
    deepEqual(
      [transcoder.batch.t0, transcoder.batch.seq, transcoder.batch.bootCount],
      [batch.t0, 0xffffffff, 0xffffffff],
    );
  });

  it("leaves alone what is no batch of its profile", () => {
    const into = new Uint8Array(MAX_COMPACT_BYTES);
    const options = { key: true, escape: false };
    const transcoder = makeTranscoder(WEATHER);
    const claims = new Uint8Array(MAX_TOKEN_BYTES);
    for (const statement of makeStatements()) {
      const length = encodeTokenClaims(statement, claims);
      const token = signPayload(makeIdentity(), claims.slice(0, length));
      equal(transcoder.transcode(token, token.length, options, into), -1, statement.kind);
    }
    const token = makeToken();
    equal(makeTranscoder(ENERGY).transcode(token, token.length, options, into), -1);
    for (let length = 0; length < token.length; length++) {
      equal(transcoder.transcode(token.slice(0, length), length, options, into), -1, `${length} bytes`);
      // The rest stands in the buffer, of another token.
      equal(transcoder.transcode(token, length, options, into), -1, `${length} bytes`);
    }
    deepEqual(into, new Uint8Array(MAX_COMPACT_BYTES));
    ok(transcoder.transcode(token, token.length, options, into) > 0);
  });

  it("says -1 where the room is too short, and writes nothing behind it", () => {
    const token = makeToken();
    const transcoder = makeTranscoder(WEATHER);
    const whole = new Uint8Array(MAX_COMPACT_BYTES);
    const length = transcoder.transcode(token, token.length, { key: false, escape: false }, whole);
    for (let room = 0; room < length; room++) {
      equal(transcoder.transcode(token, token.length, { key: false, escape: false }, new Uint8Array(room)), -1);
    }
  });

  const hostile = counts(5000, 200_000);
  it(`${hostile} damaged tokens: never thrown at, never more rows than a batch has`, () => {
    const token = makeToken(makeBatch(5));
    const random = randomOf(7);
    const rows = new TokenRows(WEATHER);
    const into = new Uint8Array(MAX_COMPACT_BYTES);
    const transcoder = makeTranscoder(WEATHER);
    let opened = 0;
    for (let run = 0; run < hostile; run++) {
      const damaged = token.slice();
      for (let i = random(4); i >= 0; i--) damaged[random(damaged.length - SIGNATURE_BYTES)] = random(256);
      let count = 0;
      if (rows.open(damaged, damaged.length)) {
        opened++;
        while (rows.next()) count++;
        equal(count, rows.count);
      }
      ok(count <= 64);
      const length = transcoder.transcode(damaged, damaged.length, { key: false, escape: run % 2 === 0 }, into);
      ok(length === -1 || length > SIGNATURE_BYTES);
    }
    ok(opened > hostile / 20, `${opened}`);
  });
});
