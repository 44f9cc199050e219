/** Profile `soil-water`, version 1: soil at two depths, and water in a well, a tank or a stream. */
import type { Profile } from "../profile.ts";

export const SOIL_WATER: Profile = Object.freeze({
  uri: "tag:groundtruth,2026:soil-water:1",
  version: 1,
  fields: Object.freeze([
    // Volumetric water content.
    Object.freeze({
      name: "soilMoistureUpper",
      quantity: "soilMoistureDetector.moistureUpper",
      unit: "/100",
      scale: 0.1,
      min: 0,
      max: 1000,
    }),
    Object.freeze({
      name: "soilMoistureLower",
      quantity: "soilMoistureDetector.moistureLower",
      unit: "/100",
      scale: 0.1,
      min: 0,
      max: 1000,
    }),
    Object.freeze({
      name: "soilTemperatureUpper",
      quantity: "soilThermometer.temperatureUpper",
      unit: "Cel",
      scale: 0.1,
      min: -600,
      max: 1000,
    }),
    Object.freeze({
      name: "soilTemperatureLower",
      quantity: "soilThermometer.temperatureLower",
      unit: "Cel",
      scale: 0.1,
      min: -600,
      max: 1000,
    }),
    Object.freeze({
      name: "soilConductivity",
      quantity: "soilConductivityMeter.conductivity",
      unit: "S/m",
      scale: 0.001,
      min: 0,
      max: 5000,
    }),
    Object.freeze({
      name: "waterLevel",
      quantity: "waterLevelGauge.level",
      unit: "m",
      scale: 0.001,
      min: -20000,
      max: 200000,
    }),
    Object.freeze({
      name: "waterTemperature",
      quantity: "waterThermometer.temperature",
      unit: "Cel",
      scale: 0.1,
      min: -100,
      max: 1000,
    }),
    Object.freeze({
      name: "waterConductivity",
      quantity: "waterConductivityMeter.conductivity",
      unit: "S/m",
      scale: 0.001,
      min: 0,
      max: 20000,
    }),
    // The meter's register: it only grows.
    Object.freeze({ name: "waterVolume", quantity: "flowMeter.volume", unit: "l", scale: 1, min: 0, max: 2000000000 }),
    Object.freeze({ name: "battery", quantity: "battery.voltage", unit: "V", scale: 0.01, min: 0, max: 6000 }),
  ]),
});
