/**
 * The cryptography of a keystore (keystore.ts). One scrypt (RFC 7914) a keystore turns the passphrase into the key that wraps the master key;
 * each record has a key of its own, derived from the master key by HKDF (RFC 5869) with the record's name, and is sealed by AES-256-GCM with
 * that name, its number and the keystore's own name as associated data. So a record cannot be read as another's, nor be moved to another place
 * or another keystore, and a new passphrase costs one wrapping.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, scrypt, timingSafeEqual } from "node:crypto";

/** scrypt's cost: `N` a power of two. Memory is 128 N r bytes. */
export interface ScryptCost {
  N: number;
  r: number;
  p: number;
}

/** 128 MB and some 0.4 s: what OWASP's Password Storage Cheat Sheet asks of scrypt. */
export const DEFAULT_COST: Readonly<ScryptCost> = Object.freeze({ N: 1 << 17, r: 8, p: 1 });
/** A file from elsewhere may not ask for more memory than this. */
const MAX_MEMORY_BYTES = 1 << 30;

export const KEY_BYTES = 32;
export const ID_BYTES = 16;
export const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Whether scrypt can be asked for that at all. */
export function isReasonable({ N, r, p }: ScryptCost): boolean {
  const whole = [N, r, p].every((value) => Number.isInteger(value) && value > 0);
  return whole && N >= 2 && (N & (N - 1)) === 0 && p <= 16 && 128 * N * r <= MAX_MEMORY_BYTES;
}

/** What the passphrase gives: a key, and a check value by which a wrong passphrase is told from a damaged file. */
export function stretch(
  passphrase: string,
  salt: Uint8Array,
  cost: ScryptCost,
): Promise<{ key: Uint8Array; check: Uint8Array }> {
  return new Promise((resolve, reject) => {
    const options = { N: cost.N, r: cost.r, p: cost.p, maxmem: 2 * MAX_MEMORY_BYTES };
    scrypt(passphrase.normalize("NFC"), salt, 2 * KEY_BYTES, options, (error, bytes) => {
      if (error !== null) return reject(error);
      resolve({ key: bytes.subarray(0, KEY_BYTES), check: bytes.subarray(KEY_BYTES) });
    });
  });
}

/** A key of its own for each purpose of the master key. */
export function derive(master: Uint8Array, id: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", master, id, purpose, KEY_BYTES));
}

/** nonce ‖ ciphertext ‖ tag (NIST SP 800-38D), the nonce random. */
export function seal(key: Uint8Array, plain: Uint8Array, associated: string): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(associated));
  return new Uint8Array(Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]));
}

/** What was sealed, or undefined when it is not authentic. */
export function open(key: Uint8Array, sealed: Uint8Array, associated: string): Uint8Array | undefined {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(associated)).setAuthTag(sealed.subarray(end));
  try {
    return new Uint8Array(Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, end)), decipher.final()]));
  } catch {
    return undefined;
  }
}

/** Compares in a time that does not depend on the bytes. */
export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

export function randomKey(length: number): Uint8Array {
  return new Uint8Array(randomBytes(length));
}
