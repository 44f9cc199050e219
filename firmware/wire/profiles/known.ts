/** The profiles that this version of the project knows, by URI. */
import type { Profile } from "../profile.ts";
import { WEATHER } from "./weather.ts";

const KNOWN: readonly Profile[] = Object.freeze([WEATHER]);

/** The profile of that URI, or undefined. */
export function profileByUri(uri: string): Profile | undefined {
  for (const profile of KNOWN) if (profile.uri === uri) return profile;
  return undefined;
}
