/** Profile `air-quality`, version 1: particles, gases and noise, with the air they were measured in. */
import type { Profile } from "../profile.ts";

export const AIR_QUALITY: Profile = Object.freeze({
  uri: "tag:groundtruth,2026:air-quality:1",
  version: 1,
  fields: Object.freeze([
    Object.freeze({ name: "pm1", quantity: "particleCounter.pm1", unit: "ug/m3", scale: 0.1, min: 0, max: 100000 }),
    Object.freeze({ name: "pm25", quantity: "particleCounter.pm25", unit: "ug/m3", scale: 0.1, min: 0, max: 100000 }),
    Object.freeze({ name: "pm10", quantity: "particleCounter.pm10", unit: "ug/m3", scale: 0.1, min: 0, max: 100000 }),
    Object.freeze({
      name: "carbonDioxide",
      quantity: "carbonDioxideDetector.CO2",
      unit: "ppm",
      scale: 1,
      min: 0,
      max: 40000,
    }),
    // The gas index of the sensor's maker: 100 is the average of the last day for VOC, 1 for NOx.
    Object.freeze({ name: "vocIndex", quantity: "vocDetector.index", unit: "/", scale: 1, min: 0, max: 500 }),
    Object.freeze({ name: "noxIndex", quantity: "noxDetector.index", unit: "/", scale: 1, min: 0, max: 500 }),
    // Equivalent continuous level over the step, A-weighted.
    Object.freeze({ name: "noise", quantity: "soundLevelMeter.level", unit: "dB", scale: 0.1, min: 0, max: 1500 }),
    Object.freeze({
      name: "temperature",
      quantity: "thermometer.temperature",
      unit: "Cel",
      scale: 0.1,
      min: -1000,
      max: 1250,
    }),
    Object.freeze({ name: "humidity", quantity: "hygrometer.humidity", unit: "%RH", scale: 1, min: 0, max: 100 }),
    Object.freeze({ name: "battery", quantity: "battery.voltage", unit: "V", scale: 0.01, min: 0, max: 6000 }),
  ]),
});
