/** The chips of the SX127x family and their differences (data sheet DS_SX1276-7-8-9_W_APP, table 1), and the bands of the synthesizer. */
import type { LoraModulation } from "../../ports/radio.ts";

export type Sx127xName = "sx1276" | "sx1277" | "sx1278" | "sx1279";

interface Sx127xVariant {
  readonly highestHz: number;
  readonly highestFactor: number;
}

const SX127X_VARIANTS: Readonly<Record<Sx127xName, Sx127xVariant>> = Object.freeze({
  sx1276: Object.freeze({ highestHz: 1_020_000_000, highestFactor: 12 }),
  sx1277: Object.freeze({ highestHz: 1_020_000_000, highestFactor: 9 }),
  sx1278: Object.freeze({ highestHz: 525_000_000, highestFactor: 12 }),
  sx1279: Object.freeze({ highestHz: 960_000_000, highestFactor: 12 }),
});

/** 5.3: bands 3 and 2 on the low-frequency port, band 1 on the high-frequency port, as [from, to] in Hz. */
const BANDS: readonly (readonly [number, number])[] = Object.freeze([
  Object.freeze([137_000_000, 175_000_000] as const),
  Object.freeze([410_000_000, 525_000_000] as const),
  Object.freeze([779_000_000, 1_020_000_000] as const),
]);
export const HIGH_BAND = 2;

/** Index of the band, each of which has its image calibration; -1 outside of them. */
export function bandOf(frequencyHz: number): number {
  for (let i = 0; i < BANDS.length; i++) if (frequencyHz >= BANDS[i][0] && frequencyHz <= BANDS[i][1]) return i;
  return -1;
}

/** Frequency, spreading factor; SF6 is for frames without a header (4.1.1.2), 250 and 500 kHz not for the lowest band (4.1.1.4). */
export function canDo(name: Sx127xName, modulation: LoraModulation): boolean {
  const { frequencyHz, spreadingFactor, bandwidthHz } = modulation;
  const variant = SX127X_VARIANTS[name];
  const band = bandOf(frequencyHz);
  return (
    band >= 0 &&
    frequencyHz <= variant.highestHz &&
    (band > 0 || bandwidthHz === 125_000) &&
    spreadingFactor <= variant.highestFactor &&
    (spreadingFactor >= 7 || (spreadingFactor === 6 && modulation.implicitLength !== undefined))
  );
}
