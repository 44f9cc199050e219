/**
 * Where the simulated network ends and the operator's side begins: ChirpStack's MQTT topics and JSON, nothing else. A receiver stands behind
 * this interface in a simulation and behind a real server's broker in the field, and cannot tell which.
 */

import type { RandomStream } from "../random-stream.ts";
import type { World } from "../world.ts";
import { type CommandRefusal, parseCommand } from "./chirpstack-commands.ts";
import {
  ackJson,
  type ChirpstackNames,
  type EventName,
  eventTopic,
  joinJson,
  logJson,
  namesIn,
  txackJson,
  upJson,
} from "./chirpstack-events.ts";
import type { Device, DeviceRegistration } from "./device-session.ts";
import type { NetworkGateway } from "./gateway.ts";
import type { NetworkListener } from "./network-events.ts";
import { NetworkServer, type NetworkServerOptions } from "./network-server.ts";
import { randomUuid } from "./text-encoding.ts";

export interface NetworkEdge {
  /** `listener` gets every event of the integration. */
  onUplink(listener: (topic: string, json: string) => void): void;
  /** Hands a command to the integration. */
  publish(topic: string, json: string): void;
}

export interface SimulatedNetworkOptions extends Omit<NetworkServerOptions, "listener"> {
  /** Between the server and whoever stands behind the edge, one way. */
  integrationMs?: number;
  names?: ChirpstackNames;
}

type EdgeRefusal = CommandRefusal | "wrong-application" | "unknown-device" | "queue-full";

/** A network server with its integration. */
export class SimulatedNetwork implements NetworkEdge {
  readonly server: NetworkServer;
  /** Commands taken, and refused by reason. */
  readonly commands = { taken: 0, refused: {} as Partial<Record<EdgeRefusal, number>> };
  #world: World;
  #names: ChirpstackNames;
  #latencyUs: number;
  #random: RandomStream;
  #listeners: ((topic: string, json: string) => void)[] = [];

  constructor(world: World, options: SimulatedNetworkOptions) {
    this.#world = world;
    this.#names = options.names ?? namesIn(options.plan.region.name, options.plan.subBand);
    this.#latencyUs = (options.integrationMs ?? 50) * 1000;
    this.#random = world.random("integration");
    this.server = new NetworkServer(world, { ...options, listener: this.#listener() });
  }

  addGateway(gateway: NetworkGateway): void {
    this.server.addGateway(gateway);
  }

  register(registration: DeviceRegistration): Device {
    return this.server.register(registration);
  }

  onUplink(listener: (topic: string, json: string) => void): void {
    this.#listeners.push(listener);
  }

  publish(topic: string, json: string): void {
    this.#world.after(this.#latencyUs, () => {
      const reason = this.#take(topic, json);
      if (reason === undefined) this.commands.taken++;
      else this.commands.refused[reason] = (this.commands.refused[reason] ?? 0) + 1;
    });
  }

  #take(topic: string, json: string): EdgeRefusal | undefined {
    const parsed = parseCommand(topic, json);
    if (!parsed.ok) return parsed.reason;
    const { applicationId, devEui, id, confirmed, fPort, data } = parsed.command;
    if (applicationId !== this.#names.applicationId) return "wrong-application";
    return this.server.enqueue(devEui, { id: id ?? randomUuid(this.#random), confirmed, fPort, data });
  }

  #listener(): NetworkListener {
    const names = this.#names;
    return {
      onJoined: (event) => this.#emit(event.device, "join", joinJson(names, event)),
      onUplink: (event) => this.#emit(event.device, "up", upJson(names, event, this.#world.unixMs)),
      onAcknowledged: (event) => this.#emit(event.device, "ack", ackJson(names, event)),
      onTransmission: (event) => this.#emit(event.device, "txack", txackJson(names, event)),
      onLogged: (event) => this.#emit(event.device, "log", logJson(names, event)),
    };
  }

  #emit(device: Device, event: EventName, json: string): void {
    const topic = eventTopic(this.#names, device.devEui, event);
    this.#world.after(this.#latencyUs, () => {
      for (const listener of this.#listeners) listener(topic, json);
    });
  }
}
