/** An attester between a journal and an outbox in memory, and what its tests ask of both. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Attester } from "../../../firmware/core/attester.ts";
import type { BatchPolicy } from "../../../firmware/core/open-batch.ts";
import type { NodeStatement } from "../../../firmware/core/statement-writer.ts";
import type { Hash } from "../../../firmware/ports/crypto.ts";
import { type Claims, readingTimeS } from "../../../firmware/wire/batch.ts";
import { sigStructure } from "../../../firmware/wire/cose-sign1.ts";
import { parseToken, type Token } from "../../../firmware/wire/eat-token.ts";
import { WEATHER } from "../../../firmware/wire/profiles/weather.ts";
import { newReading, type Reading, writeReading } from "../../../firmware/wire/reading-record.ts";
import { PROTECTION } from "../../../firmware/wire/statements.ts";
import { TIME_SOURCE, timeQuality } from "../../../firmware/wire/time-quality.ts";
import {
  TOKEN_RECORD_HEADER_BYTES,
  tokenRecordJournalEnd,
  tokenRecordKeyRow,
  tokenRecordKind,
} from "../../../firmware/wire/token-record.ts";
import { makeIdentity } from "../wire/token-fixture.ts";
import { throughSavedState } from "./saved-state.ts";

export const HASH: Hash = {
  sha256: (message, length, digest) => digest.set(sha256(message.subarray(0, length))),
};

export function sha256(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** 2024-06-01T00:00:00Z. */
export const WALL_S = 1_717_200_000;
/** Uptime of the first reading. */
export const UPTIME_S = 1000;
/** Wall time minus uptime. */
export const OFFSET_MS = (WALL_S - UPTIME_S) * 1000;
export const QUALITY = timeQuality(TIME_SOURCE.deviceTime, 1_864);
export const ABOUT: NodeStatement = {
  firmware: { name: "groundtruth", version: "0.4.0" },
  sensorModels: [{ model: "SHT45", calibration: "2026-01" }],
  protection: PROTECTION.plainFlash,
};
/** The public keys of the node's first, second... key: the kid is the first byte eight times over. */
export const publicKey = (index: number): Uint8Array => new Uint8Array(64).fill(0x11 + index);

/** A reading in the slot `i`, by wall time. */
export function reading(i: number, change: Partial<Reading> = {}): Reading {
  return {
    ...newReading(9),
    profileVersion: WEATHER.version,
    bootCount: 1,
    intervalS: 300,
    timeQuality: QUALITY,
    uptimeS: UPTIME_S + 300 * i,
    wallS: WALL_S + 300 * i,
    values: Int32Array.from([160 + i, 50, 10132, 20, 30, 12, i, 0, 400]),
    ...change,
  };
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

export interface BenchOptions {
  /** Wall time minus uptime at the start; given as undefined: not known. */
  wallOffsetMs?: number | undefined;
  digests?: boolean;
  policy?: Partial<BatchPolicy>;
}

export interface Stored {
  seq: number;
  journalEnd: number;
  recordKind: number;
  keyRow: boolean;
  token: Token;
  durationS: number;
  hash: Uint8Array;
}

/** A signature is the digest twice over. */
export class Bench {
  journal = new Map<number, Uint8Array>();
  journalNext = 0;
  /** Every token, by seq. */
  tokens: Stored[] = [];
  trims: number[] = [];
  nowMs = 0;
  bootCount = 1;
  wallOffsetMs: number | undefined;
  momentQuality = QUALITY;
  frameBytes = 0;
  /** A new key was made and not taken into use. */
  changesKey = false;
  keys = 1;
  identity = makeIdentity();
  attester: Attester;
  /** The message of the `sign` command that waits for its answer. */
  signing: Uint8Array | undefined;
  holdSignatures = false;
  throughState = true;
  /** Seq of the first token on the digest's list. */
  listFirst = 0;
  /** Challenges that tokens answered, in hexadecimal. */
  answered: string[] = [];
  #noted: { seq: number; hash: Uint8Array } | undefined;
  #options: BenchOptions;
  #readings: number;

  constructor(readings: number, options: BenchOptions = {}) {
    this.#readings = readings;
    this.#options = options;
    this.identity.kid.set(publicKey(0).subarray(0, 8));
    this.wallOffsetMs = "wallOffsetMs" in options ? options.wallOffsetMs : OFFSET_MS;
    this.attester = this.fresh();
    this.restart();
    this.run();
  }

  get digests(): boolean {
    return this.#options.digests ?? false;
  }

  fresh = (): Attester =>
    new Attester({
      identity: this.identity,
      profile: WEATHER,
      policy: { readings: this.#readings, ...this.#options.policy },
      hash: HASH,
      digests: this.digests,
      about: ABOUT,
    });

  /** As after a power cut: nothing but the logs is left. */
  restart(listDay = 0): void {
    this.signing = undefined;
    this.attester = this.fresh();
    this.attester.handle(
      {
        kind: "start",
        bootCount: this.bootCount,
        journalOldest: Math.min(this.journalNext, ...this.journal.keys()),
        journalNext: this.journalNext,
        outboxNext: this.tokens.length,
        listed: this.tokens.length - this.listFirst,
        listDay,
        changesKey: this.changesKey,
      },
      this.nowMs,
    );
  }

  add(...readings: Reading[]): void {
    for (const one of readings) {
      const record = new Uint8Array(100);
      this.journal.set(this.journalNext++, record.subarray(0, writeReading(one, record)));
      this.attester.handle({ kind: "journal", next: this.journalNext }, this.nowMs);
      this.run();
    }
  }

  drain(): void {
    this.attester.handle({ kind: "drain" }, this.nowMs);
    this.run();
  }

  challenge(hex: string, outboxOldest = Infinity): void {
    const nonce = new Uint8Array(Buffer.from(hex, "hex"));
    this.attester.handle({ kind: "challenge", nonce, length: nonce.length, outboxOldest }, this.nowMs);
    nonce.fill(0);
    this.run();
  }

  requestBoot(outboxOldest = 0): void {
    this.attester.handle({ kind: "bootRequest", outboxOldest }, this.nowMs);
    this.run();
  }

  changeKey(): void {
    this.changesKey = true;
    this.attester.handle({ kind: "changeKey" }, this.nowMs);
    this.run();
  }

  /** Lets `ms` pass, with a turn whenever the attester asks for one. */
  pass(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      const next = this.attester.pollTimeout();
      if (next === undefined || next > endMs) break;
      this.nowMs = Math.max(this.nowMs, next);
      this.run();
      assert.notEqual(this.attester.pollTimeout(), next, "it asks for no time that has passed");
    }
    this.nowMs = endMs;
    this.run();
  }

  /** As the application does: until nothing is wanted any more. */
  run(): void {
    while (this.#turn());
  }

  #turn(): boolean {
    const { nowMs, wallOffsetMs, frameBytes } = this;
    const present = { kind: "present" as const, wallOffsetMs, timeQuality: this.momentQuality, frameBytes };
    this.attester.handle(present, nowMs);
    this.attester.handleTimeout(nowMs);
    this.#cycle();
    let worked = false;
    for (;;) {
      const command = this.attester.pollCommand();
      if (command === undefined) return worked;
      // What was saved is read back each time.
      if (command.kind !== "readRecord") worked = true;
      switch (command.kind) {
        case "readRecord": {
          const bytes = this.journal.get(command.number);
          const length = bytes?.length ?? -1;
          this.attester.handle({ kind: "record", bytes: bytes ?? new Uint8Array(0), length }, nowMs);
          break;
        }
        case "contents":
          assert.equal(command.seq, this.tokens.length);
          if (command.of === "newKey") {
            this.attester.handle({ kind: "newKey", publicKey: publicKey(this.keys) }, nowMs);
          } else {
            const digest = sha256(...this.tokens.slice(this.listFirst).map(({ hash }) => hash));
            this.attester.handle({ kind: "digest", firstSeq: this.listFirst, digest }, nowMs);
          }
          break;
        case "sign":
          this.signing = command.message.slice(0, command.length);
          if (!this.holdSignatures) this.sign();
          break;
        case "note":
          if (command.nonce !== undefined) this.answered.push(Buffer.from(command.nonce).toString("hex"));
          this.#noted = { seq: command.seq, hash: command.hash.slice() };
          break;
        case "append":
          this.#append(command.record.slice(0, command.length), command.durationS);
          this.attester.handle({ kind: "appended", number: command.seq }, nowMs);
          break;
        case "useNewKey":
          this.identity.kid.set(publicKey(this.keys).subarray(0, 8));
          this.keys++;
          this.changesKey = false;
          break;
        case "trim":
          this.trims.push(command.before);
          for (const number of this.journal.keys()) if (number < command.before) this.journal.delete(number);
          break;
      }
      // A batch is read back record by record, and contents are used at once: that is one event.
      if (command.kind !== "readRecord" && command.kind !== "contents") this.#cycle();
    }
  }

  #cycle(): void {
    if (this.throughState) this.attester = throughSavedState(this.attester, this.fresh);
  }

  sign(): void {
    const digest = sha256(this.signing as Uint8Array);
    this.signing = undefined;
    const signature = new Uint8Array(64);
    signature.set(digest, 0);
    signature.set(digest, 32);
    // s has to be low to be parsed.
    signature[32] &= 0x7f;
    this.attester.handle({ kind: "signed", signature }, this.nowMs);
  }

  #append(record: Uint8Array, durationS: number): void {
    const bytes = record.subarray(TOKEN_RECORD_HEADER_BYTES);
    const token = parseToken(bytes);
    assert.ok(token.ok, token.ok ? "" : token.reason);
    const seq = this.tokens.length;
    assert.equal(token.claims.seq, seq, "seq is the outbox record's number");
    const signed = new Uint8Array(2000);
    const length = sigStructure(token.protectedBytes, token.payload, token.payload.length, signed);
    const digest = sha256(signed.subarray(0, length));
    assert.deepEqual(token.signature.subarray(0, 32), digest, "the signature is over this token");
    const hash = sha256(bytes);
    if (this.digests || (token.claims.kind === "anchor" && token.claims.nonce !== undefined)) {
      assert.deepEqual(this.#noted, { seq, hash }, "it was noted just before");
    } else {
      assert.equal(this.#noted, undefined);
    }
    this.#noted = undefined;
    if (token.claims.kind === "digest") this.listFirst = seq;
    this.tokens.push({
      seq,
      journalEnd: tokenRecordJournalEnd(record, record.length),
      recordKind: tokenRecordKind(record),
      keyRow: tokenRecordKeyRow(record),
      token,
      durationS,
      hash,
    });
  }

  /** Kinds of all tokens, in order. */
  get kinds(): string[] {
    return this.tokens.map(({ token }) => token.claims.kind);
  }

  /** The tokens with readings. */
  get batches(): (Stored & { claims: Claims })[] {
    return this.tokens.flatMap((stored) => {
      const { claims } = stored.token;
      return claims.kind === "batch" ? [{ ...stored, claims }] : [];
    });
  }

  /** Slots of each batch's readings, by uptime or wall time. */
  get times(): number[][] {
    return this.batches.map(({ claims }) =>
      range(0, claims.count).map((i) => (readingTimeS(claims, i) - (claims.wallTime ? WALL_S : 0)) / 300),
    );
  }
}
