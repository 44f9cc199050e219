/** Integers as LoRaWAN has them: least significant byte first. */

export function readU16(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8);
}

export function readU24(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16);
}

export function readU32(bytes: Uint8Array, at: number): number {
  return (readU16(bytes, at) | (readU16(bytes, at + 2) << 16)) >>> 0;
}

/** Writes `count` bytes of `value`, least significant first; returns the offset behind them. */
export function writeLittle(into: Uint8Array, at: number, value: number, count: number): number {
  let rest = value;
  for (let i = 0; i < count; i++) {
    into[at + i] = rest & 0xff;
    rest = rest >>> 8;
  }
  return at + count;
}
