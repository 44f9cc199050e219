/**
 * What a region says (RP002-1.0.4), as data: the machine knows no region by name. A region with a dynamic channel plan lets the network
 * define channels (EU868, AS923, IN865, KR920); one with a fixed plan has all of them from the start (US915, AU915).
 */
import type { LoraModulation } from "../../../ports/radio.ts";

export interface DataRate {
  readonly spreadingFactor: number;
  readonly bandwidthHz: LoraModulation["bandwidthHz"];
}

export interface RegionChannel {
  readonly frequencyHz: number;
  readonly minDataRate: number;
  readonly maxDataRate: number;
}

/** A piece of spectrum with its own rules for uplinks. */
export interface SubBand {
  readonly fromHz: number;
  readonly toHz: number;
  /** Of any hour: 10 is 1 %, 1000 is no limit. */
  readonly dutyCyclePermille: number;
}

/** What ChMaskCntl may mean; 0 and more: the mask is for the channels from 16 times this number on. */
export const CHANNEL_MASK = Object.freeze({ reserved: -1, allOn: -2 } as const);

export interface Region {
  readonly name: string;
  /** How many channels there can be. */
  readonly channelCount: number;
  /** Known and enabled from the start; the network cannot redefine them. Join requests go out on these. */
  readonly defaultChannels: readonly RegionChannel[];
  /** The network may define channels: NewChannelReq, DlChannelReq, CFList of type 0. */
  readonly dynamicChannels: boolean;
  /** TXParamSetupReq is processed here; elsewhere it is neither processed nor answered (TS001-1.0.4 5.8). */
  readonly txParamSetup: boolean;
  /** By data rate, up and down; undefined where there is none that we do. */
  readonly dataRates: readonly (DataRate | undefined)[];
  /** The highest data rate that may be used for uplinks. */
  readonly maxUplinkDataRate: number;
  /** Largest MACPayload (M) by data rate, in bytes; the application's share N is 8 less. */
  readonly maxMacPayload: readonly number[];
  /** Downlink data rate in RX1 by uplink data rate and RX1DROffset. */
  readonly rx1DataRates: readonly (readonly number[])[];
  /** The data rate to fall back to by data rate; -1 at the end. */
  readonly lowerDataRate: readonly number[];
  /** The data rates that join requests walk through. */
  readonly joinDataRates: readonly number[];
  readonly rx2FrequencyHz: number;
  readonly rx2DataRate: number;
  readonly minFrequencyHz: number;
  readonly maxFrequencyHz: number;
  readonly maxEirpDbm: number;
  /** The highest TXPower index; each step takes 2 dB off. */
  readonly maxTxPower: number;
  /** By ChMaskCntl, 0 to 7. */
  readonly channelMaskControls: readonly number[];
  readonly subBands: readonly SubBand[];
}

/** The sub-band that `frequencyHz` lies in, or -1: not for uplinks. */
export function subBandOf(region: Region, frequencyHz: number): number {
  const { subBands } = region;
  for (let i = 0; i < subBands.length; i++) {
    if (frequencyHz >= subBands[i].fromHz && frequencyHz < subBands[i].toHz) return i;
  }
  return -1;
}

/** True for a frequency that the region's gateways may send on. */
export function isDownlinkFrequency(region: Region, frequencyHz: number): boolean {
  return frequencyHz >= region.minFrequencyHz && frequencyHz <= region.maxFrequencyHz;
}

/** True for a data rate that exists in the region and that we do. */
export function isDataRate(region: Region, dataRate: number): boolean {
  return dataRate < region.dataRates.length && region.dataRates[dataRate] !== undefined;
}

/** True for an RX1DROffset that the region's table has. */
export function isRx1DrOffset(region: Region, offset: number): boolean {
  return offset < region.rx1DataRates[0].length;
}
