/**
 * What a node is told about itself when it is provisioned: a JSON text in NVS, never part of the image. Keys are not in it: they go into
 * their slots in C (crypto.ts, `takeFromInbox`).
 */
import type { UplinkChoice } from "../../app/node-ports.ts";
import { regionOf } from "../../core/lorawan/region/index.ts";
import type { Region } from "../../core/lorawan/region/region.ts";
import type { SignatureAlgorithm } from "../../ports/crypto.ts";
import { MAX_BATCH_READINGS, OEMID_BYTES } from "../../wire/batch.ts";
import { type Location, MAX_CALIBRATION, MAX_DISTANCE_M, MAX_SENSORS } from "../../wire/statements.ts";

export const PROVISIONING_NAMESPACE = "gt-provision";
export const PROVISIONING_KEY = "config";

/** A sensor and where it is connected; `calibration` is for the boot token. */
export type FittedSensor = { calibration: string | undefined } & (
  | { kind: "sht4x"; address: number }
  | { kind: "bmp280"; address: number }
  | { kind: "rain-gauge"; pin: number; mmPerTip: number | undefined }
  | { kind: "anemometer"; pin: number; metresPerPulse: number | undefined }
  | { kind: "wind-vane"; pin: number; northOffsetDeg: number | undefined }
  | { kind: "pyranometer"; pin: number; fullScaleWpm2: number | undefined }
  /** Where it is connected, the board knows. */
  | { kind: "battery" }
);

export interface WifiSettings {
  ssid: string;
  password: string | undefined;
}

export interface MqttSettings {
  host: string;
  port: number;
  user: string | undefined;
  password: string | undefined;
}

export interface Provisioning {
  devEui: Uint8Array;
  joinEui: Uint8Array;
  oemid: Uint8Array;
  /** Of the attestation keys. */
  algorithm: SignatureAlgorithm;
  uplink: UplinkChoice;
  region: Region;
  /** US915 and AU915: the network's bank of channels. */
  subBand: number | undefined;
  fixedDataRate: number | undefined;
  sampleIntervalS: number;
  batchReadings: number;
  /** See NodeConfig. */
  frameBudget: number | undefined;
  latencyS: number | undefined;
  digests: boolean;
  downlinks: boolean;
  location: Location | undefined;
  timeWaitMs: number;
  deepSleep: boolean;
  sensors: FittedSensor[];
  wifi: WifiSettings | undefined;
  mqtt: MqttSettings | undefined;
  sntpHost: string;
}

export type ProvisioningResult = { ok: true; provisioning: Provisioning } | { ok: false; reason: string };

const MEMBERS: readonly string[] = Object.freeze([
  "devEui",
  "joinEui",
  "oemid",
  "algorithm",
  "uplink",
  "region",
  "subBand",
  "dataRate",
  "sampleIntervalS",
  "batchReadings",
  "frameBudget",
  "latencyS",
  "digests",
  "downlinks",
  "location",
  "timeWaitMs",
  "deepSleep",
  "sensors",
  "wifi",
  "mqtt",
  "sntp",
]);
const SENSOR_MEMBERS: readonly string[] = Object.freeze([
  "kind",
  "address",
  "pin",
  "mmPerTip",
  "metresPerPulse",
  "northOffsetDeg",
  "fullScaleWpm2",
  "calibration",
]);
const LOCATION_MEMBERS: readonly string[] = Object.freeze(["latitude", "longitude", "altitude", "accuracy"]);
const WIFI_MEMBERS: readonly string[] = Object.freeze(["ssid", "password"]);
const MQTT_MEMBERS: readonly string[] = Object.freeze(["host", "port", "user", "password"]);
/** Names as in JOSE (RFC 7518 3.1, RFC 8812 3.2, RFC 8037 3.1), numbers as in COSE. */
const ALGORITHMS: readonly { readonly name: string; readonly algorithm: SignatureAlgorithm }[] = Object.freeze([
  { name: "ES256", algorithm: -7 },
  { name: "ES256K", algorithm: -47 },
  { name: "EdDSA", algorithm: -8 },
]);
const UPLINKS: readonly string[] = Object.freeze(["lorawan", "wifi", "both", "p2p"]);
const MQTT_PORT = 1883;
const FRAME_BUDGET_MAX = 62;
const DEFAULT_TIME_WAIT_MS = 120_000;
const DEFAULT_SNTP_HOST = "pool.ntp.org";
/** SHT4x-A and BMP280 with SDO low. */
const SHT4X_ADDRESS = 0x44;
const BMP280_ADDRESS = 0x76;

/** A member of the text that is not as it must be; its message is the reason. */
class Unfit extends Error {}

/** Reads the text. The reason names the member that is missing or wrong. */
export function parseProvisioning(text: string): ProvisioningResult {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, reason: "not-json" };
  }
  if (!isObject(value)) return { ok: false, reason: "not-an-object" };
  try {
    return { ok: true, provisioning: read(value) };
  } catch (error) {
    if (error instanceof Unfit) return { ok: false, reason: error.message };
    throw error;
  }
}

type Members = Record<string, unknown>;

function read(from: Members): Provisioning {
  allowOnly(from, MEMBERS);
  const uplink = from.uplink;
  if (typeof uplink !== "string" || !UPLINKS.includes(uplink)) throw new Unfit("uplink");
  // A node in the wrong region breaks the law there: on a radio the region is never assumed.
  const region = regionOf(uplink === "wifi" ? (optionalText(from, "region", 16) ?? "EU868") : text(from, "region", 16));
  if (region === undefined) throw new Unfit("region");
  if (!Array.isArray(from.sensors) || from.sensors.length > MAX_SENSORS) throw new Unfit("sensors");
  const sensors = from.sensors.map(readSensor);
  const deepSleep = flag(from, "deepSleep", false);
  // No pulse is counted while the chip sleeps, so such a node would report a calm and dry night.
  if (deepSleep && sensors.some((sensor) => sensor.kind === "rain-gauge" || sensor.kind === "anemometer")) {
    throw new Unfit("deep-sleep-counts-no-pulses");
  }
  const needsWifi = uplink === "wifi" || uplink === "both";
  return {
    devEui: hexBytes(from, "devEui", 8),
    joinEui: hexBytes(from, "joinEui", 8),
    oemid: hexBytes(from, "oemid", OEMID_BYTES),
    algorithm: readAlgorithm(from),
    uplink: uplink as UplinkChoice,
    region,
    subBand: optionalInteger(from, "subBand", 1, 8),
    fixedDataRate: optionalInteger(from, "dataRate", 0, uplink === "p2p" ? region.defaultChannels[0].maxDataRate : 15),
    sampleIntervalS: integer(from, "sampleIntervalS", 1, 86_400),
    batchReadings: integer(from, "batchReadings", 1, MAX_BATCH_READINGS),
    frameBudget: optionalInteger(from, "frameBudget", 1, FRAME_BUDGET_MAX),
    latencyS: optionalInteger(from, "latencyS", 1, 86_400),
    digests: flag(from, "digests", true),
    downlinks: flag(from, "downlinks", true),
    location: readLocation(from.location),
    timeWaitMs: optionalInteger(from, "timeWaitMs", 0, 86_400_000) ?? DEFAULT_TIME_WAIT_MS,
    deepSleep,
    sensors,
    wifi: needsWifi ? readWifi(from.wifi) : undefined,
    mqtt: needsWifi ? readMqtt(from.mqtt) : undefined,
    sntpHost: optionalText(from, "sntp", 253) ?? DEFAULT_SNTP_HOST,
  };
}

function readAlgorithm(from: Members): SignatureAlgorithm {
  const name = optionalText(from, "algorithm", 8) ?? "ES256";
  const known = ALGORITHMS.find((entry) => entry.name === name);
  if (known === undefined) throw new Unfit("algorithm");
  return known.algorithm;
}

function readSensor(value: unknown): FittedSensor {
  if (!isObject(value)) throw new Unfit("sensors");
  allowOnly(value, SENSOR_MEMBERS);
  const kind = value.kind;
  const calibration = optionalText(value, "calibration", MAX_CALIBRATION);
  if (calibration !== undefined && !/^[ -~]+$/.test(calibration)) throw new Unfit("calibration");
  switch (kind) {
    case "sht4x":
      return { kind, calibration, address: optionalInteger(value, "address", 0x44, 0x46) ?? SHT4X_ADDRESS };
    case "bmp280":
      return { kind, calibration, address: optionalInteger(value, "address", 0x76, 0x77) ?? BMP280_ADDRESS };
    case "rain-gauge":
      return { kind, calibration, pin: pin(value), mmPerTip: optionalNumber(value, "mmPerTip", 0.01, 10) };
    case "anemometer":
      return { kind, calibration, pin: pin(value), metresPerPulse: optionalNumber(value, "metresPerPulse", 0.01, 100) };
    case "wind-vane":
      return { kind, calibration, pin: pin(value), northOffsetDeg: optionalNumber(value, "northOffsetDeg", 0, 360) };
    case "pyranometer":
      return { kind, calibration, pin: pin(value), fullScaleWpm2: optionalNumber(value, "fullScaleWpm2", 100, 10_000) };
    case "battery":
      return { kind, calibration };
    default:
      throw new Unfit("sensors.kind");
  }
}

/** WGS 84, degrees and metres. */
function readLocation(value: unknown): Location | undefined {
  if (value === undefined) return undefined;
  if (!isObject(value)) throw new Unfit("location");
  allowOnly(value, LOCATION_MEMBERS);
  const latitude = optionalNumber(value, "latitude", -90, 90);
  const longitude = optionalNumber(value, "longitude", -180, 180);
  if (latitude === undefined || longitude === undefined) throw new Unfit("location");
  return {
    latitude,
    longitude,
    altitude: optionalNumber(value, "altitude", -MAX_DISTANCE_M, MAX_DISTANCE_M),
    accuracy: optionalNumber(value, "accuracy", 0, MAX_DISTANCE_M),
  };
}

function readWifi(value: unknown): WifiSettings {
  if (!isObject(value)) throw new Unfit("wifi");
  allowOnly(value, WIFI_MEMBERS);
  return { ssid: text(value, "ssid", 32), password: optionalText(value, "password", 64) };
}

function readMqtt(value: unknown): MqttSettings {
  if (!isObject(value)) throw new Unfit("mqtt");
  allowOnly(value, MQTT_MEMBERS);
  return {
    host: text(value, "host", 253),
    port: optionalInteger(value, "port", 1, 65_535) ?? MQTT_PORT,
    user: optionalText(value, "user", 128),
    password: optionalText(value, "password", 128),
  };
}

function flag(from: Members, name: string, otherwise: boolean): boolean {
  const value = from[name] ?? otherwise;
  if (typeof value !== "boolean") throw new Unfit(name);
  return value;
}

/** A misspelt member would leave a sensor at its default scale without a word. */
function allowOnly(from: Members, names: readonly string[]): void {
  for (const name of Object.keys(from)) if (!names.includes(name)) throw new Unfit(`unknown: ${name}`);
}

function isObject(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function pin(from: Members): number {
  return integer(from, "pin", 0, 63);
}

function integer(from: Members, name: string, least: number, most: number): number {
  const value = optionalInteger(from, name, least, most);
  if (value === undefined) throw new Unfit(name);
  return value;
}

function optionalInteger(from: Members, name: string, least: number, most: number): number | undefined {
  const value = optionalNumber(from, name, least, most);
  if (value !== undefined && Math.floor(value) !== value) throw new Unfit(name);
  return value;
}

function optionalNumber(from: Members, name: string, least: number, most: number): number | undefined {
  const value = from[name];
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !(value >= least && value <= most)) throw new Unfit(name);
  // -0 is no other number than 0.
  return value + 0;
}

function text(from: Members, name: string, longest: number): string {
  const value = optionalText(from, name, longest);
  if (value === undefined) throw new Unfit(name);
  return value;
}

function optionalText(from: Members, name: string, longest: number): string | undefined {
  const value = from[name];
  if (value === undefined) return undefined;
  if (typeof value !== "string" || value.length === 0 || value.length > longest) throw new Unfit(name);
  return value;
}

function hexBytes(from: Members, name: string, length: number): Uint8Array {
  const value = text(from, name, 2 * length);
  if (value.length !== 2 * length) throw new Unfit(name);
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    const high = hexDigit(value.charCodeAt(2 * i));
    const low = hexDigit(value.charCodeAt(2 * i + 1));
    if (high < 0 || low < 0) throw new Unfit(name);
    bytes[i] = (high << 4) | low;
  }
  return bytes;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
