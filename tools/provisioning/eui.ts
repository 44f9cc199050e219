/** EUI-64 and EUI-48 (IEEE 802): names of nodes, given, made from a chip's MAC address, or out of a block that its owner holds. */

/** 16 lower-case hexadecimal digits. */
export type Eui64 = string;

/** DevEUIs that one owner may give away, both ends included. */
export interface EuiBlock {
  first: bigint;
  last: bigint;
}

const EUI64 = /^[0-9a-f]{16}$/;
const EUI48 = /^[0-9a-f]{12}$/;
/** In the first byte: for a group of stations, not one. */
const GROUP_BIT = 0x01;

/** An EUI-64 as people write it (with colons or hyphens, in any case), or undefined. */
export function parseEui64(text: string): Eui64 | undefined {
  const plain = text.toLowerCase().replace(/[:-]/g, "");
  return EUI64.test(plain) ? plain : undefined;
}

/** Why an EUI-64 cannot name a node, or undefined. */
export function devEuiProblem(eui: Eui64): string | undefined {
  if (/^0+$/.test(eui) || /^f+$/.test(eui)) return "dev-eui-all-alike";
  if (Number.parseInt(eui.slice(0, 2), 16) & GROUP_BIT) return "dev-eui-of-a-group";
  return undefined;
}

/** The EUI-64 that ESP-IDF makes of a chip's base MAC address (ESP_MAC_IEEE802154): FF FE in its middle. */
export function eui64FromMac(text: string): Eui64 | undefined {
  const plain = text.toLowerCase().replace(/[:-]/g, "");
  return EUI48.test(plain) ? `${plain.slice(0, 6)}fffe${plain.slice(6)}` : undefined;
}

/** `FIRST/BITS` (as IEEE assigns: 24, 28 or 36 bits are fixed, or any other number) or `FIRST-LAST`. */
export function parseEuiBlock(text: string): EuiBlock | undefined {
  const range = /^([0-9a-fA-F]{16})-([0-9a-fA-F]{16})$/.exec(text);
  if (range !== null) {
    const [first, last] = [BigInt(`0x${range[1]}`), BigInt(`0x${range[2]}`)];
    return first <= last ? { first, last } : undefined;
  }
  const prefix = /^([0-9a-fA-F]{16})\/(\d{1,2})$/.exec(text);
  if (prefix === null) return undefined;
  const bits = Number(prefix[2]);
  if (bits < 24 || bits > 64) return undefined;
  const first = BigInt(`0x${prefix[1]}`);
  const size = 1n << BigInt(64 - bits);
  return first % size === 0n ? { first, last: first + size - 1n } : undefined;
}

export function formatEui(value: bigint): Eui64 {
  return value.toString(16).padStart(16, "0");
}
