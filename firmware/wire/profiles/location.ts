/** Profile `location`, version 1: fixes of a GNSS receiver (WGS 84). */
import type { Profile } from "../profile.ts";

export const LOCATION: Profile = Object.freeze({
  uri: "tag:groundtruth,2026:location:1",
  version: 1,
  fields: Object.freeze([
    // 1.1 m.
    Object.freeze({
      name: "latitude",
      quantity: "gnss.latitude",
      unit: "lat",
      scale: 0.00001,
      min: -9000000,
      max: 9000000,
    }),
    Object.freeze({
      name: "longitude",
      quantity: "gnss.longitude",
      unit: "lon",
      scale: 0.00001,
      min: -18000000,
      max: 18000000,
    }),
    Object.freeze({ name: "altitude", quantity: "gnss.altitude", unit: "m", scale: 1, min: -1000, max: 50000 }),
    // Horizontal, two thirds of all fixes within.
    Object.freeze({ name: "accuracy", quantity: "gnss.accuracy", unit: "m", scale: 1, min: 0, max: 10000 }),
    Object.freeze({ name: "speed", quantity: "gnss.speed", unit: "m/s", scale: 0.1, min: 0, max: 5000 }),
    Object.freeze({ name: "course", quantity: "gnss.course", unit: "deg", scale: 5, min: 0, max: 71, modulus: 72 }),
    Object.freeze({ name: "satellites", quantity: "gnss.satellites", unit: "count", scale: 1, min: 0, max: 60 }),
    Object.freeze({ name: "battery", quantity: "battery.voltage", unit: "V", scale: 0.01, min: 0, max: 6000 }),
  ]),
});
