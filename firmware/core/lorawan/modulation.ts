import type { LoraModulation } from "../../ports/radio.ts";

/** A modulation with what is the same in every LoRaWAN frame (RP002-1.0.4 chapter 4); frequency and data rate are filled in later. */
export function newModulation(uplink: boolean): LoraModulation {
  return {
    frequencyHz: 0,
    spreadingFactor: 12,
    bandwidthHz: 125_000,
    codingRate: 1,
    preambleSymbols: 8,
    syncWord: 0x34,
    invertIq: !uplink,
    crcOn: uplink,
  };
}
