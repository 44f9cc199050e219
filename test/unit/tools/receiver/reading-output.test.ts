import assert from "node:assert/strict";
import { missingFlag, suspectFlag } from "../../../../firmware/wire/profile.ts";
import { WEATHER } from "../../../../firmware/wire/profiles/weather.ts";
import { NODE_CRYPTO } from "../../../../tools/receiver/node-crypto.ts";
import { readingOf, type VerifiedReading } from "../../../../tools/receiver/reading-output.ts";
import { verifyToken } from "../../../../tools/receiver/token-verifier.ts";
import { batchOf, STEP_S, T0_S, TestNode } from "./fixture.ts";

const node = new TestNode(1);

function reading(changes: Parameters<typeof batchOf>[0], index: number): VerifiedReading {
  const result = verifyToken(node.token(changes), node.record, NODE_CRYPTO, (T0_S + 3600) * 1000);
  if (!result.ok) assert.fail(result.reason);
  assert.ok(result.claims.kind === "batch");
  return readingOf(result.claims, index, node.devEui, "ab");
}

describe("verified readings", () => {
  it("prints values in the profile's units, short, with the time of each reading", () => {
    assert.equal(
      JSON.stringify(reading({ seq: 3 }, 1)),
      JSON.stringify({
        node: "70b3d57ed0000001",
        seq: 3,
        index: 1,
        time: new Date((T0_S + STEP_S) * 1000).toISOString().replace(".000", ""),
        bootCount: 1,
        timeQuality: { source: "lorawan", uncertaintyMs: 1024 },
        values: {
          temperature: 5,
          humidity: 50,
          pressure: 1013.2,
          windSpeed: 5,
          windGust: 5,
          windDirection: 250,
          rain: 10,
          irradiance: 50,
          battery: 0.5,
        },
        flags: {},
        token: "ab",
      }),
    );
  });

  it("RFC 9711 4.2.18: a node that does not know the time gives uptime, and no time", () => {
    const { time, uptime, timeQuality } = reading({ wallTime: false, timeQuality: 0, t0: 600 }, 2);
    assert.deepEqual(
      { time, uptime, timeQuality },
      {
        time: null,
        uptime: 1200,
        timeQuality: { source: "none", uncertaintyMs: null },
      },
    );
  });

  it("attestation.md: a missing value is null and flagged, a suspect one keeps its value", () => {
    const batch = batchOf();
    batch.columns[0][1] = missingFlag(1) | suspectFlag(WEATHER, 0) | suspectFlag(WEATHER, 1);
    const { values, flags } = reading({ columns: batch.columns }, 1);
    assert.equal(values.humidity, null);
    assert.equal(values.temperature, 5);
    assert.deepEqual(flags, { temperature: "suspect", humidity: "missing" });
  });
});
