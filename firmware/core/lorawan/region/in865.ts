/** IN865-867: RP002-1.0.4, the plan of that name. Three default channels, RX2 on 866.55 MHz at DR2, 30 dBm, no duty cycle. DR7 (FSK) is not done. */
import type { Region } from "./region.ts";
import { channels, MASKS_OF_16, MAX_DOWNLINK_MAC_PAYLOAD, MAX_MAC_PAYLOAD, SF12_TO_SF7 } from "./tables.ts";

/** Offsets 6 and 7 raise the data rate; what they raise to FSK (DR7) is not done. */
const RX1_DATA_RATES = Object.freeze([
  Object.freeze([0, 0, 0, 0, 0, 0, 1, 2]),
  Object.freeze([1, 0, 0, 0, 0, 0, 2, 3]),
  Object.freeze([2, 1, 0, 0, 0, 0, 3, 4]),
  Object.freeze([3, 2, 1, 0, 0, 0, 4, 5]),
  Object.freeze([4, 3, 2, 1, 0, 0, 5, 5]),
  Object.freeze([5, 4, 3, 2, 1, 0, 5, 7]),
]);

export const IN865: Region = Object.freeze({
  name: "IN865",
  channelCount: 16,
  defaultChannels: Object.freeze([
    channels(865_062_500, 0, 1),
    channels(865_402_500, 0, 1),
    channels(865_985_000, 0, 1),
  ]),
  dynamicChannels: true,
  txParamSetup: false,
  uplinkDwell: false,
  dataRates: SF12_TO_SF7,
  maxUplinkDataRate: 5,
  minDownlinkDataRate: 0,
  maxMacPayload: MAX_MAC_PAYLOAD,
  maxMacPayloadDwell: MAX_MAC_PAYLOAD,
  maxDownlinkMacPayload: MAX_DOWNLINK_MAC_PAYLOAD,
  rx1DataRates: RX1_DATA_RATES,
  rx1DataRatesDwell: RX1_DATA_RATES,
  lowerDataRate: Object.freeze([-1, 0, 1, 2, 3, 4]),
  joinDataRates: Object.freeze([5, 4, 3, 2, 1, 0]),
  rx2FrequencyHz: 866_550_000,
  rx2DataRate: 2,
  minFrequencyHz: 865_000_000,
  maxFrequencyHz: 867_000_000,
  maxEirpDbm: 30,
  minChannels: 1,
  maxTxPower: 10,
  channelMaskControls: MASKS_OF_16,
  subBands: Object.freeze([Object.freeze({ fromHz: 865_000_000, toHz: 867_000_000, dutyCyclePermille: 1_000 })]),
});
