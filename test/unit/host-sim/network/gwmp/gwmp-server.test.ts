import assert from "node:assert/strict";
import { type Datagram, parseDatagram, writeDatagram } from "../../../../../host-sim/network/gwmp/datagram.ts";
import { GwmpServer, type ServerCommand } from "../../../../../host-sim/network/gwmp/gwmp-server.ts";
import { parsePullResp, txAckText } from "../../../../../host-sim/network/gwmp/pull-payload.ts";
import { pushText } from "../../../../../host-sim/network/gwmp/push-payload.ts";
import { counting, GATEWAY_ID, rxPacket, txPacket } from "./samples.ts";

const ADDRESS = "192.0.2.7:40001";

class Bench {
  readonly server = new GwmpServer(counting(0x1234));
  nowMs = 0;

  /** What the server does when a datagram comes. */
  receive(datagram: Datagram, from = ADDRESS): (ServerCommand | { kind: "sent"; datagram: Datagram; to: string })[] {
    this.server.handle({ kind: "datagram", bytes: writeDatagram(datagram), from }, this.nowMs);
    return this.drain();
  }

  transmit(id = 1): ReturnType<Bench["drain"]> {
    this.server.handle({ kind: "transmit", gatewayId: GATEWAY_ID, id, packet: txPacket() }, this.nowMs);
    return this.drain();
  }

  drain(): (ServerCommand | { kind: "sent"; datagram: Datagram; to: string })[] {
    const commands = [];
    for (let command = this.server.pollCommand(); command !== undefined; command = this.server.pollCommand()) {
      if (command.kind === "send") {
        const parsed = parseDatagram(command.bytes);
        assert.ok(parsed.ok);
        commands.push({ kind: "sent" as const, datagram: parsed.datagram, to: command.to });
      } else commands.push(command);
    }
    return commands;
  }
}

const gatewayId = GATEWAY_ID;

describe("Semtech UDP protocol, server side (PROTOCOL.TXT 3 and 5)", () => {
  it("3.3: acknowledges a PUSH_DATA before it looks at it, and hands each packet on", () => {
    const bench = new Bench();
    const text = pushText([rxPacket({ counter: 1 }), rxPacket({ counter: 2 })]);
    const [ack, ...packets] = bench.receive({ kind: "push-data", token: 9, gatewayId, text });
    assert.deepEqual(ack, { kind: "sent", datagram: { kind: "push-ack", token: 9 }, to: ADDRESS });
    assert.deepEqual(packets, [
      { kind: "uplink", gatewayId, packet: rxPacket({ counter: 1 }) },
      { kind: "uplink", gatewayId, packet: rxPacket({ counter: 2 }) },
    ]);
    const [, ...nothing] = bench.receive({ kind: "push-data", token: 10, gatewayId, text: "rubbish" });
    assert.deepEqual(nothing, []);
    assert.deepEqual(bench.server.refused, { "not-json": 1 });
  });

  it("a repeated PUSH_DATA is acknowledged again and taken once; another one under the same token is taken", () => {
    const bench = new Bench();
    const push = { kind: "push-data", token: 9, gatewayId, text: pushText([rxPacket()]) } as const;
    assert.equal(bench.receive(push).length, 2);
    assert.equal(bench.receive(push).length, 1);
    assert.equal(bench.receive({ ...push, text: pushText([rxPacket({ counter: 5 })]) }).length, 2);
  });

  it("4: a packet with a wrong CRC is no uplink", () => {
    const bench = new Bench();
    const text = pushText([rxPacket({ crcStatus: -1 }), rxPacket({ crcStatus: 0 })]);
    assert.equal(bench.receive({ kind: "push-data", token: 9, gatewayId, text }).length, 2);
    assert.deepEqual(bench.server.refused, { "wrong-crc": 1 });
  });

  it("5.1: a downlink goes to where the last PULL_DATA came from, and to nobody before", () => {
    const bench = new Bench();
    assert.deepEqual(bench.transmit(), [{ kind: "answered", id: 1, status: "gateway-away" }]);
    bench.receive({ kind: "push-data", token: 9, gatewayId, text: pushText([rxPacket()]) });
    assert.deepEqual(
      bench.transmit(),
      [{ kind: "answered", id: 1, status: "gateway-away" }],
      "a PUSH_DATA opens no way",
    );
    bench.receive({ kind: "pull-data", token: 1, gatewayId });
    const moved = "192.0.2.8:5";
    assert.deepEqual(bench.receive({ kind: "pull-data", token: 2, gatewayId }, moved), [
      { kind: "sent", datagram: { kind: "pull-ack", token: 2 }, to: moved },
    ]);
    const [sent] = bench.transmit();
    assert.ok(sent.kind === "sent" && sent.datagram.kind === "pull-resp" && sent.to === moved);
    assert.deepEqual(parsePullResp(sent.datagram.text), { ok: true, value: txPacket() });
    assert.deepEqual(bench.server.reachable(0), [gatewayId]);
  });

  it("a gateway that asked for nothing in a minute is away", () => {
    const bench = new Bench();
    bench.receive({ kind: "pull-data", token: 1, gatewayId });
    bench.nowMs = 60_000;
    assert.equal(bench.transmit()[0].kind, "sent");
    bench.nowMs = 60_001;
    assert.deepEqual(bench.transmit(), [{ kind: "answered", id: 1, status: "gateway-away" }]);
  });

  it("5.5: TX_ACK answers the downlink of its token, from its gateway only, and once", () => {
    const bench = new Bench();
    bench.receive({ kind: "pull-data", token: 1, gatewayId });
    const [sent] = bench.transmit(42);
    assert.ok(sent.kind === "sent");
    const { token } = sent.datagram;
    const text = txAckText("collision-packet");
    const answer = { kind: "tx-ack", token, gatewayId, text } as const;
    assert.deepEqual(bench.receive({ ...answer, gatewayId: "ffffffffffffffff" }), []);
    assert.deepEqual(bench.receive({ ...answer, token: token ^ 1 }), []);
    assert.deepEqual(bench.receive({ ...answer, text: '{"txpk_ack":{"error":"LAZY"}}' }), []);
    assert.deepEqual(bench.receive(answer), [{ kind: "answered", id: 42, status: "collision-packet" }]);
    assert.deepEqual(bench.receive(answer), []);
    assert.deepEqual(bench.server.refused, { "token-unknown": 3, "error-unknown": 1 });
  });

  it("a TX_ACK that does not come within 2 s: gateway-away", () => {
    const bench = new Bench();
    bench.receive({ kind: "pull-data", token: 1, gatewayId });
    bench.transmit(42);
    assert.equal(bench.server.pollTimeout(), 2_000);
    bench.server.handleTimeout(1_999);
    assert.deepEqual(bench.drain(), []);
    bench.server.handleTimeout(2_000);
    assert.deepEqual(bench.drain(), [{ kind: "answered", id: 42, status: "gateway-away" }]);
    assert.equal(bench.server.pollTimeout(), undefined);
  });

  it("invented gateways cost bounded memory", () => {
    const bench = new Bench();
    for (let i = 0; i < 5_000; i++) {
      bench.receive({ kind: "pull-data", token: 1, gatewayId: (i + 2 ** 40).toString(16).padStart(16, "0") });
    }
    assert.equal(bench.server.reachable(0).length, 1_000);
  });
});
