/** `groundtruth simulate` from outside: its files, that it repeats itself, and its options. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode, Tagged } from "cborg";
import { AirJudge, readCapture } from "../interop/air.ts";
import { groundtruth, Simulation } from "./simulation.ts";

const FIELDS = "temperature humidity pressure windSpeed windGust windDirection rain irradiance battery".split(" ");
const PCAP_HEADER_BYTES = 24;

/** Readings in a token, from its claims; undefined where it has none. */
function readingsIn(token: Uint8Array): number | undefined {
  const sign1 = decode(token, { useMaps: true, tags: { 18: Tagged.decoder(18) } }) as Tagged;
  const claims = decode(sign1.value[2], { useMaps: true }) as Map<number, [number, number, number, number[][]]>;
  return claims.get(-65538)?.[3][0].length;
}

function types(record: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(record).map(([key, value]) => [key, Array.isArray(value) ? "array" : typeof value]),
  );
}

describe("groundtruth simulate: what it writes", () => {
  let run: Simulation;
  before(() => {
    run = new Simulation("--nodes", "2", "--hours", "6", "--seed", "5");
  });
  after(() => run.remove());

  it("ends with 0 and prints the summary as JSON, and nothing else, with --json", () => {
    assert.equal(run.outcome.err, "");
    assert.equal(run.outcome.status, 0);
    assert.deepEqual(JSON.parse(run.outcome.out), run.summary);
  });

  it("summary.json: the run's numbers", () => {
    const { gaps, seed, nodes, engine, eventHash, readingsTaken, readingsVerified, ...rest } = run.summary;
    assert.deepEqual([gaps, seed, nodes, engine], [[], 5, 2, "node"]);
    assert.match(eventHash, /^[0-9a-f]{64}$/);
    assert.equal(readingsTaken, 2 * 72);
    assert.equal(readingsVerified, readingsTaken);
    const { tokensSent, tokensVerified, framesUp, framesLost, airtimeMs, simulatedSeconds } = types(rest);
    const { statementsSent, statementsVerified } = rest;
    assert.deepEqual([statementsSent, statementsVerified], [2, 2], "each node's boot token");
    for (const type of [tokensSent, tokensVerified, framesUp, framesLost, airtimeMs, simulatedSeconds]) {
      assert.equal(type, "number");
    }
    assert.equal(rest.tokensVerified + statementsVerified, run.tokens.length);
    assert.ok(rest.simulatedSeconds >= 6 * 3600 - 300 && rest.simulatedSeconds < 7 * 3600);
  });

  it("readings.jsonl: one verified reading a line", () => {
    const { readings, summary } = run;
    assert.equal(readings.length, summary.readingsVerified);
    for (const reading of readings) {
      assert.deepEqual(types(reading), {
        node: "string",
        seq: "number",
        index: "number",
        time: "string",
        bootCount: "number",
        timeQuality: "object",
        values: "object",
        flags: "object",
        token: "string",
      });
      assert.match(reading.time!, /^2025-06-21T0[0-5]:[0-5][05]:00Z$/);
      assert.equal(reading.timeQuality.source, "lorawan");
      assert.deepEqual(Object.keys(reading.values), FIELDS);
      assert.deepEqual(reading.flags, {});
      assert.match(reading.token, /^[0-9a-f]{64}$/);
      assert.ok(run.devEuis.includes(reading.node));
    }
  });

  it("truth.jsonl: what the modelled world showed at each sample", () => {
    const { truth, summary } = run;
    assert.equal(truth.length, summary.readingsTaken);
    for (const record of truth) {
      const { node, sample, time, values } = record;
      assert.deepEqual([typeof node, typeof sample], ["string", "number"]);
      assert.match(time, /^2025-06-2[01]T/);
      assert.deepEqual(Object.keys(values), FIELDS);
    }
    for (const devEui of run.devEuis) {
      const own = truth.filter(({ node }) => node === devEui);
      assert.deepEqual(
        own.map(({ sample }) => sample),
        own.map((_, index) => index),
      );
    }
  });

  it("tokens/, nodes/ and capture.pcap are there, and nothing unexpected", () => {
    const names = [...run.files().keys()];
    const expected = [
      "capture.pcap",
      "readings.jsonl",
      "summary.json",
      "truth.jsonl",
      ...run.devEuis.flatMap((devEui) => [join("nodes", `${devEui}.json`), join("nodes", `${devEui}.secrets.json`)]),
      ...run.tokens.map(({ devEui, seq }) => join("tokens", `${devEui}-${seq}.cbor`)),
    ];
    assert.deepEqual(names.sort(), expected.sort());
    assert.equal(run.devEuis.length, 2);
    assert.ok(readCapture(run.capture).length > run.summary.framesUp, "downlinks are in it too");
  });

  it("nodes/<devEui>.json: a public identity with the key as JWK and no secret in it", () => {
    for (const devEui of run.devEuis) {
      const node = run.node(devEui);
      const secrets = run.secrets(devEui);
      assert.equal(node.devEui, devEui);
      assert.deepEqual(Object.keys(node.jwk).sort(), ["crv", "kty", "x", "y"]);
      assert.deepEqual([node.jwk.kty, node.jwk.crv], ["EC", "P-256"]);
      const text = JSON.stringify(node);
      for (const secret of [secrets.appKey, secrets.receiverKey]) {
        assert.match(secret, /^[0-9a-f]{32}$/);
        assert.ok(!text.includes(secret));
      }
    }
    const [one, other] = run.devEuis.map((devEui) => ({ ...run.node(devEui).jwk, ...run.secrets(devEui) }));
    for (const name of ["x", "appKey", "receiverKey"] as const) assert.notEqual(one[name], other[name]);
  });

  it("nodes/<devEui>.secrets.json is its owner's only (mode 0600)", function () {
    if (process.platform === "win32") this.skip();
    for (const devEui of run.devEuis) {
      assert.equal(statSync(join(run.folder, "nodes", `${devEui}.secrets.json`)).mode & 0o777, 0o600);
    }
  });

  it("takes away what an earlier run left in the folder", () => {
    const folder = mkdtempSync(join(tmpdir(), "groundtruth-again-"));
    try {
      assert.equal(groundtruth("simulate", "--hours", "1", "--batch", "2", "--json", "--out", folder).status, 0);
      assert.ok(existsSync(join(folder, "tokens", "0247540000000001-5.cbor")));
      assert.equal(groundtruth("simulate", "--hours", "1", "--json", "--out", folder).status, 0);
      assert.ok(existsSync(join(folder, "tokens", "0247540000000001-0.cbor")));
      assert.ok(!existsSync(join(folder, "tokens", "0247540000000001-5.cbor")));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("shows people a table that fills with time, the summary, and what to try next", () => {
    const { status, out, err } = groundtruth("simulate", "--hours", "12");
    assert.deepEqual([status, err], [0, ""]);
    assert.match(out, /^one virtual weather node, LoRaWAN EU868, 12:00 of virtual time, seed 1\n/);
    assert.match(out, /\n +time +readings +verified .*\n +01:00 +.*\n +02:00 +/);
    assert.match(out, /all 144 readings verified.* in 4 signed tokens/);
    assert.match(out, /\nevent hash [0-9a-f]{64}\n\nNext:\n {2}npx groundtruth simulate /);
  });
});

describe("groundtruth simulate: it repeats itself", () => {
  for (const args of [
    ["--nodes", "2", "--hours", "6", "--loss", "0.1"],
    ["--uplink", "wifi", "--hours", "6"],
  ]) {
    it(`${args.join(" ")}: two runs are equal to the byte, another seed gives other keys, weather and frames`, () => {
      const [one, again, other] = ["5", "5", "6"].map((seed) => new Simulation(...args, "--seed", seed));
      try {
        assert.deepEqual(again.files(), one.files());
        assert.equal(again.outcome.out, one.outcome.out);
        assert.notEqual(other.summary.eventHash, one.summary.eventHash);
        const [devEui] = one.devEuis;
        assert.notEqual(other.node(devEui).jwk.x, one.node(devEui).jwk.x);
        assert.notEqual(other.secrets(devEui).appKey, one.secrets(devEui).appKey);
        assert.notDeepEqual(other.truth[0].values, one.truth[0].values);
        if (one.capture.length > PCAP_HEADER_BYTES) assert.notDeepEqual(other.capture, one.capture);
      } finally {
        for (const run of [one, again, other]) run.remove();
      }
    });
  }
});

describe("groundtruth simulate: its options", () => {
  /** Runs `check` on a simulation that ends well, and cleans up. */
  function simulated(args: string[], check: (run: Simulation) => void): void {
    const run = new Simulation(...args);
    try {
      assert.equal(run.outcome.status, 0, run.outcome.err);
      check(run);
    } finally {
      run.remove();
    }
  }

  for (const [dataRate, spreadingFactor] of [
    ["0", 12],
    ["3", 9],
    ["5", 7],
  ] as const) {
    it(`--data-rate ${dataRate}: every uplink after the join has SF${spreadingFactor}, and ADR is off`, () => {
      simulated(["--hours", "3", "--data-rate", dataRate], (run) => {
        const judge = new AirJudge(run.devEuis.map((devEui) => run.secrets(devEui)));
        let uplinks = 0;
        for (const raw of readCapture(run.capture)) {
          const frame = judge.judge(raw);
          if (frame.kind !== "data" || !frame.up) continue;
          uplinks++;
          assert.equal(frame.spreadingFactor, spreadingFactor);
          assert.equal(frame.packet.getFCtrlADR(), false);
        }
        assert.ok(uplinks > 3);
      });
    });
  }

  it("--batch 5: tokens of 5 readings, the rest in the last", () => {
    simulated(["--hours", "3", "--batch", "5"], (run) => {
      assert.deepEqual(
        run.tokens.map(({ bytes }) => readingsIn(bytes)),
        [undefined, 5, 5, 5, 5, 5, 5, 5, 1],
      );
    });
  });

  it("--sample-interval 60: a reading a minute, at full minutes", () => {
    simulated(["--hours", "1", "--sample-interval", "60"], (run) => {
      assert.deepEqual(
        run.readings.map(({ time }) => time),
        Array.from({ length: 60 }, (_, minute) => `2025-06-21T00:${`${minute}`.padStart(2, "0")}:00Z`),
      );
    });
  });

  it("--hours shorter than the interval: one sample, and a quick end", () => {
    simulated(["--hours", "0.01"], (run) => {
      assert.equal(run.summary.readingsVerified, 1);
      assert.ok(run.summary.simulatedSeconds < 3600);
    });
  });

  it("--uplink wifi: no frame in the air, time by SNTP, publications counted as frames", () => {
    simulated(["--uplink", "wifi", "--hours", "3", "--batch", "12"], (run) => {
      assert.equal(run.capture.length, PCAP_HEADER_BYTES);
      assert.equal(run.summary.airtimeMs, 0);
      assert.equal(run.summary.readingsVerified, 36);
      for (const { timeQuality } of run.readings) assert.equal(timeQuality.source, "sntp");
      assert.ok(run.summary.framesUp >= run.summary.tokensSent);
    });
  });
});
