import assert from "node:assert/strict";
import { loadAdapter, resetSdk, sdk } from "./moddable-fakes.ts";

const clock = { nowMs: () => sdk.time.nowMs };

class FakeWifi {
  connection = 200;
  connects: object[] = [];
  onChanged: () => void;
  constructor(options: { onChanged: () => void }) {
    this.onChanged = options.onChanged;
    wifi = this;
  }
  connect(options: object): void {
    this.connects.push(options);
  }
  become(connection: number): void {
    this.connection = connection;
    this.onChanged();
  }
}

interface ClientOptions {
  host: string;
  port: number;
  id: string;
  onControl(message: { operation: number }): void;
  onReadable(bytes: number, part: { topic?: string; more: boolean }): void;
  onError(): void;
}

class FakeClient {
  static CONNACK = 2;
  static SUBSCRIBE = 8;
  options: ClientOptions;
  writes: { data: number[] | null; options: object }[] = [];
  incoming: Uint8Array = new Uint8Array(0);
  closed = false;
  full = false;
  constructor(options: ClientOptions) {
    this.options = options;
    clients.push(this);
  }
  write(data: Uint8Array | null, options: object): void {
    if (this.full) throw new Error("overflow");
    this.writes.push({ data: data === null ? null : [...data], options });
  }
  read(bytes: number): ArrayBuffer {
    const part = this.incoming.slice(0, bytes);
    this.incoming = this.incoming.slice(bytes);
    return part.buffer as ArrayBuffer;
  }
  close(): void {
    this.closed = true;
  }
  /** A message in parts of these lengths. */
  deliver(topic: string, payload: Uint8Array, parts: number[]): void {
    this.incoming = payload;
    let at = 0;
    for (const [i, bytes] of parts.entries()) {
      at += bytes;
      this.options.onReadable(bytes, { topic: i === 0 ? topic : undefined, more: at < payload.length });
    }
  }
}

let wifi: FakeWifi;
let clients: FakeClient[] = [];

describe("the network port on Wi-Fi and MQTT", () => {
  let events: string[];

  beforeEach(() => {
    resetSdk();
    clients = [];
    events = [];
    sdk.modules["embedded:network/interface/wifi"] = FakeWifi;
    sdk.modules["embedded:network/mqtt/client"] = FakeClient;
    sdk.system.resolve = () => {};
  });

  async function open() {
    const { WifiNetwork } = await loadAdapter("network.ts");
    const network = new WifiNetwork({
      wifi: { ssid: "field", password: "secret" },
      mqtt: { host: "broker.example", port: 1883 },
      sntpHost: "time.example",
      clientId: "groundtruth-1",
      clock,
      log: { write: () => {} },
    });
    network.events = {
      onOnline: () => events.push("online"),
      onOffline: () => events.push("offline"),
      onMessage: (topic: string, payload: Uint8Array) => events.push(`${topic} ${payload.join()}`),
      onTime: () => events.push("time"),
    };
    network.start();
    return network;
  }

  function connect(): FakeClient {
    wifi.become(500);
    const client = clients.at(-1)!;
    client.options.onControl({ operation: FakeClient.CONNACK });
    return client;
  }

  it("connects, subscribes, and publishes at QoS 1 exactly the bytes it was given", async () => {
    const network = await open();
    assert.deepEqual(wifi.connects, [{ SSID: "field", password: "secret", secure: true }]);
    network.subscribe("a/control");
    network.subscribe("a/control");
    network.publish("a/token", Uint8Array.of(1), 1);
    const client = connect();
    network.publish("a/token", Uint8Array.of(1, 2, 3, 4), 3);
    assert.ok(network.online);
    assert.deepEqual(events, ["online"]);
    assert.deepEqual(client.writes, [
      { data: null, options: { operation: FakeClient.SUBSCRIBE, items: [{ topic: "a/control", QoS: 1 }] } },
      { data: [1, 2, 3], options: { topic: "a/token", QoS: 1 } },
    ]);
  });

  it("puts the parts of a message together, and leaves out one that is too long", async () => {
    await open();
    const client = connect();
    client.deliver("a/control", Uint8Array.of(1, 2, 3, 4, 5), [2, 2, 1]);
    client.deliver("a/control", new Uint8Array(600), [500, 100]);
    client.deliver("a/control", Uint8Array.of(7), [1]);
    assert.deepEqual(events, ["online", "a/control 1,2,3,4,5", "a/control 7"]);
  });

  it("a full socket loses the publication, not the connection", async () => {
    const network = await open();
    const client = connect();
    client.full = true;
    network.publish("a/token", Uint8Array.of(1), 1);
    assert.ok(network.online);
    assert.deepEqual(events, ["online"]);
  });

  it("after a loss it connects again, ever more slowly, and subscribes anew", async () => {
    const network = await open();
    network.subscribe("a/control");
    const client = connect();
    client.options.onError();
    assert.deepEqual(events, ["online", "offline"]);
    assert.ok(!network.online);
    const attempts: number[] = [];
    for (let i = 0; i < 9; i++) {
      const before = clients.length;
      while (clients.length === before) sdk.time.runUntil(sdk.time.nowMs + 1000);
      attempts.push(sdk.time.nowMs);
      clients.at(-1)!.options.onError();
    }
    const waits = attempts.map((at, i) => (at - (attempts[i - 1] ?? 0)) / 1000);
    assert.deepEqual(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
    while (clients.length === 10) sdk.time.runUntil(sdk.time.nowMs + 1000);
    const again = clients.at(-1)!;
    again.options.onControl({ operation: FakeClient.CONNACK });
    assert.equal(again.writes.length, 1);
    assert.deepEqual(events, ["online", "offline", "online"]);
  });

  it("without an address it associates again; the time is asked for only with one", async () => {
    const asked: string[] = [];
    sdk.system.resolve = (host) => asked.push(host);
    await open();
    const client = connect();
    assert.deepEqual(asked, ["time.example"]);
    wifi.become(200);
    assert.ok(client.closed);
    assert.deepEqual(events, ["online", "offline"]);
    sdk.time.runUntil(600_000);
    assert.ok(wifi.connects.length > 1);
    assert.deepEqual(asked, ["time.example"]);
    wifi.become(500);
    assert.deepEqual(asked, ["time.example", "time.example"]);
    assert.equal(clients.length, 2);
  });
});
