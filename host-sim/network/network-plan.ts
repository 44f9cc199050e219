/** What a network adds to a region's rules: the channels it runs beside the default ones, and the power of its gateways. */
import { REGIONS } from "../../firmware/core/lorawan/region/index.ts";
import { BANK_CHANNELS, type Region } from "../../firmware/core/lorawan/region/region.ts";
import type { LoraModulation } from "../../firmware/ports/radio.ts";

const CFLIST_BYTES = 16;
const CFLIST_TYPE_AT = 15;
const CFLIST_MASKS = 1;
/** MACPayload without FHDR (7) and FPort (1) is the application's share. */
const HEADER_BYTES = 8;
/** A network that repeaters may belong to sends no more than this (RP002-1.0.4). */
const MAX_MAC_PAYLOAD = 230;
const DOWNLINK_PREAMBLE_SYMBOLS = 8;
const PUBLIC_SYNC_WORD = 0x34;
/** ChMaskCntl 5 of the fixed plans: a bit stands for a bank of eight channels and its channel of 500 kHz. */
const BANKS_CONTROL = 5;
/** The sub-band that most networks in the United States and Australia run: channels 8 to 15 and 65. */
const USUAL_SUB_BAND = 2;

/** Channels that networks add to the default ones, up to the eight that a gateway listens on; for AS923 as offsets to the first channel. */
const MORE_CHANNELS_HZ: Readonly<Record<string, readonly number[]>> = Object.freeze({
  EU868: Object.freeze([867_100_000, 867_300_000, 867_500_000, 867_700_000, 867_900_000]),
  KR920: Object.freeze([922_700_000, 922_900_000, 923_100_000, 923_300_000]),
});
const AS923_MORE_OFFSETS_HZ = Object.freeze([400_000, 600_000, 800_000, 1_000_000, 1_200_000]);

/** What gateways radiate (e.i.r.p. in whole dBm). ETSI EN 300 220-2 annex B: 500 mW e.r.p. in this band, 25 mW elsewhere. */
const EU868_STRONG_BAND_HZ = Object.freeze([869_400_000, 869_650_000]);
const EU868_STRONG_DBM = 29;
const EU868_WEAK_DBM = 16;
const GATEWAY_DBM: Readonly<Record<string, number>> = Object.freeze({ US915: 26, AU915: 26, IN865: 27, KR920: 23 });
const OTHER_DBM = 16;

/** As RP002 writes them. */
export const REGION_NAMES: readonly string[] = Object.freeze(REGIONS.map(({ name }) => name));

/** A mask as one LinkADRReq has it. */
export interface MaskCommand {
  readonly chMaskCntl: number;
  readonly chMask: number;
}

export class NetworkPlan {
  readonly region: Region;
  /** Centres of the channels of 125 kHz that a gateway listens on: the lowest of the device's channels first. */
  readonly channelsHz: readonly number[];
  /** The channel of 500 kHz beside them, in a fixed plan. */
  readonly wideChannelHz: number | undefined;
  /** All those channels. */
  readonly mask: MaskCommand;
  /** The CFList of the join accept (RP002-1.0.4): the channels behind the default ones, or the masks of a fixed plan. */
  readonly cfList = new Uint8Array(CFLIST_BYTES);
  /** The fastest data rate that every channel takes. */
  readonly maxAdrDataRate: number;
  /** Of a fixed plan: the bank that the network runs, 1 to 8. */
  readonly subBand: number | undefined;

  constructor(region: Region, subBand = USUAL_SUB_BAND) {
    const [narrow, wide] = region.defaultChannels;
    this.region = region;
    this.maxAdrDataRate = narrow.maxDataRate;
    this.subBand = region.dynamicChannels ? undefined : subBand;
    if (region.dynamicChannels) {
      const defaultsHz = region.defaultChannels.flatMap(({ firstHz, stepHz, count }) =>
        Array.from({ length: count }, (_, i) => firstHz + i * stepHz),
      );
      const more = moreChannelsHz(region);
      this.channelsHz = [...defaultsHz, ...more];
      this.mask = { chMaskCntl: 0, chMask: (1 << this.channelsHz.length) - 1 };
      more.forEach((frequencyHz, index) => {
        const units = frequencyHz / 100;
        for (let i = 0; i < 3; i++) this.cfList[3 * index + i] = units >>> (8 * i);
      });
    } else {
      const bank = subBand - 1;
      const firstHz = narrow.firstHz + bank * BANK_CHANNELS * narrow.stepHz;
      this.channelsHz = Array.from({ length: BANK_CHANNELS }, (_, i) => firstHz + i * narrow.stepHz);
      this.wideChannelHz = wide.firstHz + bank * wide.stepHz;
      this.mask = { chMaskCntl: BANKS_CONTROL, chMask: 1 << bank };
      this.cfList[bank] = 0xff;
      this.cfList[narrow.count / BANK_CHANNELS] = 1 << bank;
      this.cfList[CFLIST_TYPE_AT] = CFLIST_MASKS;
    }
  }

  /** The data rate of an uplink's modulation, -1 for none. */
  dataRateOf(modulation: LoraModulation): number {
    return this.region.dataRates.findIndex(
      (rate) =>
        rate !== undefined &&
        rate.spreadingFactor === modulation.spreadingFactor &&
        rate.bandwidthHz === modulation.bandwidthHz,
    );
  }

  /** Data rate of RX1 after an uplink. */
  rx1DataRate(uplinkDataRate: number, offset: number): number {
    return this.region.rx1DataRates[uplinkDataRate][offset];
  }

  /** Where RX1 is after an uplink: the same frequency, or the downlink channel that belongs to it. */
  rx1FrequencyHz(uplinkHz: number): number {
    const { rx1Channels, defaultChannels } = this.region;
    if (rx1Channels === undefined) return uplinkHz;
    const [narrow, wide] = defaultChannels;
    const index = (uplinkHz - narrow.firstHz) / narrow.stepHz;
    const isNarrow = Number.isInteger(index) && index < narrow.count;
    const channel = isNarrow ? index : narrow.count + (uplinkHz - wide.firstHz) / wide.stepHz;
    return rx1Channels.firstHz + (channel % rx1Channels.count) * rx1Channels.stepHz;
  }

  /** The most application bytes in a downlink without FOpts. */
  maxPayload(dataRate: number): number {
    return Math.min(this.region.maxDownlinkMacPayload[dataRate], MAX_MAC_PAYLOAD) - HEADER_BYTES;
  }

  /** The modulation of a downlink: inverted, without payload CRC. */
  downlink(frequencyHz: number, dataRate: number): LoraModulation {
    const rate = this.region.dataRates[dataRate];
    if (rate === undefined) throw new RangeError(`no data rate ${dataRate}`);
    return {
      frequencyHz,
      spreadingFactor: rate.spreadingFactor,
      bandwidthHz: rate.bandwidthHz,
      codingRate: 1,
      preambleSymbols: DOWNLINK_PREAMBLE_SYMBOLS,
      syncWord: PUBLIC_SYNC_WORD,
      invertIq: true,
      crcOn: false,
    };
  }

  /** e.i.r.p. of a downlink in dBm. */
  downlinkPowerDbm(frequencyHz: number): number {
    const { name } = this.region;
    if (name !== "EU868") return GATEWAY_DBM[name] ?? OTHER_DBM;
    const isStrong = frequencyHz >= EU868_STRONG_BAND_HZ[0] && frequencyHz < EU868_STRONG_BAND_HZ[1];
    return isStrong ? EU868_STRONG_DBM : EU868_WEAK_DBM;
  }
}

function moreChannelsHz(region: Region): readonly number[] {
  if (region.name.startsWith("AS923")) {
    return AS923_MORE_OFFSETS_HZ.map((offsetHz) => region.defaultChannels[0].firstHz + offsetHz);
  }
  return MORE_CHANNELS_HZ[region.name] ?? [];
}
