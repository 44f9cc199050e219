/**
 * Which form a token goes in: a batch as a compact token, anything else whole. The compact form has first values in full where the outbox's record says
 * so (`key`), and number, time and boot in full (`escape`) where the receiver may not be able to guess them. Whoever has a token under way keeps its form
 * with the state, for after a sleep it must be made again in the same bytes.
 */
import type { CompactCoder } from "../../wire/compact-coder.ts";
import { compactRules } from "../../wire/compact-profiles.ts";
import { CompactTranscoder } from "../../wire/compact-transcoder.ts";
import type { Profile } from "../../wire/profile.ts";
import { MAX_SLOT_BYTES } from "../../wire/slot-fragment.ts";
import { TOKEN_KIND } from "../../wire/token-record.ts";
import { COMPACT_AGE_MAX_S, COMPACT_AGE_MAX_STEPS, NUMBER_IN_FULL_EVERY } from "../bounds.ts";
import type { LorawanUplinkEvent } from "./lorawan-uplink-events.ts";

const COMPACT = 1;
const KEY = 2;
const ESCAPE = 4;

/** Whether a form is the compact one. */
export function isCompactForm(form: number): boolean {
  return (form & COMPACT) !== 0;
}

export class CompactForm {
  #transcoder: CompactTranscoder | undefined;
  #downlinks: boolean;

  /** Batches of `profile` have a compact form; without one, and without rules for it, all goes whole. */
  constructor(profile: Profile | undefined, coder: CompactCoder | undefined, downlinks: boolean) {
    const rules = profile === undefined ? undefined : compactRules(profile);
    this.#transcoder = rules === undefined ? undefined : new CompactTranscoder(profile!, rules, coder);
    this.#downlinks = downlinks;
  }

  /** The form of a token that the outbox hands over: 0 to 255, 0 for whole. */
  choose(token: Extract<LorawanUplinkEvent, { kind: "token" }>): number {
    const { seq, bytes, length, recordKind, keyRow, tries, inOrder, wallS } = token;
    const transcoder = this.#transcoder;
    if (transcoder === undefined || recordKind !== TOKEN_KIND.batch || !transcoder.inspect(bytes, length)) return 0;
    const { t0, dt, count, timeQuality } = transcoder.batch;
    const maxAgeS = Math.min(COMPACT_AGE_MAX_S, COMPACT_AGE_MAX_STEPS * dt);
    const isGuessable = timeQuality !== 0 && wallS - (t0 + (count - 1) * dt) <= maxAgeS && wallS > 0;
    // Where nothing tells that tokens were lost the receiver must not lose count: it can tell 16 numbers apart.
    const isMark = !this.#downlinks && seq % NUMBER_IN_FULL_EVERY === 0;
    return COMPACT | (keyRow ? KEY : 0) | (tries === 0 && inOrder && isGuessable && !isMark ? 0 : ESCAPE);
  }

  /** Makes the compact form; returns its length, or -1 when the token goes whole. The same token and form give the same bytes. */
  pack(form: number, bytes: Uint8Array, length: number, into: Uint8Array): number {
    if (!isCompactForm(form) || this.#transcoder === undefined) return -1;
    const options = { key: (form & KEY) !== 0, escape: (form & ESCAPE) !== 0 };
    const compactLength = this.#transcoder.transcode(bytes, length, options, into);
    return compactLength <= MAX_SLOT_BYTES ? compactLength : -1;
  }
}
