import assert from "node:assert/strict";
import { type Datagram, parseDatagram, writeDatagram } from "../../../../../host-sim/network/gwmp/datagram.ts";
import { bytes } from "../fixture.ts";
import { GATEWAY_ID } from "./samples.ts";

function hex(datagram: Datagram): string {
  return Buffer.from(writeDatagram(datagram)).toString("hex");
}

describe("Semtech UDP protocol, datagrams (PROTOCOL.TXT, version 2)", () => {
  const gatewayId = GATEWAY_ID;
  const token = 0xabcd;

  for (const [clause, datagram, expected] of [
    ["3.2 PUSH_DATA", { kind: "push-data", token, gatewayId, text: "{}" }, `02abcd00${gatewayId}7b7d`],
    ["3.3 PUSH_ACK", { kind: "push-ack", token }, "02abcd01"],
    ["5.2 PULL_DATA", { kind: "pull-data", token, gatewayId }, `02abcd02${gatewayId}`],
    ["5.3 PULL_ACK", { kind: "pull-ack", token }, "02abcd04"],
    ["5.4 PULL_RESP", { kind: "pull-resp", token, text: "{}" }, "02abcd037b7d"],
    ["5.5 TX_ACK", { kind: "tx-ack", token, gatewayId, text: "{}" }, `02abcd05${gatewayId}7b7d`],
    ["5.5 TX_ACK without text", { kind: "tx-ack", token, gatewayId, text: "" }, `02abcd05${gatewayId}`],
  ] as [string, Datagram, string][]) {
    it(`${clause}: byte for byte, and back`, () => {
      assert.equal(hex(datagram), expected);
      assert.deepEqual(parseDatagram(bytes(expected)), { ok: true, datagram });
    });
  }

  for (const [reason, input] of [
    ["too-short", ""],
    ["too-short", "02abcd"],
    ["too-short", "02abcd0000112233445566"],
    ["version-unknown", `01abcd02${gatewayId}`],
    ["version-unknown", `03abcd02${gatewayId}`],
    ["identifier-unknown", `02abcd06${gatewayId}`],
    ["identifier-unknown", "02abcdff"],
    ["wrong-length", "02abcd0100"],
    ["wrong-length", "02abcd0400"],
    ["wrong-length", `02abcd02${gatewayId}00`],
    ["no-text", `02abcd00${gatewayId}`],
    ["no-text", "02abcd03"],
  ]) {
    it(`refuses "${input}": ${reason}`, () => {
      assert.deepEqual(parseDatagram(bytes(input)), { ok: false, reason });
    });
  }
});
