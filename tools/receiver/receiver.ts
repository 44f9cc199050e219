/**
 * The receiver: stands behind a LoRaWAN network server's MQTT integration or a plain MQTT broker, in the field and in a simulation alike.
 *
 *   event -> frame -> reassemble --+
 *   MQTT message ------------------+-> parse -> known number? -> verify -> store -> account, hand on, acknowledge
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
import { chirpstackDownlink, parseChirpstackEvent } from "./chirpstack-source.ts";
import type { ReceiverCrypto } from "./crypto.ts";
import { GapAccount, type GapSummary } from "./gap-account.ts";
import { bytesToHex, equalBytes } from "./hex.ts";
import type { NodeRecord } from "./node-registry.ts";
import { readingOf, type VerifiedReading } from "./reading-output.ts";
import { Reassembler } from "./reassembler.ts";
import type { AcceptedToken, ReceiverStore } from "./store.ts";
import { refusalOf } from "./token-verifier.ts";

/** A node that this receiver is responsible for. */
export interface ReceiverNode {
  record: NodeRecord;
  /** AES-128 key shared with the node. Without it tokens are verified but never acknowledged. */
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
  /** To be published on the broker: JSON text for a network server, bytes for a node on MQTT. */
  onDownlink?(topic: string, body: string | Uint8Array): void;
}

export interface ReceiverOptions {
  nodes: readonly ReceiverNode[];
  crypto: ReceiverCrypto;
  store: ReceiverStore;
  output: ReceiverOutput;
}

/** Tokens of one node on their way into the store: an hour of backlog at a token a minute. */
export const MAX_PENDING = 64;

/** How a node can be answered. */
interface Route {
  tagBytes: TagBytes;
  send(control: Uint8Array): void;
  /** Ends the fragmentation session of a token that gets no final acknowledgement: taken all the same, or refused for good. */
  endSession?(refused: boolean): void;
}

interface NodeState {
  node: ReceiverNode;
  account: GapAccount;
  /** By FPort, which is the SCHC rule. */
  reassemblers: Map<number, Reassembler>;
  /** Digests of the tokens handed to the store and not committed yet, by seq. */
  pending: Map<number, Uint8Array>;
}

export class Receiver {
  #nodes = new Map<string, NodeState>();
  #crypto: ReceiverCrypto;
  #store: ReceiverStore;
  #output: ReceiverOutput;
  #ignored = new Map<string, number>();
  /** No reassembly expires before this. */
  #wakeAtMs: number | undefined;

  constructor(options: ReceiverOptions) {
    this.#crypto = options.crypto;
    this.#store = options.store;
    this.#output = options.output;
    for (const node of options.nodes) this.addNode(node);
  }

  /** Makes a node known. One that was known before keeps its state and gets the new record and key. */
  addNode(node: ReceiverNode): void {
    const { devEui } = node.record;
    const known = this.#nodes.get(devEui);
    if (known !== undefined) {
      known.node = node;
      return;
    }
    const account = new GapAccount(this.#store.acceptedRanges(devEui));
    this.#nodes.set(devEui, { node, account, reassemblers: new Map(), pending: new Map() });
  }

  /** A message of ChirpStack's MQTT integration. */
  handleChirpstackEvent(topic: string, json: string, nowUnixMs: number): void {
    const event = parseChirpstackEvent(topic, json);
    if (event.kind === "refused") {
      this.#refuse(event.devEui, event.reason);
      return;
    }
    if (event.kind === "other") {
      this.#ignored.set(event.name, (this.#ignored.get(event.name) ?? 0) + 1);
      return;
    }
    const { devEui, fPort, payload, application } = event;
    const state = this.#nodes.get(devEui);
    if (state === undefined) {
      this.#refuse(devEui, "node-unknown");
      return;
    }
    if (fPort !== TOKEN_FPORT) {
      this.#refuse(devEui, "port-unknown");
      return;
    }
    const down = (port: number, bytes: Uint8Array): void => {
      const message = chirpstackDownlink(application, devEui, port, bytes);
      this.#output.onDownlink?.(message.topic, message.json);
    };
    this.#handleFragment(state, fPort, payload, nowUnixMs, down);
  }

  /** A message of a node on plain MQTT: `groundtruth/{devEui}/token`, the token's bytes. */
  handleMqttToken(topic: string, payload: Uint8Array, nowUnixMs: number): void {
    const parts = topic.length > 64 ? [] : topic.split("/");
    if (parts.length !== 3 || parts[0] !== "groundtruth" || parts[2] !== "token") {
      this.#refuse(undefined, "topic-unknown");
      return;
    }
    const devEui = parts[1].toLowerCase();
    const state = this.#nodes.get(devEui);
    if (state === undefined) {
      this.#refuse(devEui, "node-unknown");
      return;
    }
    this.#handleToken(state, payload, nowUnixMs, {
      tagBytes: MQTT_TAG_BYTES,
      send: (control) => this.#output.onDownlink?.(`groundtruth/${devEui}/control`, control),
    });
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
        this.#handleToken(state, command.bytes.slice(), nowUnixMs, {
          tagBytes: LORAWAN_TAG_BYTES,
          send: (control) => down(CONTROL_FPORT, control),
          endSession: (refused) => down(port, endOfSession(refused, window)),
        });
      }
    }
    this.#wakeNoLaterThan(reassembler.pollTimeout());
  }

  #handleToken(state: NodeState, bytes: Uint8Array, nowUnixMs: number, route: Route): void {
    const { record } = state.node;
    const token = parseToken(bytes);
    if (!token.ok) {
      this.#refuse(record.devEui, token.reason);
      route.endSession?.(true);
      return;
    }
    const { seq } = token.claims;
    const digest = this.#crypto.sha256(bytes);
    const committed = this.#store.digestOf(record.devEui, seq);
    const known = committed ?? state.pending.get(seq);
    if (known !== undefined && equalBytes(known, digest)) {
      state.account.duplicates++;
      if (committed !== undefined) this.#acknowledge(state, seq, route);
      return; // one still on its way into the store is acknowledged from there
    }
    const reason =
      refusalOf(token, record, this.#crypto, nowUnixMs) ?? (known === undefined ? undefined : "seq-reused");
    if (reason !== undefined) {
      this.#refuse(record.devEui, reason);
      route.endSession?.(true);
      return;
    }
    if (state.pending.size >= MAX_PENDING) {
      this.#refuse(record.devEui, "store-busy");
      return;
    }
    this.#commit(
      state,
      { devEui: record.devEui, seq, digest, token: bytes, receivedUnixMs: nowUnixMs },
      token.claims,
      route,
    );
  }

  #commit(state: NodeState, entry: AcceptedToken, claims: Claims, route: Route): void {
    state.pending.set(entry.seq, entry.digest);
    this.#store.commit(entry, (failure) => {
      state.pending.delete(entry.seq);
      if (failure !== undefined) {
        // No answer: the node keeps the token and sends it again.
        this.#refuse(entry.devEui, `store-failed: ${failure}`);
        return;
      }
      state.account.accept(entry.seq);
      this.#handOn(entry, claims);
      this.#acknowledge(state, entry.seq, route);
    });
  }

  #handOn(entry: AcceptedToken, claims: Claims): void {
    this.#output.onToken?.(entry, claims);
    if (this.#output.onReading === undefined) return;
    const digestHex = bytesToHex(entry.digest);
    for (let i = 0; i < claims.count; i++) this.#output.onReading(readingOf(claims, i, entry.devEui, digestHex));
  }

  /** The final acknowledgement says all that the end of a fragmentation session would: one downlink does for both. */
  #acknowledge(state: NodeState, seq: number, route: Route): void {
    const { record, receiverKey } = state.node;
    if (receiverKey === undefined) {
      route.endSession?.(false);
      return;
    }
    route.send(finalAcknowledgement(record.ueid, seq, receiverKey, route.tagBytes, this.#crypto.cmac));
  }

  #refuse(devEui: string | undefined, reason: string): void {
    const state = devEui === undefined ? undefined : this.#nodes.get(devEui);
    if (state !== undefined) state.account.refused++;
    this.#output.onRefused?.({ devEui, reason });
  }

  #wakeNoLaterThan(atMs: number | undefined): void {
    if (atMs !== undefined && (this.#wakeAtMs === undefined || atMs < this.#wakeAtMs)) this.#wakeAtMs = atMs;
  }
}
