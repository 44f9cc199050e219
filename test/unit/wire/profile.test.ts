import { deepEqual, equal, ok } from "node:assert/strict";
import {
  columnCount,
  type Field,
  fieldInteger,
  fieldValue,
  missingFlag,
  suspectFlag,
} from "../../../firmware/wire/profile.ts";
import { profileByUri } from "../../../firmware/wire/profiles/known.ts";
import { WEATHER } from "../../../firmware/wire/profiles/weather.ts";

function field(name: string): Field {
  const found = WEATHER.fields.find((candidate) => candidate.name === name);
  ok(found);
  return found;
}

describe("profile weather:1", () => {
  it("stands under its URI", () => {
    equal(profileByUri("tag:groundtruth,2026:weather:1"), WEATHER);
    equal(profileByUri("tag:groundtruth,2026:weather:2"), undefined);
  });

  it("RFC 8428 12.1 and RFC 8798: quantities, units and scales in their order", () => {
    deepEqual(
      WEATHER.fields.map(({ name, unit, scale }) => `${name} ${scale} ${unit}`),
      [
        "temperature 0.1 Cel",
        "humidity 1 %RH",
        "pressure 0.1 hPa",
        "windSpeed 0.1 m/s",
        "windGust 0.1 m/s",
        "windDirection 5 deg",
        "rain 0.2 mm",
        "irradiance 1 W/m2",
        "battery 0.01 V",
      ],
    );
    equal(columnCount(WEATHER), 10);
  });

  it("gives every integer in range back from its value", () => {
    for (const each of WEATHER.fields) {
      for (let integer = each.min; integer <= each.max; integer += each.name === "rain" ? 997 : 1) {
        equal(fieldInteger(each, fieldValue(each, integer)), integer);
      }
    }
  });

  it("gives values that print as short as they are", () => {
    equal(String(fieldValue(field("temperature"), 163)), "16.3");
    equal(String(fieldValue(field("temperature"), -3)), "-0.3");
    equal(String(fieldValue(field("rain"), 3)), "0.6");
    equal(String(fieldValue(field("battery"), 1336)), "13.36");
    equal(String(fieldValue(field("windDirection"), 71)), "355");
  });

  it("rounds to the nearest step", () => {
    equal(fieldInteger(field("temperature"), -7.64), -76);
    equal(fieldInteger(field("humidity"), 48.73), 49);
    equal(fieldInteger(field("rain"), 0.9), 5);
  });

  it("goes around at north", () => {
    const direction = field("windDirection");
    deepEqual(
      [0, 357.4, 357.5, 360, -10].map((degrees) => fieldInteger(direction, degrees)),
      [0, 71, 0, 0, 70],
    );
  });

  it("holds nothing that is out of range or no number", () => {
    equal(fieldInteger(field("humidity"), 101), undefined);
    equal(fieldInteger(field("pressure"), 299.9), undefined);
    equal(fieldInteger(field("temperature"), Number.NaN), undefined);
    equal(fieldInteger(field("windDirection"), Infinity), undefined);
  });

  it("has two flags a field, apart from each other", () => {
    let seen = 0;
    for (let i = 0; i < WEATHER.fields.length; i++) {
      for (const flag of [missingFlag(i), suspectFlag(WEATHER, i)]) {
        equal(seen & flag, 0);
        seen |= flag;
      }
    }
    equal(seen, 2 ** 18 - 1);
  });
});
