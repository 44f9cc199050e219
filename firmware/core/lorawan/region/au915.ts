/**
 * AU915-928: RP002-1.0.4, the plan of that name. 64 uplink channels of 125 kHz from 915.2 MHz, 8 of 500 kHz from 915.9 MHz, downlinks as in US902-928; join
 * requests at DR2 and DR6. Uplinks are kept within 400 ms until the network lifts that with TXParamSetupReq. DR7 (LR-FHSS) is not done.
 */
import { FIXED_RX1_CHANNELS, MASKS_OF_72, MAX_DOWNLINK_500, SF8_WIDE, SF12_TO_SF7_500 } from "./fixed-tables.ts";
import type { Region } from "./region.ts";
import { channels, MAX_MAC_PAYLOAD, MAX_MAC_PAYLOAD_DWELL, SF12_TO_SF7 } from "./tables.ts";

const RX1_DATA_RATES = Object.freeze([
  Object.freeze([8, 8, 8, 8, 8, 8]),
  Object.freeze([9, 8, 8, 8, 8, 8]),
  Object.freeze([10, 9, 8, 8, 8, 8]),
  Object.freeze([11, 10, 9, 8, 8, 8]),
  Object.freeze([12, 11, 10, 9, 8, 8]),
  Object.freeze([13, 12, 11, 10, 9, 8]),
  Object.freeze([13, 13, 12, 11, 10, 9]),
]);

export const AU915: Region = Object.freeze({
  name: "AU915",
  channelCount: 72,
  defaultChannels: Object.freeze([channels(915_200_000, 200_000, 64), channels(915_900_000, 1_600_000, 8, 6, 6)]),
  dynamicChannels: false,
  txParamSetup: true,
  uplinkDwell: true,
  dataRates: Object.freeze([...SF12_TO_SF7, SF8_WIDE, undefined, ...SF12_TO_SF7_500]),
  maxUplinkDataRate: 6,
  minDownlinkDataRate: 8,
  maxMacPayload: MAX_MAC_PAYLOAD,
  maxMacPayloadDwell: MAX_MAC_PAYLOAD_DWELL,
  maxDownlinkMacPayload: MAX_DOWNLINK_500,
  rx1DataRates: RX1_DATA_RATES,
  rx1DataRatesDwell: RX1_DATA_RATES,
  rx1Channels: FIXED_RX1_CHANNELS,
  lowerDataRate: Object.freeze([-1, 0, 1, 2, 3, 4, 5]),
  joinDataRates: Object.freeze([2, 2, 2, 2, 2, 2, 2, 2, 6]),
  rx2FrequencyHz: 923_300_000,
  rx2DataRate: 8,
  minFrequencyHz: 923_300_000,
  maxFrequencyHz: 927_500_000,
  maxEirpDbm: 30,
  minChannels: 1,
  maxTxPower: 14,
  channelMaskControls: MASKS_OF_72,
  subBands: Object.freeze([Object.freeze({ fromHz: 915_000_000, toHz: 928_000_000, dutyCyclePermille: 1_000 })]),
});
