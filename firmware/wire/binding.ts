/**
 * A binding: the key in a secure element certifies the key that signs a node's tokens. A CWT (RFC 8392) with `cnf` (RFC 8747), in the form of our
 * tokens (COSE_Sign1, deterministic), signed by the identity key and named by its kid:
 *
 *   { ? 6: iat, 8: {1: COSE_Key of the signing key}, 256: ueid }
 *
 * It has no seq and is no token: it stands in the node's identity file and is valid from seq 0 on.
 */
import { UEID_BYTES } from "./batch.ts";
import { CborWriter } from "./cbor-writer.ts";
import { CLAIM } from "./claim-keys.ts";
import { readClaims } from "./claim-reader.ts";
import { type PublicKey, writeConfirmation } from "./cose-key.ts";
import type { Refusal } from "./cose-sign1.ts";
import { parseSigned, type SignedBytes } from "./eat-token.ts";
import { checkKey, checkOptionalWallTime } from "./statements.ts";

/** The longest claims of a binding. */
export const MAX_BINDING_CLAIMS_BYTES = 128;

export interface BindingClaims {
  /** Unix time in seconds, or 0 when it is not given. */
  wallS: number;
  ueid: Uint8Array;
  /** The key that signs the node's tokens. */
  key: PublicKey;
}

/** A binding taken apart; its signature is not checked yet. `alg` and `kid` are those of the identity key. */
export interface Binding extends SignedBytes {
  claims: BindingClaims;
}

function checkBinding({ wallS, ueid, key }: BindingClaims): string | undefined {
  if (ueid.length !== UEID_BYTES || ueid[0] !== 0x02) return "ueid-form";
  return checkOptionalWallTime(wallS) ?? checkKey(key);
}

/** Writes the claims into `into` (MAX_BINDING_CLAIMS_BYTES) and returns their length; `encodeSign1` does the rest. Throws on a bug of ours. */
export function encodeBinding(claims: BindingClaims, into: Uint8Array): number {
  const reason = checkBinding(claims);
  if (reason !== undefined) throw new RangeError(`binding: ${reason}`);
  const writer = new CborWriter(into);
  writer.map(claims.wallS === 0 ? 2 : 3);
  if (claims.wallS !== 0) {
    writer.uint(CLAIM.iat);
    writer.uint(claims.wallS);
  }
  writer.uint(CLAIM.cnf);
  writeConfirmation(writer, claims.key);
  writer.uint(CLAIM.ueid);
  writer.bytes(claims.ueid);
  return writer.finish();
}

/** Takes a binding apart. Reasons: those of `parseSigned` and `readClaims`, and unexpected-claim, ueid-form, key-form, wall-time-before-2001. */
export function parseBinding(bytes: Uint8Array): Binding | Refusal {
  const signed = parseSigned(bytes);
  if (!signed.ok) return signed;
  const found = readClaims(signed.payload);
  if (typeof found === "string") return refuse(found);
  const { count, iat, cnf, ueid } = found;
  if (count !== 2 + Number(iat !== undefined) || cnf === undefined || ueid === undefined || iat === 0) {
    return refuse("unexpected-claim");
  }
  const claims: BindingClaims = { wallS: iat ?? 0, ueid, key: cnf };
  const reason = checkBinding(claims);
  return reason === undefined ? { ...signed, claims } : refuse(reason);
}

function refuse(reason: string): Refusal {
  return { ok: false, reason };
}
