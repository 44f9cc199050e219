/**
 * MAC commands of LoRaWAN Class A, both ways: TS001-1.0.4 chapter 5. A command is its identifier (CID) and a payload of fixed length;
 * several follow one another in FOpts or in a frame of FPort 0. A command of unknown CID has an unknown length, so that nothing behind it
 * can be read (5, "shall ignore the rest"). Here stands what a device needs; what only a network writes is in network-commands.ts.
 */
import { readU16, readU24, readU32 } from "./little-endian.ts";

export const CID = Object.freeze({
  linkCheck: 0x02,
  linkAdr: 0x03,
  dutyCycle: 0x04,
  rxParamSetup: 0x05,
  devStatus: 0x06,
  newChannel: 0x07,
  rxTimingSetup: 0x08,
  txParamSetup: 0x09,
  dlChannel: 0x0a,
  deviceTime: 0x0d,
} as const);

/** Payload lengths by CID: from the network to the device, and from the device to the network; -1 where there is no such command. */
const DOWN_LENGTHS = Object.freeze([-1, -1, 2, 4, 1, 4, 0, 5, 1, 1, 4, -1, -1, 5]);
const UP_LENGTHS = Object.freeze([-1, -1, 0, 1, 0, 1, 2, 1, 0, 0, 1, -1, -1, 0]);

/** Length of a command's payload in bytes, -1 for an unknown CID. */
export function macCommandLength(cid: number, uplink: boolean): number {
  const lengths = uplink ? UP_LENGTHS : DOWN_LENGTHS;
  return cid < lengths.length ? lengths[cid] : -1;
}

/** Walks through the commands of FOpts or of a decrypted FRMPayload. One reader is reused for all frames. */
export class MacCommandReader {
  /** Of the command that `next` stands on. */
  cid = 0;
  /** Offset of its payload. */
  at = 0;
  length = 0;
  /** Why the walk ended before the end of the bytes. */
  reason: "unknown-command" | "command-cut" | undefined;
  #bytes!: Uint8Array;
  #next = 0;
  #end = 0;
  #uplink = false;

  /** Starts over with `bytes[from..to)`; `uplink` tells which way the commands went. */
  start(bytes: Uint8Array, from: number, to: number, uplink: boolean): void {
    this.#bytes = bytes;
    this.#next = from;
    this.#end = to;
    this.#uplink = uplink;
    this.reason = undefined;
  }

  /** Steps to the next command; false at the end, or at something unreadable (`reason`). */
  next(): boolean {
    if (this.#next >= this.#end || this.reason !== undefined) return false;
    const cid = this.#bytes[this.#next];
    const length = macCommandLength(cid, this.#uplink);
    if (length < 0) {
      this.reason = "unknown-command";
      return false;
    }
    if (this.#next + 1 + length > this.#end) {
      this.reason = "command-cut";
      return false;
    }
    this.cid = cid;
    this.at = this.#next + 1;
    this.length = length;
    this.#next += 1 + length;
    return true;
  }
}

/** 5.2 LinkADRReq. */
export interface LinkAdrReq {
  /** 0 to 14, or 15 to keep. */
  dataRate: number;
  /** Index into the region's table, or 15 to keep. */
  txPower: number;
  /** 16 bits, channel 0 lowest. */
  chMask: number;
  chMaskCntl: number;
  /** 1 to 15; 0 stands for the default, 1. */
  nbTrans: number;
}

export function readLinkAdrReq(bytes: Uint8Array, at: number, into: LinkAdrReq): void {
  into.dataRate = bytes[at] >>> 4;
  into.txPower = bytes[at] & 0x0f;
  into.chMask = readU16(bytes, at + 1);
  into.chMaskCntl = (bytes[at + 3] >>> 4) & 0x07;
  into.nbTrans = bytes[at + 3] & 0x0f;
}

/** 5.4 RXParamSetupReq. */
export interface RxParamSetupReq {
  rx1DrOffset: number;
  rx2DataRate: number;
  frequencyHz: number;
}

export function readRxParamSetupReq(bytes: Uint8Array, at: number, into: RxParamSetupReq): void {
  into.rx1DrOffset = (bytes[at] >>> 4) & 0x07;
  into.rx2DataRate = bytes[at] & 0x0f;
  into.frequencyHz = readU24(bytes, at + 1) * 100;
}

/** 5.6 NewChannelReq. A frequency of 0 disables the channel. */
export interface NewChannelReq {
  index: number;
  frequencyHz: number;
  minDataRate: number;
  maxDataRate: number;
}

export function readNewChannelReq(bytes: Uint8Array, at: number, into: NewChannelReq): void {
  into.index = bytes[at];
  into.frequencyHz = readU24(bytes, at + 1) * 100;
  into.maxDataRate = bytes[at + 4] >>> 4;
  into.minDataRate = bytes[at + 4] & 0x0f;
}

/** 5.10 DlChannelReq: the frequency of RX1 for one channel. */
export interface DlChannelReq {
  index: number;
  frequencyHz: number;
}

export function readDlChannelReq(bytes: Uint8Array, at: number, into: DlChannelReq): void {
  into.index = bytes[at];
  into.frequencyHz = readU24(bytes, at + 1) * 100;
}

/** 5.11 DeviceTimeAns: milliseconds since the GPS epoch at the end of the uplink; the air carries seconds and 256ths. */
export function readDeviceTimeAns(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at) * 1000 + Math.floor((bytes[at + 4] * 1000) / 256);
}

/** 5.5 DevStatusAns: battery 0 external, 1 to 254, 255 not measured; margin -32 to 31 dB of the last DevStatusReq. */
export function writeDevStatusAns(into: Uint8Array, at: number, battery: number, marginDb: number): number {
  into[at] = CID.devStatus;
  into[at + 1] = battery;
  into[at + 2] = Math.min(31, Math.max(-32, marginDb)) & 0x3f;
  return at + 3;
}

/** A command with no payload (`status` undefined) or with one byte of it: most answers, and DutyCycleReq, RXTimingSetupReq, TxParamSetupReq. */
export function writeCommand(into: Uint8Array, at: number, cid: number, status?: number): number {
  into[at] = cid;
  if (status === undefined) return at + 1;
  into[at + 1] = status;
  return at + 2;
}
