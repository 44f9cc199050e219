/**
 * A real network server behind the simulated air: the Semtech UDP protocol through sockets of this machine. Node.js only.
 *
 * Each gateway has a socket of its own, as gateways have: a PULL_RESP does not name the gateway that it is for. The sockets are connected, so
 * that only datagrams from the server's address come in.
 */
import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { isIPv6 } from "node:net";
import type { Gateway } from "../../host-sim/network/gateway.ts";
import { parseDatagram, writeDatagram } from "../../host-sim/network/gwmp/datagram.ts";
import { ForwardingGateway } from "../../host-sim/network/gwmp/forwarding-gateway.ts";
import type { World } from "../../host-sim/world.ts";
import { LiveError } from "./live-error.ts";

export interface ServerAddress {
  host: string;
  port: number;
}

/** What packet forwarders are configured for. */
const DEFAULT_PORT = 1700;
/** The server is asked so often whether it is there, and has so long to answer. */
const PROBES = 5;
const PROBE_MS = 1_000;

/** `host`, `host:port` or `[IPv6]:port`; undefined when it is none of them. */
export function parseServerAddress(text: string): ServerAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/]+))(?::(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const port = match[3] === undefined ? DEFAULT_PORT : Number(match[3]);
  return port >= 1 && port <= 65_535 ? { host: match[1] ?? match[2], port } : undefined;
}

export class GwmpNetwork {
  /** Datagrams sent and received, and errors of the sockets by their code: a server that is not there shows as ECONNREFUSED. */
  readonly counters = { sent: 0, received: 0, errors: {} as Record<string, number> };
  readonly gateways: ForwardingGateway[] = [];
  readonly #server: ServerAddress;
  readonly #name: string;
  #sockets: Socket[] = [];

  private constructor(server: ServerAddress, name: string) {
    this.#server = server;
    this.#name = name;
  }

  /** Finds the server and opens a socket for each gateway; fails when the server does not answer the first one's PULL_DATA. */
  static async open(server: ServerAddress, gatewayIds: readonly string[]): Promise<GwmpNetwork> {
    const name = `${server.host}:${server.port}`;
    const host = await resolve(server.host, name);
    const network = new GwmpNetwork({ host, port: server.port }, name);
    try {
      for (const _ of gatewayIds) network.#sockets.push(await network.#connectedSocket());
      await network.#probe(network.#sockets[0], gatewayIds[0]);
    } catch (error) {
      network.close();
      throw error;
    }
    return network;
  }

  /** Puts packet forwarders before the gateways. What comes in is taken at the world's present. */
  connect(world: World, gateways: readonly Gateway[]): void {
    gateways.forEach((gateway, index) => {
      const socket = this.#sockets[index];
      const forwarding = new ForwardingGateway(world, gateway);
      forwarding.onSend = (bytes) => {
        this.counters.sent++;
        socket.send(bytes);
      };
      socket.on("message", (bytes) => {
        this.counters.received++;
        // The buffer is the socket's own.
        const copy = new Uint8Array(bytes);
        world.after(0, () => forwarding.receive(copy));
      });
      this.gateways.push(forwarding);
    });
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
    this.#sockets = [];
  }

  async #connectedSocket(): Promise<Socket> {
    const { host, port } = this.#server;
    const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
    await new Promise<void>((done, failed) => {
      socket.once("error", failed);
      socket.connect(port, host, () => {
        socket.removeListener("error", failed);
        done();
      });
    }).catch((error: Error) => {
      throw new LiveError(`no way to the network server: ${error.message}`, this.#name);
    });
    // UDP has no connection that could break: what is lost is lost, and the next PULL_DATA tries again.
    socket.on("error", ({ code }: NodeJS.ErrnoException) => {
      const name = code ?? "unknown";
      this.counters.errors[name] = (this.counters.errors[name] ?? 0) + 1;
    });
    return socket;
  }

  async #probe(socket: Socket, gatewayId: string): Promise<void> {
    for (let token = 1; token <= PROBES; token++) if (await answers(socket, token, gatewayId)) return;
    throw new LiveError(
      "no network server answers the Semtech UDP protocol (PULL_DATA without a PULL_ACK)",
      this.#name,
    );
  }
}

/** Sends a PULL_DATA; true when its PULL_ACK comes within PROBE_MS. */
function answers(socket: Socket, token: number, gatewayId: string): Promise<boolean> {
  return new Promise((done) => {
    const settle = (answered: boolean): void => {
      clearTimeout(timer);
      socket.removeListener("message", onMessage);
      done(answered);
    };
    const onMessage = (bytes: Uint8Array): void => {
      const parsed = parseDatagram(bytes);
      if (parsed.ok && parsed.datagram.kind === "pull-ack" && parsed.datagram.token === token) settle(true);
    };
    const timer = setTimeout(() => settle(false), PROBE_MS);
    socket.on("message", onMessage);
    socket.send(writeDatagram({ kind: "pull-data", token, gatewayId }));
  });
}

async function resolve(host: string, name: string): Promise<string> {
  try {
    return (await lookup(host)).address;
  } catch (error) {
    throw new LiveError(`the network server's address is not known: ${(error as Error).message}`, name);
  }
}
