/**
 * Public keys as COSE_Key (RFC 9052 7), deterministic and with nothing but what a key needs; the curve says the algorithm:
 *
 *   EC2   {1: 2, -1: crv, -2: x, -3: y}      ES256: P-256, crv 1 (RFC 9053 7.1); ES256K: secp256k1, crv 8 (RFC 8812 3.1)
 *   OKP   {1: 1, -1: 6, -2: x}               EdDSA: Ed25519
 *
 * These very bytes are what the COSE Key Thumbprint (RFC 9679 4) hashes, and kid is the first 8 bytes of its SHA-256. In memory a public key is
 * x‖y, or x alone for EdDSA.
 */
import type { SignatureAlgorithm } from "../ports/crypto.ts";
import type { CborReader } from "./cbor-reader.ts";
import { CborWriter } from "./cbor-writer.ts";

/** The longest COSE_Key, which is also the longest input of a thumbprint. */
export const MAX_COSE_KEY_BYTES = 75;
export const MAX_THUMBPRINT_INPUT_BYTES = MAX_COSE_KEY_BYTES;
/** x‖y. */
export const MAX_PUBLIC_KEY_BYTES = 64;

const COORDINATE_BYTES = 32;
const ES256 = -7;
const EDDSA = -8;
const ES256K = -47;

const PARAMETER_KTY = 1;
const PARAMETER_CRV = -1;
const PARAMETER_X = -2;
const PARAMETER_Y = -3;
const KTY_OKP = 1;
const KTY_EC2 = 2;
const CRV_P256 = 1;
const CRV_ED25519 = 6;
const CRV_SECP256K1 = 8;
/** Confirmation method of RFC 8747 3.1. */
const CONFIRMATION_COSE_KEY = 1;

/** A public key and what it signs by. */
export interface PublicKey {
  alg: SignatureAlgorithm;
  /** `publicKeyBytes(alg)` bytes. */
  publicKey: Uint8Array;
}

/** Bytes of a public key in memory: 64 (x‖y) for ES256 and ES256K, 32 (x) for EdDSA. */
export function publicKeyBytes(alg: SignatureAlgorithm): number {
  return alg === EDDSA ? COORDINATE_BYTES : 2 * COORDINATE_BYTES;
}

/** Writes a COSE_Key. */
export function writeCoseKey(writer: CborWriter, alg: SignatureAlgorithm, publicKey: Uint8Array): void {
  const okp = alg === EDDSA;
  writer.map(okp ? 3 : 4);
  writer.uint(PARAMETER_KTY);
  writer.uint(okp ? KTY_OKP : KTY_EC2);
  writer.int(PARAMETER_CRV);
  writer.uint(alg === ES256 ? CRV_P256 : okp ? CRV_ED25519 : CRV_SECP256K1);
  writer.int(PARAMETER_X);
  writer.bytes(publicKey, COORDINATE_BYTES);
  if (!okp) {
    writer.int(PARAMETER_Y);
    writer.bytes(publicKey.subarray(COORDINATE_BYTES), COORDINATE_BYTES);
  }
}

/** Reads a COSE_Key that `writeCoseKey` would write; undefined for any other. Whether it is a point of the curve is not looked at. */
export function readCoseKey(reader: CborReader): PublicKey | undefined {
  const parameters = reader.map();
  if (reader.int() !== PARAMETER_KTY) return undefined;
  const kty = reader.int();
  if (parameters !== (kty === KTY_OKP ? 3 : 4) || reader.int() !== PARAMETER_CRV) return undefined;
  const alg = algorithmOf(kty, reader.int());
  if (alg === undefined || reader.int() !== PARAMETER_X) return undefined;
  const publicKey = new Uint8Array(publicKeyBytes(alg));
  if (!readCoordinate(reader, publicKey, 0)) return undefined;
  if (kty === KTY_EC2 && (reader.int() !== PARAMETER_Y || !readCoordinate(reader, publicKey, COORDINATE_BYTES))) {
    return undefined;
  }
  return { alg, publicKey };
}

function algorithmOf(kty: number, crv: number): SignatureAlgorithm | undefined {
  if (kty === KTY_OKP) return crv === CRV_ED25519 ? EDDSA : undefined;
  if (kty !== KTY_EC2) return undefined;
  return crv === CRV_P256 ? ES256 : crv === CRV_SECP256K1 ? ES256K : undefined;
}

function readCoordinate(reader: CborReader, into: Uint8Array, offset: number): boolean {
  const coordinate = reader.bytes();
  if (coordinate.length !== COORDINATE_BYTES) return false;
  into.set(coordinate, offset);
  return true;
}

/** Writes the value of a `cnf` claim (RFC 8747 3.2): {1: COSE_Key}. */
export function writeConfirmation(writer: CborWriter, key: PublicKey): void {
  writer.map(1);
  writer.uint(CONFIRMATION_COSE_KEY);
  writeCoseKey(writer, key.alg, key.publicKey);
}

/** Reads the value of a `cnf` claim; undefined for any other form. */
export function readConfirmation(reader: CborReader): PublicKey | undefined {
  if (reader.map() !== 1 || reader.int() !== CONFIRMATION_COSE_KEY) return undefined;
  return readCoseKey(reader);
}

/** Writes what the thumbprint hashes (MAX_THUMBPRINT_INPUT_BYTES) and returns its length. */
export function thumbprintInput(alg: SignatureAlgorithm, publicKey: Uint8Array, into: Uint8Array): number {
  const writer = new CborWriter(into);
  writeCoseKey(writer, alg, publicKey);
  return writer.finish();
}
