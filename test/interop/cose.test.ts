/**
 * What a stranger can check with nothing of ours: every token of a simulation with `@auth0/cose`, and with Python, by the node's JWK; every claim with
 * two CBOR libraries (cborg, cbor-x). Keys, scales and flags stand here as numbers, copied from the design and not from the sources.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Algorithms, COSEKey, Sign1 } from "@auth0/cose";
import { Decoder } from "cbor-x";
import { decode, encode, rfc8949EncodeOptions, Tagged } from "cborg";
import { type NodeFile, Simulation, type TokenFile } from "../e2e/simulation.ts";
import { judgeWithPython, pythonProblem } from "./python.ts";

/** Columns 1 to 9 of profile `weather`, version 1: name, and how many of the column's steps make one unit. */
const FIELDS: readonly [string, number][] = [
  ["temperature", 10],
  ["humidity", 1],
  ["pressure", 10],
  ["windSpeed", 10],
  ["windGust", 10],
  ["windDirection", 1 / 5],
  ["rain", 5],
  ["irradiance", 1],
  ["battery", 100],
];
const TIME_SOURCES = ["none", "lorawan", "sntp", "gnss"];

type Claims = Map<number, unknown>;
type Batch = [t0: number, dt: number, timeQuality: number, columns: number[][]];

/** COSE_Sign1 (tag 18): [protected, unprotected, payload, signature]. */
type Parts = [Uint8Array, Map<number, unknown>, Uint8Array, Uint8Array];

const CBORG = { useMaps: true, strict: true, allowIndefinite: false, rejectDuplicateMapKeys: true };

function withCborg(bytes: Uint8Array): { parts: Parts; header: Claims; claims: Claims } {
  const tags = { 18: Tagged.decoder(18) };
  const parts = (decode(bytes, { ...CBORG, tags }) as Tagged).value as Parts;
  return { parts, header: decode(parts[0], CBORG) as Claims, claims: decode(parts[2], CBORG) as Claims };
}

/** @auth0/cose claims tag 18 in cbor-x for the whole process, so the tag's byte (RFC 8949 3.4: 6 << 5 | 18) is read here. */
function withCborX(bytes: Uint8Array): { parts: Parts; header: Claims; claims: Claims } {
  const decoder = new Decoder({ mapsAsObjects: false, useRecords: false });
  assert.equal(bytes[0], 0xd2);
  const parts = decoder.decode(bytes.subarray(1)) as Parts;
  return { parts, header: decoder.decode(parts[0]) as Claims, claims: decoder.decode(parts[2]) as Claims };
}

/** The claims of each kind of token, and the one that tells it from the others. */
const KINDS: Readonly<Record<string, { tells: number; required: number[]; optional: number[] }>> = {
  batch: { tells: -65538, required: [256, 258, 259, 263, 265, 267, -65537, -65538], optional: [6, 261] },
  boot: {
    tells: -65543,
    required: [256, 258, 259, 263, 265, 267, 270, 271, -65537, -65543],
    optional: [6, 261, 264, 273, -65542],
  },
  digest: { tells: -65539, required: [256, 267, -65537, -65539], optional: [6, 261] },
  anchor: { tells: -65540, required: [256, 261, 267, -65537, -65540], optional: [6, 10] },
  key: { tells: 8, required: [8, 256, 267, -65537], optional: [6] },
};

function kindOf(claims: Claims): string {
  const kinds = Object.keys(KINDS).filter((kind) => claims.has(KINDS[kind].tells));
  assert.equal(kinds.length, 1, "one claim tells the kind");
  return kinds[0];
}

/** RFC 8949 4.2.1, for keys that are integers: positive ones first, each by size. */
function byEncoding(a: number, b: number): number {
  return a < 0 === b < 0 ? Math.abs(a) - Math.abs(b) : b - a;
}

/** JavaScript has no other 48.0 than 48, so what cborg would write of such a location is an integer. */
function hasWholeFloat(claims: Claims): boolean {
  return [...((claims.get(264) as Map<number, number> | undefined)?.values() ?? [])].some(Number.isInteger);
}

function isBatch({ bytes }: TokenFile): boolean {
  return kindOf(withCborg(bytes).claims) === "batch";
}

/** Running sums of a column: its first item is a value, the others are differences. */
function valuesOf(column: number[]): number[] {
  let value = 0;
  return column.map((item) => {
    value += item;
    return value;
  });
}

/** The lines of readings.jsonl that a token stands for, from nothing but its claims. */
function expectedReadings(token: TokenFile, claims: Claims): unknown[] {
  const [t0, dt, timeQuality, columns] = claims.get(-65538) as Batch;
  const wallTime = claims.has(6);
  const [flagBits, ...series] = columns.map(valuesOf);
  return flagBits.map((bits, index) => {
    const values: Record<string, number | null> = {};
    const flags: Record<string, string> = {};
    FIELDS.forEach(([name, stepsPerUnit], field) => {
      const missing = (bits & (1 << field)) !== 0;
      const suspect = (bits & (1 << (field + FIELDS.length))) !== 0;
      values[name] = missing ? null : series[field][index] / stepsPerUnit;
      if (missing || suspect) flags[name] = missing ? "missing" : "suspect";
    });
    const atS = t0 + index * dt;
    return {
      node: token.devEui,
      seq: claims.get(-65537),
      index,
      ...(wallTime ? { time: new Date(atS * 1000).toISOString().replace(".000", "") } : { time: null, uptime: atS }),
      bootCount: claims.get(267),
      timeQuality: {
        source: TIME_SOURCES[timeQuality >> 5],
        uncertaintyMs: wallTime ? 2 ** (timeQuality & 31) : null,
      },
      values,
      flags,
      token: createHash("sha256").update(token.bytes).digest("hex"),
    };
  });
}

function keyOf(node: NodeFile): ReturnType<COSEKey["toKeyLike"]> {
  return COSEKey.fromJWK(node.jwk).toKeyLike();
}

async function verifyAlone(bytes: Uint8Array, key: Awaited<ReturnType<typeof keyOf>>): Promise<void> {
  await Sign1.decode(bytes).verify(key, { algorithms: [Algorithms.ES256] });
}

/** Two hours a minute apart with holes, a jump and a column that never answers: what flags are for. */
function gappyWeather(): string {
  const rows = ["time_utc,air_temperature_degC,relative_humidity_pct,pressure_hPa,wind_speed_mps"];
  for (let minute = 0; minute < 120; minute++) {
    const time = new Date(Date.UTC(2024, 0, 1, 0, minute)).toISOString().slice(0, 19);
    const temperature = minute === 40 ? 35.5 : 20 + (minute % 10) / 10;
    const humidity = minute >= 20 && minute < 30 ? "" : 50 + (minute % 7);
    rows.push(`${time}Z,${temperature},${humidity},${minute === 0 ? "" : 1000 + minute / 10},${minute % 5}`);
  }
  return `${rows.join("\n")}\n`;
}

const LOSSY = "LoRaWAN, several nodes, readings from before the time was known";
const RUNS: [name: string, args: string[]][] = [
  ["LoRaWAN", ["--days", "1"]],
  [LOSSY, ["--nodes", "4", "--hours", "2", "--loss", "0.6", "--sample-interval", "60", "--batch", "10"]],
  ["Wi-Fi", ["--uplink", "wifi", "--hours", "12", "--batch", "12"]],
];

describe("interop: tokens in other people's COSE and CBOR libraries", () => {
  const runs = new Map<string, Simulation>();
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "groundtruth-cose-"));
    const gappy = join(folder, "gappy.csv");
    writeFileSync(gappy, gappyWeather());
    for (const [name, args] of RUNS) runs.set(name, new Simulation(...args));
    runs.set("recorded weather with holes", new Simulation("--replay", gappy, "--hours", "2", "--batch", "17"));
  });
  after(() => {
    rmSync(folder, { recursive: true });
    for (const run of runs.values()) run.remove();
  });

  for (const name of [...RUNS.map(([name]) => name), "recorded weather with holes"]) {
    describe(name, () => {
      it("RFC 9052 4.4: @auth0/cose verifies every token with the node's JWK", async () => {
        const run = runs.get(name)!;
        assert.equal(run.outcome.status, 0, run.outcome.err);
        const { tokens, summary } = run;
        assert.ok(tokens.length > 2);
        assert.equal(tokens.length, summary.tokensVerified + summary.statementsVerified);
        for (const { devEui, bytes } of tokens) await verifyAlone(bytes, await keyOf(run.node(devEui)));
      });

      it("RFC 8949 4.2: cborg, at its strictest, and cbor-x read the same, and cborg would write the same bytes", () => {
        for (const { bytes } of runs.get(name)!.tokens) {
          const one = withCborg(bytes);
          const other = withCborX(bytes);
          for (const part of [0, 2, 3]) {
            assert.deepEqual(Buffer.from(one.parts[part] as Uint8Array), Buffer.from(other.parts[part] as Uint8Array));
          }
          assert.deepEqual(one.header, other.header);
          assert.deepEqual(plain(one.claims), plain(other.claims));
          if (hasWholeFloat(one.claims)) continue;
          assert.deepEqual(Buffer.from(encode(one.claims, rfc8949EncodeOptions)), Buffer.from(one.parts[2]));
        }
      });

      it("RFC 9711 4: headers and claims are those of the format, and no others", () => {
        const run = runs.get(name)!;
        for (const { devEui, seq, bytes } of run.tokens) {
          const { parts, header, claims } = withCborg(bytes);
          const node = run.node(devEui);
          assert.deepEqual([...header], [[1, -7]]);
          assert.deepEqual([...parts[1].keys()], [4]);
          assert.equal(hex(parts[1].get(4)), node.kid);
          assert.equal(parts[3].length, 64);
          const { required, optional } = KINDS[kindOf(claims)];
          const keys = [...claims.keys()];
          assert.deepEqual(keys, [...keys].sort(byEncoding));
          for (const key of required) assert.ok(claims.has(key), `claim ${key}`);
          for (const key of keys) assert.ok(required.includes(key) || optional.includes(key), `claim ${key}`);
          assert.ok(kindOf(claims) === "anchor" || !(claims.has(6) && claims.has(261)));
          assert.equal(hex(claims.get(256)), `02${devEui}`);
          assert.equal(hex(claims.get(256)), node.ueid);
          assert.equal(claims.get(267), 1);
          assert.equal(claims.get(-65537), seq);
        }
      });

      it("RFC 9711 4: a batch says who the node is, and its times are those of its readings", () => {
        const run = runs.get(name)!;
        for (const { devEui, bytes } of run.tokens.filter(isBatch)) {
          const { claims } = withCborg(bytes);
          const node = run.node(devEui);
          const wallTime = claims.has(6);
          assert.equal(hex(claims.get(258)), node.oemid);
          assert.equal(hex(claims.get(259)), node.hwmodel);
          assert.ok([0, 1, 2, 3, 4].includes(claims.get(263) as number));
          assert.equal(claims.get(265), node.profile);
          const [t0, dt, timeQuality, columns] = claims.get(-65538) as Batch;
          assert.equal(t0 % dt, 0);
          assert.equal(columns.length, 1 + FIELDS.length);
          assert.ok(columns.every((column) => column.length === columns[0].length && column.every(Number.isInteger)));
          assert.equal(claims.get(wallTime ? 6 : 261), t0 + (columns[0].length - 1) * dt);
          assert.equal(timeQuality > 0, wallTime);
        }
      });

      it("readings.jsonl says what the claims say, line by line", () => {
        const run = runs.get(name)!;
        const expected = run.tokens
          .filter(isBatch)
          .flatMap((token) => expectedReadings(token, withCborg(token.bytes).claims));
        const { readings, summary } = run;
        assert.equal(readings.length, summary.readingsVerified);
        const order = (a: { node: string; seq: number; index: number }, b: typeof a): number =>
          a.node === b.node ? a.seq - b.seq || a.index - b.index : a.node < b.node ? -1 : 1;
        assert.deepEqual(readings.sort(order), expected);
      });
    });
  }

  it("the recorded weather brought every kind of flag along", () => {
    const seen = new Set(
      runs.get("recorded weather with holes")!.readings.flatMap(({ flags }) => Object.values(flags)),
    );
    assert.deepEqual([...seen].sort(), ["missing", "suspect"]);
  });

  it("tokens with wall time and tokens with uptime were among them", () => {
    const batches = runs.get(LOSSY)!.tokens.filter(isBatch);
    const first = batches.map(({ bytes }) => [...withCborg(bytes).claims.keys()][0]);
    assert.deepEqual(new Set(first), new Set([6, 256]));
  });

  it("RFC 9052 4.4, RFC 8949 4.2: Python's cryptography and cbor2 verify every token of all these runs", function () {
    const problem = pythonProblem();
    if (problem !== undefined) {
      console.log(`      skipped: ${problem}`);
      this.skip();
    }
    const tokens = [...runs.values()].flatMap((run) => {
      const keys = new Map(run.devEuis.map((devEui) => [devEui, run.node(devEui)]));
      return run.tokens.map(({ devEui, bytes }) => ({ token: bytes, key: keys.get(devEui)! }));
    });
    assert.ok(tokens.length > 20);
    assert.deepEqual(
      judgeWithPython(tokens),
      tokens.map(() => "good"),
    );
  });

  it("@auth0/cose refuses a token of another node's key, and one with a flipped bit in claims or signature", async () => {
    const run = runs.get(LOSSY)!;
    const [own, other] = run.devEuis;
    const { bytes } = run.tokens.find(({ devEui }) => devEui === own)!;
    const key = await keyOf(run.node(own));
    await verifyAlone(bytes, key);
    await assert.rejects(verifyAlone(bytes, await keyOf(run.node(other))));
    for (const at of [bytes.length - 1, bytes.length - 40, bytes.length - 70, 200]) {
      const changed = Uint8Array.from(bytes);
      changed[at] ^= 1;
      await assert.rejects(verifyAlone(changed, key), `byte ${at}`);
    }
  });
});

function hex(value: unknown): string {
  return Buffer.from(value as Uint8Array).toString("hex");
}

/** Byte strings as text: one library gives Buffer, the other Uint8Array. */
function plain(claims: Claims): [number, unknown][] {
  return [...claims].map(([key, value]) => [key, value instanceof Uint8Array ? hex(value) : value]);
}
