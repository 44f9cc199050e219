/**
 * What the QR code on a LoRaWAN device says (LoRa Alliance TR005, SchemaID D0), and its picture:
 *
 *   LW:D0:JoinEUI:DevEUI:ProfileID[:Sserial number]:Cchecksum
 *
 * No key stands in it. The checksum is CRC-16 (as of Modbus) over all in front of its colon; the owner token, which would let whoever photographs the
 * label claim the device, is left out.
 */
import { create, toString as toText } from "qrcode";
import type { Eui64 } from "./eui.ts";
import { monochromePng } from "./monochrome-png.ts";

export interface DeviceLabel {
  joinEui: Eui64;
  devEui: Eui64;
  /** VendorID and VendorProfileID, 8 hexadecimal digits. */
  profileId: string;
  /** Of the alphabet of SERIAL. */
  serial?: string;
}

/** The modules of a code with its margin, for pictures of it. */
export interface QrModules {
  /** Modules a side. */
  size: number;
  isBlack(row: number, column: number): boolean;
}

/** The characters of a QR code's alphanumeric mode that a field may have: no colon, which ends it, and no blank. */
export const SERIAL = /^[0-9A-Z$%*+\-./]{1,32}$/;

/** Quartile correction bears a scratched label. */
const CORRECTION = Object.freeze({ errorCorrectionLevel: "Q" } as const);
/** ISO/IEC 18004 6.3.8. */
const MARGIN = 4;
const PNG_PIXELS_PER_MODULE = 8;

/** The text of the code: upper case, so that the code is small. */
export function labelText({ joinEui, devEui, profileId, serial }: DeviceLabel): string {
  const fields = ["LW", "D0", joinEui.toUpperCase(), devEui.toUpperCase(), profileId.toUpperCase()];
  if (serial !== undefined) fields.push(`S${serial}`);
  const text = fields.join(":");
  return `${text}:C${labelChecksum(text)}`;
}

export function labelModules(text: string): QrModules {
  const { modules } = create(text, CORRECTION);
  const { size } = modules;
  return {
    size: size + 2 * MARGIN,
    isBlack: (row, column) => {
      const [y, x] = [row - MARGIN, column - MARGIN];
      return x >= 0 && y >= 0 && x < size && y < size && modules.get(y, x) !== 0;
    },
  };
}

/** Drawn here: the library's own PNG takes 11 ms, and a factory has ten thousand labels. */
export function labelPng({ size, isBlack }: QrModules): Uint8Array {
  return monochromePng(size, PNG_PIXELS_PER_MODULE, isBlack);
}

/** One path of horizontal runs, a unit a module. */
export function labelSvg({ size, isBlack }: QrModules): string {
  let path = "";
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      if (!isBlack(row, column)) continue;
      const from = column;
      while (isBlack(row, column + 1)) column++;
      const length = column + 1 - from;
      path += `M${from} ${row}h${length}v1h-${length}z`;
    }
  }
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges">` +
    `<path fill="#fff" d="M0 0h${size}v${size}H0z"/><path d="${path}"/></svg>\n`
  );
}

/** Of block characters, two modules each, for a terminal; the margin included. */
export function labelTerminal(text: string): Promise<string> {
  return toText(text, { ...CORRECTION, margin: MARGIN, type: "utf8" });
}

/** Four digits: polynomial 8005 reflected, from FFFF on. */
export function labelChecksum(text: string): string {
  let remainder = 0xffff;
  for (let i = 0; i < text.length; i++) {
    remainder ^= text.charCodeAt(i);
    for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ 0xa001 : remainder >>> 1;
  }
  return remainder.toString(16).toUpperCase().padStart(4, "0");
}
