/**
 * Tokens of one node given together, without a receiver's store, as a stranger has them: the key tokens among them say which key signs which numbers,
 * boot tokens which profile a boot has, anchors place batches in time, and digests are held against the others.
 */
import { type AnchorClaims, parseToken, type TokenClaims } from "../../firmware/wire/eat-token.ts";
import type { ReceiverCrypto } from "./crypto.ts";
import { DIGEST_STATE, DigestChecks, type DigestState } from "./digest-checks.ts";
import { bytesToHex, equalBytes } from "./hex.ts";
import { keysOf, type NodeRecord, verifyingKey } from "./node-registry.ts";
import { type Placement, placed } from "./placements.ts";
import { refusalOf } from "./token-verifier.ts";

export type SetOutcome = SetToken | { ok: false; reason: string };

export interface SetToken {
  ok: true;
  claims: TokenClaims;
  /** SHA-256 of the token. */
  digest: Uint8Array;
  digestHex: string;
  /** Of a batch with uptime, where an anchor is given. */
  placement: Placement | undefined;
  /** Of a digest. */
  digestState: DigestState | undefined;
}

/** Checks each of `tokens`; outcomes stand in their order. `nowUnixMs`: no token may claim to be later. */
export function verifySet(
  tokens: readonly Uint8Array[],
  node: NodeRecord,
  crypto: ReceiverCrypto,
  nowUnixMs: number,
): SetOutcome[] {
  const parsed = tokens.map((bytes) => ({ bytes, token: parseToken(bytes) }));
  const keys = keysOf(node);
  const changes = parsed.flatMap(({ token }) => (token.ok && token.claims.kind === "key" ? [token] : []));
  for (const token of changes.sort((a, b) => a.claims.seq - b.claims.seq)) {
    const { claims } = token;
    if (claims.kind !== "key" || refusalOf(token, node, keys, crypto, nowUnixMs) !== undefined) continue;
    keys.rotate(claims.seq, verifyingKey(claims.newKey, crypto.sha256));
  }
  const bySeq = new Map<number, Uint8Array>();
  const outcomes = parsed.map(({ bytes, token }): SetOutcome => {
    if (!token.ok) return token;
    const reason = refusalOf(token, node, keys, crypto, nowUnixMs);
    if (reason !== undefined) return { ok: false, reason };
    const { claims } = token;
    const digest = crypto.sha256(bytes);
    const known = bySeq.get(claims.seq);
    // Two tokens of one number cannot both be true; the same one given twice is no contradiction.
    if (known !== undefined && !equalBytes(known, digest)) return { ok: false, reason: "seq-reused" };
    bySeq.set(claims.seq, digest);
    return {
      ok: true,
      claims,
      digest,
      digestHex: bytesToHex(digest),
      placement: undefined,
      digestState: undefined,
    };
  });
  const good = outcomes.filter((outcome) => outcome.ok);
  return outcomes.map((outcome) => (outcome.ok ? inContext(outcome, good, bySeq, node, crypto, nowUnixMs) : outcome));
}

/** What the other tokens say of one. */
function inContext(
  token: SetToken,
  all: readonly SetToken[],
  bySeq: ReadonlyMap<number, Uint8Array>,
  node: NodeRecord,
  crypto: ReceiverCrypto,
  nowUnixMs: number,
): SetOutcome {
  const { claims } = token;
  if (claims.kind === "digest") {
    const held = (first: number, last: number): Uint8Array[] =>
      [...bySeq.keys()]
        .filter((seq) => seq >= first && seq <= last)
        .sort((a, b) => a - b)
        .map((seq) => bySeq.get(seq)!);
    const digestState = new DigestChecks().add(claims, held, crypto.sha256);
    return digestState === DIGEST_STATE.mismatch ? { ok: false, reason: "digest-mismatch" } : { ...token, digestState };
  }
  if (claims.kind !== "batch") return token;
  if (claims.profile.uri !== node.profile && !all.some(({ claims: other }) => announces(other, claims))) {
    return { ok: false, reason: "profile-not-announced" };
  }
  const anchor = claims.wallTime ? undefined : anchorOf(claims.bootCount, all);
  if (anchor === undefined) return token;
  const entry = { devEui: node.devEui, digest: token.digest };
  return { ...token, placement: placed(entry, claims, anchor, anchor.claims, nowUnixMs) };
}

function announces(boot: TokenClaims, batch: TokenClaims): boolean {
  return (
    boot.kind === "boot" &&
    batch.kind === "batch" &&
    boot.bootCount === batch.bootCount &&
    boot.profile === batch.profile
  );
}

/** The first anchor of a boot that says a wall time. */
function anchorOf(
  bootCount: number,
  all: readonly SetToken[],
): { digest: Uint8Array; claims: AnchorClaims } | undefined {
  let first: { digest: Uint8Array; claims: AnchorClaims } | undefined;
  for (const { claims, digest } of all) {
    if (claims.kind !== "anchor" || claims.wallS === 0 || claims.bootCount !== bootCount) continue;
    if (first === undefined || claims.seq < first.claims.seq) first = { digest, claims };
  }
  return first;
}
