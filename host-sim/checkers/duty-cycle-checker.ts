/**
 * Does a transmitter keep to its share of every hour? Looks at the frames in the air, to the microsecond, and at every hour that ends where one of them
 * does: the busiest hour is among those. The limits stand here once more, from the standard's text and not from the firmware's tables:
 * ETSI EN 300 220-2 V3.2.1, annex B, table B.1, bands K to P.
 */
import type { AirTransmission } from "../radio/channel.ts";

const HOUR_US = 3_600_000_000;

/** [from MHz, to MHz, share of an hour]. */
const EU_BANDS: readonly (readonly [number, number, number])[] = Object.freeze([
  Object.freeze([863, 865, 0.001] as const),
  Object.freeze([865, 868, 0.01] as const),
  Object.freeze([868, 868.6, 0.01] as const),
  Object.freeze([868.7, 869.2, 0.001] as const),
  Object.freeze([869.4, 869.65, 0.1] as const),
  Object.freeze([869.7, 870, 0.01] as const),
]);

interface Sent {
  startUs: number;
  endUs: number;
}

export class DutyCycleChecker {
  readonly violations: string[] = [];
  /** The largest part of its limit that any transmitter used in any hour: 1 is all of it. */
  worst = 0;
  frames = 0;
  #bands: readonly (readonly [number, number, number])[];
  #sent = new Map<object, Sent[][]>();

  constructor(bands = EU_BANDS) {
    this.#bands = bands;
  }

  /** To be called for every frame of the transmitters that are to be checked, in the order of their beginnings. */
  sent({ from, modulation, startUs, endUs }: AirTransmission): void {
    this.frames++;
    const mhz = modulation.frequencyHz / 1e6;
    const index = this.#bands.findIndex(([fromMhz, toMhz]) => mhz >= fromMhz && mhz < toMhz);
    if (index < 0) {
      this.violations.push(`${mhz} MHz at ${startUs} us is in no band`);
      return;
    }
    const bands = this.#sent.get(from) ?? this.#bands.map(() => []);
    this.#sent.set(from, bands);
    const recent = bands[index].filter((old) => old.endUs > endUs - HOUR_US);
    recent.push({ startUs, endUs });
    bands[index] = recent;
    let usedUs = 0;
    for (const { startUs: oldStartUs, endUs: oldEndUs } of recent) {
      usedUs += oldEndUs - Math.max(oldStartUs, endUs - HOUR_US);
    }
    const limitUs = this.#bands[index][2] * HOUR_US;
    this.worst = Math.max(this.worst, usedUs / limitUs);
    if (usedUs > limitUs) {
      this.violations.push(`${mhz} MHz: ${usedUs} us in the hour up to ${endUs} us, where ${limitUs} are allowed`);
    }
  }
}
