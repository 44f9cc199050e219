/**
 * The chips of the SX126x family and what sets them apart for the driver. Amplifier settings are the "optimal" ones of SetPaConfig's table
 * 13-21 (13.1.14) in each data sheet: the lower the power, the less current. DS.SX1261-2.W.APP 2.1, DS.SX1268.W.APP 1.1, DS.LLCC68.W.APP 1.0.
 */
import type { LoraModulation } from "../../ports/radio.ts";

export type Sx126xName = "sx1261" | "sx1262" | "sx1268" | "llcc68";

export interface Amplifier {
  /** In dBm; for more the next row. */
  readonly upToDbm: number;
  readonly dutyCycle: number;
  readonly hpMax: number;
  /** SetTxParams takes the power plus this. */
  readonly offsetDb: number;
}

export interface Sx126xVariant {
  readonly lowestHz: number;
  readonly highestHz: number;
  readonly lowestDbm: number;
  /** What SetTxParams takes (13.4.4). */
  readonly lowestSetting: number;
  readonly amplifiers: readonly Amplifier[];
  /** SetPaConfig's deviceSel: 1 for the low-power amplifier. */
  readonly deviceSel: number;
  /** Over-current protection (register 0x08E7, 5.1.3): 140 mA, or 60 mA with the low-power amplifier. */
  readonly overCurrent: number;
  /** Highest spreading factor at 125, 250 and 500 kHz. */
  readonly highestFactor: readonly [number, number, number];
}

const row = (upToDbm: number, dutyCycle: number, hpMax: number, offsetDb: number): Amplifier =>
  Object.freeze({ upToDbm, dutyCycle, hpMax, offsetDb });

const HIGH_POWER: readonly Amplifier[] = Object.freeze([
  row(14, 2, 2, 8),
  row(17, 2, 3, 5),
  row(20, 3, 5, 2),
  row(22, 4, 7, 0),
]);
const ALL_FACTORS = Object.freeze([12, 12, 12] as const);

const SX1262: Sx126xVariant = Object.freeze({
  lowestHz: 150_000_000,
  highestHz: 960_000_000,
  lowestDbm: -9,
  lowestSetting: -9,
  amplifiers: HIGH_POWER,
  deviceSel: 0,
  overCurrent: 0x38,
  highestFactor: ALL_FACTORS,
});

export const SX126X_VARIANTS: Readonly<Record<Sx126xName, Sx126xVariant>> = Object.freeze({
  sx1261: Object.freeze({
    ...SX1262,
    lowestDbm: -17,
    lowestSetting: -17,
    amplifiers: Object.freeze([row(10, 1, 0, 3), row(14, 4, 0, 0), row(15, 6, 0, -1)]),
    deviceSel: 1,
    overCurrent: 0x18,
  }),
  sx1262: SX1262,
  // Its own table has no row for 14 dBm that the other data sheets would confirm; the one for 17 dBm is good for less too.
  sx1268: Object.freeze({
    ...SX1262,
    lowestHz: 410_000_000,
    highestHz: 810_000_000,
    amplifiers: Object.freeze(HIGH_POWER.slice(1)),
  }),
  llcc68: Object.freeze({ ...SX1262, highestFactor: Object.freeze([9, 10, 11] as const) }),
});

/** SetPaConfig (13.1.14): below this frequency the SX1261's amplifier must not be set to more than 4. */
const LOW_BAND_HZ = 400_000_000;

/** The row for `powerDbm` at this frequency, or the strongest there is. */
export function amplifierFor(variant: Sx126xVariant, powerDbm: number, frequencyHz: number): Amplifier {
  const { amplifiers } = variant;
  let i = 0;
  while (i < amplifiers.length - 1 && powerDbm > amplifiers[i].upToDbm) i++;
  if (amplifiers[i].dutyCycle > 4 && frequencyHz < LOW_BAND_HZ) i--;
  return amplifiers[i];
}

/** Frequency range (3.4), spreading factors (6.1.1.1) and header mode. */
export function canDo(variant: Sx126xVariant, modulation: LoraModulation): boolean {
  const { frequencyHz, spreadingFactor, bandwidthHz } = modulation;
  const highest = variant.highestFactor[bandwidthHz === 125_000 ? 0 : bandwidthHz === 250_000 ? 1 : 2];
  return (
    frequencyHz >= variant.lowestHz &&
    frequencyHz <= variant.highestHz &&
    spreadingFactor >= 5 &&
    spreadingFactor <= highest
  );
}
