/**
 * How long compact tokens become: stretches of readings go through the very encoder that a node uses, so for these readings the
 * lengths are exact. An encoder says after each reading how long the token would be if it ended there.
 */
import { MAX_BATCH_READINGS } from "../../firmware/wire/batch.ts";
import { compactRules } from "../../firmware/wire/compact-profiles.ts";
import { CompactEncoder, MAX_COMPACT_BYTES } from "../../firmware/wire/compact-token.ts";
import { SIGNATURE_BYTES } from "../../firmware/wire/cose-sign1.ts";
import type { Profile } from "../../firmware/wire/profile.ts";
import { MAX_SLOT_BYTES } from "../../firmware/wire/slot-fragment.ts";
import type { Stretch } from "./streams.ts";

const BOOT_COUNT = 3;

/** Lengths in bytes, the signature included, by stretch and by number of readings less one; shorter where the token was full. */
export interface TokenLengths {
  plain: number[][];
  /** With the first readings in full, as once a day and after each boot. */
  key: number[][];
}

/** Codes every stretch twice. `timeQuality`: how well the node knows the time, which the tokens say. */
export function tokenLengths(
  profile: Profile,
  stepS: number,
  timeQuality: number,
  stretches: readonly Stretch[],
): TokenLengths {
  const rules = compactRules(profile);
  if (rules === undefined) throw new RangeError(`${profile.uri} has no compact token`);
  const encoder = new CompactEncoder(profile, rules, new Uint8Array(MAX_COMPACT_BYTES));
  const lengthsOf = ({ startS, rows }: Stretch, seq: number, key: boolean): number[] => {
    encoder.start(
      { bootCount: BOOT_COUNT, seq, t0: startS, dt: stepS, timeQuality, key, escape: false },
      MAX_SLOT_BYTES - SIGNATURE_BYTES,
    );
    const lengths: number[] = [];
    for (const row of rows.slice(0, MAX_BATCH_READINGS)) {
      if (!encoder.add(row)) break;
      lengths.push(encoder.length + SIGNATURE_BYTES);
    }
    return lengths;
  };
  return {
    plain: stretches.map((stretch, seq) => lengthsOf(stretch, seq, false)),
    key: stretches.map((stretch, seq) => lengthsOf(stretch, seq, true)),
  };
}
