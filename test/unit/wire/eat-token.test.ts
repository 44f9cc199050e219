import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { p256 } from "@noble/curves/nist.js";
import { Decoder } from "cbor-x";
import { CborWriter } from "../../../firmware/wire/cbor-writer.ts";
import { encodeSign1, protectedHeader, sigStructure } from "../../../firmware/wire/cose-sign1.ts";
import {
  type Batch,
  claimsFit,
  encodeClaims,
  MAX_BATCH_READINGS,
  MAX_CLAIMS_BYTES,
  MAX_TOKEN_BYTES,
  type NodeIdentity,
  parseClaims,
  parseSigned,
  parseToken,
  readingTimeS,
} from "../../../firmware/wire/eat-token.ts";
import { missingFlag, suspectFlag } from "../../../firmware/wire/profile.ts";
import { WEATHER } from "../../../firmware/wire/profiles/weather.ts";
import {
  claimsOf,
  fromHex,
  makeBatch,
  makeIdentity,
  makeToken,
  SECRET_KEY,
  signPayload,
  toHex,
} from "./token-fixture.ts";

/** The claims of a small batch with one thing changed, which `encodeClaims` itself would refuse to write. */
function reasonAfter(change: (claims: Map<number, unknown>) => void): string | undefined {
  const claims = decodeClaims(claimsOf(makeIdentity(), makeBatch(2)));
  change(claims);
  const parsed = parseClaims(writeAny(claims));
  return parsed.ok ? undefined : parsed.reason;
}

function decodeClaims(bytes: Uint8Array): Map<number, unknown> {
  return new Decoder({ mapsAsObjects: false, tagUint8Array: false }).decode(bytes) as Map<number, unknown>;
}

function writeAny(value: unknown): Uint8Array {
  const into = new Uint8Array(4096);
  const writer = new CborWriter(into);
  const write = (item: unknown): void => {
    if (typeof item === "number") writer.int(item);
    else if (typeof item === "string") writer.text(item);
    else if (item instanceof Uint8Array) writer.bytes(item);
    else if (Array.isArray(item)) {
      writer.array(item.length);
      item.forEach(write);
    } else if (item instanceof Map) {
      writer.map(item.size);
      const rank = (key: number) => (key < 0 ? 1e9 - key : key);
      for (const key of [...item.keys()].sort((a, b) => rank(a) - rank(b))) {
        writer.int(key);
        write(item.get(key));
      }
    }
  };
  write(value);
  return into.slice(0, writer.finish());
}

/** The batch claim, to be bent. */
function batchOf(claims: Map<number, unknown>): [number, number, number, number[][]] {
  return claims.get(-65538) as [number, number, number, number[][]];
}

describe("EAT batch token", () => {
  it("RFC 9711 4.2, RFC 8392 3.1.6: the claims, as a decoder that is not ours reads them", () => {
    const identity = makeIdentity();
    const batch = makeBatch(3);
    const claims = decodeClaims(claimsOf(identity, batch));
    deepEqual([...claims.keys()], [6, 256, 258, 259, 263, 265, 267, -65537, -65538]);
    equal(claims.get(6), 1_700_000_700);
    deepEqual(Uint8Array.from(claims.get(256) as Uint8Array), identity.ueid);
    deepEqual(Uint8Array.from(claims.get(258) as Uint8Array), identity.oemid);
    deepEqual(Uint8Array.from(claims.get(259) as Uint8Array), identity.hwmodel);
    equal(claims.get(263), 2);
    equal(claims.get(265), "tag:groundtruth,2026:weather:1");
    equal(claims.get(267), 3);
    equal(claims.get(-65537), 70_000);
    const [t0, dt, timeQuality, columns] = batchOf(claims);
    deepEqual([t0, dt, timeQuality], [1_700_000_100, 300, (1 << 5) | 10]);
    deepEqual(columns[0], [0, 0, 0]);
    deepEqual(columns[1], [120, 1, 1]);
    deepEqual(columns[3], [10132, -1, -1]);
  });

  it("gives uptime (261) and no iat when wall time is not known", () => {
    const batch: Batch = { ...makeBatch(3), wallTime: false, timeQuality: 0, t0: 600 };
    const bytes = claimsOf(makeIdentity(), batch);
    const claims = decodeClaims(bytes);
    equal(claims.has(6), false);
    equal(claims.get(261), 1200);
    const parsed = parseClaims(bytes);
    ok(parsed.ok && parsed.claims.kind === "batch");
    equal(parsed.claims.wallTime, false);
    equal(readingTimeS(parsed.claims, 1), 900);
  });

  it("comes back as it was: 1, 36 and 64 readings, missing and suspect values, borders of every range", () => {
    for (const count of [1, 36, MAX_BATCH_READINGS]) {
      const batch = makeBatch(count);
      batch.columns[0][0] = missingFlag(2) | missingFlag(6);
      batch.columns[3][0] = 0;
      batch.columns[7][0] = 0;
      batch.columns[0][count - 1] |= suspectFlag(WEATHER, 8) | missingFlag(0);
      batch.columns[1][count - 1] = count > 1 ? batch.columns[1][count - 2] : 0;
      WEATHER.fields.forEach((field, f) => {
        if (count > 4) batch.columns[f + 1][2] = field.min;
        if (count > 4) batch.columns[f + 1][3] = field.max;
      });
      const bytes = claimsOf(makeIdentity(), batch);
      const parsed = parseClaims(bytes);
      ok(parsed.ok && parsed.claims.kind === "batch", parsed.ok ? "" : parsed.reason);
      const expected = { ...makeIdentity(), ...batch, columns: batch.columns.map((column) => column.slice(0, count)) };
      const { kid: _kid, alg: _alg, ...claims } = expected;
      deepEqual(parsed.claims, { ...claims, kind: "batch" });
      // What came out of a token can be put into one again, byte for byte.
      deepEqual(claimsOf({ ...makeIdentity(), ...parsed.claims }, parsed.claims), bytes);
    }
  });

  it("stays below 1000 bytes with 36 readings, and below the bound with 64", () => {
    const token = makeToken(makeBatch(36));
    ok(token.length < 700, `${token.length}`);
    ok(makeToken(makeBatch(MAX_BATCH_READINGS)).length <= MAX_TOKEN_BYTES);
  });

  it("says beforehand that wild readings do not fit, so that the batch closes earlier", () => {
    const batch = makeBatch(MAX_BATCH_READINGS);
    WEATHER.fields.forEach((field, f) => {
      for (let i = 0; i < batch.count; i++) batch.columns[f + 1][i] = i & 1 ? field.max : field.min;
    });
    equal(claimsFit(makeIdentity(), batch), false);
    throws(() => encodeClaims(makeIdentity(), batch, new Uint8Array(MAX_CLAIMS_BYTES)), RangeError);
    while (!claimsFit(makeIdentity(), batch)) batch.count--;
    ok(batch.count >= 25, `${batch.count}`);
    const token = makeToken(batch);
    ok(token.length <= MAX_TOKEN_BYTES);
    ok(parseToken(token).ok);
    batch.count++;
    ok(signPayload(makeIdentity(), encodeLong(batch)).length > MAX_TOKEN_BYTES);
  });

  it("never signs what a receiver would refuse", () => {
    const bent: ((identity: NodeIdentity, batch: Batch) => void)[] = [
      (identity) => (identity.ueid[0] = 1),
      (identity) => (identity.hwmodel = new Uint8Array(0)),
      (_, batch) => (batch.t0 += 1),
      (_, batch) => (batch.count = 0),
      (_, batch) => (batch.timeQuality = 0),
      (_, batch) => (batch.columns[2][1] = 101),
      (_, batch) => (batch.seq = -1),
    ];
    for (const bend of bent) {
      const identity = makeIdentity();
      const batch = makeBatch(4);
      bend(identity, batch);
      throws(() => encodeClaims(identity, batch, new Uint8Array(MAX_CLAIMS_BYTES)), RangeError);
    }
  });
});

function encodeLong(batch: Batch): Uint8Array {
  const into = new Uint8Array(4096);
  return into.slice(0, encodeClaims(makeIdentity(), batch, into));
}

describe("EAT batch token, refusals by name", () => {
  const refusals: [string, (claims: Map<number, unknown>) => void][] = [
    ["unexpected-claim", (c) => c.set(10, new Uint8Array(8))],
    ["unexpected-claim", (c) => c.delete(263)],
    ["unexpected-claim", (c) => c.delete(263) && c.set(266, 0)],
    ["unexpected-claim", (c) => c.delete(6) && c.set(5, 0)],
    ["unexpected-claim", (c) => c.delete(-65538) && c.set(-65541, 0)],
    ["unexpected-type", (c) => c.set(256, "02a1b2c3d")],
    ["unexpected-type", (c) => c.set(265, 1)],
    ["unexpected-type", (c) => c.set(-65537, -1)],
    ["unexpected-type", (c) => c.set(-65538, 0)],
    ["ueid-form", (c) => c.set(256, fromHex("01a1b2c3d4e5f60718"))],
    ["ueid-form", (c) => c.set(256, fromHex("02a1b2c3d4e5f607"))],
    ["oemid-form", (c) => c.set(258, new Uint8Array(16))],
    ["hwmodel-length", (c) => c.set(259, new Uint8Array(0))],
    ["hwmodel-length", (c) => c.set(259, new Uint8Array(33))],
    ["dbgstat-out-of-range", (c) => c.set(263, 5)],
    ["unknown-profile", (c) => c.set(265, "tag:groundtruth,2026:weather:0")],
    ["bootcount-out-of-range", (c) => c.set(267, 2 ** 32)],
    ["seq-out-of-range", (c) => c.set(-65537, 2 ** 32)],
    ["time-mismatch", (c) => c.set(6, (c.get(6) as number) + 1)],
    ["batch-form", (c) => c.set(-65538, [0, 1, 2])],
    ["start-not-multiple-of-step", (c) => (batchOf(c)[0] += 1)],
    ["wall-time-before-2001", (c) => (batchOf(c)[0] = 300)],
    ["time-out-of-range", (c) => (batchOf(c)[0] = 300 * 2 ** 25)],
    ["step-out-of-range", (c) => (batchOf(c)[1] = 0)],
    ["step-out-of-range", (c) => (batchOf(c)[1] = 86_401)],
    ["time-quality-invalid", (c) => (batchOf(c)[2] = 0)],
    ["time-quality-invalid", (c) => (batchOf(c)[2] = (1 << 5) | 9)],
    ["time-quality-invalid", (c) => (batchOf(c)[2] += 256)],
    ["column-count", (c) => batchOf(c)[3].pop()],
    ["column-count", (c) => batchOf(c)[3].push([0, 0])],
    ["column-form", (c) => batchOf(c)[3][4].push(0)],
    ["column-form", (c) => (batchOf(c)[3] = batchOf(c)[3].map(() => []))],
    ["column-form", (c) => (batchOf(c)[3] = batchOf(c)[3].map(() => new Array(65).fill(0)))],
    ["column-form", (c) => (batchOf(c)[3][1][0] = 2 ** 31)],
    ["column-form", (c) => (batchOf(c)[3][1] = [2 ** 31 - 1, 1])],
    ["unknown-flag", (c) => (batchOf(c)[3][0][0] = 2 ** 18)],
    ["unknown-flag", (c) => (batchOf(c)[3][0][0] = -1)],
    ["value-out-of-range", (c) => (batchOf(c)[3][2][0] = 101)],
    ["value-out-of-range", (c) => (batchOf(c)[3][1][1] = -2000)],
    ["missing-value-not-repeated", (c) => (batchOf(c)[3][0][1] = missingFlag(0))],
    ["missing-value-not-repeated", (c) => (batchOf(c)[3][0][0] = missingFlag(2))],
  ];

  it("takes the claims that all of these begin with", () => {
    equal(
      reasonAfter(() => {}),
      undefined,
    );
  });

  for (const [reason, change] of refusals) {
    it(`${reason}: ${change.toString().replace(/^\(c\) => /, "")}`, () => {
      equal(reasonAfter(change), reason);
    });
  }

  it("claims-not-a-map, claims-too-long, and the reasons of CBOR", () => {
    const reasonOf = (bytes: Uint8Array) => {
      const parsed = parseClaims(bytes);
      return parsed.ok ? undefined : parsed.reason;
    };
    equal(reasonOf(fromHex("80")), "claims-not-a-map");
    equal(reasonOf(new Uint8Array(MAX_CLAIMS_BYTES + 1)), "claims-too-long");
    equal(reasonOf(fromHex("")), "truncated");
    const claims = claimsOf(makeIdentity(), makeBatch(2));
    equal(reasonOf(Uint8Array.from([...claims, 0])), "trailing-bytes");
  });
});

describe("a signed token", () => {
  const publicKey = Buffer.from(p256.getPublicKey(SECRET_KEY, false));
  const key = createPublicKey({
    key: {
      kty: "EC",
      crv: "P-256",
      x: publicKey.subarray(1, 33).toString("base64url"),
      y: publicKey.subarray(33).toString("base64url"),
    },
    format: "jwk",
  });
  const scratch = new Uint8Array(2 * MAX_TOKEN_BYTES);

  /** The reason of refusal, by parse or by signature, or undefined. */
  function refusal(token: Uint8Array): string | undefined {
    const parsed = parseToken(token);
    if (!parsed.ok) return parsed.reason;
    if (toHex(parsed.kid) !== toHex(makeIdentity().kid)) return "unknown-key";
    const length = sigStructure(parsed.protectedBytes, parsed.payload, parsed.payload.length, scratch);
    const signed = scratch.subarray(0, length);
    const good = verify("sha256", signed, { key, dsaEncoding: "ieee-p1363" }, parsed.signature);
    return good ? undefined : "signature-invalid";
  }

  it("RFC 9052 4.4: verifies with node:crypto", () => {
    equal(refusal(makeToken()), undefined);
  });

  it("a flipped bit in any byte is refused with a named reason (every bit of every byte)", () => {
    const token = makeToken(makeBatch(12));
    const reasons = new Map<string, number>();
    for (let bit = 0; bit < token.length * 8; bit++) {
      token[bit >> 3] ^= 0x80 >> (bit & 7);
      const reason = refusal(token);
      ok(reason !== undefined && /^[a-z0-9-]+$/.test(reason), `bit ${bit} of ${token.length} bytes: ${reason}`);
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      token[bit >> 3] ^= 0x80 >> (bit & 7);
    }
    ok(reasons.size >= 15, [...reasons.keys()].join());
    equal(refusal(token), undefined);
  });

  it("cut short at any byte, or longer by one, it is refused", () => {
    const token = makeToken(makeBatch(2));
    for (let length = 0; length < token.length; length++) equal(refusal(token.subarray(0, length)), "truncated");
    equal(refusal(Uint8Array.from([...token, 0])), "trailing-bytes");
    equal(refusal(new Uint8Array(MAX_TOKEN_BYTES + 1)), "token-too-long");
  });

  it("of another key is refused", () => {
    const other = signPayload(makeIdentity(), claimsOf(makeIdentity(), makeBatch()), new Uint8Array(32).fill(8));
    equal(refusal(other), "signature-invalid");
  });

  it("signature-high-s: the second form of the same signature is refused", () => {
    const token = makeToken();
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const s = BigInt(`0x${toHex(token.subarray(token.length - 32))}`);
    token.set(fromHex((order - s).toString(16).padStart(64, "0")), token.length - 32);
    equal(refusal(token), "signature-high-s");
  });

  it("not-the-token-form: any other COSE_Sign1 over the same claims is refused", () => {
    const token = makeToken(makeBatch(1));
    equal(refusal(token.subarray(1)), "not-the-token-form");
    const hex = toHex(token);
    const kid = toHex(makeIdentity().kid);
    const withHeader = hex.replace(`a10448${kid}`, `a203000448${kid}`);
    equal(refusal(fromHex(withHeader)), "not-the-token-form");
    const allProtected = hex.replace(`43a10126a10448${kid}`, `4da201260448${kid}a0`);
    equal(refusal(fromHex(allProtected)), "not-the-token-form");
    const unprotected = hex.replace(`43a10126a10448${kid}`, `40a201260448${kid}`);
    equal(refusal(fromHex(unprotected)), "not-the-token-form");
  });

  it("algorithm-unknown, kid-length, signature-length", () => {
    const hex = toHex(makeToken(makeBatch(1)));
    equal(refusal(fromHex(hex.replace("43a10126", "43a10125"))), "algorithm-unknown");
    equal(refusal(fromHex(hex.replace("1122334455667788", "11223344556677").replace("0448", "0447"))), "kid-length");
    equal(refusal(fromHex(hex.replace(/5840(.{128})$/, (_, r) => `583f${r.slice(2)}`))), "signature-length");
  });

  it("ES256K and EdDSA tokens come apart as well (RFC 8812 3.2, RFC 9053 2.2)", () => {
    const claims = claimsOf(makeIdentity(), makeBatch(2));
    for (const alg of [-8, -47] as const) {
      const into = new Uint8Array(MAX_TOKEN_BYTES);
      const signature = new Uint8Array(64).fill(1);
      const length = encodeSign1(alg, makeIdentity().kid, claims, claims.length, signature, into);
      const parsed = parseToken(into.subarray(0, length));
      ok(parsed.ok);
      equal(parsed.alg, alg);
    }
  });

  it("RFC 9052 4.2, RFC 8949 4.2.1: what encodeSign1 writes comes apart at every border of the payload's length", () => {
    const { kid } = makeIdentity();
    const signature = new Uint8Array(64).fill(1);
    const into = new Uint8Array(MAX_TOKEN_BYTES);
    for (const alg of [-7, -8, -47] as const) {
      for (const size of [0, 1, 23, 24, 255, 256, MAX_CLAIMS_BYTES - 1]) {
        const payload = new Uint8Array(size).fill(0x58);
        const bytes = into.slice(0, encodeSign1(alg, kid, payload, size, signature, into));
        const signed = parseSigned(bytes);
        ok(signed.ok, `${alg} ${size}: ${signed.ok || signed.reason}`);
        deepEqual([signed.alg, signed.kid, signed.payload, signed.signature], [alg, kid, payload, signature]);
        deepEqual(signed.protectedBytes, Uint8Array.from(protectedHeader(alg)));
        // Every byte outside kid, payload and signature is the only one that may stand there.
        const head = bytes.length - 64;
        for (let i = 0; i < head; i++) {
          if (i >= head - 2 - size && i < head - 2) continue;
          const changed = bytes.slice();
          changed[i] ^= 1;
          const parsed = parseSigned(changed);
          const another = parsed.ok && (parsed.alg !== alg || toHex(parsed.kid) !== toHex(kid));
          ok(!parsed.ok || another, `byte ${i} of ${alg}, ${size}`);
        }
        equal(parseSigned(bytes.subarray(0, bytes.length - 1)).ok, false);
      }
    }
  });
});
