/**
 * A receiver's connection to its MQTT broker, for as long as the receiver runs. Node.js only.
 *
 *      +------------+   CONNACK, SUBACK    +-----------+
 *      | connecting | -------------------> | connected |
 *      +------------+ <------------------- +-----------+
 *         |      ^    the connection ends        |
 *         |      |  after 1 s, 2 s, ... 30 s     |
 *         +------+                               |
 *         |  refused for good                    |  another has taken its place
 *         +--------------> closed <--------------+
 *
 * The broker keeps the session while the receiver is away (not with a clean one), and with it what nodes publish at QoS 1. A message is
 * acknowledged to the broker once it is handled; what comes in while the receiver stops stays with the broker. That is a convenience, not
 * what guards a token: the node keeps it until the receiver's own acknowledgement.
 */
import { connect, type IClientOptions, type MqttClient } from "mqtt";

export interface LinkOptions {
  url: string;
  clientId: string;
  protocolVersion: 4 | 5;
  /** With a clean session the broker forgets the receiver as soon as it is away. */
  clean: boolean;
  topics: readonly string[];
  username?: string;
  password?: string;
  /** Certificate of the broker's authority, PEM. */
  ca?: string;
  /**
   * A place that one client at a time may have: a retained message names who came last. Not every broker tells a client that another has taken
   * its session, and two that take it from each other in turn would go on for ever.
   */
  place?: { topic: string; name: string };
}

export interface LinkEvents {
  message(topic: string, payload: Buffer): void;
  report(text: string): void;
  /** The link is closed for good. */
  failed(error: LinkError): void;
}

/** The broker cannot be used, and trying again would not help. */
export class LinkError extends Error {
  readonly next: string;

  constructor(message: string, next: string) {
    super(message);
    this.next = next;
  }
}

const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;
const CONNECT_MS = 10_000;
/** How long a broker keeps the session of a receiver that is away (MQTT 5.0 3.1.2.11.2): a weekend and a day, in seconds. */
const SESSION_EXPIRY_S = 3 * 86_400;
/** Bytes waiting for the broker to take them: beyond it acknowledgements are dropped, since nodes ask again. */
const MAX_OUTGOING_BYTES = 4 << 20;
/**
 * Answers at QoS 1 that are kept until the broker confirms them. While a receiver takes a backlog the confirmations stand behind all of it, so further
 * answers go at QoS 0: they are as good as long as nothing breaks.
 */
const MAX_UNCONFIRMED = 256;
/** CONNACK codes that do not change by waiting: MQTT 3.1.1 3.2.2.3 and MQTT 5.0 3.2.2.2. */
const REFUSED_FOR_GOOD: { readonly [code: number]: string } = {
  1: "it does not speak this version of MQTT",
  2: "it does not accept the client's name",
  4: "it does not accept the user name and password",
  5: "it does not let this user in",
  132: "it does not speak this version of MQTT",
  133: "it does not accept the client's name",
  134: "it does not accept the user name and password",
  135: "it does not let this user in",
  138: "it has banned this client",
};

export class MqttLink {
  readonly counters = { messages: 0, published: 0, dropped: 0, connects: 0 };
  readonly #client: MqttClient;
  readonly #events: LinkEvents;
  readonly #options: LinkOptions;
  #retryMs = FIRST_RETRY_MS;
  #complained = false;
  #stopping = false;
  #subscribed = false;
  #hasPlace = false;
  /** Answers at QoS 1 that the broker has not confirmed. */
  #unconfirmed = 0;
  #gathering = false;

  constructor(options: LinkOptions, events: LinkEvents) {
    this.#options = options;
    this.#events = events;
    const { url, clientId, protocolVersion, clean, username, password, ca } = options;
    const client: IClientOptions = {
      clientId,
      protocolVersion,
      clean,
      reconnectPeriod: FIRST_RETRY_MS,
      connectTimeout: CONNECT_MS,
      resubscribe: false,
      queueQoSZero: false,
      // Its own log asks its environment at every packet whether anybody wants it.
      log: () => {},
      ...(username === undefined ? {} : { username, password }),
      ...(ca === undefined ? {} : { ca }),
      ...(protocolVersion === 5 && !clean ? { properties: { sessionExpiryInterval: SESSION_EXPIRY_S } } : {}),
    };
    this.#client = connect(url, client);
    this.#client.handleMessage = (packet, done) => this.#handle(packet.topic, packet.payload as Buffer, done);
    this.#client.on("connect", () => void this.#connected());
    this.#client.on("close", () => this.#closed());
    this.#client.on("error", (error) => this.#error(error));
  }

  /** Connected, and subscribed to everything. */
  get connected(): boolean {
    return this.#subscribed && this.#client.connected;
  }

  /** Publishes an answer to a node, or drops it when the broker is not there or does not take it: the node will ask again. */
  answer(topic: string, body: string | Uint8Array): void {
    if (!this.#client.connected || this.#client.stream.writableLength > MAX_OUTGOING_BYTES) {
      this.counters.dropped++;
      return;
    }
    this.counters.published++;
    this.#gather();
    if (this.#unconfirmed >= MAX_UNCONFIRMED) {
      this.#client.publish(topic, body as string | Buffer, { qos: 0 });
      return;
    }
    this.#unconfirmed++;
    this.#client.publish(topic, body as string | Buffer, { qos: 1 }, () => {
      this.#unconfirmed--;
    });
  }

  /** Publishes at QoS 1; `done` when the broker has it. */
  publish(topic: string, payload: string | Buffer, done: (error?: Error) => void): void {
    this.#client.publish(topic, payload, { qos: 1 }, (error) => done(error ?? undefined));
  }

  /** From now on messages stay with the broker. */
  pause(): void {
    this.#stopping = true;
  }

  /** Ends the connection in an orderly way, when what was published is on its way. */
  async close(): Promise<void> {
    this.#stopping = true;
    const ended = new Promise<void>((resolve) => this.#client.end(!this.#client.connected, {}, () => resolve()));
    // A broker that does not answer is not waited for.
    const timer = setTimeout(() => this.#client.end(true), 2_000);
    await ended;
    clearTimeout(timer);
  }

  #handle(topic: string, payload: Buffer, done: () => void): void {
    // Without `done` the broker gets no PUBACK, and mqtt hands us no further message.
    if (this.#stopping) return;
    const { place } = this.#options;
    if (topic !== place?.topic) {
      this.counters.messages++;
      this.#events.message(topic, payload);
    } else if (payload.toString("utf8") !== place.name) {
      this.#fail("another receiver has taken this one's place", "run one receiver for each partition");
    }
    this.#gather();
    done();
  }

  /** What is written from here on goes out together at the end of this turn: mqtt would make a system call of each packet. */
  #gather(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    const { stream } = this.#client;
    stream.cork();
    setImmediate(() => {
      this.#gathering = false;
      stream.uncork();
    });
  }

  async #connected(): Promise<void> {
    const { topics, place } = this.#options;
    this.counters.connects++;
    this.#retryMs = FIRST_RETRY_MS;
    this.#client.options.reconnectPeriod = FIRST_RETRY_MS;
    try {
      const wanted = [...topics];
      if (place !== undefined) {
        if (!this.#hasPlace) await this.#client.publishAsync(place.topic, place.name, { qos: 1, retain: true });
        this.#hasPlace = true;
        wanted.push(place.topic);
      }
      const grants = wanted.length === 0 ? [] : await this.#client.subscribeAsync(wanted, { qos: 1 });
      const denied = grants.find(({ qos }) => qos >= 128);
      if (denied !== undefined) {
        this.#fail(
          `it denies the subscription to ${denied.topic}`,
          "allow this user to read that topic, or name other sources with --source",
        );
        return;
      }
    } catch (error) {
      // The connection broke meanwhile: there will be another. A refusal comes as an error too.
      if (!this.#client.connected || this.#stopping) return;
      this.#fail(
        `it denies the subscription: ${(error as Error).message}`,
        "allow this user to read the topics of the sources",
      );
      return;
    }
    this.#subscribed = true;
    this.#complained = false;
    this.#events.report(`connected to ${withoutPassword(this.#options.url)}`);
  }

  #closed(): void {
    if (this.#subscribed && !this.#stopping)
      this.#events.report(`${withoutPassword(this.#options.url)} has gone away; trying again`);
    this.#subscribed = false;
    // What is set here holds from the next attempt on.
    this.#client.options.reconnectPeriod = this.#retryMs;
    this.#retryMs = Math.min(2 * this.#retryMs, MAX_RETRY_MS);
  }

  #error(error: Error & { code?: number | string }): void {
    const { code } = error;
    const reason = typeof code === "number" ? REFUSED_FOR_GOOD[code] : undefined;
    if (reason !== undefined) this.#fail(reason, "check --mqtt, --mqtt-login, and the broker's own list of users");
    else if (!this.#complained && !this.#stopping) {
      this.#complained = true;
      this.#events.report(`${withoutPassword(this.#options.url)} cannot be reached (${describe(error)}); trying again`);
    }
  }

  #fail(what: string, next: string): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#client.end(true);
    this.#events.failed(new LinkError(`the MQTT broker cannot be used: ${what}`, next));
  }
}

/** The URL as it may be shown. */
export function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, "//");
}

/** Node hides several refusals (IPv6 and IPv4) in an AggregateError without a message. */
function describe({ message, code }: { message: string; code?: number | string }): string {
  return message === "" ? `${code ?? "unknown error"}` : message;
}
