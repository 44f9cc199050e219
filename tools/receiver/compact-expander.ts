/**
 * From a compact token to the token that was signed: every context that the token may be of gives candidates (compact-rebuild.ts), the likeliest
 * of each in turn, and the signature says which is right. At most MAX_CHECKS signatures are checked, whatever is sent.
 *
 *   contexts   of the boot that the token names, then of later ones; where that boot is not known, of the boots nearest to it, then of the node's identity
 *              file
 *   number     from the next expected when the token came in, and, where it waited, from the next expected now
 *
 * A candidate whose token is already committed needs no check: its digest says so.
 */
import { type CompactHeader, codeHeader, SLOT_MODULUS } from "../../firmware/wire/compact-header.ts";
import { compactRules } from "../../firmware/wire/compact-profiles.ts";
import { CompactCandidates, MAX_CANDIDATES, type RebuildContext } from "../../firmware/wire/compact-rebuild.ts";
import { type CompactBatch, decodeCompact, MAX_COMPACT_BYTES } from "../../firmware/wire/compact-token.ts";
import {
  encodeSign1,
  isLowS,
  protectedHeader,
  SIG_STRUCTURE_OVERHEAD_BYTES,
  SIGNATURE_BYTES,
  sigStructure,
} from "../../firmware/wire/cose-sign1.ts";
import {
  type Claims,
  claimsFit,
  encodeClaims,
  MAX_CLAIMS_BYTES,
  MAX_TOKEN_BYTES,
} from "../../firmware/wire/eat-token.ts";
import type { Profile } from "../../firmware/wire/profile.ts";
import { profileByUri } from "../../firmware/wire/profiles/known.ts";
import { RangeDecoder } from "../../firmware/wire/range-coder.ts";
import type { BootContext, BootContexts } from "./boot-contexts.ts";
import type { ReceiverCrypto } from "./crypto.ts";
import { equalBytes } from "./hex.ts";
import type { KeyTimeline } from "./key-timeline.ts";
import type { NodeRecord } from "./node-registry.ts";
import { latestTimeMs } from "./time-bound.ts";

/** Signature checks a compact token. */
export const MAX_CHECKS = MAX_CANDIDATES;
/** Other boots' contexts that are tried. */
const MAX_GUESSES = 5;
/** RFC 9711 4.2.9: what a node may say of its debugging. */
const DBGSTATS = 5;

/** What is known of the node. */
export interface ExpandContext {
  record: NodeRecord;
  keys: KeyTimeline;
  contexts: BootContexts;
  /** A boot that is not in `contexts` any more. */
  olderBoot(bootCount: number): BootContext[];
  /** SHA-256 of the token that has this number, or undefined. */
  digestOf(seq: number): Uint8Array | undefined;
  /** The next number expected now. */
  nextSeq: number;
}

/** A compact token as it came in. */
export interface ReceivedCompact {
  bytes: Uint8Array;
  receivedUnixMs: number;
  /** The next number expected then. */
  nextSeq: number;
}

export type Expansion =
  /** The signature is right. */
  | { kind: "token"; token: Uint8Array; digest: Uint8Array; claims: Claims; checks: number }
  /** It is the token of that number, which is accepted already. */
  | { kind: "known"; seq: number; digest: Uint8Array; checks: number }
  /**
   * None of the candidates. `unknownBoot` is the boot whose boot token would help. `forGood`: nothing that could become known would.
   * Reasons: those of `decodeCompact` and `CompactCandidates`, boot-unknown, no-candidate, key-revoked, signature-high-s, token-too-long.
   */
  | { kind: "none"; reason: string; forGood: boolean; unknownBoot: number | undefined; checks: number };

export class CompactExpander {
  readonly #crypto: ReceiverCrypto;
  readonly #claims = new Uint8Array(MAX_CLAIMS_BYTES);
  readonly #message = new Uint8Array(MAX_CLAIMS_BYTES + SIG_STRUCTURE_OVERHEAD_BYTES);
  readonly #token = new Uint8Array(MAX_TOKEN_BYTES);

  constructor(crypto: ReceiverCrypto) {
    this.#crypto = crypto;
  }

  expand(compact: ReceivedCompact, node: ExpandContext): Expansion {
    const header = readHeader(compact.bytes);
    if (typeof header === "string") return refusal(header, true);
    const { contexts, unknownBoot } = contextsFor(header, node);
    const batches = new Map<Profile, CompactBatch | string>();
    const attempts: CompactCandidates[] = [];
    let reason = contexts.length === 0 ? "boot-unknown" : "no-candidate";
    for (const context of contexts) {
      let batch = batches.get(context.profile);
      if (batch === undefined) {
        batch = decode(context.profile, compact.bytes);
        batches.set(context.profile, batch);
      }
      if (typeof batch === "string") {
        reason = batch;
        continue;
      }
      for (const rebuild of rebuildContexts(batch, context, compact, node)) {
        const candidates = new CompactCandidates(batch, rebuild);
        if (candidates.reason === "") attempts.push(candidates);
        else reason = candidates.reason;
      }
    }
    const signature = compact.bytes.subarray(compact.bytes.length - SIGNATURE_BYTES);
    return this.#try(attempts, signature, node, reason, unknownBoot);
  }

  #try(
    attempts: CompactCandidates[],
    signature: Uint8Array,
    node: ExpandContext,
    reason: string,
    unknownBoot: number | undefined,
  ): Expansion {
    let checks = 0;
    let because = reason;
    let open = attempts;
    while (open.length > 0 && checks < MAX_CHECKS) {
      const more: CompactCandidates[] = [];
      for (const attempt of open) {
        const claims = attempt.next();
        if (claims === undefined) continue;
        more.push(attempt);
        const result = this.#check(claims, signature, node);
        if (typeof result === "string") {
          because = result;
          continue;
        }
        if (result.committed) return { kind: "known", seq: claims.seq, digest: result.digest, checks };
        if (checks === MAX_CHECKS) break;
        checks++;
        if (result.verify()) {
          return { kind: "token", token: result.token(), digest: result.digest, claims, checks };
        }
      }
      open = more;
    }
    return { kind: "none", reason: because, forGood: false, unknownBoot, checks };
  }

  /** A candidate as a token; or why it is none. */
  #check(
    claims: Claims,
    signature: Uint8Array,
    { keys, digestOf }: ExpandContext,
  ): { committed: boolean; digest: Uint8Array; verify(): boolean; token(): Uint8Array } | string {
    if (!claimsFit(claims, claims)) return "token-too-long";
    const { alg, kid, publicKey } = keys.keyAt(claims.seq);
    if (keys.isRevoked(claims.seq, kid)) return "key-revoked";
    if (!isLowS(alg, signature)) return "signature-high-s";
    const claimsLength = encodeClaims(claims, claims, this.#claims);
    const token = this.#token.subarray(0, encodeSign1(alg, kid, this.#claims, claimsLength, signature, this.#token));
    const digest = this.#crypto.sha256(token);
    const known = digestOf(claims.seq);
    const verify = (): boolean => {
      const length = sigStructure(protectedHeader(alg), this.#claims, claimsLength, this.#message);
      return this.#crypto.verify(alg, publicKey, this.#message.subarray(0, length), signature);
    };
    return { committed: known !== undefined && equalBytes(known, digest), digest, verify, token: () => token.slice() };
  }
}

function refusal(reason: string, forGood: boolean): Expansion {
  return { kind: "none", reason, forGood, unknownBoot: undefined, checks: 0 };
}

/** What the token says before its readings: no profile is needed for that. Or the reason why not. */
function readHeader(bytes: Uint8Array): CompactHeader | string {
  const length = bytes.length - SIGNATURE_BYTES;
  if (length < 1 || bytes.length > MAX_COMPACT_BYTES) return "compact-length";
  const header = { escape: false, key: false, bootCount: 0, seq: 0, slot: 0, dt: 0, timeQuality: 0 };
  return codeHeader(new RangeDecoder(bytes, length), header) || header;
}

function decode(profile: Profile, bytes: Uint8Array): CompactBatch | string {
  const rules = compactRules(profile);
  if (rules === undefined) return "profile-without-compact-form";
  const batch = decodeCompact(profile, rules, bytes);
  return batch.ok ? batch : batch.reason;
}

/** Every context that the token may be of, the likeliest first; and the boot that it may be of and no boot token told of. */
function contextsFor(
  header: CompactHeader,
  { contexts, olderBoot, record }: ExpandContext,
): { contexts: BootContext[]; unknownBoot: number | undefined } {
  const bootCounts = header.escape ? [header.bootCount] : contexts.candidates(header.bootCount);
  const found: BootContext[] = [];
  let unknownBoot: number | undefined;
  for (const bootCount of bootCounts) {
    const known = contexts.of(bootCount);
    const stored = known.some(({ announced }) => announced) ? known : [...known, ...olderBoot(bootCount)];
    if (!stored.some(({ announced }) => announced)) unknownBoot ??= bootCount;
    found.push(...likelyContexts(bootCount, stored, contexts, record));
  }
  return { contexts: found, unknownBoot };
}

/**
 * What a boot may have been like. Where that is known, so: but what a power cut left unsigned was signed in a later boot, as that is. One that nothing is
 * known of is most likely as the boots around it; else as the identity file says, with its debugging in another state.
 */
function likelyContexts(
  bootCount: number,
  known: readonly BootContext[],
  contexts: BootContexts,
  record: NodeRecord,
): BootContext[] {
  const different: BootContext[] = [...known];
  const add = ({ entity, profile }: BootContext): void => {
    const same = different.some(
      (other) =>
        other.profile === profile &&
        other.entity.dbgstat === entity.dbgstat &&
        equalBytes(other.entity.hwmodel, entity.hwmodel),
    );
    if (!same) different.push({ bootCount, entity, profile, announced: false });
  };
  const isKnown = known.length > 0;
  let guesses = 0;
  for (const near of contexts.nearest(bootCount)) {
    if (guesses === MAX_GUESSES) break;
    if (isKnown && near.bootCount < bootCount) continue;
    const before = different.length;
    add(near);
    guesses += different.length - before;
  }
  if (!isKnown) for (const identity of fromIdentity(bootCount, record)) add(identity);
  return different;
}

/** The identity file says all but the state of debugging. */
function fromIdentity(bootCount: number, { ueid, oemid, hwmodel, profile }: NodeRecord): BootContext[] {
  const known = profileByUri(profile);
  if (known === undefined) return [];
  return Array.from({ length: DBGSTATS }, (_, dbgstat) => ({
    bootCount,
    entity: { ueid, oemid, hwmodel, dbgstat },
    profile: known,
    announced: false,
  }));
}

/** The batch in one context: with the number expected when it came, and with the one expected now where that makes a difference. */
function rebuildContexts(
  batch: CompactBatch,
  { entity, profile, bootCount }: BootContext,
  { receivedUnixMs, nextSeq }: ReceivedCompact,
  node: ExpandContext,
): RebuildContext[] {
  const { header, count } = batch;
  const latestS = Math.floor(latestTimeMs(receivedUnixMs, header.timeQuality) / 1000);
  const lastSlot = Math.floor(latestS / header.dt) - (count - 1);
  const behind = (((lastSlot - header.slot) % SLOT_MODULUS) + SLOT_MODULUS) % SLOT_MODULUS;
  const slot = header.escape ? header.slot : lastSlot - behind;
  const known = node.contexts.knownAt(profile, bootCount, slot * header.dt);
  const numbers = nextSeq === node.nextSeq || header.escape ? [nextSeq] : [nextSeq, node.nextSeq];
  return numbers.map((next) => ({ entity, profile, bootCount, nextSeq: next, latestS, known }));
}
