/**
 * MAC commands as a network writes them (TS001-1.0.4 chapter 5): each function writes the CID and its payload at `at` and returns the offset
 * behind. A device does without this file; reading is mac-commands.ts's.
 */
import { writeLittle } from "./little-endian.ts";
import { CID, type DlChannelReq, type LinkAdrReq, type NewChannelReq, type RxParamSetupReq } from "./mac-commands.ts";

/** 5.2. */
export function writeLinkAdrReq(into: Uint8Array, at: number, request: LinkAdrReq): number {
  into[at] = CID.linkAdr;
  into[at + 1] = ((request.dataRate & 0x0f) << 4) | (request.txPower & 0x0f);
  writeLittle(into, at + 2, request.chMask, 2);
  into[at + 4] = ((request.chMaskCntl & 0x07) << 4) | (request.nbTrans & 0x0f);
  return at + 5;
}

/** 5.4. */
export function writeRxParamSetupReq(into: Uint8Array, at: number, request: RxParamSetupReq): number {
  into[at] = CID.rxParamSetup;
  into[at + 1] = ((request.rx1DrOffset & 0x07) << 4) | (request.rx2DataRate & 0x0f);
  return writeLittle(into, at + 2, request.frequencyHz / 100, 3);
}

/** 5.6. */
export function writeNewChannelReq(into: Uint8Array, at: number, request: NewChannelReq): number {
  into[at] = CID.newChannel;
  into[at + 1] = request.index;
  writeLittle(into, at + 2, request.frequencyHz / 100, 3);
  into[at + 5] = ((request.maxDataRate & 0x0f) << 4) | (request.minDataRate & 0x0f);
  return at + 6;
}

/** 5.10. */
export function writeDlChannelReq(into: Uint8Array, at: number, request: DlChannelReq): number {
  into[at] = CID.dlChannel;
  into[at + 1] = request.index;
  return writeLittle(into, at + 2, request.frequencyHz / 100, 3);
}

/** 5.11: the air carries seconds and 256ths. */
export function writeDeviceTimeAns(into: Uint8Array, at: number, gpsMs: number): number {
  into[at] = CID.deviceTime;
  const seconds = Math.floor(gpsMs / 1000);
  writeLittle(into, at + 1, seconds, 4);
  into[at + 5] = Math.floor(((gpsMs - seconds * 1000) * 256) / 1000);
  return at + 6;
}

/** 5.1 LinkCheckAns: margin in dB above the demodulation floor, and how many gateways heard the uplink. */
export function writeLinkCheckAns(into: Uint8Array, at: number, marginDb: number, gateways: number): number {
  into[at] = CID.linkCheck;
  into[at + 1] = marginDb;
  into[at + 2] = gateways;
  return at + 3;
}
