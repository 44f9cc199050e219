/** What holds a node's signing key, by name: for people, JSON and identity files. */
import type { Protection } from "../../firmware/wire/statements.ts";

/** In the order of their numbers, from the weakest on. */
export const PROTECTION_NAMES = Object.freeze([
  "plain-flash",
  "encrypted-flash",
  "efuse-derived",
  "secure-element",
] as const);

export type ProtectionName = (typeof PROTECTION_NAMES)[number];

export function protectionName(protection: Protection): ProtectionName {
  return PROTECTION_NAMES[protection];
}
