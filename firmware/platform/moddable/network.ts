/**
 * The network port: MQTT 3.1.1 over Wi-Fi, with the SDK's clients.
 *
 *   waiting --timer--> associating --address--> connecting --CONNACK--> online
 *      ^                    | lost                  | error                | lost, error
 *      +--------------------+-----------------------+----------------------+
 *   The wait is 5 s, doubled with each failure up to 5 minutes; being online starts it anew.
 *
 * The connection is not encrypted: tokens are signed, and the receiver's answers carry a tag under a shared key.
 */
import TCP from "embedded:io/socket/tcp";
import WiFi from "embedded:network/interface/wifi";
import MQTTClient, { type MqttMessage, type MqttPart, type ResolveRequest } from "embedded:network/mqtt/client";
import { TIME_REFRESH_MS, TIME_RETRY_FIRST_MS } from "../../core/bounds.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Network, NetworkEvents } from "../../ports/network.ts";
import type { MqttSettings, WifiSettings } from "./provisioning.ts";
import { SntpClient } from "./sntp.ts";
import { LoopTimer } from "./timer.ts";

const RETRY_FIRST_MS = 5_000;
const RETRY_MAX_MS = 300_000;
const KEEP_ALIVE_MS = 60_000;
/** The SDK's `connection` when the station has an address. */
const HAS_ADDRESS = 500;
const ASSOCIATED = 400;
/** Messages to a node are acknowledgements of 50 bytes; a longer one is not for this firmware. */
const MESSAGE_BYTES_MAX = 512;

export interface NetworkOptions {
  wifi: WifiSettings;
  mqtt: MqttSettings;
  sntpHost: string;
  /** MQTT's client identifier. */
  clientId: string;
  clock: Clock;
  log: Log;
}

/** Asks the name servers that DHCP gave. */
class DhcpResolver {
  resolve(request: ResolveRequest): void {
    System.resolve(request.host, (host, address) => {
      if (address === undefined) request.onError(host);
      else request.onResolved(host, address);
    });
  }
}

export class WifiNetwork implements Network {
  /** Set by whoever made the application. */
  events: NetworkEvents | undefined;
  #options: NetworkOptions;
  #wifi: WiFi | undefined;
  #client: MQTTClient | undefined;
  #online = false;
  #topics: string[] = [];
  #retryMs = RETRY_FIRST_MS;
  #retryTimer: LoopTimer;
  #sntp: SntpClient;
  #sntpTimer: LoopTimer;
  #message = new Uint8Array(MESSAGE_BYTES_MAX);
  #messageLength = 0;
  #messageTopic = "";
  #askTime: () => void;
  #associate: () => void;

  constructor(options: NetworkOptions) {
    this.#options = options;
    this.#retryTimer = new LoopTimer(options.clock);
    this.#sntpTimer = new LoopTimer(options.clock);
    this.#sntp = new SntpClient(options.clock);
    this.#askTime = () => this.#requestTime();
    this.#associate = () => this.#connectWifi();
  }

  get online(): boolean {
    return this.#online;
  }

  /** Begins to connect, and goes on for ever. */
  start(): void {
    this.#wifi = new WiFi({ onChanged: () => this.#wifiChanged() });
    this.#connectWifi();
  }

  subscribe(topic: string): void {
    if (this.#topics.includes(topic)) return;
    this.#topics.push(topic);
    if (this.#online) this.#subscribeTo([topic]);
  }

  publish(topic: string, payload: Uint8Array, length: number): void {
    if (!this.#online || this.#client === undefined) return;
    try {
      this.#client.write(payload.subarray(0, length), { topic, QoS: 1 });
    } catch {
      // The socket's buffer is full; the uplink publishes again when no acknowledgement comes.
      this.#log("publish: no room");
    }
  }

  #connectWifi(): void {
    const { ssid, password } = this.#options.wifi;
    if (this.#wifi === undefined) return;
    if (this.#wifi.connection >= HAS_ADDRESS) {
      this.#connectMqtt();
      return;
    }
    try {
      this.#wifi.connect(password === undefined ? { SSID: ssid } : { SSID: ssid, password, secure: true });
    } catch {
      this.#failed("wifi: cannot connect");
    }
  }

  #wifiChanged(): void {
    const connection = this.#wifi?.connection ?? 0;
    if (connection >= HAS_ADDRESS) {
      this.#connectMqtt();
      this.#requestTime();
    } else if (connection < ASSOCIATED) this.#failed("wifi: lost");
  }

  #connectMqtt(): void {
    if (this.#client !== undefined) return;
    const { host, port, user, password } = this.#options.mqtt;
    this.#retryTimer.cancel();
    this.#client = new MQTTClient({
      host,
      port,
      user,
      password,
      id: this.#options.clientId,
      clean: true,
      keepalive: KEEP_ALIVE_MS,
      socket: { io: TCP },
      dns: { io: DhcpResolver },
      onControl: (message) => this.#controlled(message),
      onReadable: (bytes, part) => this.#read(bytes, part),
      onError: () => {
        // The SDK's client closes itself after this call.
        this.#client = undefined;
        this.#failed("mqtt: lost");
      },
    });
  }

  #controlled(message: MqttMessage): void {
    if (message.operation !== MQTTClient.CONNACK) return;
    this.#online = true;
    this.#retryMs = RETRY_FIRST_MS;
    if (this.#topics.length > 0) this.#subscribeTo(this.#topics);
    this.#log("online");
    this.events?.onOnline();
  }

  #subscribeTo(topics: readonly string[]): void {
    const items = topics.map((topic) => ({ topic, QoS: 1 }));
    this.#client?.write(null, { operation: MQTTClient.SUBSCRIBE, items });
  }

  /** A message comes in one part or more; the first one has the topic. */
  #read(bytes: number, part: MqttPart): void {
    const received = new Uint8Array(this.#client!.read(bytes));
    if (part.topic !== undefined) {
      this.#messageTopic = part.topic;
      this.#messageLength = 0;
    }
    const end = this.#messageLength + received.length;
    if (end <= MESSAGE_BYTES_MAX) this.#message.set(received, this.#messageLength);
    this.#messageLength = end;
    if (part.more || end > MESSAGE_BYTES_MAX) return;
    this.events?.onMessage(this.#messageTopic, this.#message.subarray(0, end));
  }

  #failed(what: string): void {
    const { clock } = this.#options;
    const wasOnline = this.#online;
    this.#online = false;
    this.#client?.close();
    this.#client = undefined;
    this.#log(what);
    this.#retryTimer.wakeAt(clock.nowMs() + this.#retryMs, this.#associate);
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MAX_MS);
    if (wasOnline) this.events?.onOffline();
  }

  /** Asks now, and again when no answer came or when the time has grown old. */
  #requestTime(): void {
    const { clock, sntpHost } = this.#options;
    this.#sntpTimer.wakeAt(clock.nowMs() + TIME_RETRY_FIRST_MS, this.#askTime);
    if (this.#wifi === undefined || this.#wifi.connection < HAS_ADDRESS) return;
    this.#sntp.ask(sntpHost, (unixMs, atMs, uncertaintyMs) => {
      this.#sntpTimer.wakeAt(atMs + TIME_REFRESH_MS, this.#askTime);
      this.events?.onTime(unixMs, atMs, uncertaintyMs);
    });
  }

  #log(text: string): void {
    this.#options.log.write("info", "network", text);
  }
}
