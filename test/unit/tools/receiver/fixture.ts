/** A node with a key of its own, for tests: makes tokens as the firmware does. */
import assert from "node:assert/strict";
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { SignatureAlgorithm } from "../../../../firmware/ports/crypto.ts";
import { encodeBinding } from "../../../../firmware/wire/binding.ts";
import { compactRules } from "../../../../firmware/wire/compact-profiles.ts";
import { CompactEncoder } from "../../../../firmware/wire/compact-token.ts";
import {
  type ControlMessage,
  controlMacMessage,
  MAX_CONTROL_MAC_BYTES,
  newControlMessage,
  parseControl,
  type TagBytes,
  tagMatches,
} from "../../../../firmware/wire/control-message.ts";
import type { PublicKey } from "../../../../firmware/wire/cose-key.ts";
import { encodeSign1, protectedHeader, sigStructure } from "../../../../firmware/wire/cose-sign1.ts";
import {
  type Batch,
  type BootClaims,
  encodeClaims,
  encodeStatement,
  MAX_CLAIMS_BYTES,
  MAX_TOKEN_BYTES,
  type StatementClaims,
} from "../../../../firmware/wire/eat-token.ts";
import { columnCount } from "../../../../firmware/wire/profile.ts";
import { WEATHER } from "../../../../firmware/wire/profiles/weather.ts";
import { tileCount, tilesPerFragment, writeAll1, writeRegular } from "../../../../firmware/wire/schc-fragment.ts";
import { encodeBase64 } from "../../../../tools/receiver/base64.ts";
import type { VerifyingKey } from "../../../../tools/receiver/crypto.ts";
import { hexToBytes } from "../../../../tools/receiver/hex.ts";
import { NOBLE_CRYPTO } from "../../../../tools/receiver/noble-crypto.ts";
import { keyIdentifier, type NodeRecord, ueidOf } from "../../../../tools/receiver/node-registry.ts";

export const APPLICATION = "4c5b4b1e-0000-4000-8000-000000000001";
/** 2026-06-01T00:00:00Z. */
export const T0_S = 1_780_272_000;
export const STEP_S = 300;
export const RECEIVER_KEY = hexToBytes("000102030405060708090a0b0c0d0e0f");

/** RFC 9711 4.2.9: debugging disabled since boot. */
const DBGSTAT = 2;

/** A secret key that follows from a number. */
export function secretKey(number: number): Uint8Array {
  return sha256(new Uint8Array([0x67, 0x74, number]));
}

/** A node whose DevEUI and key follow from `number`. */
export class TestNode {
  readonly record: NodeRecord;
  readonly #secret: Uint8Array;

  constructor(number: number, keyNumber = number, alg: SignatureAlgorithm = -7) {
    const devEui = `70b3d57ed00000${number.toString(16).padStart(2, "0")}`;
    this.#secret = secretKey(keyNumber);
    this.record = {
      devEui,
      ueid: ueidOf(devEui) as Uint8Array,
      ...this.key(alg),
      oemid: hexToBytes("8cd95a"),
      hwmodel: hexToBytes("7673696d"),
      profile: WEATHER.uri,
    };
  }

  get devEui(): string {
    return this.record.devEui;
  }

  /** Signs a batch; `changes` replaces parts of a plain batch of 3 readings. */
  token(changes: Partial<Batch> = {}, dbgstat = DBGSTAT): Uint8Array {
    const claims = new Uint8Array(MAX_CLAIMS_BYTES);
    const length = encodeClaims({ ...this.record, dbgstat }, batchOf(changes), claims);
    return this.sign(claims.subarray(0, length));
  }

  /** The public key of this node's secret, whatever the algorithm. */
  key(alg: SignatureAlgorithm): VerifyingKey {
    const publicKey =
      alg === -8
        ? ed25519.getPublicKey(this.#secret)
        : (alg === -7 ? p256 : secp256k1).getPublicKey(this.#secret, false).slice(1);
    return { alg, publicKey, kid: keyIdentifier(alg, publicKey, sha256) };
  }

  /** The same as a compact token. */
  compact(changes: Partial<Batch> = {}, flags: { key?: boolean; escape?: boolean } = {}): Uint8Array {
    return this.compactOf(changes, DBGSTAT, flags);
  }

  /** The same of a node whose debugging is in another state. */
  compactOf(changes: Partial<Batch>, dbgstat: number, flags: { key?: boolean; escape?: boolean } = {}): Uint8Array {
    const batch = batchOf(changes);
    const { profile, columns } = batch;
    const buffer = new Uint8Array(1024);
    const encoder = new CompactEncoder(profile, compactRules(profile)!, buffer);
    encoder.start({ ...batch, key: flags.key ?? false, escape: flags.escape ?? false }, 900);
    for (let i = 0; i < batch.count; i++) {
      encoder.add({ flags: columns[0][i], values: Int32Array.from(profile.fields, (_, f) => columns[f + 1][i]) });
    }
    const token = this.token(changes, dbgstat);
    return new Uint8Array([...buffer.subarray(0, encoder.length), ...token.subarray(token.length - 64)]);
  }

  /** Signs a statement; what it says of the node is this node's. */
  statement(claims: DistributiveOmit<StatementClaims, "ueid" | "oemid" | "hwmodel">): Uint8Array {
    const { ueid, oemid, hwmodel } = this.record;
    const into = new Uint8Array(MAX_CLAIMS_BYTES);
    const all = { ueid, oemid, hwmodel, ...claims } as StatementClaims;
    return this.sign(into.subarray(0, encodeStatement(all, into)));
  }

  /** A boot token; `changes` replaces parts of a plain one. */
  boot(changes: Partial<BootClaims> = {}): Uint8Array {
    return this.statement(bootOf(changes));
  }

  /** The binding by which this node's key certifies another. */
  binding(key: PublicKey): Uint8Array {
    const into = new Uint8Array(MAX_CLAIMS_BYTES);
    return this.sign(into.subarray(0, encodeBinding({ wallS: T0_S, ueid: this.record.ueid, key }, into)));
  }

  /** Signs any payload. With `highS` the signature is turned into its other form. */
  sign(payload: Uint8Array, kid = this.record.kid, highS = false): Uint8Array {
    const { alg } = this.record;
    const message = new Uint8Array(payload.length + 64);
    const signed = message.subarray(0, sigStructure(protectedHeader(alg), payload, payload.length, message));
    const options = { prehash: false, lowS: true };
    const signature =
      alg === -8
        ? ed25519.sign(signed, this.#secret)
        : (alg === -7 ? p256 : secp256k1).sign(sha256(signed), this.#secret, options);
    const token = new Uint8Array(MAX_TOKEN_BYTES + 64);
    const used = highS ? otherForm(signature) : signature;
    return token.slice(0, encodeSign1(alg, kid, payload, payload.length, used, token));
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** A plain boot token's claims, without what names the node. */
export function bootOf(changes: Partial<BootClaims> = {}): Omit<BootClaims, "ueid" | "oemid" | "hwmodel"> {
  return {
    kind: "boot",
    dbgstat: DBGSTAT,
    wallTime: true,
    timeS: T0_S,
    profile: WEATHER,
    bootCount: 1,
    seq: 0,
    swname: "weather-node",
    swversion: "1.2.0",
    imageDigest: undefined,
    location: undefined,
    sensors: [],
    protection: 0,
    ...changes,
  };
}

/** A batch of 3 readings, wall time known, all fields at 50, and what `changes` says. */
export function batchOf(changes: Partial<Batch> = {}): Batch {
  const count = changes.count ?? 3;
  const columns: Int32Array[] = [];
  for (let c = 0; c < columnCount(WEATHER); c++) columns.push(new Int32Array(count).fill(c === 0 ? 0 : 50));
  columns[3].fill(10_132);
  return {
    profile: WEATHER,
    bootCount: 1,
    seq: 0,
    t0: T0_S,
    dt: STEP_S,
    timeQuality: (1 << 5) | 10,
    wallTime: true,
    count,
    columns,
    ...changes,
  };
}

/** s becomes n - s: the same signature in the form that nobody may send. */
export function otherForm(signature: Uint8Array): Uint8Array {
  const order = p256.Point.Fn.ORDER;
  let s = 0n;
  for (const byte of signature.subarray(32)) s = (s << 8n) | BigInt(byte);
  s = order - s;
  const other = signature.slice();
  for (let i = 63; i >= 32; i--, s >>= 8n) other[i] = Number(s & 0xffn);
  return other;
}

/** The frames that carry `datagram` when a frame holds `maxPayload` bytes, the All-1 fragment last. */
export function fragmentsOf(datagram: Uint8Array, maxPayload = 51): Uint8Array[] {
  const frames: Uint8Array[] = [];
  const regular = tileCount(datagram.length) - 1;
  const most = tilesPerFragment(maxPayload);
  const into = new Uint8Array(256);
  for (let tile = 0; tile < regular; tile += most) {
    frames.push(into.slice(0, writeRegular(datagram, tile, Math.min(most, regular - tile), into)));
  }
  frames.push(into.slice(0, writeAll1(datagram, datagram.length, into)));
  return frames;
}

/** The acknowledgement in a control message with the right tag; fails on anything else. */
export function acknowledgement(
  node: TestNode,
  message: Uint8Array,
  tagBytes: TagBytes,
): { seq: number; earlier: number | undefined } {
  const control = authentic(node, message, tagBytes);
  assert.equal(control.kind, "ack");
  return { seq: control.seq, earlier: control.earlier };
}

/** A control message of the receiver with the right tag; fails on anything else. */
export function authentic(node: TestNode, message: Uint8Array, tagBytes: TagBytes): ControlMessage {
  const control = newControlMessage();
  assert.equal(parseControl(message, message.length, tagBytes, control), true, control.reason);
  const covered = new Uint8Array(MAX_CONTROL_MAC_BYTES);
  const length = controlMacMessage(node.record.ueid, control, covered);
  assert.ok(tagMatches(control, NOBLE_CRYPTO.cmac(RECEIVER_KEY, covered.subarray(0, length))));
  return control;
}

/** An uplink event as ChirpStack v4 publishes it. */
export function uplink(devEui: string, fPort: number, payload: Uint8Array): { topic: string; json: string } {
  return {
    topic: `application/${APPLICATION}/device/${devEui}/event/up`,
    json: JSON.stringify({
      deduplicationId: "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
      time: "2026-06-01T00:00:00.123456+00:00",
      deviceInfo: {
        tenantId: "52f14cd4-c6f1-4fbd-8f87-4025e1d49242",
        tenantName: "ChirpStack",
        applicationId: APPLICATION,
        applicationName: "weather",
        deviceProfileId: "14855bf7-d10d-4aee-b618-ebfcb64dc7ad",
        deviceProfileName: "EU868",
        deviceName: "station",
        devEui,
        tags: {},
      },
      devAddr: "00189440",
      adr: true,
      dr: 5,
      fCnt: 1,
      fPort,
      confirmed: false,
      data: encodeBase64(payload),
      rxInfo: [{ gatewayId: "0016c001f153a14c", uplinkId: 4217106255, rssi: -36, snr: 10.5 }],
      txInfo: { frequency: 868100000, modulation: { lora: { bandwidth: 125000, spreadingFactor: 7 } } },
    }),
  };
}
