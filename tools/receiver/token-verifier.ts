/**
 * Is this token of this node? Each step names its reason when it refuses:
 *
 *   parse -> key in force at its number (kid, algorithm, revocation) -> node (ueid) -> maker and model -> signature -> claimed time within the
 *   time of reception -> for a new key: a key, and in order
 *
 * The verifier keeps no state: whether (node, seq) was seen before, and which boots and keys there were, is for the receiver and its store to say.
 */
import { parseToken, readingTimeS, type Token, type TokenClaims } from "../../firmware/wire/eat-token.ts";
import type { ReceiverCrypto } from "./crypto.ts";
import { equalBytes } from "./hex.ts";
import type { KeyTimeline } from "./key-timeline.ts";
import { keysOf, type NodeRecord, verifyingKey } from "./node-registry.ts";
import { isSignedBy } from "./signed-bytes.ts";
import { latestTimeMs } from "./time-bound.ts";

export type VerifyResult = { ok: true; claims: TokenClaims } | { ok: false; reason: string };

/** Why a token is refused, for people. Reasons not listed here are about its form and speak for themselves. */
const EXPLANATIONS: { readonly [reason: string]: string } = Object.freeze({
  "kid-of-another-key": "it names another key than the node's",
  "key-retired": "it names a key of the node that does not sign this number: another one was in force",
  "key-revoked": "the operator has revoked its key from a number up to this one on",
  "key-timeline-contradicted": "it changes the node's key before a change that is already known",
  "key-not-of-the-curve": "the new key that it names is none",
  "algorithm-of-another-key": "it names another algorithm than the node's key has",
  "ueid-of-another-node": "it says that it is of another node",
  "oemid-mismatch": "it names another maker than the node's identity",
  "hwmodel-mismatch": "it names another hardware model than the node's identity",
  "profile-not-announced":
    "it has another profile than the node's identity, and no boot token of its boot has announced that",
  "signature-invalid":
    "the signature is not the node's over these claims: they were changed, or another key signed them",
  "signature-high-s": "the signature is in its second form (high s), which is never accepted",
  "time-in-the-future": "its last reading lies in the future",
  "seq-reused": "another token with the same number was accepted before",
  "digest-mismatch": "the tokens given are not those that the node digested",
  "unknown-profile": "this version does not know the profile that it names",
  "no-candidate": "nothing that is known of the node makes a token of it whose signature is right",
  "boot-unknown": "it is of a boot of which nothing is known",
  "value-unknown": "it tells values by their difference to earlier ones, and none are known",
  "parked-too-many": "it waited for something unknown, and too many others did",
});

/** A sentence about a reason, or undefined when the reason's name says all there is to say. */
export function explainReason(reason: string): string | undefined {
  return EXPLANATIONS[reason];
}

/** Reasons that may be no more once more is known of the node: a key token or a boot token that is on its way. */
export function mayComeRight(reason: string): boolean {
  return reason === "kid-of-another-key" || reason === "profile-not-announced";
}

/** Checks a token against one node. `nowUnixMs` is the time of reception: no reading may claim to be later. */
export function verifyToken(
  bytes: Uint8Array,
  node: NodeRecord,
  crypto: ReceiverCrypto,
  nowUnixMs: number,
  keys: KeyTimeline = keysOf(node),
): VerifyResult {
  const token = parseToken(bytes);
  if (!token.ok) return token;
  const reason = refusalOf(token, node, keys, crypto, nowUnixMs);
  return reason === undefined ? { ok: true, claims: token.claims } : { ok: false, reason };
}

/** Why a well-formed token is not to be believed, or undefined. */
export function refusalOf(
  token: Token,
  node: NodeRecord,
  keys: KeyTimeline,
  crypto: ReceiverCrypto,
  nowUnixMs: number,
): string | undefined {
  const { claims } = token;
  const found = keys.keyFor(claims.seq, token.kid, token.alg);
  if (!found.ok) return found.reason;
  const reason = checkOrigin(claims, node);
  if (reason !== undefined) return reason;
  if (!isSignedBy(token, found.key.publicKey, crypto)) return "signature-invalid";
  return checkTime(claims, nowUnixMs) ?? checkNewKey(claims, keys, crypto);
}

function checkOrigin(claims: TokenClaims, node: NodeRecord): string | undefined {
  if (!equalBytes(claims.ueid, node.ueid)) return "ueid-of-another-node";
  if (claims.kind !== "batch" && claims.kind !== "boot") return undefined;
  if (!equalBytes(claims.oemid, node.oemid)) return "oemid-mismatch";
  return equalBytes(claims.hwmodel, node.hwmodel) ? undefined : "hwmodel-mismatch";
}

/** Uptime cannot be bounded here: it says nothing about when the node booted. */
export function checkTime(claims: TokenClaims, nowUnixMs: number): string | undefined {
  const { atS, timeQuality } = claimedTime(claims);
  return atS * 1000 > latestTimeMs(nowUnixMs, timeQuality) ? "time-in-the-future" : undefined;
}

/** The latest wall time that a token claims, in seconds, 0 for none. */
function claimedTime(claims: TokenClaims): { atS: number; timeQuality: number } {
  switch (claims.kind) {
    case "batch":
      return { atS: claims.wallTime ? readingTimeS(claims, claims.count - 1) : 0, timeQuality: claims.timeQuality };
    case "anchor":
      return { atS: claims.wallS, timeQuality: claims.timeQuality };
    case "key":
      return { atS: claims.wallS, timeQuality: UNKNOWN };
    default:
      return { atS: claims.wallTime ? claims.timeS : 0, timeQuality: UNKNOWN };
  }
}

/** Boot, digest and key tokens do not say how well they know the time: excused as much as any may be. */
const UNKNOWN = 0;

function checkNewKey(claims: TokenClaims, keys: KeyTimeline, crypto: ReceiverCrypto): string | undefined {
  if (claims.kind !== "key") return undefined;
  const { alg, publicKey } = claims.newKey;
  if (!crypto.isPublicKey(alg, publicKey)) return "key-not-of-the-curve";
  return keys.refusalOf(claims.seq, verifyingKey(claims.newKey, crypto.sha256));
}
