/**
 * The channels of a device: which are defined, which the network enabled, and which comes next. TS001-1.0.4 5.2 (channel masks), 5.6
 * (NewChannelReq, DlChannelReq), RP002-1.0.4 3.3 (CFList, and every enabled channel is used once before any is used again).
 */
import { readU24 } from "../../wire/little-endian.ts";
import type { DlChannelReq, NewChannelReq } from "../../wire/mac-commands.ts";
import type { StateReader, StateWriter } from "../../wire/state-record.ts";
import type { Chance } from "./chance.ts";
import { type DutyCycle, NEVER_MS } from "./duty-cycle.ts";
import { CHANNEL_MASK, isDataRate, isDownlinkFrequency, type Region, subBandOf } from "./region/region.ts";

const CFLIST_CHANNELS = 5;
const CFLIST_MAX_DATA_RATE = 5;
/** NewChannelAns and DlChannelAns, bit 0 and bit 1. */
const FREQUENCY_ACK = 0x01;
const DATA_RATE_ACK = 0x02;
const UPLINK_EXISTS_ACK = 0x02;

export class ChannelPlan {
  readonly #region: Region;
  /** 0 where no channel is defined. */
  readonly frequencyHz: Uint32Array;
  readonly rx1FrequencyHz: Uint32Array;
  readonly #minDataRate: Uint8Array;
  readonly #maxDataRate: Uint8Array;
  readonly #mask: Uint16Array;
  /** The mask that a block of LinkADRReq is building. */
  readonly #candidate: Uint16Array;
  readonly #used: Uint16Array;
  /** When `select` found none free: when the first will be. */
  earliestMs = 0;

  constructor(region: Region) {
    const count = region.channelCount;
    const words = Math.ceil(count / 16);
    this.#region = region;
    this.frequencyHz = new Uint32Array(count);
    this.rx1FrequencyHz = new Uint32Array(count);
    this.#minDataRate = new Uint8Array(count);
    this.#maxDataRate = new Uint8Array(count);
    this.#mask = new Uint16Array(words);
    this.#candidate = new Uint16Array(words);
    this.#used = new Uint16Array(words);
    this.reset();
  }

  /** The default channels and nothing else: before a join, and when a join accept comes. */
  reset(): void {
    this.frequencyHz.fill(0);
    this.#mask.fill(0);
    this.#used.fill(0);
    const { defaultChannels } = this.#region;
    for (let i = 0; i < defaultChannels.length; i++) {
      const { frequencyHz, minDataRate, maxDataRate } = defaultChannels[i];
      this.#define(i, frequencyHz, minDataRate, maxDataRate);
    }
  }

  /** The last step of ADR back-off (4.3.1.1): the default channels are enabled, the others stay as they are. Returns whether any was off. */
  enableDefaults(): boolean {
    let isChanged = false;
    for (let i = 0; i < this.#region.defaultChannels.length; i++) {
      if (!getBit(this.#mask, i)) isChanged = true;
      setBit(this.#mask, i, true);
    }
    return isChanged;
  }

  /** True when an enabled channel allows `dataRate`. */
  supports(dataRate: number): boolean {
    return this.#anySupports(this.#mask, dataRate);
  }

  /**
   * Picks an enabled channel (for joins: a default channel) at random among those that may send now and were not used yet; -1 when there is
   * none, and `earliestMs` tells when there will be.
   */
  select(
    dataRate: number,
    airtimeMs: number,
    nowMs: number,
    join: boolean,
    dutyCycle: DutyCycle,
    chance: Chance,
  ): number {
    const count = join ? this.#region.defaultChannels.length : this.#region.channelCount;
    this.earliestMs = NEVER_MS;
    let fresh = 0;
    let free = 0;
    for (let i = 0; i < count; i++) {
      if (!this.#isFree(i, dataRate, airtimeMs, nowMs, join, dutyCycle)) continue;
      free++;
      if (!getBit(this.#used, i)) fresh++;
    }
    if (free === 0) return -1;
    if (fresh === 0) this.#used.fill(0);
    let skip = chance.below(fresh === 0 ? free : fresh);
    for (let i = 0; i < count; i++) {
      if (getBit(this.#used, i) || !this.#isFree(i, dataRate, airtimeMs, nowMs, join, dutyCycle)) continue;
      if (skip-- > 0) continue;
      setBit(this.#used, i, true);
      return i;
    }
    return -1;
  }

  #isFree(i: number, dataRate: number, airtimeMs: number, nowMs: number, join: boolean, dutyCycle: DutyCycle): boolean {
    if (!(join || getBit(this.#mask, i)) || !this.#allows(i, dataRate)) return false;
    const earliestMs = dutyCycle.earliestMs(this.frequencyHz[i], airtimeMs, nowMs);
    this.earliestMs = Math.min(this.earliestMs, earliestMs);
    return earliestMs <= nowMs;
  }

  /** Begins a block of LinkADRReq at the mask that is. */
  beginMask(): void {
    this.#candidate.set(this.#mask);
  }

  /** Takes one command's mask into the block; false when it may not be (an RFU control, or a channel that is not defined). */
  addMask(control: number, mask: number): boolean {
    const meaning = this.#region.channelMaskControls[control];
    if (meaning === CHANNEL_MASK.allOn) {
      for (let i = 0; i < this.frequencyHz.length; i++) {
        if (this.frequencyHz[i] !== 0) setBit(this.#candidate, i, true);
      }
      return true;
    }
    if (meaning < 0) return false;
    this.#candidate[meaning] = mask;
    for (let bit = 0; bit < 16; bit++) {
      const i = meaning * 16 + bit;
      const isDefined = i < this.frequencyHz.length && this.frequencyHz[i] !== 0;
      if ((mask & (1 << bit)) !== 0 && !isDefined) return false;
    }
    return true;
  }

  /** True when the block leaves a channel on. */
  maskHasChannels(): boolean {
    for (let i = 0; i < this.#candidate.length; i++) if (this.#candidate[i] !== 0) return true;
    return false;
  }

  maskSupports(dataRate: number): boolean {
    return this.#anySupports(this.#candidate, dataRate);
  }

  /** Puts the block's mask in force; returns whether it changed anything. */
  commitMask(): boolean {
    let isChanged = false;
    for (let i = 0; i < this.#mask.length; i++) if (this.#mask[i] !== this.#candidate[i]) isChanged = true;
    this.#mask.set(this.#candidate);
    return isChanged;
  }

  /** NewChannelReq (5.6): defines, changes or (frequency 0) removes a channel. Returns the answer's status byte. */
  newChannel(request: NewChannelReq): number {
    const { index, frequencyHz, minDataRate, maxDataRate } = request;
    if (index < this.#region.defaultChannels.length || index >= this.#region.channelCount) return 0;
    if (frequencyHz === 0) {
      this.#remove(index);
      return FREQUENCY_ACK | DATA_RATE_ACK;
    }
    const status =
      (subBandOf(this.#region, frequencyHz) < 0 ? 0 : FREQUENCY_ACK) |
      (this.#isDataRateRange(minDataRate, maxDataRate) ? DATA_RATE_ACK : 0);
    if (status === (FREQUENCY_ACK | DATA_RATE_ACK)) this.#define(index, frequencyHz, minDataRate, maxDataRate);
    return status;
  }

  #isDataRateRange(min: number, max: number): boolean {
    const { maxUplinkDataRate } = this.#region;
    return min <= max && max <= maxUplinkDataRate && isDataRate(this.#region, min) && isDataRate(this.#region, max);
  }

  #remove(index: number): void {
    this.frequencyHz[index] = 0;
    setBit(this.#mask, index, false);
    // A device must never be left without a channel: the defaults come back.
    this.#candidate.set(this.#mask);
    if (!this.maskHasChannels()) this.enableDefaults();
  }

  /** DlChannelReq (5.6): another frequency for RX1. Returns the answer's status byte. */
  dlChannel(request: DlChannelReq): number {
    const { index, frequencyHz } = request;
    const status =
      (isDownlinkFrequency(this.#region, frequencyHz) ? FREQUENCY_ACK : 0) |
      (index < this.#region.channelCount && this.frequencyHz[index] !== 0 ? UPLINK_EXISTS_ACK : 0);
    if (status === (FREQUENCY_ACK | UPLINK_EXISTS_ACK)) this.rx1FrequencyHz[index] = frequencyHz;
    return status;
  }

  /** The CFList of a join accept, type 0: up to five channels behind the default ones, each checked as NewChannelReq is. */
  takeCfList(cfList: Uint8Array): void {
    if (!this.#region.dynamicChannels || cfList[15] !== 0) return;
    const first = this.#region.defaultChannels.length;
    for (let i = 0; i < CFLIST_CHANNELS; i++) {
      const frequencyHz = readU24(cfList, 3 * i) * 100;
      if (subBandOf(this.#region, frequencyHz) >= 0) this.#define(first + i, frequencyHz, 0, CFLIST_MAX_DATA_RATE);
    }
  }

  #define(index: number, frequencyHz: number, minDataRate: number, maxDataRate: number): void {
    this.frequencyHz[index] = frequencyHz;
    this.rx1FrequencyHz[index] = frequencyHz;
    this.#minDataRate[index] = minDataRate;
    this.#maxDataRate[index] = maxDataRate;
    setBit(this.#mask, index, true);
  }

  #allows(index: number, dataRate: number): boolean {
    return (
      this.frequencyHz[index] !== 0 && dataRate >= this.#minDataRate[index] && dataRate <= this.#maxDataRate[index]
    );
  }

  #anySupports(mask: Uint16Array, dataRate: number): boolean {
    for (let i = 0; i < this.frequencyHz.length; i++) if (getBit(mask, i) && this.#allows(i, dataRate)) return true;
    return false;
  }

  /** Default channels are the region's; what the network defined is written down, and the masks. */
  save(writer: StateWriter): void {
    for (let i = 0; i < this.#mask.length; i++) writer.u16(this.#mask[i]);
    for (let i = 0; i < this.#used.length; i++) writer.u16(this.#used[i]);
    if (!this.#region.dynamicChannels) return;
    for (let i = 0; i < this.frequencyHz.length; i++) {
      writer.u32(this.frequencyHz[i]);
      writer.u32(this.rx1FrequencyHz[i]);
      writer.u8((this.#maxDataRate[i] << 4) | this.#minDataRate[i]);
    }
  }

  restore(reader: StateReader): void {
    for (let i = 0; i < this.#mask.length; i++) this.#mask[i] = reader.u16();
    for (let i = 0; i < this.#used.length; i++) this.#used[i] = reader.u16();
    if (!this.#region.dynamicChannels) return;
    for (let i = 0; i < this.frequencyHz.length; i++) {
      this.frequencyHz[i] = reader.u32();
      this.rx1FrequencyHz[i] = reader.u32();
      const range = reader.u8();
      this.#minDataRate[i] = range & 0x0f;
      this.#maxDataRate[i] = range >>> 4;
    }
  }
}

function getBit(mask: Uint16Array, i: number): boolean {
  return (mask[i >>> 4] & (1 << (i & 15))) !== 0;
}

function setBit(mask: Uint16Array, i: number, on: boolean): void {
  const bit = 1 << (i & 15);
  mask[i >>> 4] = on ? mask[i >>> 4] | bit : mask[i >>> 4] & ~bit;
}
