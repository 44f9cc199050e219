/**
 * The channels of a device: which are defined, which the network enabled, and which comes next. TS001-1.0.4 5.2 (channel masks), 5.6
 * (NewChannelReq, DlChannelReq), RP002-1.0.4 3.3 (CFList, and every enabled channel is used once before any is used again; join
 * requests of a fixed plan go from bank to bank).
 *
 * A node in a fixed plan may be told its network's sub-band (1 to 8: a bank of eight channels and its channel of 500 kHz): then the others are
 * as if they were no default channels, until the network enables them.
 */
import { readU16, readU24 } from "../../wire/little-endian.ts";
import type { DlChannelReq, NewChannelReq } from "../../wire/mac-commands.ts";
import type { StateReader, StateWriter } from "../../wire/state-record.ts";
import type { Chance } from "./chance.ts";
import { getBit, replaceMask, setBit } from "./channel-mask.ts";
import { type DutyCycle, NEVER_MS } from "./duty-cycle.ts";
import {
  BANK_CHANNELS,
  CHANNEL_MASK,
  defaultChannelCount,
  isDataRate,
  isDownlinkFrequency,
  type Region,
  subBandOf,
} from "./region/region.ts";

const CFLIST_CHANNELS = 5;
const CFLIST_MAX_DATA_RATE = 5;
const CFLIST_FREQUENCIES = 0;
const CFLIST_MASKS = 1;
const CFLIST_TYPE_AT = 15;
/** NewChannelAns and DlChannelAns, bit 0 and bit 1. */
const FREQUENCY_ACK = 0x01;
const DATA_RATE_ACK = 0x02;
const UPLINK_EXISTS_ACK = 0x02;
/** No join: any enabled channel. For joins, the bank to probe; ANY_BANK where that does not matter. */
export const NO_JOIN = -2;
export const ANY_BANK = -1;

export class ChannelPlan {
  readonly #region: Region;
  /** 0: no sub-band was chosen. */
  readonly #subBand: number;
  readonly #defaultCount: number;
  /** Channels of 125 kHz in a fixed plan; all of them elsewhere. */
  readonly #narrowCount: number;
  /** Of a dynamic plan; 0 where no channel is defined. A fixed plan needs none of these. */
  readonly #frequencyHz: Uint32Array;
  readonly #rx1FrequencyHz: Uint32Array;
  readonly #dataRates: Uint8Array;
  readonly #mask: Uint16Array;
  /** The mask that a block of LinkADRReq is building. */
  readonly #candidate: Uint16Array;
  readonly #used: Uint16Array;
  /** When `select` found none free: when the first will be. */
  earliestMs = 0;

  constructor(region: Region, subBand = 0) {
    const { channelCount, dynamicChannels, defaultChannels } = region;
    const words = Math.ceil(channelCount / 16);
    const own = dynamicChannels ? channelCount : 0;
    this.#region = region;
    this.#subBand = dynamicChannels ? 0 : subBand;
    this.#defaultCount = defaultChannelCount(region);
    this.#narrowCount = dynamicChannels ? channelCount : defaultChannels[0].count;
    this.#frequencyHz = new Uint32Array(own);
    this.#rx1FrequencyHz = new Uint32Array(own);
    this.#dataRates = new Uint8Array(own);
    this.#mask = new Uint16Array(words);
    this.#candidate = new Uint16Array(words);
    this.#used = new Uint16Array(words);
    this.reset();
  }

  /** The default channels and nothing else: before a join, and when a join accept comes. */
  reset(): void {
    this.#frequencyHz.fill(0);
    this.#mask.fill(0);
    this.#used.fill(0);
    for (let i = 0; i < this.#defaultCount; i++) {
      if (this.#region.dynamicChannels) this.#define(i, this.#defaultHz(i), this.#defaultDataRates(i));
    }
    this.enableDefaults();
  }

  /** The last step of ADR back-off (4.3.1.1): the default channels are enabled, the others stay as they are. Returns whether any was off. */
  enableDefaults(): boolean {
    let isChanged = false;
    for (let i = 0; i < this.#defaultCount; i++) {
      if (!this.#isInSubBand(i)) continue;
      if (!getBit(this.#mask, i)) isChanged = true;
      setBit(this.#mask, i, true);
    }
    return isChanged;
  }

  /** 0 where no channel is defined. */
  frequencyHz(i: number): number {
    return this.#region.dynamicChannels ? this.#frequencyHz[i] : this.#defaultHz(i);
  }

  /** Where RX1 listens after an uplink on channel `i`. */
  rx1FrequencyHz(i: number): number {
    const { rx1Channels } = this.#region;
    if (rx1Channels !== undefined) return rx1Channels.firstHz + (i % rx1Channels.count) * rx1Channels.stepHz;
    return this.#rx1FrequencyHz[i];
  }

  /** True when an enabled channel allows `dataRate`. */
  supports(dataRate: number): boolean {
    return this.#anySupports(this.#mask, dataRate);
  }

  /** Enabled channels of 125 kHz: what may be radiated depends on it in some regions. */
  get narrowChannels(): number {
    return this.#countNarrow(this.#mask);
  }

  /**
   * Picks an enabled channel (for joins: a default channel, in a fixed plan of bank `joinBank`) at random among those that may send now and
   * were not used yet; -1 when there is none, and `earliestMs` tells when there will be.
   */
  select(
    dataRate: number,
    airtimeMs: number,
    nowMs: number,
    joinBank: number,
    dutyCycle: DutyCycle,
    chance: Chance,
  ): number {
    const count = joinBank === NO_JOIN ? this.#region.channelCount : this.#defaultCount;
    this.earliestMs = NEVER_MS;
    let fresh = 0;
    let free = 0;
    for (let i = 0; i < count; i++) {
      if (!this.#isFree(i, dataRate, airtimeMs, nowMs, joinBank, dutyCycle)) continue;
      free++;
      if (!getBit(this.#used, i)) fresh++;
    }
    if (free === 0) return -1;
    // All of them were used: their round begins anew. Channels of other data rates and bandwidths have rounds of their own.
    for (let i = 0; fresh === 0 && i < count; i++) {
      if (this.#isFree(i, dataRate, airtimeMs, nowMs, joinBank, dutyCycle)) setBit(this.#used, i, false);
    }
    let skip = chance.below(fresh === 0 ? free : fresh);
    for (let i = 0; i < count; i++) {
      if (getBit(this.#used, i) || !this.#isFree(i, dataRate, airtimeMs, nowMs, joinBank, dutyCycle)) continue;
      if (skip-- > 0) continue;
      setBit(this.#used, i, true);
      return i;
    }
    return -1;
  }

  #isFree(
    i: number,
    dataRate: number,
    airtimeMs: number,
    nowMs: number,
    joinBank: number,
    dutyCycle: DutyCycle,
  ): boolean {
    const isOpen = joinBank === NO_JOIN ? getBit(this.#mask, i) : this.#isInJoinBank(i, joinBank);
    if (!isOpen || !this.#allows(i, dataRate)) return false;
    const earliestMs = dutyCycle.earliestMs(this.frequencyHz(i), airtimeMs, nowMs);
    this.earliestMs = Math.min(this.earliestMs, earliestMs);
    return earliestMs <= nowMs;
  }

  #isInJoinBank(i: number, joinBank: number): boolean {
    if (this.#region.dynamicChannels) return true;
    if (this.#subBand > 0) return this.#isInSubBand(i);
    return i >= this.#narrowCount || joinBank === ANY_BANK || this.#bankOf(i) === joinBank;
  }

  /** Begins a block of LinkADRReq at the mask that is. */
  beginMask(): void {
    this.#candidate.set(this.#mask);
  }

  /** Takes one command's mask into the block; false when it may not be (an RFU control, or a channel that is not defined). */
  addMask(control: number, mask: number): boolean {
    const meaning = this.#region.channelMaskControls[control];
    const count = this.#region.channelCount;
    if (meaning === CHANNEL_MASK.reserved) return false;
    if (meaning === CHANNEL_MASK.allOn) {
      for (let i = 0; i < count; i++) if (this.frequencyHz(i) !== 0) setBit(this.#candidate, i, true);
      return true;
    }
    if (meaning === CHANNEL_MASK.banks) {
      for (let i = 0; i < count; i++) setBit(this.#candidate, i, (mask & (1 << this.#bankOf(i))) !== 0);
      return true;
    }
    if (meaning < 0) {
      for (let i = 0; i < this.#narrowCount; i++) setBit(this.#candidate, i, meaning === CHANNEL_MASK.narrowOn);
      for (let i = this.#narrowCount; i < count; i++) {
        setBit(this.#candidate, i, (mask & (1 << (i - this.#narrowCount))) !== 0);
      }
      return true;
    }
    let isGood = true;
    for (let bit = 0; bit < 16; bit++) {
      const i = meaning * 16 + bit;
      const isOn = (mask & (1 << bit)) !== 0;
      // Bits behind the last channel are RFU.
      if (i >= count) break;
      if (isOn && this.frequencyHz(i) === 0) isGood = false;
      setBit(this.#candidate, i, isOn);
    }
    return isGood;
  }

  /** True when the block leaves a channel on, and enough of 125 kHz to hop over if any. */
  maskHasChannels(): boolean {
    const narrow = this.#countNarrow(this.#candidate);
    if (narrow > 0) return narrow >= this.#region.minChannels;
    for (let i = 0; i < this.#candidate.length; i++) if (this.#candidate[i] !== 0) return true;
    return false;
  }

  maskSupports(dataRate: number): boolean {
    return this.#anySupports(this.#candidate, dataRate);
  }

  /** Puts the block's mask in force; returns whether it changed anything. The round over all channels begins anew then. */
  commitMask(): boolean {
    const isChanged = replaceMask(this.#mask, this.#candidate);
    if (isChanged) this.#used.fill(0);
    return isChanged;
  }

  /** NewChannelReq (5.6): defines, changes or (frequency 0) removes a channel. Returns the answer's status byte. */
  newChannel(request: NewChannelReq): number {
    const { index, frequencyHz, minDataRate, maxDataRate } = request;
    if (index < this.#defaultCount || index >= this.#region.channelCount) return 0;
    if (frequencyHz === 0) {
      this.#remove(index);
      return FREQUENCY_ACK | DATA_RATE_ACK;
    }
    const status =
      (subBandOf(this.#region, frequencyHz) < 0 ? 0 : FREQUENCY_ACK) |
      (this.#isDataRateRange(minDataRate, maxDataRate) ? DATA_RATE_ACK : 0);
    if (status === (FREQUENCY_ACK | DATA_RATE_ACK)) this.#define(index, frequencyHz, (maxDataRate << 4) | minDataRate);
    return status;
  }

  #isDataRateRange(min: number, max: number): boolean {
    const { maxUplinkDataRate } = this.#region;
    return min <= max && max <= maxUplinkDataRate && isDataRate(this.#region, min) && isDataRate(this.#region, max);
  }

  #remove(index: number): void {
    this.#frequencyHz[index] = 0;
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
      (index < this.#region.channelCount && this.#frequencyHz[index] !== 0 ? UPLINK_EXISTS_ACK : 0);
    if (status === (FREQUENCY_ACK | UPLINK_EXISTS_ACK)) this.#rx1FrequencyHz[index] = frequencyHz;
    return status;
  }

  /**
   * The CFList of a join accept. Type 0: up to five channels behind the default ones, each checked as NewChannelReq is. Type 1, for fixed plans:
   * channel masks, checked as LinkADRReq's are.
   */
  takeCfList(cfList: Uint8Array): void {
    const { dynamicChannels } = this.#region;
    if (dynamicChannels && cfList[CFLIST_TYPE_AT] === CFLIST_FREQUENCIES) {
      for (let i = 0; i < CFLIST_CHANNELS; i++) {
        const frequencyHz = readU24(cfList, 3 * i) * 100;
        if (subBandOf(this.#region, frequencyHz) < 0) continue;
        this.#define(this.#defaultCount + i, frequencyHz, CFLIST_MAX_DATA_RATE << 4);
      }
    } else if (!dynamicChannels && cfList[CFLIST_TYPE_AT] === CFLIST_MASKS) {
      this.beginMask();
      for (let word = 0; word < this.#mask.length; word++) this.addMask(word, readU16(cfList, 2 * word));
      if (this.maskHasChannels()) this.commitMask();
    }
  }

  /** `dataRates`: the highest in the upper four bits, the lowest in the lower ones. */
  #define(index: number, frequencyHz: number, dataRates: number): void {
    this.#frequencyHz[index] = frequencyHz;
    this.#rx1FrequencyHz[index] = frequencyHz;
    this.#dataRates[index] = dataRates;
    setBit(this.#mask, index, true);
  }

  #allows(index: number, dataRate: number): boolean {
    if (this.frequencyHz(index) === 0) return false;
    const range = this.#region.dynamicChannels ? this.#dataRates[index] : this.#defaultDataRates(index);
    return dataRate >= (range & 0x0f) && dataRate <= range >>> 4;
  }

  #anySupports(mask: Uint16Array, dataRate: number): boolean {
    for (let i = 0; i < this.#region.channelCount; i++) if (getBit(mask, i) && this.#allows(i, dataRate)) return true;
    return false;
  }

  #countNarrow(mask: Uint16Array): number {
    let count = 0;
    for (let i = 0; i < this.#narrowCount; i++) if (getBit(mask, i)) count++;
    return count;
  }

  #bankOf(i: number): number {
    return i < this.#narrowCount ? Math.floor(i / BANK_CHANNELS) : i - this.#narrowCount;
  }

  #isInSubBand(i: number): boolean {
    return this.#subBand === 0 || this.#bankOf(i) === this.#subBand - 1;
  }

  #defaultHz(index: number): number {
    const { defaultChannels } = this.#region;
    for (let block = 0, i = index; block < defaultChannels.length; block++) {
      const { firstHz, stepHz, count } = defaultChannels[block];
      if (i < count) return firstHz + i * stepHz;
      i -= count;
    }
    return 0;
  }

  #defaultDataRates(index: number): number {
    const { defaultChannels } = this.#region;
    for (let block = 0, i = index; block < defaultChannels.length; block++) {
      const { count, minDataRate, maxDataRate } = defaultChannels[block];
      if (i < count) return (maxDataRate << 4) | minDataRate;
      i -= count;
    }
    return 0;
  }

  /** Default channels are the region's; what the network defined is written down, and the masks. */
  save(writer: StateWriter): void {
    for (let i = 0; i < this.#mask.length; i++) writer.u16(this.#mask[i]);
    for (let i = 0; i < this.#used.length; i++) writer.u16(this.#used[i]);
    for (let i = 0; i < this.#frequencyHz.length; i++) {
      writer.u32(this.#frequencyHz[i]);
      writer.u32(this.#rx1FrequencyHz[i]);
      writer.u8(this.#dataRates[i]);
    }
  }

  restore(reader: StateReader): void {
    for (let i = 0; i < this.#mask.length; i++) this.#mask[i] = reader.u16();
    for (let i = 0; i < this.#used.length; i++) this.#used[i] = reader.u16();
    for (let i = 0; i < this.#frequencyHz.length; i++) {
      this.#frequencyHz[i] = reader.u32();
      this.#rx1FrequencyHz[i] = reader.u32();
      this.#dataRates[i] = reader.u8();
    }
  }
}
