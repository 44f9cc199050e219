/**
 * Puts a real broker into the simulated one's place: each message goes out to it, and what the nodes and the receiver get is what came
 * back. Virtual time stands still while a message is outside, so the simulation goes just as it does without, whatever the real
 * broker's latency is.
 *
 *   node -> simulated broker -> [connection -> real broker -> connection] -> simulated broker -> receiver, and the way back alike
 */
import type { Broker, Carried } from "../../host-sim/network/broker.ts";
import type { World } from "../../host-sim/world.ts";
import { equalBytes } from "../receiver/hex.ts";
import type { Phase } from "./closed-loop.ts";

/** The way to a real broker. */
export interface BrokerConnection {
  publish(topic: string, payload: Uint8Array): void;
  /** Set by the carrier: gets every message of the topics of nodes and receiver, its own and others'. */
  onMessage: ((topic: string, payload: Uint8Array) => void) | undefined;
  /** Settles when the next message has come; fails when the broker is gone, or says nothing for too long. */
  nextMessage(): Promise<void>;
}

interface Outgoing extends Carried {
  topic: string;
  sent: Uint8Array;
}

export class BrokerCarrier {
  /** Messages that went out and came back, and messages of others. */
  readonly counters = { carried: 0, foreign: 0 };
  readonly #connection: BrokerConnection;
  #outside: Outgoing[] = [];

  constructor(connection: BrokerConnection) {
    this.#connection = connection;
  }

  connect(broker: Broker): void {
    broker.carrier = (topic, payload) => {
      const message: Outgoing = { topic, sent: payload.slice(), payload: undefined };
      this.#outside.push(message);
      this.#connection.publish(topic, message.sent);
      return message;
    };
    this.#connection.onMessage = (topic, payload) => {
      const index = this.#outside.findIndex((message) => message.topic === topic && equalBytes(message.sent, payload));
      if (index < 0) {
        // Somebody else's, or delivered twice (QoS 1).
        this.counters.foreign++;
        broker.deliver(topic, payload.slice());
        return;
      }
      this.counters.carried++;
      this.#outside[index].payload = payload.slice();
      this.#outside.splice(index, 1);
    };
  }

  /** Lets the time of a phase pass, and stops it for every message that is outside. */
  async run(world: World, { untilUs, isOver }: Phase): Promise<void> {
    let over = false;
    const stop = (): boolean => {
      over = isOver?.() ?? false;
      return over || this.#outside.length > 0;
    };
    while (!over && world.run(untilUs, stop)) {
      while (this.#outside.length > 0) await this.#connection.nextMessage();
    }
  }
}
