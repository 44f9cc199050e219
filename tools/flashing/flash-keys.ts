/**
 * Finds key material in what is about to be flashed. A firmware image is the same for every node and is handed around; a key in it would be in
 * every one of them, and nobody's secret any more.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { FLASH_EXIT, FlashError } from "./flash-error.ts";

/** A secret that must not be found, and where it is known from. */
export interface KnownSecret {
  from: string;
  bytes: Buffer;
}

const NVS_PAGE = 4096;
/** NVS page states: active, full, freeing, corrupt (ESP-IDF, "NVS internals"). */
const NVS_STATES: readonly number[] = [0xfffffffe, 0xfffffffc, 0xfffffff8, 0xfffffff0];

/** A key pair as programs write it, followed by what makes it one: the words alone stand in every TLS library. */
const PEM = /-----BEGIN (?:EC |RSA |ENCRYPTED )?PRIVATE KEY-----\r?\n[A-Za-z0-9+/=\r\n]{40}/;
const PRIVATE_JWK = /"d"\s*:\s*"[A-Za-z0-9_-]{43}"/;
/** SEC1 and PKCS #8 for P-256, up to the private number. */
const DER_HEADERS = ["30770201010420", "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420"];

/** What kind of key material is in the bytes, or undefined. */
export function findKeys(bytes: Uint8Array, secrets: readonly KnownSecret[]): string | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + NVS_PAGE <= buffer.length; at += NVS_PAGE)
    if (isNvsPage(buffer.subarray(at, at + NVS_PAGE))) return `an NVS page at byte 0x${at.toString(16)}`;
  const text = buffer.toString("latin1");
  if (PEM.test(text)) return "a private key (PEM)";
  if (PRIVATE_JWK.test(text)) return "a private key (JWK)";
  if (DER_HEADERS.some((header) => buffer.includes(Buffer.from(header, "hex")))) return "a private key (DER)";
  const lower = text.toLowerCase();
  const found = secrets.find((secret) => buffer.includes(secret.bytes) || lower.includes(secret.bytes.toString("hex")));
  return found === undefined ? undefined : `a key of ${found.from}`;
}

function isNvsPage(page: Buffer): boolean {
  if (!NVS_STATES.includes(page.readUInt32LE(0))) return false;
  // ESP-IDF begins its CRC at all ones, on top of the usual one.
  return page.readUInt32LE(28) === crc32(page.subarray(4, 28), 0xffffffff);
}

/** The secrets in a folder's <devEui>.secrets.json: every value of 16 or 32 bytes. */
export function loadSecrets(folder: string): KnownSecret[] {
  const secrets: KnownSecret[] = [];
  try {
    for (const file of readdirSync(folder)) {
      if (!file.endsWith(".secrets.json")) continue;
      const values: unknown[] = Object.values(JSON.parse(readFileSync(join(folder, file), "utf8")));
      for (const value of values) {
        if (typeof value !== "string" || !/^([0-9a-f]{32}|[0-9a-f]{64})$/i.test(value)) continue;
        secrets.push({ from: file, bytes: Buffer.from(value, "hex") });
      }
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "not JSON";
    throw new FlashError(
      FLASH_EXIT.badImage,
      `the secrets cannot be read: ${code}`,
      folder,
      "name the folder of *.secrets.json",
    );
  }
  return secrets;
}
