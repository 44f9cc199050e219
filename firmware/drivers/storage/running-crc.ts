/** CRC-32 of ISO 3309 over bytes that come in pieces, as a record does that is read from flash through a small buffer. */

/** Remainders of the sixteen nibbles. */
const NIBBLE_REMAINDERS = Object.freeze([
  0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c, 0xedb88320,
  0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
]);

/** State before the first byte. */
export const CRC_START = -1;

/** State after `bytes[from..to)`. */
export function crcUpdate(state: number, bytes: Uint8Array, from: number, to: number): number {
  let crc = state;
  for (let i = from; i < to; i++) {
    crc ^= bytes[i];
    crc = (crc >>> 4) ^ NIBBLE_REMAINDERS[crc & 15];
    crc = (crc >>> 4) ^ NIBBLE_REMAINDERS[crc & 15];
  }
  return crc;
}

/** The checksum of a state, an unsigned 32-bit number. */
export function crcEnd(state: number): number {
  return ~state >>> 0;
}
