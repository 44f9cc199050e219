/** Makes tokens of one node as fast as a PC can, for benchmarks: signed by node:crypto, then brought to low s. */
import { createECDH, createPrivateKey, type KeyObject, sign } from "node:crypto";
import { encodeSign1, protectedHeader, sigStructure } from "../firmware/wire/cose-sign1.ts";
import { type Batch, encodeClaims, MAX_CLAIMS_BYTES, MAX_TOKEN_BYTES } from "../firmware/wire/eat-token.ts";
import { columnCount } from "../firmware/wire/profile.ts";
import { WEATHER } from "../firmware/wire/profiles/weather.ts";
import { encodeBase64Url } from "../tools/receiver/base64.ts";
import { NODE_CRYPTO } from "../tools/receiver/node-crypto.ts";
import { keyIdentifier, type NodeRecord, ueidOf } from "../tools/receiver/node-registry.ts";

const READINGS = 36;
const STEP_S = 300;
/** 2020-01-01T00:00:00Z, a multiple of the step. */
const T0_S = 1_577_836_800;
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

export class TokenMaker {
  readonly record: NodeRecord;
  readonly #key: KeyObject;
  readonly #batch: Batch;
  readonly #claims = new Uint8Array(MAX_CLAIMS_BYTES);
  readonly #message = new Uint8Array(MAX_TOKEN_BYTES);
  readonly #token = new Uint8Array(MAX_TOKEN_BYTES);
  #state: number;

  /** A node whose DevEUI and key follow from `number`. */
  constructor(number: number) {
    const devEui = `70b3d57ed1${number.toString(16).padStart(6, "0")}`;
    const secret = NODE_CRYPTO.sha256(new TextEncoder().encode(`bench ${number}`));
    const ecdh = createECDH("prime256v1");
    ecdh.setPrivateKey(secret);
    const publicKey = new Uint8Array(ecdh.getPublicKey()).slice(1);
    this.#key = createPrivateKey({
      format: "jwk",
      key: {
        kty: "EC",
        crv: "P-256",
        d: encodeBase64Url(secret),
        x: encodeBase64Url(publicKey.subarray(0, 32)),
        y: encodeBase64Url(publicKey.subarray(32)),
      },
    });
    this.record = {
      devEui,
      ueid: ueidOf(devEui)!,
      alg: -7,
      publicKey,
      kid: keyIdentifier(-7, publicKey, NODE_CRYPTO.sha256),
      oemid: new Uint8Array([0x8c, 0xd9, 0x5a]),
      hwmodel: new Uint8Array([1]),
      profile: WEATHER.uri,
    };
    const columns = Array.from({ length: columnCount(WEATHER) }, () => new Int32Array(READINGS));
    this.#state = number;
    this.#batch = {
      profile: WEATHER,
      bootCount: 1,
      seq: -1,
      t0: T0_S,
      dt: STEP_S,
      timeQuality: (2 << 5) | 10,
      wallTime: true,
      count: READINGS,
      columns,
    };
  }

  /** The next token, with weather that changes about as weather does. */
  next(): Uint8Array {
    const batch = this.#batch;
    batch.seq++;
    // Time goes round within six years: no reading may lie in the future.
    batch.t0 = T0_S + (batch.seq % 17_000) * READINGS * STEP_S;
    const steps = [0, 3, 2, 4, 12, 20, 5, 0, 40, 1];
    const starts = [0, 150, 60, 10_132, 60, 90, 30, 100 + batch.seq, 500, 370];
    for (let c = 1; c < batch.columns.length; c++) {
      let value = starts[c];
      for (let i = 0; i < READINGS; i++) {
        value += steps[c] === 0 ? 0 : (this.#random() % (2 * steps[c] + 1)) - steps[c];
        const { min, max } = WEATHER.fields[c - 1];
        value = Math.min(Math.max(value, min), max);
        batch.columns[c][i] = value;
      }
    }
    const length = encodeClaims({ ...this.record, dbgstat: 2 }, batch, this.#claims);
    const payload = this.#claims.subarray(0, length);
    const messageLength = sigStructure(protectedHeader(-7), payload, length, this.#message);
    const message = this.#message.subarray(0, messageLength);
    const signature = lowS(sign("sha256", message, { key: this.#key, dsaEncoding: "ieee-p1363" }));
    return this.#token.slice(0, encodeSign1(-7, this.record.kid, payload, length, signature, this.#token));
  }

  /** xorshift32: the weather needs no better chance. */
  #random(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return this.#state >>> 0;
  }
}

/** s and n - s are both good; tokens have the smaller one. */
function lowS(signature: Buffer): Uint8Array {
  const s = BigInt(`0x${signature.toString("hex", 32)}`);
  if (s <= ORDER / 2n) return new Uint8Array(signature);
  return new Uint8Array(
    Buffer.concat([signature.subarray(0, 32), Buffer.from((ORDER - s).toString(16).padStart(64, "0"), "hex")]),
  );
}
