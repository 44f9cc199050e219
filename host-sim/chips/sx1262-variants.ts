/**
 * The chips of the SX126x family and what sets them apart (data sheets DS.SX1261-2.W.APP 2.1, DS.SX1268.W.APP and DS.LLCC68.W.APP). The
 * families' other bytes are the same.
 */

export type Sx126xName = "sx1261" | "sx1262" | "sx1268" | "llcc68";

export interface Sx126xVariant {
  /** SetRfFrequency (13.4.1), in Hz. */
  readonly lowestHz: number;
  readonly highestHz: number;
  /** SetPaConfig (13.1.14): the low-power amplifier of an SX1261, else the high-power one. */
  readonly lowPower: boolean;
  /** SetTxParams (13.4.4), in dBm. */
  readonly lowestDbm: number;
  readonly highestDbm: number;
  /** Over-current protection that SetPaConfig sets (table 5-2): 60 or 140 mA. */
  readonly overCurrent: number;
  /** Highest spreading factor at 125, 250 and 500 kHz. */
  readonly highestFactor: readonly [number, number, number];
}

const ALL_FACTORS = Object.freeze([12, 12, 12] as const);
const HIGH_POWER = Object.freeze({ lowPower: false, lowestDbm: -9, highestDbm: 22, overCurrent: 0x38 });
const WIDE_BAND = Object.freeze({ lowestHz: 150e6, highestHz: 960e6 });

export const SX126X_VARIANTS: Readonly<Record<Sx126xName, Sx126xVariant>> = Object.freeze({
  sx1261: Object.freeze({
    ...WIDE_BAND,
    lowPower: true,
    lowestDbm: -17,
    highestDbm: 14,
    overCurrent: 0x18,
    highestFactor: ALL_FACTORS,
  }),
  sx1262: Object.freeze({ ...WIDE_BAND, ...HIGH_POWER, highestFactor: ALL_FACTORS }),
  sx1268: Object.freeze({ lowestHz: 410e6, highestHz: 810e6, ...HIGH_POWER, highestFactor: ALL_FACTORS }),
  llcc68: Object.freeze({ ...WIDE_BAND, ...HIGH_POWER, highestFactor: Object.freeze([9, 10, 11] as const) }),
});

/** Output power at a setting of 22 dBm (high power; tables 13-21) or of 14 dBm (low power), in dB below it. */
export function amplifierOffsetDb(variant: Sx126xVariant, dutyCycle: number, hpMax: number): number {
  if (!variant.lowPower) return hpMax >= 7 ? 0 : hpMax >= 5 ? -2 : hpMax >= 3 ? -5 : -8;
  return dutyCycle >= 6 ? 1 : dutyCycle >= 4 ? 0 : -3;
}
