/**
 * What a device and its network have agreed on, from a join accept until the next: all that TR007 (4.13, 4.14) wants kept through a reset and
 * through the loss of power. The keys are not here: they are derived anew from AppKey and the three values that the join gave, so that record
 * and keys cannot fall apart, wherever the power is cut.
 */
import type { JoinAccept } from "../../wire/lorawan-frame.ts";
import type { StateReader, StateWriter } from "../../wire/state-record.ts";
import { ChannelPlan } from "./channel-plan.ts";
import { isDataRate, isDownlinkDataRate, isRx1DrOffset, type Region, subBandOf } from "./region/region.ts";

/** No downlink was accepted yet. */
export const NO_COUNTER = -1;

/** TXParamSetupReq's MaxEIRP in dBm (5.8). */
const MAX_EIRP_DBM = Object.freeze([8, 10, 12, 13, 14, 16, 18, 20, 21, 24, 26, 27, 29, 30, 33, 36]);
/** Its upper bits: a downlink, an uplink may last 400 ms at most. */
const DOWNLINK_DWELL = 0x20;
const UPLINK_DWELL = 0x10;
/** JoinNonce of a session that no join made: a device that was activated by personalisation (6.3). */
const PERSONALISED = 0xffffffff;
/** A step of TXPower (RP002-1.0.4, every region). */
const TX_POWER_STEP_DB = 2;

export class Session {
  readonly #region: Region;
  readonly plan: ChannelPlan;
  joined = false;
  /** The join that made the session. DevNonce also names the session on flash, for it is never used twice (with ABP: the DevAddr does). */
  devNonce = 0;
  joinNonce = 0;
  netId = 0;
  devAddr = 0;
  /** The counter that the next uplink gets. */
  fCntUp = 0;
  /** Counters below this one are reserved on flash. */
  fCntUpReserved = 0;
  /** Counter of the last downlink accepted. */
  fCntDown = NO_COUNTER;
  dataRate = 0;
  /** TXPower index: 0 is the region's maximum. */
  txPower = 0;
  nbTrans = 1;
  rx1DelayS = 1;
  rx1DrOffset = 0;
  rx2DataRate: number;
  rx2FrequencyHz: number;
  /** DutyCycleReq's exponent. */
  maxDutyCycle = 0;
  /** TXParamSetupReq's byte: dwell times and the maximum EIRP, where the region has it; -1 before. */
  txParams = -1;
  /** New uplinks since the last downlink: ADRACKCnt. */
  uplinksSinceDownlink = 0;

  constructor(region: Region, subBand = 0) {
    this.#region = region;
    this.plan = new ChannelPlan(region, subBand);
    this.rx2DataRate = region.rx2DataRate;
    this.rx2FrequencyHz = region.rx2FrequencyHz;
  }

  /** Begins anew as a join accept says (6.2.6); `dataRate` is the one to begin at. */
  begin(accept: JoinAccept, devNonce: number, dataRate: number): void {
    this.devNonce = devNonce;
    this.joinNonce = accept.joinNonce;
    this.netId = accept.netId;
    this.devAddr = accept.devAddr;
    this.reset(dataRate);
    this.rx1DelayS = accept.rx1DelayS;
    // A value that the region does not have is none of this network's: the default stands.
    if (isRx1DrOffset(this.#region, accept.rx1DrOffset)) this.rx1DrOffset = accept.rx1DrOffset;
    if (isDownlinkDataRate(this.#region, accept.rx2DataRate)) this.rx2DataRate = accept.rx2DataRate;
    if (accept.hasCfList) this.plan.takeCfList(accept.cfList);
    this.fitDataRate();
  }

  /** The session of a device that was activated by personalisation (6.3), with nothing agreed on yet. */
  personalise(devAddr: number, dataRate: number): void {
    this.devNonce = devAddr & 0xffff;
    this.joinNonce = PERSONALISED;
    this.netId = 0;
    this.devAddr = devAddr;
    this.reset(dataRate);
    this.fitDataRate();
  }

  /** True for the session of a personalised device with this address. */
  isPersonalised(devAddr: number): boolean {
    return this.joined && this.joinNonce === PERSONALISED && this.devAddr === devAddr;
  }

  get isJoinedOverTheAir(): boolean {
    return this.joined && this.joinNonce !== PERSONALISED;
  }

  private reset(dataRate: number): void {
    this.joined = true;
    this.fCntUp = 0;
    this.fCntUpReserved = 0;
    this.fCntDown = NO_COUNTER;
    this.dataRate = dataRate;
    this.txPower = 0;
    this.nbTrans = 1;
    this.rx1DelayS = 1;
    this.rx1DrOffset = 0;
    this.rx2DataRate = this.#region.rx2DataRate;
    this.rx2FrequencyHz = this.#region.rx2FrequencyHz;
    this.maxDutyCycle = 0;
    this.txParams = -1;
    this.uplinksSinceDownlink = 0;
    this.plan.reset();
  }

  /** Largest MACPayload of an uplink at `dataRate` now; 0 where none is allowed. */
  maxMacPayload(dataRate: number): number {
    const { uplinkDwell, maxMacPayload, maxMacPayloadDwell } = this.#region;
    const isDwell = this.txParams < 0 ? uplinkDwell : (this.txParams & UPLINK_DWELL) !== 0;
    return (isDwell ? maxMacPayloadDwell : maxMacPayload)[dataRate];
  }

  /** Data rate of RX1 after an uplink at `dataRate`; it may be one that we do not do. */
  rx1DataRate(dataRate: number, offset = this.rx1DrOffset): number {
    const { rx1DataRates, rx1DataRatesDwell } = this.#region;
    const isDwell = this.txParams >= 0 && (this.txParams & DOWNLINK_DWELL) !== 0;
    return (isDwell ? rx1DataRatesDwell : rx1DataRates)[dataRate][offset];
  }

  /** True for a data rate whose uplinks may go out now, and whose answers in RX1 we understand. */
  isUplinkDataRate(dataRate: number): boolean {
    const region = this.#region;
    return (
      dataRate <= region.maxUplinkDataRate &&
      isDataRate(region, dataRate) &&
      this.maxMacPayload(dataRate) > 0 &&
      isDataRate(region, this.rx1DataRate(dataRate))
    );
  }

  /** After a change of the rules: the nearest data rate that they allow, at which a channel is enabled; the slower one first. */
  fitDataRate(): void {
    const { maxUplinkDataRate } = this.#region;
    for (let step = 0; step <= maxUplinkDataRate; step++) {
      for (const dataRate of [this.dataRate - step, this.dataRate + step]) {
        if (dataRate < 0 || !this.isUplinkDataRate(dataRate) || !this.plan.supports(dataRate)) continue;
        this.dataRate = dataRate;
        return;
      }
    }
  }

  /** What the device may radiate on a channel now, in dBm EIRP; `txPower` 0 is the most. */
  eirpDbm(frequencyHz: number, bandwidthHz: number, txPower: number): number {
    const region = this.#region;
    let limit = region.maxEirpDbm;
    if (this.txParams >= 0) limit = Math.min(limit, MAX_EIRP_DBM[this.txParams & 0x0f]);
    const maxDbm = limit - TX_POWER_STEP_DB * txPower;
    const { maxEirpDbm } = region.subBands[subBandOf(region, frequencyHz)];
    return Math.min(maxDbm, maxEirpDbm ?? maxDbm, this.hoppingLimitDbm(bandwidthHz) ?? maxDbm);
  }

  private hoppingLimitDbm(bandwidthHz: number): number | undefined {
    const { wideEirpDbm, manyChannels = 0, fewChannelsEirpDbm } = this.#region;
    if (bandwidthHz === 500_000) return wideEirpDbm;
    return this.plan.narrowChannels < manyChannels ? fewChannelsEirpDbm : undefined;
  }

  /** All but the counters, which have records of their own. */
  save(writer: StateWriter): void {
    writer.u16(regionCode(this.#region));
    writer.bool(this.joined);
    writer.u16(this.devNonce);
    writer.u32(this.joinNonce);
    writer.u32(this.netId);
    writer.u32(this.devAddr);
    writer.u8(this.dataRate);
    writer.u8(this.txPower);
    writer.u8(this.nbTrans);
    writer.u8(this.rx1DelayS);
    writer.u8(this.rx1DrOffset);
    writer.u8(this.rx2DataRate);
    writer.u32(this.rx2FrequencyHz);
    writer.u8(this.maxDutyCycle);
    writer.u16(this.txParams & 0xffff);
    writer.u32(this.uplinksSinceDownlink);
    this.plan.save(writer);
  }

  saveCounters(writer: StateWriter): void {
    writer.u32(this.fCntUp);
    writer.u32(this.fCntUpReserved);
    writer.time(this.fCntDown === NO_COUNTER ? undefined : this.fCntDown);
  }

  restoreCounters(reader: StateReader): void {
    this.fCntUp = reader.u32();
    this.fCntUpReserved = reader.u32();
    this.fCntDown = reader.time() ?? NO_COUNTER;
  }

  /** False, with nothing changed, for the session of another region. */
  restore(reader: StateReader): boolean {
    if (reader.u16() !== regionCode(this.#region)) return false;
    this.joined = reader.bool();
    this.devNonce = reader.u16();
    this.joinNonce = reader.u32();
    this.netId = reader.u32();
    this.devAddr = reader.u32();
    this.dataRate = reader.u8();
    this.txPower = reader.u8();
    this.nbTrans = reader.u8();
    this.rx1DelayS = reader.u8();
    this.rx1DrOffset = reader.u8();
    this.rx2DataRate = reader.u8();
    this.rx2FrequencyHz = reader.u32();
    this.maxDutyCycle = reader.u8();
    const txParams = reader.u16();
    this.txParams = txParams === 0xffff ? -1 : txParams;
    this.uplinksSinceDownlink = reader.u32();
    this.plan.restore(reader);
    return true;
  }
}

/** Tells the regions apart in a record. */
function regionCode(region: Region): number {
  let code = 0;
  for (let i = 0; i < region.name.length; i++) code = (code * 31 + region.name.charCodeAt(i)) & 0xffff;
  return code;
}
