/** Profile `energy`, version 1: a meter at a connection to the grid, a plant or a battery. */
import type { Profile } from "../profile.ts";

export const ENERGY: Profile = Object.freeze({
  uri: "tag:groundtruth,2026:energy:1",
  version: 1,
  fields: Object.freeze([
    // Drawn; negative when delivered.
    Object.freeze({ name: "power", quantity: "powerMeter.power", unit: "W", scale: 1, min: -1000000, max: 1000000 }),
    // The meter's registers: they only grow, so a lost token loses no energy.
    Object.freeze({
      name: "energyImported",
      quantity: "powerMeter.energyImported",
      unit: "Wh",
      scale: 1,
      min: 0,
      max: 2000000000,
    }),
    Object.freeze({
      name: "energyExported",
      quantity: "powerMeter.energyExported",
      unit: "Wh",
      scale: 1,
      min: 0,
      max: 2000000000,
    }),
    Object.freeze({ name: "voltage", quantity: "powerMeter.voltage", unit: "V", scale: 0.1, min: 0, max: 10000 }),
    Object.freeze({
      name: "current",
      quantity: "powerMeter.current",
      unit: "A",
      scale: 0.01,
      min: -100000,
      max: 100000,
    }),
    Object.freeze({ name: "frequency", quantity: "powerMeter.frequency", unit: "Hz", scale: 0.01, min: 0, max: 10000 }),
  ]),
});
