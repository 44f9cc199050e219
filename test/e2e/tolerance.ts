/**
 * How far a verified value may be from what the world showed: half a step of the profile, for the rounding, and the sensor's own resolution, as
 * its driver states it. The profile's steps stand here as numbers.
 */

import { createWeatherStation, type StationValues } from "../../host-sim/chips/weather-station.ts";
import { ReplayWeather } from "../../host-sim/weather/replay.ts";
import type { ReplayTable } from "../../host-sim/weather/replay-csv.ts";
import { QUANTITIES, type Quantity } from "../../host-sim/weather/weather.ts";
import { World } from "../../host-sim/world.ts";

const STEPS: Record<Quantity, number> = {
  temperature: 0.1,
  humidity: 1,
  pressure: 0.1,
  windSpeed: 0.1,
  windGust: 0.1,
  windDirection: 5,
  rain: 0.2,
  irradiance: 1,
  battery: 0.01,
};
/** For sums of binary fractions. */
const ROUNDING = 1e-9;

/** The resolutions of a fully fitted station for samples so far apart. */
export function resolutions(intervalS: number): StationValues {
  const table: ReplayTable = {
    unixMs: Float64Array.of(0),
    intervalMs: 60_000,
    columns: new Map(QUANTITIES.map((quantity) => [quantity, Float64Array.of(0)])),
  };
  const station = createWeatherStation(new World(0, 0), new ReplayWeather(table), {
    name: "resolutions",
    clock: { nowMs: () => 0 },
  });
  return station.resolutions(intervalS * 1000);
}

/** The tolerance of each quantity for samples so far apart. */
export function tolerances(intervalS: number): StationValues {
  const values = resolutions(intervalS);
  for (const quantity of QUANTITIES) values[quantity] += STEPS[quantity] / 2 + ROUNDING;
  return values;
}

/** How far apart two values are; directions go around. */
export function distance(quantity: string, one: number, other: number): number {
  const apart = Math.abs(one - other);
  return quantity === "windDirection" ? Math.min(apart, 360 - apart) : apart;
}
