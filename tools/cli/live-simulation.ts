/** `simulate` with somebody real on the other side: a network server (`--gwmp`), or an MQTT broker (`--mqtt`). */
import { toHex } from "../../host-sim/network/text-encoding.ts";
import { gatewayCount, gatewayEui } from "../../host-sim/scenarios/field.ts";
import { ChirpstackIntegration } from "../live/chirpstack-integration.ts";
import { GwmpNetwork, type ServerAddress } from "../live/gwmp-network.ts";
import { LiveError } from "../live/live-error.ts";
import { NODE_CLOCK } from "../live/node-clock.ts";
import { RealBroker } from "../live/real-broker.ts";
import { NODE_CRYPTO } from "../receiver/node-crypto.ts";
import { BrokerCarrier } from "../simulation/broker-carrier.ts";
import { ClosedLoop, type Phase } from "../simulation/closed-loop.ts";
import type { SimulationOptions } from "../simulation/options.ts";
import { Pacer } from "../simulation/pacer.ts";
import type { SimulationSink } from "../simulation/sink.ts";
import type { Summary } from "../simulation/summary.ts";
import { CommandError } from "./command-error.ts";

/** A simulation that can begin: everything it needs is there. */
export interface PreparedSimulation {
  run(sink: SimulationSink): Promise<Summary>;
  /** Lets go of what it holds, whether it ran or not. */
  close?(): Promise<void>;
}

export interface GwmpFlags {
  server: ServerAddress;
  /** The MQTT broker of the server's integration. */
  integration?: string;
  /** Seconds of virtual time in a second, at most. */
  speed: number;
}

/** How long nodes may go on delivering at the end, in seconds of virtual time; without a receiver they wait in vain. */
const DRAIN_S = { acknowledged: 900, unacknowledged: 30 };
/** Devices that are listed one by one. */
const LISTED_NODES = 10;

/** Tokens and acknowledgements of the Wi-Fi path through a real broker. */
export async function prepareBroker(url: string, options: SimulationOptions): Promise<PreparedSimulation> {
  const next = "start a broker there, or correct the URL (mqtt://host:port)";
  const broker = await orCommandError("--mqtt", next, () => RealBroker.open(url));
  const run = async (sink: SimulationSink): Promise<Summary> => {
    const carrier = new BrokerCarrier(broker);
    const loop = new ClosedLoop(options, sink, NODE_CRYPTO, "node", { broker: carrier });
    return loop.runWith((phase) => carrier.run(loop.world, phase));
  };
  return {
    run: (sink) => orCommandError("--mqtt", "look at the broker's log", () => run(sink)),
    close: () => broker.close(),
  };
}

/** A real network server behind the simulated air, in real time. `say` tells the operator what the server must know. */
export async function prepareGwmp(
  { server, integration, speed }: GwmpFlags,
  options: SimulationOptions,
  say: (line: string) => void,
): Promise<PreparedSimulation> {
  const gateways = Array.from({ length: gatewayCount(options.nodes) }, (_, index) => toHex(gatewayEui(index)));
  const edge = await orCommandError("--integration-mqtt", "start the broker, or correct the URL", async () =>
    integration === undefined ? undefined : ChirpstackIntegration.open(integration),
  );
  const network = await orCommandError("--gwmp", "start the network server, or correct HOST:PORT", async () => {
    try {
      return await GwmpNetwork.open(server, gateways);
    } catch (error) {
      await edge?.close();
      throw error;
    }
  });
  const live: SimulationOptions = {
    ...options,
    startUnixMs: Date.now(),
    drainS: edge === undefined ? DRAIN_S.unacknowledged : DRAIN_S.acknowledged,
  };
  const run = async (sink: SimulationSink): Promise<Summary> => {
    // What runs for hours of real time is ended by Ctrl-C, and keeps what it has; a second one ends it at once.
    let interrupted = false;
    process.once("SIGINT", () => {
      interrupted = true;
    });
    say(`gateways: ${gateways.join(", ")}`);
    if (edge === undefined) say("no --integration-mqtt: the receiver hears nothing, and no reading will be verified");
    const outside = { connect: network.connect.bind(network), integration: edge };
    const loop = new ClosedLoop(live, announcing(sink, options, say), NODE_CRYPTO, "node", { network: outside });
    const pacer = new Pacer(loop.world, NODE_CLOCK, speed);
    const summary = await loop.runWith(async ({ untilUs, isOver }: Phase) => {
      await pacer.run({ untilUs, isOver: () => interrupted || edge?.failure !== undefined || isOver?.() === true });
      if (edge?.failure !== undefined) throw edge.failure;
    });
    for (const { gateway, forwarder } of network.gateways) {
      const { pushed, pushAcknowledged, downlinks } = forwarder.counters;
      say(`gateway ${gateway.id}: ${pushed} reports, ${pushAcknowledged} acknowledged, ${downlinks} downlinks`);
    }
    return summary;
  };
  const close = async (): Promise<void> => {
    network.close();
    await edge?.close();
  };
  return { run: (sink) => orCommandError("--gwmp", "look at the server's log", () => run(sink)), close };
}

/** Tells which nodes a network server must know before they can join. Their keys stand in files that their owner alone can read. */
function announcing(sink: SimulationSink, { nodes }: SimulationOptions, say: (line: string) => void): SimulationSink {
  let listed = 0;
  return {
    ...sink,
    nodeFile(name, content) {
      sink.nodeFile(name, content);
      if (!name.endsWith(".secrets.json")) return;
      const { devEui, joinEui } = content as Record<string, string>;
      if (listed < LISTED_NODES) say(`device: DevEUI ${devEui}, JoinEUI ${joinEui}`);
      if (++listed === nodes) {
        if (nodes > LISTED_NODES) say(`and ${nodes - LISTED_NODES} more devices`);
        say("AppKeys: --out DIR writes them into DIR/nodes/*.secrets.json; one seed always has the same");
      }
    },
  };
}

async function orCommandError<Value>(flag: string, next: string, action: () => Promise<Value>): Promise<Value> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof LiveError) throw new CommandError(error.message, `${flag} ${error.where}`, next);
    throw error;
  }
}
