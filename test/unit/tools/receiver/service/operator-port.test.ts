import assert from "node:assert/strict";
import { NODE_CRYPTO } from "../../../../../tools/receiver/node-crypto.ts";
import { Receiver } from "../../../../../tools/receiver/receiver.ts";
import { OperatorPort } from "../../../../../tools/receiver/service/operator-port.ts";
import { MemoryStore } from "../../../../../tools/receiver/store.ts";
import { RECEIVER_KEY, T0_S, TestNode } from "../fixture.ts";

/** What may stand in an answer. */
interface Said {
  nonce: string;
  state: string;
  answer: { bootCount: number; uptime: number; seq: number; time: string };
  accepted: number;
  missing: number;
  boot: number;
  key: { fromSeq: number };
  parked: number;
}

describe("operator's port of the receiver", () => {
  const node = new TestNode(1);
  const keyless = new TestNode(2);
  let receiver: Receiver;
  let port: OperatorPort;
  let downlinks: string[];

  beforeEach(async () => {
    downlinks = [];
    receiver = new Receiver({
      nodes: [{ record: node.record, receiverKey: RECEIVER_KEY }, { record: keyless.record }],
      crypto: NODE_CRYPTO,
      store: new MemoryStore(),
      output: { onDownlink: (topic) => downlinks.push(topic) },
    });
    port = await OperatorPort.open({ host: "127.0.0.1", port: 0 }, receiver);
  });
  afterEach(() => port.close());

  async function ask(
    path: string,
    method = "GET",
    body?: Uint8Array<ArrayBuffer>,
  ): Promise<{ status: number; said: Said }> {
    const url = `http://127.0.0.1:${port.port}${path}`;
    const response = await fetch(url, body === undefined ? { method } : { method, body });
    return { status: response.status, said: (await response.json()) as Said };
  }

  it("asks a challenge and tells of its answer", async () => {
    const path = `/nodes/${node.devEui}/challenge`;
    assert.deepEqual(await ask(path), { status: 404, said: { reason: "nothing-asked" } });
    receiver.handleMqttToken(`groundtruth/${node.devEui}/token`, node.token(), Date.now());
    const nonce = new Uint8Array(12).fill(3);
    const asked = await ask(path, "POST", nonce);
    assert.equal(asked.status, 202);
    assert.deepEqual([asked.said.nonce, asked.said.state], ["03".repeat(12), "sent"]);
    assert.equal(downlinks.at(-1), `groundtruth/${node.devEui}/control`);
    const anchor = { kind: "anchor", wallS: T0_S, uptimeS: 60, timeQuality: 42, nonce, bootCount: 4, seq: 1 } as const;
    receiver.handleMqttToken(`groundtruth/${node.devEui}/token`, node.statement(anchor), Date.now());
    const { status, said } = await ask(path);
    assert.deepEqual([status, said.state], [200, "answered"]);
    assert.deepEqual([said.answer.bootCount, said.answer.uptime, said.answer.seq], [4, 60, 1]);
    assert.equal(said.answer.time, "2026-06-01T00:00:00Z");
  });

  it("makes a nonce where none is given, another one each time", async () => {
    const path = `/nodes/${node.devEui.toUpperCase()}/challenge`;
    const nonces = new Set<string>();
    for (let i = 0; i < 3; i++) nonces.add((await ask(path, "POST")).said.nonce);
    assert.equal(nonces.size, 3);
    for (const nonce of nonces) assert.match(nonce, /^[0-9a-f]{32}$/);
  });

  it("tells what is known of a node", async () => {
    receiver.handleMqttToken(`groundtruth/${node.devEui}/token`, node.boot({ bootCount: 7, seq: 3 }), Date.now());
    const { status, said } = await ask(`/nodes/${node.devEui}`);
    assert.equal(status, 200);
    assert.deepEqual([said.accepted, said.missing, said.boot, said.key.fromSeq, said.parked], [1, 3, 7, 0, 0]);
  });

  it("RFC 6454 7: a web page that a browser shows on the receiver's machine asks for nothing", async () => {
    receiver.handleMqttToken(`groundtruth/${node.devEui}/token`, node.token(), Date.now());
    const sent = downlinks.length;
    const url = `http://127.0.0.1:${port.port}/nodes/${node.devEui}/challenge`;
    for (const origin of ["https://example.org", "null", `http://127.0.0.1:${port.port}`]) {
      const response = await fetch(url, { method: "POST", headers: { Origin: origin } });
      assert.deepEqual([response.status, await response.json()], [403, { reason: "asked-by-a-web-page" }]);
    }
    assert.deepEqual([downlinks.length, receiver.challengeOf(node.devEui)], [sent, undefined]);
  });

  it("refuses by name: paths, methods, nodes and nonces", async () => {
    const challenge = `/nodes/${node.devEui}/challenge`;
    const cases: [number, string, ...Parameters<typeof ask>][] = [
      [404, "path-unknown", "/"],
      [404, "path-unknown", "/nodes/1/challenge"],
      [404, "node-unknown", "/nodes/0000000000000000"],
      [404, "node-unknown", "/nodes/0000000000000000/challenge", "POST"],
      [405, "method-not-get", `/nodes/${node.devEui}`, "POST"],
      [405, "method-neither-get-nor-post", challenge, "DELETE"],
      [409, "no-receiver-key", `/nodes/${keyless.devEui}/challenge`, "POST"],
      [422, "nonce-length", challenge, "POST", new Uint8Array(7)],
      [413, "nonce-length", challenge, "POST", new Uint8Array(65)],
      [413, "nonce-length", challenge, "POST", new Uint8Array(1_000_000)],
    ];
    for (const [status, reason, ...args] of cases) {
      assert.deepEqual(await ask(...args), { status, said: { reason } }, args.join(" "));
    }
  });
});
