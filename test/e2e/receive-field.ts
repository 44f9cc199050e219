/**
 * What stands around `groundtruth receive` in its tests: a broker (mosquitto where it is installed, or else aedes in this process), receiver
 * processes, and nodes that lose messages both ways and send each token until it is acknowledged.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectSocket, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Aedes } from "aedes";
import { connect, type MqttClient } from "mqtt";
import { CONTROL_FPORT } from "../../firmware/wire/control-message.ts";
import { TOKEN_FPORT } from "../../firmware/wire/schc-fragment.ts";
import type { RandomStream } from "../../host-sim/random-stream.ts";
import { decodeBase64 } from "../../tools/receiver/base64.ts";
import { WHOLE_COMPACT_FPORT } from "../../tools/receiver/fragment-ports.ts";
import { bytesToHex } from "../../tools/receiver/hex.ts";
import { NODE_CRYPTO } from "../../tools/receiver/node-crypto.ts";
import { nodeFileContent } from "../../tools/receiver/node-registry.ts";
import { authentic, fragmentsOf, RECEIVER_KEY, TestNode, uplink } from "../unit/tools/receiver/fixture.ts";
import { LAUNCHER, type Outcome } from "./simulation.ts";

export const HAVE_MOSQUITTO = spawnSync("mosquitto", ["-h"]).error === undefined;

/** 2020-01-01T00:00:00Z: no test machine's clock is before it. */
const T0_S = 1_577_836_800;
const STEP_S = 300;
const READY_MS = 30_000;
const RETRY_MS = 120;

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** Asks until `found` gives something; fails after half a minute. */
export async function until<T>(what: string, found: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (const limit = performance.now() + READY_MS; performance.now() < limit; ) {
    const result = await found();
    if (result !== undefined) return result;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail(`waited in vain for ${what}`);
}

export interface Broker {
  readonly url: string;
  close(): Promise<void>;
}

/** A broker that keeps sessions for those who are away. `port`: of one that was there before. */
export async function openBroker(port?: number): Promise<Broker> {
  const own = port ?? (await freePort());
  return HAVE_MOSQUITTO ? openMosquitto(own) : openAedes(own);
}

async function openMosquitto(port: number): Promise<Broker> {
  const folder = mkdtempSync(join(tmpdir(), "groundtruth-mosquitto-"));
  chmodSync(folder, 0o755);
  const config = join(folder, "mosquitto.conf");
  writeFileSync(config, `listener ${port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\npersistence false\n`);
  const child = spawn("mosquitto", ["-c", config], { stdio: "ignore" });
  await until("mosquitto", () => answers(port));
  return {
    url: `mqtt://127.0.0.1:${port}`,
    close: async () => {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

/** A broker in this process; `authenticate` as aedes has it. */
export async function openAedes(port: number, authenticate?: Aedes["authenticate"]): Promise<Broker> {
  const aedes = await Aedes.createBroker(authenticate === undefined ? {} : { authenticate });
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    aedes.handle(socket);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `mqtt://127.0.0.1:${port}`,
    close: async () => {
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function answers(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connectSocket(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(undefined));
  });
}

/** A `groundtruth receive` under way. */
export class ReceiverProcess {
  readonly metricsPort: number;
  #child: ChildProcess;
  #out = "";
  #err = "";
  readonly #exit: Promise<number | null>;

  private constructor(metricsPort: number, cache: string, args: readonly string[]) {
    this.metricsPort = metricsPort;
    this.#child = spawn(process.execPath, [LAUNCHER, "receive", ...args, "--metrics", `${metricsPort}`], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NODE_COMPILE_CACHE: cache },
    });
    this.#child.stdout!.on("data", (chunk) => {
      this.#out += chunk;
    });
    this.#child.stderr!.on("data", (chunk) => {
      this.#err += chunk;
    });
    this.#exit = new Promise((resolve) => this.#child.once("close", resolve));
  }

  static async start(cache: string, ...args: string[]): Promise<ReceiverProcess> {
    return new ReceiverProcess(await freePort(), cache, args);
  }

  get err(): string {
    return this.#err;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exit;
  }

  /** SIGTERM; says how it ended. */
  end(): Promise<Outcome> {
    this.#child.kill("SIGTERM");
    return this.ended();
  }

  async ended(): Promise<Outcome> {
    return { status: await this.#exit, out: this.#out, err: this.#err };
  }

  /** Its metrics, or undefined while it does not answer. */
  async metrics(): Promise<Map<string, number> | undefined> {
    try {
      const text = await (await fetch(`http://127.0.0.1:${this.metricsPort}/metrics`)).text();
      const samples = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
      return new Map(
        samples.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
      );
    } catch {
      return undefined;
    }
  }

  /** Waits until it is connected to its broker. */
  connected(): Promise<true> {
    return until(`a connected receiver; it says:\n${this.#err}`, async () =>
      (await this.metrics())?.get("groundtruth_mqtt_connected") === 1 ? true : undefined,
    );
  }
}

/** How a node sends: whole tokens by MQTT, whole ones in fragments, or compact ones. */
type Way = "mqtt" | "fragments" | "compact";

const WAYS: readonly Way[] = ["mqtt", "fragments", "mqtt", "compact"];

/** One node: sends its token until it is acknowledged, then the next. */
class FieldNode {
  readonly node: TestNode;
  readonly way: Way;
  /** Digests of all tokens made, by seq. */
  readonly digests: string[] = [];
  acknowledged = 0;
  #token: Uint8Array | undefined;
  #tries = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #field: Field;

  constructor(field: Field, number: number, way: Way) {
    this.#field = field;
    this.node = new TestNode(number);
    this.way = way;
  }

  /** Sends what is not acknowledged, or a new token. */
  send(): void {
    clearTimeout(this.#timer);
    if (this.#token === undefined) {
      if (!this.#field.producing) return;
      this.#token = this.node.token(this.#batch(this.digests.length));
      this.#tries = 0;
      this.digests.push(bytesToHex(NODE_CRYPTO.sha256(this.#token)));
    }
    const { devEui } = this.node;
    if (this.way === "mqtt") this.#field.publish(`groundtruth/${devEui}/token`, Buffer.from(this.#token));
    else {
      const isWhole = this.way === "fragments";
      const frames = isWhole ? fragmentsOf(this.#token, 115) : [this.#compact()];
      for (const frame of frames) {
        const { topic, json } = uplink(devEui, isWhole ? TOKEN_FPORT : WHOLE_COMPACT_FPORT, frame);
        this.#field.publish(topic, json);
      }
    }
    this.#tries++;
    this.#timer = setTimeout(() => this.send(), RETRY_MS);
  }

  heard(control: Uint8Array): void {
    if (this.#token === undefined) return;
    const { kind, seq, earlier = 0 } = authentic(this.node, control, this.way === "mqtt" ? 16 : 4);
    if (kind !== "ack") return; // its boot token is asked for: it has none
    const behind = seq - (this.digests.length - 1);
    if (behind < 0 || behind > 8 || (behind > 0 && ((earlier >> (behind - 1)) & 1) === 0)) return;
    this.#token = undefined;
    this.acknowledged++;
    this.send();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** These batches are years old: short forms lead nowhere, and the receiver has to park them until the token comes in full. One in four does. */
  #compact(): Uint8Array {
    const seq = this.digests.length - 1;
    return this.node.compact(this.#batch(seq), { escape: this.#tries > 0 || seq % 4 !== 0 });
  }

  #batch(seq: number): { seq: number; t0: number } {
    return { seq, t0: T0_S + seq * 3 * STEP_S };
  }
}

/** Nodes, half by MQTT and half by ChirpStack's events, every second of these with compact tokens, with loss both ways. */
export class Field {
  readonly folder: string;
  readonly nodes: FieldNode[] = [];
  /** New tokens are made only while this holds. */
  producing = true;
  readonly #dice: RandomStream;
  readonly #loss: number;
  #client: MqttClient | undefined;

  /** `folder` gets the nodes' files. */
  constructor(folder: string, count: number, loss: number, dice: RandomStream) {
    this.folder = folder;
    this.#dice = dice;
    this.#loss = loss;
    mkdirSync(folder, { recursive: true });
    for (let i = 0; i < count; i++) {
      const node = new FieldNode(this, i + 1, WAYS[i % 4]);
      this.nodes.push(node);
      writeNode(folder, node.node);
    }
  }

  get acknowledged(): number {
    return this.nodes.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  }

  /** Tokens made so far. */
  get made(): number {
    return this.nodes.reduce((sum, { digests }) => sum + digests.length, 0);
  }

  async start(url: string): Promise<void> {
    const byDevEui = new Map(this.nodes.map((node) => [node.node.devEui, node]));
    const client = connect(url, { clientId: "nodes", reconnectPeriod: 50 });
    this.#client = client;
    client.on("message", (topic, payload) => {
      if (this.#dice.unit() < this.#loss) return;
      const parts = topic.split("/");
      if (parts[0] === "groundtruth") byDevEui.get(parts[1])?.heard(new Uint8Array(payload));
      else {
        const { fPort, data } = JSON.parse(payload.toString("utf8"));
        if (fPort === CONTROL_FPORT) byDevEui.get(parts[3])?.heard(decodeBase64(data, 242)!);
      }
    });
    await new Promise<void>((resolve) => client.once("connect", () => resolve()));
    await client.subscribeAsync(["groundtruth/+/control", "application/+/device/+/command/down"], { qos: 1 });
    for (const node of this.nodes) node.send();
  }

  /** A message that may be lost. */
  publish(topic: string, payload: string | Buffer): void {
    if (this.#dice.unit() >= this.#loss) this.#client!.publish(topic, payload, { qos: 1 });
  }

  /** No new tokens; settles when all that were made are acknowledged. */
  async drain(): Promise<void> {
    this.producing = false;
    await until("all acknowledgements", () => (this.acknowledged === this.made ? true : undefined));
  }

  resume(): void {
    this.producing = true;
    for (const node of this.nodes) node.send();
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) node.stop();
    await this.#client?.endAsync(true);
  }
}

/** The files of a node that a receiver reads. */
export function writeNode(folder: string, node: TestNode, mode = 0o600): void {
  const { devEui, record } = node;
  writeFileSync(join(folder, `${devEui}.json`), JSON.stringify(nodeFileContent(record)));
  const secrets = { devEui, joinEui: "0".repeat(16), appKey: "0".repeat(32), receiverKey: bytesToHex(RECEIVER_KEY) };
  const path = join(folder, `${devEui}.secrets.json`);
  writeFileSync(path, JSON.stringify(secrets));
  chmodSync(path, mode);
}
