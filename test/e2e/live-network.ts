/** Real servers on loopback for the tests of `simulate --mqtt` and `simulate --gwmp`: a broker, and our own network server behind UDP. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket as TcpSocket } from "node:net";
import { Aedes } from "aedes";
import { connectAsync, type MqttClient } from "mqtt";
import { EU868 } from "../../firmware/core/lorawan/region/eu868.ts";
import { RemoteGateways } from "../../host-sim/network/gwmp/remote-gateways.ts";
import { SimulatedNetwork } from "../../host-sim/network/network-edge.ts";
import { NetworkPlan } from "../../host-sim/network/network-plan.ts";
import { World } from "../../host-sim/world.ts";
import { NODE_CLOCK } from "../../tools/live/node-clock.ts";
import { hexToBytes } from "../../tools/receiver/hex.ts";
import { Pacer } from "../../tools/simulation/pacer.ts";

export interface PublishedMessage {
  topic: string;
  payload: Uint8Array;
}

/** An MQTT broker (aedes) on a free port of 127.0.0.1. */
export class TestBroker {
  readonly url: string;
  /** What clients published. */
  readonly published: PublishedMessage[] = [];
  #aedes: Aedes;
  #server: Server;
  #sockets = new Set<TcpSocket>();

  private constructor(aedes: Aedes, server: Server) {
    this.#aedes = aedes;
    this.#server = server;
    this.url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    aedes.on("publish", ({ topic, payload }, client) => {
      if (client) this.published.push({ topic, payload: new Uint8Array(payload as Buffer) });
    });
  }

  static async start(): Promise<TestBroker> {
    const aedes = await Aedes.createBroker();
    const server = createServer(aedes.handle);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new TestBroker(aedes, server);
  }

  /** Calls `then` as soon as so many messages were published. */
  after(messages: number, then: () => void): void {
    this.#aedes.on("publish", () => {
      if (this.published.length === messages) then();
    });
  }

  /** Drops every connection and takes no more. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await new Promise<void>((done) => this.#aedes.close(() => done()));
  }
}

export interface DeviceSecrets {
  devEui: string;
  joinEui: string;
  appKey: string;
}

/** Our network server behind a real UDP socket on a free port of 127.0.0.1, with a ChirpStack integration on a broker. */
export class UdpNetworkServer {
  readonly address: string;
  readonly network: SimulatedNetwork;
  readonly remote: RemoteGateways;
  #socket: Socket;
  #client: MqttClient;
  #over = false;
  #paced: Promise<void>;

  private constructor(socket: Socket, client: MqttClient, devices: readonly DeviceSecrets[], speed: number) {
    const world = new World(1, Date.now());
    // RX1 after 5 s leaves room for what the machine does beside this test.
    this.network = new SimulatedNetwork(world, { plan: new NetworkPlan(EU868), rx1DelayS: 5 });
    this.remote = new RemoteGateways(world, this.network, EU868.subBands);
    for (const { devEui, joinEui, appKey } of devices) {
      this.network.register({ devEui: hexToBytes(devEui), joinEui: hexToBytes(joinEui), appKey: hexToBytes(appKey) });
    }
    socket.on("message", (bytes, { address, port }) => {
      const copy = new Uint8Array(bytes);
      world.after(0, () => this.remote.receive(copy, `${address}:${port}`));
    });
    this.remote.onSend = (bytes, to) => {
      const [address, port] = to.split(":");
      socket.send(bytes, Number(port), address);
    };
    this.network.onUplink((topic, json) => client.publish(topic, json, { qos: 1 }));
    client.on("message", (topic, payload) => this.network.publish(topic, payload.toString()));
    this.#socket = socket;
    this.#client = client;
    this.address = `127.0.0.1:${socket.address().port}`;
    this.#paced = this.#pace(world, speed);
  }

  static async start(brokerUrl: string, devices: readonly DeviceSecrets[], speed: number): Promise<UdpNetworkServer> {
    const client = await connectAsync(brokerUrl);
    await client.subscribeAsync("application/+/device/+/command/down", { qos: 1 });
    const socket = createSocket("udp4");
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    return new UdpNetworkServer(socket, client, devices, speed);
  }

  async stop(): Promise<void> {
    this.#over = true;
    await this.#paced;
    this.#socket.close();
    await this.#client.endAsync();
  }

  /** Something happens every 100 ms, so that the pacer sees that it is over. */
  async #pace(world: World, speed: number): Promise<void> {
    const tick = (): void => {
      world.after(100_000, tick);
    };
    tick();
    await new Pacer(world, NODE_CLOCK, speed).run({ untilUs: Number.POSITIVE_INFINITY, isOver: () => this.#over });
  }
}
