/**
 * The JSON of ChirpStack v4's MQTT integration (its api/proto/integration/integration.proto and gw/gw.proto, in the JSON mapping of Protocol
 * Buffers as ChirpStack generates it: an event shows all its fields, default values too; what comes from a gateway, rxInfo and txInfo,
 * leaves its default values out; 64-bit numbers do not occur).
 *
 *   application/{applicationId}/device/{devEui}/event/{up | join | ack | txack | log}
 *   application/{applicationId}/device/{devEui}/command/down     {devEui, confirmed, fPort, data, id?}
 */
import type { LoraModulation } from "../../firmware/ports/radio.ts";
import { isoTime } from "../calendar.ts";
import type { Device } from "./device-session.ts";
import type { GatewayUplink } from "./gateway.ts";
import type { AcknowledgedEvent, JoinedEvent, LoggedEvent, TransmissionEvent, UplinkEvent } from "./network-events.ts";
import { toBase64 } from "./text-encoding.ts";

/** Names under which the network server keeps its devices. */
export interface ChirpstackNames {
  tenantId: string;
  tenantName: string;
  applicationId: string;
  applicationName: string;
  deviceProfileId: string;
  deviceProfileName: string;
  regionConfigId: string;
  regionCommonName: string;
}

export const DEFAULT_NAMES: Readonly<ChirpstackNames> = Object.freeze({
  tenantId: "6772756e-6474-4275-8468-000000000001",
  tenantName: "Groundtruth",
  applicationId: "6772756e-6474-4275-8468-000000000002",
  applicationName: "Weather stations",
  deviceProfileId: "6772756e-6474-4275-8468-000000000003",
  deviceProfileName: "Groundtruth node",
  regionConfigId: "eu868",
  regionCommonName: "EU868",
});

/** The same in another region, as ChirpStack v4 calls it: AS923-2 is AS923_2 there; of a fixed plan a configuration is one bank, counted from 0. */
export function namesIn(regionName: string, subBand?: number): ChirpstackNames {
  const common = regionName === "AS923-1" ? "AS923" : regionName.replace("-", "_");
  const configId = common.toLowerCase() + (subBand === undefined ? "" : `_${subBand - 1}`);
  return { ...DEFAULT_NAMES, regionConfigId: configId, regionCommonName: common };
}

export type EventName = "up" | "join" | "ack" | "txack" | "log";

export function eventTopic(names: ChirpstackNames, devEui: string, event: EventName): string {
  return `application/${names.applicationId}/device/${devEui}/event/${event}`;
}

function hex32(value: number): string {
  return (value + 0x1_0000_0000).toString(16).slice(1);
}

function deviceInfo(names: ChirpstackNames, device: Device): object {
  return {
    tenantId: names.tenantId,
    tenantName: names.tenantName,
    applicationId: names.applicationId,
    applicationName: names.applicationName,
    deviceProfileId: names.deviceProfileId,
    deviceProfileName: names.deviceProfileName,
    deviceName: device.name,
    devEui: device.devEui,
    deviceClassEnabled: "CLASS_A",
    tags: {},
  };
}

/** The gateway's own reminder of when it heard the frame: its counter, four bytes. */
function context(counter: number): string {
  return toBase64(Uint8Array.of(counter >>> 24, (counter >>> 16) & 0xff, (counter >>> 8) & 0xff, counter & 0xff));
}

/** Without fields of value 0, as the mapping has it for messages of the gateway's. */
function withoutZeros(fields: Record<string, unknown>): object {
  const kept: Record<string, unknown> = {};
  for (const name of Object.keys(fields)) if (fields[name] !== 0) kept[name] = fields[name];
  return kept;
}

function rxInfo(names: ChirpstackNames, reception: GatewayUplink, serverUnixMs: number): object {
  return withoutZeros({
    gatewayId: reception.gateway.id,
    uplinkId: reception.uplinkId,
    gwTime: isoTime(reception.unixMs),
    nsTime: isoTime(serverUnixMs),
    rssi: reception.rssiDbm,
    snr: reception.snrDb,
    channel: reception.channel,
    location: {},
    context: context(reception.counter),
    metadata: { region_common_name: names.regionCommonName, region_config_id: names.regionConfigId },
    crcStatus: "CRC_OK",
  });
}

function loraInfo(modulation: LoraModulation): object {
  const lora = {
    bandwidth: modulation.bandwidthHz,
    spreadingFactor: modulation.spreadingFactor,
    codeRate: `CR_4_${4 + modulation.codingRate}`,
  };
  return { lora: modulation.invertIq ? { ...lora, polarizationInversion: true } : lora };
}

/** `serverUnixMs`: when the server had the uplink. */
export function upJson(names: ChirpstackNames, event: UplinkEvent, serverUnixMs: number): string {
  const { set } = event;
  const { modulation } = set.receptions[0];
  return JSON.stringify({
    deduplicationId: event.deduplicationId,
    time: isoTime(event.unixMs),
    deviceInfo: deviceInfo(names, event.device),
    devAddr: hex32(event.devAddr),
    adr: event.adr,
    dr: event.dataRate,
    fCnt: event.fCnt,
    fPort: event.fPort,
    confirmed: event.confirmed,
    data: toBase64(event.data),
    rxInfo: set.receptions.map((reception) => rxInfo(names, reception, serverUnixMs)),
    txInfo: { frequency: modulation.frequencyHz, modulation: loraInfo(modulation) },
    regionConfigId: names.regionConfigId,
  });
}

export function joinJson(names: ChirpstackNames, event: JoinedEvent): string {
  return JSON.stringify({
    deduplicationId: event.deduplicationId,
    time: isoTime(event.unixMs),
    deviceInfo: deviceInfo(names, event.device),
    devAddr: hex32(event.devAddr),
    regionConfigId: names.regionConfigId,
  });
}

export function ackJson(names: ChirpstackNames, event: AcknowledgedEvent): string {
  return JSON.stringify({
    deduplicationId: event.deduplicationId,
    time: isoTime(event.unixMs),
    deviceInfo: deviceInfo(names, event.device),
    queueItemId: event.queueItemId,
    acknowledged: event.acknowledged,
    fCntDown: event.fCntDown,
  });
}

export function txackJson(names: ChirpstackNames, event: TransmissionEvent): string {
  return JSON.stringify({
    downlinkId: event.downlinkId,
    time: isoTime(event.unixMs),
    deviceInfo: deviceInfo(names, event.device),
    queueItemId: event.queueItemId,
    fCntDown: event.fCntDown,
    gatewayId: event.gatewayId,
    txInfo: {
      frequency: event.modulation.frequencyHz,
      power: event.powerDbm,
      modulation: loraInfo(event.modulation),
      timing: { delay: { delay: `${event.delayS}s` } },
      context: context(event.counter),
    },
  });
}

export function logJson(names: ChirpstackNames, event: LoggedEvent): string {
  return JSON.stringify({
    time: isoTime(event.unixMs),
    deviceInfo: deviceInfo(names, event.device),
    level: event.level,
    code: event.code,
    description: event.description,
    context: {},
  });
}
