/**
 * A token on its way from claims to outbox record. One buffer holds in turn the claims, what is signed (the Sig_structure, RFC 9052 4.4), and the
 * record: the claims are a part of each, and are moved to where each has them.
 */
import type { Hash } from "../ports/crypto.ts";
import { MAX_TOKEN_BYTES, type NodeIdentity } from "../wire/batch.ts";
import { SIGNATURE_BYTES, sign1Head, sign1Tail, sigStructureHead } from "../wire/cose-sign1.ts";
import { DIGEST_BYTES } from "../wire/statements.ts";
import { TOKEN_RECORD_HEADER_BYTES, type TokenKind, writeTokenRecordHeader } from "../wire/token-record.ts";

export class TokenBuffers {
  #claimsAt = 0;
  #claimsLength = 0;
  readonly signature = new Uint8Array(SIGNATURE_BYTES);
  /** Claims are written to its beginning, and then told of by `claimsLength`. */
  readonly record = new Uint8Array(TOKEN_RECORD_HEADER_BYTES + MAX_TOKEN_BYTES);
  #identity: NodeIdentity;
  #hash: Hash;

  /** The identity's kid is read anew for each token. */
  constructor(identity: NodeIdentity, hash: Hash) {
    this.#identity = identity;
    this.#hash = hash;
  }

  /** Bytes of claims; 0 while there are none. */
  get claimsLength(): number {
    return this.#claimsLength;
  }

  set claimsLength(length: number) {
    this.#claimsLength = length;
    this.#claimsAt = 0;
  }

  /** Writes into `record` what is to be signed, and returns its length. */
  writeMessage(): number {
    const { alg } = this.#identity;
    const length = this.#claimsLength;
    const end = this.moveClaims(sigStructureHead(alg, length, undefined));
    sigStructureHead(alg, length, this.record);
    return end;
  }

  /** Writes the outbox record of the signed token, and returns its length. */
  writeRecord(journalEnd: number, kind: TokenKind, keyRow: boolean): number {
    const { alg, kid } = this.#identity;
    const { record } = this;
    const length = this.#claimsLength;
    const end = this.moveClaims(sign1Head(alg, kid, length, undefined, TOKEN_RECORD_HEADER_BYTES));
    sign1Head(alg, kid, length, record, TOKEN_RECORD_HEADER_BYTES);
    writeTokenRecordHeader(journalEnd, kind, keyRow, record);
    return sign1Tail(this.signature, record, end);
  }

  /** Returns where they end. */
  private moveClaims(to: number): number {
    const from = this.#claimsAt;
    this.record.copyWithin(to, from, from + this.#claimsLength);
    this.#claimsAt = to;
    return to + this.#claimsLength;
  }

  /** SHA-256 of the token in a record of `recordLength` bytes. */
  hashToken(recordLength: number): Uint8Array {
    const token = this.record.subarray(TOKEN_RECORD_HEADER_BYTES, recordLength);
    const hash = new Uint8Array(DIGEST_BYTES);
    this.#hash.sha256(token, token.length, hash);
    return hash;
  }
}
