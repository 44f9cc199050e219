/**
 * AS923-1 to AS923-4: RP002-1.0.4, AS923. One plan, shifted: two default channels from 923.2 MHz plus the group's offset, RX2 on the first of
 * them at DR2, 1 % duty cycle. Uplinks are kept within 400 ms, and join requests at DR2 to DR5, until the network lifts that with
 * TXParamSetupReq. Listen before talk, which Japan (ARIB STD-T108) asks of some devices, is not done. DR7 (FSK) and DR12 and up are not done.
 */
import type { Region } from "./region.ts";
import { channels, MASKS_OF_16, MAX_MAC_PAYLOAD_DWELL, SF12_TO_SF7_WIDE } from "./tables.ts";

/** DR2 (SF10) may carry more here than in Europe. */
const MAX_MAC_PAYLOAD = Object.freeze([59, 59, 123, 123, 230, 230, 230]);
const MAX_DOWNLINK_MAC_PAYLOAD = Object.freeze([59, 59, 123, 123, 250, 250, 250]);

/** Offsets 6 and 7 raise the data rate; what they raise to FSK is not done. */
const RX1_DATA_RATES = Object.freeze([
  Object.freeze([0, 0, 0, 0, 0, 0, 1, 2]),
  Object.freeze([1, 0, 0, 0, 0, 0, 2, 3]),
  Object.freeze([2, 1, 0, 0, 0, 0, 3, 4]),
  Object.freeze([3, 2, 1, 0, 0, 0, 4, 5]),
  Object.freeze([4, 3, 2, 1, 0, 0, 5, 6]),
  Object.freeze([5, 4, 3, 2, 1, 0, 6, 7]),
  Object.freeze([6, 5, 4, 3, 2, 1, 7, 7]),
]);
/** Within 400 ms nothing goes below DR2. */
const RX1_DATA_RATES_DWELL = Object.freeze([
  Object.freeze([2, 2, 2, 2, 2, 2, 2, 2]),
  Object.freeze([2, 2, 2, 2, 2, 2, 2, 3]),
  Object.freeze([2, 2, 2, 2, 2, 2, 3, 4]),
  Object.freeze([3, 2, 2, 2, 2, 2, 4, 5]),
  Object.freeze([4, 3, 2, 2, 2, 2, 5, 6]),
  Object.freeze([5, 4, 3, 2, 2, 2, 6, 7]),
  Object.freeze([6, 5, 4, 3, 2, 2, 7, 7]),
]);
const LOWER_DATA_RATE = Object.freeze([-1, 0, 1, 2, 3, 4, 5]);
const JOIN_DATA_RATES = Object.freeze([5, 4, 3, 2]);

function group(name: string, offsetHz: number, minFrequencyHz: number, maxFrequencyHz: number): Region {
  return Object.freeze({
    name,
    channelCount: 16,
    defaultChannels: Object.freeze([channels(923_200_000 + offsetHz, 200_000, 2)]),
    dynamicChannels: true,
    txParamSetup: true,
    uplinkDwell: true,
    dataRates: SF12_TO_SF7_WIDE,
    maxUplinkDataRate: 6,
    minDownlinkDataRate: 0,
    maxMacPayload: MAX_MAC_PAYLOAD,
    maxMacPayloadDwell: MAX_MAC_PAYLOAD_DWELL,
    maxDownlinkMacPayload: MAX_DOWNLINK_MAC_PAYLOAD,
    rx1DataRates: RX1_DATA_RATES,
    rx1DataRatesDwell: RX1_DATA_RATES_DWELL,
    lowerDataRate: LOWER_DATA_RATE,
    joinDataRates: JOIN_DATA_RATES,
    rx2FrequencyHz: 923_200_000 + offsetHz,
    rx2DataRate: 2,
    minFrequencyHz,
    maxFrequencyHz,
    maxEirpDbm: 16,
    minChannels: 1,
    maxTxPower: 7,
    channelMaskControls: MASKS_OF_16,
    subBands: Object.freeze([Object.freeze({ fromHz: minFrequencyHz, toHz: maxFrequencyHz, dutyCyclePermille: 10 })]),
  });
}

export const AS923_1: Region = group("AS923-1", 0, 915_000_000, 928_000_000);
export const AS923_2: Region = group("AS923-2", -1_800_000, 920_000_000, 923_000_000);
export const AS923_3: Region = group("AS923-3", -6_600_000, 915_000_000, 921_000_000);
export const AS923_4: Region = group("AS923-4", -5_900_000, 917_000_000, 920_000_000);
