/**
 * US902-928: RP002-1.0.4, the plan of that name. 64 uplink channels of 125 kHz from 902.3 MHz, 8 of 500 kHz from 903.0 MHz, 8 downlink channels of 500 kHz from
 * 923.3 MHz; join requests probe one channel of each bank at DR0, then one of 500 kHz at DR4. Power: FCC 15.247 and RP002-1.0.4,
 * 30 dBm over 50 channels and more, 21 dBm over fewer, 26 dBm at 500 kHz. DR5 and DR6 (LR-FHSS) are not done.
 */
import { FIXED_RX1_CHANNELS, MASKS_OF_72, MAX_DOWNLINK_500, SF8_WIDE, SF12_TO_SF7_500 } from "./fixed-tables.ts";
import type { Region } from "./region.ts";
import { channels, SF12_TO_SF7 } from "./tables.ts";

const MAX_MAC_PAYLOAD = Object.freeze([19, 61, 133, 230, 230]);
const RX1_DATA_RATES = Object.freeze([
  Object.freeze([10, 9, 8, 8]),
  Object.freeze([11, 10, 9, 8]),
  Object.freeze([12, 11, 10, 9]),
  Object.freeze([13, 12, 11, 10]),
  Object.freeze([13, 13, 12, 11]),
]);

export const US915: Region = Object.freeze({
  name: "US915",
  channelCount: 72,
  defaultChannels: Object.freeze([channels(902_300_000, 200_000, 64, 3), channels(903_000_000, 1_600_000, 8, 4, 4)]),
  dynamicChannels: false,
  txParamSetup: false,
  uplinkDwell: false,
  dataRates: Object.freeze([...SF12_TO_SF7.slice(2), SF8_WIDE, undefined, undefined, undefined, ...SF12_TO_SF7_500]),
  maxUplinkDataRate: 4,
  minDownlinkDataRate: 8,
  maxMacPayload: MAX_MAC_PAYLOAD,
  maxMacPayloadDwell: MAX_MAC_PAYLOAD,
  maxDownlinkMacPayload: MAX_DOWNLINK_500,
  rx1DataRates: RX1_DATA_RATES,
  rx1DataRatesDwell: RX1_DATA_RATES,
  rx1Channels: FIXED_RX1_CHANNELS,
  lowerDataRate: Object.freeze([-1, 0, 1, 2, 3]),
  joinDataRates: Object.freeze([0, 0, 0, 0, 0, 0, 0, 0, 4]),
  rx2FrequencyHz: 923_300_000,
  rx2DataRate: 8,
  minFrequencyHz: 923_300_000,
  maxFrequencyHz: 927_500_000,
  maxEirpDbm: 30,
  wideEirpDbm: 26,
  manyChannels: 50,
  fewChannelsEirpDbm: 21,
  minChannels: 2,
  maxTxPower: 14,
  channelMaskControls: MASKS_OF_72,
  subBands: Object.freeze([Object.freeze({ fromHz: 902_000_000, toHz: 928_000_000, dutyCyclePermille: 1_000 })]),
});
