/**
 * KR920-923: RP002-1.0.4, the plan of that name. Three default channels, RX2 on 921.9 MHz at DR0; 14 dBm, and 10 dBm below 922 MHz. Listen before talk, which
 * Korea asks for instead of a duty cycle, is not done: a node that needs it must not be put on the market there with this stack.
 */
import type { Region } from "./region.ts";
import {
  channels,
  MASKS_OF_16,
  MAX_DOWNLINK_MAC_PAYLOAD,
  MAX_MAC_PAYLOAD,
  RX1_STEPS_DOWN,
  SF12_TO_SF7,
} from "./tables.ts";

export const KR920: Region = Object.freeze({
  name: "KR920",
  channelCount: 16,
  defaultChannels: Object.freeze([channels(922_100_000, 200_000, 3)]),
  dynamicChannels: true,
  txParamSetup: false,
  uplinkDwell: false,
  dataRates: SF12_TO_SF7,
  maxUplinkDataRate: 5,
  minDownlinkDataRate: 0,
  maxMacPayload: MAX_MAC_PAYLOAD,
  maxMacPayloadDwell: MAX_MAC_PAYLOAD,
  maxDownlinkMacPayload: MAX_DOWNLINK_MAC_PAYLOAD,
  rx1DataRates: RX1_STEPS_DOWN,
  rx1DataRatesDwell: RX1_STEPS_DOWN,
  lowerDataRate: Object.freeze([-1, 0, 1, 2, 3, 4]),
  joinDataRates: Object.freeze([5, 4, 3, 2, 1, 0]),
  rx2FrequencyHz: 921_900_000,
  rx2DataRate: 0,
  minFrequencyHz: 920_900_000,
  maxFrequencyHz: 923_300_000,
  maxEirpDbm: 14,
  minChannels: 1,
  maxTxPower: 7,
  channelMaskControls: MASKS_OF_16,
  subBands: Object.freeze([
    Object.freeze({ fromHz: 920_900_000, toHz: 922_000_000, dutyCyclePermille: 1_000, maxEirpDbm: 10 }),
    Object.freeze({ fromHz: 922_000_000, toHz: 923_400_000, dutyCyclePermille: 1_000 }),
  ]),
});
