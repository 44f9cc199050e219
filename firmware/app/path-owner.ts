/** What the application does with what its paths tell: acknowledgements for the outbox, time for the clock, tokens for whoever asks. */
import type { Log } from "../ports/log.ts";
import type { Attestation } from "./attestation.ts";
import type { Machines } from "./machines.ts";
import type { NodeObserver } from "./node-ports.ts";
import type { TokenStore } from "./token-store.ts";
import type { PathOwner } from "./uplink-path.ts";

/** `machines` gives those that are in use now. */
export function createPathOwner(
  tokens: TokenStore,
  attestation: Attestation,
  machines: () => Machines,
  log: Log,
  observer: NodeObserver | undefined,
): PathOwner {
  return {
    token: tokens.token,
    readToken: (seq) => tokens.read(seq),
    acknowledged: (seq, nowMs) => {
      const { outbox, attester } = machines();
      attester.handle({ kind: "acknowledged", seq }, nowMs);
      outbox.handle({ kind: "acknowledged", seq }, nowMs);
      tokens.run(outbox, nowMs);
    },
    notDelivered: (seq, nowMs) => {
      const { outbox } = machines();
      outbox.handle({ kind: "notDelivered", seq }, nowMs);
      tokens.run(outbox, nowMs);
    },
    sent: (seq, nowMs) => {
      const { outbox } = machines();
      outbox.handle({ kind: "sent", seq }, nowMs);
      tokens.run(outbox, nowMs);
    },
    wallS: (nowMs) => {
      const { offsetMs } = machines().time;
      return offsetMs === undefined ? 0 : Math.floor((nowMs + offsetMs) / 1000);
    },
    timeTold: (source, unixMs, atMs, uncertaintyMs, nowMs) => {
      const { time, sampler } = machines();
      if (!time.learn(source, unixMs, atMs, uncertaintyMs)) return;
      sampler.handle({ kind: "clock", wallOffsetMs: time.offsetMs as number }, nowMs);
    },
    joined: (devAddr) => {
      log.write("info", "lorawan", `joined as ${devAddr.toString(16)}`);
      observer?.onJoined?.(devAddr);
    },
    challenged: (nonce, length, nowMs) => attestation.takeChallenge(machines(), nonce, length, nowMs),
    bootRequested: (_bootCount, nowMs) => attestation.takeBootRequest(machines(), nowMs),
  };
}
