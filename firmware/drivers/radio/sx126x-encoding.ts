/** Values as the SX126x's command bytes hold them: pure functions, each with its section of the data sheet. */
import type { LoraModulation } from "../../ports/radio.ts";
import { receiveGuardUs } from "./lora-timing.ts";
import { IMAGE_BANDS } from "./sx126x-commands.ts";

/** Steps of the radio's clock for its timeouts, in microseconds (13.1.4). */
export const TIMER_STEP_US = 15.625;
/** The longest symbol timeout that SetLoRaSymbNumTimeout's mantissa and exponent hold. */
const MAX_SYMBOL_TIMEOUT = 248;

/** 13.4.1: RfFreq = frequency * 2^25 / 32 MHz. The product stays below 2^53. */
export function frequencySteps(frequencyHz: number): number {
  return Math.floor((frequencyHz * 0x2000000) / 32_000_000 + 0.5);
}

/** 13.4.5.2. */
export function bandwidthByte(bandwidthHz: number): number {
  return bandwidthHz === 125_000 ? 0x04 : bandwidthHz === 250_000 ? 0x05 : 0x06;
}

/** 9.2.1: index of the image calibration band, or -1 where the data sheet gives none. */
export function imageBand(frequencyHz: number): number {
  for (let i = 0; i < IMAGE_BANDS.length; i++) {
    if (frequencyHz >= IMAGE_BANDS[i][0] * 1e6 && frequencyHz <= IMAGE_BANDS[i][1] * 1e6) return i;
  }
  return -1;
}

/**
 * A symbol timeout as register 0x0706 holds it: mantissa << 3 | exponent for mantissa * 2^(2 * exponent + 1) symbols, rounded up.
 * `symbols` is 1 to 248, or 0 for no timeout.
 */
export function symbolTimeoutRegister(symbols: number): number {
  let mantissa = (Math.min(symbols, MAX_SYMBOL_TIMEOUT) + 1) >> 1;
  let exponent = 0;
  while (mantissa > 31) {
    mantissa = (mantissa + 3) >> 2;
    exponent++;
  }
  return (mantissa << 3) | exponent;
}

/** The number of symbols that a value of register 0x0706 stands for; SetLoRaSymbNumTimeout takes this number. */
export function symbolTimeoutSymbols(register: number): number {
  return (register >> 3) << (2 * (register & 7) + 1);
}

/**
 * The receive timer's steps (13.1.5). It only guards against a false preamble; from the valid header on it no longer runs. Without a header it
 * runs to the end of the frame, and further (15.3). Without a symbol timeout there is none either: 0 stands for a single frame, whenever it comes.
 */
export function receiveGuardSteps(modulation: LoraModulation, symbolTimeout: number): number {
  if (symbolTimeout === 0) return 0;
  return Math.min(Math.ceil(receiveGuardUs(modulation, symbolTimeout) / TIMER_STEP_US), 0xfffffe);
}

/**
 * SetCadParams (13.4.7) as [symbols as a power of 2, detection peak, smallest peak], by spreading factor: AN1200.48, table for 125 kHz; below SF7,
 * which it does not give, as SF7.
 */
export function detectionSettings(spreadingFactor: number): readonly [number, number, number] {
  return DETECTION[Math.max(spreadingFactor, 7) - 7];
}

const DETECTION: readonly (readonly [number, number, number])[] = Object.freeze([
  Object.freeze([1, 22, 10] as const),
  Object.freeze([1, 22, 10] as const),
  Object.freeze([2, 23, 10] as const),
  Object.freeze([2, 24, 10] as const),
  Object.freeze([2, 25, 10] as const),
  Object.freeze([2, 28, 10] as const),
]);
