/** What verified tokens look like in SenML and CSV. */
import assert from "node:assert/strict";
import { type Claims, parseBatchToken } from "../../../../firmware/wire/eat-token.ts";
import { missingFlag, type Profile, suspectFlag } from "../../../../firmware/wire/profile.ts";
import { CSV_HEADER, csvRows } from "../../../../tools/receiver/csv-output.ts";
import { senmlPack } from "../../../../tools/receiver/senml-output.ts";
import { STEP_S, T0_S, TestNode } from "./fixture.ts";

const DEV_EUI = "70b3d57ed0000001";
const DIGEST = "0f".repeat(32);

interface SenmlRecord {
  bn?: string;
  bt?: number;
  n: string;
  u?: string;
  v?: number;
  vs?: string;
  vb?: boolean;
  t?: number;
}

function claimsOf(): Claims {
  const parsed = parseBatchToken(new TestNode(1).token());
  assert.ok(parsed.ok);
  return parsed.claims;
}

function flagged(): Claims {
  const claims = claimsOf();
  const flags = claims.columns[0].slice();
  flags[1] = missingFlag(0) | suspectFlag(claims.profile, 2);
  return { ...claims, columns: [flags, ...claims.columns.slice(1)] };
}

function pack(claims: Claims): SenmlRecord[] {
  return JSON.parse(senmlPack(claims, DEV_EUI, DIGEST)!);
}

describe("SenML of a token (RFC 8428)", () => {
  it("RFC 8428 4.1, RFC 9039 4.1: base name and time once, names as device URNs, times relative to the first", () => {
    const [first, ...records] = pack(claimsOf());
    assert.deepEqual(first, { bn: `urn:dev:mac:${DEV_EUI}_`, bt: T0_S, n: "token", vs: DIGEST });
    assert.equal(records.length, 3 * 9);
    assert.deepEqual(records.slice(0, 3), [
      { n: "temperature", u: "Cel", v: 5 },
      { n: "temperature", u: "Cel", v: 5, t: STEP_S },
      { n: "temperature", u: "Cel", v: 5, t: 2 * STEP_S },
    ]);
    // RFC 8428 4.5.1: what a name may be made of.
    for (const { n } of records) assert.match(`${first.bn}${n}`, /^[0-9A-Za-z][0-9A-Za-z\-:./_]*$/);
  });

  it("RFC 8798 3: secondary units become primary ones, by one division", () => {
    const records = pack(claimsOf());
    const one = (name: string): [number | undefined, string | undefined] => {
      const record = records.find(({ n }) => n === name)!;
      return [record.v, record.u];
    };
    assert.deepEqual(one("pressure"), [101_320, "Pa"]);
    assert.deepEqual(one("rain"), [0.01, "m"]);
    assert.deepEqual(one("windDirection"), [250, "deg"]);
    const claims = claimsOf();
    const field = { ...claims.profile.fields[0], name: "pm", unit: "ug/m3", scale: 0.1 };
    const profile: Profile = { ...claims.profile, fields: [field] };
    const other = { ...claims, profile, columns: [new Int32Array(3), Int32Array.of(1, 25, 123)] };
    assert.deepEqual(
      pack(other)
        .slice(1)
        .map(({ u, v }) => [u, v]),
      [
        ["kg/m3", 1e-10],
        ["kg/m3", 2.5e-9],
        ["kg/m3", 1.23e-8],
      ],
    );
  });

  it("a missing value has no record, a suspect one is marked", () => {
    const records = pack(flagged());
    assert.equal(records.length, 1 + 27 - 1 + 1);
    assert.ok(!records.some(({ n, t }) => n === "temperature" && t === STEP_S));
    assert.deepEqual(
      records.filter(({ n }) => n === "pressure/suspect"),
      [{ n: "pressure/suspect", vb: true, t: STEP_S }],
    );
  });

  it("says nothing of readings without wall time", () => {
    assert.equal(senmlPack({ ...claimsOf(), wallTime: false, timeQuality: 0, t0: 0 }, DEV_EUI, DIGEST), undefined);
  });
});

describe("CSV of a token", () => {
  it("has a row a value, flags in words, and as many cells as the header", () => {
    const rows = csvRows(flagged(), DEV_EUI, DIGEST).trimEnd().split("\n");
    assert.equal(rows.length, 27);
    const columns = CSV_HEADER.trimEnd().split(",").length;
    for (const row of rows) assert.equal(row.split(",").length, columns, row);
    assert.equal(rows[0], `2026-06-01T00:00:00Z,,1,${DEV_EUI},0,0,temperature,5,Cel,,lorawan,${DIGEST}`);
    assert.equal(rows[9], `2026-06-01T00:05:00Z,,1,${DEV_EUI},0,1,temperature,,Cel,missing,lorawan,${DIGEST}`);
    assert.equal(rows[11], `2026-06-01T00:05:00Z,,1,${DEV_EUI},0,1,pressure,1013.2,hPa,suspect,lorawan,${DIGEST}`);
  });

  it("gives uptime where the time was not known", () => {
    const [row] = csvRows({ ...claimsOf(), wallTime: false, timeQuality: 0, t0: 600 }, DEV_EUI, DIGEST).split("\n");
    assert.equal(row, `,600,1,${DEV_EUI},0,0,temperature,5,Cel,,none,${DIGEST}`);
  });
});
