/** What goes in and out of the uplink's machine (lorawan-uplink.ts). */
import type { SymmetricCrypto } from "../../ports/crypto.ts";
import type { CompactCoder } from "../../wire/compact-coder.ts";
import type { Profile } from "../../wire/profile.ts";
import type { TokenKind } from "../../wire/token-record.ts";

export type LorawanUplinkEvent =
  /**
   * The token to deliver, or the bytes again that `readToken` asked for; then only `seq`, `bytes` and `length` count. `tries`: 0 for the first. `inOrder`: newer
   * than all that came through, by little. `wallS`: Unix time now, 0 while nobody has told it.
   */
  | {
      kind: "token";
      seq: number;
      bytes: Uint8Array;
      length: number;
      recordKind: TokenKind;
      keyRow: boolean;
      tries: number;
      inOrder: boolean;
      wallS: number;
    }
  /** The layer below is idle and takes a payload of up to this many bytes, with the request for the time or without. */
  | { kind: "opportunity"; maxPayload: number; asksTime: boolean }
  /** The frame and its receive windows are over; `more`: the network holds further downlinks. */
  | { kind: "sent"; more: boolean }
  | { kind: "refused"; untilMs: number }
  | { kind: "downlink"; port: number; payload: Uint8Array; length: number }
  /** The network has told the time. */
  | { kind: "timeLearned" }
  /** Somebody waits for the last token: what was set aside is not left there. */
  | { kind: "drain" };

export type LorawanUplinkCommand =
  | { kind: "send"; port: number; payload: Uint8Array; length: number }
  | { kind: "acknowledged"; seq: number }
  | { kind: "notDelivered"; seq: number }
  /** All of it has gone out; no answer is expected. */
  | { kind: "sent"; seq: number }
  /** The token's bytes are wanted: saved state does not hold them, or it was set aside. */
  | { kind: "readToken"; seq: number }
  /** Authentic control messages for others. */
  | { kind: "challenged"; nonce: Uint8Array; length: number }
  | { kind: "bootRequested"; bootCount: number };

export interface LorawanUplinkOptions {
  ueid: Uint8Array;
  ciphers: SymmetricCrypto;
  /** Batches of this profile go as compact tokens; without one all goes whole. */
  profile?: Profile;
  /** Makes them; others may use it as well. Its own by default. */
  coder?: CompactCoder;
  /** False: no answers are expected, and what is out counts as sent. */
  downlinks?: boolean;
  /** How often the network is asked for the time. */
  timeRefreshMs?: number;
}

/** Any of the commands that say no more than a token's number. */
export interface AboutToken {
  kind: "acknowledged" | "notDelivered" | "sent" | "readToken";
  seq: number;
}
