/**
 * Time on air of a LoRa frame, in whole microseconds: Semtech AN1200.13 section 4, and SX1261/2 data sheet 6.1.4 for spreading
 * factors 5 and 6. Every symbol lasts a multiple of 64 us, so that nothing here needs rounding.
 */
import type { LoraModulation } from "../ports/radio.ts";

export type AirModulation = Pick<
  LoraModulation,
  "spreadingFactor" | "bandwidthHz" | "codingRate" | "preambleSymbols" | "crcOn"
>;

/** A symbol of 16 ms or more needs the low data rate optimisation: SF11 and SF12 at 125 kHz, SF12 at 250 kHz. */
const OPTIMISE_FROM_US = 16_000;

/** Length of one symbol in microseconds. */
export function symbolUs(spreadingFactor: number, bandwidthHz: number): number {
  return ((1 << spreadingFactor) * 1_000_000) / bandwidthHz;
}

/** True where the low data rate optimisation is mandatory. */
export function lowDataRateOptimise(spreadingFactor: number, bandwidthHz: number): boolean {
  return symbolUs(spreadingFactor, bandwidthHz) >= OPTIMISE_FROM_US;
}

/** Length of the preamble with its sync word, in microseconds. */
export function preambleUs(modulation: AirModulation): number {
  const syncQuarters = modulation.spreadingFactor < 7 ? 25 : 17;
  return (
    ((modulation.preambleSymbols * 4 + syncQuarters) * symbolUs(modulation.spreadingFactor, modulation.bandwidthHz)) / 4
  );
}

/** Time on air in microseconds of a frame of `length` bytes (0 to 255); LoRaWAN always has the explicit header. */
export function timeOnAirUs(modulation: AirModulation, length: number, implicitHeader = false): number {
  const { spreadingFactor, bandwidthHz, codingRate, crcOn } = modulation;
  const bitsASymbol = 4 * (spreadingFactor - (lowDataRateOptimise(spreadingFactor, bandwidthHz) ? 2 : 0));
  const bits =
    8 * length - 4 * spreadingFactor + (spreadingFactor < 7 ? 0 : 8) + (crcOn ? 16 : 0) + (implicitHeader ? 0 : 20);
  const payloadSymbols = 8 + Math.max(Math.ceil(bits / bitsASymbol), 0) * (codingRate + 4);
  return preambleUs(modulation) + payloadSymbols * symbolUs(spreadingFactor, bandwidthHz);
}
