/**
 * Which key signs which numbers of a node. The identity file names the first key, from seq 0 on; a key token with seq s, signed by the key in
 * force at s, ends that key at s and starts the next at s + 1 (attestation.md). The operator's revocations stand above all that.
 *
 *      0 ............ s1 | s1 + 1 ............ s2 | s2 + 1 ...
 *      first key         | key of token s1        | key of token s2
 *
 * Key tokens may come in any order that their signatures allow: one that starts before another already known would change what was verified
 * under it, and is refused.
 */
import type { VerifyingKey } from "./crypto.ts";
import { equalBytes } from "./hex.ts";

/** A key that the operator no longer believes, from a number on, or between two. */
export interface Revocation {
  kid: Uint8Array;
  fromSeq: number;
  /** The last number that is not believed: what the key signed behind it, its own successor above all, stands. */
  toSeq?: number;
}

export type KeyResult = { ok: true; key: VerifyingKey } | { ok: false; reason: string };

/** Rotations of a node: a key a week for twenty years. */
export const MAX_ROTATIONS = 1024;

interface Entry {
  fromSeq: number;
  key: VerifyingKey;
}

export class KeyTimeline {
  /** Ascending by fromSeq; the first begins at 0. */
  #entries: Entry[];
  #revoked: readonly Revocation[];

  constructor(first: VerifyingKey, revoked: readonly Revocation[] = []) {
    this.#entries = [{ fromSeq: 0, key: first }];
    this.#revoked = revoked;
  }

  /** The key in force at a number. */
  keyAt(seq: number): VerifyingKey {
    return this.#entries[this.#indexAt(seq)].key;
  }

  /** The newest key, and the number that it begins at. */
  get newest(): { key: VerifyingKey; fromSeq: number } {
    return this.#entries[this.#entries.length - 1];
  }

  /**
   * The key that a token with this number and kid is to be verified by. Reasons: key-retired (a key of this node, not in force at that number),
   * kid-of-another-key (not known, or not yet), key-revoked, algorithm-of-another-key.
   */
  keyFor(seq: number, kid: Uint8Array, alg: number): KeyResult {
    const { key } = this.#entries[this.#indexAt(seq)];
    if (!equalBytes(kid, key.kid)) {
      const known = this.#entries.some((entry) => equalBytes(kid, entry.key.kid));
      return { ok: false, reason: known ? "key-retired" : "kid-of-another-key" };
    }
    if (alg !== key.alg) return { ok: false, reason: "algorithm-of-another-key" };
    return this.isRevoked(seq, kid) ? { ok: false, reason: "key-revoked" } : { ok: true, key };
  }

  isRevoked(seq: number, kid: Uint8Array): boolean {
    return this.#revoked.some(
      ({ kid: revoked, fromSeq, toSeq = Infinity }) => seq >= fromSeq && seq <= toSeq && equalBytes(kid, revoked),
    );
  }

  /** Why a key token with this number and new key cannot be taken, or undefined: key-timeline-contradicted, key-rotations-too-many. */
  refusalOf(seq: number, key: VerifyingKey): string | undefined {
    const known = this.#entries.find(({ fromSeq }) => fromSeq === seq + 1);
    if (known !== undefined && equalBytes(known.key.kid, key.kid)) return undefined;
    if (this.newest.fromSeq > seq) return "key-timeline-contradicted";
    return this.#entries.length > MAX_ROTATIONS ? "key-rotations-too-many" : undefined;
  }

  /** Takes a key from a verified key token. `refusalOf` said nothing against it; the same token may come twice. */
  rotate(seq: number, key: VerifyingKey): void {
    if (this.newest.fromSeq <= seq) this.#entries.push({ fromSeq: seq + 1, key });
  }

  #indexAt(seq: number): number {
    let i = this.#entries.length - 1;
    while (i > 0 && this.#entries[i].fromSeq > seq) i--;
    return i;
  }
}
