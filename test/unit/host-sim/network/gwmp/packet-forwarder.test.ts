import assert from "node:assert/strict";
import { type Datagram, parseDatagram, writeDatagram } from "../../../../../host-sim/network/gwmp/datagram.ts";
import { type ForwarderOptions, PacketForwarder } from "../../../../../host-sim/network/gwmp/packet-forwarder.ts";
import { pullRespText, type TxPacket } from "../../../../../host-sim/network/gwmp/pull-payload.ts";
import { START_UNIX_MS } from "../fixture.ts";
import { counting, GATEWAY_ID, rxPacket, txPacket } from "./samples.ts";

class Bench {
  readonly forwarder: PacketForwarder;
  readonly sent: { atMs: number; datagram: Datagram }[] = [];
  readonly plans: { token: number; packet: TxPacket }[] = [];
  nowMs = 0;

  constructor(options: Partial<ForwarderOptions> = {}) {
    const all = { gatewayId: GATEWAY_ID, random: counting(), startUnixMs: START_UNIX_MS, ...options };
    this.forwarder = new PacketForwarder(all, 0);
  }

  /** Lets time pass; `answer` makes the server's answer to each datagram. */
  run(untilMs: number, answer?: (datagram: Datagram) => Datagram | undefined): void {
    this.#drain(answer);
    for (let atMs = this.forwarder.pollTimeout(); atMs <= untilMs; atMs = this.forwarder.pollTimeout()) {
      this.nowMs = Math.max(this.nowMs, atMs);
      this.forwarder.handleTimeout(this.nowMs);
      this.#drain(answer);
    }
    this.nowMs = untilMs;
  }

  receive(datagram: Datagram): void {
    this.forwarder.handle({ kind: "datagram", bytes: writeDatagram(datagram) }, this.nowMs);
    this.#drain();
  }

  hear(): void {
    this.forwarder.handle({ kind: "heard", packet: rxPacket() }, this.nowMs);
    this.#drain();
  }

  of(kind: Datagram["kind"]): number[] {
    return this.sent.filter(({ datagram }) => datagram.kind === kind).map(({ atMs }) => atMs);
  }

  stats(): Record<string, unknown>[] {
    const texts = this.sent.map(({ datagram }) => ("text" in datagram ? datagram.text : "{}"));
    return texts.map((text) => JSON.parse(text).stat).filter((stat) => stat !== undefined);
  }

  #drain(answer?: (datagram: Datagram) => Datagram | undefined): void {
    for (let command = this.forwarder.pollCommand(); command !== undefined; command = this.forwarder.pollCommand()) {
      if (command.kind === "plan") {
        this.plans.push({ token: command.token, packet: command.packet });
        continue;
      }
      const parsed = parseDatagram(command.bytes);
      assert.ok(parsed.ok);
      this.sent.push({ atMs: this.nowMs, datagram: parsed.datagram });
      const reply = answer?.(parsed.datagram);
      if (reply !== undefined) {
        this.forwarder.handle({ kind: "datagram", bytes: writeDatagram(reply) }, this.nowMs);
      }
    }
  }
}

/** A server that acknowledges everything. */
function acknowledge(datagram: Datagram): Datagram | undefined {
  if (datagram.kind === "push-data") return { kind: "push-ack", token: datagram.token };
  return datagram.kind === "pull-data" ? { kind: "pull-ack", token: datagram.token } : undefined;
}

describe("packet forwarder (PROTOCOL.TXT 3 and 5)", () => {
  it("5.2: PULL_DATA at once and every 10 s, each with its own token and the gateway's EUI", () => {
    const bench = new Bench();
    bench.run(35_000, acknowledge);
    assert.deepEqual(bench.of("pull-data"), [0, 10_000, 20_000, 30_000]);
    const pulls = bench.sent.filter(({ datagram }) => datagram.kind === "pull-data");
    assert.equal(new Set(pulls.map(({ datagram }) => datagram.token)).size, 4);
    assert.ok(pulls.every(({ datagram }) => "gatewayId" in datagram && datagram.gatewayId === GATEWAY_ID));
  });

  it("5.3: connected from the first PULL_ACK; no longer when three PULL_DATA in a row had none", () => {
    const bench = new Bench();
    assert.equal(bench.forwarder.connected, false);
    bench.run(1_000, acknowledge);
    assert.equal(bench.forwarder.connected, true);
    bench.run(39_999);
    assert.equal(bench.forwarder.connected, true);
    bench.run(40_000);
    assert.equal(bench.forwarder.connected, false);
    bench.run(50_000, acknowledge);
    assert.equal(bench.forwarder.connected, true);
  });

  it("5.3: a PULL_ACK with another token is none", () => {
    const bench = new Bench();
    bench.run(0);
    bench.receive({ kind: "pull-ack", token: 999 });
    assert.equal(bench.forwarder.connected, false);
    assert.deepEqual(bench.forwarder.refused, { "token-unknown": 1 });
  });

  it("3.2: a frame goes out at once, as one PUSH_DATA", () => {
    const bench = new Bench();
    bench.run(0, acknowledge);
    bench.hear();
    const { datagram } = bench.sent[bench.sent.length - 1];
    assert.ok(datagram.kind === "push-data" && datagram.gatewayId === GATEWAY_ID);
    assert.equal(JSON.parse(datagram.text).rxpk[0].tmst, 3_512_348_611);
  });

  it("1: repeats nothing by itself", () => {
    const bench = new Bench();
    bench.hear();
    bench.run(20_000);
    assert.equal(bench.of("push-data").length, 1);
  });

  it("told to repeat, it sends the same datagram again after 100 ms, until it is acknowledged or has no more tries", () => {
    const bench = new Bench({ pushRetries: 2 });
    bench.hear();
    bench.run(20_000);
    assert.deepEqual(bench.of("push-data"), [0, 100, 200]);
    assert.deepEqual(bench.sent[0].datagram, bench.sent.find(({ atMs }) => atMs === 200)?.datagram);
    assert.equal(bench.forwarder.counters.pushRepeated, 2);
    const lucky = new Bench({ pushRetries: 2 });
    lucky.hear();
    lucky.receive({ kind: "push-ack", token: lucky.sent[0].datagram.token });
    lucky.run(20_000);
    assert.deepEqual(lucky.of("push-data"), [0]);
  });

  it("4: a stat every 30 s, with what happened since the last one", () => {
    const bench = new Bench();
    bench.run(1_000, acknowledge);
    bench.hear();
    bench.run(1_000, acknowledge);
    bench.receive({ kind: "push-ack", token: bench.sent[bench.sent.length - 1].datagram.token });
    bench.hear();
    bench.receive({ kind: "pull-resp", token: 7, text: pullRespText(txPacket()) });
    bench.forwarder.handle({ kind: "sent" }, 2_000);
    bench.run(61_000, acknowledge);
    assert.deepEqual(bench.stats(), [
      { time: "2023-11-14 22:13:50 GMT", rxnb: 2, rxok: 2, rxfw: 2, ackr: 50, dwnb: 1, txnb: 1 },
      { time: "2023-11-14 22:14:20 GMT", rxnb: 0, rxok: 0, rxfw: 0, ackr: 100, dwnb: 0, txnb: 0 },
    ]);
  });

  it("5.4, 5.5: hands a PULL_RESP to the concentrator, and its verdict back under the same token", () => {
    const bench = new Bench();
    bench.receive({ kind: "pull-resp", token: 0x1234, text: pullRespText(txPacket()) });
    assert.deepEqual(bench.plans, [{ token: 0x1234, packet: txPacket() }]);
    bench.forwarder.handle({ kind: "planned", token: 0x1234, status: "too-late" }, 0);
    bench.run(0);
    const answer = bench.sent.find(({ datagram }) => datagram.kind === "tx-ack");
    assert.deepEqual(answer?.datagram, {
      kind: "tx-ack",
      token: 0x1234,
      gatewayId: GATEWAY_ID,
      text: '{"txpk_ack":{"error":"TOO_LATE"}}',
    });
  });

  it("a PULL_RESP that cannot be read is dropped and counted by its reason", () => {
    const bench = new Bench();
    bench.receive({ kind: "pull-resp", token: 1, text: '{"txpk":{}}' });
    bench.receive({ kind: "pull-resp", token: 1, text: "{" });
    bench.receive({ kind: "pull-data", token: 1, gatewayId: GATEWAY_ID });
    bench.forwarder.handle({ kind: "datagram", bytes: new Uint8Array(2) }, 0);
    assert.deepEqual(bench.plans, []);
    assert.deepEqual(bench.forwarder.refused, { "no-time": 1, "not-json": 1, "not-for-a-gateway": 1, "too-short": 1 });
  });

  it("a server that never answers costs bounded memory", () => {
    const bench = new Bench({ pushRetries: 1 });
    for (let i = 0; i < 1_000; i++) bench.hear();
    bench.run(150);
    assert.equal(bench.forwarder.counters.pushRepeated, 64);
  });
});
