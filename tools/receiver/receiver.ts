/**
 * The receiver: stands behind a LoRaWAN network server's MQTT integration, a plain MQTT broker or a base node, in the field and in a
 * simulation alike.
 *
 *   event, base node's frame -> reassemble --+
 *   MQTT message ---------------------------+-> parse -> known number? -> verify -> store -> account, hand on, acknowledge
 *                                                 | same token: acknowledge again
 *                                                 | another token: refuse
 *
 * It is handed events and the time, does no IO, and keeps what it must not forget in the store. It names the reason for every refusal. What
 * one node can make it keep is bounded: one reassembly a rule, MAX_PENDING tokens on their way into the store, and its gap account.
 */
import {
  CONTROL_FPORT,
  LORAWAN_TAG_BYTES,
  MQTT_TAG_BYTES,
  type TagBytes,
} from "../../firmware/wire/control-message.ts";
import { type Claims, parseToken } from "../../firmware/wire/eat-token.ts";
import { TOKEN_FPORT } from "../../firmware/wire/schc-fragment.ts";
import { endOfSession, finalAcknowledgement } from "./acknowledgement.ts";
import { chirpstackDownlink, type OtherEvent, parseChirpstackEvent, type RefusedEvent } from "./chirpstack-source.ts";
import type { ReceiverCrypto } from "./crypto.ts";
import { type AccountCounters, GapAccount, type GapSummary } from "./gap-account.ts";
import { bytesToHex, equalBytes } from "./hex.ts";
import type { NodeRecord } from "./node-registry.ts";
import { P2pSource } from "./p2p-source.ts";
import { readingOf, type VerifiedReading } from "./reading-output.ts";
import { Reassembler } from "./reassembler.ts";
import type { AcceptedToken, ReceiverStore } from "./store.ts";
import { refusalOf } from "./token-verifier.ts";
import { parseTtsMessage, ttsDownlink } from "./tts-source.ts";

/** A node that this receiver is responsible for. */
export interface ReceiverNode {
  record: NodeRecord;
  /** AES-128 key shared with the node. Without it tokens are verified but never acknowledged, and nothing comes in point to point. */
  receiverKey?: Uint8Array;
}

/** Something that was not accepted, and why. */
export interface Refused {
  /** undefined where not even the node is known. */
  devEui: string | undefined;
  reason: string;
}

/** Where results go. A token is handed on once, after its commit; then its readings, in order. */
export interface ReceiverOutput {
  onToken?(token: AcceptedToken, claims: Claims): void;
  onReading?(reading: VerifiedReading): void;
  onRefused?(refused: Refused): void;
  /** To be published on the broker: JSON text for a network server, bytes for a node on MQTT and for a base node. */
  onDownlink?(topic: string, body: string | Uint8Array): void;
}

export interface ReceiverOptions {
  nodes: readonly ReceiverNode[];
  crypto: ReceiverCrypto;
  store: ReceiverStore;
  output: ReceiverOutput;
}

/** How wrong the receiver's own clock may be when it tells a node the time: 2^7 ms. NTP over the internet stays well below. */
const CLOCK_EXPONENT = 7;

/** Tokens of one node on their way into the store: an hour of backlog at a token a minute. */
export const MAX_PENDING = 64;

/** How whoever handed a token in is answered; exactly one of the two is called, at once or after the store's commit. */
export interface TokenAnswer {
  /** Committed, now or before. `control` is the final acknowledgement, undefined without a key shared with the node. */
  accepted(control: Uint8Array | undefined): void;
  /** `forGood`: the same bytes will never be accepted; otherwise they may be handed in again. */
  refused(reason: string, forGood: boolean): void;
}

interface NodeState {
  node: ReceiverNode;
  account: GapAccount;
  /** By FPort, which is the SCHC rule. */
  reassemblers: Map<number, Reassembler>;
  /** Digests of the tokens handed to the store and not committed yet, by seq. */
  pending: Map<number, Uint8Array>;
  /** Its counters have changed since `changedAccounts` was last asked. */
  changed: boolean;
}

export class Receiver {
  #nodes = new Map<string, NodeState>();
  #p2p: P2pSource;
  #crypto: ReceiverCrypto;
  #store: ReceiverStore;
  #output: ReceiverOutput;
  #ignored = new Map<string, number>();
  /** No reassembly expires before this. */
  #wakeAtMs: number | undefined;
  #changed: NodeState[] = [];

  constructor(options: ReceiverOptions) {
    this.#crypto = options.crypto;
    this.#store = options.store;
    this.#output = options.output;
    this.#p2p = new P2pSource(options.crypto.cmac);
    for (const node of options.nodes) this.addNode(node);
  }

  /** Makes a node known. One that was known before keeps its state and gets the new record and key. */
  addNode(node: ReceiverNode): void {
    const { devEui, ueid } = node.record;
    if (node.receiverKey !== undefined) this.#p2p.addNode(devEui, ueid, node.receiverKey);
    const known = this.#nodes.get(devEui);
    if (known !== undefined) {
      known.node = node;
      return;
    }
    const account = new GapAccount(this.#store.acceptedRanges(devEui), this.#store.countersOf?.(devEui));
    this.#nodes.set(devEui, { node, account, reassemblers: new Map(), pending: new Map(), changed: false });
  }

  /** A message of ChirpStack's MQTT integration. */
  handleChirpstackEvent(topic: string, json: string, nowUnixMs: number): void {
    const event = parseChirpstackEvent(topic, json);
    if (event.kind !== "uplink") {
      this.#notForUs(event);
      return;
    }
    const { devEui, fPort, payload, application } = event;
    this.#handleUplink(devEui, fPort, payload, nowUnixMs, (port, bytes) => {
      const message = chirpstackDownlink(application, devEui, port, bytes);
      this.#output.onDownlink?.(message.topic, message.json);
    });
  }

  /** A message of The Things Stack's MQTT integration. */
  handleTtsMessage(topic: string, json: string, nowUnixMs: number): void {
    const event = parseTtsMessage(topic, json);
    if (event.kind !== "uplink") {
      this.#notForUs(event);
      return;
    }
    const { devEui, fPort, payload, application, device } = event;
    this.#handleUplink(devEui, fPort, payload, nowUnixMs, (port, bytes) => {
      const message = ttsDownlink(application, device, port, bytes);
      this.#output.onDownlink?.(message.topic, message.json);
    });
  }

  /** A message of a node on plain MQTT: `groundtruth/{devEui}/token`, the token's bytes. */
  handleMqttToken(topic: string, payload: Uint8Array, nowUnixMs: number): void {
    const parts = topic.length > 64 ? [] : topic.split("/");
    if (parts.length !== 3 || parts[0] !== "groundtruth" || parts[2] !== "token") {
      this.#refuse(undefined, "topic-unknown");
      return;
    }
    const devEui = parts[1].toLowerCase();
    this.handleToken(devEui, payload, nowUnixMs, {
      accepted: (control) => {
        if (control !== undefined) this.#output.onDownlink?.(`groundtruth/${devEui}/control`, control);
      },
      refused: () => {},
    });
  }

  /** The bytes of one token of a node, however they came. The receiver keeps `token`. */
  handleToken(devEui: string, token: Uint8Array, nowUnixMs: number, answer: TokenAnswer): void {
    const state = this.#nodes.get(devEui);
    if (state !== undefined) {
      this.#handleToken(state, token, nowUnixMs, answer, MQTT_TAG_BYTES);
      return;
    }
    this.#refuse(devEui, "node-unknown");
    answer.refused("node-unknown", false);
  }

  /** A frame that a base node heard: `groundtruth/p2p/{base}/up` (p2p-source.ts). */
  handleP2pFrame(topic: string, bytes: Uint8Array, nowUnixMs: number): void {
    const uplink = this.#p2p.take(topic, bytes);
    if (uplink.kind === "refused") {
      this.#refuse(uplink.devEui, uplink.reason);
      return;
    }
    if (uplink.kind === "repeated") {
      this.#ignored.set("p2p-repeated", (this.#ignored.get("p2p-repeated") ?? 0) + 1);
      return;
    }
    const { answerTopic, asksTime, port, payload } = uplink;
    const answer = (toPort: number, content: Uint8Array, withTime: boolean): void => {
      const frame = this.#p2p.answer(uplink, toPort, content, withTime ? nowUnixMs : undefined, CLOCK_EXPONENT);
      this.#output.onDownlink?.(answerTopic, frame);
    };
    // The node has one window for the frame: what is known at once goes into one answer, with the time. A store that is slow answers later.
    let isAnswered = false;
    let isNow = true;
    if (port === TOKEN_FPORT) {
      this.#handleFragment(this.#nodes.get(uplink.devEui)!, port, payload, nowUnixMs, (toPort, content) => {
        answer(toPort, content, asksTime && isNow && !isAnswered);
        isAnswered = true;
      });
    } else if (port !== 0) {
      this.#refuse(uplink.devEui, "port-unknown");
    }
    isNow = false;
    if (asksTime && !isAnswered) answer(0, new Uint8Array(0), true);
  }

  /** Lets reassemblies expire. */
  handleTimeout(nowUnixMs: number): void {
    this.#wakeAtMs = undefined;
    for (const state of this.#nodes.values()) {
      for (const reassembler of state.reassemblers.values()) {
        reassembler.handleTimeout(nowUnixMs);
        for (let command = reassembler.pollCommand(); command !== undefined; command = reassembler.pollCommand()) {
          if (command.kind === "dropped") this.#refuse(state.node.record.devEui, command.reason);
        }
        this.#wakeNoLaterThan(reassembler.pollTimeout());
      }
    }
  }

  /** When it wants to be woken next, in Unix milliseconds; it may then turn out to be too early. */
  pollTimeout(): number | undefined {
    return this.#wakeAtMs;
  }

  /** The account of one node's tokens. */
  account(devEui: string): GapSummary | undefined {
    return this.#nodes.get(devEui)?.account.summary();
  }

  /** Events that were none of ours, counted by name. */
  get ignoredEvents(): ReadonlyMap<string, number> {
    return this.#ignored;
  }

  /** Counters that changed since this was last asked, for the store to keep. */
  changedAccounts(): { devEui: string; counters: AccountCounters }[] {
    const changed = this.#changed.map((state) => {
      state.changed = false;
      return { devEui: state.node.record.devEui, counters: state.account.counters() };
    });
    this.#changed = [];
    return changed;
  }

  /** Nodes by DevEUI. */
  devEuis(): IterableIterator<string> {
    return this.#nodes.keys();
  }

  #notForUs(event: OtherEvent | RefusedEvent): void {
    if (event.kind === "refused") this.#refuse(event.devEui, event.reason);
    else this.#ignored.set(event.name, (this.#ignored.get(event.name) ?? 0) + 1);
  }

  /** A LoRaWAN frame of a node; `down` answers it. */
  #handleUplink(
    devEui: string,
    fPort: number,
    payload: Uint8Array,
    nowUnixMs: number,
    down: (port: number, bytes: Uint8Array) => void,
  ): void {
    const state = this.#nodes.get(devEui);
    if (state === undefined) this.#refuse(devEui, "node-unknown");
    else if (fPort !== TOKEN_FPORT) this.#refuse(devEui, "port-unknown");
    else this.#handleFragment(state, fPort, payload, nowUnixMs, down);
  }

  #handleFragment(
    state: NodeState,
    port: number,
    frame: Uint8Array,
    nowUnixMs: number,
    down: (port: number, bytes: Uint8Array) => void,
  ): void {
    let reassembler = state.reassemblers.get(port);
    if (reassembler === undefined) {
      reassembler = new Reassembler();
      state.reassemblers.set(port, reassembler);
    }
    reassembler.handle(frame, nowUnixMs);
    for (let command = reassembler.pollCommand(); command !== undefined; command = reassembler.pollCommand()) {
      if (command.kind === "dropped") {
        this.#refuse(state.node.record.devEui, command.reason);
      } else if (command.kind === "reply") {
        down(port, command.frame);
      } else {
        const { window } = command;
        const answer: TokenAnswer = {
          // The final acknowledgement says all that the end of a fragmentation session would: one downlink does for both.
          accepted: (control) =>
            control === undefined ? down(port, endOfSession(false, window)) : down(CONTROL_FPORT, control),
          refused: (_reason, forGood) => {
            if (forGood) down(port, endOfSession(true, window));
          },
        };
        this.#handleToken(state, command.bytes.slice(), nowUnixMs, answer, LORAWAN_TAG_BYTES);
      }
    }
    this.#wakeNoLaterThan(reassembler.pollTimeout());
  }

  #handleToken(state: NodeState, bytes: Uint8Array, nowUnixMs: number, answer: TokenAnswer, tagBytes: TagBytes): void {
    const { record } = state.node;
    const refuse = (reason: string, forGood: boolean): void => {
      this.#refuse(record.devEui, reason);
      answer.refused(reason, forGood);
    };
    const token = parseToken(bytes);
    if (!token.ok) {
      refuse(token.reason, true);
      return;
    }
    const { seq } = token.claims;
    const digest = this.#crypto.sha256(bytes);
    const committed = this.#store.digestOf(record.devEui, seq);
    const known = committed ?? state.pending.get(seq);
    if (known !== undefined && equalBytes(known, digest)) {
      state.account.duplicates++;
      this.#noteChange(state);
      if (committed !== undefined) this.#accept(state, seq, answer, tagBytes);
      // Whoever handed it in first is told after the commit; the node hears of it from there.
      else answer.refused("commit-under-way", false);
      return;
    }
    const reason =
      refusalOf(token, record, this.#crypto, nowUnixMs) ?? (known === undefined ? undefined : "seq-reused");
    if (reason !== undefined) {
      refuse(reason, true);
      return;
    }
    if (state.pending.size >= MAX_PENDING) this.#store.flush?.();
    if (state.pending.size >= MAX_PENDING) {
      refuse("store-busy", false);
      return;
    }
    const entry = { devEui: record.devEui, seq, digest, token: bytes, receivedUnixMs: nowUnixMs };
    this.#commit(state, entry, token.claims, answer, tagBytes);
  }

  #commit(state: NodeState, entry: AcceptedToken, claims: Claims, answer: TokenAnswer, tagBytes: TagBytes): void {
    state.pending.set(entry.seq, entry.digest);
    this.#store.commit(entry, (failure) => {
      state.pending.delete(entry.seq);
      if (failure !== undefined) {
        // No acknowledgement: the node keeps the token and sends it again.
        this.#refuse(entry.devEui, `store-failed: ${failure}`);
        answer.refused("store-failed", false);
        return;
      }
      state.account.accept(entry.seq);
      this.#noteChange(state);
      this.#handOn(entry, claims);
      this.#accept(state, entry.seq, answer, tagBytes);
    });
  }

  #handOn(entry: AcceptedToken, claims: Claims): void {
    this.#output.onToken?.(entry, claims);
    if (this.#output.onReading === undefined) return;
    const digestHex = bytesToHex(entry.digest);
    for (let i = 0; i < claims.count; i++) this.#output.onReading(readingOf(claims, i, entry.devEui, digestHex));
  }

  #accept(state: NodeState, seq: number, answer: TokenAnswer, tagBytes: TagBytes): void {
    const { record, receiverKey } = state.node;
    answer.accepted(receiverKey && finalAcknowledgement(record.ueid, seq, receiverKey, tagBytes, this.#crypto.cmac));
  }

  #noteChange(state: NodeState): void {
    if (!state.changed) this.#changed.push(state);
    state.changed = true;
  }

  #refuse(devEui: string | undefined, reason: string): void {
    const state = devEui === undefined ? undefined : this.#nodes.get(devEui);
    if (state !== undefined) {
      state.account.refused++;
      this.#noteChange(state);
    }
    this.#output.onRefused?.({ devEui, reason });
  }

  #wakeNoLaterThan(atMs: number | undefined): void {
    if (atMs !== undefined && (this.#wakeAtMs === undefined || atMs < this.#wakeAtMs)) this.#wakeAtMs = atMs;
  }
}
