import assert from "node:assert/strict";
import { Quality } from "../../../firmware/core/quality.ts";
import { missingFlag, suspectFlag } from "../../../firmware/wire/profile.ts";
import { WEATHER } from "../../../firmware/wire/profiles/weather.ts";
import { newReading, type Reading } from "../../../firmware/wire/reading-record.ts";
import { throughSavedState } from "./saved-state.ts";

const TEMPERATURE = 0;
const HUMIDITY = 1;
const IRRADIANCE = 7;
const fresh = (): Quality => new Quality(WEATHER);

/** Annotates a run of readings `stepS` apart in which one field has these values (undefined: missing); returns which are suspect. */
function suspects(field: number, values: (number | undefined)[], stepS = 60): number[] {
  let quality = fresh();
  const found: number[] = [];
  values.forEach((value, i) => {
    const reading: Reading = newReading(WEATHER.fields.length);
    reading.uptimeS = 1000 + i * stepS;
    reading.values[field] = value ?? 0;
    reading.flags = value === undefined ? missingFlag(field) : 0;
    const before = [...reading.values];
    quality = throughSavedState(quality, fresh);
    quality.annotate(reading);
    assert.deepEqual([...reading.values], before, "no value is changed");
    if ((reading.flags & suspectFlag(WEATHER, field)) !== 0) found.push(i);
  });
  return found;
}

describe("quality", () => {
  it("WMO-No. 8: a temperature that jumps by more than 3 degC in a minute is suspect", () => {
    assert.deepEqual(suspects(TEMPERATURE, [160, 190, 160, 191, 192]), [3]);
  });

  it("WMO-No. 8: humidity by more than 10 %, irradiance by more than 800 W/m2", () => {
    assert.deepEqual(suspects(HUMIDITY, [50, 60, 71]), [2]);
    assert.deepEqual(suspects(IRRADIANCE, [100, 900, 99]), [2]);
  });

  it("allows more with more time between readings, and judges nothing after an hour", () => {
    assert.deepEqual(suspects(TEMPERATURE, [160, 310, 461], 300), [2]);
    assert.deepEqual(suspects(TEMPERATURE, [-300, 400], 3601), []);
  });

  it("compares with the last value that was there", () => {
    assert.deepEqual(suspects(TEMPERATURE, [160, undefined, 220, 290], 60), [3]);
  });

  it("a temperature that has not moved for six hours is suspect until it moves", () => {
    const values = Array.from({ length: 75 }, () => 160);
    values.push(161, 161);
    assert.deepEqual(suspects(TEMPERATURE, values, 300), [72, 73, 74]);
  });

  it("irradiance and wind may rest", () => {
    assert.deepEqual(suspects(IRRADIANCE, Array(200).fill(0), 300), []);
    assert.deepEqual(suspects(5, Array(200).fill(12), 300), []);
  });
});
