/** Fields that rxpk and txpk share (PROTOCOL.TXT 4 and 6), judged one by one: the value, or undefined for anything that is none. */
import type { LoraModulation } from "../../../firmware/ports/radio.ts";

export type JsonFields = { readonly [name: string]: unknown };

/** What a parser says: a value, or why there is none. */
export type Parsed<Value, Reason extends string> = { ok: true; value: Value } | { ok: false; reason: Reason };

export type DataRate = Pick<LoraModulation, "spreadingFactor" | "bandwidthHz">;

export type JsonRefusal = "text-too-deep" | "not-json" | "not-an-object";

/** A LoRa PHY payload. */
export const MAX_FRAME_BYTES = 255;
/** rxpk stands two deep; anything deeper than this is no business of ours, and could end an engine that recurses on its own stack. */
const MAX_DEPTH = 16;
const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BANDWIDTHS_HZ: readonly LoraModulation["bandwidthHz"][] = Object.freeze([125_000, 250_000, 500_000]);

/** The root object of a datagram's text. */
export function parseRoot(text: string): Parsed<JsonFields, JsonRefusal> {
  if (isTooDeep(text)) return { ok: false, reason: "text-too-deep" };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, reason: "not-json" };
  }
  const fields = asFields(value);
  return fields === undefined ? { ok: false, reason: "not-an-object" } : { ok: true, value: fields };
}

export function asFields(value: unknown): JsonFields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonFields) : undefined;
}

export function asNumber(value: unknown, min: number, max: number): number | undefined {
  return typeof value === "number" && value >= min && value <= max ? value : undefined;
}

export function asInteger(value: unknown, min: number, max: number): number | undefined {
  const number = asNumber(value, min, max);
  return number !== undefined && Math.floor(number) === number ? number : undefined;
}

/** A 32-bit counter of microseconds. */
export function asCounter(value: unknown): number | undefined {
  return asInteger(value, 0, 0xffffffff);
}

/** MHz with a fraction, to the nearest hertz. */
export function asFrequencyHz(value: unknown): number | undefined {
  const mhz = asNumber(value, 1, 10_000);
  return mhz === undefined ? undefined : Math.floor(mhz * 1_000_000 + 0.5);
}

/** `SF7BW125`. */
export function asDataRate(value: unknown): DataRate | undefined {
  const match = typeof value === "string" ? /^SF([5-9]|1[0-2])BW(125|250|500)$/.exec(value) : null;
  if (match === null) return undefined;
  const bandwidthHz = BANDWIDTHS_HZ.find((candidate) => candidate === Number(match[2]) * 1000)!;
  return { spreadingFactor: Number(match[1]), bandwidthHz };
}

export function dataRateName({ spreadingFactor, bandwidthHz }: DataRate): string {
  return `SF${spreadingFactor}BW${bandwidthHz / 1000}`;
}

/** `4/5` to `4/8`, as 1 to 4. */
export function asCodingRate(value: unknown): number | undefined {
  const rate = typeof value === "string" ? ["4/5", "4/6", "4/7", "4/8"].indexOf(value) : -1;
  return rate < 0 ? undefined : rate + 1;
}

/**
 * Base64 with padding or without. Bits behind the last byte are not looked at: the protocol's own examples do not have them at zero.
 */
export function asFrame(value: unknown): Uint8Array | undefined {
  if (typeof value !== "string") return undefined;
  let end = value.length;
  if (end % 4 === 0 && end > 0) {
    if (value.endsWith("==")) end -= 2;
    else if (value.endsWith("=")) end -= 1;
  }
  const length = Math.floor((end * 3) / 4);
  if (end % 4 === 1 || length > MAX_FRAME_BYTES) return undefined;
  const bytes = new Uint8Array(length);
  let group = 0;
  let bits = 0;
  let at = 0;
  for (let i = 0; i < end; i++) {
    const sextet = BASE64.indexOf(value[i]);
    if (sextet < 0) return undefined;
    group = ((group << 6) | sextet) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = (group >>> bits) & 0xff;
  }
  return bytes;
}

function isTooDeep(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (inString) {
      if (character === "\\") i++;
      else if (character === '"') inString = false;
    } else if (character === '"') {
      inString = true;
    } else if (character === "{" || character === "[") {
      if (++depth > MAX_DEPTH) return true;
    } else if (character === "}" || character === "]") {
      depth--;
    }
  }
  return false;
}
