/** What a network adds to a region's rules: the channels it runs beside the default ones, and the power of its gateways. */
import type { Region } from "../../firmware/core/lorawan/region/region.ts";
import type { LoraModulation } from "../../firmware/ports/radio.ts";

const CFLIST_BYTES = 16;
/** MACPayload without FHDR (7) and FPort (1) is the application's share. */
const HEADER_BYTES = 8;
const DOWNLINK_PREAMBLE_SYMBOLS = 8;
const PUBLIC_SYNC_WORD = 0x34;
/** The five channels that nearly every European network adds, up to the eight that a gateway listens on. */
const EU868_MORE_CHANNELS_HZ = Object.freeze([867_100_000, 867_300_000, 867_500_000, 867_700_000, 867_900_000]);
/** ETSI EN 300 220-2 annex B: 500 mW e.r.p. in this band, 25 mW elsewhere; as e.i.r.p. 2.15 dB more, here in whole dB. */
const STRONG_BAND_HZ = Object.freeze([869_400_000, 869_650_000]);
const STRONG_DBM = 29;
const WEAK_DBM = 16;

export class NetworkPlan {
  readonly region: Region;
  /** Centres of the channels that a gateway listens on: the device's channel 0 first. */
  readonly channelsHz: readonly number[];
  /** As LinkADRReq has it: all those channels. */
  readonly channelMask: number;
  /** CFList of type 0 for the join accept (RP002-1.0.4 2.4.4): the channels behind the default ones. */
  readonly cfList = new Uint8Array(CFLIST_BYTES);
  /** The fastest data rate that every channel takes. */
  readonly maxAdrDataRate: number;

  constructor(region: Region) {
    if (region.name !== "EU868") throw new Error(`no network plan for ${region.name}`);
    this.region = region;
    this.channelsHz = [...region.defaultChannels.map((channel) => channel.frequencyHz), ...EU868_MORE_CHANNELS_HZ];
    this.channelMask = (1 << this.channelsHz.length) - 1;
    this.maxAdrDataRate = Math.min(...region.defaultChannels.map((channel) => channel.maxDataRate));
    EU868_MORE_CHANNELS_HZ.forEach((frequencyHz, index) => {
      const units = frequencyHz / 100;
      for (let i = 0; i < 3; i++) this.cfList[3 * index + i] = units >>> (8 * i);
    });
  }

  /** The data rate of a modulation, -1 for none. */
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

  /** The most application bytes in a frame without FOpts (N of RP002-1.0.4 2.5.6). */
  maxPayload(dataRate: number): number {
    return this.region.maxMacPayload[dataRate] - HEADER_BYTES;
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
    return frequencyHz >= STRONG_BAND_HZ[0] && frequencyHz < STRONG_BAND_HZ[1] ? STRONG_DBM : WEAK_DBM;
  }
}
