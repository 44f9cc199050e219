/**
 * Writes the claims of a batch token; keys in the order of their encodings.
 *
 *   {
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
 * t0 is a multiple of dt, and iat or uptime is t0 + (n - 1) dt. The same rules (`checkBatch`) stand before signing and after parsing.
 */
import {
  type Batch,
  type BatchHead,
  checkBatch,
  checkBatchHead,
  checkEntity,
  type EntityClaims,
  MAX_CLAIMS_BYTES,
  readingTimeS,
} from "./batch.ts";
import type { BatchColumns } from "./batch-columns.ts";
import { CborWriter } from "./cbor-writer.ts";
import { CLAIM } from "./claim-keys.ts";

/** t0, dt, time quality, columns. */
export const BATCH_ITEMS = 4;

const CLAIM_COUNT = 9;

/** All but the columns, which are last. */
function writeHead(entity: EntityClaims, batch: BatchHead, writer: CborWriter): void {
  const lastTimeS = readingTimeS(batch, batch.count - 1);
  writer.map(CLAIM_COUNT);
  if (batch.wallTime) {
    writer.uint(CLAIM.iat);
    writer.uint(lastTimeS);
  }
  writer.uint(CLAIM.ueid);
  writer.bytes(entity.ueid);
  writer.uint(CLAIM.oemid);
  writer.bytes(entity.oemid);
  writer.uint(CLAIM.hwmodel);
  writer.bytes(entity.hwmodel);
  if (!batch.wallTime) {
    writer.uint(CLAIM.uptime);
    writer.uint(lastTimeS);
  }
  writer.uint(CLAIM.dbgstat);
  writer.uint(entity.dbgstat);
  writer.uint(CLAIM.profile);
  writer.text(batch.profile.uri);
  writer.uint(CLAIM.bootCount);
  writer.uint(batch.bootCount);
  writer.int(CLAIM.seq);
  writer.uint(batch.seq);
  writer.int(CLAIM.batch);
  writer.array(BATCH_ITEMS);
  writer.uint(batch.t0);
  writer.uint(batch.dt);
  writer.uint(batch.timeQuality);
}

function writeClaims(entity: EntityClaims, batch: Batch, writer: CborWriter): number {
  writeHead(entity, batch, writer);
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

/** The same, of a batch whose columns were kept as they came. */
export function encodeCollected(
  entity: EntityClaims,
  head: BatchHead,
  columns: BatchColumns,
  into: Uint8Array,
): number {
  const reason = checkEntity(entity) ?? checkBatchHead(head);
  if (reason !== undefined) throw new RangeError(`claims: ${reason}`);
  const writer = new CborWriter(into);
  writeHead(entity, head, writer);
  columns.write(writer, head.count);
  return writer.finish();
}
