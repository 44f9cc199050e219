/**
 * How fast and in how much memory a receiver takes tokens: `node bench/receiver.ts [tokens] [--no-lines]`, 100,000 unless told. A million
 * for the figure of the memory makes 13 GB of JSON lines: --no-lines leaves them out. It needs mosquitto, and `taskset` to keep the receiver
 * on one core.
 *
 * The tokens, batches of 36 readings of 9 fields from 50 nodes, come from a process of its own through a local mosquitto at QoS 1; the receiver is
 * the command itself, with its store on disk and JSON lines into a file, and acknowledges each token. Beside it, on the same core in the same
 * run, before and after, the bare ES256 checks of such tokens.
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createPublicKey, type JsonWebKey, verify } from "node:crypto";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "mqtt";
import { sigStructure } from "../firmware/wire/cose-sign1.ts";
import { parseToken } from "../firmware/wire/eat-token.ts";
import { NODE_CRYPTO } from "../tools/receiver/node-crypto.ts";
import { nodeFileContent } from "../tools/receiver/node-registry.ts";
import { TokenMaker } from "./token-maker.ts";

const NODES = 50;
/** Tokens that wait at the broker when the receiver starts, so that it is never without, however slow the machine's other cores are. */
const WINDOW = 100_000;
const BARE_S = 3;
const MEMORY = ["process_resident_memory_bytes", "nodejs_heap_size_used_bytes", "nodejs_external_memory_bytes"];
const RECEIVER_KEY = "000102030405060708090a0b0c0d0e0f";

async function main(tokens: number, withLines: boolean): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "groundtruth-bench-"));
  const children: ChildProcess[] = [];
  try {
    const mqttPort = await freePort();
    const metricsPort = await freePort();
    writeFileSync(
      join(folder, "mosquitto.conf"),
      `listener ${mqttPort} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\npersistence false\n`,
    );
    children.push(spawn("mosquitto", ["-c", join(folder, "mosquitto.conf")], { stdio: "ignore" }));
    for (const { record } of makers()) {
      const { devEui } = record;
      writeFileSync(join(folder, `${devEui}.json`), JSON.stringify(nodeFileContent(record)));
      writeFileSync(join(folder, `${devEui}.secrets.json`), JSON.stringify({ devEui, receiverKey: RECEIVER_KEY }), {
        mode: 0o600,
      });
    }
    const url = `mqtt://127.0.0.1:${mqttPort}`;
    const lines = withLines ? ["--out", join(folder, "readings.jsonl")] : [];
    const files = ["--nodes", folder, "--secrets", folder, "--store", join(folder, "receiver.db"), ...lines];
    const receive = (): ChildProcess => {
      const launcher = join(import.meta.dirname, "../tools/cli/groundtruth.js");
      const child = onOneCore(0, "ignore", launcher, "receive", "--mqtt", url, ...files, "--metrics", `${metricsPort}`);
      children.push(child);
      return child;
    };
    // From its first start on the broker keeps tokens for it.
    await end(receive(), () => metricsOf(metricsPort, (metrics) => metrics.get("groundtruth_mqtt_connected") === 1));
    const publisher = onOneCore(1, "pipe", import.meta.filename, "--publish", url, `${tokens}`);
    children.push(publisher);
    await new Promise((resolve) => publisher.stdout!.once("data", resolve));
    const before = bareRate();
    const receiver = receive();
    await measure(tokens, metricsPort, before);
    const after = bareRate();
    console.log(
      `bare ES256 checks afterwards: ${after.rate.toFixed(0)} a second, ${after.cpuUs.toFixed(0)} us of processor time each`,
    );
    await end(receiver, async () => {});
    for (const name of withLines ? ["receiver.db", "readings.jsonl"] : ["receiver.db"]) {
      console.log(`${name}: ${(statSync(join(folder, name)).size / 2 ** 20).toFixed(0)} MB`);
    }
  } finally {
    for (const child of children) child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
}

/** Ends a process in an orderly way once it is ready for it. */
async function end(child: ChildProcess, ready: () => Promise<unknown>): Promise<void> {
  await ready();
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}

/** Prints a line at each tenth of the way, and the rates at the end. */
async function measure(tokens: number, port: number, bare: Bare): Promise<void> {
  const count = (metrics: Map<string, number>): number => metrics.get("groundtruth_tokens_accepted_total") ?? 0;
  const cpu = (metrics: Map<string, number>): number => metrics.get("process_cpu_seconds_total") ?? 0;
  const warmUp = Math.min(tokens / 10, 10_000);
  let first = await metricsOf(port, (metrics) => count(metrics) >= warmUp);
  let firstMs = performance.now();
  const begin = { count: count(first), cpu: cpu(first), ms: firstMs };
  console.log("tokens     tokens/s  cpu us a token  resident   objects   buffers (MB)");
  for (let tenth = 1; tenth <= 10; tenth++) {
    const now = await metricsOf(port, (metrics) => count(metrics) >= (tokens * tenth) / 10);
    const nowMs = performance.now();
    const taken = count(now) - count(first);
    if (taken === 0) continue;
    const rate = (taken * 1000) / (nowMs - firstMs);
    const cpuUs = ((cpu(now) - cpu(first)) * 1e6) / taken;
    const megabytes = MEMORY.map((name) => ((now.get(name) ?? 0) / 2 ** 20).toFixed(0).padStart(9));
    console.log(`${count(now)}`.padEnd(9), rate.toFixed(0).padStart(9), cpuUs.toFixed(0).padStart(15), ...megabytes);
    first = now;
    firstMs = nowMs;
  }
  const taken = count(first) - begin.count;
  const rate = (taken * 1000) / (firstMs - begin.ms);
  const cpuUs = ((cpu(first) - begin.cpu) * 1e6) / taken;
  const refused = [...first].filter(([name]) => name.startsWith("groundtruth_refused_total"));
  console.log(
    `receiver: ${rate.toFixed(0)} tokens a second on one core, ${cpuUs.toFixed(0)} us of processor time each`,
  );
  console.log(
    `bare ES256 checks before: ${bare.rate.toFixed(0)} a second, ${bare.cpuUs.toFixed(0)} us of processor time each`,
  );
  console.log(
    `share of the bare rate: ${(rate / bare.rate).toFixed(2)} by the clock, ${(bare.cpuUs / cpuUs).toFixed(2)} by processor time; of ` +
      `node:crypto's check with ieee-p1363 (${bare.plainCpuUs.toFixed(0)} us): ${(bare.plainCpuUs / cpuUs).toFixed(2)}`,
  );
  console.log(`refused: ${JSON.stringify(Object.fromEntries(refused))}`);
}

function makers(): TokenMaker[] {
  return Array.from({ length: NODES }, (_, i) => new TokenMaker(i + 1));
}

/** Publishes tokens with WINDOW of them unacknowledged, and says when these are with the broker. */
async function publish(url: string, tokens: number): Promise<void> {
  const all = makers();
  const client = connect(url, { clientId: "bench-nodes" });
  let sent = 0;
  let acknowledged = 0;
  const send = (): void => {
    for (; sent < tokens && sent - acknowledged < WINDOW; sent++) {
      const maker = all[sent % NODES];
      const arrived = sent + 1 === Math.min(tokens, WINDOW) ? () => process.stdout.write("full\n") : undefined;
      client.publish(`groundtruth/${maker.record.devEui}/token`, Buffer.from(maker.next()), { qos: 1 }, arrived);
      if (sent % 200 === 199) {
        // The socket gets its turn.
        sent++;
        setImmediate(send);
        return;
      }
    }
  };
  client.on("message", () => {
    acknowledged++;
    if (sent < tokens && sent - acknowledged === WINDOW - 200) send();
    if (acknowledged === tokens) client.end();
  });
  client.on("connect", async () => {
    await client.subscribeAsync("groundtruth/+/control", { qos: 0 });
    send();
  });
}

interface Bare {
  rate: number;
  cpuUs: number;
  /** The same by `verify(..., { key, dsaEncoding: "ieee-p1363" }, ...)`, which is what one writes first. */
  plainCpuUs: number;
}

/** Signature checks on the receiver's core, in a process of their own. */
function bareRate(): Bare {
  const [command, ...args] = pinned(0, import.meta.filename, "--bare");
  const child = spawnSync(command, args, { encoding: "utf8" });
  if (child.status !== 0) throw new Error(child.stderr);
  return JSON.parse(child.stdout);
}

function jwkOf(maker: TokenMaker): JsonWebKey {
  return (nodeFileContent(maker.record) as { jwk: JsonWebKey }).jwk;
}

function bare(): void {
  const maker = new TokenMaker(1);
  const checks = Array.from({ length: 200 }, () => {
    const token = parseToken(maker.next());
    if (!token.ok) throw new Error(token.reason);
    const message = new Uint8Array(token.payload.length + 64);
    const length = sigStructure(token.protectedBytes, token.payload, token.payload.length, message);
    return { message: message.subarray(0, length), signature: token.signature };
  });
  const key = createPublicKey({ format: "jwk", key: jwkOf(maker) });
  const plain = (message: Uint8Array, signature: Uint8Array): boolean =>
    verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature);
  const ours = (message: Uint8Array, signature: Uint8Array): boolean =>
    NODE_CRYPTO.verify(-7, maker.record.publicKey, message, signature);
  const run = (seconds: number, check: typeof ours): { rate: number; cpuUs: number } => {
    const before = process.cpuUsage();
    const started = performance.now();
    let done = 0;
    for (; performance.now() - started < seconds * 1000; done++) {
      const { message, signature } = checks[done % checks.length];
      if (!check(message, signature)) throw new Error("not valid");
    }
    const { user, system } = process.cpuUsage(before);
    return { rate: (done * 1000) / (performance.now() - started), cpuUs: (user + system) / done };
  };
  run(BARE_S / 6, ours);
  const plainCpuUs = run(BARE_S / 2, plain).cpuUs;
  process.stdout.write(JSON.stringify({ ...run(BARE_S, ours), plainCpuUs }));
}

function pinned(core: number, ...args: string[]): string[] {
  const command = [process.execPath, ...args];
  return spawnSync("taskset", ["--version"]).status === 0 ? ["taskset", "-c", `${core}`, ...command] : command;
}

function onOneCore(core: number, output: "ignore" | "pipe", ...args: string[]): ChildProcess {
  const [command, ...rest] = pinned(core, ...args);
  return spawn(command, rest, { stdio: ["ignore", output, "inherit"] });
}

/** Asks until `ready` holds. */
async function metricsOf(port: number, ready: (metrics: Map<string, number>) => boolean): Promise<Map<string, number>> {
  for (;;) {
    try {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      const samples = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
      const metrics = new Map(
        samples.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
      );
      if (ready(metrics)) return metrics;
    } catch {
      // not listening yet
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

const [mode, ...rest] = process.argv.slice(2);
if (mode === "--publish") await publish(rest[0], Number(rest[1]));
else if (mode === "--bare") bare();
else await main(Number(process.argv[2] ?? 100_000) || 100_000, !process.argv.includes("--no-lines"));
