/**
 * Program images as Espressif's bootloaders take them (esptool documentation, "Firmware Image Format"): a header of 24 bytes, segments, a
 * checksum of one byte at the end of a line of 16, and a SHA-256 of all that.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { checksumOf, readWord } from "./loader-protocol.ts";

const MAGIC = 0xe9;
const HEADER_LENGTH = 24;
const SEGMENT_HEADER_LENGTH = 8;
const MAX_SEGMENTS = 16;
const CHECKSUM_SEED = 0xef;
const DIGEST_LENGTH = 32;
/** esp_app_desc_t, the first thing in an application's first segment. */
const DESCRIPTION_OFFSET = HEADER_LENGTH + SEGMENT_HEADER_LENGTH;
const DESCRIPTION_MAGIC = 0xabcd5432;
const DESCRIPTION_LENGTH = 256;

export interface AppDescription {
  project: string;
  version: string;
  sdk: string;
}

export interface EspImage {
  chipId: number;
  /** Bytes of flash that the image's header counts on. */
  flashSize: number;
  /** Bytes of the image itself; a file may go on after it. */
  length: number;
  /** What an application says about itself; a bootloader says nothing. */
  app?: AppDescription;
}

export type ImageResult =
  | ({ ok: true } & EspImage)
  | { ok: false; reason: "not-an-image" | "too-short" | "bad-checksum" | "bad-digest" };

/** The image at the beginning of `bytes`, checked to its last byte. */
export function parseImage(bytes: Uint8Array): ImageResult {
  if (bytes.length < HEADER_LENGTH || bytes[0] !== MAGIC) return { ok: false, reason: "not-an-image" };
  const segmentCount = bytes[1];
  if (segmentCount === 0 || segmentCount > MAX_SEGMENTS) return { ok: false, reason: "not-an-image" };
  let at = HEADER_LENGTH;
  let checksum = CHECKSUM_SEED;
  for (let i = 0; i < segmentCount; i++) {
    if (at + SEGMENT_HEADER_LENGTH > bytes.length) return { ok: false, reason: "too-short" };
    const length = readWord(bytes, at + 4);
    at += SEGMENT_HEADER_LENGTH;
    if (at + length > bytes.length) return { ok: false, reason: "too-short" };
    checksum ^= CHECKSUM_SEED ^ checksumOf(bytes.subarray(at, at + length));
    at += length;
  }
  const checksumAt = at + 15 - (at % 16);
  const hasDigest = bytes[23] === 1;
  const length = checksumAt + 1 + (hasDigest ? DIGEST_LENGTH : 0);
  if (length > bytes.length) return { ok: false, reason: "too-short" };
  if (bytes[checksumAt] !== checksum) return { ok: false, reason: "bad-checksum" };
  if (hasDigest) {
    const digest = sha256(bytes.subarray(0, checksumAt + 1));
    if (digest.some((byte, i) => byte !== bytes[checksumAt + 1 + i])) return { ok: false, reason: "bad-digest" };
  }
  const app = parseDescription(bytes);
  const image = { chipId: bytes[12] | (bytes[13] << 8), flashSize: 1 << (20 + (bytes[3] >> 4)), length };
  return { ok: true, ...image, ...(app === undefined ? {} : { app }) };
}

function parseDescription(bytes: Uint8Array): AppDescription | undefined {
  if (bytes.length < DESCRIPTION_OFFSET + DESCRIPTION_LENGTH) return undefined;
  if (readWord(bytes, DESCRIPTION_OFFSET) !== DESCRIPTION_MAGIC) return undefined;
  const text = (offset: number): string => {
    const field = bytes.subarray(DESCRIPTION_OFFSET + offset, DESCRIPTION_OFFSET + offset + 32);
    const end = field.indexOf(0);
    // Printable ASCII only: it ends on a terminal.
    const letters = Array.from(field.subarray(0, end < 0 ? field.length : end), (byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "?",
    );
    return letters.join("");
  };
  return { version: text(16), project: text(48), sdk: text(112) };
}
