/** `groundtruth receive` in processes of its own, behind a broker on loopback. */
import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "mqtt";
import { parseToken } from "../../firmware/wire/eat-token.ts";
import { TOKEN_FPORT } from "../../firmware/wire/schc-fragment.ts";
import { RandomStream } from "../../host-sim/random-stream.ts";
import { decodeBase64, encodeBase64 } from "../../tools/receiver/base64.ts";
import { bytesToHex } from "../../tools/receiver/hex.ts";
import { NODE_CRYPTO } from "../../tools/receiver/node-crypto.ts";
import { partitionOf } from "../../tools/receiver/partition.ts";
import { readStore } from "../../tools/receiver/sqlite-reader.ts";
import { counts } from "../counts.ts";
import { acknowledgement, fragmentsOf, TestNode } from "../unit/tools/receiver/fixture.ts";
import {
  type Broker,
  Field,
  freePort,
  HAVE_MOSQUITTO,
  openAedes,
  openBroker,
  ReceiverProcess,
  until,
  writeNode,
} from "./receive-field.ts";
import { groundtruth, groundtruthSoon, Simulation } from "./simulation.ts";

const NODES = 50;
const KILLS = counts(5, 200);
const T0_S = 1_577_836_800;

interface Line {
  node: string;
  seq: number;
  index: number;
}

function lines(path: string): Line[] {
  const text = readFileSync(path, "utf8");
  assert.ok(text === "" || text.endsWith("\n"));
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

/** Fails unless the stores together hold each token of the field once, and the files each of its readings once. */
function assertEachOnce(field: Field, stores: readonly string[], files: readonly string[]): void {
  const held = stores.flatMap((path) => {
    const store = readStore(path);
    const tokens = store
      .tokensAfter(0, 1_000_000)
      .map(({ devEui, seq, digest }) => `${devEui} ${seq} ${bytesToHex(digest)}`);
    store.close();
    return tokens;
  });
  const made = field.nodes.flatMap(({ node, digests }) =>
    digests.map((digest, seq) => `${node.devEui} ${seq} ${digest}`),
  );
  assert.deepEqual(held.sort(), made.sort());
  const readings = files.flatMap((path) => lines(path)).map(({ node, seq, index }) => `${node} ${seq} ${index}`);
  const taken = field.nodes.flatMap(({ node, digests }) =>
    digests.flatMap((_, seq) => [0, 1, 2].map((index) => `${node.devEui} ${seq} ${index}`)),
  );
  assert.deepEqual(readings.sort(), taken.sort());
}

describe("groundtruth receive", function () {
  this.timeout(counts(120_000, 1_800_000));
  let folder: string;
  let broker: Broker | undefined;
  const running: ReceiverProcess[] = [];
  const at = (name: string): string => join(folder, name);

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "groundtruth-receive-"));
  });
  after(() => rmSync(folder, { recursive: true }));
  afterEach(async () => {
    for (const receiver of running.splice(0)) await receiver.kill();
    await broker?.close();
    broker = undefined;
  });

  async function start(...args: string[]): Promise<ReceiverProcess> {
    const receiver = await ReceiverProcess.start(at("cache"), ...args);
    running.push(receiver);
    return receiver;
  }

  it(`killed ${KILLS} times at random moments among ${NODES} nodes with loss: every token accepted exactly once, every reading handed on exactly once`, async () => {
    const dice = new RandomStream(4, "kill");
    broker = await openBroker();
    const field = new Field(at("kill-nodes"), NODES, 0.2, new RandomStream(5, "loss"));
    const args = ["--mqtt", broker.url, "--nodes", field.folder, "--secrets", field.folder, "--store", at("kill.db")];
    const life = (): Promise<ReceiverProcess> => start(...args, "--out", at("kill.jsonl"));
    await field.start(broker.url);
    try {
      for (let kill = 0; kill < KILLS; kill++) {
        const receiver = await life();
        if (dice.unit() >= 0.2) {
          const enough = field.acknowledged + dice.below(60);
          await until(`acknowledgements; the receiver says:\n${receiver.err}`, () =>
            field.acknowledged > enough ? true : undefined,
          );
        }
        await new Promise((resolve) => setTimeout(resolve, dice.below(40)));
        await receiver.kill();
      }
      const last = await life();
      await field.drain();
      const { status, err } = await last.end();
      assert.equal(status, 0, err);
    } finally {
      await field.stop();
    }
    assert.ok(field.made > NODES, `${field.made} tokens`);
    assertEachOnce(field, [at("kill.db")], [at("kill.jsonl")]);
    const status = groundtruth("receive", "--status", "--store", at("kill.db"), "--json");
    const accounts = status.out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.equal(accounts.length, NODES);
    for (const { missing, accepted, next } of accounts) assert.deepEqual([missing, accepted], [0, next]);
  });

  it("takes a simulation's tokens by HTTP, and hands on the very readings that the simulation did, in every form", async () => {
    const run = new Simulation("--nodes", "2", "--hours", "6", "--uplink", "wifi");
    const port = await freePort();
    const nodes = join(run.folder, "nodes");
    const outputs = ["--out", at("http.jsonl"), "--senml", at("http.senml"), "--csv", at("http.csv")];
    outputs.push("--statements", at("http.statements"));
    const receiver = await start(
      "--store",
      at("http.db"),
      "--nodes",
      nodes,
      "--secrets",
      nodes,
      "--http",
      `${port}`,
      ...outputs,
    );
    await until("the receiver", async () => ((await receiver.metrics()) === undefined ? undefined : true));
    const post = (devEui: string, body: BodyInit, method = "POST"): Promise<Response> =>
      fetch(`http://127.0.0.1:${port}/groundtruth/${devEui}/token`, { method, ...(method === "POST" ? { body } : {}) });
    for (const { devEui, bytes } of [...run.tokens, run.tokens[0]]) {
      const response = await post(devEui, new Uint8Array(bytes));
      assert.equal(response.status, 200);
      assert.equal((await response.arrayBuffer()).byteLength, 21, "the final acknowledgement, with a tag of 16 bytes");
    }
    const [{ devEui, bytes }] = run.tokens;
    const forged = new Uint8Array(bytes);
    forged[forged.length - 1] ^= 1;
    const refusal = await post(devEui, forged);
    assert.deepEqual([refusal.status, await refusal.json()], [422, { reason: "signature-invalid" }]);
    assert.equal((await post("ffffffffffffffff", new Uint8Array(bytes))).status, 404);
    assert.equal((await post(devEui, new Uint8Array(2000))).status, 413);
    assert.equal((await post(devEui, "", "GET")).status, 405);
    const { status, err } = await receiver.end();
    assert.equal(status, 0, err);
    const key = ({ node, seq, index }: Line): string => `${node} ${`${seq}`.padStart(6)} ${`${index}`.padStart(3)}`;
    const sorted = (all: Line[]): Line[] => all.sort((a, b) => (key(a) < key(b) ? -1 : 1));
    assert.deepEqual(sorted(lines(at("http.jsonl"))), sorted(run.readings));
    const packs = readFileSync(at("http.senml"), "utf8").trimEnd().split("\n");
    const claims = run.tokens
      .map(({ bytes }) => parseToken(bytes))
      .map((token) => (token.ok ? token.claims : undefined));
    assert.equal(packs.length, claims.filter((each) => each?.kind === "batch").length);
    assert.deepEqual(
      readFileSync(at("http.statements"), "utf8")
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line).statement),
      claims.flatMap((each) => (each === undefined || each.kind === "batch" ? [] : [each.kind])),
    );
    for (const pack of packs) assert.ok(Array.isArray(JSON.parse(pack)));
    assert.equal(readFileSync(at("http.csv"), "utf8").split("\n").length, 1 + run.readings.length * 9 + 1);
    run.remove();
  });

  it("keeps what nodes state: boots, changes of keys, digests and anchors, over a restart, and shows them by --status", async () => {
    const [node, next] = [new TestNode(6), new TestNode(6, 60, -8)];
    mkdirSync(at("states"));
    writeNode(at("states"), node);
    const [http, operator] = [await freePort(), await freePort()];
    const args = ["--store", at("states.db"), "--nodes", at("states"), "--secrets", at("states")];
    args.push("--http", `${http}`, "--operator", `${operator}`, "--statements", at("states.jsonl"));
    const post = async (token: Uint8Array): Promise<number> => {
      const url = `http://127.0.0.1:${http}/groundtruth/${node.devEui}/token`;
      return (await fetch(url, { method: "POST", body: new Uint8Array(token) })).status;
    };
    const up = async (): Promise<ReceiverProcess> => {
      const receiver = await start(...args);
      await until("the receiver", async () => ((await receiver.metrics()) === undefined ? undefined : true));
      return receiver;
    };
    const rest = { wallTime: true, timeS: T0_S, bootCount: 3 };
    const uptime = { wallTime: false, timeQuality: 0, t0: 600, bootCount: 3 };
    const first = [node.boot({ seq: 0, bootCount: 3, timeS: T0_S }), node.token({ seq: 1, ...uptime })];
    const digest = NODE_CRYPTO.sha256(new Uint8Array(first.flatMap((token) => [...NODE_CRYPTO.sha256(token)])));
    const tokens = [
      ...first,
      node.statement({ kind: "key", wallS: 0, bootCount: 3, seq: 2, newKey: next.key(-8) }),
      next.statement({ kind: "digest", ...rest, seq: 3, firstSeq: 0, lastSeq: 1, digest }),
      next.statement({ kind: "digest", ...rest, seq: 4, firstSeq: 0, lastSeq: 1, digest: new Uint8Array(32) }),
      next.statement({
        kind: "anchor",
        wallS: T0_S,
        uptimeS: 900,
        timeQuality: 42,
        nonce: undefined,
        bootCount: 3,
        seq: 5,
      }),
    ];
    for (const token of tokens) {
      // Killed after each: what was acknowledged is known.
      const receiver = await up();
      assert.equal(await post(token), 200);
      await receiver.kill();
    }
    const receiver = await up();
    assert.equal(await post(node.token({ seq: 9 })), 422, "the old key signs nothing any more");
    const asked = await fetch(`http://127.0.0.1:${operator}/nodes/${node.devEui}/challenge`, { method: "POST" });
    assert.equal(asked.status, 202);
    const known = await (await fetch(`http://127.0.0.1:${operator}/nodes/${node.devEui}`)).json();
    assert.deepEqual(known.digests, { agree: 1, incomplete: 0, mismatch: 1 });
    assert.equal((await receiver.end()).status, 0);
    const [status] = groundtruth("receive", "--status", "--store", at("states.db"), "--json").out.trimEnd().split("\n");
    const { digests, boot, newKeyFromSeq, anchor } = JSON.parse(status);
    assert.deepEqual([digests, newKeyFromSeq, anchor.uptime], [known.digests, 3, 900]);
    assert.deepEqual([boot.bootCount, boot.software], [3, { name: "weather-node", version: "1.2.0" }]);
    const table = groundtruth("receive", "--status", "--store", at("states.db")).out;
    assert.match(table, /3: weather-node 1\.2\.0 +1\/0\/1/);
    const said = lines(at("states.jsonl")).map((line) => (line as unknown as { statement: string }).statement);
    assert.deepEqual(said, ["boot", "key", "digest", "digest", "anchor", "placement"]);
  });

  it("outlives its broker: goes on when that is there again, with what it then publishes", async () => {
    const node = new TestNode(1);
    mkdirSync(at("away"));
    writeNode(at("away"), node);
    const port = await freePort();
    const args = [
      "--nodes",
      at("away"),
      "--secrets",
      at("away"),
      "--store",
      at("away.db"),
      "--publish",
      "verified",
      "--json",
    ];
    const receiver = await start("--mqtt", `mqtt://127.0.0.1:${port}`, ...args);
    await until("the receiver's complaint", () =>
      /cannot be reached .*; trying again/.test(receiver.err) ? true : undefined,
    );
    for (const seq of [0, 1]) {
      broker = await openBroker(port);
      await receiver.connected();
      const client = connect(broker.url);
      const heard: string[] = [];
      client.on("message", (topic) => heard.push(topic));
      await client.subscribeAsync(["verified/#", "groundtruth/+/control"]);
      await client.publishAsync(`groundtruth/${node.devEui}/token`, Buffer.from(node.token({ seq, t0: T0_S })), {
        qos: 1,
      });
      await until("what it publishes", () => (heard.length === 4 ? true : undefined));
      assert.deepEqual(heard.sort(), [
        `groundtruth/${node.devEui}/control`,
        ...new Array(3).fill(`verified/${node.devEui}/reading`),
      ]);
      await client.endAsync(true);
      await broker.close();
      broker = undefined;
    }
    const { status, out, err } = await receiver.end();
    assert.equal(status, 0, err);
    assert.deepEqual(
      out
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).seq),
      [0, 0, 0, 1, 1, 1],
    );
  });

  it("The Things Stack v3: takes a token in fragments, and pushes the acknowledgement to the device's queue", async () => {
    const node = new TestNode(2);
    mkdirSync(at("tts"));
    writeNode(at("tts"), node);
    // A broker of that kind wants to know who it is.
    broker = await openAedes(await freePort(), (_client, user, password, done) => {
      const known = user === "weather@ttn" && password?.toString() === "NNSXS.SECRET";
      done(known ? null : Object.assign(new Error("no"), { returnCode: 4 as const }), known);
    });
    writeFileSync(at("login"), "weather@ttn:NNSXS.SECRET\n", { mode: 0o600 });
    writeFileSync(at("wrong"), "weather@ttn:wrong\n", { mode: 0o600 });
    const args = [
      "--mqtt",
      broker.url,
      "--source",
      "tts",
      "--nodes",
      at("tts"),
      "--secrets",
      at("tts"),
      "--store",
      at("tts.db"),
    ];
    const stranger = await start(...args, "--mqtt-login", at("wrong"));
    const { status, err } = await stranger.ended();
    assert.equal(status, 2);
    assert.match(err, /does not accept the user name and password[\s\S]*next: .*--mqtt-login/);
    const receiver = await start(...args, "--mqtt-login", at("login"));
    await receiver.connected();
    const client = connect(broker.url, { username: "weather@ttn", password: "NNSXS.SECRET" });
    let pushed: { f_port: number; frm_payload: string }[] | undefined;
    client.on("message", (_topic, payload) => {
      pushed = JSON.parse(payload.toString()).downlinks;
    });
    await client.subscribeAsync("v3/weather@ttn/devices/station-2/down/push");
    for (const frame of fragmentsOf(node.token({ t0: T0_S }), 115)) {
      const ids = {
        device_id: "station-2",
        application_ids: { application_id: "weather" },
        dev_eui: node.devEui.toUpperCase(),
      };
      const uplinkMessage = { f_port: TOKEN_FPORT, f_cnt: 1, frm_payload: encodeBase64(frame) };
      await client.publishAsync(
        "v3/weather@ttn/devices/station-2/up",
        JSON.stringify({ end_device_ids: ids, uplink_message: uplinkMessage }),
      );
    }
    const [{ f_port, frm_payload }] = await until("the downlink", () => pushed);
    assert.equal(f_port, 33);
    assert.deepEqual(acknowledgement(node, decodeBase64(frm_payload, 242)!, 4), { seq: 0, earlier: 0 });
    await client.endAsync(true);
    assert.equal((await receiver.end()).status, 0);
  });

  it("says what to do: usage, files, secrets open to everyone, a store in use, a store of another part", async () => {
    mkdirSync(at("says"));
    mkdirSync(at("empty"));
    writeNode(at("says"), new TestNode(3));
    const usual = ["--nodes", at("says"), "--http", `${await freePort()}`];
    const cases: [expected: RegExp, ...args: string[]][] = [
      [/nothing to receive from[\s\S]*--mqtt URL/, "--store", at("says.db"), "--nodes", at("says")],
      [/whose tokens\?/, "--store", at("says.db"), "--http", "0"],
      [/there are no nodes/, "--store", at("says.db"), "--nodes", at("empty"), "--http", "0"],
      [/put USER:PASSWORD into a file/, "--store", at("says.db"), ...usual, "--mqtt", "mqtt://a:b@localhost"],
      [/the beginning of a topic is needed/i, "--store", at("says.db"), ...usual, "--publish", "groundtruth/x"],
      [
        /nodes of its own[\s\S]*--partition 1\/2/,
        "--store",
        at("says.db"),
        ...usual,
        "--mqtt",
        "mqtt://localhost",
        "--group",
        "g",
      ],
      [/cannot write there/, "--store", at("says.db"), ...usual, "--out", at("no/such/folder.jsonl")],
      [/store cannot be used/, "--store", at("no/such/folder.db"), ...usual],
      [/store cannot be read: there is no such file/, "--store", at("none.db"), "--status"],
    ];
    const outcomes = await Promise.all(cases.map(([, ...args]) => groundtruthSoon("receive", ...args)));
    outcomes.forEach(({ status, err }, i) => {
      assert.equal(status, 2, err);
      assert.match(err, cases[i][0]);
    });
    assert.equal(existsSync(at("none.db")), false);

    writeNode(at("says"), new TestNode(3), 0o644);
    const open = groundtruth("receive", "--store", at("says.db"), ...usual, "--secrets", at("says"));
    assert.match(open.err, /open to everyone on this machine[\s\S]*chmod 600/);
    writeNode(at("says"), new TestNode(3), 0o600);

    const receiver = await start("--store", at("says.db"), ...usual);
    await until("the receiver", async () => ((await receiver.metrics()) === undefined ? undefined : true));
    assert.match(receiver.err, /without --secrets tokens are verified, and never acknowledged/);
    const second = await groundtruthSoon("receive", "--store", at("says.db"), "--nodes", at("says"), "--http", "0");
    assert.deepEqual([second.status, /another receiver has it open/.test(second.err)], [2, true], second.err);
    writeNode(at("says"), new TestNode(4));
    receiver.signal("SIGHUP");
    await until("the new node", async () =>
      (await receiver.metrics())?.get("groundtruth_nodes") === 2 ? true : undefined,
    );
    writeFileSync(join(at("says"), "broken.json"), "{");
    receiver.signal("SIGHUP");
    await until("the complaint", () =>
      /not read again, all stays as it was: .*not-json/.test(receiver.err) ? true : undefined,
    );
    rmSync(join(at("says"), "broken.json"));
    assert.equal((await receiver.end()).status, 0);
    const other = groundtruth("receive", "--store", at("says.db"), ...usual, "--partition", "1/2");
    assert.match(other.err, /the store is of partition 1\/1, not 1\/2[\s\S]*--take-over/);
  });

  (HAVE_MOSQUITTO ? it : it.skip)(
    `MQTT 5.0 4.8.2: receivers of a group share a broker's messages, each node has one of them, and a node's past moves with its store${HAVE_MOSQUITTO ? "" : " (no mosquitto on this machine)"}`,
    async () => {
      broker = await openBroker();
      const field = new Field(at("group-nodes"), 20, 0.1, new RandomStream(6, "loss"));
      const member = (part: string, name: string, ...more: string[]): Promise<ReceiverProcess> =>
        start(
          ...["--mqtt", broker!.url, "--nodes", field.folder, "--secrets", field.folder, "--group", "north"],
          ...["--partition", part, "--store", at(`${name}.db`), "--out", at(`${name}.jsonl`), ...more],
        );
      const progress = (count: number): Promise<true> => {
        const enough = field.acknowledged + count;
        return until("acknowledgements", () => (field.acknowledged >= enough ? true : undefined));
      };
      const first = await member("1/2", "a");
      const second = await member("2/2", "b");
      await Promise.all([first.connected(), second.connected()]);
      await field.start(broker.url);
      try {
        await progress(60);
        for (const receiver of [first, second]) {
          const metrics = (await receiver.metrics())!;
          assert.ok(metrics.get("groundtruth_passed_on_total")! > 0, "the broker gives each of them messages of both");
        }
        // The second one's machine dies; its store is carried to another, where it goes on. The first one works on meanwhile.
        await second.kill();
        const firsts = field.nodes.filter(({ node }) => partitionOf(node.devEui, 2) === 1);
        const before = firsts.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
        await until("the first one's nodes", () =>
          firsts.reduce((sum, { acknowledged }) => sum + acknowledged, 0) >= before + 10 ? true : undefined,
        );
        mkdirSync(at("elsewhere"));
        for (const name of ["b.db", "b.db-wal", "b.jsonl"]) {
          if (!existsSync(at(name))) continue;
          copyFileSync(at(name), at(`elsewhere/${name}`));
          renameSync(at(name), at(`gone-${name}`));
        }
        const moved = await member("2/2", "elsewhere/b");
        await moved.connected();
        await progress(40);
        // From two receivers to three: all end, and three new ones share what the two knew.
        for (const receiver of [first, moved]) assert.equal((await receiver.end()).status, 0);
        const past = ["--take-over", at("a.db"), "--take-over", at("elsewhere/b.db")];
        const three = await Promise.all([1, 2, 3].map((i) => member(`${i}/3`, `c${i}`, ...past)));
        await Promise.all(three.map((receiver) => receiver.connected()));
        await progress(40);
        // One too many for a part: it takes the place of the one that has it, which says so and ends.
        await field.drain();
        const twin = await member("1/3", "twin");
        await twin.connected();
        const { status, err } = await three[0].ended();
        assert.deepEqual([status, /another receiver has taken this one's place/.test(err)], [2, true], err);
        await twin.kill();
        const again = await member("1/3", "c1");
        await again.connected();
        field.resume();
        await progress(20);
        await field.drain();
        for (const receiver of [again, three[1], three[2]]) {
          const end = await receiver.end();
          assert.equal(end.status, 0, end.err);
        }
      } finally {
        await field.stop();
      }
      const now = ["c1", "c2", "c3"];
      assertEachOnce(
        field,
        now.map((name) => at(`${name}.db`)),
        ["a", "elsewhere/b", ...now].map((name) => at(`${name}.jsonl`)),
      );
      now.forEach((name, i) => {
        const store = readStore(at(`${name}.db`));
        for (const { devEui } of store.nodes()) assert.equal(partitionOf(devEui, 3), i + 1);
        store.close();
      });
    },
  );
});
