/**
 * LoRaWAN frames, for both ends of the air: device and network server. TS001-1.0.4 chapter 4 (data frames, payload encryption, MIC)
 * and 6.2 (join request, join accept, session keys).
 *
 *   data frame    MHDR 1 | DevAddr 4 | FCtrl 1 | FCnt 2 | FOpts 0..15 | [FPort 1 | FRMPayload] | MIC 4
 *   join request  MHDR 1 | JoinEUI 8 | DevEUI 8 | DevNonce 2 | MIC 4
 *   join accept   MHDR 1 | AES-decrypted( JoinNonce 3 | NetID 3 | DevAddr 4 | DLSettings 1 | RXDelay 1 | CFList 0 or 16 | MIC 4 )
 *
 * All fields are little-endian in the air; EUIs are given as they are written, most significant byte first. Here stand the layouts and the
 * parsers; building, encrypting and checking MICs is the codec's (lorawan-codec.ts).
 */
import { readU16, readU32 } from "./little-endian.ts";

export const MTYPE = Object.freeze({
  joinRequest: 0,
  joinAccept: 1,
  unconfirmedUp: 2,
  unconfirmedDown: 3,
  confirmedUp: 4,
  confirmedDown: 5,
  proprietary: 7,
} as const);

/** The most a LoRa frame holds. */
export const MAX_FRAME_BYTES = 255;
export const MAX_FOPTS_BYTES = 15;
export const JOIN_REQUEST_BYTES = 23;
/** FPort of a frame without FPort and FRMPayload. */
export const NO_PORT = -1;

export const MIC_BYTES = 4;
export const FHDR_BYTES = 7;
const MIN_DATA_BYTES = 1 + FHDR_BYTES + MIC_BYTES;
/** Without a CFList. */
export const JOIN_ACCEPT_BYTES = 17;
export const CFLIST_BYTES = 16;

export type FrameReason =
  | "too-short"
  | "too-long"
  | "wrong-length"
  | "wrong-type"
  | "wrong-major"
  | "fopts-cut"
  | "fopts-with-port-0"
  | "wrong-mic";

/** What stands in a data frame, either direction. Reused: `parseDataFrame` overwrites it. */
export interface DataFrame {
  /** Why the last parse refused, undefined when it did not. */
  reason: FrameReason | undefined;
  uplink: boolean;
  confirmed: boolean;
  devAddr: number;
  adr: boolean;
  /** Uplinks only. */
  adrAckReq: boolean;
  ack: boolean;
  /** Downlinks only. */
  fPending: boolean;
  /** The lower 16 bits of the frame counter. */
  fCnt16: number;
  fOptsAt: number;
  fOptsLength: number;
  /** 0 to 255, or NO_PORT. */
  fPort: number;
  payloadAt: number;
  payloadLength: number;
  micAt: number;
}

export function newDataFrame(): DataFrame {
  return {
    reason: undefined,
    uplink: false,
    confirmed: false,
    devAddr: 0,
    adr: false,
    adrAckReq: false,
    ack: false,
    fPending: false,
    fCnt16: 0,
    fOptsAt: 0,
    fOptsLength: 0,
    fPort: NO_PORT,
    payloadAt: 0,
    payloadLength: 0,
    micAt: 0,
  };
}

/** The fields of a data frame that is to be built. */
export interface DataHeader {
  uplink: boolean;
  confirmed: boolean;
  devAddr: number;
  adr: boolean;
  adrAckReq: boolean;
  ack: boolean;
  fPending: boolean;
  /** The whole 32-bit counter. */
  fCnt: number;
  /** 0 to 255, or NO_PORT for a frame without payload. Port 0 is encrypted with the network session key. */
  fPort: number;
}

export interface JoinRequest {
  reason: FrameReason | undefined;
  /** As written, most significant byte first. */
  joinEui: Uint8Array;
  devEui: Uint8Array;
  devNonce: number;
}

export function newJoinRequest(): JoinRequest {
  return { reason: undefined, joinEui: new Uint8Array(8), devEui: new Uint8Array(8), devNonce: 0 };
}

export interface JoinAccept {
  reason: FrameReason | undefined;
  joinNonce: number;
  netId: number;
  devAddr: number;
  rx1DrOffset: number;
  rx2DataRate: number;
  /** RX1 delay in seconds, 1 to 15. */
  rx1DelayS: number;
  hasCfList: boolean;
  /** 16 bytes, meaningful when `hasCfList`. */
  cfList: Uint8Array;
}

export function newJoinAccept(): JoinAccept {
  return {
    reason: undefined,
    joinNonce: 0,
    netId: 0,
    devAddr: 0,
    rx1DrOffset: 0,
    rx2DataRate: 0,
    rx1DelayS: 1,
    hasCfList: false,
    cfList: new Uint8Array(CFLIST_BYTES),
  };
}

/** The message type of a frame (its first byte, bits 7..5). */
export function frameType(frame: Uint8Array): number {
  return frame[0] >>> 5;
}

/**
 * The smallest 32-bit counter above `last` (-1: none yet) whose lower 16 bits are `fCnt16`; -1 when there is none (4.3.1.5). No gap is too wide:
 * 1.0.4 has dropped MAX_FCNT_GAP (RP002-1.0.4 table 3 says so), for with 32 bits it protects from nothing that the MIC does not, and a device
 * that was out of reach for 16,384 downlinks could never be reached again.
 */
export function nextFrameCounter(last: number, fCnt16: number): number {
  const base = last < 0 ? 0 : last - (last % 0x10000);
  const same = base + fCnt16;
  const full = same > last ? same : same + 0x10000;
  return full > 0xffffffff ? -1 : full;
}

/** Reads a data frame of either direction into `into`; false with `into.reason` when it is none. The MIC is not looked at. */
export function parseDataFrame(frame: Uint8Array, length: number, into: DataFrame): boolean {
  into.reason = dataFrameFault(frame, length);
  if (into.reason !== undefined) return false;
  const type = frameType(frame);
  const control = frame[5];
  into.uplink = type === MTYPE.unconfirmedUp || type === MTYPE.confirmedUp;
  into.confirmed = type === MTYPE.confirmedUp || type === MTYPE.confirmedDown;
  into.devAddr = readU32(frame, 1);
  into.adr = (control & 0x80) !== 0;
  into.adrAckReq = into.uplink && (control & 0x40) !== 0;
  into.ack = (control & 0x20) !== 0;
  into.fPending = !into.uplink && (control & 0x10) !== 0;
  into.fCnt16 = readU16(frame, 6);
  into.fOptsAt = 1 + FHDR_BYTES;
  into.fOptsLength = control & 0x0f;
  into.micAt = length - MIC_BYTES;
  const portAt = into.fOptsAt + into.fOptsLength;
  const hasPort = portAt < into.micAt;
  into.fPort = hasPort ? frame[portAt] : NO_PORT;
  into.payloadAt = hasPort ? portAt + 1 : portAt;
  into.payloadLength = into.micAt - into.payloadAt;
  return true;
}

function dataFrameFault(frame: Uint8Array, length: number): FrameReason | undefined {
  if (length > frame.length || length > MAX_FRAME_BYTES) return "too-long";
  if (length < MIN_DATA_BYTES) return "too-short";
  const type = frameType(frame);
  if (type < MTYPE.unconfirmedUp || type > MTYPE.confirmedDown) return "wrong-type";
  if ((frame[0] & 0x03) !== 0) return "wrong-major";
  const fOptsLength = frame[5] & 0x0f;
  const behindFOpts = 1 + FHDR_BYTES + fOptsLength;
  if (behindFOpts > length - MIC_BYTES) return "fopts-cut";
  // MAC commands in both places at once: the frame shall be ignored (5, "shall not be present in both").
  if (fOptsLength > 0 && behindFOpts < length - MIC_BYTES && frame[behindFOpts] === 0) return "fopts-with-port-0";
  return undefined;
}

/** Reads a join request; false with `into.reason` when it is none. The MIC is not looked at. */
export function parseJoinRequest(frame: Uint8Array, length: number, into: JoinRequest): boolean {
  into.reason =
    length !== JOIN_REQUEST_BYTES || length > frame.length
      ? "wrong-length"
      : frameType(frame) !== MTYPE.joinRequest
        ? "wrong-type"
        : (frame[0] & 0x03) !== 0
          ? "wrong-major"
          : undefined;
  if (into.reason !== undefined) return false;
  for (let i = 0; i < 8; i++) {
    into.joinEui[i] = frame[8 - i];
    into.devEui[i] = frame[16 - i];
  }
  into.devNonce = readU16(frame, 17);
  return true;
}
