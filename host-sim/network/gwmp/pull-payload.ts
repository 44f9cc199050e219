/** What a server asks a gateway to send (txpk), and what the gateway says to that (txpk_ack), PROTOCOL.TXT 6. */
import type { LoraModulation } from "../../../firmware/ports/radio.ts";
import type { TxStatus } from "../gateway.ts";
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
  type Parsed,
  parseRoot,
} from "./fields.ts";

/** When a frame is to begin: as soon as can be, at a value of the concentrator's counter, or at a GPS time. */
export type DownlinkTime =
  | { kind: "immediately" }
  | { kind: "counter"; counter: number }
  | { kind: "gps"; gpsMs: number };

export interface TxPacket {
  when: DownlinkTime;
  powerDbm: number;
  rfChain: number;
  modulation: LoraModulation;
  frame: Uint8Array;
}

export type TxRefusal =
  | JsonRefusal
  | "no-txpk"
  | "imme-malformed"
  | "tmst-malformed"
  | "tmms-malformed"
  | "no-time"
  | "freq-malformed"
  | "rfch-malformed"
  | "powe-malformed"
  | "modulation-unsupported"
  | "datr-malformed"
  | "codr-malformed"
  | "ipol-malformed"
  | "prea-malformed"
  | "ncrc-malformed"
  | "data-malformed"
  | "size-differs";

/** PROTOCOL.TXT 6, in the names of the gateway model; the last is ChirpStack's, and others have taken it over. */
const ERRORS: Readonly<Record<Exclude<TxStatus, "gateway-away">, string>> = Object.freeze({
  ok: "NONE",
  "too-late": "TOO_LATE",
  "too-early": "TOO_EARLY",
  "collision-packet": "COLLISION_PACKET",
  "collision-beacon": "COLLISION_BEACON",
  "tx-freq": "TX_FREQ",
  "tx-power": "TX_POWER",
  "gps-unlocked": "GPS_UNLOCKED",
  "duty-cycle-overflow": "DUTY_CYCLE_OVERFLOW",
});

const PUBLIC_SYNC_WORD = 0x34;
/** Where txpk says nothing: the forwarder's 14 dBm, and its standard preamble. */
const DEFAULT_POWER_DBM = 14;
const DEFAULT_PREAMBLE = 8;
const MIN_PREAMBLE = 6;

/** Reads a PULL_RESP's text. */
export function parsePullResp(text: string): Parsed<TxPacket, TxRefusal> {
  const root = parseRoot(text);
  if (!root.ok) return root;
  const fields = asFields(root.value.txpk);
  if (fields === undefined) return { ok: false, reason: "no-txpk" };
  const packet = readTx(fields);
  return typeof packet === "string" ? { ok: false, reason: packet } : { ok: true, value: packet };
}

/** The text of a PULL_RESP. */
export function pullRespText({ when, powerDbm, rfChain, modulation, frame }: TxPacket): string {
  const { frequencyHz, codingRate, invertIq, preambleSymbols, crcOn } = modulation;
  return JSON.stringify({
    txpk: {
      imme: when.kind === "immediately",
      tmst: when.kind === "counter" ? when.counter : undefined,
      tmms: when.kind === "gps" ? when.gpsMs : undefined,
      freq: frequencyHz / 1_000_000,
      rfch: rfChain,
      powe: powerDbm,
      modu: "LORA",
      datr: dataRateName(modulation),
      codr: `4/${4 + codingRate}`,
      ipol: invertIq,
      prea: preambleSymbols,
      ncrc: !crcOn,
      size: frame.length,
      data: toBase64(frame),
    },
  });
}

/** The text of a TX_ACK. */
export function txAckText(status: Exclude<TxStatus, "gateway-away">): string {
  return JSON.stringify({ txpk_ack: { error: ERRORS[status] } });
}

/** Reads a TX_ACK's text. No text, no error and a mere warning all say that the frame will be sent. */
export function parseTxAck(text: string): Parsed<TxStatus, JsonRefusal | "no-txpk-ack" | "error-unknown"> {
  if (text === "") return { ok: true, value: "ok" };
  const root = parseRoot(text);
  if (!root.ok) return root;
  const fields = asFields(root.value.txpk_ack);
  if (fields === undefined) return { ok: false, reason: "no-txpk-ack" };
  const { error } = fields;
  if (error === undefined || error === "") return { ok: true, value: "ok" };
  for (const [status, name] of Object.entries(ERRORS)) {
    if (name === error) return { ok: true, value: status as TxStatus };
  }
  return { ok: false, reason: "error-unknown" };
}

function readTx(fields: JsonFields): TxPacket | TxRefusal {
  const when = readWhen(fields);
  if (typeof when === "string") return when;
  const frequencyHz = asFrequencyHz(fields.freq);
  if (frequencyHz === undefined) return "freq-malformed";
  const rfChain = asInteger(fields.rfch ?? 0, 0, 255);
  if (rfChain === undefined) return "rfch-malformed";
  const powerDbm = asNumber(fields.powe ?? DEFAULT_POWER_DBM, -100, 100);
  if (powerDbm === undefined) return "powe-malformed";
  if (fields.modu !== "LORA") return "modulation-unsupported";
  const dataRate = asDataRate(fields.datr);
  if (dataRate === undefined) return "datr-malformed";
  const codingRate = asCodingRate(fields.codr);
  if (codingRate === undefined) return "codr-malformed";
  const invertIq = fields.ipol ?? false;
  if (typeof invertIq !== "boolean") return "ipol-malformed";
  const preambleSymbols = asInteger(fields.prea ?? DEFAULT_PREAMBLE, MIN_PREAMBLE, 0xffff);
  if (preambleSymbols === undefined) return "prea-malformed";
  const withoutCrc = fields.ncrc ?? false;
  if (typeof withoutCrc !== "boolean") return "ncrc-malformed";
  const frame = asFrame(fields.data);
  if (frame === undefined) return "data-malformed";
  if (fields.size !== frame.length) return "size-differs";
  const coding = { codingRate, preambleSymbols, syncWord: PUBLIC_SYNC_WORD, invertIq, crcOn: !withoutCrc };
  return { when, powerDbm, rfChain, modulation: { frequencyHz, ...dataRate, ...coding }, frame };
}

/** `imme` goes before `tmst`, and that before `tmms`. */
function readWhen({ imme, tmst, tmms }: JsonFields): DownlinkTime | TxRefusal {
  if (imme !== undefined && typeof imme !== "boolean") return "imme-malformed";
  if (imme === true) return { kind: "immediately" };
  if (tmst !== undefined) {
    const counter = asCounter(tmst);
    return counter === undefined ? "tmst-malformed" : { kind: "counter", counter };
  }
  if (tmms === undefined) return "no-time";
  const gpsMs = asNumber(tmms, 0, Number.MAX_SAFE_INTEGER);
  return gpsMs === undefined ? "tmms-malformed" : { kind: "gps", gpsMs };
}
