/**
 * An MQTT broker in process: topics, wildcards, delivery in the order of publishing to each subscriber, after a delay. It keeps nothing: no
 * retained messages, no sessions of clients that are away. Bytes are copied, as a network would.
 *
 * A carrier takes each message through something outside, a real broker, and what is delivered is what came back.
 */
import type { World } from "../world.ts";
import { isTopicFilter, isTopicName, topicMatches } from "./topic-filter.ts";

/** The payload is the subscriber's own copy. */
export type MessageHandler = (topic: string, payload: Uint8Array) => void;

export interface Subscription {
  /** Nothing arrives after this call, not even what was already under way. */
  cancel(): void;
}

/** A message outside. */
export interface Carried {
  /** As it came back, once it has. */
  payload: Uint8Array | undefined;
}

interface Subscriber {
  filter: string;
  handler: MessageHandler;
  active: boolean;
}

/** Why a message or a filter was not taken. */
export type BrokerRefusal = "invalid-topic" | "invalid-filter" | "payload-too-large";

/** Enough for any token and far from what would strain a simulation. */
const MAX_PAYLOAD_BYTES = 65_536;

export class Broker {
  #world: World;
  #delayUs: number;
  #subscribers: Subscriber[] = [];
  /** Refusals by name. */
  readonly refused: Partial<Record<BrokerRefusal, number>> = {};
  /** Called for each message that the broker takes: for the event hash and for statistics. */
  onPublished: ((topic: string, payload: Uint8Array) => void) | undefined;
  /** Takes each message outside. Whoever sets it lets no time pass while one has not come back. */
  carrier: ((topic: string, payload: Uint8Array) => Carried) | undefined;

  /** `delayUs`: from a message's arrival at the broker to its arrival at a subscriber. */
  constructor(world: World, delayUs = 5_000) {
    this.#world = world;
    this.#delayUs = delayUs;
  }

  /** Takes a message; returns whether it was taken, which is all that a PUBACK says (QoS 1). */
  publish(topic: string, payload: Uint8Array): boolean {
    if (!isTopicName(topic)) return this.#refuse("invalid-topic");
    if (payload.length > MAX_PAYLOAD_BYTES) return this.#refuse("payload-too-large");
    this.onPublished?.(topic, payload);
    this.#deliver(topic, this.carrier?.(topic, payload) ?? { payload: payload.slice() });
    return true;
  }

  /** A message that somebody outside published: it is delivered, and not carried out again. */
  deliver(topic: string, payload: Uint8Array): void {
    if (payload.length > MAX_PAYLOAD_BYTES) this.#refuse("payload-too-large");
    else this.#deliver(topic, { payload });
  }

  /** Wants every later message whose topic matches; undefined when the filter is not a valid one. */
  subscribe(filter: string, handler: MessageHandler): Subscription | undefined {
    if (!isTopicFilter(filter)) {
      this.#refuse("invalid-filter");
      return undefined;
    }
    const subscriber: Subscriber = { filter, handler, active: true };
    this.#subscribers.push(subscriber);
    return {
      cancel: () => {
        subscriber.active = false;
        this.#subscribers = this.#subscribers.filter((other) => other !== subscriber);
      },
    };
  }

  #deliver(topic: string, message: Carried): void {
    for (const subscriber of this.#subscribers) {
      if (!topicMatches(subscriber.filter, topic)) continue;
      this.#world.after(this.#delayUs, () => {
        if (message.payload === undefined) throw new Error(`time went on while ${topic} was outside`);
        if (subscriber.active) subscriber.handler(topic, message.payload.slice());
      });
    }
  }

  #refuse(reason: BrokerRefusal): false {
    this.refused[reason] = (this.refused[reason] ?? 0) + 1;
    return false;
  }
}
