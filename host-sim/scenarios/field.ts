/**
 * A field of virtual nodes with the network that they use: nodes strewn around gateways that stand on a grid, nodes on Wi-Fi with a
 * broker, or nodes around base nodes on the gateways' places, which pass on to a broker what they hear. It ends at the network's edge (`network`, `broker`): whoever stands behind that is not its business. Where the network server is
 * a real one, it ends at the gateways.
 */
import { FIRMWARE } from "../../firmware/app/firmware-version.ts";
import { NONCES_BYTES, NONCES_KEY, writeBig } from "../../firmware/core/lorawan/join.ts";
import { regionOf } from "../../firmware/core/lorawan/region/index.ts";
import type { Region } from "../../firmware/core/lorawan/region/region.ts";
import type { SignatureAlgorithm } from "../../firmware/ports/crypto.ts";
import { cos, PI, sin } from "../../firmware/wire/exact-math.ts";
import { KEY_SLOT } from "../../firmware/wire/key-slot.ts";
import { WEATHER } from "../../firmware/wire/profiles/weather.ts";
import type { Reading } from "../../firmware/wire/reading-record.ts";
import { PROTECTION, type SensorModel } from "../../firmware/wire/statements.ts";
import { Broker } from "../network/broker.ts";
import { Gateway } from "../network/gateway.ts";
import { SimulatedNetwork } from "../network/network-edge.ts";
import { NetworkPlan } from "../network/network-plan.ts";
import { toHex } from "../network/text-encoding.ts";
import type { RadioKind } from "../node-radio.ts";
import type { NodeTiming } from "../node-timing.ts";
import { type AirTransmission, RadioChannel } from "../radio/channel.ts";
import type { Position } from "../radio/propagation.ts";
import type { RandomStream } from "../random-stream.ts";
import { VirtualBase } from "../virtual-base.ts";
import { type Uplink, VirtualNode } from "../virtual-node.ts";
import { LocalWeather } from "../weather/local-weather.ts";
import type { Weather } from "../weather/weather.ts";
import type { World } from "../world.ts";

export interface FieldOptions {
  world: World;
  weather: Weather;
  nodes: number;
  uplink: "lorawan" | "wifi" | "p2p";
  /** The nodes' radio chip; an SX1262 when not given. */
  radio?: RadioKind;
  /** By its name in RP002; EU868 when not given. */
  region?: string;
  /** Of a fixed plan: the network's bank of channels, which the nodes then know too. */
  subBand?: number;
  fixedDataRate?: number;
  sampleIntervalS: number;
  batchReadings: number;
  /** Of the nodes' tokens; ES256 when not given. */
  algorithm?: SignatureAlgorithm;
  /** See NodeConfig. */
  frameBudget?: number;
  latencyS?: number;
  digests?: boolean;
  downlinks?: boolean;
  lossProbability: number;
  /** What is wrong with the nodes' time. */
  timing?: NodeTiming;
  /** Nodes power down between events. */
  deepSleep?: boolean;
  /** Nodes boot one after the other, spread over this time. */
  bootSpreadMs: number;
  /** And deliver their last readings spread over this time. */
  drainSpreadMs: number;
  /** True: no network server is simulated; whoever is one stands behind `gateways`. */
  networkOutside?: boolean;
  /** The DevNonce of each node's first join: a network server that knows these nodes from before takes no lower one. */
  firstDevNonce?: number;
  observer: FieldObserver;
}

/** What the field tells about its nodes, by their index. Readings and tokens are good until the call returns. */
export interface FieldObserver {
  onSample(node: number, reading: Reading): void;
  onToken(node: number, seq: number, token: Uint8Array): void;
  /** The node gave up a token. */
  onDropped(node: number, seq: number): void;
  onFrame(transmission: AirTransmission): void;
  onPublished(topic: string, payload: Uint8Array): void;
}

/** A gateway with eight channels serves this many nodes with air to spare. */
const NODES_PER_GATEWAY = 100;
/** Reach of SF7 in this path-loss model is 3 km; nodes stand nearer, gateways overlap. */
const NODE_DISTANCE_M = { from: 200, to: 2_200 };
const GATEWAY_GRID_M = 3_000;
/** RP002-1.0.4: DR4 of US915 and DR6 of AU915. */
const SERVICE_CHANNEL = { spreadingFactor: 8, bandwidthHz: 500_000 } as const;
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
  /** With Wi-Fi and point to point: the MQTT broker. */
  readonly broker: Broker | undefined;
  readonly channel: RadioChannel | undefined;
  readonly gateways: Gateway[] = [];
  /** With point to point. */
  readonly bases: VirtualBase[] = [];
  /** Frames of nodes and their time on air; on Wi-Fi: tokens that reached the broker. */
  #counters = { framesUp: 0, airtimeUs: 0 };
  /** With the network outside, and with bases: frames that one or more heard; when the last of them ended, or its bytes. */
  #heard = { frames: 0, lastUnixMs: 0, lastFrame: "" };
  #options: FieldOptions;
  #region: Region;
  #plan: NetworkPlan;

  constructor(options: FieldOptions) {
    this.#options = options;
    const { world, observer, lossProbability } = options;
    const region = regionOf(options.region ?? "EU868");
    if (region === undefined) throw new RangeError(`no LoRaWAN region ${options.region}`);
    this.#region = region;
    this.#plan = new NetworkPlan(region, options.subBand);
    this.world = world;
    const { uplink } = options;
    if (uplink !== "wifi") {
      this.channel = new RadioChannel(world, { lossProbability });
      this.channel.onTransmission((transmission) => {
        if (!transmission.modulation.invertIq) {
          this.#counters.framesUp++;
          this.#counters.airtimeUs += transmission.endUs - transmission.startUs;
        }
        observer.onFrame(transmission);
      });
    }
    if (uplink === "lorawan" && options.networkOutside !== true)
      this.network = new SimulatedNetwork(world, { plan: this.#plan });
    if (uplink !== "lorawan") {
      this.broker = new Broker(world);
      this.broker.onPublished = (topic, payload) => {
        if (topic.endsWith("/token")) this.#counters.framesUp++;
        if (topic.endsWith("/up")) this.#heardByBase(payload);
        observer.onPublished(topic, payload);
      };
    }
    const places = world.random("field/places");
    const sites = gatewaySites(gatewayCount(options.nodes));
    if (uplink === "lorawan") for (const site of sites) this.#addGateway(site);
    if (uplink === "p2p") for (const site of sites) this.#addBase(site);
    for (let i = 0; i < options.nodes; i++) this.#addNode(i, placeNear(sites[i % sites.length], places));
  }

  /** Switches the nodes on, one after the other. */
  start(): void {
    const random = this.world.random("field/boot");
    for (const base of this.bases) base.powerOn();
    for (const node of this.nodes) {
      this.world.after(Math.floor(random.unit() * this.#options.bootSpreadMs) * 1000, () => node.powerOn());
    }
  }

  /** One after the other, as they were switched on, the nodes take no more samples and deliver what they have. */
  drain(): void {
    const random = this.world.random("field/drain");
    for (const node of this.nodes) {
      this.world.after(Math.floor(random.unit() * this.#options.drainSpreadMs) * 1000, () => node.drain());
    }
  }

  /** Of one node on the average. */
  get joulesPerDay(): number {
    return this.nodes.reduce((sum, node) => sum + node.account.report().joulesPerDay, 0) / this.nodes.length;
  }

  /** Drained: every token acknowledged. */
  get idle(): boolean {
    return this.nodes.every((node) => node.app?.idle ?? false);
  }

  /** Time on air of the nodes' frames together, in microseconds. */
  get airtimeUs(): number {
    return this.#counters.airtimeUs;
  }

  /** Frames that nodes sent (publications, on Wi-Fi). */
  get framesUp(): number {
    return this.#counters.framesUp + (this.channel === undefined ? this.framesLost : 0);
  }

  /** Frames of nodes that reached no gateway or base (publications that reached no broker). */
  get framesLost(): number {
    if (this.channel === undefined) {
      return this.nodes.reduce((sum, node) => sum + (node.wifi?.counters.lostUp ?? 0), 0);
    }
    if (this.network === undefined) return this.#counters.framesUp - this.#heard.frames;
    const { joinsAccepted, uplinksAccepted, uplinksRepeated, refused } = this.network.server.counters;
    let heard = joinsAccepted + uplinksAccepted + uplinksRepeated;
    for (const count of Object.values(refused)) heard += count;
    return this.#counters.framesUp - heard;
  }

  #addGateway(position: Position): void {
    const index = this.gateways.length;
    const { channelsHz, wideChannelHz, region } = this.#plan;
    const serviceChannel = wideChannelHz === undefined ? undefined : { ...SERVICE_CHANNEL, frequencyHz: wideChannelHz };
    const options = { id: gatewayEui(index), position, channelsHz, serviceChannel, subBands: region.subBands };
    // The way to a server outside has a latency of its own.
    const backhaulUs = this.#options.networkOutside === true ? 0 : undefined;
    const gateway = new Gateway(this.world, this.channel!, { ...options, backhaulUs });
    this.gateways.push(gateway);
    gateway.onUplink = ({ unixMs }) => {
      // Gateways that hear the same frame report it at the same moment.
      if (unixMs !== this.#heard.lastUnixMs) this.#heard.frames++;
      this.#heard.lastUnixMs = unixMs;
    };
    this.network?.addGateway(gateway);
  }

  #addBase(position: Position): void {
    const config = { eui: gatewayEui(this.bases.length), region: this.#region, dataRate: this.#options.fixedDataRate };
    const { world, timing } = this.#options;
    this.bases.push(new VirtualBase({ world, channel: this.channel!, position, broker: this.broker!, config, timing }));
  }

  /** Bases that hear the same frame hand it on at the same moment. */
  #heardByBase(frame: Uint8Array): void {
    const text = toHex(frame);
    if (text !== this.#heard.lastFrame) this.#heard.frames++;
    this.#heard.lastFrame = text;
  }

  #addNode(index: number, position: Position): void {
    const { world, observer, fixedDataRate, sampleIntervalS, batchReadings, lossProbability } = this.#options;
    const { algorithm, frameBudget, latencyS, digests, downlinks } = this.#options;
    const number = index + 1;
    const devEui = new Uint8Array([...EUI_PREFIX, 0, 0, number >>> 16, number >>> 8, number]);
    const uplink: Uplink =
      this.#options.uplink !== "wifi"
        ? { kind: this.#options.uplink, channel: this.channel!, position }
        : { kind: "wifi", broker: this.broker!, options: { lossProbability } };
    const weather =
      this.#options.nodes === 1
        ? this.#options.weather
        : new LocalWeather(this.#options.weather, world.random(`field/weather/${number}`));
    const node = new VirtualNode({
      world,
      weather,
      uplink,
      radio: this.#options.radio,
      timing: this.#options.timing,
      algorithm,
      config: {
        devEui,
        joinEui: JOIN_EUI,
        sampleIntervalS,
        batchReadings,
        frameBudget,
        latencyS,
        digests,
        downlinks,
        uplink: this.#options.uplink,
        region: this.#region,
        subBand: this.#options.subBand,
        fixedDataRate,
        profile: WEATHER,
        oemid: OEMID,
        hwmodel: HWMODEL,
        firmware: FIRMWARE,
        sensorModels: sensorModels(weather),
        // A virtual chip's slots are as open as flash.
        protection: PROTECTION.plainFlash,
        timeWaitMs: TIME_WAIT_MS,
        deepSleep: this.#options.deepSleep,
        observer: {
          onSample: (reading) => observer.onSample(index, reading),
          onToken: (seq, token, length) => observer.onToken(index, seq, token.subarray(0, length)),
          onDropped: (seq) => observer.onDropped(index, seq),
        },
      },
    });
    if (this.#options.firstDevNonce !== undefined) storeDevNonce(node, this.#options.firstDevNonce);
    this.nodes.push(node);
    this.network?.register({ devEui, joinEui: JOIN_EUI, appKey: node.crypto.sharedKey(KEY_SLOT.appKey)! });
  }
}

/** What the station (chips/weather-station.ts) is fitted with for this weather. */
function sensorModels({ quantities }: Weather): SensorModel[] {
  const fitted = [
    { model: "SHT45", isFitted: quantities.has("temperature") || quantities.has("humidity") },
    { model: "BMP280", isFitted: quantities.has("pressure") },
    { model: "anemometer", isFitted: quantities.has("windSpeed") },
    { model: "wind vane", isFitted: quantities.has("windDirection") },
    { model: "rain gauge", isFitted: quantities.has("rain") },
    { model: "pyranometer", isFitted: quantities.has("irradiance") },
  ];
  return fitted.flatMap(({ model, isFitted }) => (isFitted ? [{ model, calibration: undefined }] : []));
}

/** As if the node had joined so often before: its record for joins on flash (version 1), without a JoinNonce. */
function storeDevNonce(node: VirtualNode, devNonce: number): void {
  const record = new Uint8Array(NONCES_BYTES).fill(0xff);
  record[0] = 1;
  writeBig(record, 1, devNonce);
  node.keyValue.write(NONCES_KEY, record, record.length);
}

/** How many gateways a field of so many nodes has. */
export function gatewayCount(nodes: number): number {
  return Math.ceil(nodes / NODES_PER_GATEWAY);
}

export function gatewayEui(index: number): Uint8Array {
  return new Uint8Array([...EUI_PREFIX, 0xfe, 0, 0, index >>> 8, index]);
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
