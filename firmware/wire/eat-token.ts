/**
 * The batch token: an Entity Attestation Token (RFC 9711) in deterministic CBOR, signed as COSE_Sign1 (cose-sign1.ts).
 *
 *   claims = {
 *     ? 6: uint,                  ; iat: time of the last reading, Unix seconds; only when wall time is known
 *     256: bstr .size 9,          ; ueid: 02 then the EUI-64
 *     258: bstr .size 3,          ; oemid
 *     259: bstr .size (1..32),    ; hwmodel
 *     ? 261: uint,                ; uptime of the last reading in seconds; only when wall time is not known
 *     263: 0..4,                  ; dbgstat
 *     265: tstr,                  ; eat_profile: names the columns
 *     267: uint,                  ; bootcount
 *     -65537: uint,               ; seq
 *     -65538: [t0: uint, dt: uint, time-quality: uint, [+ column]]
 *   }
 *   column = [first: int, * delta: int]     ; integers in the profile's scale; column 0 holds flags
 *
 * One content has one encoding: claims stand in the order above (that of their encoded keys), t0 is a multiple of dt, and iat or uptime
 * is t0 + (n - 1) dt. The same rules (`checkBatch`) stand before signing and after parsing.
 */
import type { SignatureAlgorithm } from "../ports/crypto.ts";
import {
  type Batch,
  type Claims,
  checkBatch,
  checkEntity,
  type EntityClaims,
  MAX_BATCH_READINGS,
  MAX_CLAIMS_BYTES,
  MAX_TOKEN_BYTES,
  readingTimeS,
} from "./batch.ts";
import { CborReader, CborWriter } from "./cbor.ts";
import {
  encodeSign1,
  isLowS,
  KID_BYTES,
  parseSign1,
  type Refusal,
  SIGN1_OVERHEAD_BYTES,
  SIGNATURE_BYTES,
} from "./cose-sign1.ts";
import { columnCount } from "./profile.ts";
import { profileByUri } from "./profiles/known.ts";

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

const CLAIM_IAT = 6;
const CLAIM_UEID = 256;
const CLAIM_OEMID = 258;
const CLAIM_HWMODEL = 259;
const CLAIM_UPTIME = 261;
const CLAIM_DBGSTAT = 263;
const CLAIM_PROFILE = 265;
const CLAIM_BOOTCOUNT = 267;
const CLAIM_SEQ = -65537;
const CLAIM_BATCH = -65538;
const CLAIM_COUNT = 9;
const BATCH_ITEMS = 4;

/** A token taken apart; its signature is not checked yet. Byte arrays are views of the bytes that were parsed. */
export interface Token {
  ok: true;
  alg: SignatureAlgorithm;
  kid: Uint8Array;
  protectedBytes: Uint8Array;
  payload: Uint8Array;
  signature: Uint8Array;
  claims: Claims;
}

function writeClaims(entity: EntityClaims, batch: Batch, writer: CborWriter): number {
  const lastTimeS = readingTimeS(batch, batch.count - 1);
  writer.map(CLAIM_COUNT);
  if (batch.wallTime) {
    writer.uint(CLAIM_IAT);
    writer.uint(lastTimeS);
  }
  writer.uint(CLAIM_UEID);
  writer.bytes(entity.ueid);
  writer.uint(CLAIM_OEMID);
  writer.bytes(entity.oemid);
  writer.uint(CLAIM_HWMODEL);
  writer.bytes(entity.hwmodel);
  if (!batch.wallTime) {
    writer.uint(CLAIM_UPTIME);
    writer.uint(lastTimeS);
  }
  writer.uint(CLAIM_DBGSTAT);
  writer.uint(entity.dbgstat);
  writer.uint(CLAIM_PROFILE);
  writer.text(batch.profile.uri);
  writer.uint(CLAIM_BOOTCOUNT);
  writer.uint(batch.bootCount);
  writer.int(CLAIM_SEQ);
  writer.uint(batch.seq);
  writer.int(CLAIM_BATCH);
  writer.array(BATCH_ITEMS);
  writer.uint(batch.t0);
  writer.uint(batch.dt);
  writer.uint(batch.timeQuality);
  writer.array(batch.columns.length);
  for (let c = 0; c < batch.columns.length; c++) {
    const column = batch.columns[c];
    writer.array(batch.count);
    let previous = 0;
    for (let i = 0; i < batch.count; i++) {
      writer.int(column[i] - previous);
      previous = column[i];
    }
  }
  return writer.finish();
}

/**
 * Whether a token of this batch stays within MAX_TOKEN_BYTES. Real weather does by far; a sensor gone wild may not, and then the batch
 * closes before the reading that is too much.
 */
export function claimsFit(entity: EntityClaims, batch: Batch): boolean {
  return writeClaims(entity, batch, new CborWriter(undefined)) <= MAX_CLAIMS_BYTES;
}

/** Writes the claims into `into` (MAX_CLAIMS_BYTES) and returns their length. Throws on what no receiver would accept: a bug of ours. */
export function encodeClaims(entity: EntityClaims, batch: Batch, into: Uint8Array): number {
  const reason = checkEntity(entity) ?? checkBatch(batch);
  if (reason !== undefined) throw new RangeError(`claims: ${reason}`);
  return writeClaims(entity, batch, new CborWriter(into));
}

function refuse(reason: string): Refusal {
  return { ok: false, reason };
}

/** Whether the next claim has this key. */
function expectClaim(reader: CborReader, key: number): boolean {
  const type = reader.peek();
  return (type === "uint" || type === "negative") && reader.int() === key;
}

/** A claim's value of the wrong type was refused before the key that could then not be read. */
function unexpectedClaim(reader: CborReader): Refusal {
  return refuse(reader.reason ?? "unexpected-claim");
}

/** Reads one column of running differences; undefined when it has not `count` values of 32 bits (`count` 0: as many as there are). */
function readColumn(reader: CborReader, count: number): Int32Array | undefined {
  const items = reader.array();
  if (items < 1 || items > MAX_BATCH_READINGS || (count > 0 && items !== count)) return undefined;
  const column = new Int32Array(items);
  let value = 0;
  for (let i = 0; i < items; i++) {
    value += reader.int();
    if (value !== (value | 0)) return undefined;
    column[i] = value;
  }
  return reader.reason === undefined ? column : undefined;
}

/**
 * Reads the payload of a batch token. Only the one encoding of claims that `encodeClaims` would write passes.
 *
 * Reasons: those of `CborReader`, and claims-too-long, claims-not-a-map, unexpected-claim, unknown-profile, batch-form, column-count,
 * column-form, time-mismatch, and those of `checkEntity` and `checkBatch`.
 */
export function parseClaims(bytes: Uint8Array): { ok: true; claims: Claims } | Refusal {
  if (bytes.length > MAX_CLAIMS_BYTES) return refuse("claims-too-long");
  const reader = new CborReader(bytes);
  if (reader.reason !== undefined) return refuse(reader.reason);
  if (reader.peek() !== "map") return refuse("claims-not-a-map");
  if (reader.map() !== CLAIM_COUNT) return refuse("unexpected-claim");

  // The first key decides between wall time and uptime; a map's keys are sorted, so no other order can stand.
  const firstKey = reader.peek() === "uint" ? reader.uint() : -1;
  const wallTime = firstKey === CLAIM_IAT;
  const iat = wallTime ? reader.uint() : 0;
  if (wallTime ? !expectClaim(reader, CLAIM_UEID) : firstKey !== CLAIM_UEID) return unexpectedClaim(reader);
  const ueid = reader.bytes();
  if (!expectClaim(reader, CLAIM_OEMID)) return unexpectedClaim(reader);
  const oemid = reader.bytes();
  if (!expectClaim(reader, CLAIM_HWMODEL)) return unexpectedClaim(reader);
  const hwmodel = reader.bytes();
  if (!wallTime && !expectClaim(reader, CLAIM_UPTIME)) return unexpectedClaim(reader);
  const lastTimeS = wallTime ? iat : reader.uint();
  if (!expectClaim(reader, CLAIM_DBGSTAT)) return unexpectedClaim(reader);
  const dbgstat = reader.uint();
  if (!expectClaim(reader, CLAIM_PROFILE)) return unexpectedClaim(reader);
  const uri = reader.text();
  if (!expectClaim(reader, CLAIM_BOOTCOUNT)) return unexpectedClaim(reader);
  const bootCount = reader.uint();
  if (!expectClaim(reader, CLAIM_SEQ)) return unexpectedClaim(reader);
  const seq = reader.uint();
  if (!expectClaim(reader, CLAIM_BATCH)) return unexpectedClaim(reader);
  if (reader.array() !== BATCH_ITEMS) return refuse(reader.reason ?? "batch-form");
  const t0 = reader.uint();
  const dt = reader.uint();
  const timeQuality = reader.uint();
  const columnsThere = reader.array();
  if (reader.reason !== undefined) return refuse(reader.reason);

  const profile = profileByUri(uri);
  if (profile === undefined) return refuse("unknown-profile");
  if (columnsThere !== columnCount(profile)) return refuse("column-count");
  const columns: Int32Array[] = [];
  let count = 0;
  for (let c = 0; c < columnsThere; c++) {
    const column = readColumn(reader, count);
    if (column === undefined) return refuse(reader.reason ?? "column-form");
    count = column.length;
    columns.push(column);
  }

  const claims: Claims = {
    ueid,
    oemid,
    hwmodel,
    dbgstat,
    profile,
    bootCount,
    seq,
    t0,
    dt,
    timeQuality,
    wallTime,
    count,
    columns,
  };
  const reason = checkEntity(claims) ?? checkBatch(claims);
  if (reason !== undefined) return refuse(reason);
  if (lastTimeS !== readingTimeS(claims, count - 1)) return refuse("time-mismatch");
  return { ok: true, claims };
}

/**
 * Takes one of our tokens apart: tagged, algorithm protected, kid beside it and nothing else, low-S. The signature is for the caller to
 * verify, over SHA-256 of `sigStructure(protectedBytes, payload, payload.length, …)`.
 *
 * Reasons: those of `parseSign1` and `parseClaims`, and token-too-long, algorithm-unknown, kid-length, signature-length,
 * not-the-token-form, signature-high-s.
 */
export function parseToken(bytes: Uint8Array): Token | Refusal {
  if (bytes.length > MAX_TOKEN_BYTES) return refuse("token-too-long");
  const sign1 = parseSign1(bytes);
  if (!sign1.ok) return sign1;
  const { alg, kid, protectedBytes, payload, signature } = sign1;
  if (alg !== -7 && alg !== -8 && alg !== -47) return refuse("algorithm-unknown");
  if (kid.length !== KID_BYTES) return refuse("kid-length");
  if (signature.length !== SIGNATURE_BYTES) return refuse("signature-length");
  if (!isTokenForm(bytes, alg, kid, payload, signature)) return refuse("not-the-token-form");
  if (!isLowS(alg, signature)) return refuse("signature-high-s");
  const parsed = parseClaims(payload);
  if (!parsed.ok) return parsed;
  return { ok: true, alg, kid, protectedBytes, payload, signature, claims: parsed.claims };
}

/** Whether `encodeSign1` would write exactly these bytes: no missing tag, no further or misplaced header. */
function isTokenForm(
  bytes: Uint8Array,
  alg: SignatureAlgorithm,
  kid: Uint8Array,
  payload: Uint8Array,
  signature: Uint8Array,
): boolean {
  const again = new Uint8Array(payload.length + SIGN1_OVERHEAD_BYTES);
  const length = encodeSign1(alg, kid, payload, payload.length, signature, again);
  if (length !== bytes.length) return false;
  for (let i = 0; i < length; i++) if (again[i] !== bytes[i]) return false;
  return true;
}
