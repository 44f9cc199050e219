/**
 * `simulate --mqtt URL`: the nodes' tokens and the receiver's acknowledgements travel through a real broker. Node.js only.
 *
 * Two clients, as there are two sides: one for all nodes (it publishes groundtruth/+/token and hears groundtruth/+/control), one for the
 * receiver (the other way round). QoS 1 both ways.
 */
import type { MqttClient } from "mqtt";
import type { BrokerConnection } from "../simulation/broker-carrier.ts";
import { LiveError } from "./live-error.ts";
import { connectBroker, disconnect, withoutPassword } from "./mqtt-connection.ts";

const TOKEN_TOPICS = "groundtruth/+/token";
const CONTROL_TOPICS = "groundtruth/+/control";
/** A broker that takes longer than this for one message has lost it. */
const SILENCE_MS = 15_000;

export class RealBroker implements BrokerConnection {
  onMessage: ((topic: string, payload: Uint8Array) => void) | undefined;
  readonly #url: string;
  readonly #nodes: MqttClient;
  readonly #receiver: MqttClient;
  readonly #silenceMs: number;
  #failure: LiveError | undefined;
  #settle: (() => void) | undefined;
  /** Messages since the last call of `nextMessage`. */
  #arrived = 0;
  #closing = false;

  private constructor(url: string, nodes: MqttClient, receiver: MqttClient, silenceMs: number) {
    this.#url = withoutPassword(url);
    this.#nodes = nodes;
    this.#receiver = receiver;
    this.#silenceMs = silenceMs;
    for (const client of [nodes, receiver]) {
      client.on("message", (topic, payload) => {
        this.#arrived++;
        this.onMessage?.(topic, new Uint8Array(payload));
        this.#settle?.();
      });
      client.on("error", (error) => this.#fail(`the MQTT broker went away: ${error.message}`));
      client.on("close", () => this.#fail("the MQTT broker went away"));
    }
  }

  /** Connects both clients; fails when there is no broker. `silenceMs`: how long a message may be under way. */
  static async open(url: string, silenceMs: number = SILENCE_MS): Promise<RealBroker> {
    const receiver = await connectBroker(url, [TOKEN_TOPICS]);
    try {
      return new RealBroker(url, await connectBroker(url, [CONTROL_TOPICS]), receiver, silenceMs);
    } catch (error) {
      receiver.end(true);
      throw error;
    }
  }

  publish(topic: string, payload: Uint8Array): void {
    const client = topic.endsWith("/control") ? this.#receiver : this.#nodes;
    client.publish(topic, Buffer.from(payload), { qos: 1 }, (error) => {
      if (error) this.#fail(`the MQTT broker did not take a message: ${error.message}`);
    });
  }

  async nextMessage(): Promise<void> {
    if (this.#arrived === 0 && this.#failure === undefined) {
      const timer = setTimeout(() => {
        this.#fail(`the MQTT broker took a message and did not deliver it within ${this.#silenceMs / 1000} s`);
      }, this.#silenceMs);
      await new Promise<void>((done) => {
        this.#settle = done;
      });
      this.#settle = undefined;
      clearTimeout(timer);
    }
    if (this.#failure !== undefined) throw this.#failure;
    this.#arrived = 0;
  }

  async close(): Promise<void> {
    this.#closing = true;
    await disconnect([this.#nodes, this.#receiver], this.#failure !== undefined);
  }

  #fail(message: string): void {
    if (this.#closing) return;
    this.#failure ??= new LiveError(message, this.#url);
    this.#settle?.();
  }
}
