/**
 * What the device does at the network's MAC commands (TS001-1.0.4 chapter 5). It is only called with commands of a frame whose MIC was right.
 * Every request is carried out whole or not at all, and answered in order.
 */
import {
  CID,
  type DlChannelReq,
  type LinkAdrReq,
  MacCommandReader,
  type NewChannelReq,
  type RxParamSetupReq,
  readDeviceTimeAns,
  readDlChannelReq,
  readLinkAdrReq,
  readNewChannelReq,
  readRxParamSetupReq,
  writeDevStatusAns,
} from "../../wire/mac-commands.ts";
import type { MacAnswers } from "./answers.ts";
import { isDataRate, isDownlinkDataRate, isDownlinkFrequency, isRx1DrOffset, type Region } from "./region/region.ts";
import type { Session } from "./session.ts";

/** LinkADRAns (5.2). */
const MASK_ACK = 0x01;
const DATA_RATE_ACK = 0x02;
const POWER_ACK = 0x04;
const ALL_ACK = MASK_ACK | DATA_RATE_ACK | POWER_ACK;
/** RXParamSetupAns (5.4). */
const RX2_FREQUENCY_ACK = 0x01;
const RX2_DATA_RATE_ACK = 0x02;
const RX1_OFFSET_ACK = 0x04;
const RX_ALL_ACK = RX2_FREQUENCY_ACK | RX2_DATA_RATE_ACK | RX1_OFFSET_ACK;
/** NewChannelAns and DlChannelAns (5.6): both bits. */
const CHANNEL_ALL_ACK = 0x03;
/** "Keep what is" in LinkADRReq. */
const KEEP = 15;
const DEFAULT_NB_TRANS = 1;
/** DevStatusAns: the device could not measure its battery. */
export const BATTERY_UNKNOWN = 255;

export class CommandHandler {
  readonly #region: Region;
  readonly #session: Session;
  readonly #answers: MacAnswers;
  /** False for a device with a fixed data rate, and where a test layer has switched ADR off: it takes channel masks only. */
  adr: boolean;
  readonly #reader = new MacCommandReader();
  /** The request in hand, of whichever kind. */
  readonly #request: LinkAdrReq & RxParamSetupReq & NewChannelReq & DlChannelReq = {
    dataRate: 0,
    txPower: 0,
    chMask: 0,
    chMaskCntl: 0,
    nbTrans: 0,
    rx1DrOffset: 0,
    rx2DataRate: 0,
    frequencyHz: 0,
    index: 0,
    minDataRate: 0,
    maxDataRate: 0,
  };
  /** Battery for DevStatusAns: 0 external power, 1 to 254, 255 unknown. */
  battery = BATTERY_UNKNOWN;
  #isChanged = false;
  /** DeviceTimeAns of the frame just handled, in GPS milliseconds; -1: none. */
  gpsMs = -1;
  /** LinkCheckAns of the frame just handled; marginDb -1: none. */
  marginDb = -1;
  gateways = 0;

  constructor(region: Region, session: Session, answers: MacAnswers, adr: boolean) {
    this.#region = region;
    this.#session = session;
    this.#answers = answers;
    this.adr = adr;
  }

  /** True once after the session was changed: it must go to flash. */
  takeChange(): boolean {
    const isChanged = this.#isChanged;
    this.#isChanged = false;
    return isChanged;
  }

  /** Forgets the last frame's answers to us. */
  begin(): void {
    this.gpsMs = -1;
    this.marginDb = -1;
  }

  /** Carries out the commands in `bytes[from..to)`, of a frame that was heard with `snrDb`. */
  process(bytes: Uint8Array, from: number, to: number, snrDb: number): void {
    const reader = this.#reader;
    reader.start(bytes, from, to, false);
    let isMore = reader.next();
    while (isMore) {
      if (reader.cid === CID.linkAdr) {
        isMore = this.linkAdrBlock(bytes);
      } else {
        this.single(bytes, reader.cid, reader.at, snrDb);
        isMore = reader.next();
      }
    }
  }

  private single(bytes: Uint8Array, cid: number, at: number, snrDb: number): void {
    const answers = this.#answers;
    switch (cid) {
      case CID.linkCheck:
        this.marginDb = bytes[at];
        this.gateways = bytes[at + 1];
        break;
      case CID.dutyCycle:
        this.set(this.#session.maxDutyCycle !== (bytes[at] & 0x0f));
        this.#session.maxDutyCycle = bytes[at] & 0x0f;
        answers.add(cid);
        break;
      case CID.rxParamSetup:
        answers.add(cid, this.setUpRxParams(bytes, at));
        break;
      case CID.devStatus:
        answers.end(writeDevStatusAns(answers.bytes, answers.length, this.battery, Math.floor(snrDb + 0.5)));
        break;
      case CID.newChannel:
        // A region with a fixed plan ignores it, and says nothing (5.6).
        if (!this.#region.dynamicChannels) break;
        readNewChannelReq(bytes, at, this.#request);
        this.answerChannel(cid, this.#session.plan.newChannel(this.#request));
        break;
      case CID.rxTimingSetup:
        this.set(this.#session.rx1DelayS !== Math.max(bytes[at] & 0x0f, 1));
        this.#session.rx1DelayS = Math.max(bytes[at] & 0x0f, 1);
        answers.add(cid);
        break;
      case CID.txParamSetup:
        if (!this.#region.txParamSetup) break;
        this.set(this.#session.txParams !== (bytes[at] & 0x3f));
        this.#session.txParams = bytes[at] & 0x3f;
        this.#session.fitDataRate();
        answers.add(cid);
        break;
      case CID.dlChannel:
        if (!this.#region.dynamicChannels) break;
        readDlChannelReq(bytes, at, this.#request);
        this.answerChannel(cid, this.#session.plan.dlChannel(this.#request));
        break;
      case CID.deviceTime:
        this.gpsMs = readDeviceTimeAns(bytes, at);
        break;
    }
  }

  private answerChannel(cid: number, status: number): void {
    this.set(status === CHANNEL_ALL_ACK);
    this.#answers.add(cid, status);
  }

  private set(isNew: boolean): void {
    if (isNew) this.#isChanged = true;
  }

  /**
   * All LinkADRReq that follow one another are one request: the masks build on each other, data rate, power and NbTrans are the last one's,
   * and every answer has the same status. Returns whether a command follows the block.
   */
  private linkAdrBlock(bytes: Uint8Array): boolean {
    const reader = this.#reader;
    const request = this.#request;
    const { plan } = this.#session;
    let count = 0;
    let isMaskGood = true;
    let isMore = true;
    plan.beginMask();
    while (isMore && reader.cid === CID.linkAdr) {
      readLinkAdrReq(bytes, reader.at, request);
      isMaskGood = plan.addMask(request.chMaskCntl, request.chMask) && isMaskGood;
      count++;
      isMore = reader.next();
    }
    const status = this.adr
      ? this.takeLinkAdr(isMaskGood && plan.maskHasChannels())
      : this.takeMaskOnly(isMaskGood && plan.maskHasChannels());
    while (count-- > 0) this.#answers.add(CID.linkAdr, status);
    return isMore;
  }

  private takeLinkAdr(isMaskGood: boolean): number {
    const session = this.#session;
    const { dataRate, txPower, nbTrans } = this.#request;
    const newDataRate = dataRate === KEEP ? session.dataRate : dataRate;
    const newTxPower = txPower === KEEP ? session.txPower : txPower;
    const isDataRateGood =
      session.isUplinkDataRate(newDataRate) &&
      // Beside a mask that is refused, the data rate is judged by the channels that stay.
      (isMaskGood ? session.plan.maskSupports(newDataRate) : session.plan.supports(newDataRate));
    const status =
      (isMaskGood ? MASK_ACK : 0) |
      (isDataRateGood ? DATA_RATE_ACK : 0) |
      (newTxPower <= this.#region.maxTxPower ? POWER_ACK : 0);
    if (status !== ALL_ACK) return status;
    const newNbTrans = nbTrans === 0 ? DEFAULT_NB_TRANS : nbTrans;
    this.set(session.dataRate !== newDataRate || session.txPower !== newTxPower || session.nbTrans !== newNbTrans);
    this.set(session.plan.commitMask());
    session.dataRate = newDataRate;
    session.txPower = newTxPower;
    session.nbTrans = newNbTrans;
    return status;
  }

  /** With ADR off the channel mask alone is taken, where it leaves a channel for the data rate that is. */
  private takeMaskOnly(isMaskGood: boolean): number {
    const { plan, dataRate } = this.#session;
    if (!isMaskGood || !plan.maskSupports(dataRate)) return 0;
    this.set(plan.commitMask());
    return MASK_ACK;
  }

  private setUpRxParams(bytes: Uint8Array, at: number): number {
    const request = this.#request;
    const session = this.#session;
    readRxParamSetupReq(bytes, at, request);
    const status =
      (isDownlinkFrequency(this.#region, request.frequencyHz) ? RX2_FREQUENCY_ACK : 0) |
      (isDownlinkDataRate(this.#region, request.rx2DataRate) ? RX2_DATA_RATE_ACK : 0) |
      (this.isOffsetGood(request.rx1DrOffset) ? RX1_OFFSET_ACK : 0);
    if (status === RX_ALL_ACK) {
      this.#isChanged = true;
      session.rx1DrOffset = request.rx1DrOffset;
      session.rx2DataRate = request.rx2DataRate;
      session.rx2FrequencyHz = request.frequencyHz;
    }
    return status;
  }

  /** An offset of the region's table that leads to a data rate that we do. */
  private isOffsetGood(offset: number): boolean {
    const session = this.#session;
    return (
      isRx1DrOffset(this.#region, offset) && isDataRate(this.#region, session.rx1DataRate(session.dataRate, offset))
    );
  }
}
