/** What the attester is told, what it wants done, and what it is built with. */
import type { Hash } from "../ports/crypto.ts";
import type { NodeIdentity } from "../wire/batch.ts";
import type { CompactCoder } from "../wire/compact-coder.ts";
import type { Profile } from "../wire/profile.ts";
import type { TokenKind } from "../wire/token-record.ts";
import type { BatchPolicy } from "./open-batch.ts";
import type { NodeStatement } from "./statement-writer.ts";

export type AttesterEvent =
  /**
   * What the two logs hold and the list of tokens for the digest, told once at the start after power-on; `changesKey`: a change of keys was
   * under way.
   */
  | {
      kind: "start";
      bootCount: number;
      journalOldest: number;
      journalNext: number;
      outboxNext: number;
      listed: number;
      listDay: number;
      changesKey: boolean;
    }
  /** The journal has grown: the number that its next record gets. */
  | { kind: "journal"; next: number }
  /** The moment: wall time minus uptime, how good that is right now (wire/time-quality.ts), what a LoRaWAN frame holds (0: not known). */
  | { kind: "present"; wallOffsetMs: number | undefined; timeQuality: number; frameBytes: number }
  /** The answer to `readRecord`; `length` -1 when the record is gone or damaged. */
  | { kind: "record"; bytes: Uint8Array; length: number }
  /** The answers to `contents`: the digest of the tokens from `firstSeq` on; the public key that comes next. */
  | { kind: "digest"; firstSeq: number; digest: Uint8Array }
  | { kind: "newKey"; publicKey: Uint8Array }
  | { kind: "signed"; signature: Uint8Array }
  | { kind: "signFailed" }
  /** The token is in the outbox under this number. */
  | { kind: "appended"; number: number }
  /** The receiver has the token. */
  | { kind: "acknowledged"; seq: number }
  /** An authentic challenge that was not answered of late; tokens before `outboxOldest` are not in the outbox any more. */
  | { kind: "challenge"; nonce: Uint8Array; length: number; outboxOldest: number }
  /** The receiver lacks the boot token; tokens before `outboxOldest` are not in the outbox any more. */
  | { kind: "bootRequest"; outboxOldest: number }
  /** Sign with another key from now on. */
  | { kind: "changeKey" }
  /** Close the open batch, and every later one, as soon as the journal is empty. */
  | { kind: "drain" };

export type AttesterCommand =
  | { kind: "readRecord"; number: number }
  /** Give the digest of the tokens before `seq`, or the public key of the key that comes next (which may have to be made). */
  | { kind: "contents"; of: "digest" | "newKey"; seq: number }
  | { kind: "sign"; message: Uint8Array; length: number }
  /** The token's SHA-256 goes on the list before the token goes into the outbox; `nonce`: the challenge that it answers. */
  | { kind: "note"; seq: number; tokenKind: TokenKind; hash: Uint8Array; nonce: Uint8Array | undefined }
  /** Store this outbox record; its first transmission is spread as that of a batch of `durationS` seconds. */
  | { kind: "append"; seq: number; record: Uint8Array; length: number; durationS: number }
  /** The key token is stored: the new key signs from now on. */
  | { kind: "useNewKey" }
  | { kind: "trim"; before: number };

export interface AttesterOptions {
  /** Its kid is read anew for each token. */
  identity: NodeIdentity;
  profile: Profile;
  policy: BatchPolicy;
  /** Counts what a batch takes in frames; others may use it as well. Its own by default. */
  coder?: CompactCoder;
  hash: Hash;
  /** Whether it makes digests. */
  digests: boolean;
  about: NodeStatement;
}
