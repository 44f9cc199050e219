/**
 * What a token says, of whatever kind: exactly the claims of that kind (batch-claims.ts, statement-claims.ts), in the one encoding that we would
 * write, within the rules of batch.ts and statements.ts. Nodes only write claims: this is for receivers and tests.
 */
import { type Claims, checkBatch, checkEntity, readingTimeS } from "./batch.ts";
import { encodeClaims } from "./batch-claims.ts";
import { type FoundClaims, readClaims } from "./claim-reader.ts";
import type { Refusal } from "./cose-sign1.ts";
import { encodeStatement } from "./statement-claims.ts";
import {
  type AnchorClaims,
  type BootClaims,
  checkStatement,
  type DigestClaims,
  type KeyClaims,
  type Protection,
  type StatementClaims,
} from "./statements.ts";

/** Told apart by `kind`: "batch", "boot", "digest", "anchor", "key". */
export type TokenClaims = Claims | StatementClaims;

/** Writes claims of any kind into `into` (MAX_CLAIMS_BYTES) and returns their length. Throws on what no receiver would accept. */
export function encodeTokenClaims(claims: TokenClaims, into: Uint8Array): number {
  return claims.kind === "batch" ? encodeClaims(claims, claims, into) : encodeStatement(claims, into);
}

/**
 * Reads the payload of a token. Only the one encoding of claims that `encodeTokenClaims` would write passes.
 *
 * Reasons: those of `readClaims`, `checkEntity`, `checkBatch` and `checkStatement`, and time-mismatch.
 */
export function parseClaims(bytes: Uint8Array): { ok: true; claims: TokenClaims } | Refusal {
  const found = readClaims(bytes);
  if (typeof found === "string") return refuse(found);
  if (found.batch !== undefined) return parseBatch(found);
  const claims = statementOf(found);
  if (claims === undefined) return refuse("unexpected-claim");
  const reason = checkStatement(claims);
  return reason === undefined ? { ok: true, claims } : refuse(reason);
}

function refuse(reason: string): Refusal {
  return { ok: false, reason };
}

function parseBatch(found: FoundClaims): { ok: true; claims: Claims } | Refusal {
  const claims = batchOf(found);
  if (claims === undefined) return refuse("unexpected-claim");
  const reason = checkEntity(claims) ?? checkBatch(claims);
  if (reason !== undefined) return refuse(reason);
  const lastTimeS = readingTimeS(claims, claims.count - 1);
  return (found.iat ?? found.uptime) === lastTimeS ? { ok: true, claims } : refuse("time-mismatch");
}

function batchOf(found: FoundClaims): Claims | undefined {
  const { count, iat, ueid, oemid, hwmodel, uptime, dbgstat, profile, bootCount, seq, batch } = found;
  if (count !== 9 || (iat === undefined) === (uptime === undefined)) return undefined;
  if (ueid === undefined || oemid === undefined || hwmodel === undefined || dbgstat === undefined) return undefined;
  if (profile === undefined || bootCount === undefined || seq === undefined || batch === undefined) return undefined;
  const wallTime = iat !== undefined;
  return { kind: "batch", ueid, oemid, hwmodel, dbgstat, profile, bootCount, seq, wallTime, ...batch };
}

function statementOf(found: FoundClaims): StatementClaims | undefined {
  if (found.digest !== undefined) return digestOf(found);
  if (found.anchor !== undefined) return anchorOf(found);
  return found.cnf === undefined ? bootOf(found) : keyOf(found);
}

function bootOf(found: FoundClaims): BootClaims | undefined {
  const { iat, ueid, oemid, hwmodel, uptime, dbgstat, location, profile, bootCount } = found;
  const { swname, swversion, imageDigest, seq, protection } = found;
  const optional = Number(location !== undefined) + Number(imageDigest !== undefined);
  const sensors = found.sensors ?? [];
  if (found.count !== 11 + optional + Number(found.sensors !== undefined)) return undefined;
  const timeS = iat ?? uptime;
  if (timeS === undefined || (iat !== undefined && uptime !== undefined)) return undefined;
  if (ueid === undefined || oemid === undefined || hwmodel === undefined || dbgstat === undefined) return undefined;
  if (profile === undefined || bootCount === undefined || seq === undefined) return undefined;
  if (swname === undefined || swversion === undefined || protection === undefined) return undefined;
  return {
    kind: "boot",
    ueid,
    oemid,
    hwmodel,
    dbgstat,
    wallTime: iat !== undefined,
    timeS,
    profile,
    bootCount,
    seq,
    swname,
    swversion,
    imageDigest,
    location,
    sensors,
    // `checkStatement` refuses a number that is none of them.
    protection: protection as Protection,
  };
}

function digestOf(found: FoundClaims): DigestClaims | undefined {
  const { count, iat, ueid, uptime, bootCount, seq, digest } = found;
  const timeS = iat ?? uptime;
  if (count !== 5 || timeS === undefined || (iat !== undefined && uptime !== undefined)) return undefined;
  if (ueid === undefined || bootCount === undefined || seq === undefined || digest === undefined) return undefined;
  return { kind: "digest", wallTime: iat !== undefined, timeS, ueid, bootCount, seq, ...digest };
}

function anchorOf(found: FoundClaims): AnchorClaims | undefined {
  const { count, iat, nonce, ueid, uptime, bootCount, seq, anchor } = found;
  if (count !== 5 + Number(iat !== undefined) + Number(nonce !== undefined)) return undefined;
  if (ueid === undefined || uptime === undefined || bootCount === undefined) return undefined;
  if (seq === undefined || anchor === undefined) return undefined;
  // A time of 1970 is none, so 0 can stand for that.
  if (iat === 0) return undefined;
  return { kind: "anchor", wallS: iat ?? 0, uptimeS: uptime, timeQuality: anchor, nonce, ueid, bootCount, seq };
}

function keyOf(found: FoundClaims): KeyClaims | undefined {
  const { count, iat, cnf, ueid, bootCount, seq } = found;
  if (count !== 4 + Number(iat !== undefined) || iat === 0) return undefined;
  if (cnf === undefined || ueid === undefined || bootCount === undefined || seq === undefined) return undefined;
  return { kind: "key", wallS: iat ?? 0, ueid, bootCount, seq, newKey: cnf };
}
