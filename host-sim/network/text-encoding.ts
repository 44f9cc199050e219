/** Bytes as text, without the hosts' own converters (XS has none): hexadecimal, Base64 (RFC 4648 4), UUIDs. */
import type { RandomStream } from "../random-stream.ts";

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += (bytes[i] + 256).toString(16).slice(1);
  return text;
}

/** Bytes of `2 * length` hexadecimal digits of either case, or undefined when the text is anything else. */
export function fromHex(text: string, length: number): Uint8Array | undefined {
  if (text.length !== 2 * length) return undefined;
  const bytes = new Uint8Array(length);
  for (let i = 0; i < text.length; i++) {
    const digit = "0123456789abcdef".indexOf(text[i].toLowerCase());
    if (digit < 0) return undefined;
    bytes[i >> 1] = (bytes[i >> 1] << 4) | digit;
  }
  return bytes;
}

export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const three = (bytes[i] << 16) | ((left > 1 ? bytes[i + 1] : 0) << 8) | (left > 2 ? bytes[i + 2] : 0);
    text += BASE64[three >> 18] + BASE64[(three >> 12) & 63];
    text += left > 1 ? BASE64[(three >> 6) & 63] : "=";
    text += left > 2 ? BASE64[three & 63] : "=";
  }
  return text;
}

/** Bytes of padded Base64; undefined for any other character, wrong padding, or bits set where the padding is. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let at = 0;
  for (let i = 0; i < text.length; i += 4) {
    const last = i + 4 === text.length;
    let group = 0;
    for (let j = 0; j < 4; j++) {
      const padded = last && j >= 4 - padding;
      const value = padded ? 0 : BASE64.indexOf(text[i + j]);
      if (value < 0) return undefined;
      group = (group << 6) | value;
    }
    if (last && (group & ((1 << (8 * padding)) - 1)) !== 0) return undefined;
    for (let j = 0; j < 3 && at < bytes.length; j++) bytes[at++] = (group >> (16 - 8 * j)) & 0xff;
  }
  return bytes;
}

/** A random UUID (RFC 9562, version 4). */
export function randomUuid(random: RandomStream): string {
  const bytes = new Uint8Array(16);
  random.fill(bytes);
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = toHex(bytes);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
