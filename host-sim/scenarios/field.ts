/**
 * A field of virtual nodes with the network that they use: nodes strewn around gateways that stand on a grid, or nodes on Wi-Fi with a
 * broker. It ends at the network's edge (`network`, `broker`): whoever stands behind that is not its business.
 */
import { EU868 } from "../../firmware/core/lorawan/region/eu868.ts";
import { cos, PI, sin } from "../../firmware/wire/exact-math.ts";
import { KEY_SLOT } from "../../firmware/wire/key-slot.ts";
import { WEATHER } from "../../firmware/wire/profiles/weather.ts";
import type { Reading } from "../../firmware/wire/reading-record.ts";
import { Broker } from "../network/broker.ts";
import { Gateway } from "../network/gateway.ts";
import { SimulatedNetwork } from "../network/network-edge.ts";
import { NetworkPlan } from "../network/network-plan.ts";
import { type AirTransmission, RadioChannel } from "../radio/channel.ts";
import type { Position } from "../radio/propagation.ts";
import type { RandomStream } from "../random-stream.ts";
import { type Uplink, VirtualNode } from "../virtual-node.ts";
import { LocalWeather } from "../weather/local-weather.ts";
import type { Weather } from "../weather/weather.ts";
import type { World } from "../world.ts";

export interface FieldOptions {
  world: World;
  weather: Weather;
  nodes: number;
  uplink: "lorawan" | "wifi";
  fixedDataRate?: number;
  sampleIntervalS: number;
  batchReadings: number;
  lossProbability: number;
  /** Nodes boot one after the other, spread over this time. */
  bootSpreadMs: number;
  /** And deliver their last readings spread over this time. */
  drainSpreadMs: number;
  observer: FieldObserver;
}

/** What the field tells about its nodes, by their index. Readings and tokens are good until the call returns. */
export interface FieldObserver {
  onSample(node: number, reading: Reading): void;
  onToken(node: number, seq: number, token: Uint8Array): void;
  onFrame(transmission: AirTransmission): void;
  onPublished(topic: string, payload: Uint8Array): void;
}

/** A gateway with eight channels serves this many nodes with air to spare. */
const NODES_PER_GATEWAY = 100;
/** Reach of SF7 in this path-loss model is 3 km; nodes stand nearer, gateways overlap. */
const NODE_DISTANCE_M = { from: 200, to: 2_200 };
const GATEWAY_GRID_M = 3_000;
/** The first sample waits so long for the time from the network. */
const TIME_WAIT_MS = 120_000;
/** Locally administered EUI-64s: "GT", then a number. */
const EUI_PREFIX = [0x02, 0x47, 0x54];
const JOIN_EUI = new Uint8Array([...EUI_PREFIX, 0xff, 0xff, 0, 0, 1]);
const OEMID = new Uint8Array(EUI_PREFIX);
/** "virtual-esp32s3" */
const HWMODEL = new Uint8Array([
  0x76, 0x69, 0x72, 0x74, 0x75, 0x61, 0x6c, 0x2d, 0x65, 0x73, 0x70, 0x33, 0x32, 0x73, 0x33,
]);

export class Field {
  readonly world: World;
  readonly nodes: VirtualNode[] = [];
  /** With LoRaWAN: the network server's integration. */
  readonly network: SimulatedNetwork | undefined;
  /** With Wi-Fi: the MQTT broker. */
  readonly broker: Broker | undefined;
  readonly channel: RadioChannel | undefined;
  readonly gateways: Gateway[] = [];
  /** Frames of nodes: sent, and their time on air. On Wi-Fi: publications. */
  readonly counters = { framesUp: 0, airtimeUs: 0 };
  #options: FieldOptions;

  constructor(options: FieldOptions) {
    this.#options = options;
    const { world, observer, lossProbability } = options;
    this.world = world;
    if (options.uplink === "lorawan") {
      this.channel = new RadioChannel(world, { lossProbability });
      this.channel.onTransmission((transmission) => {
        if (!transmission.modulation.invertIq) {
          this.counters.framesUp++;
          this.counters.airtimeUs += transmission.endUs - transmission.startUs;
        }
        observer.onFrame(transmission);
      });
      this.network = new SimulatedNetwork(world, { plan: new NetworkPlan(EU868) });
    } else {
      this.broker = new Broker(world);
      this.broker.onPublished = (topic, payload) => {
        if (topic.endsWith("/token")) this.counters.framesUp++;
        observer.onPublished(topic, payload);
      };
    }
    const places = world.random("field/places");
    const sites = gatewaySites(Math.ceil(options.nodes / NODES_PER_GATEWAY));
    if (this.network !== undefined) for (const site of sites) this.#addGateway(site);
    for (let i = 0; i < options.nodes; i++) this.#addNode(i, placeNear(sites[i % sites.length], places));
  }

  /** Switches the nodes on, one after the other. */
  start(): void {
    const random = this.world.random("field/boot");
    for (const node of this.nodes) {
      this.world.after(Math.floor(random.unit() * this.#options.bootSpreadMs) * 1000, () => node.powerOn());
    }
  }

  /** One after the other, as they were switched on, the nodes take no more samples and deliver what they have. */
  drain(): void {
    const random = this.world.random("field/drain");
    for (const node of this.nodes) {
      this.world.after(Math.floor(random.unit() * this.#options.drainSpreadMs) * 1000, () => node.app?.drain());
    }
  }

  /** Drained: every token acknowledged. */
  get idle(): boolean {
    return this.nodes.every((node) => node.app?.idle ?? false);
  }

  /** Frames of nodes that reached no gateway (publications that reached no broker). */
  get framesLost(): number {
    if (this.network === undefined) {
      return this.nodes.reduce((sum, node) => sum + (node.wifi?.counters.lostUp ?? 0), 0);
    }
    const { joinsAccepted, uplinksAccepted, uplinksRepeated, refused } = this.network.server.counters;
    let heard = joinsAccepted + uplinksAccepted + uplinksRepeated;
    for (const count of Object.values(refused)) heard += count;
    return this.counters.framesUp - heard;
  }

  #addGateway(position: Position): void {
    const index = this.gateways.length;
    const id = new Uint8Array([...EUI_PREFIX, 0xfe, 0, 0, index >>> 8, index]);
    const { channelsHz } = new NetworkPlan(EU868);
    const gateway = new Gateway(this.world, this.channel!, { id, position, channelsHz, subBands: EU868.subBands });
    this.gateways.push(gateway);
    this.network!.addGateway(gateway);
  }

  #addNode(index: number, position: Position): void {
    const { world, observer, fixedDataRate, sampleIntervalS, batchReadings, lossProbability } = this.#options;
    const number = index + 1;
    const devEui = new Uint8Array([...EUI_PREFIX, 0, 0, number >>> 16, number >>> 8, number]);
    const uplink: Uplink =
      this.channel !== undefined
        ? { kind: "lorawan", channel: this.channel, position }
        : { kind: "wifi", broker: this.broker!, options: { lossProbability } };
    const weather =
      this.#options.nodes === 1
        ? this.#options.weather
        : new LocalWeather(this.#options.weather, world.random(`field/weather/${number}`));
    const node = new VirtualNode({
      world,
      weather,
      uplink,
      config: {
        devEui,
        joinEui: JOIN_EUI,
        sampleIntervalS,
        batchReadings,
        uplink: this.#options.uplink,
        region: EU868,
        fixedDataRate,
        profile: WEATHER,
        oemid: OEMID,
        hwmodel: HWMODEL,
        timeWaitMs: TIME_WAIT_MS,
        observer: {
          onSample: (reading) => observer.onSample(index, reading),
          onToken: (seq, token, length) => observer.onToken(index, seq, token.subarray(0, length)),
        },
      },
    });
    this.nodes.push(node);
    this.network?.register({ devEui, joinEui: JOIN_EUI, appKey: node.crypto.sharedKey(KEY_SLOT.appKey)! });
  }
}

/** A square grid, as many gateways as asked for. */
function gatewaySites(count: number): Position[] {
  const side = Math.ceil(Math.sqrt(count));
  return Array.from({ length: count }, (_, i) => ({
    x: (i % side) * GATEWAY_GRID_M,
    y: Math.floor(i / side) * GATEWAY_GRID_M,
  }));
}

/** Somewhere on the ring around `site`, evenly by area. */
function placeNear(site: Position, random: RandomStream): Position {
  const { from, to } = NODE_DISTANCE_M;
  const distance = Math.sqrt(from * from + random.unit() * (to * to - from * from));
  const angle = random.unit() * 2 * PI;
  return { x: site.x + distance * cos(angle), y: site.y + distance * sin(angle) };
}
