/**
 * COSE_Sign1 (RFC 9052 4.2): build the bytes that are signed (Sig_structure, 4.4), put the token together, take one apart.
 *
 *   18([ << {1: alg} >>, {4: kid}, payload, signature ])
 *
 * Algorithms: -7 ES256 and -8 EdDSA (RFC 9053 2.1, 2.2), -47 ES256K (RFC 8812 3.2).
 */
import type { SignatureAlgorithm } from "../ports/crypto.ts";
import { CborReader } from "./cbor-reader.ts";
import { CborWriter } from "./cbor-writer.ts";

/** Bytes of r‖s, and of an Ed25519 signature. */
export const SIGNATURE_BYTES = 64;
/** Bytes of a key identifier of ours. */
export const KID_BYTES = 8;
/** The most that `encodeSign1` adds to the payload: heads, headers, kid, signature. */
export const SIGN1_OVERHEAD_BYTES = 87;
/** The most that `sigStructure` adds to the payload, with no external data. */
export const SIG_STRUCTURE_OVERHEAD_BYTES = 21;

const COSE_SIGN1_TAG = 18;
const HEADER_ALG = 1;
const HEADER_CRIT = 2;
const HEADER_KID = 4;

/** << {1: alg} >> of the three algorithms. */
const PROTECTED_ES256: readonly number[] = Object.freeze([0xa1, 0x01, 0x26]);
const PROTECTED_EDDSA: readonly number[] = Object.freeze([0xa1, 0x01, 0x27]);
const PROTECTED_ES256K: readonly number[] = Object.freeze([0xa1, 0x01, 0x38, 0x2e]);

/** Half of the group order, rounded down, big-endian: the largest s that is low (SEC 2 v2, 2.4.1 and 2.7.2 of v1). */
const HALF_ORDER_P256: readonly number[] = Object.freeze([
  0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xde, 0x73, 0x7d,
  0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
]);
const HALF_ORDER_SECP256K1: readonly number[] = Object.freeze([
  0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x5d, 0x57, 0x6e,
  0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
]);

/** The protected header << {1: alg} >> without its byte string head. A constant: nothing is allocated. */
export function protectedHeader(alg: SignatureAlgorithm): ArrayLike<number> {
  return alg === -7 ? PROTECTED_ES256 : alg === -8 ? PROTECTED_EDDSA : PROTECTED_ES256K;
}

function writeSigHead(writer: CborWriter, protectedBytes: ArrayLike<number>, externalAad?: Uint8Array): void {
  writer.array(4);
  writer.text("Signature1");
  writer.bytes(protectedBytes);
  if (externalAad === undefined) writer.bytes(protectedBytes, 0);
  else writer.bytes(externalAad);
}

/**
 * Writes what stands before the payload in a Sig_structure without external data, and returns its length. Without a buffer it only counts, here and in
 * `sign1Head`: who has the payload in the same buffer moves it out of the way first.
 */
export function sigStructureHead(alg: SignatureAlgorithm, payloadLength: number, into: Uint8Array | undefined): number {
  const writer = new CborWriter(into);
  writeSigHead(writer, protectedHeader(alg));
  writer.openBytes(payloadLength);
  return writer.finish();
}

/**
 * Writes the Sig_structure (RFC 9052 4.4), whose SHA-256 an ECDSA algorithm signs, and returns its length. `externalAad` is part of
 * what is signed and not of the token; our tokens have none.
 */
export function sigStructure(
  protectedBytes: ArrayLike<number>,
  payload: Uint8Array,
  payloadLength: number,
  into: Uint8Array,
  externalAad?: Uint8Array,
): number {
  const writer = new CborWriter(into);
  writeSigHead(writer, protectedBytes, externalAad);
  writer.bytes(payload, payloadLength);
  return writer.finish();
}

function writeSign1Head(writer: CborWriter, alg: SignatureAlgorithm, kid: Uint8Array): void {
  writer.tag(COSE_SIGN1_TAG);
  writer.array(4);
  writer.bytes(protectedHeader(alg));
  writer.map(1);
  writer.uint(HEADER_KID);
  writer.bytes(kid, KID_BYTES);
}

/** Writes what stands before the payload in a tagged token at `offset`, and returns the offset behind it. */
export function sign1Head(
  alg: SignatureAlgorithm,
  kid: Uint8Array,
  payloadLength: number,
  into: Uint8Array | undefined,
  offset: number,
): number {
  const writer = new CborWriter(into, offset);
  writeSign1Head(writer, alg, kid);
  writer.openBytes(payloadLength);
  return writer.finish();
}

/** Writes what stands behind the payload at `offset`, and returns the offset behind it. */
export function sign1Tail(signature: Uint8Array, into: Uint8Array, offset: number): number {
  const writer = new CborWriter(into, offset);
  writer.bytes(signature, SIGNATURE_BYTES);
  return writer.finish();
}

/** Writes the tagged token and returns its length: at most `payloadLength + SIGN1_OVERHEAD_BYTES`. */
export function encodeSign1(
  alg: SignatureAlgorithm,
  kid: Uint8Array,
  payload: Uint8Array,
  payloadLength: number,
  signature: Uint8Array,
  into: Uint8Array,
): number {
  const writer = new CborWriter(into);
  writeSign1Head(writer, alg, kid);
  writer.bytes(payload, payloadLength);
  writer.bytes(signature, SIGNATURE_BYTES);
  return writer.finish();
}

/** A COSE_Sign1 taken apart. The byte arrays are views of the bytes that were parsed. */
export interface Sign1 {
  ok: true;
  /** With tag 18 in front. */
  tagged: boolean;
  /** The algorithm is protected by the signature, not only named beside it. */
  algProtected: boolean;
  alg: number;
  kid: Uint8Array;
  /** As it goes into the Sig_structure: an empty map counts as no bytes (RFC 9052 4.4). */
  protectedBytes: Uint8Array;
  /** Headers other than alg and kid, protected or not. */
  otherHeaders: number;
  payload: Uint8Array;
  signature: Uint8Array;
}

export interface Refusal {
  ok: false;
  /** What is wrong with the bytes, in kebab-case. */
  reason: string;
}

function refuse(reason: string): Refusal {
  return { ok: false, reason };
}

/** The two header maps while they are read. */
interface Headers {
  alg: number | undefined;
  kid: Uint8Array | undefined;
  others: number;
}

/** Reads one header map; returns why not, or undefined. */
function readHeaders(reader: CborReader, headers: Headers): string | undefined {
  const count = reader.map();
  for (let i = 0; i < count; i++) {
    const labelled = reader.peek() === "uint" || reader.peek() === "negative";
    const label = labelled ? reader.int() : 0;
    if (!labelled) reader.skip();
    if (label === HEADER_ALG) {
      if (headers.alg !== undefined) return "duplicate-header";
      if (reader.peek() === "text") return "algorithm-unknown";
      headers.alg = reader.int();
    } else if (label === HEADER_KID) {
      if (headers.kid !== undefined) return "duplicate-header";
      headers.kid = reader.bytes();
    } else if (label === HEADER_CRIT) {
      // RFC 9052 3.1: a header named as critical must be understood, and we know none beyond alg and kid.
      return "critical-header";
    } else {
      headers.others++;
      reader.skip();
    }
  }
  return reader.reason;
}

/**
 * Takes a COSE_Sign1 apart, any that is deterministic CBOR with its payload inside; whether it is one of our tokens is for `parseToken`
 * to say. Reasons: those of `CborReader`, and not-cose-sign1, algorithm-missing, algorithm-unknown, duplicate-header, critical-header.
 */
export function parseSign1(bytes: Uint8Array): Sign1 | Refusal {
  const reader = new CborReader(bytes);
  if (reader.reason !== undefined) return refuse(reader.reason);
  const tagged = reader.peek() === "tag";
  if (tagged && reader.tag() !== COSE_SIGN1_TAG) return refuse("not-cose-sign1");
  if (reader.peek() !== "array" || reader.array() !== 4) return refuse("not-cose-sign1");

  const headers: Headers = { alg: undefined, kid: undefined, others: 0 };
  const headerBytes = reader.bytes();
  const emptyMap = headerBytes.length === 1 && headerBytes[0] === 0xa0;
  const protectedBytes = emptyMap ? headerBytes.subarray(0, 0) : headerBytes;
  if (reader.reason === undefined && protectedBytes.length > 0) {
    const reason = readHeaders(new CborReader(protectedBytes), headers);
    if (reason !== undefined) return refuse(reason);
  }
  const algProtected = headers.alg !== undefined;
  const reason = readHeaders(reader, headers);
  if (reason !== undefined) return refuse(reason);
  const payload = reader.bytes();
  const signature = reader.bytes();
  if (reader.reason !== undefined) return refuse(reader.reason);
  if (headers.alg === undefined) return refuse("algorithm-missing");
  const kid = headers.kid ?? bytes.subarray(0, 0);
  return {
    ok: true,
    tagged,
    algProtected,
    alg: headers.alg,
    kid,
    protectedBytes,
    otherHeaders: headers.others,
    payload,
    signature,
  };
}

/**
 * Whether s of an r‖s signature is in the lower half of the group order. The upper half would give every token a second valid form, and
 * EVM and Solana verifiers refuse it. EdDSA has no such second form (RFC 8032 5.1.7 bounds S).
 */
export function isLowS(alg: number, signature: Uint8Array): boolean {
  if (alg !== -7 && alg !== -47) return true;
  const half = alg === -7 ? HALF_ORDER_P256 : HALF_ORDER_SECP256K1;
  for (let i = 0; i < 32; i++) {
    const difference = signature[32 + i] - half[i];
    if (difference !== 0) return difference < 0;
  }
  return true;
}
