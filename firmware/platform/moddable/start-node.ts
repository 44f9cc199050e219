/**
 * Builds a node from the board, what it was provisioned with, and the adapters beside this file, and starts it. A node that lacks something
 * says so on the console and does nothing else.
 */
import device from "embedded:provider/builtin";
import { FIRMWARE } from "../../app/firmware-version.ts";
import { NodeApp } from "../../app/node-app.ts";
import type { NodeConfig, NodePorts } from "../../app/node-ports.ts";
import { FlashRecordLog } from "../../drivers/storage/flash-record-log.ts";
import { MAX_TOKEN_BYTES } from "../../wire/batch.ts";
import { WEATHER } from "../../wire/profiles/weather.ts";
import { readingRecordBytes } from "../../wire/reading-record.ts";
import type { SensorModel } from "../../wire/statements.ts";
import { TOKEN_RECORD_HEADER_BYTES } from "../../wire/token-record.ts";
import { UptimeClock } from "./clock.ts";
import { PsaCrypto } from "./crypto.ts";
import { RunningImage } from "./image.ts";
import { prepareKeys } from "./keys.ts";
import { SerialLog } from "./log.ts";
import { WifiNetwork } from "./network.ts";
import { EspPower } from "./power.ts";
import {
  type FittedSensor,
  PROVISIONING_KEY,
  PROVISIONING_NAMESPACE,
  type Provisioning,
  parseProvisioning,
} from "./provisioning.ts";
import { openRadio, RadioEventRelay } from "./radio.ts";
import { openSensors } from "./sensors.ts";
import { NvsKeyValue, PartitionFlash, readNvsText } from "./storage.ts";
import { LoopTimer } from "./timer.ts";

/** NVS namespace of what the node keeps for itself. */
const STATE_NAMESPACE = "gt-node";
/** Names in manifests/partitions. */
const JOURNAL_PARTITION = "journal";
const OUTBOX_PARTITION = "outbox";

export function startNode(): void {
  const clock = new UptimeClock();
  const log = new SerialLog(device.Serial.default, clock);
  const text = readNvsText(PROVISIONING_NAMESPACE, PROVISIONING_KEY);
  const result = text === undefined ? { ok: false as const, reason: "not-provisioned" } : parseProvisioning(text);
  if (!result.ok) {
    log.write("error", "node", `does not start: ${result.reason}`);
    return;
  }
  const { provisioning } = result;
  const { uplink } = provisioning;
  const usesRadio = uplink !== "wifi";
  const needsAppKey = uplink === "lorawan" || uplink === "both";
  const crypto = new PsaCrypto(provisioning.algorithm);
  const missing = prepareKeys(crypto, needsAppKey, log) ?? (usesRadio && !device.radio ? "no-radio" : undefined);
  if (missing !== undefined) {
    log.write("error", "node", `does not start: ${missing}`);
    return;
  }
  try {
    run(provisioning, clock, log, crypto, usesRadio);
  } catch (error) {
    // What the configuration asks for and this image lacks (tools/flashing/features.ts), or hardware that is not there.
    log.write("error", "node", `does not start: ${(error as Error).message}`);
  }
}

function run(
  provisioning: Provisioning,
  clock: UptimeClock,
  log: SerialLog,
  crypto: PsaCrypto,
  usesRadio: boolean,
): void {
  const power = new EspPower(device.radio === undefined ? [] : [device.radio.select]);
  const relay = new RadioEventRelay();
  const frequencyHz = provisioning.region.defaultChannels[0].firstHz;
  const radio = usesRadio
    ? openRadio(device.radio!, frequencyHz, clock, relay, power.wakeCause === "timer")
    : undefined;
  power.releasePins();
  const network = openNetwork(provisioning, clock, log);
  const ports: NodePorts = {
    clock,
    timer: new LoopTimer(clock),
    crypto,
    radio,
    network,
    sensors: openSensors(device, provisioning.sensors, clock, log),
    keyValue: new NvsKeyValue(STATE_NAMESPACE),
    journal: new FlashRecordLog({
      flash: new PartitionFlash(JOURNAL_PARTITION),
      maxRecordLength: readingRecordBytes(WEATHER.fields.length),
    }),
    outbox: new FlashRecordLog({
      flash: new PartitionFlash(OUTBOX_PARTITION),
      maxRecordLength: TOKEN_RECORD_HEADER_BYTES + MAX_TOKEN_BYTES,
    }),
    power,
    log,
  };
  const app = new NodeApp(ports, nodeConfig(provisioning, ports));
  relay.target = app.radioEvents;
  if (network !== undefined) network.events = app.networkEvents;
  app.start();
  network?.start();
}

function openNetwork(provisioning: Provisioning, clock: UptimeClock, log: SerialLog): WifiNetwork | undefined {
  const { wifi, mqtt, sntpHost, devEui } = provisioning;
  if (wifi === undefined || mqtt === undefined) return undefined;
  let clientId = "groundtruth-";
  for (const byte of devEui) clientId += byte < 16 ? `0${byte.toString(16)}` : byte.toString(16);
  return new WifiNetwork({ wifi, mqtt, sntpHost, clientId, clock, log });
}

/** What the boot token calls each kind of sensor. */
const SENSOR_MODELS: Readonly<Record<FittedSensor["kind"], string>> = Object.freeze({
  sht4x: "SHT4x",
  bmp280: "BMP280",
  "rain-gauge": "rain gauge",
  anemometer: "anemometer",
  "wind-vane": "wind vane",
  pyranometer: "pyranometer",
  battery: "battery",
});

function sensorModels(sensors: readonly FittedSensor[]): SensorModel[] {
  return sensors.map(({ kind, calibration }) => ({ model: SENSOR_MODELS[kind], calibration }));
}

function nodeConfig(provisioning: Provisioning, { power, keyValue }: NodePorts): NodeConfig {
  const { devEui, joinEui, oemid, uplink, region, subBand } = provisioning;
  const { fixedDataRate, sampleIntervalS, batchReadings, frameBudget, latencyS } = provisioning;
  const { digests, downlinks, location, sensors } = provisioning;
  const image = new RunningImage();
  const hwmodel = new Uint8Array(device.model.length);
  for (let i = 0; i < hwmodel.length; i++) hwmodel[i] = device.model.charCodeAt(i);
  return {
    devEui,
    joinEui,
    oemid,
    hwmodel,
    uplink,
    region,
    subBand,
    fixedDataRate,
    sampleIntervalS,
    batchReadings,
    frameBudget,
    latencyS,
    digests,
    downlinks,
    firmware: { ...FIRMWARE, imageDigest: image.digest(power.wakeCause, keyValue) },
    location,
    sensorModels: sensorModels(sensors),
    protection: image.protection,
    profile: WEATHER,
    timeWaitMs: provisioning.timeWaitMs,
    deepSleep: provisioning.deepSleep,
  };
}
