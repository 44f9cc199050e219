/** MAC commands on the network's side (TS001-1.0.4 chapter 5): what a device asks or answers, and what is said in return. */
import { CID, MacCommandReader } from "../../firmware/wire/mac-commands.ts";
import { writeDeviceTimeAns, writeLinkAdrReq, writeLinkCheckAns } from "../../firmware/wire/network-commands.ts";
import type { AdrSetting } from "./adr-engine.ts";
import type { DeviceSession } from "./device-session.ts";
import type { MaskCommand } from "./network-plan.ts";

/** FOpts of one downlink. DeviceTimeAns, LinkCheckAns and LinkADRReq, all that is ever sent, take 14 of the 15 bytes. */
export interface MacAnswers {
  bytes: Uint8Array;
  length: number;
}

export function newMacAnswers(): MacAnswers {
  return { bytes: new Uint8Array(15), length: 0 };
}

/** Facts about the uplink that carried the commands. */
export interface UplinkFacts {
  /** dB above what its data rate needs. */
  marginDb: number;
  gateways: number;
  /** GPS time at its end, in milliseconds. */
  gpsMs: number;
}

/** All three bits of LinkADRAns: power, data rate and channel mask were taken over. */
const LINK_ADR_ACCEPTED = 0x07;

/**
 * Reads the commands in `bytes[from..to)`, takes answers into the session and writes replies into `answers`. Each kind of request is
 * answered once a frame, so that a frame full of requests still gets a reply that fits. False when some of it was unreadable.
 */
export function handleUplinkCommands(
  session: DeviceSession,
  bytes: Uint8Array,
  from: number,
  to: number,
  facts: UplinkFacts,
  answers: MacAnswers,
): boolean {
  const reader = new MacCommandReader();
  reader.start(bytes, from, to, true);
  let timeAsked = false;
  let checkAsked = false;
  while (reader.next()) {
    if (reader.cid === CID.deviceTime) timeAsked = true;
    else if (reader.cid === CID.linkCheck) checkAsked = true;
    else if (reader.cid === CID.linkAdr) takeLinkAdrAns(session, bytes[reader.at]);
    // The other answers belong to requests that this server never makes.
  }
  if (timeAsked) answers.length = writeDeviceTimeAns(answers.bytes, answers.length, facts.gpsMs);
  if (checkAsked) {
    const marginDb = Math.min(Math.max(Math.floor(facts.marginDb), 0), 254);
    answers.length = writeLinkCheckAns(answers.bytes, answers.length, marginDb, Math.min(facts.gateways, 255));
  }
  return reader.reason === undefined;
}

function takeLinkAdrAns(session: DeviceSession, status: number): void {
  const asked = session.adrAsked;
  session.adrAsked = undefined;
  if (asked === undefined) return;
  if ((status & LINK_ADR_ACCEPTED) === LINK_ADR_ACCEPTED) session.adr.accept(asked);
  else session.adrRefusals++;
}

/** Adds a LinkADRReq for the channels of `mask` and single transmissions. */
export function addLinkAdrReq(answers: MacAnswers, setting: AdrSetting, mask: MaskCommand): void {
  answers.length = writeLinkAdrReq(answers.bytes, answers.length, {
    dataRate: setting.dataRate,
    txPower: setting.txPower,
    chMask: mask.chMask,
    chMaskCntl: mask.chMaskCntl,
    nbTrans: 1,
  });
}
