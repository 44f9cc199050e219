/**
 * The receiver: stands behind a LoRaWAN network server's MQTT integration, a plain MQTT broker or a base node, in the field and in a
 * simulation alike.
 *
 *   event, base node's frame -> FPorts 20, 30, 31, 32: reassemble --+
 *   MQTT message, HTTP body ----------------------------------------+-> token-intake.ts
 *
 * It is handed events and the time, does no IO, and keeps what it must not forget in the store. It names the reason for every refusal. What
 * one node can make it keep is bounded: see node-state.ts, token-intake.ts and fragment-ports.ts.
 */
import {
  CONTROL_FPORT,
  LORAWAN_TAG_BYTES,
  MQTT_TAG_BYTES,
  type TagBytes,
} from "../../firmware/wire/control-message.ts";
import { COMPACT_RULE } from "../../firmware/wire/parity-frame.ts";
import { type Challenge, Challenges, nonceRefusal } from "./challenges.ts";
import { chirpstackDownlink, type OtherEvent, parseChirpstackEvent, type RefusedEvent } from "./chirpstack-source.ts";
import { challenge, endOfSession, type ParityWanted, parityRequest } from "./control-writer.ts";
import type { ReceiverCrypto } from "./crypto.ts";
import { isFragmentPort } from "./fragment-ports.ts";
import type { AccountCounters, GapSummary } from "./gap-account.ts";
import { NodeState, type ReceiverNode, type Route } from "./node-state.ts";
import { P2pSource } from "./p2p-source.ts";
import type { DigestOutcome, ReceiverStore } from "./store.ts";
import { type IntakeOutput, type TokenAnswer, TokenIntake } from "./token-intake.ts";
import { parseTtsMessage, ttsDownlink } from "./tts-source.ts";

export type { ReceiverNode } from "./node-state.ts";
export { MAX_PENDING, type TokenAnswer } from "./token-intake.ts";

/** Something that was not accepted, and why. */
export interface Refused {
  /** undefined where not even the node is known. */
  devEui: string | undefined;
  reason: string;
}

/** Where results go. A token is handed on once, after its commit; then its readings, in order. */
export interface ReceiverOutput extends IntakeOutput {
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

/** A frame to a node. */
type Down = (port: number, bytes: Uint8Array) => void;

/** To a node that hears nothing. */
const NOTHING: Down = () => {};

export class Receiver {
  readonly intake: TokenIntake;
  readonly challenges = new Challenges();
  #nodes = new Map<string, NodeState>();
  #p2p: P2pSource;
  #crypto: ReceiverCrypto;
  #store: ReceiverStore;
  #output: ReceiverOutput;
  #ignored = new Map<string, number>();
  /** No reassembly expires before this. */
  #wakeAtMs: number | undefined;
  #changed: NodeState[] = [];
  #outcomes: DigestOutcome[] = [];

  constructor({ crypto, store, output, nodes }: ReceiverOptions) {
    this.#crypto = crypto;
    this.#store = store;
    this.#output = output;
    this.#p2p = new P2pSource(crypto.cmac);
    this.intake = new TokenIntake({
      crypto,
      store,
      challenges: this.challenges,
      output: {
        onToken: (token, claims) => output.onToken?.(token, claims),
        ...(output.onReading === undefined ? {} : { onReading: (reading) => output.onReading?.(reading) }),
        ...(output.onPlaced === undefined ? {} : { onPlaced: (placement) => output.onPlaced?.(placement) }),
        onDigest: (outcome) => {
          if (store.digestAccount !== undefined) this.#outcomes.push(outcome);
          output.onDigest?.(outcome);
        },
        onChallenge: (devEui, answered) => output.onChallenge?.(devEui, answered),
      },
      refuse: (devEui, reason) => this.#refuse(devEui, reason),
      changed: (state) => this.#noteChange(state),
    });
    for (const node of nodes) this.addNode(node);
  }

  /** Makes a node known. One that was known before keeps its state and gets the new record and key. */
  addNode(node: ReceiverNode): void {
    const { devEui, ueid } = node.record;
    if (node.receiverKey !== undefined) this.#p2p.addNode(devEui, ueid, node.receiverKey);
    const known = this.#nodes.get(devEui);
    if (known !== undefined) {
      known.renew(node);
      return;
    }
    const state = new NodeState(node, this.#store, this.#crypto);
    this.#nodes.set(devEui, state);
    if (this.#store.digestAccount !== undefined) this.#outcomes.push(...state.settledDigests);
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
    const control = (message: Uint8Array): void => this.#output.onDownlink?.(`groundtruth/${devEui}/control`, message);
    const route: Route = { tagBytes: MQTT_TAG_BYTES, anytime: true, control };
    const answer: TokenAnswer = {
      accepted: (message) => {
        if (message !== undefined) control(message);
        // Only now: whoever may publish here could lead a challenge astray otherwise.
        this.#heard(this.#nodes.get(devEui)!, route, nowUnixMs);
      },
      refused: () => {},
    };
    this.#handleToken(devEui, payload, nowUnixMs, answer, route);
  }

  /** The bytes of one token of a node, however they came. The receiver keeps `token`. */
  handleToken(devEui: string, token: Uint8Array, nowUnixMs: number, answer: TokenAnswer): void {
    this.#handleToken(devEui, token, nowUnixMs, answer, undefined);
  }

  #handleToken(
    devEui: string,
    bytes: Uint8Array,
    receivedUnixMs: number,
    answer: TokenAnswer,
    route: Route | undefined,
  ): void {
    const state = this.#nodes.get(devEui);
    if (state === undefined) {
      this.#refuse(devEui, "node-unknown");
      answer.refused("node-unknown", false);
      return;
    }
    const how = { compact: false, tagBytes: MQTT_TAG_BYTES as TagBytes, mayWait: false };
    this.intake.take(state, { bytes, receivedUnixMs, answer, route, ...how });
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
    const down: Down = (toPort, content) => {
      answer(toPort, content, asksTime && isNow && !isAnswered);
      isAnswered = true;
    };
    const state = this.#nodes.get(uplink.devEui)!;
    if (port !== 0) this.#handleFrame(state, port, payload, nowUnixMs, down, false);
    else this.#heard(state, loraRoute(down, false), nowUnixMs);
    isNow = false;
    if (asksTime && !isAnswered) answer(0, new Uint8Array(0), true);
  }

  /** Lets reassemblies and parked tokens expire. */
  handleTimeout(nowUnixMs: number): void {
    this.#wakeAtMs = undefined;
    this.intake.handleTimeout(nowUnixMs);
    this.#wakeNoLaterThan(this.intake.parking.expiresAtMs);
    for (const state of this.#nodes.values()) {
      if (state.fragments === undefined) continue;
      const { fragments } = state;
      fragments.handleTimeout(nowUnixMs);
      for (let command = fragments.pollCommand(); command !== undefined; command = fragments.pollCommand()) {
        if (command.kind === "dropped") this.#refuse(state.devEui, command.reason);
      }
      this.#wakeNoLaterThan(fragments.pollTimeout());
    }
  }

  /** When it wants to be woken next, in Unix milliseconds; it may then turn out to be too early. */
  pollTimeout(): number | undefined {
    return this.#wakeAtMs;
  }

  /**
   * Asks a node for an anchor token with this nonce: at once where the network keeps messages for it, else when it is next heard. Returns why not, or
   * undefined; `challenges` knows how it goes on.
   */
  challenge(devEui: string, nonce: Uint8Array, nowUnixMs: number): string | undefined {
    const state = this.#nodes.get(devEui);
    if (state === undefined) return "node-unknown";
    if (state.node.receiverKey === undefined) return "no-receiver-key";
    if (state.node.record.downlinks === false) return "no-downlinks";
    const reason = nonceRefusal(nonce, state.route?.tagBytes);
    if (reason !== undefined) return reason;
    this.challenges.ask(devEui, nonce, nowUnixMs);
    if (state.route?.anytime) this.#heard(state, state.route, nowUnixMs);
    return undefined;
  }

  /** The last challenge of a node. */
  challengeOf(devEui: string): Challenge | undefined {
    return this.challenges.of(devEui);
  }

  /** The account of one node's tokens. */
  account(devEui: string): GapSummary | undefined {
    return this.#nodes.get(devEui)?.account.summary();
  }

  /** What is known of a node beside its account. */
  knownOf(devEui: string): NodeState | undefined {
    return this.#nodes.get(devEui);
  }

  /** Events that were none of ours, counted by name. */
  get ignoredEvents(): ReadonlyMap<string, number> {
    return this.#ignored;
  }

  /** Counters that changed since this was last asked, for the store to keep. */
  changedAccounts(): { devEui: string; counters: AccountCounters }[] {
    const changed = this.#changed.map((state) => {
      state.changed = false;
      return { devEui: state.devEui, counters: state.account.counters() };
    });
    this.#changed = [];
    return changed;
  }

  /** Digest tokens that came out one way or the other since this was last asked, for the store to keep. */
  changedDigests(): DigestOutcome[] {
    const outcomes = this.#outcomes;
    this.#outcomes = [];
    return outcomes;
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
  #handleUplink(devEui: string, port: number, payload: Uint8Array, nowUnixMs: number, down: Down): void {
    const state = this.#nodes.get(devEui);
    if (state === undefined) this.#refuse(devEui, "node-unknown");
    else this.#handleFrame(state, port, payload, nowUnixMs, down, true);
  }

  #handleFrame(
    state: NodeState,
    port: number,
    frame: Uint8Array,
    receivedUnixMs: number,
    toNode: Down,
    anytime: boolean,
  ): void {
    if (!isFragmentPort(port)) {
      this.#refuse(state.devEui, "port-unknown");
      return;
    }
    const down = state.node.record.downlinks === false ? NOTHING : toNode;
    const route = loraRoute(down, anytime);
    const fragments = state.openFragments();
    fragments.handle(port, frame, receivedUnixMs);
    for (let command = fragments.pollCommand(); command !== undefined; command = fragments.pollCommand()) {
      if (command.kind === "dropped") {
        this.#refuse(state.devEui, command.reason);
      } else if (command.kind === "reply") {
        down(command.port, command.frame);
      } else if (command.kind === "parity") {
        this.#askForParity(state, command, route, down);
      } else {
        const { rule, window } = command;
        const end = (refused: boolean): void => {
          if (window !== undefined) down(rule, endOfSession(refused, rule, window));
        };
        const answer: TokenAnswer = {
          // The final acknowledgement says all that the end of a fragmentation session would: one downlink does for both.
          accepted: (message) => (message === undefined ? end(false) : route.control(message)),
          refused: (_reason, forGood) => {
            if (forGood) end(true);
          },
        };
        const how = { compact: rule === COMPACT_RULE, tagBytes: LORAWAN_TAG_BYTES as TagBytes, mayWait: true };
        this.intake.take(state, { bytes: command.bytes.slice(), receivedUnixMs, answer, route, ...how });
      }
    }
    this.#heard(state, route, receivedUnixMs);
    this.#wakeNoLaterThan(fragments.pollTimeout());
    this.#wakeNoLaterThan(this.intake.parking.expiresAtMs);
  }

  /** The node listens now, or its network keeps messages for it. */
  #heard(state: NodeState, route: Route, nowUnixMs: number): void {
    state.route = route;
    const { record, receiverKey } = state.node;
    if (receiverKey === undefined) return;
    const nonce = this.challenges.due(state.devEui, route.tagBytes, nowUnixMs);
    if (nonce === undefined) return;
    route.control(challenge(record.ueid, nonce, receiverKey, route.tagBytes, this.#crypto.cmac));
  }

  #askForParity(state: NodeState, wanted: ParityWanted & { instead: Uint8Array }, route: Route, down: Down): void {
    const { record, receiverKey } = state.node;
    // Nobody but its receiver can make a node spend airtime on parity.
    if (receiverKey === undefined) down(wanted.rule, wanted.instead);
    else route.control(parityRequest(record.ueid, wanted, receiverKey, route.tagBytes, this.#crypto.cmac));
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

function loraRoute(down: Down, anytime: boolean): Route {
  return { tagBytes: LORAWAN_TAG_BYTES, anytime, control: (message) => down(CONTROL_FPORT, message) };
}
