/** A node with a key of its own, for tests: makes tokens as the firmware does. */
import { p256 } from "@noble/curves/nist.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { encodeSign1, protectedHeader, sigStructure } from "../../../../firmware/wire/cose-sign1.ts";
import { type Batch, encodeClaims, MAX_CLAIMS_BYTES, MAX_TOKEN_BYTES } from "../../../../firmware/wire/eat-token.ts";
import { columnCount } from "../../../../firmware/wire/profile.ts";
import { WEATHER } from "../../../../firmware/wire/profiles/weather.ts";
import { tileCount, tilesPerFragment, writeAll1, writeRegular } from "../../../../firmware/wire/schc-fragment.ts";
import { encodeBase64 } from "../../../../tools/receiver/base64.ts";
import { hexToBytes } from "../../../../tools/receiver/hex.ts";
import { keyIdentifier, type NodeRecord, ueidOf } from "../../../../tools/receiver/node-registry.ts";

export const APPLICATION = "4c5b4b1e-0000-4000-8000-000000000001";
/** 2026-06-01T00:00:00Z. */
export const T0_S = 1_780_272_000;
export const STEP_S = 300;
export const RECEIVER_KEY = hexToBytes("000102030405060708090a0b0c0d0e0f");

/** A secret key that follows from a number. */
export function secretKey(number: number): Uint8Array {
  return sha256(new Uint8Array([0x67, 0x74, number]));
}

/** A node whose DevEUI and key follow from `number`. */
export class TestNode {
  readonly record: NodeRecord;
  readonly #secret: Uint8Array;

  constructor(number: number, keyNumber = number) {
    const devEui = `70b3d57ed00000${number.toString(16).padStart(2, "0")}`;
    this.#secret = secretKey(keyNumber);
    const publicKey = p256.getPublicKey(this.#secret, false).slice(1);
    this.record = {
      devEui,
      ueid: ueidOf(devEui) as Uint8Array,
      alg: -7,
      publicKey,
      kid: keyIdentifier(-7, publicKey, sha256),
      oemid: hexToBytes("8cd95a"),
      hwmodel: hexToBytes("7673696d"),
      profile: WEATHER.uri,
    };
  }

  get devEui(): string {
    return this.record.devEui;
  }

  /** Signs a batch; `changes` replaces parts of a plain batch of 3 readings. */
  token(changes: Partial<Batch> = {}): Uint8Array {
    const claims = new Uint8Array(MAX_CLAIMS_BYTES);
    const length = encodeClaims({ ...this.record, dbgstat: 2 }, batchOf(changes), claims);
    return this.sign(claims.subarray(0, length));
  }

  /** Signs any payload. With `highS` the signature is turned into its other form. */
  sign(payload: Uint8Array, kid = this.record.kid, highS = false): Uint8Array {
    const message = new Uint8Array(payload.length + 64);
    const length = sigStructure(protectedHeader(-7), payload, payload.length, message);
    const signature = p256.sign(sha256(message.subarray(0, length)), this.#secret, { prehash: false, lowS: true });
    const token = new Uint8Array(MAX_TOKEN_BYTES + 64);
    const used = highS ? otherForm(signature) : signature;
    return token.slice(0, encodeSign1(-7, kid, payload, payload.length, used, token));
  }
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
