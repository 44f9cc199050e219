/** `--integration-mqtt URL`: a real ChirpStack's MQTT integration as the network's edge. Node.js only. */
import type { MqttClient } from "mqtt";
import type { NetworkEdge } from "../../host-sim/network/network-edge.ts";
import { LiveError } from "./live-error.ts";
import { connectBroker, disconnect, withoutPassword } from "./mqtt-connection.ts";

const EVENT_TOPICS = "application/+/device/+/event/+";

export class ChirpstackIntegration implements NetworkEdge {
  /** Events heard and commands published. */
  readonly counters = { events: 0, commands: 0 };
  /** Why the integration is gone; undefined while it is there. */
  failure: LiveError | undefined;
  readonly #client: MqttClient;
  #closing = false;

  private constructor(url: string, client: MqttClient) {
    this.#client = client;
    client.on("close", () => {
      if (!this.#closing)
        this.failure ??= new LiveError("the integration's MQTT broker went away", withoutPassword(url));
    });
    // A "close" follows.
    client.on("error", () => {});
  }

  static async open(url: string): Promise<ChirpstackIntegration> {
    return new ChirpstackIntegration(url, await connectBroker(url, [EVENT_TOPICS]));
  }

  onUplink(listener: (topic: string, json: string) => void): void {
    this.#client.on("message", (topic, payload) => {
      this.counters.events++;
      listener(topic, payload.toString("utf8"));
    });
  }

  publish(topic: string, json: string): void {
    this.counters.commands++;
    this.#client.publish(topic, json, { qos: 1 });
  }

  async close(): Promise<void> {
    this.#closing = true;
    await disconnect([this.#client], this.failure !== undefined);
  }
}
