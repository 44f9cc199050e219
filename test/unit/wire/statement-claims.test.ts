import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { decode, encode, rfc8949EncodeOptions } from "cborg";
import { MAX_CLAIMS_BYTES } from "../../../firmware/wire/batch.ts";
import type { KeyClaims } from "../../../firmware/wire/eat-token.ts";
import { encodeTokenClaims, parseBatchToken, parseClaims, parseToken } from "../../../firmware/wire/eat-token.ts";
import { KNOWN_PROFILES } from "../../../firmware/wire/profiles/known.ts";
import {
  checkStatement,
  MAX_CALIBRATION,
  MAX_DISTANCE_M,
  MAX_SENSOR_MODEL,
  MAX_SENSORS,
  MAX_SOFTWARE_TEXT,
  type StatementClaims,
} from "../../../firmware/wire/statements.ts";
import { makeAnchor, makeBoot, makeDigest, makeKeyChange, makeStatements } from "./statement-fixture.ts";
import { claimsOf, fromHex, makeBatch, makeIdentity, makeToken, signPayload, toHex } from "./token-fixture.ts";

type Decoded = Map<number, unknown>;

function bytesOf(claims: StatementClaims): Uint8Array {
  const into = new Uint8Array(MAX_CLAIMS_BYTES);
  return into.slice(0, encodeTokenClaims(claims, into));
}

function decoded(claims: StatementClaims): Decoded {
  return decode(bytesOf(claims), { useMaps: true });
}

function reasonOf(bytes: Uint8Array): string | undefined {
  const parsed = parseClaims(bytes);
  return parsed.ok ? undefined : parsed.reason;
}

/** Each with its claims by number, as another library decodes them. */
describe("claims of statements (RFC 9711, RFC 8392, RFC 8747)", () => {
  it("boot: iat, entity, location, profile, boot count, software, measurement, seq, sensors, protection", () => {
    const { ueid, oemid, hwmodel, dbgstat, imageDigest } = makeBoot();
    deepEqual(
      [...decoded(makeBoot())],
      [
        [6, 1_700_000_123],
        [256, ueid],
        [258, oemid],
        [259, hwmodel],
        [263, dbgstat],
        [
          264,
          new Map([
            [1, 48.137154],
            [2, -11.5],
            [3, 519],
            [4, 2.5],
          ]),
        ],
        [265, "tag:groundtruth,2026:weather:1"],
        [267, 3],
        [270, "groundtruth"],
        [271, ["1.4.0"]],
        [273, [[42, imageDigest]]],
        [-65537, 69_999],
        [-65542, [["SHT45", "2026-03-01 no. 4711"], ["BMP581"]]],
        [-65543, 3],
      ],
    );
  });

  it("boot without what may be missing: uptime in place of iat, no location, measurement and sensors", () => {
    const claims = decoded(
      makeBoot({ wallTime: false, timeS: 30, imageDigest: undefined, location: undefined, sensors: [] }),
    );
    deepEqual([...claims.keys()], [256, 258, 259, 261, 263, 265, 267, 270, 271, -65537, -65543]);
    equal(claims.get(261), 30);
  });

  it("RFC 8949 4.2.2: a location's numbers are floating point in their shortest form, whole ones too", () => {
    const location = { latitude: 0, longitude: -180, altitude: 0.1, accuracy: 100_000 };
    const hex = toHex(bytesOf(makeBoot({ location })));
    ok(hex.includes("190108a401f9000002f9d9a003fb3fb999999999999a04fa47c35000"), hex);
  });

  it("digest: range and SHA-256 under -65539", () => {
    const { ueid, digest } = makeDigest();
    deepEqual(
      [...decoded(makeDigest())],
      [
        [6, 1_700_006_400],
        [256, ueid],
        [267, 3],
        [-65537, 70_010],
        [-65539, [69_990, 70_009, digest]],
      ],
    );
    deepEqual([...decoded(makeDigest({ wallTime: false, timeS: 30 })).keys()], [256, 261, 267, -65537, -65539]);
  });

  it("anchor: iat and uptime of one instant, and time quality under -65540; eat_nonce where there was a challenge", () => {
    const { ueid } = makeAnchor();
    const rest: [number, unknown][] = [
      [256, ueid],
      [261, 4242],
      [267, 3],
      [-65537, 70_011],
    ];
    deepEqual([...decoded(makeAnchor())], [[6, 1_700_000_100], ...rest, [-65540, 0x4a]]);
    const nonce = fromHex("0102030405060708");
    deepEqual([...decoded(makeAnchor({ nonce }))], [[6, 1_700_000_100], [10, nonce], ...rest, [-65540, 0x4a]]);
    deepEqual([...decoded(makeAnchor({ nonce, wallS: 0, timeQuality: 0 }))], [[10, nonce], ...rest, [-65540, 0]]);
  });

  it("RFC 8747 3.2: key has the new key as COSE_Key in cnf, of each algorithm", () => {
    const expected: [KeyClaims["newKey"], [number, unknown][]][] = [
      [
        { alg: -7, publicKey: new Uint8Array(64).fill(1, 32) },
        [
          [1, 2],
          [-1, 1],
          [-2, new Uint8Array(32)],
          [-3, new Uint8Array(32).fill(1)],
        ],
      ],
      [
        { alg: -8, publicKey: new Uint8Array(32).fill(2) },
        [
          [1, 1],
          [-1, 6],
          [-2, new Uint8Array(32).fill(2)],
        ],
      ],
      [
        { alg: -47, publicKey: new Uint8Array(64).fill(1, 32) },
        [
          [1, 2],
          [-1, 8],
          [-2, new Uint8Array(32)],
          [-3, new Uint8Array(32).fill(1)],
        ],
      ],
    ];
    for (const [newKey, coseKey] of expected) {
      deepEqual(
        [...decoded(makeKeyChange({ newKey }))],
        [
          [6, 1_700_000_100],
          [8, new Map([[1, new Map(coseKey)]])],
          [256, makeKeyChange().ueid],
          [267, 3],
          [-65537, 70_012],
        ],
      );
    }
    deepEqual([...decoded(makeKeyChange({ wallS: 0 })).keys()], [8, 256, 267, -65537]);
  });

  it("RFC 8949 4.2: each comes back as it was, as claims and as a token", () => {
    for (const claims of makeStatements()) {
      const bytes = bytesOf(claims);
      deepEqual(parseClaims(bytes), { ok: true, claims });
      const token = parseToken(signPayload(makeIdentity(), bytes));
      ok(token.ok);
      deepEqual(token.claims, claims);
      // What the sorting of another library gives: our order is the deterministic one. (cborg has no floats for whole numbers.)
      if (claims.kind !== "boot") deepEqual(encode(decoded(claims), rfc8949EncodeOptions), bytes);
    }
  });

  it("the longest boot token fits, of every profile", () => {
    for (const profile of KNOWN_PROFILES) {
      const model = "m".repeat(MAX_SENSOR_MODEL);
      const claims = makeBoot({
        profile,
        hwmodel: new Uint8Array(32),
        timeS: 0x1ffffffff,
        bootCount: 0xffffffff,
        seq: 0xffffffff,
        location: { latitude: 0.1, longitude: 0.1, altitude: 0.1, accuracy: 0.1 },
        swname: "n".repeat(MAX_SOFTWARE_TEXT),
        swversion: "v".repeat(MAX_SOFTWARE_TEXT),
        sensors: Array.from({ length: MAX_SENSORS }, () => ({ model, calibration: "c".repeat(MAX_CALIBRATION) })),
      });
      deepEqual(parseClaims(bytesOf(claims)), { ok: true, claims });
    }
  });

  it("a batch is told from statements", () => {
    const batch = parseClaims(claimsOf(makeIdentity(), makeBatch()));
    ok(batch.ok);
    equal(batch.claims.kind, "batch");
    ok(parseBatchToken(makeToken()).ok);
    const other = parseBatchToken(signPayload(makeIdentity(), bytesOf(makeDigest())));
    deepEqual(other, { ok: false, reason: "not-a-batch" });
  });
});

describe("claims of statements, refusals by name", () => {
  const wrong: [string, StatementClaims][] = [
    ["ueid-form", makeDigest({ ueid: new Uint8Array(9) })],
    ["ueid-form", makeAnchor({ ueid: new Uint8Array(8).fill(2) })],
    ["bootcount-out-of-range", makeAnchor({ bootCount: 2 ** 32 })],
    ["seq-out-of-range", makeKeyChange({ seq: 2 ** 32 })],
    ["oemid-form", makeBoot({ oemid: new Uint8Array(2) })],
    ["hwmodel-length", makeBoot({ hwmodel: new Uint8Array(33) })],
    ["dbgstat-out-of-range", makeBoot({ dbgstat: 5 })],
    ["time-out-of-range", makeBoot({ timeS: 2 ** 33 })],
    ["wall-time-before-2001", makeBoot({ timeS: 999_999_999 })],
    ["wall-time-before-2001", makeDigest({ timeS: 1 })],
    ["wall-time-before-2001", makeAnchor({ wallS: 999_999_999 })],
    ["wall-time-before-2001", makeKeyChange({ wallS: 1 })],
    ["software-text", makeBoot({ swname: "" })],
    ["software-text", makeBoot({ swversion: "v".repeat(33) })],
    ["software-text", makeBoot({ swname: "a\nb" })],
    ["measurements-form", makeBoot({ imageDigest: new Uint8Array(31) })],
    ["location-out-of-range", makeBoot({ location: { ...makeBoot().location!, latitude: 90.1 } })],
    ["location-out-of-range", makeBoot({ location: { ...makeBoot().location!, latitude: -0 } })],
    ["location-out-of-range", makeBoot({ location: { ...makeBoot().location!, longitude: NaN } })],
    ["location-out-of-range", makeBoot({ location: { ...makeBoot().location!, longitude: -181 } })],
    ["location-out-of-range", makeBoot({ location: { ...makeBoot().location!, altitude: MAX_DISTANCE_M + 1 } })],
    ["location-out-of-range", makeBoot({ location: { ...makeBoot().location!, accuracy: -1 } })],
    ["location-out-of-range", makeBoot({ location: { ...makeBoot().location!, accuracy: Infinity } })],
    ["sensors-form", makeBoot({ sensors: [{ model: "", calibration: undefined }] })],
    ["sensors-form", makeBoot({ sensors: [{ model: "m".repeat(25), calibration: undefined }] })],
    ["sensors-form", makeBoot({ sensors: [{ model: "m", calibration: "" }] })],
    ["sensors-form", makeBoot({ sensors: new Array(11).fill({ model: "m", calibration: undefined }) })],
    ["protection-unknown", makeBoot({ protection: 4 as never })],
    ["digest-range", makeDigest({ lastSeq: 70_010 })],
    ["digest-range", makeDigest({ firstSeq: 70_000, lastSeq: 69_999 })],
    ["digest-form", makeDigest({ digest: new Uint8Array(31) })],
    ["time-quality-invalid", makeAnchor({ timeQuality: 0 })],
    ["time-quality-invalid", makeAnchor({ timeQuality: 41 })],
    ["time-quality-invalid", makeAnchor({ wallS: 0, nonce: new Uint8Array(8) })],
    ["anchor-without-time", makeAnchor({ wallS: 0, timeQuality: 0 })],
    ["nonce-length", makeAnchor({ nonce: new Uint8Array(7) })],
    ["nonce-length", makeAnchor({ nonce: new Uint8Array(65) })],
    ["key-form", makeKeyChange({ newKey: { alg: -8, publicKey: new Uint8Array(64) } })],
    ["key-form", makeKeyChange({ newKey: { alg: -7, publicKey: new Uint8Array(32) } })],
  ];
  for (const [reason, claims] of wrong) {
    it(`a node does not sign ${reason} in ${claims.kind}`, () => {
      equal(checkStatement(claims), reason);
      throws(() => bytesOf(claims), { message: `claims: ${reason}` });
    });
  }

  const changes: [string, StatementClaims, (claims: Decoded) => unknown][] = [
    ["ueid-form", makeDigest(), (c) => c.set(256, new Uint8Array(9))],
    ["bootcount-out-of-range", makeAnchor(), (c) => c.set(267, 2 ** 32)],
    ["seq-out-of-range", makeKeyChange(), (c) => c.set(-65537, 2 ** 32)],
    ["wall-time-before-2001", makeAnchor(), (c) => c.set(6, 999_999_999)],
    ["unexpected-claim", makeAnchor({ nonce: new Uint8Array(8) }), (c) => c.set(6, 0).set(-65540, 0)],
    ["unexpected-claim", makeKeyChange(), (c) => c.set(6, 0)],
    ["digest-range", makeDigest(), (c) => c.set(-65539, [0, 70_010, new Uint8Array(32)])],
    ["digest-form", makeDigest(), (c) => c.set(-65539, [0, 1])],
    ["digest-form", makeDigest(), (c) => c.set(-65539, [0, 1, new Uint8Array(33)])],
    ["unexpected-type", makeDigest(), (c) => c.set(-65539, [0, -1, new Uint8Array(32)])],
    ["time-quality-invalid", makeAnchor(), (c) => c.set(-65540, 9)],
    ["anchor-without-time", makeAnchor(), (c) => c.delete(6) && c.set(-65540, 0)],
    ["nonce-length", makeAnchor(), (c) => c.set(10, new Uint8Array(7))],
    ["nonce-length", makeAnchor(), (c) => c.set(10, new Uint8Array(65))],
    ["key-form", makeKeyChange(), (c) => c.set(8, new Map([[3, new Uint8Array(8)]]))],
    ["key-form", makeKeyChange(), (c) => coseKeyOf(c).set(-1, 2)],
    ["key-form", makeKeyChange(), (c) => coseKeyOf(c).set(1, 3)],
    ["key-form", makeKeyChange(), (c) => coseKeyOf(c).delete(-3)],
    ["key-form", makeKeyChange(), (c) => coseKeyOf(c).set(3, -7)],
    ["key-form", makeKeyChange(), (c) => coseKeyOf(c).set(-2, new Uint8Array(31))],
    ["unexpected-type", makeKeyChange(), (c) => coseKeyOf(c).set(-3, true)],
    ["unknown-profile", makeBoot(), (c) => c.set(265, "tag:groundtruth,2026:weather:9")],
    ["location-form", makeBoot(), (c) => c.set(264, new Map([[1, 1.5]]))],
    ["location-form", makeBoot(), (c) => locationOf(c).set(5, 1.5)],
    ["location-form", makeBoot(), (c) => locationOf(c).delete(2)],
    ["unexpected-type", makeBoot(), (c) => locationOf(c).set(1, 48)],
    ["location-out-of-range", makeBoot(), (c) => locationOf(c).set(1, 90.5)],
    ["location-out-of-range", makeBoot(), (c) => locationOf(c).set(4, -2.5)],
    ["software-text", makeBoot(), (c) => c.set(270, "")],
    ["swversion-form", makeBoot(), (c) => c.set(271, ["1", 1])],
    ["measurements-form", makeBoot(), (c) => c.set(273, [])],
    ["measurements-form", makeBoot(), (c) => c.set(273, [[41, new Uint8Array(32)]])],
    ["measurements-form", makeBoot(), (c) => c.set(273, [[42, new Uint8Array(31)]])],
    ["sensors-form", makeBoot(), (c) => c.set(-65542, [])],
    ["sensors-form", makeBoot(), (c) => c.set(-65542, [[]])],
    ["sensors-form", makeBoot(), (c) => c.set(-65542, [["a", "b", "c"]])],
    ["sensors-form", makeBoot(), (c) => c.set(-65542, new Array(11).fill(["a"]))],
    ["protection-unknown", makeBoot(), (c) => c.set(-65543, 4)],
  ];

  function coseKeyOf(claims: Decoded): Decoded {
    return (claims.get(8) as Map<number, Decoded>).get(1)!;
  }

  function locationOf(claims: Decoded): Decoded {
    // Not as cborg would write it: a whole number would not be floating point.
    return (claims.get(264) as Decoded).set(3, 519.5);
  }

  for (const [reason, claims, change] of changes) {
    it(`a receiver refuses ${claims.kind} with ${change.toString().replace(/^\(c\) => /, "")}: ${reason}`, () => {
      const map = decoded(claims);
      if (claims.kind === "boot") locationOf(map);
      equal(reasonOf(encode(map, rfc8949EncodeOptions)), undefined);
      change(map);
      equal(reasonOf(encode(map, rfc8949EncodeOptions)), reason);
    });
  }

  it("unexpected-claim: one claim fewer that must be there, or one more that belongs to another kind", () => {
    const optional = { boot: [264, 273, -65542], digest: [], anchor: [10], key: [6] };
    for (const claims of [makeBoot(), makeDigest(), makeAnchor({ nonce: new Uint8Array(8) }), makeKeyChange()]) {
      const whole = decoded(claims);
      if (claims.kind === "boot") locationOf(whole);
      for (const key of whole.keys()) {
        const fewer = new Map(whole);
        fewer.delete(key);
        const reason = reasonOf(encode(fewer, rfc8949EncodeOptions));
        // Without iat an anchor's time quality is wrong before anything is missing.
        if (claims.kind === "anchor" && key === 6) equal(reason, "time-quality-invalid");
        else
          equal(
            reason,
            (optional[claims.kind] as number[]).includes(key) ? undefined : "unexpected-claim",
            `${claims.kind} ${key}`,
          );
      }
      const strange: [number, unknown][] = [
        [7, 1],
        [10, new Uint8Array(8)],
        [258, new Uint8Array(3)],
        [261, 1],
        [268, 1],
        [-65537 - 4, 1],
        [-65543, 0],
        [-65544, 0],
      ];
      for (const [key, value] of strange) {
        if (whole.has(key) || (claims.kind === "anchor" && key === 10)) continue;
        equal(
          reasonOf(encode(new Map(whole).set(key, value), rfc8949EncodeOptions)),
          "unexpected-claim",
          `${claims.kind} ${key}`,
        );
      }
    }
  });
});
