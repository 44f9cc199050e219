/**
 * Challenges: an operator asks a node to sign a nonce of his, which shows that the node with that key is there now and not a recording of it.
 *
 *      ask          +---------+   the node is heard, at most once in RETRY_MS   +------+   anchor with the nonce    +----------+
 *      -----------> | waiting | ----------------------------------------------> | sent | -------------------------> | answered |
 *                   +---------+ <---------------------------------------------- +------+                            +----------+
 *                        |            not answered: again, MAX_ATTEMPTS times       |
 *                        +------------------------- EXPIRY_MS ----------------------+--------> expired
 *
 * One challenge a node at a time, the last one asked; in memory only: after a restart ask again.
 */
import { LORAWAN_TAG_BYTES, MAX_LORAWAN_NONCE_BYTES, type TagBytes } from "../../firmware/wire/control-message.ts";
import type { AnchorClaims } from "../../firmware/wire/eat-token.ts";
import { MAX_NONCE_BYTES, MIN_NONCE_BYTES } from "../../firmware/wire/statements.ts";
import { equalBytes } from "./hex.ts";

/** Downlinks are what a gateway has least of. */
export const RETRY_MS = 3_600_000;
export const MAX_ATTEMPTS = 12;
/** A node that sends twice a day is heard often enough in a week. */
export const EXPIRY_MS = 7 * 86_400_000;

export interface Challenge {
  nonce: Uint8Array;
  state: "waiting" | "sent" | "answered" | "expired";
  askedUnixMs: number;
  attempts: number;
  /** When an attempt may be made next. */
  nextUnixMs: number;
  /** Once answered: when the answer came, and what it says. */
  answeredUnixMs?: number;
  answer?: Pick<AnchorClaims, "bootCount" | "uptimeS" | "wallS" | "timeQuality" | "seq">;
}

/** Why a nonce cannot be asked, or undefined. `tagBytes` of the transport that the node was last heard by, where it was. */
export function nonceRefusal(nonce: Uint8Array, tagBytes: TagBytes | undefined): string | undefined {
  if (nonce.length < MIN_NONCE_BYTES || nonce.length > MAX_NONCE_BYTES) return "nonce-length";
  return nonce.length > longestNonce(tagBytes) ? "nonce-too-long-for-lora" : undefined;
}

function longestNonce(tagBytes: TagBytes | undefined): number {
  return tagBytes === LORAWAN_TAG_BYTES ? MAX_LORAWAN_NONCE_BYTES : MAX_NONCE_BYTES;
}

export class Challenges {
  #byNode = new Map<string, Challenge>();

  /** Takes the place of what was asked before. */
  ask(devEui: string, nonce: Uint8Array, nowUnixMs: number): Challenge {
    const challenge: Challenge = {
      nonce,
      state: "waiting",
      askedUnixMs: nowUnixMs,
      attempts: 0,
      nextUnixMs: nowUnixMs,
    };
    this.#byNode.set(devEui, challenge);
    return challenge;
  }

  /** The last challenge of a node. */
  of(devEui: string): Challenge | undefined {
    return this.#byNode.get(devEui);
  }

  /** The nonce to be sent to a node that was just heard, or undefined. It counts as sent. */
  due(devEui: string, tagBytes: TagBytes, nowUnixMs: number): Uint8Array | undefined {
    const challenge = this.#byNode.get(devEui);
    if (challenge === undefined || challenge.state === "answered" || challenge.state === "expired") return undefined;
    const { nonce, askedUnixMs, attempts, nextUnixMs } = challenge;
    if (nowUnixMs - askedUnixMs > EXPIRY_MS || attempts >= MAX_ATTEMPTS) challenge.state = "expired";
    if (challenge.state === "expired" || nowUnixMs < nextUnixMs || nonce.length > longestNonce(tagBytes))
      return undefined;
    challenge.state = "sent";
    challenge.attempts++;
    challenge.nextUnixMs = nowUnixMs + RETRY_MS;
    return nonce;
  }

  /** An accepted anchor token with a nonce; returns the challenge that it answers. */
  answered(devEui: string, claims: AnchorClaims, nowUnixMs: number): Challenge | undefined {
    const challenge = this.#byNode.get(devEui);
    const { nonce, bootCount, uptimeS, wallS, timeQuality, seq } = claims;
    if (challenge === undefined || nonce === undefined || !equalBytes(challenge.nonce, nonce)) return undefined;
    if (challenge.state === "answered") return undefined;
    challenge.state = "answered";
    challenge.answeredUnixMs = nowUnixMs;
    challenge.answer = { bootCount, uptimeS, wallS, timeQuality, seq };
    return challenge;
  }
}
