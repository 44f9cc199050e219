/**
 * The network port of a virtual node on Wi-Fi: its MQTT client and the way to the broker, with latency, loss and times without a network.
 *
 *              open(), associated after `connectUs`
 *   OFFLINE ------------------------------------------> ONLINE
 *      ^                                                  |
 *      +--------------------------------------------------+
 *        a message was lost (TCP gave up: the connection drops), or an offline period began;
 *        back `reconnectUs` later, or when the period ends
 *
 * While online it asks for the time (SNTP, RFC 5905), at once and then every few hours.
 *
 * A message that is lost is gone: the client keeps no session. The node learns nothing of it but that the connection dropped; only the
 * receiver's own acknowledgement tells it what arrived.
 */
import type { Clock } from "../../firmware/ports/clock.ts";
import type { Network, NetworkEvents } from "../../firmware/ports/network.ts";
import type { RandomStream } from "../random-stream.ts";
import type { World } from "../world.ts";
import type { Broker, Subscription } from "./broker.ts";

/** A time without a network, in microseconds of the world. */
export interface OfflinePeriod {
  fromUs: number;
  toUs: number;
}

export interface WifiLinkOptions {
  /** One way between node and broker. */
  latencyUs?: number;
  /** Part of the messages, either way, whose loss drops the connection; 0 to 1. */
  lossProbability?: number;
  /** From `open` to the first connection: association, address, MQTT. */
  connectUs?: number;
  /** From a dropped connection to the next one. */
  reconnectUs?: number;
  offline?: readonly OfflinePeriod[];
  /** The node's clock, whose scale the time is told on; without it no time is asked for. */
  clock?: Clock;
}

/** A node that keeps 20 ppm drifts by 0.3 s in so long. */
const TIME_INTERVAL_US = 4 * 3600 * 1_000_000;
/** RFC 4330 10: not sooner again than after 15 s. */
const TIME_RETRY_US = 15_000_000;
/** What a public server states of itself: its distance to a reference, in milliseconds. */
const SERVER_UNCERTAINTY_MS = 10;

export class WifiLink implements Network {
  #world: World;
  #broker: Broker;
  #random: RandomStream;
  #events: NetworkEvents | undefined;
  #latencyUs: number;
  #lossProbability: number;
  #connectUs: number;
  #reconnectUs: number;
  #offline: readonly OfflinePeriod[];
  #clock: Clock | undefined;
  #online = false;
  /** Counts connections, so that what was under way on an old one goes nowhere. */
  #connection = 0;
  #topics: string[] = [];
  #subscriptions: Subscription[] = [];
  /** Messages lost on the way, either way, and messages handed in while offline. */
  readonly counters = { lostUp: 0, lostDown: 0, publishedOffline: 0 };

  constructor(world: World, broker: Broker, name: string, options: WifiLinkOptions = {}) {
    this.#world = world;
    this.#broker = broker;
    this.#random = world.random(`${name}/wifi`);
    this.#latencyUs = options.latencyUs ?? 30_000;
    this.#lossProbability = options.lossProbability ?? 0;
    this.#connectUs = options.connectUs ?? 2_500_000;
    this.#reconnectUs = options.reconnectUs ?? 5_000_000;
    this.#offline = options.offline ?? [];
    this.#clock = options.clock;
  }

  /** Turns the network on; `events` hears of it from now. */
  open(events: NetworkEvents): void {
    this.#events = events;
    for (const period of this.#offline) this.#world.at(period.fromUs, () => this.#drop());
    this.#connectAfter(this.#connectUs);
  }

  /** The node lost power or was turned off: nothing comes or goes any more until `open`. */
  close(): void {
    this.#events = undefined;
    this.#drop();
  }

  get online(): boolean {
    return this.#online;
  }

  subscribe(topic: string): void {
    if (this.#topics.includes(topic)) return;
    this.#topics.push(topic);
    if (this.#online) this.#listen(topic);
  }

  publish(topic: string, payload: Uint8Array, length: number): void {
    if (!this.#online) {
      this.counters.publishedOffline++;
      return;
    }
    const bytes = payload.slice(0, length);
    const connection = this.#connection;
    const lost = this.#random.unit() < this.#lossProbability;
    this.#world.after(this.#latencyUs, () => {
      if (connection !== this.#connection) return;
      if (lost) {
        this.counters.lostUp++;
        this.#drop();
      } else {
        this.#broker.publish(topic, bytes);
      }
    });
  }

  #listen(topic: string): void {
    const connection = this.#connection;
    const subscription = this.#broker.subscribe(topic, (name, payload) => {
      const lost = this.#random.unit() < this.#lossProbability;
      this.#world.after(this.#latencyUs, () => {
        if (connection !== this.#connection) return;
        if (lost) {
          this.counters.lostDown++;
          this.#drop();
        } else {
          this.#events?.onMessage(name, payload);
        }
      });
    });
    if (subscription !== undefined) this.#subscriptions.push(subscription);
  }

  #connectAfter(delayUs: number): void {
    const connection = this.#connection;
    this.#world.after(delayUs, () => {
      if (connection !== this.#connection || this.#online || this.#events === undefined) return;
      const back = this.#offlineUntil();
      if (back > this.#world.nowUs) this.#connectAfter(back - this.#world.nowUs + this.#connectUs);
      else this.#goOnline();
    });
  }

  /** End of the offline period that holds now, or now. */
  #offlineUntil(): number {
    let until = this.#world.nowUs;
    for (const period of this.#offline) {
      if (period.fromUs <= this.#world.nowUs && period.toUs > until) until = period.toUs;
    }
    return until;
  }

  #goOnline(): void {
    this.#online = true;
    for (const topic of this.#topics) this.#listen(topic);
    this.#events?.onOnline();
    this.#askTime(0);
  }

  #askTime(delayUs: number): void {
    const clock = this.#clock;
    if (clock === undefined) return;
    const connection = this.#connection;
    const roundTripUs = 2 * this.#latencyUs;
    this.#world.after(delayUs + roundTripUs, () => {
      if (connection !== this.#connection) return;
      if (this.#random.unit() < this.#lossProbability) {
        this.#askTime(TIME_RETRY_US);
        return;
      }
      // The client takes both ways for equally long: it errs by up to half the round trip, here by a quarter of it.
      const errorMs = ((this.#random.unit() - 0.5) * roundTripUs) / 2000;
      const unixMs = Math.floor(this.#world.unixMs + errorMs + 0.5);
      const uncertaintyMs = Math.ceil(roundTripUs / 2000) + SERVER_UNCERTAINTY_MS;
      this.#askTime(TIME_INTERVAL_US);
      this.#events?.onTime(unixMs, clock.nowMs(), uncertaintyMs);
    });
  }

  #drop(): void {
    this.#connection++;
    for (const subscription of this.#subscriptions) subscription.cancel();
    this.#subscriptions = [];
    const wasOnline = this.#online;
    this.#online = false;
    if (this.#events === undefined) return;
    if (wasOnline) this.#events.onOffline();
    this.#connectAfter(this.#reconnectUs);
  }
}
