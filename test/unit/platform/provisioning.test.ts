import assert from "node:assert/strict";
import { EU868 } from "../../../firmware/core/lorawan/region/eu868.ts";
import { loadAdapter } from "./moddable-fakes.ts";

const LORAWAN = {
  devEui: "70B3D57ED0000001",
  joinEui: "0000000000000000",
  oemid: "000001",
  uplink: "lorawan",
  region: "EU868",
  sampleIntervalS: 60,
  batchReadings: 36,
  sensors: [{ kind: "sht4x" }, { kind: "bmp280", address: 119 }, { kind: "rain-gauge", pin: 4, mmPerTip: 0.2 }],
};
const WIFI = { ...LORAWAN, uplink: "wifi", wifi: { ssid: "field" }, mqtt: { host: "broker.example" } };

describe("provisioning", () => {
  async function parse(value: unknown) {
    const { parseProvisioning } = await loadAdapter("provisioning.ts");
    return parseProvisioning(typeof value === "string" ? value : JSON.stringify(value));
  }

  it("reads a LoRaWAN node's text, with defaults for what is left out", async () => {
    const result = await parse(LORAWAN);
    assert.deepEqual(result, {
      ok: true,
      provisioning: {
        devEui: Uint8Array.of(0x70, 0xb3, 0xd5, 0x7e, 0xd0, 0, 0, 1),
        joinEui: new Uint8Array(8),
        oemid: Uint8Array.of(0, 0, 1),
        algorithm: -7,
        uplink: "lorawan",
        region: EU868,
        subBand: undefined,
        fixedDataRate: undefined,
        sampleIntervalS: 60,
        batchReadings: 36,
        frameBudget: undefined,
        latencyS: undefined,
        digests: true,
        downlinks: true,
        location: undefined,
        timeWaitMs: 120_000,
        deepSleep: false,
        sensors: [
          { kind: "sht4x", calibration: undefined, address: 0x44 },
          { kind: "bmp280", calibration: undefined, address: 0x77 },
          { kind: "rain-gauge", calibration: undefined, pin: 4, mmPerTip: 0.2 },
        ],
        wifi: undefined,
        mqtt: undefined,
        sntpHost: "pool.ntp.org",
      },
    });
  });

  it("reads the region and the network's bank of channels", async () => {
    const { provisioning } = await parse({ ...LORAWAN, region: "US915", subBand: 2 });
    assert.deepEqual([provisioning?.region.name, provisioning?.subBand], ["US915", 2]);
  });

  it("reads when batches close, what is stated, and where the node stands", async () => {
    const { provisioning } = await parse({
      ...LORAWAN,
      frameBudget: 4,
      latencyS: 7200,
      digests: false,
      downlinks: false,
      location: { latitude: -47.5, longitude: 13.5, accuracy: 10 },
      sensors: [{ kind: "sht4x", calibration: "2026-05" }],
    });
    const { frameBudget, latencyS, digests, downlinks, location, sensors } = provisioning;
    assert.deepEqual([frameBudget, latencyS, digests, downlinks], [4, 7200, false, false]);
    assert.deepEqual(location, { latitude: -47.5, longitude: 13.5, altitude: undefined, accuracy: 10 });
    assert.deepEqual(sensors, [{ kind: "sht4x", calibration: "2026-05", address: 0x44 }]);
  });

  it("a point to point node needs no Wi-Fi", async () => {
    const { provisioning } = await parse({ ...LORAWAN, uplink: "p2p", dataRate: 5 });
    assert.deepEqual([provisioning?.uplink, provisioning?.fixedDataRate, provisioning?.wifi], ["p2p", 5, undefined]);
  });

  it("reads a Wi-Fi node's text", async () => {
    const { provisioning } = await parse({
      ...WIFI,
      sntp: "time.example",
      mqtt: { host: "h", user: "u", password: "p" },
    });
    assert.deepEqual(provisioning.wifi, { ssid: "field", password: undefined });
    assert.deepEqual(provisioning.mqtt, { host: "h", port: 1883, user: "u", password: "p" });
    assert.equal(provisioning.sntpHost, "time.example");
  });

  for (const [reason, value] of [
    ["not-json", "{"],
    ["not-json", ""],
    ["not-an-object", []],
    ["not-an-object", "null"],
    ["unknown: batchReading", { ...LORAWAN, batchReading: 1 }],
    ["unknown: mmPerTips", { ...LORAWAN, sensors: [{ kind: "rain-gauge", pin: 4, mmPerTips: 0.5 }] }],
    ["location", { ...LORAWAN, location: { latitude: 1 } }],
    ["latitude", { ...LORAWAN, location: { latitude: 91, longitude: 0 } }],
    ["unknown: height", { ...LORAWAN, location: { latitude: 1, longitude: 1, height: 2 } }],
    ["digests", { ...LORAWAN, digests: 1 }],
    ["frameBudget", { ...LORAWAN, frameBudget: 0 }],
    ["calibration", { ...LORAWAN, sensors: [{ kind: "sht4x", calibration: "" }] }],
    ["calibration", { ...LORAWAN, sensors: [{ kind: "sht4x", calibration: "2 \u00b5" }] }],
    ["sensors", { ...LORAWAN, sensors: Array.from({ length: 11 }, () => ({ kind: "battery" })) }],
    ["devEui", { ...LORAWAN, devEui: "70B3D57ED000000" }],
    ["devEui", { ...LORAWAN, devEui: "70B3D57ED000000g" }],
    ["joinEui", { ...LORAWAN, joinEui: undefined }],
    ["oemid", { ...LORAWAN, oemid: "0001" }],
    ["algorithm", { ...LORAWAN, algorithm: "RS256" }],
    ["uplink", { ...LORAWAN, uplink: "radio" }],
    ["region", { ...LORAWAN, region: "US916" }],
    ["region", { ...LORAWAN, region: undefined }],
    ["subBand", { ...LORAWAN, region: "US915", subBand: 9 }],
    ["dataRate", { ...LORAWAN, dataRate: 1.5 }],
    ["dataRate", { ...LORAWAN, uplink: "p2p", dataRate: 6 }],
    ["sampleIntervalS", { ...LORAWAN, sampleIntervalS: 0 }],
    ["sampleIntervalS", { ...LORAWAN, sampleIntervalS: "60" }],
    ["batchReadings", { ...LORAWAN, batchReadings: 65 }],
    ["deepSleep", { ...LORAWAN, deepSleep: 1 }],
    ["deep-sleep-counts-no-pulses", { ...LORAWAN, deepSleep: true }],
    ["sensors", { ...LORAWAN, sensors: {} }],
    ["sensors", { ...LORAWAN, sensors: ["sht4x"] }],
    ["sensors.kind", { ...LORAWAN, sensors: [{ kind: "geiger" }] }],
    ["address", { ...LORAWAN, sensors: [{ kind: "sht4x", address: 0x50 }] }],
    ["pin", { ...LORAWAN, sensors: [{ kind: "wind-vane" }] }],
    ["wifi", { ...WIFI, wifi: undefined }],
    ["ssid", { ...WIFI, wifi: { ssid: "" } }],
    ["mqtt", { ...WIFI, mqtt: "broker" }],
    ["port", { ...WIFI, mqtt: { host: "h", port: 65_536 } }],
  ] as const) {
    it(`refuses ${JSON.stringify(value).slice(0, 60)}: ${reason}`, async () => {
      assert.deepEqual(await parse(value), { ok: false, reason });
    });
  }
});
