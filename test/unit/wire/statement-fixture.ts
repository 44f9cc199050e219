/** Statements, one of each kind and with all that is optional there and not, for the tests of firmware/wire. */

import { WEATHER } from "../../../firmware/wire/profiles/weather.ts";
import type {
  AnchorClaims,
  BootClaims,
  DigestClaims,
  KeyClaims,
  StatementClaims,
} from "../../../firmware/wire/statements.ts";
import { PROTECTION } from "../../../firmware/wire/statements.ts";
import { TIME_SOURCE, timeQuality } from "../../../firmware/wire/time-quality.ts";
import { makeIdentity } from "./token-fixture.ts";

const { ueid, oemid, hwmodel, dbgstat } = makeIdentity();

function pattern(length: number, first: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => first + i);
}

export function makeBoot(change: Partial<BootClaims> = {}): BootClaims {
  return {
    kind: "boot",
    ueid,
    oemid,
    hwmodel,
    dbgstat,
    wallTime: true,
    timeS: 1_700_000_123,
    profile: WEATHER,
    bootCount: 3,
    seq: 69_999,
    swname: "groundtruth",
    swversion: "1.4.0",
    imageDigest: pattern(32, 0x40),
    location: { latitude: 48.137154, longitude: -11.5, altitude: 519, accuracy: 2.5 },
    sensors: [
      { model: "SHT45", calibration: "2026-03-01 no. 4711" },
      { model: "BMP581", calibration: undefined },
    ],
    protection: PROTECTION.secureElement,
    ...change,
  };
}

export function makeDigest(change: Partial<DigestClaims> = {}): DigestClaims {
  return {
    kind: "digest",
    wallTime: true,
    timeS: 1_700_006_400,
    ueid,
    bootCount: 3,
    seq: 70_010,
    firstSeq: 69_990,
    lastSeq: 70_009,
    digest: pattern(32, 0x80),
    ...change,
  };
}

export function makeAnchor(change: Partial<AnchorClaims> = {}): AnchorClaims {
  return {
    kind: "anchor",
    wallS: 1_700_000_100,
    uptimeS: 4242,
    timeQuality: timeQuality(TIME_SOURCE.sntp, 1000),
    nonce: undefined,
    ueid,
    bootCount: 3,
    seq: 70_011,
    ...change,
  };
}

export function makeKeyChange(change: Partial<KeyClaims> = {}): KeyClaims {
  return {
    kind: "key",
    wallS: 1_700_000_100,
    ueid,
    bootCount: 3,
    seq: 70_012,
    newKey: { alg: -7, publicKey: pattern(64, 0x10) },
    ...change,
  };
}

/** Each kind with and without what may be left out. */
export function makeStatements(): StatementClaims[] {
  const bare = { imageDigest: undefined, location: undefined, sensors: [], wallTime: false, timeS: 30 };
  return [
    makeBoot(),
    makeBoot(bare),
    makeBoot({ location: { latitude: 0, longitude: 0, altitude: undefined, accuracy: 0.1 } }),
    makeBoot({ location: { latitude: -90, longitude: 180, altitude: -431, accuracy: undefined } }),
    makeDigest(),
    makeDigest({ wallTime: false, timeS: 86_400, firstSeq: 0, lastSeq: 0 }),
    makeAnchor(),
    makeAnchor({ nonce: pattern(8, 1) }),
    makeAnchor({ wallS: 0, timeQuality: 0, nonce: pattern(64, 1) }),
    makeKeyChange(),
    makeKeyChange({ wallS: 0, newKey: { alg: -8, publicKey: pattern(32, 0x20) } }),
    makeKeyChange({ newKey: { alg: -47, publicKey: pattern(64, 0x30) } }),
  ];
}
