/** How long things take in the air, for the drivers' own time limits; upper bounds where that is enough. AN1200.13 section 4. */
import type { LoraModulation } from "../../ports/radio.ts";

const MAX_PAYLOAD = 255;
/** From the end of the preamble to a valid header: sync word (4.25 symbols, 6.25 below SF7), header (8) and some slack. */
const HEADER_SYMBOLS = 4.25 + 8 + 4;

/** Length of a symbol in microseconds. */
export function symbolUs(modulation: LoraModulation): number {
  return ((1 << modulation.spreadingFactor) * 1_000_000) / modulation.bandwidthHz;
}

/** Mandatory where a symbol takes 16.38 ms or more: SF11 and SF12 at 125 kHz, SF12 at 250 kHz. */
export function needsLowDataRate(modulation: LoraModulation): boolean {
  return symbolUs(modulation) > 16_000;
}

/** The longest from the start of a receive window to a valid header (or, without one, to the end of the frame), in microseconds. */
export function receiveGuardUs(modulation: LoraModulation, symbolTimeout: number): number {
  const { implicitLength } = modulation;
  const payload = implicitLength === undefined ? 0 : payloadSymbols(modulation, implicitLength);
  return (symbolTimeout + modulation.preambleSymbols + HEADER_SYMBOLS + payload) * symbolUs(modulation);
}

/** The longest that a frame of `length` bytes takes, in microseconds; 255 bytes where nothing is said. */
export function longestFrameUs(modulation: LoraModulation, length = MAX_PAYLOAD): number {
  return (modulation.preambleSymbols + HEADER_SYMBOLS + payloadSymbols(modulation, length)) * symbolUs(modulation);
}

/** At most so many symbols behind the first eight. */
function payloadSymbols(modulation: LoraModulation, length: number): number {
  const bitsASymbol = 4 * (modulation.spreadingFactor - (needsLowDataRate(modulation) ? 2 : 0));
  return Math.ceil((8 * length + 44) / bitsASymbol) * (modulation.codingRate + 4);
}
