/** What a gateway reports: frames that it heard (rxpk) and its own state (stat), PROTOCOL.TXT 4. */
import type { LoraModulation } from "../../../firmware/ports/radio.ts";
import { toBase64 } from "../text-encoding.ts";
import {
  asCodingRate,
  asCounter,
  asDataRate,
  asFields,
  asFrame,
  asFrequencyHz,
  asInteger,
  asNumber,
  dataRateName,
  type JsonFields,
  type JsonRefusal,
  parseRoot,
} from "./fields.ts";
import { compactTime, expandedTime, parseTime } from "./time-text.ts";

/** A frame as a gateway heard it. */
export interface RxPacket {
  /** The concentrator's counter at the end of the frame: microseconds, 32 bits. */
  counter: number;
  /** Wall time and GPS time of the same moment, where the gateway has GNSS. */
  unixMs?: number;
  gpsMs?: number;
  frequencyHz: number;
  /** IF channel, and the radio that it hangs on. */
  channel: number;
  rfChain: number;
  /** 1: right, -1: wrong, 0: there was none. */
  crcStatus: number;
  spreadingFactor: number;
  bandwidthHz: LoraModulation["bandwidthHz"];
  codingRate: number;
  rssiDbm: number;
  snrDb: number;
  frame: Uint8Array;
}

/** A gateway's state since its last report. */
export interface GatewayStat {
  unixMs: number;
  /** Frames heard, those of them with a right CRC, those forwarded. */
  received: number;
  receivedOk: number;
  forwarded: number;
  /** Part of the PUSH_DATA that were acknowledged, in per cent. */
  acknowledgedPercent: number;
  /** PULL_RESP received, frames sent. */
  downlinks: number;
  sent: number;
  /** Degrees and metres, where the gateway has GNSS. */
  location?: { latitude: number; longitude: number; altitude: number };
}

export type RxRefusal =
  | "not-an-object"
  | "tmst-malformed"
  | "time-malformed"
  | "tmms-malformed"
  | "freq-malformed"
  | "chan-malformed"
  | "rfch-malformed"
  | "stat-malformed"
  | "modulation-unsupported"
  | "datr-malformed"
  | "codr-malformed"
  | "rssi-malformed"
  | "lsnr-malformed"
  | "data-malformed"
  | "size-differs";

export type PushRefusal = JsonRefusal | "rxpk-not-a-list" | "too-many-packets" | "stat-malformed";

/** Packets that could be read, and the reasons for those that could not. */
export interface PushPayload {
  packets: RxPacket[];
  refused: RxRefusal[];
  stat: GatewayStat | undefined;
}

/** The forwarder fetches at most 8 at a time (NB_PKT_MAX); others may gather more. */
const MAX_PACKETS = 64;
const MAX_COUNT = 0xffffffff;

/** Reads a PUSH_DATA's text. One bad rxpk does not spoil the others. */
export function parsePush(text: string): { ok: true; value: PushPayload } | { ok: false; reason: PushRefusal } {
  const root = parseRoot(text);
  if (!root.ok) return root;
  const payload: PushPayload = { packets: [], refused: [], stat: undefined };
  const { rxpk, stat } = root.value;
  if (rxpk !== undefined) {
    if (!Array.isArray(rxpk)) return { ok: false, reason: "rxpk-not-a-list" };
    if (rxpk.length > MAX_PACKETS) return { ok: false, reason: "too-many-packets" };
    for (const item of rxpk) {
      const packet = readRx(asFields(item));
      if (typeof packet === "string") payload.refused.push(packet);
      else payload.packets.push(packet);
    }
  }
  if (stat !== undefined) {
    payload.stat = readStat(asFields(stat));
    if (payload.stat === undefined) return { ok: false, reason: "stat-malformed" };
  }
  return { ok: true, value: payload };
}

/** The text of a PUSH_DATA. */
export function pushText(packets: readonly RxPacket[], stat?: GatewayStat): string {
  return JSON.stringify({
    rxpk: packets.length === 0 ? undefined : packets.map(rxFields),
    stat: stat === undefined ? undefined : statFields(stat),
  });
}

function readRx(fields: JsonFields | undefined): RxPacket | RxRefusal {
  if (fields === undefined) return "not-an-object";
  const counter = asCounter(fields.tmst);
  if (counter === undefined) return "tmst-malformed";
  const unixMs = typeof fields.time === "string" ? parseTime(fields.time) : undefined;
  if (fields.time !== undefined && unixMs === undefined) return "time-malformed";
  const gpsMs = asNumber(fields.tmms, 0, Number.MAX_SAFE_INTEGER);
  if (fields.tmms !== undefined && gpsMs === undefined) return "tmms-malformed";
  const frequencyHz = asFrequencyHz(fields.freq);
  if (frequencyHz === undefined) return "freq-malformed";
  const channel = asInteger(fields.chan ?? 0, 0, 255);
  if (channel === undefined) return "chan-malformed";
  const rfChain = asInteger(fields.rfch ?? 0, 0, 255);
  if (rfChain === undefined) return "rfch-malformed";
  const crcStatus = asInteger(fields.stat ?? 0, -1, 1);
  if (crcStatus === undefined) return "stat-malformed";
  if (fields.modu !== "LORA") return "modulation-unsupported";
  const dataRate = asDataRate(fields.datr);
  if (dataRate === undefined) return "datr-malformed";
  const codingRate = asCodingRate(fields.codr);
  if (codingRate === undefined) return "codr-malformed";
  const rssiDbm = asNumber(fields.rssi, -300, 100);
  if (rssiDbm === undefined) return "rssi-malformed";
  const snrDb = asNumber(fields.lsnr, -100, 100);
  if (snrDb === undefined) return "lsnr-malformed";
  const frame = asFrame(fields.data);
  if (frame === undefined) return "data-malformed";
  if (fields.size !== frame.length) return "size-differs";
  const air = { frequencyHz, channel, rfChain, crcStatus, ...dataRate, codingRate, rssiDbm, snrDb };
  return { counter, unixMs, gpsMs, ...air, frame };
}

function rxFields(packet: RxPacket): object {
  return {
    tmst: packet.counter,
    time: packet.unixMs === undefined ? undefined : compactTime(packet.unixMs),
    tmms: packet.gpsMs === undefined ? undefined : Math.floor(packet.gpsMs),
    chan: packet.channel,
    rfch: packet.rfChain,
    freq: packet.frequencyHz / 1_000_000,
    stat: packet.crcStatus,
    modu: "LORA",
    datr: dataRateName(packet),
    codr: `4/${4 + packet.codingRate}`,
    rssi: packet.rssiDbm,
    lsnr: packet.snrDb,
    size: packet.frame.length,
    data: toBase64(packet.frame),
  };
}

function readStat(fields: JsonFields | undefined): GatewayStat | undefined {
  if (fields === undefined) return undefined;
  const unixMs = typeof fields.time === "string" ? parseTime(fields.time) : undefined;
  const counts = [fields.rxnb, fields.rxok, fields.rxfw, fields.dwnb, fields.txnb].map((value) =>
    asInteger(value ?? 0, 0, MAX_COUNT),
  );
  const acknowledgedPercent = asNumber(fields.ackr ?? 0, 0, 100);
  if (unixMs === undefined || acknowledgedPercent === undefined) return undefined;
  if (!counts.every((count) => count !== undefined)) return undefined;
  const [received, receivedOk, forwarded, downlinks, sent] = counts;
  const stat: GatewayStat = { unixMs, received, receivedOk, forwarded, acknowledgedPercent, downlinks, sent };
  const latitude = asNumber(fields.lati, -90, 90);
  const longitude = asNumber(fields.long, -180, 180);
  const altitude = asNumber(fields.alti ?? 0, -20_000, 100_000);
  if (latitude !== undefined && longitude !== undefined && altitude !== undefined) {
    stat.location = { latitude, longitude, altitude };
  }
  return stat;
}

function statFields(stat: GatewayStat): object {
  return {
    time: expandedTime(stat.unixMs),
    lati: stat.location?.latitude,
    long: stat.location?.longitude,
    alti: stat.location?.altitude,
    rxnb: stat.received,
    rxok: stat.receivedOk,
    rxfw: stat.forwarded,
    ackr: stat.acknowledgedPercent,
    dwnb: stat.downlinks,
    txnb: stat.sent,
  };
}
