/**
 * What a region says (RP002-1.0.4), as data: the machine knows no region by name. A region with a dynamic channel plan lets the network
 * define channels (EU868, AS923, IN865, KR920); one with a fixed plan has all of them from the start (US915, AU915).
 */
import type { LoraModulation } from "../../../ports/radio.ts";

export interface DataRate {
  readonly spreadingFactor: number;
  readonly bandwidthHz: LoraModulation["bandwidthHz"];
}

/** Channels in a row: `count` of them from `firstHz` on, every `stepHz`. */
export interface ChannelBlock {
  readonly firstHz: number;
  readonly stepHz: number;
  readonly count: number;
  readonly minDataRate: number;
  readonly maxDataRate: number;
}

/** A piece of spectrum with its own rules for uplinks. */
export interface SubBand {
  readonly fromHz: number;
  readonly toHz: number;
  /** Of any hour: 10 is 1 %, 1000 is no limit. */
  readonly dutyCyclePermille: number;
  /** Where less than the region's maximum may be radiated. */
  readonly maxEirpDbm?: number;
}

/**
 * What ChMaskCntl may mean; 0 and more: the mask is for the channels from 16 times this number on. `wideOnly...`: all channels of 125 kHz go on
 * or off and the mask is for those of 500 kHz; `banks`: a bit stands for eight channels of 125 kHz and one of 500 kHz.
 */
export const CHANNEL_MASK = Object.freeze({
  reserved: -1,
  allOn: -2,
  narrowOn: -3,
  narrowOff: -4,
  banks: -5,
} as const);

export interface Region {
  readonly name: string;
  /** How many channels there can be. */
  readonly channelCount: number;
  /**
   * Known and enabled from the start; the network cannot redefine them. Join requests go out on these. A fixed plan is two blocks: 64 channels
   * of 125 kHz in eight banks, then one channel of 500 kHz to each bank.
   */
  readonly defaultChannels: readonly ChannelBlock[];
  /** The network may define channels: NewChannelReq, DlChannelReq, CFList of type 0. Otherwise the plan is fixed: CFList of type 1. */
  readonly dynamicChannels: boolean;
  /** TXParamSetupReq is processed here; elsewhere it is neither processed nor answered (TS001-1.0.4 5.8). */
  readonly txParamSetup: boolean;
  /** No uplink may last longer than 400 ms until the network says otherwise. */
  readonly uplinkDwell: boolean;
  /** By data rate, up and down; undefined where there is none that we do. */
  readonly dataRates: readonly (DataRate | undefined)[];
  /** The highest data rate that may be used for uplinks, the lowest that may be used for downlinks. */
  readonly maxUplinkDataRate: number;
  readonly minDownlinkDataRate: number;
  /** Largest MACPayload (M) of uplinks by data rate, in bytes; the application's share N is 8 less. */
  readonly maxMacPayload: readonly number[];
  /** The same while uplinks may last 400 ms only; 0 where nothing fits. */
  readonly maxMacPayloadDwell: readonly number[];
  /** Largest MACPayload of downlinks by data rate: what is longer is no frame of a network of this region. */
  readonly maxDownlinkMacPayload: readonly number[];
  /** Downlink data rate in RX1 by uplink data rate and RX1DROffset. */
  readonly rx1DataRates: readonly (readonly number[])[];
  /** The same while downlinks may last 400 ms only. */
  readonly rx1DataRatesDwell: readonly (readonly number[])[];
  /** RX1 of a fixed plan: channel number modulo 8 in this block. Absent: RX1 is where the uplink was. */
  readonly rx1Channels?: { readonly firstHz: number; readonly stepHz: number; readonly count: number };
  /** The data rate to fall back to by data rate; -1 at the end. */
  readonly lowerDataRate: readonly number[];
  /**
   * The data rates that join requests walk through. In a fixed plan request i goes to bank i of the walk, and the last one to a channel of
   * 500 kHz; then the walk begins anew.
   */
  readonly joinDataRates: readonly number[];
  readonly rx2FrequencyHz: number;
  readonly rx2DataRate: number;
  readonly minFrequencyHz: number;
  readonly maxFrequencyHz: number;
  readonly maxEirpDbm: number;
  /** Where channels of 500 kHz, or fewer enabled channels of 125 kHz than `manyChannels`, oblige to less (FCC 15.247). */
  readonly wideEirpDbm?: number;
  readonly manyChannels?: number;
  readonly fewChannelsEirpDbm?: number;
  /** At least so many channels of 125 kHz must be enabled for a data rate that uses them. */
  readonly minChannels: number;
  /** The highest TXPower index; each step takes 2 dB off. */
  readonly maxTxPower: number;
  /** By ChMaskCntl, 0 to 7. */
  readonly channelMaskControls: readonly number[];
  readonly subBands: readonly SubBand[];
}

/** A bank of a fixed plan: eight channels of 125 kHz. */
export const BANK_CHANNELS = 8;

/** The sub-band that `frequencyHz` lies in, or -1: not for uplinks. */
export function subBandOf(region: Region, frequencyHz: number): number {
  const { subBands } = region;
  for (let i = 0; i < subBands.length; i++) {
    if (frequencyHz >= subBands[i].fromHz && frequencyHz < subBands[i].toHz) return i;
  }
  return -1;
}

/** How many channels are there from the start. */
export function defaultChannelCount(region: Region): number {
  let count = 0;
  for (let i = 0; i < region.defaultChannels.length; i++) count += region.defaultChannels[i].count;
  return count;
}

/** True for a frequency that the region's gateways may send on. */
export function isDownlinkFrequency(region: Region, frequencyHz: number): boolean {
  const { rx1Channels } = region;
  if (frequencyHz < region.minFrequencyHz || frequencyHz > region.maxFrequencyHz) return false;
  return rx1Channels === undefined || (frequencyHz - rx1Channels.firstHz) % rx1Channels.stepHz === 0;
}

/** True for a data rate that exists in the region and that we do. */
export function isDataRate(region: Region, dataRate: number): boolean {
  return dataRate < region.dataRates.length && region.dataRates[dataRate] !== undefined;
}

/** True for a data rate that downlinks may have. */
export function isDownlinkDataRate(region: Region, dataRate: number): boolean {
  return dataRate >= region.minDownlinkDataRate && isDataRate(region, dataRate);
}

/** True for an RX1DROffset that the region's table has. */
export function isRx1DrOffset(region: Region, offset: number): boolean {
  return offset < region.rx1DataRates[0].length;
}
