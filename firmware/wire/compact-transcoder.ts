/**
 * From a stored token to its compact form (compact-token.ts): the same readings and the same signature in fewer bytes. A node stores whole tokens,
 * which Wi-Fi and verifiers take as they are, and makes the compact one whenever it sends over LoRa: the same token and options give the same
 * bytes, however often. In constant memory.
 */
import { CompactCoder, type CompactOptions } from "./compact-coder.ts";
import type { CompactRules } from "./compact-rules.ts";
import { MAX_COMPACT_BYTES } from "./compact-token.ts";
import { SIGNATURE_BYTES } from "./cose-sign1.ts";
import type { Profile } from "./profile.ts";
import { TokenRows } from "./token-rows.ts";

export class CompactTranscoder {
  #rows: TokenRows;
  #coder: CompactCoder;

  /** The coder is in use during a call only. */
  constructor(profile: Profile, rules: CompactRules, coder = new CompactCoder(profile, rules)) {
    this.#rows = new TokenRows(profile);
    this.#coder = coder;
  }

  /**
   * Writes the compact form of a token of `length` bytes into `into`, which must not be the token's own buffer; returns its length with the
   * signature. -1: the token is no batch of this profile, or `into` (MAX_COMPACT_BYTES) is too short; it then goes as it is.
   */
  transcode(token: Uint8Array, length: number, options: CompactOptions, into: Uint8Array): number {
    const rows = this.#rows;
    if (!rows.open(token, length)) return -1;
    const coder = this.#coder;
    coder.start(rows, options, into);
    for (let count = 0; rows.next(); count++) coder.row(rows.row, count);
    const compactLength = coder.end(rows.count) + SIGNATURE_BYTES;
    if (compactLength > into.length || compactLength > MAX_COMPACT_BYTES) return -1;
    const offset = compactLength - SIGNATURE_BYTES;
    for (let i = 0; i < SIGNATURE_BYTES; i++) into[offset + i] = token[rows.signatureOffset + i];
    return compactLength;
  }

  /** Whether a token is a batch of this profile; `batch` then says which. */
  inspect(token: Uint8Array, length: number): boolean {
    return this.#rows.open(token, length);
  }

  /** What the token says of its batch that was inspected or transcoded last; times in seconds. `timeQuality` 0: uptime. */
  get batch(): Readonly<Pick<TokenRows, "bootCount" | "seq" | "t0" | "dt" | "timeQuality" | "count">> {
    return this.#rows;
  }
}
