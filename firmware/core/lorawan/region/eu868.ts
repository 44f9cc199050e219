/**
 * EU863-870: RP002-1.0.4 2.5 (channels, data rates, payload sizes as for a network with repeaters, RX1 offsets, CFList of type 0), and
 * the sub-bands of ETSI EN 300 220-2 annex B with their duty cycles. DR7 (FSK) and DR8 to DR11 (LR-FHSS) are not done.
 */
import { CHANNEL_MASK, type Region } from "./region.ts";

const { reserved, allOn } = CHANNEL_MASK;

export const EU868: Region = Object.freeze({
  name: "EU868",
  channelCount: 16,
  defaultChannels: Object.freeze([
    Object.freeze({ frequencyHz: 868_100_000, minDataRate: 0, maxDataRate: 5 }),
    Object.freeze({ frequencyHz: 868_300_000, minDataRate: 0, maxDataRate: 5 }),
    Object.freeze({ frequencyHz: 868_500_000, minDataRate: 0, maxDataRate: 5 }),
  ]),
  dynamicChannels: true,
  txParamSetup: false,
  dataRates: Object.freeze([
    Object.freeze({ spreadingFactor: 12, bandwidthHz: 125_000 } as const),
    Object.freeze({ spreadingFactor: 11, bandwidthHz: 125_000 } as const),
    Object.freeze({ spreadingFactor: 10, bandwidthHz: 125_000 } as const),
    Object.freeze({ spreadingFactor: 9, bandwidthHz: 125_000 } as const),
    Object.freeze({ spreadingFactor: 8, bandwidthHz: 125_000 } as const),
    Object.freeze({ spreadingFactor: 7, bandwidthHz: 125_000 } as const),
    Object.freeze({ spreadingFactor: 7, bandwidthHz: 250_000 } as const),
  ]),
  maxUplinkDataRate: 6,
  maxMacPayload: Object.freeze([59, 59, 59, 123, 230, 230, 230]),
  rx1DataRates: Object.freeze([
    Object.freeze([0, 0, 0, 0, 0, 0]),
    Object.freeze([1, 0, 0, 0, 0, 0]),
    Object.freeze([2, 1, 0, 0, 0, 0]),
    Object.freeze([3, 2, 1, 0, 0, 0]),
    Object.freeze([4, 3, 2, 1, 0, 0]),
    Object.freeze([5, 4, 3, 2, 1, 0]),
    Object.freeze([6, 5, 4, 3, 2, 1]),
  ]),
  lowerDataRate: Object.freeze([-1, 0, 1, 2, 3, 4, 5]),
  joinDataRates: Object.freeze([5, 4, 3, 2, 1, 0]),
  rx2FrequencyHz: 869_525_000,
  rx2DataRate: 0,
  minFrequencyHz: 863_000_000,
  maxFrequencyHz: 870_000_000,
  maxEirpDbm: 16,
  maxTxPower: 7,
  channelMaskControls: Object.freeze([0, reserved, reserved, reserved, reserved, reserved, allOn, reserved]),
  subBands: Object.freeze([
    Object.freeze({ fromHz: 863_000_000, toHz: 865_000_000, dutyCyclePermille: 1 }),
    Object.freeze({ fromHz: 865_000_000, toHz: 868_000_000, dutyCyclePermille: 10 }),
    Object.freeze({ fromHz: 868_000_000, toHz: 868_600_000, dutyCyclePermille: 10 }),
    Object.freeze({ fromHz: 868_700_000, toHz: 869_200_000, dutyCyclePermille: 1 }),
    Object.freeze({ fromHz: 869_400_000, toHz: 869_650_000, dutyCyclePermille: 100 }),
    Object.freeze({ fromHz: 869_700_000, toHz: 870_000_000, dutyCyclePermille: 10 }),
  ]),
});
