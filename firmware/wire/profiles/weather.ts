/** Profile `weather`, version 1: a weather station with nine quantities. */
import type { Profile } from "../profile.ts";

export const WEATHER: Profile = Object.freeze({
  uri: "tag:groundtruth,2026:weather:1",
  version: 1,
  fields: Object.freeze([
    Object.freeze({
      name: "temperature",
      quantity: "thermometer.temperature",
      unit: "Cel",
      scale: 0.1,
      min: -1000,
      max: 1250,
    }),
    Object.freeze({ name: "humidity", quantity: "hygrometer.humidity", unit: "%RH", scale: 1, min: 0, max: 100 }),
    Object.freeze({ name: "pressure", quantity: "barometer.pressure", unit: "hPa", scale: 0.1, min: 3000, max: 11000 }),
    Object.freeze({ name: "windSpeed", quantity: "anemometer.speed", unit: "m/s", scale: 0.1, min: 0, max: 1200 }),
    Object.freeze({ name: "windGust", quantity: "anemometer.gust", unit: "m/s", scale: 0.1, min: 0, max: 1200 }),
    Object.freeze({
      name: "windDirection",
      quantity: "vane.direction",
      unit: "deg",
      scale: 5,
      min: 0,
      max: 71,
      modulus: 72,
    }),
    // Tips of the bucket since the node booted: a lost token then loses no rain. 200 m of rain is a century in the wettest places.
    Object.freeze({ name: "rain", quantity: "rainGauge.rain", unit: "mm", scale: 0.2, min: 0, max: 1_000_000 }),
    Object.freeze({
      name: "irradiance",
      quantity: "pyranometer.irradiance",
      unit: "W/m2",
      scale: 1,
      min: 0,
      max: 2000,
    }),
    Object.freeze({ name: "battery", quantity: "battery.voltage", unit: "V", scale: 0.01, min: 0, max: 6000 }),
  ]),
});
