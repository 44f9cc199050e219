/**
 * What statement tokens (boot, digest, anchor, key) and batches say, read by cborg at its strictest and by cbor-x, and compared with what was put in.
 * Claim keys and codes stand here as numbers, copied from the design and not from the sources.
 */
import { deepEqual, equal } from "node:assert/strict";
import { createHash } from "node:crypto";
import { Decoder } from "cbor-x";
import { decode, encode, rfc8949EncodeOptions, Tagged } from "cborg";
import type {
  AnchorClaims,
  BootClaims,
  Claims,
  DigestClaims,
  KeyClaims,
  TokenClaims,
} from "../../firmware/wire/eat-token.ts";
import { tokenKeys } from "./token-keys.ts";
import { SAMPLES, type Sample, WHOLE_DEGREES } from "./token-set.ts";

type Item = number | string | Uint8Array | Item[] | Map<number, Item>;
type Entries = [number, Item][];
/** COSE_Sign1: [protected, unprotected, payload, signature]. */
type Parts = [Uint8Array, Map<number, Item>, Uint8Array, Uint8Array];

const STRICT = {
  useMaps: true,
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  rejectDuplicateMapKeys: true,
  tags: { 18: Tagged.decoder(18) },
};

function partsOf(token: Uint8Array): Parts {
  return (decode(token, STRICT) as Tagged).value as Parts;
}

function batchEntries(claims: Claims): Entries {
  const { t0, dt, timeQuality, columns, count, wallTime, seq, bootCount, profile } = claims;
  const deltas = columns.map((column) => Array.from({ length: count }, (_, i) => column[i] - (column[i - 1] ?? 0)));
  const last = t0 + (count - 1) * dt;
  return [
    ...(wallTime ? ([[6, last]] as Entries) : []),
    [256, claims.ueid],
    [258, claims.oemid],
    [259, claims.hwmodel],
    ...(wallTime ? [] : ([[261, last]] as Entries)),
    [263, claims.dbgstat],
    [265, profile.uri],
    [267, bootCount],
    [-65537, seq],
    [-65538, [t0, dt, timeQuality, deltas]],
  ];
}

function locationOf({ location }: BootClaims): Entries {
  if (location === undefined) return [];
  const { latitude, longitude, altitude, accuracy } = location;
  const entries: Entries = [
    [1, latitude],
    [2, longitude],
  ];
  if (altitude !== undefined) entries.push([3, altitude]);
  if (accuracy !== undefined) entries.push([4, accuracy]);
  return [[264, new Map(entries)]];
}

function bootEntries(claims: BootClaims): Entries {
  const { wallTime, timeS, imageDigest, sensors } = claims;
  const models = sensors.map(({ model, calibration }) => (calibration === undefined ? [model] : [model, calibration]));
  return [
    ...(wallTime ? ([[6, timeS]] as Entries) : []),
    [256, claims.ueid],
    [258, claims.oemid],
    [259, claims.hwmodel],
    ...(wallTime ? [] : ([[261, timeS]] as Entries)),
    [263, claims.dbgstat],
    ...locationOf(claims),
    [265, claims.profile.uri],
    [267, claims.bootCount],
    [270, claims.swname],
    [271, [claims.swversion]],
    ...(imageDigest === undefined ? [] : ([[273, [[42, imageDigest]]]] as Entries)),
    [-65537, claims.seq],
    ...(models.length === 0 ? [] : ([[-65542, models]] as Entries)),
    [-65543, claims.protection],
  ];
}

function digestEntries({ wallTime, timeS, ueid, bootCount, seq, firstSeq, lastSeq, digest }: DigestClaims): Entries {
  return [
    ...(wallTime ? ([[6, timeS]] as Entries) : []),
    [256, ueid],
    ...(wallTime ? [] : ([[261, timeS]] as Entries)),
    [267, bootCount],
    [-65537, seq],
    [-65539, [firstSeq, lastSeq, digest]],
  ];
}

function anchorEntries({ wallS, uptimeS, timeQuality, nonce, ueid, bootCount, seq }: AnchorClaims): Entries {
  return [
    ...(wallS === 0 ? [] : ([[6, wallS]] as Entries)),
    ...(nonce === undefined ? [] : ([[10, nonce]] as Entries)),
    [256, ueid],
    [261, uptimeS],
    [267, bootCount],
    [-65537, seq],
    [-65540, timeQuality],
  ];
}

/** RFC 9053 7.1, RFC 8812 3.1: kty and crv. */
const COSE_KEY_TYPES: Readonly<Record<number, [kty: number, crv: number]>> = {
  [-7]: [2, 1],
  [-8]: [1, 6],
  [-47]: [2, 8],
};

function keyEntries({ wallS, ueid, bootCount, seq, newKey }: KeyClaims): Entries {
  const [kty, crv] = COSE_KEY_TYPES[newKey.alg];
  const parameters: Entries = [
    [1, kty],
    [-1, crv],
    [-2, newKey.publicKey.slice(0, 32)],
  ];
  if (kty === 2) parameters.push([-3, newKey.publicKey.slice(32)]);
  return [
    ...(wallS === 0 ? [] : ([[6, wallS]] as Entries)),
    [8, new Map([[1, new Map(parameters)]])],
    [256, ueid],
    [267, bootCount],
    [-65537, seq],
  ];
}

function expectedEntries(claims: TokenClaims): Entries {
  switch (claims.kind) {
    case "batch":
      return batchEntries(claims);
    case "boot":
      return bootEntries(claims);
    case "digest":
      return digestEntries(claims);
    case "anchor":
      return anchorEntries(claims);
    case "key":
      return keyEntries(claims);
  }
}

/** Byte strings as text: one library gives Buffer, the other Uint8Array. Maps as entries, for their order counts. */
function plain(item: unknown): unknown {
  if (item instanceof Uint8Array) return `h'${Buffer.from(item).toString("hex")}'`;
  if (item instanceof Map) return [...item].map(([key, value]) => [key, plain(value)]);
  return Array.isArray(item) ? item.map(plain) : item;
}

function title({ key, what }: Sample): string {
  return `${key.name}, ${what}`;
}

describe("interop: what tokens of every kind say, in other people's CBOR libraries", () => {
  it("RFC 9711 4, RFC 8747 3: cborg reads the claims that were put in, in their order, and no others", () => {
    for (const sample of SAMPLES) {
      const claims = decode(partsOf(sample.token)[2], STRICT) as Map<number, Item>;
      deepEqual(plain(claims), plain(new Map(expectedEntries(sample.claims))), title(sample));
    }
  });

  it("RFC 9052 3.1: the algorithm is protected, kid stands beside it, and nothing else does", () => {
    for (const sample of SAMPLES) {
      const [header, unprotected, , signature] = partsOf(sample.token);
      deepEqual([...(decode(header, STRICT) as Map<number, Item>)], [[1, sample.key.alg]], title(sample));
      deepEqual(plain(unprotected), [[4, plain(sample.key.kid)]], title(sample));
      equal(signature.length, 64);
    }
  });

  it("RFC 8949 3: cbor-x reads the same", () => {
    const decoder = new Decoder({ mapsAsObjects: false, useRecords: false });
    for (const sample of SAMPLES) {
      // @auth0/cose claims tag 18 in cbor-x for the whole process: the tag's byte (6 << 5 | 18) is read here.
      equal(sample.token[0], 0xd2);
      const parts = decoder.decode(sample.token.subarray(1)) as Parts;
      deepEqual(plain(parts), plain(partsOf(sample.token)), title(sample));
      deepEqual(plain(decoder.decode(parts[2])), plain(decode(parts[2], STRICT)), title(sample));
    }
  });

  it("RFC 8949 4.2.1: cborg would write the same bytes, floats in their shortest form included", () => {
    for (const sample of SAMPLES) {
      if (sample.what === WHOLE_DEGREES) continue;
      const [, , payload] = partsOf(sample.token);
      deepEqual(
        Buffer.from(encode(decode(payload, STRICT), rfc8949EncodeOptions)),
        Buffer.from(payload),
        title(sample),
      );
    }
  });

  it("attestation.md, digest token: SHA-256 over the SHA-256 of each token, by node:crypto and from the tokens' bytes", () => {
    const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();
    for (const { name } of tokenKeys()) {
      const own = SAMPLES.filter(({ key }) => key.name === name);
      const claimsOf = ({ token }: Sample): Map<number, Item> => decode(partsOf(token)[2], STRICT) as Map<number, Item>;
      const digests = own.filter(({ claims }) => claims.kind === "digest");
      equal(digests.length, 2);
      for (const sample of digests) {
        const [first, last, digest] = claimsOf(sample).get(-65539) as [number, number, Uint8Array];
        const covered = own.filter((one) => {
          const seq = claimsOf(one).get(-65537) as number;
          return seq >= first && seq <= last && one.claims.kind === "batch";
        });
        equal(covered.length, last - first + 1);
        equal(plain(digest), plain(sha256(Buffer.concat(covered.map(({ token }) => sha256(token))))));
      }
    }
  });
});
