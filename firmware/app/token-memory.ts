/**
 * What the node remembers of its tokens across power cuts, in one value of the key-value store, written once before each token is stored: the
 * running SHA-256 for the next digest, and the challenges that were answered last.
 *
 *   version 1 | first seq of the list 4 | tokens in it 4 | first UTC day known 4 | SHA-256 state over the hashes so far 32
 *   | a hash without its pair 32 | 8 answered nonces, 8 bytes of SHA-256 each | the oldest of them 1
 *   | the token that is being stored: what it is 1, seq 4, UTC day 4, its SHA-256 32, its nonce's 8
 *
 * The value names the token that is about to be stored and leaves the rest as it was before. Whether the token was stored the outbox knows: its next
 * number is then a higher one. So a power cut between the two writes changes nothing.
 */
import { ANSWERED_NONCES } from "../core/bounds.ts";
import type { Hash } from "../ports/crypto.ts";
import type { KeyValueStore } from "../ports/storage.ts";
import { SHA256_BLOCK_BYTES, SHA256_STATE_BYTES, sha256Begin, sha256Block, sha256End } from "../wire/sha256-state.ts";
import { DIGEST_BYTES } from "../wire/statements.ts";
import { TOKEN_KIND, type TokenKind } from "../wire/token-record.ts";

const KEY = "tokens";
const VERSION = 1;
const NONCE_TAG_BYTES = 8;
const FIRST_AT = 1;
const COUNT_AT = 5;
const DAY_AT = 9;
const STATE_AT = 13;
const ODD_AT = STATE_AT + SHA256_STATE_BYTES;
const NONCES_AT = ODD_AT + DIGEST_BYTES;
const OLDEST_AT = NONCES_AT + ANSWERED_NONCES * NONCE_TAG_BYTES;
const STORING_AT = OLDEST_AT + 1;
const STORING_SEQ_AT = STORING_AT + 1;
const STORING_DAY_AT = STORING_SEQ_AT + 4;
const STORING_HASH_AT = STORING_DAY_AT + 4;
const STORING_NONCE_AT = STORING_HASH_AT + DIGEST_BYTES;
const LENGTH = STORING_NONCE_AT + NONCE_TAG_BYTES;

/** What the token that is being stored is to the list, and whether it answers a challenge. */
const NOTHING = 0;
const LISTED = 1;
const DIGEST = 2;
const ANSWER = 4;

export class TokenMemory {
  #keyValue: KeyValueStore;
  #hash: Hash;
  #value = new Uint8Array(LENGTH);
  #view = new DataView(this.#value.buffer);
  #loaded = false;

  constructor(keyValue: KeyValueStore, hash: Hash) {
    this.#keyValue = keyValue;
    this.#hash = hash;
  }

  /** After power-on: a list that does not end with the outbox's last token begins anew behind it. */
  start(outboxNext: number): void {
    this.load();
    this.settle(outboxNext);
    this.#value[STORING_AT] = NOTHING;
    if (this.#view.getUint32(FIRST_AT) + this.#view.getUint32(COUNT_AT) !== outboxNext) this.begin(outboxNext, 0);
  }

  /** Tokens on the list. */
  get listed(): number {
    return this.#view.getUint32(COUNT_AT);
  }

  /** The first UTC day that was known since the list began; 0 when none was. */
  get day(): number {
    return this.#view.getUint32(DAY_AT);
  }

  /** Notes the token that is about to be stored. `nonce`: the challenge that it answers; `day`: the UTC day, 0 when it is not known. */
  note(seq: number, kind: TokenKind, hash: Uint8Array, nonce: Uint8Array | undefined, day: number): void {
    this.load();
    this.settle(seq);
    const value = this.#value;
    if (this.#view.getUint32(FIRST_AT) + this.listed !== seq) this.begin(seq, day);
    value[STORING_AT] = (kind === TOKEN_KIND.digest ? DIGEST : LISTED) | (nonce === undefined ? NOTHING : ANSWER);
    this.#view.setUint32(STORING_SEQ_AT, seq);
    this.#view.setUint32(STORING_DAY_AT, day);
    value.set(hash, STORING_HASH_AT);
    if (nonce !== undefined) this.tag(nonce, STORING_NONCE_AT);
    this.#keyValue.write(KEY, value, LENGTH);
  }

  /** Puts the digest of the tokens on the list, which end before `seq`, into `digest`; returns the first one's number. */
  digest(seq: number, digest: Uint8Array): number {
    this.load();
    this.settle(seq);
    const value = this.#value;
    const odd = this.listed % 2;
    const state = value.slice(STATE_AT, ODD_AT);
    const rest = new Uint8Array(SHA256_BLOCK_BYTES);
    if (odd === 1) rest.set(value.subarray(ODD_AT, ODD_AT + DIGEST_BYTES));
    sha256End(state, 0, rest, odd * DIGEST_BYTES, this.listed * DIGEST_BYTES);
    digest.set(state);
    return this.#view.getUint32(FIRST_AT);
  }

  /** Whether a challenge was answered, among the last ones. */
  answered(nonce: Uint8Array): boolean {
    this.load();
    const tag = new Uint8Array(DIGEST_BYTES);
    this.#hash.sha256(nonce, nonce.length, tag);
    for (let i = 0; i < ANSWERED_NONCES; i++) if (this.isTag(tag, NONCES_AT + i * NONCE_TAG_BYTES)) return true;
    return (this.#value[STORING_AT] & ANSWER) !== 0 && this.isTag(tag, STORING_NONCE_AT);
  }

  /** Waking from deep sleep, the value is read when it is needed. */
  private load(): void {
    if (this.#loaded) return;
    this.#loaded = true;
    const length = this.#keyValue.read(KEY, this.#value);
    if (length === LENGTH && this.#value[0] === VERSION) return;
    this.#value.fill(0);
    this.#value[0] = VERSION;
    this.begin(0, 0);
  }

  /** The token that was being stored is in the outbox when that goes on with a higher number. */
  private settle(next: number): void {
    const value = this.#value;
    const storing = value[STORING_AT];
    const seq = this.#view.getUint32(STORING_SEQ_AT);
    if (storing === NOTHING || seq >= next) return;
    value[STORING_AT] = NOTHING;
    if ((storing & ANSWER) !== 0) this.remember();
    if ((storing & DIGEST) !== 0) this.begin(seq, this.#view.getUint32(STORING_DAY_AT));
    else if (this.day === 0) this.#view.setUint32(DAY_AT, this.#view.getUint32(STORING_DAY_AT));
    const count = this.listed;
    if (count % 2 === 0) {
      value.copyWithin(ODD_AT, STORING_HASH_AT, STORING_NONCE_AT);
    } else {
      const block = new Uint8Array(SHA256_BLOCK_BYTES);
      block.set(value.subarray(ODD_AT, ODD_AT + DIGEST_BYTES));
      block.set(value.subarray(STORING_HASH_AT, STORING_NONCE_AT), DIGEST_BYTES);
      sha256Block(value, STATE_AT, block, 0);
    }
    this.#view.setUint32(COUNT_AT, count + 1);
  }

  /** An empty list from `seq` on. */
  private begin(seq: number, day: number): void {
    this.#view.setUint32(FIRST_AT, seq);
    this.#view.setUint32(COUNT_AT, 0);
    this.#view.setUint32(DAY_AT, day);
    sha256Begin(this.#value, STATE_AT);
  }

  /** The nonce of the token that was stored, in the place of the oldest. */
  private remember(): void {
    const value = this.#value;
    const oldest = value[OLDEST_AT] % ANSWERED_NONCES;
    value.copyWithin(NONCES_AT + oldest * NONCE_TAG_BYTES, STORING_NONCE_AT, LENGTH);
    value[OLDEST_AT] = (oldest + 1) % ANSWERED_NONCES;
  }

  private tag(nonce: Uint8Array, at: number): void {
    const hash = new Uint8Array(DIGEST_BYTES);
    this.#hash.sha256(nonce, nonce.length, hash);
    for (let i = 0; i < NONCE_TAG_BYTES; i++) this.#value[at + i] = hash[i];
  }

  private isTag(tag: Uint8Array, at: number): boolean {
    for (let i = 0; i < NONCE_TAG_BYTES; i++) if (this.#value[at + i] !== tag[i]) return false;
    return true;
  }
}
