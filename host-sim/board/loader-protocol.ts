/**
 * Packets of Espressif's serial protocol (esptool documentation, "Serial Protocol"): numbers are little-endian.
 *
 *     request:  0x00 | command | size (2) | checksum (4) | data
 *     response: 0x01 | command | size (2) | value (4)    | data | status bytes (ROM: 4, stub: 2)
 */

export const COMMAND = Object.freeze({
  flashBegin: 0x02,
  flashData: 0x03,
  flashEnd: 0x04,
  memBegin: 0x05,
  memEnd: 0x06,
  memData: 0x07,
  sync: 0x08,
  writeReg: 0x09,
  readReg: 0x0a,
  spiSetParams: 0x0b,
  spiAttach: 0x0d,
  /** The ROM's slow one, 64 bytes at a time. */
  romReadFlash: 0x0e,
  changeBaudRate: 0x0f,
  flashDeflBegin: 0x10,
  flashDeflData: 0x11,
  flashDeflEnd: 0x12,
  spiFlashMd5: 0x13,
  getSecurityInfo: 0x14,
  eraseFlash: 0xd0,
  eraseRegion: 0xd1,
  readFlash: 0xd2,
  runUserCode: 0xd3,
});

/** Bytes before a request's or a response's data. */
const HEADER_LENGTH = 8;
/** Bytes before the payload of the three _DATA commands: its length, its number, and two zero words. */
export const DATA_HEADER_LENGTH = 16;
/** The longest packet taken: a block of 16 KB, which is what esptool sends to the stub, and its headers. */
export const MAX_PACKET_LENGTH = HEADER_LENGTH + DATA_HEADER_LENGTH + 0x4000;
/** Where the 8-bit checksum of the _DATA commands begins. */
const CHECKSUM_SEED = 0xef;

export interface LoaderRequest {
  command: number;
  checksum: number;
  data: Uint8Array;
  /** Whether the size field agrees with the packet. */
  isWhole: boolean;
}

/** The request in a packet, or undefined where it is none (a response's echo, or too short). */
export function parseRequest(packet: Uint8Array): LoaderRequest | undefined {
  if (packet.length < HEADER_LENGTH || packet[0] !== 0) return undefined;
  const size = packet[2] | (packet[3] << 8);
  const data = packet.subarray(HEADER_LENGTH);
  return { command: packet[1], checksum: readWord(packet, 4), data, isWhole: data.length === size };
}

/** A response: `status` are its last bytes. */
export function buildResponse(command: number, value: number, data: Uint8Array, status: Uint8Array): Uint8Array {
  const size = data.length + status.length;
  const packet = new Uint8Array(HEADER_LENGTH + size);
  packet[0] = 1;
  packet[1] = command;
  packet[2] = size & 0xff;
  packet[3] = size >> 8;
  writeWord(packet, 4, value);
  packet.set(data, HEADER_LENGTH);
  packet.set(status, HEADER_LENGTH + data.length);
  return packet;
}

/** The payload of a _DATA command, or undefined where its length field does not agree with the packet. */
export function payloadOf(request: LoaderRequest): Uint8Array | undefined {
  if (request.data.length < DATA_HEADER_LENGTH) return undefined;
  const payload = request.data.subarray(DATA_HEADER_LENGTH);
  return readWord(request.data, 0) === payload.length ? payload : undefined;
}

export function checksumOf(payload: Uint8Array): number {
  let sum = CHECKSUM_SEED;
  for (const byte of payload) sum ^= byte;
  return sum;
}

/** An unsigned 32-bit number. */
export function readWord(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] | (bytes[offset + 1] << 8) | (bytes[offset + 2] << 16) | (bytes[offset + 3] << 24)) >>> 0;
}

export function writeWord(bytes: Uint8Array, offset: number, value: number): void {
  for (let i = 0; i < 4; i++) bytes[offset + i] = value >>> (8 * i);
}

export function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
