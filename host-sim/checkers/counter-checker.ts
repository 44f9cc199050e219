/**
 * Is anything used twice that may be used once only? It sees what devices send, in the clear of `AirSessions`, and keeps every DevNonce (TS001-1.0.4
 * 6.2.5) and every pair of session key and FCntUp (4.3.1.5) with the frame that used it. The same bytes again are a repeat (NbTrans), not a reuse.
 */
import type { AirFrame } from "./air-sessions.ts";

export class CounterChecker {
  /** What was wrong, in words. */
  readonly violations: string[] = [];
  joinRequests = 0;
  /** Different data frames, and repeats of one. */
  uplinks = 0;
  repeats = 0;
  #nonces = new Map<string, Set<number>>();
  #counters = new Map<string, Map<number, Uint8Array>>();

  /** A frame that a device sent; `bytes` as they were in the air. */
  sent(frame: AirFrame, bytes: Uint8Array): void {
    if (frame.kind === "join-request") this.#joinRequest(frame);
    else if (frame.kind === "up") this.#uplink(frame, bytes);
  }

  /** A frame that a device sent under no key that was ever agreed upon. */
  unreadable(bytes: Uint8Array): void {
    this.violations.push(`a frame of ${bytes.length} bytes under keys that no join gave`);
  }

  /** Counters that were left out, by session key: the highest one, and how many below it were never used. */
  skipped(): { key: string; highest: number; skipped: number }[] {
    return [...this.#counters].map(([key, used]) => {
      let highest = -1;
      for (const fCnt of used.keys()) highest = Math.max(highest, fCnt);
      return { key, highest, skipped: highest + 1 - used.size };
    });
  }

  #joinRequest({ devEui, devNonce }: AirFrame): void {
    this.joinRequests++;
    const used = this.#nonces.get(devEui) ?? new Set();
    this.#nonces.set(devEui, used);
    if (used.has(devNonce)) this.violations.push(`${devEui}: DevNonce ${devNonce} twice`);
    used.add(devNonce);
  }

  #uplink({ devEui, session, fCnt }: AirFrame, bytes: Uint8Array): void {
    const { key } = session!;
    const used = this.#counters.get(key) ?? new Map<number, Uint8Array>();
    this.#counters.set(key, used);
    const before = used.get(fCnt);
    if (before === undefined) {
      used.set(fCnt, bytes.slice());
      this.uplinks++;
    } else if (before.length === bytes.length && before.every((byte, i) => byte === bytes[i])) {
      this.repeats++;
    } else {
      this.violations.push(`${devEui}: FCntUp ${fCnt} twice under one key, with different contents`);
    }
  }
}
