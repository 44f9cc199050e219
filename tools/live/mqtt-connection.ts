/** Connections to a real MQTT broker. Node.js only. A connection that is lost is not made again: what was under way would be missing. */
import { connect, type MqttClient } from "mqtt";
import { LiveError } from "./live-error.ts";

const CONNECT_MS = 5_000;

/** Connects and subscribes at QoS 1; fails when the broker is not there, or will not have us. */
export async function connectBroker(url: string, topics: readonly string[]): Promise<MqttClient> {
  const client = connect(url, { reconnectPeriod: 0, connectTimeout: CONNECT_MS, clean: true });
  try {
    await connected(client);
    const grants = await client.subscribeAsync([...topics], { qos: 1 });
    const denied = grants.find(({ qos }) => qos >= 128);
    if (denied !== undefined) throw new Error(`it denies the subscription to ${denied.topic}`);
  } catch (error) {
    client.end(true);
    throw new LiveError(`the MQTT broker cannot be used: ${describe(error)}`, withoutPassword(url));
  }
  return client;
}

/** Ends connections: after what is under way, or at once where the broker is known to be gone. */
export async function disconnect(clients: readonly MqttClient[], gone: boolean): Promise<void> {
  if (gone) for (const client of clients) client.end(true);
  else await Promise.all(clients.map((client) => client.endAsync()));
}

/** The URL as it may be shown. */
export function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, "//");
}

function connected(client: MqttClient): Promise<void> {
  return new Promise((done, failed) => {
    client.once("connect", () => {
      client.removeListener("error", failed);
      client.removeListener("close", closed);
      done();
    });
    const closed = (): void => failed(new Error("it closed the connection, or did not answer in time"));
    client.once("error", failed);
    client.once("close", closed);
  });
}

/** Node hides several refusals (IPv6 and IPv4) in an AggregateError without a message. */
function describe(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return message === "" || message === undefined ? (code ?? "unknown error") : message;
}
