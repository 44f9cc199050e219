/**
 * Looks at each reading and says what is doubtful about it; it drops nothing and changes no measured value.
 *
 *   missing             no sensor gave the quantity
 *   missing, suspect    a sensor gave a value that the profile's range cannot hold (or no number)
 *   suspect             the value jumped from the one before by more than weather does, or has not moved at all for hours
 *
 * Limits after WMO-No. 8, volume V, chapter 1 (time consistency of one-minute values: temperature 3 degC, humidity 10 %, pressure 0.5 hPa,
 * wind speed 20 m/s, irradiance 800 W/m2 a minute), widened with the time between readings. "Stuck" is only asked where real air always
 * moves: temperature and pressure; irradiance rests all night, humidity in fog, a vane in calm.
 */
import { missingFlag, type Profile, suspectFlag } from "../wire/profile.ts";
import type { Reading } from "../wire/reading-record.ts";
import { StateReader, StateWriter } from "../wire/state-record.ts";
import { STATE_TAG } from "./state-tag.ts";

interface Limits {
  /** Largest change a minute, in the field's unit. */
  jump?: number;
  /** Longest time without any change, in seconds. */
  stuckS?: number;
}

const SIX_HOURS_S = 21_600;

/** By ECMA-419 quantity, so that they hold in every profile. */
const LIMITS: Readonly<Record<string, Limits | undefined>> = Object.freeze({
  "thermometer.temperature": Object.freeze({ jump: 3, stuckS: SIX_HOURS_S }),
  "hygrometer.humidity": Object.freeze({ jump: 10 }),
  "barometer.pressure": Object.freeze({ jump: 0.5, stuckS: SIX_HOURS_S }),
  "anemometer.speed": Object.freeze({ jump: 20 }),
  "pyranometer.irradiance": Object.freeze({ jump: 800 }),
});

/** Beyond an hour between two values a change says nothing. */
const JUMP_HORIZON_S = 3600;
const VERSION = 1;

export class Quality {
  #profile: Profile;
  /** Largest change a minute in integers of each field; 0 where none is set. */
  #jump: Float64Array;
  #stuckS: Float64Array;
  /** Last value that was there, uptime when it was seen last, and since when it has been the same. -1: none yet. */
  #last: Int32Array;
  #seenAtS: Float64Array;
  #sinceS: Float64Array;

  constructor(profile: Profile) {
    const count = profile.fields.length;
    this.#profile = profile;
    this.#jump = new Float64Array(count);
    this.#stuckS = new Float64Array(count);
    this.#last = new Int32Array(count);
    this.#seenAtS = new Float64Array(count).fill(-1);
    this.#sinceS = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const field = profile.fields[i];
      const limits = LIMITS[field.quantity];
      this.#jump[i] = (limits?.jump ?? 0) / field.scale;
      this.#stuckS[i] = limits?.stuckS ?? 0;
    }
  }

  /** Adds the suspect flags to a reading whose missing flags are set. */
  annotate(reading: Reading): void {
    const { values, uptimeS } = reading;
    for (let i = 0; i < values.length; i++) {
      if ((reading.flags & missingFlag(i)) !== 0) continue;
      const value = values[i];
      const seenAtS = this.#seenAtS[i];
      if (seenAtS < 0 || value !== this.#last[i]) {
        if (seenAtS >= 0 && this.jumped(i, value, uptimeS - seenAtS)) reading.flags |= suspectFlag(this.#profile, i);
        this.#sinceS[i] = uptimeS;
      } else if (this.#stuckS[i] > 0 && uptimeS - this.#sinceS[i] >= this.#stuckS[i]) {
        reading.flags |= suspectFlag(this.#profile, i);
      }
      this.#last[i] = value;
      this.#seenAtS[i] = uptimeS;
    }
  }

  private jumped(field: number, value: number, elapsedS: number): boolean {
    const limit = this.#jump[field];
    if (limit === 0 || elapsedS > JUMP_HORIZON_S) return false;
    return Math.abs(value - this.#last[field]) > limit * Math.max(1, elapsedS / 60);
  }

  save(into: Uint8Array, offset: number): number {
    const writer = new StateWriter(into, offset, STATE_TAG.quality, VERSION);
    const count = this.#last.length;
    writer.u8(count);
    for (let i = 0; i < count; i++) {
      writer.i32(this.#last[i]);
      writer.i32(this.#seenAtS[i]);
      writer.u32(this.#sinceS[i]);
    }
    return writer.finish();
  }

  restore(bytes: Uint8Array, offset: number): number {
    const reader = new StateReader(bytes, offset, STATE_TAG.quality, VERSION);
    const count = this.#last.length;
    if (!reader.valid || reader.u8() !== count) return -1;
    for (let i = 0; i < count; i++) {
      this.#last[i] = reader.i32();
      this.#seenAtS[i] = reader.i32();
      this.#sinceS[i] = reader.u32();
    }
    return reader.end;
  }
}
