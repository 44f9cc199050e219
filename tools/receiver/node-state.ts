/** What the receiver knows of one node, in memory; all of it follows from the node's files and the store. Bounded whatever the node sends. */
import type { TagBytes } from "../../firmware/wire/control-message.ts";
import { parseToken, type TokenClaims } from "../../firmware/wire/eat-token.ts";
import { type BootContext, BootContexts, MAX_BOOTS, MAX_NEIGHBOURS } from "./boot-contexts.ts";
import type { ReceiverCrypto } from "./crypto.ts";
import { DIGEST_STATE, DigestChecks, MAX_OPEN } from "./digest-checks.ts";
import { FragmentPorts } from "./fragment-ports.ts";
import { GapAccount } from "./gap-account.ts";
import { equalBytes } from "./hex.ts";
import { type KeyTimeline, MAX_ROTATIONS } from "./key-timeline.ts";
import { keysOf, type NodeRecord, verifyingKey } from "./node-registry.ts";
import { type AcceptedToken, type DigestOutcome, type ReceiverStore, STORED_KIND } from "./store.ts";

/** A node that this receiver is responsible for. */
export interface ReceiverNode {
  record: NodeRecord;
  /** AES-128 key shared with the node. Without it tokens are verified but never acknowledged, and nothing comes in point to point. */
  receiverKey?: Uint8Array;
}

/** The way that a node was heard by, and how control messages go back to it. */
export interface Route {
  tagBytes: TagBytes;
  /** Whether a message may be handed in at any time, to be kept for the node; otherwise only in answer to what was just heard. */
  anytime: boolean;
  control(message: Uint8Array): void;
}

/** Signatures of tokens that came compact and were accepted, by which they are known again: as many as a node repeats in a day. */
const MAX_RECOGNISED = 16;

interface Recognised {
  signature: Uint8Array;
  seq: number;
}

export class NodeState {
  node: ReceiverNode;
  readonly account: GapAccount;
  keys: KeyTimeline;
  readonly digests: DigestChecks;
  /** Digest tokens of which it came out only now, from the store, that the tokens held agree or do not. */
  readonly settledDigests: DigestOutcome[] = [];
  /** What came over LoRa, once something did. */
  fragments: FragmentPorts | undefined;
  /** Digests of the tokens handed to the store and not committed yet, by seq. */
  readonly pending = new Map<number, Uint8Array>();
  /** Its counters have changed since `changedAccounts` was last asked. */
  changed = false;
  /** When its boot token was last asked for. */
  bootAskedMs = Number.NEGATIVE_INFINITY;
  /** The latest boot, while no boot token told of it: since when, or since it was last asked for because of that. */
  unannounced: { bootCount: number; sinceMs: number } | undefined;
  /** As it was last heard. */
  route: Route | undefined;
  readonly #store: ReceiverStore;
  readonly #crypto: ReceiverCrypto;
  #contexts: BootContexts | undefined;
  #recognised: Recognised[] = [];

  constructor(node: ReceiverNode, store: ReceiverStore, crypto: ReceiverCrypto) {
    const { devEui } = node.record;
    this.node = node;
    this.#store = store;
    this.#crypto = crypto;
    this.account = new GapAccount(store.acceptedRanges(devEui), store.countersOf?.(devEui));
    this.keys = this.#readKeys();
    this.digests = this.#readDigests();
  }

  get devEui(): string {
    return this.node.record.devEui;
  }

  /** The node's files were read again. */
  renew(node: ReceiverNode): void {
    this.node = node;
    // A key token on its way into the store counts already.
    this.#store.flush?.();
    this.keys = this.#readKeys();
  }

  openFragments(): FragmentPorts {
    this.fragments ??= new FragmentPorts();
    return this.fragments;
  }

  /** What is known of its boots: read from the store when first asked for, since nodes that send whole tokens never need it. */
  get contexts(): BootContexts {
    this.#contexts ??= this.#readContexts();
    return this.#contexts;
  }

  /** The same if it was ever asked for: what it does not hold then it will read. */
  get contextsInUse(): BootContexts | undefined {
    return this.#contexts;
  }

  /** Boot tokens of a boot, from the store. */
  announcedIn(bootCount: number): BootContext[] {
    const found: BootContext[] = [];
    const query = { kind: STORED_KIND.boot, bootCount, limit: MAX_BOOTS };
    for (const { claims } of this.#parsed(this.#store.statements(this.devEui, query))) {
      if (claims.kind !== "boot") continue;
      const { ueid, oemid, hwmodel, dbgstat, profile } = claims;
      found.push({ bootCount, entity: { ueid, oemid, hwmodel, dbgstat }, profile, announced: true });
    }
    return found;
  }

  /** SHA-256 of the token with this number, committed or on its way. */
  digestOf(seq: number): Uint8Array | undefined {
    return this.#store.digestOf(this.devEui, seq) ?? this.pending.get(seq);
  }

  /** The number of an accepted token with this signature, if it came compact and lately. */
  recognise(signature: Uint8Array): number | undefined {
    return this.#recognised.find((known) => equalBytes(known.signature, signature))?.seq;
  }

  /** Notes a token that came compact, once it is committed. */
  remember(signature: Uint8Array, seq: number): void {
    this.#recognised.push({ signature, seq });
    if (this.#recognised.length > MAX_RECOGNISED) this.#recognised.shift();
  }

  digestsHeld = (firstSeq: number, lastSeq: number): Uint8Array[] =>
    this.#store.digests(this.devEui, firstSeq, lastSeq);

  #readKeys(): KeyTimeline {
    const keys = keysOf(this.node.record);
    const tokens = this.#store.statements(this.devEui, { kind: STORED_KIND.key, limit: MAX_ROTATIONS }).reverse();
    for (const { claims, kid, alg } of this.#parsed(tokens)) {
      if (claims.kind !== "key" || !keys.keyFor(claims.seq, kid, alg).ok) continue;
      keys.rotate(claims.seq, verifyingKey(claims.newKey, this.#crypto.sha256));
    }
    return keys;
  }

  #readContexts(): BootContexts {
    const contexts = new BootContexts();
    const boots = this.#store.statements(this.devEui, { kind: STORED_KIND.boot, limit: MAX_BOOTS }).reverse();
    for (const { claims } of this.#parsed(boots)) if (claims.kind === "boot") contexts.addBoot(claims);
    const last = this.#store.lastTokens(this.devEui, 2 * MAX_NEIGHBOURS).reverse();
    for (const { claims } of this.#parsed(last)) if (claims.kind === "batch") contexts.addBatch(claims);
    return contexts;
  }

  #readDigests(): DigestChecks {
    const { devEui } = this;
    const account = this.#store.digestAccount?.(devEui);
    const checks = new DigestChecks(account?.counts, account?.incomplete.length);
    const tokens = account?.incomplete ?? this.#store.statements(devEui, { kind: STORED_KIND.digest, limit: MAX_OPEN });
    for (const { claims } of this.#parsed(tokens)) {
      if (claims.kind !== "digest") continue;
      const state = checks.add(claims, this.digestsHeld, this.#crypto.sha256);
      if (state !== DIGEST_STATE.incomplete) this.settledDigests.push({ devEui, seq: claims.seq, state });
    }
    return checks;
  }

  /** What was accepted by an earlier version that knew another form says nothing to this one. */
  #parsed(tokens: readonly AcceptedToken[]): { claims: TokenClaims; kid: Uint8Array; alg: number }[] {
    return tokens.map(({ token }) => parseToken(token)).filter((token) => token.ok);
  }
}
