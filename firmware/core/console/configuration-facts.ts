/** Reads from a configuration's text what the console must know of it. What the rest of it means, the node's own parser says. */
import { memberNamed, readHex, readMembers, readText } from "../../wire/strict-json.ts";
import type { ConfigurationFacts } from "./console-events.ts";

/** NVS keeps a text of up to 4,000 bytes; a line of the console brings this much. */
export const CONFIGURATION_BYTES_MAX = 1800;

/** The facts, or the member that is missing or wrong. */
export function configurationFacts(bytes: Uint8Array, length: number): ConfigurationFacts | string {
  if (length > CONFIGURATION_BYTES_MAX) return "configuration";
  const read = readMembers(bytes, 0, length);
  if (!read.ok) return "configuration";
  const { members } = read;
  const devEui = new Uint8Array(8);
  const joinEui = new Uint8Array(8);
  if (!readHex(bytes, memberNamed(members, "devEui"), devEui)) return "devEui";
  if (!readHex(bytes, memberNamed(members, "joinEui"), joinEui)) return "joinEui";
  const uplink = readText(bytes, memberNamed(members, "uplink"), 16);
  if (uplink === undefined) return "uplink";
  return { length, devEui, joinEui, joins: uplink === "lorawan" || uplink === "both" };
}
