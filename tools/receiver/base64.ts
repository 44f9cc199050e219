/**
 * Base64 and base64url (RFC 4648 4 and 5), without any engine's own helpers: XS has neither `atob` nor `btoa`. Decoding is strict: one
 * text for one sequence of bytes, so trailing bits must be zero (RFC 4648 3.5) and no character may be skipped (3.3).
 */

const STANDARD = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Base64 with padding (RFC 4648 4), as network servers write frame payloads. */
export function encodeBase64(bytes: Uint8Array): string {
  const text = encode(bytes, STANDARD);
  return text + "====".slice(0, (4 - (text.length & 3)) & 3);
}

/** Base64url without padding (RFC 4648 5), as JWK has it (RFC 7515 2). */
export function encodeBase64Url(bytes: Uint8Array): string {
  return encode(bytes, URL_SAFE);
}

/** The bytes of padded base64, or undefined when the text is not that, or holds more than `maxBytes`. */
export function decodeBase64(text: string, maxBytes: number): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  let end = text.length;
  if (end > 0 && text.charCodeAt(end - 1) === 0x3d) end--;
  if (end < text.length && text.charCodeAt(end - 1) === 0x3d) end--;
  return decode(text, end, maxBytes, 0x2b, 0x2f);
}

/** The bytes of base64url without padding, or undefined when the text is not that, or holds more than `maxBytes`. */
export function decodeBase64Url(text: string, maxBytes: number): Uint8Array | undefined {
  return decode(text, text.length, maxBytes, 0x2d, 0x5f);
}

function encode(bytes: Uint8Array, alphabet: string): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const group = (bytes[i] << 16) | (left > 1 ? bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);
    text += alphabet[group >>> 18] + alphabet[(group >>> 12) & 63];
    if (left > 1) text += alphabet[(group >>> 6) & 63];
    if (left > 2) text += alphabet[group & 63];
  }
  return text;
}

function decode(text: string, end: number, maxBytes: number, code62: number, code63: number): Uint8Array | undefined {
  if ((end & 3) === 1) return undefined;
  const length = Math.floor((end * 3) / 4);
  if (length > maxBytes) return undefined;
  const bytes = new Uint8Array(length);
  let group = 0;
  let bits = 0;
  let at = 0;
  for (let i = 0; i < end; i++) {
    const value = sextet(text.charCodeAt(i), code62, code63);
    if (value < 0) return undefined;
    group = ((group << 6) | value) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = (group >>> bits) & 0xff;
  }
  return (group & ((1 << bits) - 1)) === 0 ? bytes : undefined;
}

function sextet(code: number, code62: number, code63: number): number {
  if (code >= 0x41 && code <= 0x5a) return code - 0x41;
  if (code >= 0x61 && code <= 0x7a) return code - 0x61 + 26;
  if (code >= 0x30 && code <= 0x39) return code - 0x30 + 52;
  if (code === code62) return 62;
  return code === code63 ? 63 : -1;
}
