/**
 * A token: an Entity Attestation Token (RFC 9711) in deterministic CBOR, signed as COSE_Sign1 (cose-sign1.ts). What it says: token-claims.ts.
 *
 * One content has one encoding, and a reader takes nothing else.
 */
import type { SignatureAlgorithm } from "../ports/crypto.ts";
import { type Claims, MAX_TOKEN_BYTES } from "./batch.ts";
import { isLowS, KID_BYTES, parseSign1, protectedHeader, type Refusal, SIGNATURE_BYTES } from "./cose-sign1.ts";
import { parseClaims, type TokenClaims } from "./token-claims.ts";

export {
  type Batch,
  type Claims,
  checkBatch,
  checkEntity,
  type EntityClaims,
  MAX_BATCH_READINGS,
  MAX_CLAIMS_BYTES,
  MAX_STEP_S,
  MAX_TOKEN_BYTES,
  type NodeIdentity,
  readingTimeS,
} from "./batch.ts";
export { claimsFit, encodeClaims } from "./batch-claims.ts";
export { encodeStatement } from "./statement-claims.ts";
export type { AnchorClaims, BootClaims, DigestClaims, KeyClaims, StatementClaims } from "./statements.ts";
export { encodeTokenClaims, parseClaims, type TokenClaims } from "./token-claims.ts";

const ALGORITHMS: readonly SignatureAlgorithm[] = Object.freeze([-7, -8, -47] as const);
/** What `encodeSign1` writes: tag 18 and an array of 4; behind the protected header {4: bytes .size 8}, and the signature's head. */
const TOKEN_HEAD: readonly number[] = Object.freeze([0xd2, 0x84]);
const KID_HEAD: readonly number[] = Object.freeze([0xa1, 0x04, 0x48]);
const SIGNATURE_HEAD: readonly number[] = Object.freeze([0x58, 0x40]);
/** Behind the head of a byte string of one byte. */
const PROTECTED_AT = 3;
/** Head of a byte string, without its length. */
const BYTE_STRING = 0x40;

/** One of our COSE_Sign1 messages taken apart; its signature is not checked yet. Byte arrays are views of the bytes that were parsed. */
export interface SignedBytes {
  ok: true;
  alg: SignatureAlgorithm;
  kid: Uint8Array;
  protectedBytes: Uint8Array;
  payload: Uint8Array;
  signature: Uint8Array;
}

/** A token taken apart; its signature is not checked yet. */
export interface Token extends SignedBytes {
  claims: TokenClaims;
}

export interface BatchToken extends SignedBytes {
  claims: Claims;
}

/**
 * Takes a COSE_Sign1 of our form apart: tagged, algorithm protected, kid beside it and nothing else, low-S. The signature is for the caller to
 * verify, over `sigStructure(protectedBytes, payload, payload.length, …)`.
 *
 * Reasons: those of `parseSign1`, and token-too-long, algorithm-unknown, kid-length, signature-length, not-the-token-form, signature-high-s.
 */
export function parseSigned(bytes: Uint8Array): SignedBytes | Refusal {
  if (bytes.length > MAX_TOKEN_BYTES) return refuse("token-too-long");
  const signed = takeApart(bytes);
  if (signed === undefined) return refuse(whyNotTokenForm(bytes));
  return isLowS(signed.alg, signed.signature) ? signed : refuse("signature-high-s");
}

/** Takes a token of any kind apart. Reasons: those of `parseSigned` and `parseClaims`. */
export function parseToken(bytes: Uint8Array): Token | Refusal {
  const signed = parseSigned(bytes);
  if (!signed.ok) return signed;
  const parsed = parseClaims(signed.payload);
  return parsed.ok ? { ...signed, claims: parsed.claims } : parsed;
}

/** Takes a batch token apart, for who understands nothing else. Reasons: those of `parseToken`, and not-a-batch. */
export function parseBatchToken(bytes: Uint8Array): BatchToken | Refusal {
  const token = parseToken(bytes);
  if (!token.ok) return token;
  const { claims } = token;
  return claims.kind === "batch" ? { ...token, claims } : refuse("not-a-batch");
}

function refuse(reason: string): Refusal {
  return { ok: false, reason };
}

/** The parts of exactly what `encodeSign1` writes, and undefined for anything else: no missing tag, no further or misplaced header. */
function takeApart(bytes: Uint8Array): SignedBytes | undefined {
  if (bytes[0] !== TOKEN_HEAD[0] || bytes[1] !== TOKEN_HEAD[1]) return undefined;
  const alg = algorithmAt(bytes, PROTECTED_AT);
  if (alg === undefined) return undefined;
  const kidHeadAt = PROTECTED_AT + protectedHeader(alg).length;
  for (let i = 0; i < KID_HEAD.length; i++) if (bytes[kidHeadAt + i] !== KID_HEAD[i]) return undefined;
  const kidAt = kidHeadAt + KID_HEAD.length;
  const payloadAt = payloadBehindHead(bytes, kidAt + KID_BYTES);
  const signatureAt = bytes.length - SIGNATURE_BYTES;
  const payloadEnd = signatureAt - SIGNATURE_HEAD.length;
  if (payloadAt === undefined || payloadAt.from + payloadAt.length !== payloadEnd) return undefined;
  for (let i = 0; i < SIGNATURE_HEAD.length; i++) if (bytes[payloadEnd + i] !== SIGNATURE_HEAD[i]) return undefined;
  return {
    ok: true,
    alg,
    kid: bytes.subarray(kidAt, kidAt + KID_BYTES),
    protectedBytes: bytes.subarray(PROTECTED_AT, kidHeadAt),
    payload: bytes.subarray(payloadAt.from, payloadEnd),
    signature: bytes.subarray(signatureAt),
  };
}

/** The algorithm whose protected header, as a byte string, ends its head before `at`. */
function algorithmAt(bytes: Uint8Array, at: number): SignatureAlgorithm | undefined {
  for (let a = 0; a < ALGORITHMS.length; a++) {
    const header = protectedHeader(ALGORITHMS[a]);
    let same = bytes[at - 1] === (BYTE_STRING | header.length);
    for (let i = 0; same && i < header.length; i++) same = bytes[at + i] === header[i];
    if (same) return ALGORITHMS[a];
  }
  return undefined;
}

/** Where the byte string at `at` has its bytes; undefined when none is there, or its length not in the shortest form (RFC 8949 4.2.1). */
function payloadBehindHead(bytes: Uint8Array, at: number): { from: number; length: number } | undefined {
  const length = bytes[at] - BYTE_STRING;
  if (length >= 0 && length < 24) return { from: at + 1, length };
  if (length === 24 && bytes[at + 1] >= 24) return { from: at + 2, length: bytes[at + 1] };
  if (length === 25 && bytes[at + 1] > 0) return { from: at + 3, length: (bytes[at + 1] << 8) | bytes[at + 2] };
  return undefined;
}

/** Names what is wrong with bytes that `takeApart` could not. */
function whyNotTokenForm(bytes: Uint8Array): string {
  const sign1 = parseSign1(bytes);
  if (!sign1.ok) return sign1.reason;
  if (!ALGORITHMS.some((known) => known === sign1.alg)) return "algorithm-unknown";
  if (sign1.kid.length !== KID_BYTES) return "kid-length";
  return sign1.signature.length === SIGNATURE_BYTES ? "not-the-token-form" : "signature-length";
}
