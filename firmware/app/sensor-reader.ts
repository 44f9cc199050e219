/**
 * Sensors to profile integers: starts all of them, reads all of them, and puts each quantity of the profile where it belongs. Sensors give
 * ECMA-419's quantities; only the units that a profile has otherwise are converted here.
 */
import type { Sensor, SensorSample } from "../ports/sensor.ts";
import { fieldInteger, missingFlag, type Profile, suspectFlag } from "../wire/profile.ts";
import type { Reading } from "../wire/reading-record.ts";

/** ECMA-419 has pressure in pascals, the profile in hectopascals. */
const DIVISORS: Readonly<Record<string, number | undefined>> = Object.freeze({ "barometer.pressure": 100 });

type Quantities = Record<string, Record<string, number | undefined> | undefined>;

export class SensorReader {
  #sensors: Sensor[];
  #profile: Profile;
  /** For each field: class and property of its quantity, and the divisor of its unit. */
  #classes: string[] = [];
  #properties: string[] = [];
  #divisors: number[] = [];
  /** By sensor: it was started and did not throw. */
  #started: boolean[];
  /** Starts and samples that threw. */
  errors = 0;

  constructor(sensors: Sensor[], profile: Profile) {
    this.#sensors = sensors;
    this.#profile = profile;
    this.#started = sensors.map(() => false);
    for (const { quantity } of profile.fields) {
      const dot = quantity.indexOf(".");
      this.#classes.push(quantity.slice(0, dot));
      this.#properties.push(quantity.slice(dot + 1));
      this.#divisors.push(DIVISORS[quantity] ?? 1);
    }
  }

  /** Begins a measurement on every sensor; returns the milliseconds that the longest takes. */
  start(): number {
    let longestMs = 0;
    for (let i = 0; i < this.#sensors.length; i++) {
      this.#started[i] = false;
      try {
        longestMs = Math.max(longestMs, this.#sensors[i].start());
        this.#started[i] = true;
      } catch {
        this.errors++;
      }
    }
    return longestMs;
  }

  /** Fills values and flags of `reading`. What no sensor gives is missing; what the field cannot hold is missing and suspect. */
  read(reading: Reading): void {
    const fields = this.#profile.fields.length;
    reading.values.fill(0);
    reading.flags = (1 << fields) - 1;
    for (let i = 0; i < this.#sensors.length; i++) {
      if (!this.#started[i]) continue;
      try {
        this.take(this.#sensors[i].sample(), reading);
      } catch {
        this.errors++;
      }
      this.#started[i] = false;
    }
  }

  private take(sample: SensorSample, reading: Reading): void {
    for (let i = 0; i < this.#classes.length; i++) {
      if ((reading.flags & missingFlag(i)) === 0) continue;
      const value = (sample as Quantities)[this.#classes[i]]?.[this.#properties[i]];
      if (value === undefined) continue;
      const integer = fieldInteger(this.#profile.fields[i], value / this.#divisors[i]);
      if (integer === undefined) {
        reading.flags |= suspectFlag(this.#profile, i);
      } else {
        reading.values[i] = integer;
        reading.flags &= ~(missingFlag(i) | suspectFlag(this.#profile, i));
      }
    }
  }
}
