/**
 * Is this token of this node? Each step names its reason when it refuses:
 *
 *   parse -> key (kid, algorithm) -> node (ueid) -> maker and model -> signature -> claimed time within the time of reception
 *
 * The verifier keeps no state: whether (node, seq) was seen before is for the receiver and its store to say.
 */
import { SIG_STRUCTURE_OVERHEAD_BYTES, sigStructure } from "../../firmware/wire/cose-sign1.ts";
import { type Claims, parseToken, readingTimeS, type Token } from "../../firmware/wire/eat-token.ts";
import { timeUncertaintyMs } from "../../firmware/wire/time-quality.ts";
import type { ReceiverCrypto } from "./crypto.ts";
import { equalBytes } from "./hex.ts";
import type { NodeRecord } from "./node-registry.ts";

export type VerifyResult = { ok: true; claims: Claims } | { ok: false; reason: string };

/** How far the receiver's own clock may be behind the truth. A minute is what an unattended machine with NTP never reaches. */
export const CLOCK_TOLERANCE_MS = 60_000;
/** Of a node's stated uncertainty, so much at most excuses a time in the future: a node cannot talk itself out of the bound. */
const MAX_EXCUSED_MS = 3_600_000;

/** Why a token is refused, for people. Reasons not listed here are about its form and speak for themselves. */
const EXPLANATIONS: { readonly [reason: string]: string } = Object.freeze({
  "kid-of-another-key": "it names another key than the node's",
  "algorithm-of-another-key": "it names another algorithm than the node's key has",
  "ueid-of-another-node": "it says that it is of another node",
  "oemid-mismatch": "it names another maker than the node's identity",
  "hwmodel-mismatch": "it names another hardware model than the node's identity",
  "signature-invalid":
    "the signature is not the node's over these claims: they were changed, or another key signed them",
  "signature-high-s": "the signature is in its second form (high s), which is never accepted",
  "time-in-the-future": "its last reading lies in the future",
  "seq-reused": "another token with the same number was accepted before",
  "unknown-profile": "this version does not know the profile that it names",
});

/** A sentence about a reason, or undefined when the reason's name says all there is to say. */
export function explainReason(reason: string): string | undefined {
  return EXPLANATIONS[reason];
}

/** Checks a token against one node. `nowUnixMs` is the time of reception: no reading may claim to be later. */
export function verifyToken(
  bytes: Uint8Array,
  node: NodeRecord,
  crypto: ReceiverCrypto,
  nowUnixMs: number,
): VerifyResult {
  const token = parseToken(bytes);
  if (!token.ok) return token;
  const reason = refusalOf(token, node, crypto, nowUnixMs);
  return reason === undefined ? { ok: true, claims: token.claims } : { ok: false, reason };
}

/** Why a well-formed token is not to be believed, or undefined. */
export function refusalOf(
  token: Token,
  node: NodeRecord,
  crypto: ReceiverCrypto,
  nowUnixMs: number,
): string | undefined {
  return checkOrigin(token, node) ?? checkSignature(token, node, crypto) ?? checkTime(token.claims, nowUnixMs);
}

function checkOrigin(token: Token, node: NodeRecord): string | undefined {
  if (!equalBytes(token.kid, node.kid)) return "kid-of-another-key";
  if (token.alg !== node.alg) return "algorithm-of-another-key";
  if (!equalBytes(token.claims.ueid, node.ueid)) return "ueid-of-another-node";
  if (!equalBytes(token.claims.oemid, node.oemid)) return "oemid-mismatch";
  return equalBytes(token.claims.hwmodel, node.hwmodel) ? undefined : "hwmodel-mismatch";
}

function checkSignature(token: Token, node: NodeRecord, crypto: ReceiverCrypto): string | undefined {
  const { protectedBytes, payload, signature } = token;
  const message = new Uint8Array(payload.length + SIG_STRUCTURE_OVERHEAD_BYTES);
  const length = sigStructure(protectedBytes, payload, payload.length, message);
  const valid = crypto.verifyEs256(node.publicKey, message.subarray(0, length), signature);
  return valid ? undefined : "signature-invalid";
}

/** Uptime cannot be bounded here: it says nothing about when the node booted. */
function checkTime(claims: Claims, nowUnixMs: number): string | undefined {
  if (!claims.wallTime) return undefined;
  const latestMs = nowUnixMs + CLOCK_TOLERANCE_MS + Math.min(timeUncertaintyMs(claims.timeQuality), MAX_EXCUSED_MS);
  return readingTimeS(claims, claims.count - 1) * 1000 > latestMs ? "time-in-the-future" : undefined;
}
