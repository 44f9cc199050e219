/**
 * Every parser of tokens, fragments and control messages: never throws, names what it refuses, and what it accepts it would have
 * written in the very same bytes.
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { encodeBinding, parseBinding } from "../../firmware/wire/binding.ts";
import { CborReader } from "../../firmware/wire/cbor-reader.ts";
import {
  type ControlMessage,
  LORAWAN_TAG_BYTES,
  MAX_CONTROL_BYTES,
  MQTT_TAG_BYTES,
  newControlMessage,
  parseControl,
  type TagBytes,
  writeControl,
} from "../../firmware/wire/control-message.ts";
import { encodeSign1, parseSign1, SIGN1_OVERHEAD_BYTES, SIGNATURE_BYTES } from "../../firmware/wire/cose-sign1.ts";
import { encodeTokenClaims, MAX_TOKEN_BYTES, parseClaims, parseToken } from "../../firmware/wire/eat-token.ts";
import { COMPACT_RULE } from "../../firmware/wire/parity-frame.ts";
import {
  MAX_ACK_BYTES,
  newAck,
  newFragment,
  parseAck,
  parseFragment,
  TILE_BYTES,
  TOKEN_FPORT,
  WINDOW_TILES,
  writeAck,
  writeAckReq,
  writeAll1,
  writeReceiverAbort,
  writeRegular,
  writeSenderAbort,
} from "../../firmware/wire/schc-fragment.ts";
import {
  MISSING_BYTES,
  newSlotAnswer,
  readSlotAnswer,
  writeSlotEnded,
  writeSlotMissing,
} from "../../firmware/wire/slot-answer.ts";
import {
  MAX_SLOT_BYTES,
  newSlotFragment,
  parseSlotFragment,
  writeSlotAckReq,
  writeSlotAll1,
  writeSlotTiles,
} from "../../firmware/wire/slot-fragment.ts";
import { MAX_NONCE_BYTES } from "../../firmware/wire/statements.ts";
import { counts } from "../counts.ts";
import { makeStatements } from "../unit/wire/statement-fixture.ts";
import { claimsOf, makeBatch, makeIdentity, makeToken, signPayload } from "../unit/wire/token-fixture.ts";
import { throwHostileFrames } from "./hostile-frames.ts";

const RUNS = counts(20_000, 1_000_000);
const REASON = /^[a-z0-9-]+$/;

const batches = [makeBatch(1), makeBatch(3), { ...makeBatch(2), wallTime: false, timeQuality: 0, t0: 600 }];
const statements = makeStatements().map((statement) => bytesOf((into) => encodeTokenClaims(statement, into)));
const claims = [...batches.map((batch) => claimsOf(makeIdentity(), batch)), ...statements];
const tokens = [
  ...batches.map((batch) => makeToken(batch)),
  ...statements.map((payload) => signPayload(makeIdentity(), payload)),
];
const { ueid } = makeIdentity();
const bindings = [
  { wallS: 1_700_000_000, ueid, key: { alg: -7, publicKey: new Uint8Array(64).fill(7) } },
  { wallS: 0, ueid, key: { alg: -8, publicKey: new Uint8Array(32).fill(8) } },
  { wallS: 1_700_000_000, ueid, key: { alg: -47, publicKey: new Uint8Array(64).fill(9) } },
] as const;
const bindingClaims = bindings.map((binding) => bytesOf((into) => encodeBinding(binding, into)));

function bytesOf(write: (into: Uint8Array) => number): Uint8Array {
  const into = new Uint8Array(MAX_TOKEN_BYTES);
  return into.slice(0, write(into));
}

/** Frames written by `write` into a buffer of `size` bytes. */
function written(size: number, ...writes: ((into: Uint8Array) => number)[]): Uint8Array[] {
  const into = new Uint8Array(size);
  return writes.map((write) => into.slice(0, write(into)));
}

const datagram = Uint8Array.from({ length: 700 }, (_, i) => i & 0xff);
const fragments = written(
  64,
  (into) => writeRegular(datagram, 0, 5, into),
  (into) => writeRegular(datagram, 60, 6, into),
  (into) => writeAll1(datagram, 697, into),
  (into) => writeAckReq(2, into),
  (into) => writeSenderAbort(into),
);
const compact = datagram.subarray(0, 305);
const slotFrames = written(
  64,
  (into) => writeSlotTiles(compact, compact.length, 1, 0, 5, into),
  (into) => writeSlotTiles(compact, compact.length, 2, 28, 31, into),
  (into) => writeSlotAll1(compact, compact.length, 3, 28, into),
  (into) => writeSlotAll1(compact, compact.length, 0, 31, into),
  (into) => writeSlotAckReq(2, into),
);
const lacking = Uint8Array.from({ length: MISSING_BYTES }, (_, i) => (i < 3 ? 0x11 << i : 0));
const slotAnswers = written(
  40,
  (into) => writeSlotMissing(2, lacking, into, writeSlotMissing(1, lacking, into, 0)),
  (into) => writeSlotMissing(3, new Uint8Array(MISSING_BYTES).fill(255), into, writeSlotEnded(0, false, into, 0)),
  (into) => writeSlotEnded(1, true, into, 0),
);
const bitmap = Uint8Array.from({ length: WINDOW_TILES }, (_, i) => (i % 7 === 3 ? 0 : 1));
const acks = written(
  MAX_ACK_BYTES,
  (into) => writeAck(1, true, bitmap, into),
  (into) => writeAck(2, false, bitmap, into),
  (into) => writeAck(0, false, new Uint8Array(WINDOW_TILES).fill(1, 3), into),
  (into) => writeReceiverAbort(into),
);
const mac = new Uint8Array(16).fill(0xa5);
const nonce = new Uint8Array(MAX_NONCE_BYTES).fill(0x5a);
const messages: [Partial<ControlMessage>, TagBytes][] = [
  [{ kind: "ack", seq: 77 }, LORAWAN_TAG_BYTES],
  [{ kind: "ack", seq: 0xffffffff }, MQTT_TAG_BYTES],
  [{ kind: "ack", seq: 0x10000, earlier: 0xff }, LORAWAN_TAG_BYTES],
  [{ kind: "ack", seq: 0x10000, earlier: 1, answersLength: 9 }, LORAWAN_TAG_BYTES],
  [{ kind: "parity", rule: TOKEN_FPORT, firstParity: 5, tiles: 8, check: 0xfedcba98 }, LORAWAN_TAG_BYTES],
  [{ kind: "parity", rule: COMPACT_RULE, firstParity: 0, tiles: 128, check: 0 }, LORAWAN_TAG_BYTES],
  [{ kind: "boot", bootCount: 7 }, LORAWAN_TAG_BYTES],
  [{ kind: "boot", bootCount: 0xffffffff }, MQTT_TAG_BYTES],
  [{ kind: "challenge", nonce, nonceLength: 8 }, LORAWAN_TAG_BYTES],
  [{ kind: "challenge", nonce, nonceLength: 64 }, MQTT_TAG_BYTES],
];
const controls = messages.map(([message, tagBytes]) =>
  bytesOf((into) => writeControl({ ...newControlMessage(), ...message }, mac, tagBytes, into)),
);

describe(`${RUNS} hostile frames at every parser of wire/`, function () {
  this.timeout(0);

  it("RFC 8949 4.2: CborReader, typed reads in any order after it", () => {
    throwHostileFrames([...claims, ...tokens, ...bindingClaims], 64, RUNS, (frame) => {
      const reader = new CborReader(frame);
      const accepted = reader.reason === undefined;
      if (!accepted) match(reader.reason ?? "", REASON);
      for (let i = 0; i < frame.length && reader.peek() !== "none"; i++) {
        const read = frame[i] % 8;
        if (read === 0) reader.uint();
        else if (read === 1) reader.int();
        else if (read === 2) reader.bytes();
        else if (read === 3) reader.text();
        else if (read === 4) reader.array();
        else if (read === 5) reader.map();
        else if (read === 6) reader.float();
        else reader.skip();
      }
      if (!accepted) equal(reader.peek(), "none");
    });
  });

  it("RFC 9052 4.2: parseSign1", () => {
    throwHostileFrames(tokens, 64, RUNS, (frame) => {
      const parsed = parseSign1(frame);
      if (!parsed.ok) match(parsed.reason, REASON);
    });
  });

  it("RFC 9711 4: parseClaims accepts its own encoding only, of every kind", () => {
    const again = new Uint8Array(MAX_TOKEN_BYTES);
    const kinds = new Set<string>();
    throwHostileFrames(claims, 64, RUNS, (frame) => {
      const parsed = parseClaims(frame);
      if (!parsed.ok) {
        match(parsed.reason, REASON);
        return;
      }
      kinds.add(parsed.claims.kind);
      const length = encodeTokenClaims(parsed.claims, again);
      ok(length === frame.length && Buffer.compare(again.subarray(0, length), frame) === 0);
    });
    equal(kinds.size, 5);
  });

  it("RFC 9052 4.2: parseToken accepts its own encoding only", () => {
    const again = new Uint8Array(MAX_TOKEN_BYTES);
    throwHostileFrames(tokens, 64, RUNS, (frame) => {
      const parsed = parseToken(frame);
      if (!parsed.ok) {
        match(parsed.reason, REASON);
        return;
      }
      const { alg, kid, payload, signature } = parsed;
      const length = encodeSign1(alg, kid, payload, payload.length, signature, again);
      ok(length === frame.length && Buffer.compare(again.subarray(0, length), frame) === 0);
    });
  });

  it("RFC 9011 5.6.2: parseFragment", () => {
    const fragment = newFragment();
    throwHostileFrames(fragments, 64, RUNS, (frame) => {
      if (!parseFragment(frame, frame.length, fragment)) {
        match(fragment.reason, REASON);
        return;
      }
      equal(fragment.reason, "");
      const carriesTiles = fragment.kind === "regular" || fragment.kind === "all-1";
      equal(frame.length, carriesTiles ? fragment.payloadOffset + fragment.payloadLength : 1);
    });
  });

  it("parseSlotFragment takes frames apart that stay within their datagram", () => {
    const fragment = newSlotFragment();
    const kinds = new Set<string>();
    throwHostileFrames(slotFrames, 64, RUNS, (frame) => {
      if (!parseSlotFragment(frame, frame.length, fragment)) {
        match(fragment.reason, REASON);
        return;
      }
      const { kind, firstTile, payloadOffset, payloadLength, length } = fragment;
      kinds.add(kind);
      if (kind === "ack-request") return;
      equal(payloadOffset + payloadLength, frame.length);
      ok(firstTile * TILE_BYTES + payloadLength <= MAX_SLOT_BYTES && length <= MAX_SLOT_BYTES);
    });
    equal(kinds.size, 3);
  });

  it("readSlotAnswer reads entries that are written again with the same meaning, never longer", () => {
    const answer = newSlotAnswer();
    const second = newSlotAnswer();
    const again = new Uint8Array(1 + MISSING_BYTES);
    const kinds = new Set<string>();
    throwHostileFrames(slotAnswers, 40, RUNS, (frame) => {
      let at = 0;
      for (let end = 0; at < frame.length; at = end) {
        end = readSlotAnswer(frame, at, frame.length, answer);
        if (end < 0) break;
        ok(end > at && end <= frame.length);
        kinds.add(answer.kind);
        const { kind, slot, missing } = answer;
        const length =
          kind === "missing"
            ? writeSlotMissing(slot, missing, again, 0)
            : writeSlotEnded(slot, kind === "abort", again, 0);
        ok(length <= end - at);
        equal(readSlotAnswer(again, 0, length, second), length);
        deepEqual([second.kind, second.slot, second.missing], [kind, slot, missing]);
      }
    });
    equal(kinds.size, 3);
  });

  it("RFC 8724 8.3.2: parseAck reads bitmaps that are written again with the same meaning, never longer", () => {
    const ack = newAck();
    const second = newAck();
    const again = new Uint8Array(MAX_ACK_BYTES);
    throwHostileFrames(acks, 12, RUNS, (frame) => {
      if (!parseAck(frame, frame.length, ack)) {
        match(ack.reason, REASON);
        return;
      }
      if (ack.kind === "receiver-abort") return;
      const length = writeAck(ack.window, ack.complete, ack.bitmap, again);
      ok(length <= frame.length);
      ok(parseAck(again, length, second));
      deepEqual(second, ack);
    });
  });

  it("RFC 8392, RFC 8747: parseBinding accepts its own encoding only", () => {
    const again = new Uint8Array(MAX_TOKEN_BYTES);
    const identity = makeIdentity();
    const signature = new Uint8Array(SIGNATURE_BYTES).fill(1);
    const sealed = (payload: Uint8Array) =>
      bytesOf((into) => encodeSign1(identity.alg, identity.kid, payload, payload.length, signature, into));
    let accepted = 0;
    throwHostileFrames(bindingClaims, 64, RUNS, (frame) => {
      if (frame.length > MAX_TOKEN_BYTES - SIGN1_OVERHEAD_BYTES) return;
      const parsed = parseBinding(sealed(frame));
      if (!parsed.ok) {
        match(parsed.reason, REASON);
        return;
      }
      accepted++;
      const length = encodeBinding(parsed.claims, again);
      ok(length === frame.length && Buffer.compare(again.subarray(0, length), frame) === 0);
    });
    ok(accepted > RUNS / 50, `${accepted}`);
  });

  it("parseControl accepts its own encoding only", () => {
    const message = newControlMessage();
    const again = new Uint8Array(MAX_CONTROL_BYTES);
    const kinds = new Set<string>();
    throwHostileFrames(controls, 90, RUNS, (frame) => {
      for (const tagBytes of [LORAWAN_TAG_BYTES, MQTT_TAG_BYTES] as const) {
        if (!parseControl(frame, frame.length, tagBytes, message)) {
          match(message.reason, REASON);
          continue;
        }
        equal(message.reason, "");
        kinds.add(message.kind === "ack" && message.earlier !== undefined ? "history" : message.kind);
        const length = writeControl(message, message.tag, tagBytes, again);
        ok(length === frame.length && Buffer.compare(again.subarray(0, length), frame) === 0);
      }
    });
    equal(kinds.size, 5);
  });

  it("what is signed is one thing only: no claims are accepted as a token and as a binding", () => {
    const identity = makeIdentity();
    for (const payload of [...claims, ...bindingClaims]) {
      const bytes = signPayload(identity, payload);
      ok(parseToken(bytes).ok !== parseBinding(bytes).ok);
    }
  });
});
