/** The profiles that this version of the project knows, by URI. */
import type { Profile } from "../profile.ts";
import { AIR_QUALITY } from "./air-quality.ts";
import { ENERGY } from "./energy.ts";
import { LOCATION } from "./location.ts";
import { SOIL_WATER } from "./soil-water.ts";
import { WEATHER } from "./weather.ts";

export const KNOWN_PROFILES: readonly Profile[] = Object.freeze([WEATHER, AIR_QUALITY, ENERGY, LOCATION, SOIL_WATER]);

/** The profile of that URI, or undefined. */
export function profileByUri(uri: string): Profile | undefined {
  for (const profile of KNOWN_PROFILES) if (profile.uri === uri) return profile;
  return undefined;
}
