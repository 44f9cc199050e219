/** All regions by name. Firmware for one region need not import this file, but the region's own. */
import { AS923_1, AS923_2, AS923_3, AS923_4 } from "./as923.ts";
import { AU915 } from "./au915.ts";
import { EU868 } from "./eu868.ts";
import { IN865 } from "./in865.ts";
import { KR920 } from "./kr920.ts";
import type { Region } from "./region.ts";
import { US915 } from "./us915.ts";

export const REGIONS: readonly Region[] = Object.freeze([
  EU868,
  US915,
  AU915,
  AS923_1,
  AS923_2,
  AS923_3,
  AS923_4,
  IN865,
  KR920,
]);

/** The region of a name as RP002 writes it ("EU868", "AS923-2"); undefined for another. */
export function regionOf(name: string): Region | undefined {
  for (let i = 0; i < REGIONS.length; i++) if (REGIONS[i].name === name) return REGIONS[i];
  return undefined;
}
