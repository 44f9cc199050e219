/** The examples of docs/wire-format.md, made by the code: one small token on every way that it can go, and one of each other kind. */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import type { Batch, NodeIdentity } from "../../../firmware/wire/batch.ts";
import { encodeBinding, MAX_BINDING_CLAIMS_BYTES } from "../../../firmware/wire/binding.ts";
import { compactRules } from "../../../firmware/wire/compact-profiles.ts";
import { MAX_COMPACT_BYTES } from "../../../firmware/wire/compact-token.ts";
import { CompactTranscoder } from "../../../firmware/wire/compact-transcoder.ts";
import {
  type ControlMessage,
  controlMacMessage,
  MAX_CONTROL_BYTES,
  MAX_CONTROL_MAC_BYTES,
  newControlMessage,
  type TagBytes,
  writeControl,
} from "../../../firmware/wire/control-message.ts";
import { MAX_THUMBPRINT_INPUT_BYTES, type PublicKey, thumbprintInput } from "../../../firmware/wire/cose-key.ts";
import { encodeSign1, protectedHeader, sigStructure } from "../../../firmware/wire/cose-sign1.ts";
import { encodeTokenClaims, MAX_TOKEN_BYTES, type TokenClaims } from "../../../firmware/wire/eat-token.ts";
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
import { COMPACT_RULE, writeParityFrame, writeShortParity } from "../../../firmware/wire/parity-frame.ts";
import { missingFlag, suspectFlag } from "../../../firmware/wire/profile.ts";
import { WEATHER } from "../../../firmware/wire/profiles/weather.ts";
import {
  TOKEN_FPORT,
  tileCount,
  tilesPerFragment,
  writeAck,
  writeAckReq,
  writeAll1,
  writeReceiverAbort,
  writeRegular,
  writeSenderAbort,
} from "../../../firmware/wire/schc-fragment.ts";
import {
  MAX_SLOT_ANSWER_BYTES,
  MISSING_BYTES,
  writeSlotEnded,
  writeSlotMissing,
} from "../../../firmware/wire/slot-answer.ts";
import { slotOf, writeSlotAckReq, writeSlotAll1, writeSlotTiles } from "../../../firmware/wire/slot-fragment.ts";
import { PROTECTION } from "../../../firmware/wire/statements.ts";
import { TIME_SOURCE, timeQuality } from "../../../firmware/wire/time-quality.ts";
import { NODE_CRYPTO } from "../../../tools/receiver/node-crypto.ts";

export const DEV_EUI = "0247540000000001";
/** The private key of RFC 6979 A.2.5: everyone's. */
const SECRET_KEY = bytes("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
export const PUBLIC_KEY = p256.getPublicKey(SECRET_KEY, false).slice(1);
/** The next key: that of RFC 8032 7.1, test 1. */
const NEXT_SECRET_KEY = bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
export const NEXT_KEY: PublicKey = { alg: -8, publicKey: ed25519.getPublicKey(NEXT_SECRET_KEY) };
/** A secure element's identity key: that of RFC 7515 A.3. */
const IDENTITY_SECRET_KEY = bytes("8e9b109e719098bf980487df1f5d77e9cb29606ebed2263b5f57c213df84f4b2");
export const IDENTITY_KEY: PublicKey = { alg: -7, publicKey: p256.getPublicKey(IDENTITY_SECRET_KEY, false).slice(1) };
/** The key of RFC 4493 4. */
export const RECEIVER_KEY = bytes("2b7e151628aed2a6abf7158809cf4f3c");
/** FRMPayload at EU868 DR0. */
const DR0_PAYLOAD = 51;
/** A verifier's challenge. */
const NONCE = bytes("c0c1c2c3c4c5c6c7");
/** When the receiver answers: half a minute after the last reading. */
export const RECEIVED_UNIX_MS = 1_780_272_630_000;

export function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

function thumbprintOf({ alg, publicKey }: PublicKey): Uint8Array {
  return made(MAX_THUMBPRINT_INPUT_BYTES, (into) => thumbprintInput(alg, publicKey, into));
}

/** The name of a key. */
export function kidOf(key: PublicKey): Uint8Array {
  return sha256(thumbprintOf(key)).slice(0, 8);
}

const FIRST_KEY: PublicKey = { alg: -7, publicKey: PUBLIC_KEY };

export const IDENTITY: NodeIdentity = {
  ueid: bytes(`02${DEV_EUI}`),
  oemid: bytes("024754"),
  hwmodel: new Uint8Array(Buffer.from("example")),
  dbgstat: 0,
  kid: kidOf(FIRST_KEY),
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

const { ueid, oemid, hwmodel, dbgstat } = IDENTITY;
/** A minute after the last reading. */
const LATER_S = BATCH.t0 + 660;
const LATER = { ueid, bootCount: 7, wallTime: true, timeS: LATER_S };

/** Behind the batch, in this order; the digest of the third covers what stands before it. */
function statements(digest: Uint8Array): TokenClaims[] {
  return [
    {
      ...LATER,
      kind: "boot",
      oemid,
      hwmodel,
      dbgstat,
      profile: WEATHER,
      seq: 301,
      swname: "groundtruth",
      swversion: "0.4.0",
      imageDigest: sha256(new Uint8Array(Buffer.from("the image"))),
      location: { latitude: 48.5, longitude: -11.25, altitude: 519, accuracy: undefined },
      sensors: [
        { model: "SHT45", calibration: "2026-03-01 no. 4711" },
        { model: "BMP581", calibration: undefined },
      ],
      protection: PROTECTION.encryptedFlash,
    },
    {
      kind: "anchor",
      ueid,
      bootCount: 7,
      seq: 302,
      wallS: LATER_S,
      uptimeS: 4242,
      timeQuality: BATCH.timeQuality,
      nonce: NONCE,
    },
    { ...LATER, kind: "digest", seq: 303, firstSeq: 300, lastSeq: 302, digest },
    { kind: "key", ueid, bootCount: 7, seq: 304, wallS: LATER_S, newKey: NEXT_KEY },
  ];
}

/** Signs as the key does, and puts the token together. */
function signed(key: PublicKey, sign: (message: Uint8Array) => Uint8Array, claims: Uint8Array): Uint8Array {
  const structure = structureOf(key, claims);
  const signature = sign(structure);
  return made(MAX_TOKEN_BYTES, (into) => encodeSign1(key.alg, kidOf(key), claims, claims.length, signature, into));
}

function structureOf({ alg }: PublicKey, claims: Uint8Array): Uint8Array {
  return made(MAX_TOKEN_BYTES, (into) => sigStructure(protectedHeader(alg), claims, claims.length, into));
}

function ecdsa(secretKey: Uint8Array): (message: Uint8Array) => Uint8Array {
  return (message) => p256.sign(sha256(message), secretKey, { prehash: false, lowS: true });
}

const signFirst = ecdsa(SECRET_KEY);

function claimsOf(claims: TokenClaims): Uint8Array {
  return made(MAX_TOKEN_BYTES, (into) => encodeTokenClaims(claims, into));
}

function made(size: number, write: (into: Uint8Array) => number): Uint8Array {
  const into = new Uint8Array(size);
  return into.slice(0, write(into));
}

function sha256(message: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(message).digest());
}

function compact(token: Uint8Array, key: boolean, isEscape: boolean): Uint8Array {
  const transcoder = new CompactTranscoder(WEATHER, compactRules(WEATHER)!);
  return made(MAX_COMPACT_BYTES, (into) => transcoder.transcode(token, token.length, { key, escape: isEscape }, into));
}

function macOf(message: ControlMessage): Uint8Array {
  return NODE_CRYPTO.cmac(RECEIVER_KEY, covered(message));
}

function covered(message: ControlMessage): Uint8Array {
  return made(MAX_CONTROL_MAC_BYTES, (into) => controlMacMessage(ueid, message, into));
}

function control(change: Partial<ControlMessage>, tagBytes: TagBytes = 4): Uint8Array {
  const message = { ...newControlMessage(), ...change };
  return made(MAX_CONTROL_BYTES, (into) => writeControl(message, macOf(message), tagBytes, into));
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
  const claims = claimsOf({ ...IDENTITY, ...BATCH, kind: "batch" });
  const token = signed(FIRST_KEY, signFirst, claims);
  const before = { ...BATCH, seq: 299, t0: 300, timeQuality: 0, wallTime: false, count: 1 };
  const after = { ...BATCH, seq: 305, t0: BATCH.t0 + 900, count: 1 };

  const found = new Map<string, Uint8Array>();
  found.set("thumbprint-input", thumbprintOf(FIRST_KEY));
  found.set("claims", claims);
  found.set("digest", sha256(structureOf(FIRST_KEY, claims)));
  found.set("token", token);
  found.set("uptime-claims", claimsOf({ ...IDENTITY, ...before, kind: "batch" }));

  const ofStatement = (index: number, digest: Uint8Array = new Uint8Array(32)) =>
    signed(FIRST_KEY, signFirst, claimsOf(statements(digest)[index]));
  const [boot, anchor] = [ofStatement(0), ofStatement(1)];
  const digest = sha256(new Uint8Array([token, boot, anchor].flatMap((one) => [...sha256(one)])));
  found.set("boot-claims", claimsOf(statements(digest)[0]));
  found.set("boot-token", boot);
  found.set("anchor-token", anchor);
  found.set("digest-token", ofStatement(2, digest));
  found.set("key-token", ofStatement(3));
  const signNext = (message: Uint8Array) => ed25519.sign(message, NEXT_SECRET_KEY);
  found.set("next-token", signed(NEXT_KEY, signNext, claimsOf({ ...IDENTITY, ...after, kind: "batch" })));
  const bindingClaims = made(MAX_BINDING_CLAIMS_BYTES, (into) =>
    encodeBinding({ wallS: 0, ueid, key: FIRST_KEY }, into),
  );
  found.set("binding", signed(IDENTITY_KEY, ecdsa(IDENTITY_SECRET_KEY), bindingClaims));

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

  const acknowledgement = { kind: "ack", seq: BATCH.seq } as const;
  found.set("control-covered", covered({ ...newControlMessage(), ...acknowledgement }));
  found.set("control-lorawan", control(acknowledgement));
  found.set("control-mqtt", control(acknowledgement, 16));
  const first = control({ ...acknowledgement, earlier: 0 });
  found.set("control-history-first", first);
  found.set("control-history", control({ ...acknowledgement, earlier: 0b1101 }));
  const other = new Uint8Array(MISSING_BYTES);
  other[0] = 0x20;
  const answers = new Uint8Array(MAX_SLOT_ANSWER_BYTES);
  const answersLength = writeSlotMissing(slotOf(BATCH.seq - 2), other, answers, 0);
  found.set("control-history-answers", control({ ...acknowledgement, earlier: 0b1101, answers, answersLength }));
  found.set("control-boot", control({ kind: "boot", bootCount: 7 }));
  found.set("control-challenge", control({ kind: "challenge", nonce: NONCE, nonceLength: NONCE.length }));

  found.set("p2p-uplink", sealed({ time: true, port: 32 }, all1));
  found.set("p2p-question", sealed({ time: true, counter: 0x0103 }, new Uint8Array(0)));
  const answer = { down: true, time: true, port: 33, unixMs: RECEIVED_UNIX_MS, timeExponent: 7 };
  found.set("p2p-answer", sealed(answer, first));

  const compactKey = compact(token, true, false);
  found.set("compact-key", compactKey);
  found.set("compact", compact(token, false, false));
  found.set("compact-escape", compact(token, false, true));

  const slot = slotOf(BATCH.seq);
  const { length } = compactKey;
  found.set(
    "slot-fragment-1",
    made(DR0_PAYLOAD, (into) => writeSlotTiles(compactKey, length, slot, 0, step, into)),
  );
  found.set(
    "slot-fragment-all-1",
    made(DR0_PAYLOAD, (into) => writeSlotAll1(compactKey, length, slot, step, into)),
  );
  found.set(
    "slot-ack-request",
    made(1, (into) => writeSlotAckReq(slot, into)),
  );
  const missing = new Uint8Array(MISSING_BYTES);
  for (let tile = 0; tile < step; tile++) missing[tile >> 3] |= 0x80 >> (tile & 7);
  found.set(
    "slot-missing",
    made(9, (into) => writeSlotMissing(slot, missing, into, 0)),
  );
  found.set(
    "slot-complete",
    made(1, (into) => writeSlotEnded(slot, false, into, 0)),
  );
  found.set(
    "slot-abort",
    made(1, (into) => writeSlotEnded(slot, true, into, 0)),
  );
  const check = crc32(token);
  found.set("control-parity", control({ kind: "parity", rule: TOKEN_FPORT, firstParity: 4, tiles: 1, check }));
  found.set(
    "parity-whole",
    made(DR0_PAYLOAD, (into) => writeParityFrame(token, token.length, TOKEN_FPORT, BATCH.seq, 0, 4, into)),
  );
  found.set(
    "parity",
    made(DR0_PAYLOAD, (into) => writeParityFrame(compactKey, length, COMPACT_RULE, BATCH.seq, 0, 4, into)),
  );
  found.set(
    "parity-short",
    made(11, (into) => writeShortParity(compactKey, length, COMPACT_RULE, BATCH.seq, 4, into)),
  );
  return found;
}
