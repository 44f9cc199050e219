/**
 * The closed loop: a field of virtual nodes and, behind the network's edge, the receiver that verifies what they measured and acknowledges it.
 * No Node API here: the same loop runs on every engine.
 */

import { publicKeyBytes } from "../../firmware/wire/cose-key.ts";
import { parseToken } from "../../firmware/wire/eat-token.ts";
import { KEY_SLOT } from "../../firmware/wire/key-slot.ts";
import type { Reading } from "../../firmware/wire/reading-record.ts";
import type { Broker } from "../../host-sim/network/broker.ts";
import { Capture } from "../../host-sim/network/capture.ts";
import type { Gateway } from "../../host-sim/network/gateway.ts";
import type { NetworkEdge } from "../../host-sim/network/network-edge.ts";
import { Field } from "../../host-sim/scenarios/field.ts";
import { GeneratedWeather } from "../../host-sim/weather/generator.ts";
import { ReplayWeather } from "../../host-sim/weather/replay.ts";
import { describeCsvError, parseReplayCsv } from "../../host-sim/weather/replay-csv.ts";
import type { Weather } from "../../host-sim/weather/weather.ts";
import { World } from "../../host-sim/world.ts";
import type { ReceiverCrypto } from "../receiver/crypto.ts";
import { bytesToHex } from "../receiver/hex.ts";
import { keyIdentifier, type NodeRecord, nodeFileContent } from "../receiver/node-registry.ts";
import { isoSeconds, type VerifiedReading } from "../receiver/reading-output.ts";
import { Receiver } from "../receiver/receiver.ts";
import { type AcceptedToken, MemoryStore } from "../receiver/store.ts";
import { type Holdings, Ledger } from "./ledger.ts";
import type { SimulationOptions } from "./options.ts";
import type { SimulationSink } from "./sink.ts";
import type { Summary } from "./summary.ts";

/** Generated weather begins here: the solstice of 2025-06-21T00:00:00Z, far enough in the past for a year of simulation. */
const GENERATED_START_UNIX_MS = 1_750_464_000_000;
/**
 * Nodes boot before the first sample is due, half of this time spread, so that all have joined and know the time by then: a join takes 6 s and
 * must not meet too many others. At the end they drain spread over the same time, or longer where there are many.
 */
const LEAD_MS_PER_NODE = 3_000;
const LEAD_MS = { from: 50_000, to: 290_000 };
const DRAIN_MS_PER_NODE = 6_000;
/** How long nodes may take to deliver what they have after their last sample. */
const DRAIN_S = 24 * 3600;
/** A row of progress for each of these, in seconds. */
const PROGRESS_STEPS = 24;
const SECOND_US = 1_000_000;

/** Options that contradict themselves or each other, or a file that cannot be read; the message says what and where. */
export class SimulationError extends Error {}

/** What stands outside of this process, in the place of what is simulated otherwise. */
export interface Outside {
  /** A network server: it takes the gateways, and its integration is what the receiver hears; without that it hears nothing. */
  network?: { connect(world: World, gateways: readonly Gateway[]): void; integration?: NetworkEdge };
  /** A broker: messages of nodes and receiver travel through it. */
  broker?: { connect(broker: Broker): void };
}

/** A piece of the simulation: time passes until `untilUs`, or until `isOver` says so after an event. */
export interface Phase {
  untilUs: number;
  isOver?: () => boolean;
}

export class ClosedLoop {
  readonly field: Field;
  readonly world: World;
  readonly receiver: Receiver;
  readonly ledger: Ledger;
  readonly #options: SimulationOptions;
  readonly #sink: SimulationSink;
  readonly #engine: string;
  readonly #endUs: number;
  #crypto: ReceiverCrypto;
  #latest: VerifiedReading | undefined;
  #indexByDevEui = new Map<string, number>();
  #sampleNumbers: number[];
  #refused = new Map<string, number>();
  #capture: Capture;
  #edge: NetworkEdge | undefined;

  constructor(
    options: SimulationOptions,
    sink: SimulationSink,
    crypto: ReceiverCrypto,
    engine: string,
    outside: Outside = {},
  ) {
    const { weather, firstUnixMs, intervalS } = openWeather(options);
    const { network, broker } = outside;
    const leadMs = Math.min(Math.max(options.nodes * LEAD_MS_PER_NODE, LEAD_MS.from), LEAD_MS.to);
    this.#options = options;
    this.#sink = sink;
    this.#crypto = crypto;
    this.#engine = engine;
    // A replay stays where its rows are.
    const startUnixMs = options.replay === undefined ? options.startUnixMs : undefined;
    this.world = new World(options.seed, startUnixMs ?? firstUnixMs - leadMs);
    this.#endUs = leadMs * 1000 + options.durationS * SECOND_US - Math.min(intervalS * SECOND_US, leadMs * 1000) / 2;
    this.#capture = new Capture((bytes) => sink.capture(bytes));
    this.field = new Field({
      world: this.world,
      weather,
      nodes: options.nodes,
      uplink: options.uplink,
      radio: options.radio,
      region: options.region,
      subBand: options.subBand,
      fixedDataRate: options.fixedDataRate,
      sampleIntervalS: intervalS,
      batchReadings: options.batchReadings,
      frameBudget: options.frameBudget,
      latencyS: options.latencyS,
      algorithm: options.algorithm,
      digests: options.digests,
      downlinks: options.downlinks,
      lossProbability: options.lossProbability,
      timing: options.timing,
      deepSleep: options.deepSleep,
      bootSpreadMs: Math.floor(leadMs / 2),
      drainSpreadMs: (options.nodes - 1) * DRAIN_MS_PER_NODE,
      networkOutside: network !== undefined,
      firstDevNonce: options.firstDevNonce,
      observer: {
        onSample: (node, reading) => this.#sampled(node, reading),
        onToken: (node, seq, token) => this.ledger.signed(node, seq, token),
        onDropped: (node, seq) => this.ledger.givenUp(node, seq),
        onFrame: ({ modulation, frame }) => {
          const numbers = [modulation.frequencyHz, modulation.spreadingFactor, modulation.invertIq ? 1 : 0];
          this.world.hash.add("frame", this.world.nowUs, numbers, frame);
          this.#capture.add(this.world.unixMs, modulation, frame);
        },
        onPublished: (_topic, payload) => this.world.hash.add("message", this.world.nowUs, [], payload),
      },
    });
    this.#sampleNumbers = this.field.nodes.map(() => 0);
    const records = this.field.nodes.map((_, index) => this.#nodeRecord(index));
    this.ledger = new Ledger(records.map((record) => record.devEui));
    this.receiver = new Receiver({
      nodes: records.map((record, index) => ({
        record,
        receiverKey: this.field.nodes[index].crypto.sharedKey(KEY_SLOT.receiver),
      })),
      crypto,
      store: new MemoryStore(),
      output: {
        onToken: (token) => this.#accepted(token),
        onReading: (reading) => {
          this.#latest = reading;
          sink.reading(reading);
        },
        onRefused: ({ reason }) => this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1),
        onDownlink: (topic, body) => this.#sendDown(topic, body),
      },
    });
    network?.connect(this.world, this.field.gateways);
    this.#edge = network === undefined ? this.field.network : network.integration;
    if (this.field.broker !== undefined) broker?.connect(this.field.broker);
    this.#joinEdge();
    if (options.cycleSavedState) {
      this.world.afterEvent = () => {
        for (const node of this.field.nodes) node.app?.cycleThroughSavedState();
      };
    }
  }

  /** Runs the whole simulation and says how it ended. */
  run(): Summary {
    for (const { untilUs, isOver } of this.#phases()) this.world.run(untilUs, isOver);
    return this.#summary();
  }

  /** The same with somebody outside taking part: `drive` lets the time of a phase pass. */
  async runWith(drive: (phase: Phase) => Promise<void>): Promise<Summary> {
    for (const phase of this.#phases()) await drive(phase);
    return this.#summary();
  }

  *#phases(): Generator<Phase, void, void> {
    this.field.start();
    const stepUs = Math.max(3600, Math.ceil(this.#options.durationS / PROGRESS_STEPS)) * SECOND_US;
    for (let untilUs = stepUs; untilUs < this.#endUs; untilUs += stepUs) {
      yield { untilUs };
      this.#progress();
    }
    yield { untilUs: this.#endUs };
    this.field.drain();
    const drainUs = (this.#options.drainS ?? DRAIN_S) * SECOND_US;
    yield { untilUs: this.#endUs + drainUs, isOver: () => this.field.idle };
    this.#progress();
  }

  /** The receiver stands behind the edge: it sees events and messages, and answers with the same. */
  #joinEdge(): void {
    const { broker } = this.field;
    this.#edge?.onUplink((topic, json) => this.receiver.handleChirpstackEvent(topic, json, this.world.unixMs));
    broker?.subscribe("groundtruth/+/token", (topic, payload) =>
      this.receiver.handleMqttToken(topic, payload, this.world.unixMs),
    );
    broker?.subscribe("groundtruth/p2p/+/up", (topic, payload) =>
      this.receiver.handleP2pFrame(topic, payload, this.world.unixMs),
    );
  }

  #sendDown(topic: string, body: string | Uint8Array): void {
    if (typeof body === "string") this.#edge?.publish(topic, body);
    else this.field.broker?.publish(topic, body);
  }

  #sampled(node: number, reading: Reading): void {
    const { world } = this;
    this.ledger.taken(node, reading);
    world.hash.add("sample", world.nowUs, [node, reading.flags, ...reading.values]);
    const truth = this.field.nodes[node].station.truthAt(world.unixMs);
    const values: { [name: string]: number | null } = {};
    for (const [name, value] of Object.entries(truth)) values[name] = Number.isNaN(value) ? null : value;
    const time = isoSeconds(Math.floor(world.unixMs / 1000));
    const sample = this.#sampleNumbers[node]++;
    const { bootCount, uptimeS } = reading;
    this.#sink.truth({ node: this.#devEui(node), sample, time, bootCount, uptime: uptimeS, values });
  }

  #accepted({ devEui, seq, token, digest }: AcceptedToken): void {
    const node = this.#indexByDevEui.get(devEui)!;
    const parsed = parseToken(token);
    if (parsed.ok) this.ledger.verified(node, parsed.claims);
    this.world.hash.add("token", this.world.nowUs, [node, seq], digest);
    this.#sink.token(devEui, seq, token);
  }

  #progress(): void {
    const { readingsTaken, readingsVerified, tokensVerified } = this.ledger;
    this.#sink.progress({
      simulatedSeconds: Math.floor(this.world.nowUs / SECOND_US),
      readingsTaken,
      readingsVerified,
      tokensVerified,
      framesUp: this.field.framesUp,
      framesLost: this.field.framesLost,
      airtimeMs: Math.floor(this.field.airtimeUs / 1000),
      latest: this.#latest?.values,
    });
  }

  #summary(): Summary {
    const { readingsTaken, readingsVerified, tokensSent, tokensVerified, readingsWrong } = this.ledger;
    const { statementsSent, statementsVerified } = this.ledger;
    const gaps = this.ledger.gaps((node) => this.#holdings(node));
    const unverified = gaps.reduce((sum, gap) => sum + gap.readings, 0);
    return {
      seed: this.#options.seed,
      nodes: this.#options.nodes,
      simulatedSeconds: Math.floor(this.world.nowUs / SECOND_US),
      engine: this.#engine,
      uplink: this.#options.uplink,
      readingsTaken,
      readingsVerified,
      tokensSent,
      tokensVerified,
      statementsSent,
      statementsVerified,
      gaps,
      framesUp: this.field.framesUp,
      framesLost: this.field.framesLost,
      airtimeMs: Math.floor(this.field.airtimeUs / 1000),
      joulesPerDay: this.#options.uplink === "wifi" ? null : Math.floor(this.field.joulesPerDay * 10 + 0.5) / 10,
      refused: Object.fromEntries(this.#refused),
      eventHash: this.world.hash.hex(),
      complete: readingsWrong === 0 && readingsVerified + unverified === readingsTaken,
    };
  }

  #holdings(node: number): Holdings {
    const virtual = this.field.nodes[node];
    return {
      holdsToken: (seq) => virtual.holdsToken(seq),
      journalledReadings: virtual.journalledReadings,
      readingsLost: virtual.app?.health.readingsLost ?? 0,
    };
  }

  #devEui(node: number): string {
    return bytesToHex(this.field.nodes[node].config.devEui);
  }

  /** The node's public identity; its files go to the sink. */
  #nodeRecord(index: number): NodeRecord {
    const { crypto, config } = this.field.nodes[index];
    const publicKey = new Uint8Array(publicKeyBytes(crypto.algorithm));
    crypto.publicKey(KEY_SLOT.attestation, publicKey);
    const devEui = bytesToHex(config.devEui);
    this.#indexByDevEui.set(devEui, index);
    const record: NodeRecord = {
      devEui,
      ueid: new Uint8Array([2, ...config.devEui]),
      alg: crypto.algorithm,
      publicKey,
      kid: keyIdentifier(crypto.algorithm, publicKey, this.#crypto.sha256),
      oemid: config.oemid,
      hwmodel: config.hwmodel,
      profile: config.profile.uri,
    };
    this.#sink.nodeFile(`${devEui}.json`, nodeFileContent(record));
    this.#sink.nodeFile(`${devEui}.secrets.json`, {
      devEui,
      joinEui: bytesToHex(config.joinEui),
      appKey: bytesToHex(crypto.sharedKey(KEY_SLOT.appKey)!),
      receiverKey: bytesToHex(crypto.sharedKey(KEY_SLOT.receiver)!),
    });
    return record;
  }
}

/** Runs a simulation from beginning to end. Throws SimulationError when the options cannot be served. */
export function runClosedLoop(
  options: SimulationOptions,
  sink: SimulationSink,
  crypto: ReceiverCrypto,
  engine: string,
): Summary {
  return new ClosedLoop(options, sink, crypto, engine).run();
}

function openWeather(options: SimulationOptions): { weather: Weather; firstUnixMs: number; intervalS: number } {
  const { replay, seed, sampleIntervalS } = options;
  if (replay === undefined) {
    return { weather: new GeneratedWeather(seed), firstUnixMs: GENERATED_START_UNIX_MS, intervalS: sampleIntervalS };
  }
  const parsed = parseReplayCsv(replay.csv, replay.columns);
  if (!parsed.ok) throw new SimulationError(describeCsvError(parsed.error));
  const weather = new ReplayWeather(parsed.table);
  const step = Math.max(1, Math.floor(parsed.table.intervalMs / 1000 + 0.5));
  return { weather, firstUnixMs: weather.firstUnixMs, intervalS: sampleIntervalS > 0 ? sampleIntervalS : step };
}
