import assert from "node:assert/strict";
import {
  COMPACT_AGE_MAX_S,
  COMPACT_AGE_MAX_STEPS,
  DRAIN_RETRY_MAX_MS,
  NUMBER_IN_FULL_EVERY,
  REFUSAL_PAUSE_MS,
  RESUME_REST_MS,
  RESUMES_MAX,
  SET_ASIDE_MS,
  TIME_REFRESH_MS,
  TIME_RETRY_FIRST_MS,
  UNANSWERED_MAX,
} from "../../../../firmware/core/bounds.ts";
import { LorawanUplink } from "../../../../firmware/core/uplink/lorawan-uplink.ts";
import { MAX_TOKEN_BYTES } from "../../../../firmware/wire/batch.ts";
import { compactRules } from "../../../../firmware/wire/compact-profiles.ts";
import { decodeCompact } from "../../../../firmware/wire/compact-token.ts";
import { CONTROL_FPORT, LORAWAN_TAG_BYTES, MQTT_TAG_BYTES } from "../../../../firmware/wire/control-message.ts";
import { SIGNATURE_BYTES } from "../../../../firmware/wire/cose-sign1.ts";
import { crc32 } from "../../../../firmware/wire/crc32.ts";
import { NO_PORT } from "../../../../firmware/wire/lorawan-frame.ts";
import { COMPACT_RULE, PARITY_FPORT } from "../../../../firmware/wire/parity-frame.ts";
import { AIR_QUALITY } from "../../../../firmware/wire/profiles/air-quality.ts";
import { WEATHER } from "../../../../firmware/wire/profiles/weather.ts";
import { TILE_BYTES, TOKEN_FPORT } from "../../../../firmware/wire/schc-fragment.ts";
import { MAX_SLOT_BYTES, newSlotFragment, parseSlotFragment } from "../../../../firmware/wire/slot-fragment.ts";
import { TOKEN_KIND } from "../../../../firmware/wire/token-record.ts";
import { compactOf } from "../../wire/compact-fixture.ts";
import { makeBatch, makeToken, toHex } from "../../wire/token-fixture.ts";
import { acknowledgement, CIPHERS, control, UEID } from "./control.ts";
import { Bench, batchToken, compactToken, type DeliverOptions, lastReadingS, type Sent } from "./lorawan-bench.ts";

const WHOLE_COMPACT_FPORT = 30;

/** What the header of a compact token in one frame says. */
function headerOf({ port, bytes }: Sent): { key: boolean; escape: boolean; seq: number } {
  assert.equal(port, WHOLE_COMPACT_FPORT);
  const decoded = decodeCompact(WEATHER, compactRules(WEATHER)!, bytes);
  assert.ok(decoded.ok);
  return decoded.header;
}

/** The slots that fragments are of. */
function slotsOf(frames: readonly Sent[]): number[] {
  return frames.map(({ bytes }) => bytes[0] >>> 6);
}

/** Puts a compact token's fragments together. */
function assemble(frames: readonly Sent[]): Uint8Array {
  const bytes = new Uint8Array(1000);
  const fragment = newSlotFragment();
  for (const frame of frames) {
    assert.equal(frame.port, COMPACT_RULE);
    assert.ok(parseSlotFragment(frame.bytes, frame.bytes.length, fragment), fragment.reason);
    const { firstTile, payloadOffset, payloadLength } = fragment;
    // The All-1 says how long the datagram is, and so where its tiles begin.
    const at =
      fragment.kind === "all-1"
        ? Math.max(Math.ceil((fragment.length - payloadLength) / TILE_BYTES), 0) * TILE_BYTES
        : firstTile * TILE_BYTES;
    bytes.set(frame.bytes.subarray(payloadOffset, payloadOffset + payloadLength), at);
  }
  assert.equal(fragment.kind, "all-1");
  return bytes.subarray(0, fragment.length);
}

describe("LoRaWAN uplink", () => {
  it("asks for the time at once with an empty frame, later each time, then every six hours", () => {
    const bench = new Bench();
    assert.equal(bench.uplink.asksTime(51, 0), true);
    assert.equal(bench.offer(), `${NO_PORT}:0`);
    assert.equal(bench.offer(), undefined);
    assert.equal(bench.uplink.pollTimeout(), TIME_RETRY_FIRST_MS);
    bench.nowMs = TIME_RETRY_FIRST_MS;
    assert.equal(bench.offer(), `${NO_PORT}:0`);
    assert.equal(bench.uplink.pollTimeout(), 3 * TIME_RETRY_FIRST_MS);
    bench.learnTime();
    assert.equal(bench.uplink.pollTimeout(), bench.nowMs + TIME_REFRESH_MS);
    bench.nowMs += TIME_REFRESH_MS;
    assert.equal(bench.offer(), `${NO_PORT}:0`);
  });

  it("an answer in the frame's own windows counts", () => {
    const bench = new Bench();
    bench.offer(undefined);
    bench.learnTime();
    bench.handle({ kind: "sent", more: false });
    assert.equal(bench.uplink.asksTime(51, TIME_REFRESH_MS - 1), false);
  });

  it("the request rides on a token's fragment when there is one", () => {
    const bench = new Bench();
    bench.deliver(5);
    assert.equal(bench.uplink.asksTime(51, 0), true);
    assert.equal(bench.offer(), `${TOKEN_FPORT}:51`);
    assert.equal(bench.uplink.asksTime(51, 0), false);
  });

  it("a refresh rides on a token's frames in the last two thirds of its time, and again until it is answered; not where a tile fills the frame", () => {
    const bench = new Bench();
    bench.learnTime();
    bench.deliver(5);
    const fromMs = TIME_REFRESH_MS / 3;
    assert.deepEqual([bench.uplink.asksTime(51, fromMs - 1), bench.uplink.asksTime(51, fromMs)], [false, true]);
    assert.equal(bench.uplink.asksTime(11, TIME_REFRESH_MS), false);
    bench.nowMs = fromMs;
    bench.offer();
    assert.equal(bench.uplink.asksTime(51, fromMs + TIME_RETRY_FIRST_MS - 1), false);
    assert.equal(bench.uplink.asksTime(51, fromMs + TIME_RETRY_FIRST_MS), true);
    bench.offerAll();
    bench.control({ kind: "ack", seq: 5 });
    assert.equal(bench.uplink.pollTimeout(), TIME_REFRESH_MS, "no frame of its own before");
    assert.equal(bench.uplink.asksTime(51, TIME_REFRESH_MS), true);
  });

  it("delivers a token; only the authentic final acknowledgement ends it", () => {
    const bench = new Bench();
    bench.learnTime();
    bench.deliver(5);
    assert.equal(bench.uplink.busy, true);
    assert.deepEqual([bench.offer(), bench.offer(), bench.offer()], ["32:51", "32:15", undefined]);
    const right = acknowledgement(5, LORAWAN_TAG_BYTES);
    const wrong = right.slice();
    wrong[8] ^= 1;
    for (const bytes of [
      wrong,
      right.subarray(0, 8),
      acknowledgement(5, MQTT_TAG_BYTES),
      acknowledgement(5, LORAWAN_TAG_BYTES, UEID.slice().reverse()),
      new Uint8Array(0),
    ]) {
      bench.downlink(CONTROL_FPORT, bytes);
    }
    bench.downlink(99, right);
    bench.downlink(TOKEN_FPORT, right);
    assert.deepEqual(bench.acknowledged, []);
    bench.downlink(CONTROL_FPORT, right);
    assert.deepEqual(bench.acknowledged, [5]);
    assert.equal(bench.uplink.busy, false);
    bench.deliver(6);
    assert.equal(bench.offer(), "32:51");
  });

  it("counts control messages that are not authentic", () => {
    const uplink = new LorawanUplink({ ueid: UEID, ciphers: CIPHERS });
    const payload = new Uint8Array(9).fill(1);
    uplink.handle({ kind: "downlink", port: CONTROL_FPORT, payload, length: 9 }, 0);
    assert.equal(uplink.refusedControl, 1);
  });

  it("passes on the acknowledgement of another token and goes on with its own", () => {
    const bench = new Bench();
    bench.deliver(6);
    bench.offer();
    bench.downlink(CONTROL_FPORT, acknowledgement(5, LORAWAN_TAG_BYTES));
    assert.deepEqual(bench.acknowledged, [5]);
    assert.equal(bench.uplink.busy, true);
  });

  it("an acknowledgement with history acknowledges every token whose bit is set, the one in hand too", () => {
    const bench = new Bench();
    bench.learnTime();
    bench.deliver(19);
    bench.offer();
    bench.control({ kind: "ack", seq: 21, earlier: 0b1000_0010 });
    assert.deepEqual(bench.acknowledged, [21, 19, 13]);
    assert.equal(bench.uplink.busy, false);
    bench.deliver(22);
    bench.control({ kind: "ack", seq: 23, earlier: 0b10 });
    bench.control({ kind: "ack", seq: 2, earlier: 0xff });
    bench.control({ kind: "ack", seq: 31, earlier: 0xff });
    assert.equal(bench.uplink.busy, true, "none of them is of token 22");
  });

  it("waits as long as the MAC says when it refuses, then sends the same", () => {
    const bench = new Bench();
    bench.learnTime();
    bench.deliver(1);
    assert.equal(bench.offer({ kind: "refused", untilMs: 250_000 }), "32:51");
    assert.equal(bench.offer(), undefined);
    assert.equal(bench.uplink.pollTimeout(), 250_000);
    bench.nowMs = 250_000;
    assert.deepEqual([bench.offer({ kind: "refused", untilMs: 0 }), bench.offer()], ["32:51", undefined]);
    assert.equal(bench.uplink.pollTimeout(), bench.nowMs + REFUSAL_PAUSE_MS, "no loop on a refusal until now");
    bench.nowMs += REFUSAL_PAUSE_MS;
    assert.deepEqual([bench.offer(), bench.offer()], ["32:51", "32:15"]);
  });

  it("empties the MAC's answers once when no fragment fits, then gives the token back", () => {
    for (const [kind, frames] of [
      [TOKEN_KIND.boot, [`${NO_PORT}:0`, `${NO_PORT}:0`, "32:1"]],
      [TOKEN_KIND.batch, [`${NO_PORT}:0`, `${NO_PORT}:0`]],
    ] as const) {
      const bench = new Bench();
      bench.learnTime();
      bench.maxPayload = 5;
      bench.deliver(1, batchToken(1), { kind });
      assert.deepEqual(bench.offerAll(), frames);
      assert.deepEqual(bench.notDelivered, [1]);
      assert.equal(bench.uplink.busy, false);
    }
  });

  it("reports a whole token that nobody acknowledges, after its requests", () => {
    const bench = new Bench();
    bench.learnTime();
    bench.deliver(3);
    for (let i = 0; i < 100 && bench.uplink.busy; i++) if (bench.offer() === undefined) bench.wait();
    assert.deepEqual(bench.notDelivered, [3]);
    assert.deepEqual(bench.acknowledged, []);
  });

  it("gives a token back that the outbox no longer has after a sleep", () => {
    for (const [kind, frame] of [
      [TOKEN_KIND.boot, "32:1"],
      [TOKEN_KIND.batch, undefined],
    ] as const) {
      const bench = new Bench();
      bench.learnTime();
      bench.deliver(3, batchToken(3), { kind });
      bench.tokens.delete(3);
      bench.run();
      assert.equal(bench.offer(), frame);
      assert.deepEqual(bench.notDelivered, [3]);
    }
  });
});

describe("LoRaWAN uplink, forms of a token", () => {
  function firstFrame(options: DeliverOptions, token = batchToken(17, 4)): Sent {
    const bench = new Bench();
    bench.learnTime();
    bench.maxPayload = 242;
    bench.deliver(17, token, { kind: TOKEN_KIND.batch, wallS: lastReadingS(4), ...options });
    bench.offer();
    return bench.sent[0];
  }

  it("a batch goes compact: in one frame on FPort 30, in fragments on FPort 20; statements go whole on FPort 32", () => {
    const bench = new Bench();
    bench.learnTime();
    bench.maxPayload = 242;
    bench.deliverBatch(8, 4);
    bench.offer();
    assert.equal(bench.sent[0].port, WHOLE_COMPACT_FPORT);
    assert.equal(toHex(bench.sent[0].bytes), toHex(compactToken(8, 4)));
    bench.control({ kind: "ack", seq: 8 });
    bench.maxPayload = 51;
    bench.deliverBatch(9);
    const frames = bench.offerAll();
    assert.ok(frames.length >= 4 && frames.every((frame) => frame.startsWith("20:")), `${frames}`);
    bench.control({ kind: "ack", seq: 9 });
    for (const kind of [TOKEN_KIND.boot, TOKEN_KIND.digest, TOKEN_KIND.anchor, TOKEN_KIND.key]) {
      bench.deliver(10, undefined, { kind });
      assert.deepEqual(bench.offerAll(), ["32:51", "32:15"]);
      bench.control({ kind: "ack", seq: 10 });
    }
  });

  it("a batch of another profile goes whole, and so does any where no compact form is asked for", () => {
    for (const profile of [AIR_QUALITY, undefined]) {
      const bench = new Bench({ profile });
      bench.learnTime();
      bench.deliverBatch(9);
      assert.equal(bench.offer(), "32:51");
    }
  });

  it("a compact form longer than fragments can number goes whole", () => {
    // Every value jumps by 24 to 143 steps, up or down: few bytes in CBOR, most surprising for the coder.
    const batch = makeBatch(45);
    let random = 12_345;
    for (let c = 1; c < batch.columns.length; c++) {
      const { min, max } = WEATHER.fields[c - 1];
      let value = Math.floor((min + max) / 2);
      for (let i = 0; i < batch.count; i++) {
        random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
        const jump = (((random >>> 16) & 1) * 2 - 1) * (24 + ((random >>> 18) % 120));
        if (value + jump >= min && value + jump <= max) value += jump;
        else if (value - jump >= min && value - jump <= max) value -= jump;
        batch.columns[c][i] = value;
      }
    }
    const token = makeToken(batch);
    const compact = compactOf(batch, { key: true, escape: true }, token.subarray(token.length - SIGNATURE_BYTES));
    assert.ok(compact.length > MAX_SLOT_BYTES && token.length <= MAX_TOKEN_BYTES);
    const bench = new Bench();
    bench.learnTime();
    bench.deliver(17, token, { kind: TOKEN_KIND.batch, keyRow: true, tries: 1 });
    assert.equal(bench.offer(), "32:51");
  });

  it("first values stand in full where the record says so", () => {
    assert.deepEqual([headerOf(firstFrame({})).key, headerOf(firstFrame({ keyRow: true })).key], [false, true]);
  });

  it("number, boot and time stand in full unless it is the first try, in order, and its age is known and below six hours and 128 steps", () => {
    const wallS = lastReadingS(4);
    assert.equal(headerOf(firstFrame({})).escape, false);
    assert.equal(headerOf(firstFrame({ wallS: wallS + COMPACT_AGE_MAX_S })).escape, false);
    for (const options of [
      { tries: 1 },
      { inOrder: false },
      { wallS: wallS + COMPACT_AGE_MAX_S + 1 },
      { wallS: 0 },
    ] satisfies DeliverOptions[]) {
      const header = headerOf(firstFrame(options));
      assert.deepEqual([header.escape, header.seq], [true, 17], JSON.stringify(options));
    }
    const minutes = makeToken({ ...makeBatch(4), seq: 17, dt: 60 });
    const lastS = makeBatch(4).t0 + 3 * 60;
    for (const [ageS, isEscape] of [
      [COMPACT_AGE_MAX_STEPS * 60, false],
      [COMPACT_AGE_MAX_STEPS * 60 + 1, true],
    ] as const)
      assert.equal(
        headerOf(firstFrame({ wallS: lastS + ageS }, minutes)).escape,
        isEscape,
        `${ageS} s, a reading a minute`,
      );
    const uptime = makeToken({ ...makeBatch(4), seq: 17, t0: 900, timeQuality: 0, wallTime: false });
    assert.equal(headerOf(firstFrame({}, uptime)).escape, true);
  });

  it("the same bytes after a sleep at any moment: fragments of one token fit together", () => {
    for (const keyRow of [false, true]) {
      for (const tries of [0, 2]) {
        const bench = new Bench();
        bench.learnTime();
        bench.deliverBatch(9, 36, { keyRow, tries });
        bench.offerAll();
        const expected = compactToken(9, 36, { key: keyRow, escape: tries > 0 });
        assert.equal(toHex(assemble(bench.sent)), toHex(expected));
        assert.ok(bench.reads.length > 5, "the bytes were made anew each time");
      }
    }
  });
});

describe("LoRaWAN uplink, control messages", () => {
  it("an authentic request for parity tiles is answered on FPort 31, one for another datagram is not", () => {
    const bench = new Bench();
    bench.learnTime();
    bench.deliverBatch(9);
    bench.offer();
    const compact = compactToken(9, 36);
    const check = crc32(compact, 0, compact.length);
    const request = { kind: "parity", rule: COMPACT_RULE, firstParity: 2, tiles: 3 } as const;
    bench.control({ ...request, check: check ^ 1 });
    assert.match(bench.offer()!, /^20:/);
    const forged = control({ ...request, check }, LORAWAN_TAG_BYTES);
    forged[forged.length - 1] ^= 1;
    bench.downlink(CONTROL_FPORT, forged);
    assert.match(bench.offer()!, /^20:/);
    bench.control({ ...request, check });
    assert.match(bench.offer()!, new RegExp(`^${PARITY_FPORT}:`));
    assert.equal(bench.uplink.refusedControl, 1);
  });

  it("hands requests for the boot token and challenges on, and goes on with its token", () => {
    const bench = new Bench();
    bench.learnTime();
    bench.deliver(3);
    const nonce = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
    bench.control({ kind: "boot", bootCount: 70_000 });
    bench.control({ kind: "challenge", nonce, nonceLength: 16 });
    bench.control({ kind: "challenge", nonce, nonceLength: 8 });
    assert.deepEqual(bench.boots, [70_000]);
    assert.deepEqual(bench.nonces, [nonce, nonce.subarray(0, 8)]);
    const forged = control({ kind: "boot", bootCount: 1 }, LORAWAN_TAG_BYTES);
    forged[2] ^= 1;
    bench.downlink(CONTROL_FPORT, forged);
    bench.downlink(CONTROL_FPORT, control({ kind: "boot", bootCount: 1 }, MQTT_TAG_BYTES));
    assert.deepEqual([bench.boots.length, bench.uplink.refusedControl], [1, 2]);
    assert.equal(bench.offer(), "32:51");
  });
});

describe("LoRaWAN uplink, tokens set aside", () => {
  /** A bench that has sent compact tokens in one frame each, and heard nothing. */
  function afterSilence(...seqs: number[]): Bench {
    const bench = new Bench();
    bench.learnTime();
    bench.maxPayload = 242;
    for (const seq of seqs) {
      bench.deliverBatch(seq, 4);
      bench.offer();
    }
    return bench;
  }

  it("a compact token that nothing answers is set aside, and the next one goes", () => {
    const bench = afterSilence(1, 2);
    assert.deepEqual([bench.sent.map(({ port }) => port), bench.uplink.busy], [[30, 30], false]);
    assert.deepEqual([bench.notDelivered, bench.offer()], [[], undefined]);
    bench.control({ kind: "ack", seq: 2, earlier: 1 });
    assert.deepEqual(bench.acknowledged, [2, 1]);
    bench.nowMs = 2 * SET_ASIDE_MS;
    bench.learnTime();
    bench.uplink.handleTimeout(bench.nowMs);
    assert.equal(bench.uplink.busy, false, "none is left there");
  });

  it("what the history lacks is sent again, in the same bytes, and the answer to it counts", () => {
    const bench = afterSilence(1, 2);
    bench.control({ kind: "ack", seq: 2, earlier: 0 });
    assert.equal(bench.uplink.busy, true);
    assert.deepEqual(bench.offerAll(), [`30:${bench.sent[0].bytes.length}`]);
    assert.deepEqual(bench.sent[2], bench.sent[0]);
    bench.control({ kind: "ack", seq: 1 });
    assert.deepEqual(bench.acknowledged, [2, 1]);
    assert.equal(bench.uplink.busy, false);
  });

  it("after SET_ASIDE_MS it is sent again without being asked for", () => {
    const bench = afterSilence(1);
    bench.nowMs = SET_ASIDE_MS - 1;
    bench.learnTime();
    assert.deepEqual([bench.uplink.busy, bench.uplink.pollTimeout()], [false, SET_ASIDE_MS]);
    bench.wait();
    assert.deepEqual(bench.offerAll().length, 1);
    assert.deepEqual(bench.sent[1], bench.sent[0]);
  });

  it("goes back to the outbox after being sent again too often", () => {
    const bench = afterSilence(1);
    for (let i = 0; i < 3 * RESUMES_MAX && bench.notDelivered.length === 0; i++) {
      bench.nowMs += SET_ASIDE_MS;
      bench.learnTime();
      bench.uplink.handleTimeout(bench.nowMs);
      bench.run();
      bench.offerAll();
    }
    assert.deepEqual(bench.notDelivered, [1]);
    assert.equal(bench.sent.length, 1 + RESUMES_MAX);
    assert.equal(bench.uplink.busy, false);
  });

  /** A bench that has sent compact tokens in fragments, and heard nothing. */
  function afterFragments(...seqs: number[]): Bench {
    const bench = new Bench();
    bench.learnTime();
    for (const seq of seqs) {
      bench.deliverBatch(seq);
      bench.offerAll();
    }
    bench.sent.length = 0;
    return bench;
  }

  /** Tile 1 is missing of the token with this number. */
  const lacksTile1 = (seq: number): Uint8Array => Uint8Array.of(((seq % 4) << 6) | 1, 0x40);

  it("wire-format.md 4.1: what an answer of FPort 20 lists goes, and no more; a token of the same slot harms nothing", () => {
    const bench = afterFragments(1, 2, 5);
    assert.deepEqual(bench.notDelivered, []);
    bench.downlink(COMPACT_RULE, Uint8Array.from([...lacksTile1(2), ...lacksTile1(5)]));
    assert.deepEqual(bench.offerAll(), ["20:11", "20:11"]);
    assert.deepEqual([slotsOf(bench.sent), bench.uplink.busy], [[2, 1], false]);
  });

  it("wire-format.md 5: and so does what an acknowledgement with history has behind it", () => {
    const bench = afterFragments(1, 3);
    bench.deliverBatch(4, 4);
    bench.maxPayload = 242;
    bench.offer();
    bench.sent.length = 0;
    const answers = Uint8Array.from([...lacksTile1(1), ...lacksTile1(3)]);
    bench.control({ kind: "ack", seq: 4, earlier: 0, answers, answersLength: answers.length });
    assert.deepEqual(bench.offerAll(), ["20:11", "20:11"]);
    assert.deepEqual(slotsOf(bench.sent), [1, 3]);
  });

  it("what the receiver lacks still after two resumptions rests, twice as long each time", () => {
    const bench = afterSilence(1);
    const sentAtMs: number[] = [];
    const untilMs = 40 * RESUME_REST_MS;
    for (; bench.nowMs < untilMs && bench.notDelivered.length === 0; bench.nowMs += RESUME_REST_MS / 60) {
      bench.learnTime();
      bench.uplink.handleTimeout(bench.nowMs);
      bench.run();
      if (bench.offer() !== undefined) sentAtMs.push(bench.nowMs);
      // Other tokens come through all the time; this one is parked.
      bench.control({ kind: "ack", seq: 2, earlier: 0 });
    }
    const pauses = sentAtMs.slice(1).map((atMs, i) => (atMs - sentAtMs[i]) / RESUME_REST_MS);
    assert.deepEqual([pauses.shift()! < 0.1, pauses.map(Math.round)], [true, [1, 2, 4, 8, 12, 12]]);
  });

  it("a dead path: places and haste are no reason to send again and again; the outbox has the oldest back, and waits", () => {
    const bench = afterSilence();
    for (let seq = 0; bench.notDelivered.length < 3; seq++) {
      bench.deliverBatch(seq, 4);
      bench.offerAll();
    }
    assert.ok(bench.sent.length <= UNANSWERED_MAX + 3, `${bench.sent.length} frames`);
    assert.deepEqual(bench.notDelivered, [0, 1, 2]);
    bench.sent.length = 0;
    bench.handle({ kind: "drain" });
    for (; bench.nowMs < 10 * DRAIN_RETRY_MAX_MS; bench.nowMs += DRAIN_RETRY_MAX_MS / 10) {
      bench.learnTime();
      bench.uplink.handleTimeout(bench.nowMs);
      bench.run();
      bench.offerAll();
    }
    assert.ok(bench.sent.length <= 10, `${bench.sent.length} frames in ten minutes`);
    bench.control({ kind: "challenge", nonce: new Uint8Array(16), nonceLength: 8 });
    assert.ok(bench.uplink.busy, "it lives");
  });

  it("a draining node leaves nothing there", () => {
    const bench = afterSilence(1);
    bench.handle({ kind: "drain" });
    assert.equal(bench.uplink.busy, true);
    bench.offer();
    bench.control({ kind: "ack", seq: 1 });
    bench.deliverBatch(2, 4);
    bench.offer();
    assert.equal(bench.uplink.busy, true, "at once");
  });

  it("goes back to the outbox when flash no longer has it", () => {
    const bench = afterSilence(1);
    bench.tokens.delete(1);
    bench.handle({ kind: "drain" });
    assert.deepEqual(bench.notDelivered, [1]);
    assert.equal(bench.uplink.busy, false);
  });
});

describe("LoRaWAN uplink without downlinks", () => {
  it("counts a token as sent when it and what goes ahead of any request is out, whole or compact", () => {
    for (const kind of [TOKEN_KIND.batch, TOKEN_KIND.boot]) {
      const bench = new Bench({ downlinks: false });
      bench.learnTime();
      bench.deliver(9, batchToken(9), { kind });
      const frames = bench.offerAll();
      assert.ok(
        frames.some((frame) => frame.startsWith(`${PARITY_FPORT}:`)),
        `${frames}`,
      );
      assert.deepEqual([bench.done, bench.notDelivered, bench.uplink.busy], [[9], [], false]);
      assert.equal(bench.uplink.pollTimeout(), TIME_REFRESH_MS, "it waits for nothing");
    }
  });

  it("every eighth token says its number in full, for a receiver that has lost many in a row", () => {
    const bench = new Bench({ downlinks: false });
    bench.learnTime();
    bench.maxPayload = 242;
    for (let seq = 0; seq < 3 * NUMBER_IN_FULL_EVERY; seq++) {
      bench.sent.length = 0;
      bench.deliverBatch(seq, 4, { wallS: lastReadingS(4) });
      bench.offerAll();
      assert.equal(headerOf(bench.sent[0]).escape, seq % NUMBER_IN_FULL_EVERY === 0);
    }
  });
});
