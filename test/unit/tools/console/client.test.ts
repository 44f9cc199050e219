import assert from "node:assert/strict";
import {
  ConsoleClient,
  type ConsoleError,
  frameOf,
  type LogLine,
  parseLogText,
} from "../../../../tools/console/client.ts";
import { NodeConsole } from "../../../../tools/console/node-console.ts";
import { SerialError, type SerialLink } from "../../../../tools/serial/serial-link.ts";
import { CONFIGURATION, ConsoleBench, HARDWARE_ID_TEXT, LORAWAN, RECEIVER_KEY } from "../../app/console-bench.ts";

/** A port with a console behind it, and what happens to the bytes on the way. */
class BenchLink implements SerialLink {
  readonly name = "bench";
  onData: (bytes: Uint8Array) => void = () => {};
  onLost: (error: SerialError) => void = () => {};
  readonly bench = new ConsoleBench();
  requests = 0;
  toNode: (bytes: Uint8Array, request: number) => Uint8Array = (bytes) => bytes;
  toTool: (bytes: Uint8Array, request: number) => Uint8Array = (bytes) => bytes;

  async write(bytes: Uint8Array): Promise<void> {
    const request = ++this.requests;
    const from = this.bench.sent.length;
    this.bench.app.receive(this.toNode(bytes, request));
    this.bench.world.run(this.bench.world.nowUs + 1_000_000);
    this.say(this.toTool(this.bench.sent.subarray(from), request));
  }

  say(bytes: Uint8Array): void {
    setImmediate(() => this.onData(bytes));
  }

  async open(): Promise<void> {}
  async setBaudRate(): Promise<void> {}
  async setLines(): Promise<void> {}
  async purge(): Promise<void> {}
  async close(): Promise<void> {}
}

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] ^= 4;
  return copy;
}

describe("console client", () => {
  let link: BenchLink;
  let client: ConsoleClient;
  let node: NodeConsole;

  beforeEach(() => {
    link = new BenchLink();
    client = new ConsoleClient(link, { timeoutMs: 20 });
    node = new NodeConsole(client);
  });

  it("takes a board from new to locked, and has its proof", async () => {
    const publicKey = await node.generateKey();
    await node.writeLorawan(LORAWAN);
    await node.writeReceiverKey(RECEIVER_KEY);
    await node.writeOwner(publicKey);
    await node.writeConfiguration({ ...CONFIGURATION, wifi: { ssid: "Stra\u00dfe" } });
    assert.deepEqual(await node.health(), { uptimeMs: 5000, linesRefused: 0, sensorErrors: 3 });
    await node.lock(HARDWARE_ID_TEXT);
    const identity = await node.identify();
    assert.deepEqual([identity.publicKey, identity.locked, identity.owner], [publicKey, true, publicKey]);
    assert.ok(await node.prove(identity, new Uint8Array(32).fill(7)));
    await assert.rejects(node.health(), { reason: "locked", code: -32001, failure: "refused" });
    await node.factoryReset(HARDWARE_ID_TEXT);
    assert.equal((await node.identify()).publicKey, null);
  });

  it("a proof of another key or another board is none", async () => {
    await node.generateKey();
    const identity = await node.identify();
    const challenge = new Uint8Array(32).fill(7);
    const other = await new ConsoleBench({ fill: (bytes) => bytes.set(bytes.map((_, i) => i)) }).ask("generateKey");
    assert.equal(await node.prove({ ...identity, publicKey: String(other.publicKey) }, challenge), false);
    assert.equal(await node.prove({ ...identity, hardwareId: "246f28fffe000000" }, challenge), false);
    assert.equal(await node.prove({ ...identity, publicKey: "ab".repeat(64) }, challenge), false);
    assert.equal(await node.prove({ ...identity, publicKey: null }, challenge), false);
  });

  it("finds its answers amid a boot log, and hands the log on", async () => {
    const texts: string[] = [];
    const lines: LogLine[] = [];
    client.onText = (text) => texts.push(text);
    client.onLog = (line) => lines.push(line);
    link.toTool = (bytes) =>
      Buffer.concat([
        Buffer.from("ESP-ROM:esp32s3\r\n\x80\xff12 info node: boot\r\n34 warn radio: slow: x\r\nhalf"),
        bytes,
      ]);
    assert.equal((await node.identify()).model, "bench");
    assert.deepEqual(
      texts,
      ["ESP-ROM:esp32s3", "\x80\xff12 info node: boot", "half"].map((text, i) => (i === 1 ? texts[1] : text)),
    );
    assert.deepEqual(lines, [{ ms: 34, level: "warn", source: "radio", text: "slow: x" }]);
  });

  it("gets the framed log", async () => {
    const lines: LogLine[] = [];
    client.onLog = (line) => lines.push(line);
    await node.followLog(30);
    const from = link.bench.sent.length;
    link.bench.app.log("info", "node", "joined");
    link.onData(link.bench.sent.subarray(from));
    assert.deepEqual(lines, [{ ms: 1000, level: "info", source: "node", text: "joined" }]);
  });

  it("a request that is damaged is repeated at once; the node does it once", async () => {
    link.toNode = (bytes, request) => (request === 1 ? flip(bytes, 20) : bytes);
    await node.generateKey();
    assert.equal(link.requests, 2);
  });

  it("an answer that is lost or damaged is asked for again; the node does it once", async () => {
    link.toTool = (bytes, request) => (request === 1 ? flip(bytes, 30) : request === 2 ? new Uint8Array(0) : bytes);
    const key = await node.generateKey();
    assert.equal(link.requests, 3);
    assert.equal(client.framesRefused, 1);
    assert.equal((await node.identify()).publicKey, key);
  });

  it("bit flips anywhere in the first request: it ends well", async () => {
    const { length } = frameOf({ jsonrpc: "2.0", id: 2 ** 31, method: "identify", params: {} });
    for (let at = 0; at < length - 2; at++) {
      link.requests = 0;
      link.toNode = (bytes, request) => (request === 1 && at < bytes.length ? flip(bytes, at) : bytes);
      assert.equal((await node.identify()).model, "bench", `byte ${at}`);
    }
  });

  it("no answer: says so after so many tries", async () => {
    link.toTool = () => new Uint8Array(0);
    await assert.rejects(node.identify(), (error: ConsoleError) => {
      assert.equal(error.failure, "no-answer");
      assert.equal(error.message, "no console answers on bench");
      return true;
    });
    assert.equal(link.requests, 4);
  });

  it("a port that echoes is no node", async () => {
    link.write = async (bytes) => {
      link.requests++;
      link.say(bytes);
    };
    await assert.rejects(node.identify(), { failure: "no-answer" });
  });

  it("the cable is pulled while an answer is awaited", async () => {
    link.toTool = () => {
      setImmediate(() => link.onLost(new SerialError("lost", "gone", "check")));
      return new Uint8Array(0);
    };
    let told: SerialError | undefined;
    client.onLost = (error) => {
      told = error;
    };
    await assert.rejects(node.identify(), { failure: "lost" });
    assert.equal(told?.reason, "lost");
    await assert.rejects(node.identify(), { failure: "lost" });
  });

  it("an answer that makes no sense is told as such", async () => {
    client.call = async () => ({ hardwareId: "nonsense" });
    await assert.rejects(node.identify(), { failure: "not-understood" });
    client.call = async () => ({ "\x1b[2J": 1 });
    await assert.rejects(node.health(), { failure: "not-understood" });
    client.call = async () => ({ publicKey: "00" });
    await assert.rejects(node.generateKey(), { failure: "not-understood" });
  });

  it("a request that is too long for a line is not sent", async () => {
    const configuration = { ...CONFIGURATION, note: "x".repeat(3000) };
    await assert.rejects(node.writeConfiguration(configuration), { reason: "line-too-long" });
    assert.equal(link.requests, 0);
  });

  it("tells lines of our log from others", () => {
    assert.deepEqual(parseLogText("5 error node: a: b"), { ms: 5, level: "error", source: "node", text: "a: b" });
    for (const text of ["", "5 fatal node: x", "x info node: y", "I (48) boot: Loaded", "5 info no de: x"]) {
      assert.equal(parseLogText(text), undefined, text);
    }
  });
});
