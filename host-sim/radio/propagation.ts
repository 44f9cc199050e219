/**
 * What the air does to a signal. Path loss falls off with the logarithm of the distance; the default is the median measured at 868 MHz
 * around Oulu (Petäjäjärvi et al., "On the coverage of LPWANs", ITST 2015): 128.95 dB at 1 km, exponent 2.32.
 */
import { log10 } from "../../firmware/wire/exact-math.ts";

/** Metres. */
export interface Position {
  x: number;
  y: number;
}

export interface PathLossModel {
  /** Path loss at 1 km in dB. */
  lossAtOneKmDb: number;
  /** The distance's exponent: 2 in free space. */
  exponent: number;
}

export const OULU_2015: PathLossModel = Object.freeze({ lossAtOneKmDb: 128.95, exponent: 2.32 });
/** Nearer than this the far field's law says nothing. */
const NEAREST_M = 1;
/** Thermal noise at room temperature in dBm per Hz. */
const THERMAL_NOISE_DBM = -174;
/** Noise figure of an SX1262 and of a gateway's concentrator, in dB. */
export const NOISE_FIGURE_DB = 6;

/** Path loss in dB between two places. */
export function pathLossDb(from: Position, to: Position, model: PathLossModel): number {
  const dx = from.x - to.x;
  const dy = from.y - to.y;
  const distanceM = Math.max(Math.sqrt(dx * dx + dy * dy), NEAREST_M);
  return model.lossAtOneKmDb + 10 * model.exponent * log10(distanceM / 1000);
}

/** Noise within the bandwidth, in dBm. */
export function noiseDbm(bandwidthHz: number): number {
  return THERMAL_NOISE_DBM + 10 * log10(bandwidthHz) + NOISE_FIGURE_DB;
}

/** The lowest signal-to-noise ratio that is still demodulated, in dB: -2.5 at SF5, -7.5 at SF7, -20 at SF12 (SX1261/2 data sheet 6.1.1.1). */
export function demodulationFloorDb(spreadingFactor: number): number {
  return -2.5 * (spreadingFactor - 4);
}
