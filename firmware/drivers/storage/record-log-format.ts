/** The format of the record log's sectors and entries (drawn in flash-record-log.ts). Integers are big-endian. */
export const LINE_BYTES = 16;
export const BLOCK_BYTES = 64;
export const SECTOR_HEADER_BYTES = 2 * LINE_BYTES;
export const ENTRY_HEADER_BYTES = 8;
export const CRC_BYTES = 4;
/** "GTL1" */
export const MAGIC = 0x47544c31;
export const KIND_RECORD = 0xa5;
export const KIND_TRIM = 0x5a;
export const KIND_DEAD = 0x00;

/** Bytes that an entry of `length` bytes takes, a whole number of lines. */
export function entryBytes(length: number): number {
  return Math.ceil((ENTRY_HEADER_BYTES + length + CRC_BYTES) / LINE_BYTES) * LINE_BYTES;
}

/** CRC-8 (polynomial 0x07, start 0xff) over length and number; an erased line does not pass. The kind is left out, so that it can be cleared. */
export function headerCheck(header: Uint8Array): number {
  let crc = 0xff;
  for (let i = 2; i < ENTRY_HEADER_BYTES; i++) {
    crc ^= header[i];
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80 ? (crc << 1) ^ 0x107 : crc << 1;
  }
  return crc;
}

export function u32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

export function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
