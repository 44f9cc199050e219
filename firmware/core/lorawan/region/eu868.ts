/**
 * EU863-870: RP002-1.0.4, the plan of that name, and the sub-bands of ETSI EN 300 220-2 annex B with their duty cycles. DR7 (FSK) and DR8 to DR11 (LR-FHSS) are
 * not done.
 */
import type { Region } from "./region.ts";
import {
  channels,
  MASKS_OF_16,
  MAX_DOWNLINK_MAC_PAYLOAD,
  MAX_MAC_PAYLOAD,
  RX1_STEPS_DOWN,
  SF12_TO_SF7_WIDE,
} from "./tables.ts";

export const EU868: Region = Object.freeze({
  name: "EU868",
  channelCount: 16,
  defaultChannels: Object.freeze([channels(868_100_000, 200_000, 3)]),
  dynamicChannels: true,
  txParamSetup: false,
  uplinkDwell: false,
  dataRates: SF12_TO_SF7_WIDE,
  maxUplinkDataRate: 6,
  minDownlinkDataRate: 0,
  maxMacPayload: MAX_MAC_PAYLOAD,
  maxMacPayloadDwell: MAX_MAC_PAYLOAD,
  maxDownlinkMacPayload: MAX_DOWNLINK_MAC_PAYLOAD,
  rx1DataRates: RX1_STEPS_DOWN,
  rx1DataRatesDwell: RX1_STEPS_DOWN,
  lowerDataRate: Object.freeze([-1, 0, 1, 2, 3, 4, 5]),
  joinDataRates: Object.freeze([5, 4, 3, 2, 1, 0]),
  rx2FrequencyHz: 869_525_000,
  rx2DataRate: 0,
  minFrequencyHz: 863_000_000,
  maxFrequencyHz: 870_000_000,
  maxEirpDbm: 16,
  minChannels: 1,
  maxTxPower: 7,
  channelMaskControls: MASKS_OF_16,
  subBands: Object.freeze([
    Object.freeze({ fromHz: 863_000_000, toHz: 865_000_000, dutyCyclePermille: 1 }),
    Object.freeze({ fromHz: 865_000_000, toHz: 868_000_000, dutyCyclePermille: 10 }),
    Object.freeze({ fromHz: 868_000_000, toHz: 868_600_000, dutyCyclePermille: 10 }),
    Object.freeze({ fromHz: 868_700_000, toHz: 869_200_000, dutyCyclePermille: 1 }),
    Object.freeze({ fromHz: 869_400_000, toHz: 869_650_000, dutyCyclePermille: 100 }),
    Object.freeze({ fromHz: 869_700_000, toHz: 870_000_000, dutyCyclePermille: 10 }),
  ]),
});
