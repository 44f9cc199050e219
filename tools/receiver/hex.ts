/** Bytes as hexadecimal text, without any engine's own helpers (XS from npm has none). */

const DIGITS = "0123456789abcdef";

/** Lower-case hexadecimal of `bytes`. */
export function bytesToHex(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += DIGITS[bytes[i] >>> 4] + DIGITS[bytes[i] & 15];
  return text;
}

/** Value of one hexadecimal digit given as a character code, or -1. */
function digit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  if (code >= 0x41 && code <= 0x46) return code - 0x37;
  if (code >= 0x61 && code <= 0x66) return code - 0x57;
  return -1;
}

/** The bytes of hexadecimal text that we wrote ourselves; throws on any other. */
export function hexToBytes(text: string): Uint8Array {
  const bytes = fromHex(text);
  if (bytes === undefined) throw new RangeError("not hexadecimal");
  return bytes;
}

/** The bytes that text from outside spells, or undefined when it is not hexadecimal or not of `byteLength` bytes (where that is given). */
export function fromHex(text: string, byteLength?: number): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined;
  if (byteLength !== undefined && text.length !== byteLength * 2) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    const high = digit(text.charCodeAt(2 * i));
    const low = digit(text.charCodeAt(2 * i + 1));
    if (high < 0 || low < 0) return undefined;
    bytes[i] = (high << 4) | low;
  }
  return bytes;
}

/** Whether both hold the same bytes. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
