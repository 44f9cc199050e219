import assert from "node:assert/strict";
import { ANSWER_INTERVAL_MS, DIGEST_TOKENS_MAX, SIGN_RETRY_FIRST_MS } from "../../../firmware/core/bounds.ts";
import { TOKEN_KIND } from "../../../firmware/wire/token-record.ts";
import {
  ABOUT,
  Bench,
  OFFSET_MS,
  publicKey,
  QUALITY,
  range,
  reading,
  type Stored,
  sha256,
  UPTIME_S,
  WALL_S,
} from "./attester-bench.ts";

const DAY_MS = 86_400_000;
/** Uptime of the first midnight UTC: the node came on a quarter of an hour before. */
const MIDNIGHT_MS = WALL_S * 1000 - OFFSET_MS;
/** The UTC day that ends there. */
const FIRST_DAY = WALL_S / 86_400 - 1;
const NONCES = ["0102030405060708", "ffffffffffffffffffffffffffffffff", "aa".repeat(64)];

/** A bench in which the wall time is not known yet. */
function withoutTime(readings: number, digests = false): Bench {
  return new Bench(readings, { digests, wallOffsetMs: undefined });
}

function byUptime(i: number, bootCount = 1) {
  return reading(i, { timeQuality: 0, wallS: 0, uptimeS: 300 * i, bootCount });
}

function last({ tokens }: Bench): Stored {
  return tokens[tokens.length - 1];
}

function claimsOf<K extends string>({ token }: Stored, kind: K) {
  const { claims } = token;
  assert.equal(claims.kind, kind);
  return claims as Extract<typeof claims, { kind: K }>;
}

describe("attester: boot token", () => {
  it("comes first in each boot, before what an earlier one left in the journal, by uptime while no other time is known", () => {
    const bench = withoutTime(4);
    bench.add(byUptime(3), byUptime(4));
    bench.bootCount = 2;
    bench.nowMs = 2500;
    bench.restart();
    bench.run();
    bench.drain();
    assert.deepEqual(bench.kinds, ["boot", "boot", "batch"]);
    const boot = claimsOf(bench.tokens[1], "boot");
    const { firmware, sensorModels, protection } = ABOUT;
    assert.deepEqual(
      [boot.bootCount, boot.seq, boot.wallTime, boot.timeS, boot.protection],
      [2, 1, false, 2, protection],
    );
    assert.deepEqual([boot.swname, boot.swversion, boot.sensors], [firmware.name, firmware.version, sensorModels]);
    assert.equal(boot.imageDigest, undefined);
    assert.equal(bench.tokens[1].recordKind, TOKEN_KIND.boot);
    assert.equal(bench.batches[0].claims.bootCount, 1);
  });

  it("repeats the journal end that holds, and leaves the open batch open", () => {
    const bench = new Bench(4);
    bench.add(reading(0), reading(1), reading(2), reading(3), reading(4));
    bench.attester.handle({ kind: "acknowledged", seq: 0 }, 0);
    bench.nowMs = ANSWER_INTERVAL_MS;
    bench.requestBoot();
    bench.add(reading(5), reading(6), reading(7));
    assert.deepEqual(
      bench.tokens.map(({ token, journalEnd }) => [token.claims.kind, journalEnd]),
      [
        ["boot", 0],
        ["batch", 4],
        ["boot", 4],
        ["batch", 8],
      ],
    );
    assert.equal(claimsOf(bench.tokens[2], "boot").timeS, WALL_S - UPTIME_S + ANSWER_INTERVAL_MS / 1000);
  });

  it("comes again when the receiver asks and it is not on its way, once in ten minutes", () => {
    const bench = new Bench(4);
    bench.nowMs = 2 * ANSWER_INTERVAL_MS;
    bench.requestBoot();
    assert.equal(bench.tokens.length, 1, "it waits in the outbox");
    bench.attester.handle({ kind: "acknowledged", seq: 0 }, bench.nowMs);
    bench.requestBoot();
    assert.deepEqual(bench.kinds, ["boot", "boot"]);
    bench.attester.handle({ kind: "acknowledged", seq: 1 }, bench.nowMs);
    bench.nowMs += ANSWER_INTERVAL_MS - 1;
    bench.requestBoot();
    assert.equal(bench.tokens.length, 2, "too soon");
    bench.nowMs += 1;
    bench.requestBoot();
    assert.equal(bench.tokens.length, 3);
    bench.nowMs += ANSWER_INTERVAL_MS;
    bench.requestBoot(3);
    assert.equal(bench.tokens.length, 4, "the outbox gave it up");
  });

  it("a failed signature is asked for again; nothing else comes in between", () => {
    const bench = new Bench(1);
    bench.restart();
    bench.holdSignatures = true;
    bench.run();
    bench.attester.handle({ kind: "signFailed" }, 0);
    bench.add(reading(0));
    assert.equal(bench.attester.pollTimeout(), SIGN_RETRY_FIRST_MS);
    bench.holdSignatures = false;
    bench.pass(SIGN_RETRY_FIRST_MS);
    assert.deepEqual(bench.kinds, ["boot", "boot", "batch"]);
  });
});

describe("attester: time anchor", () => {
  it("once in a boot that gave readings by uptime, as soon as the wall time is known", () => {
    const bench = withoutTime(2);
    bench.add(byUptime(3), byUptime(4), byUptime(5));
    bench.pass(1000);
    assert.deepEqual(bench.kinds, ["boot", "batch"]);
    bench.nowMs = 4_321_900;
    bench.wallOffsetMs = OFFSET_MS + 450;
    bench.run();
    const anchor = claimsOf(last(bench), "anchor");
    assert.deepEqual([anchor.uptimeS, anchor.wallS], [4321, 4321 + WALL_S - UPTIME_S], "the same instant, rounded");
    assert.deepEqual([anchor.timeQuality, anchor.nonce, anchor.bootCount], [QUALITY, undefined, 1]);
    assert.equal(last(bench).journalEnd, 2);
    bench.wallOffsetMs = OFFSET_MS - 5000;
    bench.add(reading(20));
    bench.drain();
    assert.deepEqual(bench.kinds, ["boot", "batch", "anchor", "batch", "batch"]);
  });

  it("none without such readings, nor for those of an earlier boot, whose uptime nobody knows any more", () => {
    const bench = new Bench(2);
    bench.add(reading(0), reading(1));
    bench.bootCount = 2;
    bench.wallOffsetMs = undefined;
    bench.restart();
    bench.add(byUptime(1, 1), byUptime(2, 1));
    bench.wallOffsetMs = OFFSET_MS;
    bench.add(reading(10, { bootCount: 2 }));
    bench.drain();
    assert.equal(bench.kinds.includes("anchor"), false);
  });
});

describe("attester: challenges", () => {
  it("RFC 9711 4.1: each is answered in one token, with the time of the moment", () => {
    const bench = new Bench(4);
    for (const [i, nonce] of NONCES.entries()) {
      bench.nowMs = 1_000_000 + i * ANSWER_INTERVAL_MS;
      bench.challenge(nonce);
      const anchor = claimsOf(last(bench), "anchor");
      assert.equal(Buffer.from(anchor.nonce!).toString("hex"), nonce);
      assert.equal(anchor.wallS - anchor.uptimeS, OFFSET_MS / 1000);
      assert.equal(last(bench).recordKind, TOKEN_KIND.anchor);
    }
    assert.deepEqual(bench.answered, NONCES);
    bench.pass(10 * ANSWER_INTERVAL_MS);
    assert.equal(bench.tokens.length, 4);
  });

  it("says so when it does not know the time", () => {
    const bench = withoutTime(4);
    bench.nowMs = 7000;
    bench.challenge(NONCES[0]);
    const { wallS, uptimeS, timeQuality } = claimsOf(last(bench), "anchor");
    assert.deepEqual([wallS, uptimeS, timeQuality], [0, 7, 0]);
  });

  it("one answer in ten minutes: one challenge waits, others are passed over", () => {
    const bench = new Bench(4);
    bench.challenge(NONCES[0]);
    bench.challenge(NONCES[1]);
    bench.challenge(NONCES[2]);
    assert.deepEqual(bench.answered, [NONCES[0]]);
    assert.equal(bench.attester.empty, false);
    bench.pass(ANSWER_INTERVAL_MS - 1);
    assert.equal(bench.answered.length, 1);
    bench.pass(1);
    assert.deepEqual(bench.answered, [NONCES[0], NONCES[1]]);
    bench.challenge(NONCES[2]);
    bench.drain();
    assert.deepEqual(bench.answered, NONCES, "a node that drains does not wait");
    assert.equal(bench.attester.empty, true);
  });

  it("none while the last answer is in the outbox: withheld acknowledgements are worth one token", () => {
    const bench = new Bench(4);
    bench.challenge(NONCES[0]);
    const { seq } = last(bench);
    for (const nonce of NONCES.slice(1)) {
      bench.pass(ANSWER_INTERVAL_MS);
      bench.challenge(nonce, seq);
    }
    assert.deepEqual(bench.answered, [NONCES[0]]);
    bench.challenge(NONCES[1], seq + 1);
    assert.deepEqual(bench.answered, [NONCES[0], NONCES[1]]);
  });

  it("the same one while it is being answered is no other one", () => {
    const bench = new Bench(4);
    bench.holdSignatures = true;
    bench.challenge(NONCES[0]);
    bench.challenge(NONCES[0]);
    bench.holdSignatures = false;
    bench.sign();
    bench.pass(10 * ANSWER_INTERVAL_MS);
    assert.deepEqual(bench.answered, [NONCES[0]]);
  });
});

describe("attester: digests", () => {
  function assertDigest(bench: Bench, stored: Stored, firstSeq: number): void {
    const { seq, lastSeq, digest, ...claims } = claimsOf(stored, "digest");
    assert.deepEqual([claims.firstSeq, lastSeq, seq], [firstSeq, stored.seq - 1, stored.seq]);
    const hashes = bench.tokens.slice(firstSeq, stored.seq).map(({ hash }) => hash);
    assert.deepEqual(digest, sha256(...hashes));
  }

  it("at the end of each UTC day, over every token since the digest before, and that one", () => {
    const bench = new Bench(2, { digests: true });
    bench.add(reading(0), reading(1), reading(2), reading(3));
    bench.pass(MIDNIGHT_MS - 1);
    assert.deepEqual(bench.kinds, ["boot", "batch", "batch"]);
    bench.pass(1);
    assert.deepEqual(bench.kinds, ["boot", "batch", "batch", "digest"]);
    assertDigest(bench, bench.tokens[3], 0);
    const { wallTime, timeS } = claimsOf(bench.tokens[3], "digest");
    assert.deepEqual([wallTime, timeS], [true, WALL_S]);
    bench.add(reading(300), reading(301));
    bench.pass(DAY_MS);
    assert.deepEqual(bench.kinds.slice(4), ["batch", "digest"]);
    assertDigest(bench, bench.tokens[5], 3);
  });

  it("every 24 hours of uptime while no day is known; the day, once it is", () => {
    const bench = withoutTime(1, true);
    bench.add(byUptime(1));
    bench.pass(DAY_MS - 1);
    assert.deepEqual(bench.kinds, ["boot", "batch"]);
    bench.pass(1);
    assert.deepEqual(bench.kinds, ["boot", "batch", "digest"]);
    assert.equal(claimsOf(bench.tokens[2], "digest").wallTime, false);
    bench.wallOffsetMs = OFFSET_MS;
    bench.pass(0);
    assert.equal(last(bench).token.claims.kind, "anchor");
    bench.pass(MIDNIGHT_MS + DAY_MS - bench.nowMs - 1);
    assert.equal(bench.tokens.length, 4);
    bench.pass(1);
    assertDigest(bench, bench.tokens[4], 2);
  });

  it("none over the last digest alone, however many days pass", () => {
    const bench = new Bench(1, { digests: true });
    bench.add(reading(0));
    bench.pass(3 * DAY_MS);
    assert.deepEqual(bench.kinds, ["boot", "batch", "digest"]);
    bench.add(reading(1000));
    assert.equal(bench.tokens.length, 4);
    bench.pass(DAY_MS);
    assertDigest(bench, bench.tokens[4], 2);
  });

  it("when the list is full", () => {
    const bench = new Bench(1, { digests: true });
    bench.throughState = false;
    bench.add(...range(0, DIGEST_TOKENS_MAX).map((i) => reading(i)));
    const at = bench.kinds.indexOf("digest");
    assert.equal(at, DIGEST_TOKENS_MAX);
    assertDigest(bench, bench.tokens[at], 0);
  });

  it("after a power cut the list goes on, and its day's end is not forgotten", () => {
    const bench = new Bench(1, { digests: true });
    bench.add(reading(0));
    bench.restart(FIRST_DAY);
    bench.add(reading(1));
    assert.deepEqual(bench.kinds, ["boot", "batch", "boot", "batch"]);
    bench.restart(FIRST_DAY - 1);
    bench.run();
    assert.deepEqual(bench.kinds.slice(4), ["boot", "digest"]);
    assertDigest(bench, bench.tokens[5], 0);
  });

  it("none while it drains", () => {
    const bench = new Bench(1, { digests: true });
    bench.add(reading(0));
    bench.drain();
    bench.pass(3 * DAY_MS);
    assert.deepEqual(bench.kinds, ["boot", "batch"]);
    assert.equal(bench.attester.empty, true);
  });
});

describe("attester: change of keys", () => {
  const kidOf = (key: number): Uint8Array => publicKey(key).subarray(0, 8);

  it("closes the open batch; the old key signs the new one's token, the new key all after it, a boot token first", () => {
    const bench = new Bench(10);
    bench.add(reading(0), reading(1));
    bench.changeKey();
    bench.add(...range(2, 12).map((i) => reading(i)));
    assert.deepEqual(
      bench.tokens.map(({ token }) => [token.claims.kind, Buffer.from(token.kid).readUInt8()]),
      [
        ["boot", 0x11],
        ["batch", 0x11],
        ["key", 0x11],
        ["boot", 0x12],
        ["batch", 0x12],
      ],
    );
    assert.deepEqual(bench.times, [[0, 1], range(2, 12)]);
    const { newKey, wallS } = claimsOf(bench.tokens[2], "key");
    assert.deepEqual(newKey, { alg: -7, publicKey: publicKey(1) });
    assert.equal(wallS, WALL_S - UPTIME_S);
    assert.equal(bench.tokens[2].recordKind, TOKEN_KIND.key);
    assert.equal(bench.tokens[2].journalEnd, 2);
  });

  it("waits for the signature that is under way", () => {
    const bench = new Bench(2);
    bench.holdSignatures = true;
    bench.add(reading(0), reading(1));
    bench.changeKey();
    bench.add(reading(2));
    assert.deepEqual(bench.kinds, ["boot"]);
    bench.holdSignatures = false;
    bench.sign();
    bench.run();
    bench.drain();
    assert.deepEqual(bench.kinds, ["boot", "batch", "batch", "key", "boot"]);
    assert.deepEqual(bench.tokens[3].token.kid, kidOf(0));
    assert.deepEqual(bench.tokens[4].token.kid, kidOf(1));
  });

  it("after a power cut it is made first, before the boot token and what the journal holds", () => {
    const bench = new Bench(10);
    bench.add(reading(0), reading(1));
    bench.changesKey = true;
    bench.restart();
    bench.run();
    bench.drain();
    assert.deepEqual(bench.kinds, ["boot", "key", "boot", "batch"]);
    assert.deepEqual(bench.tokens[1].token.kid, kidOf(0));
    assert.deepEqual(bench.batches[0].token.kid, kidOf(1));
  });

  it("draining, too: it is not empty before", () => {
    const bench = new Bench(10);
    bench.add(reading(0));
    bench.drain();
    assert.equal(bench.attester.empty, true);
    bench.attester.handle({ kind: "changeKey" }, 0);
    assert.equal(bench.attester.empty, false);
    bench.run();
    assert.deepEqual(bench.kinds, ["boot", "batch", "key", "boot"]);
    assert.equal(bench.attester.empty, true);
  });
});
