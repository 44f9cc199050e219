/** `groundtruth simulate` with somebody real on the other side: an MQTT broker, a network server. Everything on loopback. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LiveError } from "../../tools/live/live-error.ts";
import { RealBroker } from "../../tools/live/real-broker.ts";
import { type DeviceSecrets, TestBroker, UdpNetworkServer } from "./live-network.ts";
import { groundtruthSoon, LAUNCHER, ROOT } from "./simulation.ts";

const WIFI = ["simulate", "--uplink", "wifi", "--nodes", "2", "--hours", "6", "--loss", "0.2", "--seed", "3", "--json"];

describe("simulate --mqtt: Wi-Fi tokens through a real broker", () => {
  let broker: TestBroker;
  beforeEach(async () => {
    broker = await TestBroker.start();
  });
  afterEach(() => broker.stop());

  it("ends as it does without the broker, to the last event; tokens and acknowledgements went through it", async () => {
    const [direct, through] = [await groundtruthSoon(...WIFI), await groundtruthSoon(...WIFI, "--mqtt", broker.url)];
    assert.deepEqual([through.status, through.err], [0, ""]);
    assert.deepEqual(JSON.parse(through.out), JSON.parse(direct.out));
    const summary = JSON.parse(through.out);
    assert.equal(summary.readingsVerified, summary.readingsTaken);
    const tokens = broker.published.filter(({ topic }) => /^groundtruth\/[0-9a-f]{16}\/token$/.test(topic));
    const controls = broker.published.filter(({ topic }) => /^groundtruth\/[0-9a-f]{16}\/control$/.test(topic));
    assert.ok(tokens.length >= summary.tokensVerified && controls.length >= summary.tokensVerified);
    assert.equal(tokens.length + controls.length, broker.published.length);
    assert.ok(
      tokens.every(({ payload }) => payload[0] === 0xd2),
      "COSE_Sign1, tagged",
    );
  });

  it("a broker that goes away: says so, with its address, and ends with 2", async () => {
    broker.after(5, () => broker.stop());
    const { status, err, out } = await groundtruthSoon(...WIFI, "--mqtt", broker.url);
    assert.deepEqual([status, out], [2, ""]);
    assert.match(
      err,
      /^error: the MQTT broker (went away|did not take a message).*\n {2}where: --mqtt mqtt:\/\/127\.0\.0\.1:\d+\n {2}next: {2}/,
    );
  });

  it("a broker that is not there: says so and ends with 2, before anything is written", async () => {
    await broker.stop();
    const folder = join(tmpdir(), `groundtruth-live-${process.pid}`);
    const { status, err } = await groundtruthSoon(...WIFI, "--mqtt", broker.url, "--out", folder);
    broker = await TestBroker.start();
    assert.equal(status, 2);
    assert.match(err, /^error: the MQTT broker cannot be used: .*ECONNREFUSED/);
    assert.equal(existsSync(folder), false);
  });

  it("a broker that takes messages and delivers none is noticed; a password is not shown", async () => {
    const url = broker.url.replace("//", "//user:secret@");
    const connection = await RealBroker.open(url, 20);
    await assert.rejects(connection.nextMessage(), (error: LiveError) => {
      assert.ok(error instanceof LiveError);
      assert.match(error.message, /did not deliver it within 0\.02 s/);
      assert.equal(error.where, broker.url);
      return true;
    });
    await connection.close();
  });

  it("an output folder that cannot be made: the connections are let go, and it ends with 2", async () => {
    const { status, err } = await groundtruthSoon(...WIFI, "--mqtt", broker.url, "--out", join(ROOT, "package.json/x"));
    assert.equal(status, 2, err);
  });

  it("the flag is for Wi-Fi on Node", async () => {
    const { status, err } = await groundtruthSoon("simulate", "--mqtt", broker.url);
    assert.equal(status, 2);
    assert.match(err, /--uplink wifi/);
  });
});

describe("simulate --mqtt: with mosquitto", () => {
  let mosquitto: ChildProcess | undefined;
  let folder: string;
  let url: string;

  before(async function () {
    if (spawnSync("mosquitto", ["-h"]).error !== undefined) {
      console.log("      skipped: mosquitto is not installed");
      this.skip();
    }
    folder = mkdtempSync(join(tmpdir(), "groundtruth-mosquitto-"));
    const port = await freePort();
    url = `mqtt://127.0.0.1:${port}`;
    writeFileSync(join(folder, "conf"), `listener ${port} 127.0.0.1\nallow_anonymous true\n`);
    mosquitto = spawn("mosquitto", ["-c", join(folder, "conf")], { stdio: ["ignore", "ignore", "pipe"] });
    await new Promise<void>((done, failed) => {
      mosquitto?.stderr?.on("data", (text) => `${text}`.includes("running") && done());
      mosquitto?.once("exit", (code) => failed(new Error(`mosquitto ended with ${code}`)));
    });
  });
  after(() => {
    mosquitto?.removeAllListeners("exit");
    mosquitto?.kill();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  it("ends as it does without the broker, to the last event", async () => {
    const [direct, through] = [await groundtruthSoon(...WIFI), await groundtruthSoon(...WIFI, "--mqtt", url)];
    assert.deepEqual([through.status, through.err], [0, ""]);
    assert.deepEqual(JSON.parse(through.out), JSON.parse(direct.out));
  });
});

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
}

describe("simulate --gwmp: a network server behind a real UDP socket", () => {
  const SPEED = 25;
  const LORAWAN = ["simulate", "--hours", "0.05", "--sample-interval", "20", "--batch", "3", "--seed", "4"];
  let broker: TestBroker;
  let server: UdpNetworkServer | undefined;
  let folder: string;
  before(async () => {
    broker = await TestBroker.start();
    folder = mkdtempSync(join(tmpdir(), "groundtruth-gwmp-"));
  });
  afterEach(async () => {
    await server?.stop();
    server = undefined;
  });
  after(async () => {
    await broker.stop();
    rmSync(folder, { recursive: true });
  });

  it("the node joins, its tokens are verified and acknowledged through UDP and MQTT", async () => {
    // As an operator would: the keys of a seed are always the same, and --out writes them.
    await groundtruthSoon("simulate", "--hours", "0.01", "--seed", "4", "--out", folder);
    const devices = readdirSync(join(folder, "nodes"))
      .filter((name) => name.endsWith(".secrets.json"))
      .map((name): DeviceSecrets => JSON.parse(readFileSync(join(folder, "nodes", name), "utf8")));
    server = await UdpNetworkServer.start(broker.url, devices, SPEED);
    const { status, out, err } = await groundtruthSoon(
      ...LORAWAN,
      ...["--gwmp", server.address, "--integration-mqtt", broker.url, "--speed", `${SPEED}`, "--json"],
    );
    assert.equal(status, 0, err);
    const summary = JSON.parse(out);
    assert.ok(summary.readingsTaken >= 8, `${summary.readingsTaken}`);
    assert.equal(summary.readingsVerified, summary.readingsTaken, err);
    assert.deepEqual(summary.gaps, []);
    assert.ok(err.includes(`device: DevEUI ${devices[0].devEui}, JoinEUI ${devices[0].joinEui}\n`));
    assert.ok(!`${err}${out}`.includes(devices[0].appKey), "no key is printed");
    assert.match(err, /^gateways: 024754fe00000000$/m);
    const { counters, downlinks } = server.network.server;
    assert.ok(counters.joinsAccepted >= 1 && counters.uplinksAccepted >= summary.tokensVerified);
    assert.ok(downlinks.counters.rx1 + downlinks.counters.rx2 >= summary.tokensVerified);
    assert.ok(server.remote.stats.has("024754fe00000000"));
  });

  it("Ctrl-C ends it with its summary, and keeps what was written", async () => {
    server = await UdpNetworkServer.start(broker.url, [], SPEED);
    const out = join(folder, "interrupted");
    const flags = ["--gwmp", server.address, "--speed", `${SPEED}`, "--out", out, "--json"];
    const child = spawn(process.execPath, [LAUNCHER, "simulate", "--hours", "24", ...flags]);
    let text = "";
    child.stdout.on("data", (piece) => {
      text += piece;
    });
    // Without an integration it says so, as it begins.
    child.stderr.on("data", (piece) => `${piece}`.includes("no --integration-mqtt") && child.kill("SIGINT"));
    assert.deepEqual(await once(child, "close"), [0, null]);
    assert.deepEqual(JSON.parse(text), JSON.parse(readFileSync(join(out, "summary.json"), "utf8")));
    assert.equal(JSON.parse(text).readingsVerified, 0);
  });

  it("nobody there: says so and ends with 2", async () => {
    const { status, err } = await groundtruthSoon(...LORAWAN, "--gwmp", `127.0.0.1:${await freePort()}`);
    assert.equal(status, 2);
    assert.match(
      err,
      /^error: no network server answers the Semtech UDP protocol .*\n {2}where: --gwmp 127\.0\.0\.1:\d+\n/,
    );
  });

  for (const [title, flags, complaint] of [
    ["no port", ["--gwmp", "127.0.0.1:0"], /HOST:PORT is needed/],
    ["no address", ["--gwmp", "a b:1700"], /HOST:PORT is needed/],
    ["Wi-Fi", ["--gwmp", "127.0.0.1:1700", "--uplink", "wifi"], /--uplink lorawan/],
    ["--speed alone", ["--speed", "2"], /go with --gwmp/],
  ] as [string, string[], RegExp][]) {
    it(`refuses ${title}`, async () => {
      const { status, err } = await groundtruthSoon("simulate", ...flags);
      assert.equal(status, 2);
      assert.match(err, complaint);
    });
  }
});
