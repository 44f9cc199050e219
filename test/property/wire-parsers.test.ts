/**
 * Every parser of tokens, fragments and control messages: never throws, names what it refuses, and what it accepts it would have
 * written in the very same bytes.
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { CborReader } from "../../firmware/wire/cbor.ts";
import {
  LORAWAN_TAG_BYTES,
  MAX_CONTROL_BYTES,
  MQTT_TAG_BYTES,
  newControlMessage,
  parseControl,
  writeAckMessage,
} from "../../firmware/wire/control-message.ts";
import { encodeSign1, parseSign1 } from "../../firmware/wire/cose-sign1.ts";
import { encodeClaims, MAX_TOKEN_BYTES, parseClaims, parseToken } from "../../firmware/wire/eat-token.ts";
import {
  MAX_ACK_BYTES,
  newAck,
  newFragment,
  parseAck,
  parseFragment,
  WINDOW_TILES,
  writeAck,
  writeAckReq,
  writeAll1,
  writeReceiverAbort,
  writeRegular,
  writeSenderAbort,
} from "../../firmware/wire/schc-fragment.ts";
import { counts } from "../counts.ts";
import { claimsOf, makeBatch, makeIdentity, makeToken } from "../unit/wire/token-fixture.ts";
import { throwHostileFrames } from "./hostile-frames.ts";

const RUNS = counts(20_000, 1_000_000);
const REASON = /^[a-z0-9-]+$/;

const batches = [makeBatch(1), makeBatch(3), { ...makeBatch(2), wallTime: false, timeQuality: 0, t0: 600 }];
const claims = batches.map((batch) => claimsOf(makeIdentity(), batch));
const tokens = batches.map((batch) => makeToken(batch));

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
const bitmap = Uint8Array.from({ length: WINDOW_TILES }, (_, i) => (i % 7 === 3 ? 0 : 1));
const acks = written(
  MAX_ACK_BYTES,
  (into) => writeAck(1, true, bitmap, into),
  (into) => writeAck(2, false, bitmap, into),
  (into) => writeAck(0, false, new Uint8Array(WINDOW_TILES).fill(1, 3), into),
  (into) => writeReceiverAbort(into),
);
const mac = new Uint8Array(16).fill(0xa5);
const controls = written(
  MAX_CONTROL_BYTES,
  (into) => writeAckMessage(77, mac, LORAWAN_TAG_BYTES, into),
  (into) => writeAckMessage(0xffffffff, mac, MQTT_TAG_BYTES, into),
);

describe(`${RUNS} hostile frames at every parser of wire/`, function () {
  this.timeout(0);

  it("RFC 8949 4.2: CborReader, typed reads in any order after it", () => {
    throwHostileFrames([...claims, ...tokens], 64, RUNS, (frame) => {
      const reader = new CborReader(frame);
      const accepted = reader.reason === undefined;
      if (!accepted) match(reader.reason ?? "", REASON);
      for (let i = 0; i < frame.length && reader.peek() !== "none"; i++) {
        const read = frame[i] % 7;
        if (read === 0) reader.uint();
        else if (read === 1) reader.int();
        else if (read === 2) reader.bytes();
        else if (read === 3) reader.text();
        else if (read === 4) reader.array();
        else if (read === 5) reader.map();
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

  it("RFC 9711 4: parseClaims accepts its own encoding only", () => {
    const again = new Uint8Array(MAX_TOKEN_BYTES);
    throwHostileFrames(claims, 64, RUNS, (frame) => {
      const parsed = parseClaims(frame);
      if (!parsed.ok) {
        match(parsed.reason, REASON);
        return;
      }
      const length = encodeClaims(parsed.claims, parsed.claims, again);
      ok(length === frame.length && Buffer.compare(again.subarray(0, length), frame) === 0);
    });
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

  it("parseControl accepts its own encoding only", () => {
    const message = newControlMessage();
    const again = new Uint8Array(MAX_CONTROL_BYTES);
    throwHostileFrames(controls, 24, RUNS, (frame) => {
      for (const tagBytes of [LORAWAN_TAG_BYTES, MQTT_TAG_BYTES] as const) {
        if (!parseControl(frame, frame.length, tagBytes, message)) {
          match(message.reason, REASON);
          continue;
        }
        const length = writeAckMessage(message.seq, message.tag, tagBytes, again);
        ok(length === frame.length && Buffer.compare(again.subarray(0, length), frame) === 0);
      }
    });
  });
});
