/**
 * What happens to a token once its bytes are together, whatever brought them:
 *
 *   whole    -> parse ------------------------+-> known number? -> verify -> store -> account, statements, hand on, acknowledge
 *   compact  -> known signature? -> expand ---+        | same token: acknowledge again
 *                    |                 |               | another token: refuse
 *   acknowledge again+      not yet: park, ask for the boot token; tried again when something becomes known of the node
 *
 * The reason for every refusal is named. What one node can make it keep is bounded: MAX_PENDING tokens on their way into the store, and what
 * parking.ts and node-state.ts say.
 */
import { MQTT_TAG_BYTES, type TagBytes } from "../../firmware/wire/control-message.ts";
import { SIGNATURE_BYTES } from "../../firmware/wire/cose-sign1.ts";
import { type Claims, parseToken, type TokenClaims } from "../../firmware/wire/eat-token.ts";
import type { Challenge, Challenges } from "./challenges.ts";
import { CompactExpander } from "./compact-expander.ts";
import { bootRequest, finalAcknowledgement, HISTORY_BYTES, historyAcknowledgement } from "./control-writer.ts";
import type { ReceiverCrypto } from "./crypto.ts";
import { DIGEST_STATE } from "./digest-checks.ts";
import { bytesToHex, equalBytes } from "./hex.ts";
import { verifyingKey } from "./node-registry.ts";
import type { NodeState, Route } from "./node-state.ts";
import { type Dropped, MAX_TRIES, type Parked, Parking } from "./parking.ts";
import { type Placement, placementsAt } from "./placements.ts";
import { readingOf, type VerifiedReading } from "./reading-output.ts";
import { type AcceptedToken, type DigestOutcome, type ReceiverStore, storedKind } from "./store.ts";
import { checkTime, mayComeRight, refusalOf } from "./token-verifier.ts";

/** Tokens of one node on their way into the store: an hour of backlog at a token a minute. */
export const MAX_PENDING = 64;
/** A boot token is asked for once an hour at most: downlinks are what a gateway has least of. */
export const BOOT_REQUEST_MS = 3_600_000;
/** Where its batches are verified all the same, once a day: in a backlog it may be the last to come. */
export const BOOT_MISSED_MS = 86_400_000;

/** Tokens before and behind a token that its acknowledgement over LoRa speaks of: a node may have gone on without having heard of them. */
const HISTORY = 8;

/**
 * How whoever handed a token in is answered: exactly one of the two is called, at once or after the store's commit. Neither for a token that is
 * parked (`mayWait`), then or later.
 */
export interface TokenAnswer {
  /** Committed, now or before. `control` is the final acknowledgement, undefined without a key shared with the node. */
  accepted(control: Uint8Array | undefined): void;
  /** `forGood`: the same bytes will never be accepted; otherwise they may be handed in again. */
  refused(reason: string, forGood: boolean): void;
}

/** What comes of it; see `ReceiverOutput`. */
export interface IntakeOutput {
  onToken?(token: AcceptedToken, claims: TokenClaims): void;
  onReading?(reading: VerifiedReading): void;
  onPlaced?(placement: Placement): void;
  onDigest?(outcome: DigestOutcome): void;
  onChallenge?(devEui: string, challenge: Challenge): void;
}

export interface IntakeOptions {
  crypto: ReceiverCrypto;
  store: ReceiverStore;
  output: IntakeOutput;
  challenges: Challenges;
  /** Counts a refusal, and says so. */
  refuse(devEui: string, reason: string): void;
  /** Counters of a node have changed. */
  changed(state: NodeState): void;
}

/** A token as it came in. */
export interface Incoming {
  bytes: Uint8Array;
  /** A compact token, FPorts 20 and 30. */
  compact: boolean;
  receivedUnixMs: number;
  tagBytes: TagBytes;
  answer: TokenAnswer;
  /** How the node was heard, where a control message can go that way. */
  route: Route | undefined;
  /** Whether it may be parked: not where whoever brought it waits for an answer, nor where bringing it again costs no airtime. */
  mayWait: boolean;
}

const NO_ANSWER: TokenAnswer = Object.freeze({ accepted: () => {}, refused: () => {} });

const NO_ANSWERS = new Uint8Array(0);

interface Waiting extends Incoming {
  /** The next number expected when it came. */
  nextSeq: number;
}

export class TokenIntake {
  readonly parking = new Parking<Waiting>();
  /** Compact tokens accepted, and signatures checked for compact tokens. */
  readonly counters = { compactTokens: 0, compactChecks: 0, bootRequests: 0 };
  readonly #options: IntakeOptions;
  readonly #expander: CompactExpander;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#expander = new CompactExpander(options.crypto);
  }

  /** The intake keeps `incoming.bytes`. */
  take(state: NodeState, incoming: Incoming): void {
    if (incoming.compact) this.#takeCompact(state, { ...incoming, nextSeq: state.account.next }, 0);
    else this.#takeWhole(state, incoming, 0);
  }

  /** Lets go of what has waited too long. */
  handleTimeout(nowUnixMs: number): void {
    this.#letGo(this.parking.expire(nowUnixMs));
  }

  #takeWhole(state: NodeState, incoming: Incoming, tries: number): void {
    const { bytes, receivedUnixMs, answer } = incoming;
    const token = parseToken(bytes);
    if (!token.ok) {
      this.#refuse(state, answer, token.reason, true);
      return;
    }
    const { claims } = token;
    const digest = this.#options.crypto.sha256(bytes);
    const known = state.digestOf(claims.seq);
    if (known !== undefined && equalBytes(known, digest)) {
      this.#again(state, claims.seq, incoming);
      return;
    }
    const { record } = state.node;
    const reason =
      refusalOf(token, record, state.keys, this.#options.crypto, receivedUnixMs) ??
      this.#checkProfile(state, claims) ??
      (known === undefined ? undefined : "seq-reused");
    if (reason === undefined) this.#commit(state, bytes, digest, claims, incoming);
    else if (!mayComeRight(reason)) this.#refuse(state, answer, reason, true);
    else {
      if (reason === "profile-not-announced") this.#askForBoot(state, claims.bootCount, incoming);
      this.#notYet(state, { ...incoming, nextSeq: 0 }, reason, tries);
    }
  }

  #takeCompact(state: NodeState, waiting: Waiting, tries: number): void {
    const { bytes, receivedUnixMs, nextSeq, answer } = waiting;
    if (tries === 0 && this.parking.holds(state.devEui, bytes)) return; // nothing new: it is tried again when there is
    const signature = bytes.subarray(bytes.length - SIGNATURE_BYTES);
    const recognised = state.recognise(signature);
    if (recognised !== undefined) {
      this.#again(state, recognised, waiting);
      return;
    }
    const expansion = this.#expander.expand(
      { bytes, receivedUnixMs, nextSeq },
      {
        record: state.node.record,
        keys: state.keys,
        contexts: state.contexts,
        olderBoot: (bootCount) => state.announcedIn(bootCount),
        digestOf: (seq) => state.digestOf(seq),
        nextSeq: state.account.next,
      },
    );
    this.counters.compactChecks += expansion.checks;
    if (expansion.kind === "known") {
      if (!state.pending.has(expansion.seq)) state.remember(signature.slice(), expansion.seq);
      this.#again(state, expansion.seq, waiting);
      return;
    }
    if (expansion.kind === "none") {
      const { reason, forGood, unknownBoot } = expansion;
      if (unknownBoot !== undefined) this.#askForBoot(state, unknownBoot, waiting);
      if (forGood) this.#refuse(state, answer, reason, true);
      else this.#notYet(state, waiting, reason, tries);
      return;
    }
    const { token, digest, claims } = expansion;
    const reason =
      checkTime(claims, receivedUnixMs) ??
      this.#checkProfile(state, claims) ??
      (state.digestOf(claims.seq) === undefined ? undefined : "seq-reused");
    if (reason === undefined) {
      this.counters.compactTokens++;
      this.#commit(state, token, digest, claims, waiting, signature.slice());
    } else if (reason === "profile-not-announced") {
      this.#askForBoot(state, claims.bootCount, waiting);
      this.#notYet(state, waiting, reason, tries);
    } else {
      this.#refuse(state, answer, reason, true);
    }
  }

  /** A profile other than the identity's must have been announced by a boot token of the same boot. */
  #checkProfile(state: NodeState, claims: TokenClaims): string | undefined {
    if (claims.kind !== "batch" || claims.profile.uri === state.node.record.profile) return undefined;
    const known = state.contexts.of(claims.bootCount).filter(({ announced }) => announced);
    const boots = known.length > 0 ? known : state.announcedIn(claims.bootCount);
    return boots.some(({ profile }) => profile === claims.profile) ? undefined : "profile-not-announced";
  }

  /** A token that was accepted before: the node missed the acknowledgement. */
  #again(state: NodeState, seq: number, { answer, tagBytes }: Incoming): void {
    state.account.duplicates++;
    this.#options.changed(state);
    // Whoever handed it in first is told after the commit; the node hears of it from there.
    if (state.pending.has(seq)) answer.refused("commit-under-way", false);
    else this.#accept(state, seq, answer, tagBytes);
  }

  #commit(
    state: NodeState,
    bytes: Uint8Array,
    digest: Uint8Array,
    claims: TokenClaims,
    incoming: Incoming,
    compactSignature?: Uint8Array,
  ): void {
    const { store, crypto } = this.#options;
    const { receivedUnixMs, answer, tagBytes } = incoming;
    if (state.pending.size >= MAX_PENDING) store.flush?.();
    if (state.pending.size >= MAX_PENDING) {
      this.#refuse(state, answer, "store-busy", false);
      return;
    }
    const { seq, bootCount } = claims;
    const kind = storedKind(claims);
    const entry: AcceptedToken = { devEui: state.devEui, seq, kind, bootCount, digest, token: bytes, receivedUnixMs };
    // Known from here on, so that tokens of the new key right behind it find it; when the commit fails, the node sends it again.
    if (claims.kind === "key") state.keys.rotate(seq, verifyingKey(claims.newKey, crypto.sha256));
    state.pending.set(seq, digest);
    store.commit(entry, (failure) => {
      state.pending.delete(seq);
      if (failure !== undefined) {
        // No acknowledgement: the node keeps the token and sends it again.
        this.#options.refuse(state.devEui, `store-failed: ${failure}`);
        answer.refused("store-failed", false);
        return;
      }
      state.account.accept(seq);
      this.#options.changed(state);
      if (compactSignature !== undefined) state.remember(compactSignature, seq);
      this.#handOn(state, entry, claims);
      // What this makes good goes into the same answer.
      this.#learn(state, entry, claims, incoming);
      this.#accept(state, seq, answer, tagBytes);
    });
  }

  #handOn(state: NodeState, entry: AcceptedToken, claims: TokenClaims): void {
    const { output, store, challenges } = this.#options;
    output.onToken?.(entry, claims);
    if (claims.kind === "batch" && output.onReading !== undefined) {
      const digestHex = bytesToHex(entry.digest);
      for (let i = 0; i < claims.count; i++) output.onReading(readingOf(claims, i, entry.devEui, digestHex));
    }
    if (output.onPlaced !== undefined)
      for (const placement of placementsAt(entry, claims, store)) output.onPlaced(placement);
    if (claims.kind !== "anchor" || claims.nonce === undefined) return;
    const challenge = challenges.answered(state.devEui, claims, entry.receivedUnixMs);
    if (challenge !== undefined) output.onChallenge?.(state.devEui, challenge);
  }

  /** What an accepted token makes known of its node; what waited for that is tried again. */
  #learn(state: NodeState, { seq, devEui, token }: AcceptedToken, claims: TokenClaims, incoming: Incoming): void {
    const { crypto, output } = this.#options;
    const { digests } = state;
    if (digests.isWaiting) {
      for (const outcome of digests.accepted(seq, state.digestsHeld, crypto.sha256)) {
        output.onDigest?.({ devEui, ...outcome });
      }
    }
    if (claims.kind === "digest") {
      const outcome = digests.add(claims, state.digestsHeld, crypto.sha256);
      if (outcome !== DIGEST_STATE.incomplete) output.onDigest?.({ devEui, seq, state: outcome });
      return;
    }
    if (claims.kind === "batch") this.#learnBatch(state, claims, incoming);
    else if (claims.kind === "boot") state.contextsInUse?.addBoot(claims);
    if (this.parking.sizeOf(devEui) === 0) return;
    this.parking.remove(devEui, token.subarray(token.length - SIGNATURE_BYTES));
    if (claims.kind === "anchor") return;
    for (const parked of this.parking.take(devEui)) this.#retry(state, parked);
  }

  /** A boot token that has not come for long will not: of the boot that runs there can be another. */
  #learnBatch(state: NodeState, claims: Claims, incoming: Incoming): void {
    const { contextsInUse } = state;
    if (contextsInUse === undefined) return;
    contextsInUse.addBatch(claims);
    const { bootCount } = claims;
    if (bootCount !== contextsInUse.latestBoot || contextsInUse.of(bootCount).some(({ announced }) => announced))
      return;
    const { receivedUnixMs } = incoming;
    if (state.unannounced?.bootCount !== bootCount) state.unannounced = { bootCount, sinceMs: receivedUnixMs };
    if (receivedUnixMs - state.unannounced.sinceMs < BOOT_MISSED_MS) return;
    state.unannounced.sinceMs = receivedUnixMs;
    this.#askForBoot(state, bootCount, incoming);
  }

  /** Not answered by itself: the node has gone on, and the next acknowledgement tells it (see HISTORY). One downlink an uplink is what there is. */
  #retry(state: NodeState, parked: Parked<Waiting>): void {
    const { tries } = parked;
    const item = { ...parked.item, answer: NO_ANSWER };
    if (item.compact) this.#takeCompact(state, item, tries + 1);
    else this.#takeWhole(state, item, tries + 1);
  }

  /** Something unknown may make it good later. Parked, the node is not answered: it keeps the token, and sends it again in its own time. */
  #notYet(state: NodeState, item: Waiting, reason: string, tries: number): void {
    if (!item.mayWait || tries >= MAX_TRIES) {
      this.#refuse(state, item.answer, reason, false);
      return;
    }
    const { bytes, receivedUnixMs } = item;
    const signature = bytes.slice(bytes.length - SIGNATURE_BYTES);
    this.#letGo(this.parking.park({ devEui: state.devEui, signature, reason, receivedUnixMs, tries, item }));
  }

  #letGo(dropped: readonly Dropped[]): void {
    for (const { devEui, reason } of dropped) this.#options.refuse(devEui, reason);
  }

  #askForBoot(state: NodeState, bootCount: number, { route, receivedUnixMs }: Incoming): void {
    const { record, receiverKey } = state.node;
    if (route === undefined || receiverKey === undefined) return;
    if (receivedUnixMs - state.bootAskedMs < BOOT_REQUEST_MS) return;
    state.bootAskedMs = receivedUnixMs;
    this.counters.bootRequests++;
    route.control(bootRequest(record.ueid, bootCount, receiverKey, route.tagBytes, this.#options.crypto.cmac));
  }

  #accept(state: NodeState, seq: number, answer: TokenAnswer, tagBytes: TagBytes): void {
    const { record, receiverKey } = state.node;
    const { cmac } = this.#options.crypto;
    if (receiverKey === undefined) answer.accepted(undefined);
    else if (tagBytes === MQTT_TAG_BYTES)
      answer.accepted(finalAcknowledgement(record.ueid, seq, receiverKey, tagBytes, cmac));
    else answer.accepted(historyAcknowledgement(record.ueid, this.#history(state, seq), receiverKey, tagBytes, cmac));
  }

  /** The highest committed number from `seq` to HISTORY above it, and which of the HISTORY before that are committed too; what is missing of others. */
  #history(state: NodeState, seq: number): { seq: number; earlier: number; answers: Uint8Array } {
    const { store } = this.#options;
    const isCommitted = (number: number): boolean => number >= 0 && store.digestOf(state.devEui, number) !== undefined;
    let highest = Math.min(seq + HISTORY, Math.max(seq, state.account.next - 1));
    while (highest > seq && !isCommitted(highest)) highest--;
    let earlier = 0;
    for (let i = 0; i < HISTORY; i++) if (isCommitted(highest - 1 - i)) earlier |= 1 << i;
    return { seq: highest, earlier, answers: state.fragments?.missing(HISTORY_BYTES) ?? NO_ANSWERS };
  }

  #refuse(state: NodeState, answer: TokenAnswer, reason: string, forGood: boolean): void {
    this.#options.refuse(state.devEui, reason);
    answer.refused(reason, forGood);
  }
}
