/** The examples of docs/wire-format.md, made by the code: one small token on every way that it can go. */
import { createHash } from "node:crypto";
import { p256 } from "@noble/curves/nist.js";
import type { Batch, NodeIdentity } from "../../../firmware/wire/batch.ts";
import { compactRules } from "../../../firmware/wire/compact-profiles.ts";
import { CompactEncoder, MAX_COMPACT_BYTES } from "../../../firmware/wire/compact-token.ts";
import { ackMacMessage, writeAckMessage } from "../../../firmware/wire/control-message.ts";
import { MAX_THUMBPRINT_INPUT_BYTES, thumbprintInput } from "../../../firmware/wire/cose-key.ts";
import { encodeSign1, protectedHeader, sigStructure } from "../../../firmware/wire/cose-sign1.ts";
import { encodeClaims, MAX_TOKEN_BYTES } from "../../../firmware/wire/eat-token.ts";
import {
  MAX_P2P_FRAME_BYTES,
  MAX_P2P_MAC_MESSAGE_BYTES,
  newP2pFrame,
  type P2pFrame,
  p2pAddress,
  p2pMacMessage,
  writeP2pFrame,
  writeP2pTag,
} from "../../../firmware/wire/p2p-frame.ts";
import { missingFlag, suspectFlag } from "../../../firmware/wire/profile.ts";
import { WEATHER } from "../../../firmware/wire/profiles/weather.ts";
import {
  tileCount,
  tilesPerFragment,
  writeAck,
  writeAckReq,
  writeAll1,
  writeReceiverAbort,
  writeRegular,
  writeSenderAbort,
} from "../../../firmware/wire/schc-fragment.ts";
import { TIME_SOURCE, timeQuality } from "../../../firmware/wire/time-quality.ts";
import { NODE_CRYPTO } from "../../../tools/receiver/node-crypto.ts";

export const DEV_EUI = "0247540000000001";
/** The private key of RFC 6979 A.2.5: everyone's. */
const SECRET_KEY = bytes("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
export const PUBLIC_KEY = p256.getPublicKey(SECRET_KEY, false).slice(1);
/** The key of RFC 4493 4. */
export const RECEIVER_KEY = bytes("2b7e151628aed2a6abf7158809cf4f3c");
/** FRMPayload at EU868 DR0. */
const DR0_PAYLOAD = 51;
/** When the receiver answers: half a minute after the last reading. */
export const RECEIVED_UNIX_MS = 1_780_272_630_000;

export function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

const THUMBPRINT_INPUT = made(MAX_THUMBPRINT_INPUT_BYTES, (into) => thumbprintInput(-7, PUBLIC_KEY, into));

export const IDENTITY: NodeIdentity = {
  ueid: bytes(`02${DEV_EUI}`),
  oemid: bytes("024754"),
  hwmodel: new Uint8Array(Buffer.from("example")),
  dbgstat: 0,
  kid: sha256(THUMBPRINT_INPUT).slice(0, 8),
  alg: -7,
};

/** Flags, then the nine fields of profile `weather`. */
const ROWS = [
  [0, 163, 71, 10132, 24, 41, 50, 10, 120, 371],
  [missingFlag(1), 165, 71, 10131, 27, 38, 49, 10, 131, 371],
  [suspectFlag(WEATHER, 4), 166, 69, 10131, 22, 180, 51, 11, 0, 370],
];

export const BATCH: Batch = {
  profile: WEATHER,
  bootCount: 7,
  seq: 300,
  t0: 1_780_272_000,
  dt: 300,
  timeQuality: timeQuality(TIME_SOURCE.deviceTime, 1000),
  wallTime: true,
  count: ROWS.length,
  columns: Array.from({ length: 10 }, (_, c) => Int32Array.from(ROWS, (row) => row[c])),
};

function made(size: number, write: (into: Uint8Array) => number): Uint8Array {
  const into = new Uint8Array(size);
  return into.slice(0, write(into));
}

function sha256(message: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(message).digest());
}

function compact(key: boolean, signature: Uint8Array): Uint8Array {
  const limit = MAX_COMPACT_BYTES - signature.length;
  const buffer = new Uint8Array(limit);
  const encoder = new CompactEncoder(WEATHER, compactRules(WEATHER)!, buffer);
  encoder.start({ ...BATCH, key, escape: false }, limit);
  for (const [flags, ...values] of ROWS) encoder.add({ flags, values: Int32Array.from(values) });
  return new Uint8Array(Buffer.concat([buffer.subarray(0, encoder.length), signature]));
}

function sealed(frame: Partial<P2pFrame>, payload: Uint8Array): Uint8Array {
  const whole = { ...newP2pFrame(), address: p2pAddress(IDENTITY.ueid), counter: 0x0102, ...frame };
  return made(MAX_P2P_FRAME_BYTES, (into) => {
    const tagAt = writeP2pFrame(whole, payload, payload.length, into);
    const covered = made(MAX_P2P_MAC_MESSAGE_BYTES, (message) => p2pMacMessage(IDENTITY.ueid, into, tagAt, message));
    return writeP2pTag(NODE_CRYPTO.cmac(RECEIVER_KEY, covered), into, tagAt);
  });
}

/** Every example by the name that stands behind `hex` in the document. */
export function wireExamples(): Map<string, Uint8Array> {
  const claims = made(MAX_TOKEN_BYTES, (into) => encodeClaims(IDENTITY, BATCH, into));
  const structure = made(MAX_TOKEN_BYTES, (into) => sigStructure(protectedHeader(-7), claims, claims.length, into));
  const digest = sha256(structure);
  const signature = p256.sign(digest, SECRET_KEY, { prehash: false, lowS: true });
  const token = made(MAX_TOKEN_BYTES, (into) => encodeSign1(-7, IDENTITY.kid, claims, claims.length, signature, into));
  const uptimeClaims = made(MAX_TOKEN_BYTES, (into) =>
    encodeClaims(IDENTITY, { ...BATCH, seq: 299, t0: 300, timeQuality: 0, wallTime: false, count: 1 }, into),
  );

  const found = new Map<string, Uint8Array>();
  found.set("thumbprint-input", THUMBPRINT_INPUT);
  found.set("claims", claims);
  found.set("digest", digest);
  found.set("token", token);
  found.set("uptime-claims", uptimeClaims);

  const last = tileCount(token.length) - 1;
  const step = tilesPerFragment(DR0_PAYLOAD);
  const count = Math.ceil(last / step);
  for (let i = 0; i < count; i++) {
    const first = i * step;
    const tiles = Math.min(step, last - first);
    found.set(
      `fragment-${i + 1}`,
      made(DR0_PAYLOAD, (into) => writeRegular(token, first, tiles, into)),
    );
  }
  const all1 = made(DR0_PAYLOAD, (into) => writeAll1(token, token.length, into));
  found.set("fragment-all-1", all1);
  // All but the second fragment have come.
  const bitmap = new Uint8Array(63);
  for (let tile = 0; tile < last; tile++) bitmap[tile] = Math.floor(tile / step) === 1 ? 0 : 1;
  bitmap[62] = 1;
  found.set(
    "ack-missing",
    made(9, (into) => writeAck(0, false, bitmap, into)),
  );
  found.set(
    "ack-complete",
    made(9, (into) => writeAck(0, true, bitmap, into)),
  );
  found.set(
    "ack-request",
    made(1, (into) => writeAckReq(0, into)),
  );
  found.set("sender-abort", made(1, writeSenderAbort));
  found.set("receiver-abort", made(2, writeReceiverAbort));

  const covered = made(16, (into) => ackMacMessage(IDENTITY.ueid, BATCH.seq, into));
  const mac = NODE_CRYPTO.cmac(RECEIVER_KEY, covered);
  const control = made(21, (into) => writeAckMessage(BATCH.seq, mac, 4, into));
  found.set("control-covered", covered);
  found.set("control-lorawan", control);
  found.set(
    "control-mqtt",
    made(21, (into) => writeAckMessage(BATCH.seq, mac, 16, into)),
  );

  found.set("p2p-uplink", sealed({ time: true, port: 32 }, all1));
  found.set("p2p-question", sealed({ time: true, counter: 0x0103 }, new Uint8Array(0)));
  const answer = { down: true, time: true, port: 33, unixMs: RECEIVED_UNIX_MS, timeExponent: 7 };
  found.set("p2p-answer", sealed(answer, control));

  found.set("compact-key", compact(true, signature));
  found.set("compact", compact(false, signature));
  return found;
}
