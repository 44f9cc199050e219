/**
 * A node's digest tokens against the tokens held: each says SHA-256 over the SHA-256 of its tokens from one number to another.
 *
 *      +------------+   every number of its range is held   +--------+
 *      | incomplete | ------------------------------------> | agrees |   or mismatch: a token held is another one than the node made
 *      +------------+                                       +--------+
 *
 * A digest that is incomplete counts down as late tokens come; those held are hashed once, when the last is there. At most MAX_OPEN of a node are
 * followed so, the others stay incomplete until the next start.
 */
import type { DigestClaims } from "../../firmware/wire/eat-token.ts";
import type { ReceiverCrypto } from "./crypto.ts";
import { equalBytes } from "./hex.ts";

/** Numbers in one digest: a day of one token a minute, twice. A longer range is never hashed. */
export const MAX_DIGEST_TOKENS = 4096;
/** Incomplete digests followed: two months of daily ones. */
export const MAX_OPEN = 64;

const HASH_BYTES = 32;

/** Stored as numbers. */
export const DIGEST_STATE = Object.freeze({ incomplete: 0, agrees: 1, mismatch: 2 } as const);
export type DigestState = (typeof DIGEST_STATE)[keyof typeof DIGEST_STATE];

/** What a digest token says. */
export type DigestRange = Pick<DigestClaims, "seq" | "firstSeq" | "lastSeq" | "digest">;

export interface DigestCounts {
  agree: number;
  incomplete: number;
  mismatch: number;
}

interface Open extends DigestRange {
  missing: number;
}

/** SHA-256 of the tokens held from one number to another, in order: as many as are held, of each once. */
export type DigestsOf = (firstSeq: number, lastSeq: number) => Uint8Array[];

export class DigestChecks {
  readonly counts: DigestCounts;
  #open: Open[] = [];

  /** `known` is what the store already knows, `listed` how many of its incomplete ones will be added. */
  constructor(known: DigestCounts = { agree: 0, incomplete: 0, mismatch: 0 }, listed = 0) {
    this.counts = { ...known, incomplete: known.incomplete - listed };
  }

  /** Whether an accepted token can complete anything. */
  get isWaiting(): boolean {
    return this.#open.length > 0;
  }

  /** An accepted digest token, or an incomplete one from the store. */
  add(claims: DigestRange, digestsOf: DigestsOf, sha256: ReceiverCrypto["sha256"]): DigestState {
    const size = claims.lastSeq - claims.firstSeq + 1;
    const held = size > MAX_DIGEST_TOKENS ? [] : digestsOf(claims.firstSeq, claims.lastSeq);
    if (held.length === size) return this.#resolve(claims, held, sha256);
    this.counts.incomplete++;
    if (size <= MAX_DIGEST_TOKENS && this.#open.length < MAX_OPEN) {
      const { seq, firstSeq, lastSeq, digest } = claims;
      this.#open.push({ seq, firstSeq, lastSeq, digest: digest.slice(), missing: size - held.length });
    }
    return DIGEST_STATE.incomplete;
  }

  /** A token was accepted; returns the digests that it completed. */
  accepted(seq: number, digestsOf: DigestsOf, sha256: ReceiverCrypto["sha256"]): { seq: number; state: DigestState }[] {
    const completed: { seq: number; state: DigestState }[] = [];
    for (const open of this.#open) {
      if (seq < open.firstSeq || seq > open.lastSeq || --open.missing > 0) continue;
      const held = digestsOf(open.firstSeq, open.lastSeq);
      // A store that commits many together held it already when the digest was looked at: counted twice.
      open.missing = open.lastSeq - open.firstSeq + 1 - held.length;
      if (open.missing > 0) continue;
      this.counts.incomplete--;
      completed.push({ seq: open.seq, state: this.#resolve(open, held, sha256) });
    }
    if (completed.length > 0) this.#open = this.#open.filter(({ missing }) => missing > 0);
    return completed;
  }

  #resolve(claims: DigestRange, held: readonly Uint8Array[], sha256: ReceiverCrypto["sha256"]): DigestState {
    const all = new Uint8Array(held.length * HASH_BYTES);
    held.forEach((digest, i) => {
      all.set(digest, i * HASH_BYTES);
    });
    const agrees = equalBytes(sha256(all), claims.digest);
    if (agrees) this.counts.agree++;
    else this.counts.mismatch++;
    return agrees ? DIGEST_STATE.agrees : DIGEST_STATE.mismatch;
  }
}
