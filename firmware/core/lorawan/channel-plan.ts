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
import { clearSet, copySet, getBit, isEmptySet, SET_BITS, setBit } from "./channel-mask.ts";
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
/** The columns of a channel: 0 Hz where none is defined; the highest data rate in the upper four bits, the lowest in the lower ones. */
const FREQUENCY = 0;
const RX1_FREQUENCY = 1;
const DATA_RATES = 2;
const COLUMNS = 3;
/** The sets: channels the network enabled, the mask that a block of LinkADRReq is building, channels used in this round. */
const ENABLED = 0;
const CANDIDATE = SET_BITS;
const USED = 2 * SET_BITS;
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
  /** Of a dynamic plan, the columns of each channel; a fixed plan needs none. In one array: an array of its own takes seven slots more. */
  readonly #channels: Uint32Array;
  /** Three sets of channels: ENABLED, CANDIDATE and USED tell where each begins. */
  readonly #sets = new Uint16Array((3 * SET_BITS) / 16);
  /** When `select` found none free: when the first will be. */
  earliestMs = 0;

  constructor(region: Region, subBand = 0) {
    const { channelCount, dynamicChannels, defaultChannels } = region;
    this.#region = region;
    this.#subBand = dynamicChannels ? 0 : subBand;
    this.#defaultCount = defaultChannelCount(region);
    this.#narrowCount = dynamicChannels ? channelCount : defaultChannels[0].count;
    this.#channels = new Uint32Array(dynamicChannels ? channelCount * COLUMNS : 0);
    this.reset();
  }

  /** The default channels and nothing else: before a join, and when a join accept comes. */
  reset(): void {
    for (let at = FREQUENCY; at < this.#channels.length; at += COLUMNS) this.#channels[at] = 0;
    clearSet(this.#sets, ENABLED);
    clearSet(this.#sets, USED);
    for (let i = 0; i < this.#defaultCount; i++) {
      if (this.#region.dynamicChannels) this.define(i, this.defaultHz(i), this.defaultDataRates(i));
    }
    this.enableDefaults();
  }

  /** The last step of ADR back-off (4.3.1.1): the default channels are enabled, the others stay as they are. Returns whether any was off. */
  enableDefaults(): boolean {
    let isChanged = false;
    for (let i = 0; i < this.#defaultCount; i++) {
      if (!this.isInSubBand(i)) continue;
      if (!this.isIn(ENABLED, i)) isChanged = true;
      this.put(ENABLED, i, true);
    }
    return isChanged;
  }

  /** 0 where no channel is defined. */
  frequencyHz(i: number): number {
    return this.#region.dynamicChannels ? this.#channels[i * COLUMNS + FREQUENCY] : this.defaultHz(i);
  }

  /** Where RX1 listens after an uplink on channel `i`. */
  rx1FrequencyHz(i: number): number {
    const { rx1Channels } = this.#region;
    if (rx1Channels !== undefined) return rx1Channels.firstHz + (i % rx1Channels.count) * rx1Channels.stepHz;
    return this.#channels[i * COLUMNS + RX1_FREQUENCY];
  }

  /** True when an enabled channel allows `dataRate`. */
  supports(dataRate: number): boolean {
    return this.anySupports(ENABLED, dataRate);
  }

  /** Enabled channels of 125 kHz: what may be radiated depends on it in some regions. */
  get narrowChannels(): number {
    return this.countNarrow(ENABLED);
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
      if (!this.isFree(i, dataRate, airtimeMs, nowMs, joinBank, dutyCycle)) continue;
      free++;
      if (!this.isIn(USED, i)) fresh++;
    }
    if (free === 0) return -1;
    // All of them were used: their round begins anew. Channels of other data rates and bandwidths have rounds of their own.
    for (let i = 0; fresh === 0 && i < count; i++) {
      if (this.isFree(i, dataRate, airtimeMs, nowMs, joinBank, dutyCycle)) this.put(USED, i, false);
    }
    let skip = chance.below(fresh === 0 ? free : fresh);
    for (let i = 0; i < count; i++) {
      if (this.isIn(USED, i) || !this.isFree(i, dataRate, airtimeMs, nowMs, joinBank, dutyCycle)) continue;
      if (skip-- > 0) continue;
      this.put(USED, i, true);
      return i;
    }
    return -1;
  }

  private isFree(
    i: number,
    dataRate: number,
    airtimeMs: number,
    nowMs: number,
    joinBank: number,
    dutyCycle: DutyCycle,
  ): boolean {
    const isOpen = joinBank === NO_JOIN ? this.isIn(ENABLED, i) : this.isInJoinBank(i, joinBank);
    if (!isOpen || !this.allows(i, dataRate)) return false;
    const earliestMs = dutyCycle.earliestMs(this.frequencyHz(i), airtimeMs, nowMs);
    this.earliestMs = Math.min(this.earliestMs, earliestMs);
    return earliestMs <= nowMs;
  }

  private isInJoinBank(i: number, joinBank: number): boolean {
    if (this.#region.dynamicChannels) return true;
    if (this.#subBand > 0) return this.isInSubBand(i);
    return i >= this.#narrowCount || joinBank === ANY_BANK || this.bankOf(i) === joinBank;
  }

  /** Begins a block of LinkADRReq at the mask that is. */
  beginMask(): void {
    copySet(this.#sets, ENABLED, CANDIDATE);
  }

  /** Takes one command's mask into the block; false when it may not be (an RFU control, or a channel that is not defined). */
  addMask(control: number, mask: number): boolean {
    const meaning = this.#region.channelMaskControls[control];
    const count = this.#region.channelCount;
    if (meaning === CHANNEL_MASK.reserved) return false;
    if (meaning === CHANNEL_MASK.allOn) {
      for (let i = 0; i < count; i++) if (this.frequencyHz(i) !== 0) this.put(CANDIDATE, i, true);
      return true;
    }
    if (meaning === CHANNEL_MASK.banks) {
      for (let i = 0; i < count; i++) this.put(CANDIDATE, i, (mask & (1 << this.bankOf(i))) !== 0);
      return true;
    }
    if (meaning < 0) {
      for (let i = 0; i < this.#narrowCount; i++) this.put(CANDIDATE, i, meaning === CHANNEL_MASK.narrowOn);
      for (let i = this.#narrowCount; i < count; i++) {
        this.put(CANDIDATE, i, (mask & (1 << (i - this.#narrowCount))) !== 0);
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
      this.put(CANDIDATE, i, isOn);
    }
    return isGood;
  }

  /** True when the block leaves a channel on, and enough of 125 kHz to hop over if any. */
  maskHasChannels(): boolean {
    const narrow = this.countNarrow(CANDIDATE);
    if (narrow > 0) return narrow >= this.#region.minChannels;
    return !isEmptySet(this.#sets, CANDIDATE);
  }

  maskSupports(dataRate: number): boolean {
    return this.anySupports(CANDIDATE, dataRate);
  }

  /** Puts the block's mask in force; returns whether it changed anything. The round over all channels begins anew then. */
  commitMask(): boolean {
    const isChanged = copySet(this.#sets, CANDIDATE, ENABLED);
    if (isChanged) clearSet(this.#sets, USED);
    return isChanged;
  }

  /** NewChannelReq (5.6): defines, changes or (frequency 0) removes a channel. Returns the answer's status byte. */
  newChannel(request: NewChannelReq): number {
    const { index, frequencyHz, minDataRate, maxDataRate } = request;
    if (index < this.#defaultCount || index >= this.#region.channelCount) return 0;
    if (frequencyHz === 0) {
      this.remove(index);
      return FREQUENCY_ACK | DATA_RATE_ACK;
    }
    const status =
      (subBandOf(this.#region, frequencyHz) < 0 ? 0 : FREQUENCY_ACK) |
      (this.isDataRateRange(minDataRate, maxDataRate) ? DATA_RATE_ACK : 0);
    if (status === (FREQUENCY_ACK | DATA_RATE_ACK)) this.define(index, frequencyHz, (maxDataRate << 4) | minDataRate);
    return status;
  }

  private isDataRateRange(min: number, max: number): boolean {
    const { maxUplinkDataRate } = this.#region;
    return min <= max && max <= maxUplinkDataRate && isDataRate(this.#region, min) && isDataRate(this.#region, max);
  }

  private remove(index: number): void {
    this.#channels[index * COLUMNS + FREQUENCY] = 0;
    this.put(ENABLED, index, false);
    // A device must never be left without a channel: the defaults come back.
    copySet(this.#sets, ENABLED, CANDIDATE);
    if (!this.maskHasChannels()) this.enableDefaults();
  }

  /** DlChannelReq (5.6): another frequency for RX1. Returns the answer's status byte. */
  dlChannel(request: DlChannelReq): number {
    const { index, frequencyHz } = request;
    const status =
      (isDownlinkFrequency(this.#region, frequencyHz) ? FREQUENCY_ACK : 0) |
      (index < this.#region.channelCount && this.#channels[index * COLUMNS + FREQUENCY] !== 0 ? UPLINK_EXISTS_ACK : 0);
    if (status === (FREQUENCY_ACK | UPLINK_EXISTS_ACK)) {
      this.#channels[index * COLUMNS + RX1_FREQUENCY] = frequencyHz;
    }
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
        this.define(this.#defaultCount + i, frequencyHz, CFLIST_MAX_DATA_RATE << 4);
      }
    } else if (!dynamicChannels && cfList[CFLIST_TYPE_AT] === CFLIST_MASKS) {
      this.beginMask();
      for (let word = 0; word < this.setWords; word++) this.addMask(word, readU16(cfList, 2 * word));
      if (this.maskHasChannels()) this.commitMask();
    }
  }

  /** `dataRates`: the highest in the upper four bits, the lowest in the lower ones. */
  private define(index: number, frequencyHz: number, dataRates: number): void {
    const at = index * COLUMNS;
    this.#channels[at + FREQUENCY] = frequencyHz;
    this.#channels[at + RX1_FREQUENCY] = frequencyHz;
    this.#channels[at + DATA_RATES] = dataRates;
    this.put(ENABLED, index, true);
  }

  private allows(index: number, dataRate: number): boolean {
    if (this.frequencyHz(index) === 0) return false;
    const range = this.#region.dynamicChannels
      ? this.#channels[index * COLUMNS + DATA_RATES]
      : this.defaultDataRates(index);
    return dataRate >= (range & 0x0f) && dataRate <= range >>> 4;
  }

  private anySupports(set: number, dataRate: number): boolean {
    for (let i = 0; i < this.#region.channelCount; i++) if (this.isIn(set, i) && this.allows(i, dataRate)) return true;
    return false;
  }

  private countNarrow(set: number): number {
    let count = 0;
    for (let i = 0; i < this.#narrowCount; i++) if (this.isIn(set, i)) count++;
    return count;
  }

  private bankOf(i: number): number {
    return i < this.#narrowCount ? Math.floor(i / BANK_CHANNELS) : i - this.#narrowCount;
  }

  private isInSubBand(i: number): boolean {
    return this.#subBand === 0 || this.bankOf(i) === this.#subBand - 1;
  }

  private defaultHz(index: number): number {
    const { defaultChannels } = this.#region;
    for (let block = 0, i = index; block < defaultChannels.length; block++) {
      const { firstHz, stepHz, count } = defaultChannels[block];
      if (i < count) return firstHz + i * stepHz;
      i -= count;
    }
    return 0;
  }

  private defaultDataRates(index: number): number {
    const { defaultChannels } = this.#region;
    for (let block = 0, i = index; block < defaultChannels.length; block++) {
      const { count, minDataRate, maxDataRate } = defaultChannels[block];
      if (i < count) return (maxDataRate << 4) | minDataRate;
      i -= count;
    }
    return 0;
  }

  private isIn(set: number, i: number): boolean {
    return getBit(this.#sets, set + i);
  }

  private put(set: number, i: number, isIn: boolean): void {
    setBit(this.#sets, set + i, isIn);
  }

  /** Words that the region's channels take of a set. */
  private get setWords(): number {
    return Math.ceil(this.#region.channelCount / 16);
  }

  /** Default channels are the region's; what the network defined is written down, and the masks. */
  save(writer: StateWriter): void {
    for (let i = 0; i < this.setWords; i++) writer.u16(this.#sets[ENABLED / 16 + i]);
    for (let i = 0; i < this.setWords; i++) writer.u16(this.#sets[USED / 16 + i]);
    for (let at = 0; at < this.#channels.length; at += COLUMNS) {
      writer.u32(this.#channels[at + FREQUENCY]);
      writer.u32(this.#channels[at + RX1_FREQUENCY]);
      writer.u8(this.#channels[at + DATA_RATES]);
    }
  }

  restore(reader: StateReader): void {
    for (let i = 0; i < this.setWords; i++) this.#sets[ENABLED / 16 + i] = reader.u16();
    for (let i = 0; i < this.setWords; i++) this.#sets[USED / 16 + i] = reader.u16();
    for (let at = 0; at < this.#channels.length; at += COLUMNS) {
      this.#channels[at + FREQUENCY] = reader.u32();
      this.#channels[at + RX1_FREQUENCY] = reader.u32();
      this.#channels[at + DATA_RATES] = reader.u8();
    }
  }
}
