/** Whatever comes in, nothing throws, and every refusal has a name. Half random, half mutated datagrams that are valid. */
import assert from "node:assert/strict";
import { type Datagram, parseDatagram, writeDatagram } from "../../../../../host-sim/network/gwmp/datagram.ts";
import { GwmpServer } from "../../../../../host-sim/network/gwmp/gwmp-server.ts";
import { PacketForwarder } from "../../../../../host-sim/network/gwmp/packet-forwarder.ts";
import {
  parsePullResp,
  parseTxAck,
  pullRespText,
  txAckText,
} from "../../../../../host-sim/network/gwmp/pull-payload.ts";
import { parsePush, pushText } from "../../../../../host-sim/network/gwmp/push-payload.ts";
import { RandomStream } from "../../../../../host-sim/random-stream.ts";
import { counts } from "../../../../counts.ts";
import { counting, GATEWAY_ID, rxPacket, txPacket } from "./samples.ts";

const NAMED = /^[a-z0-9-]+$/;
const gatewayId = GATEWAY_ID;
const stat = {
  unixMs: 1_700_000_000_000,
  received: 1,
  receivedOk: 1,
  forwarded: 1,
  acknowledgedPercent: 100,
  downlinks: 0,
  sent: 0,
  location: { latitude: 52, longitude: 13, altitude: 34 },
};
const VALID: Uint8Array[] = (
  [
    { kind: "push-data", token: 1, gatewayId, text: pushText([rxPacket(), rxPacket({ snrDb: -20 })], stat) },
    { kind: "push-ack", token: 1 },
    { kind: "pull-data", token: 2, gatewayId },
    { kind: "pull-ack", token: 1 },
    { kind: "pull-resp", token: 3, text: pullRespText(txPacket()) },
    { kind: "tx-ack", token: 0x1234, gatewayId, text: txAckText("too-late") },
  ] as Datagram[]
).map(writeDatagram);
/** Pieces that JSON and its fields are made of: put in by mutations, so that more of them get past the first check. */
const PIECES = [
  "null",
  "-1",
  "1e999",
  '"',
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "\\u0000",
  "9007199254740993",
  "0.1",
  "true",
  '"SF12BW500"',
];

const VALUES = [null, true, false, -1, 0, 0.5, 1e300, 2 ** 32, "", "x", "4/8", "SF12BW500", "AAAA", [], {}, [[]]];

/** A valid datagram in whose JSON one field has become another, is missing, or is doubled with another value. */
function withOtherField(dice: RandomStream): Uint8Array {
  const parsed = parseDatagram(VALID[[0, 4, 5][dice.below(3)]]);
  assert.ok(parsed.ok && "text" in parsed.datagram);
  const root = JSON.parse(parsed.datagram.text);
  const objects = [root, root.rxpk?.[0], root.rxpk?.[1], root.stat, root.txpk, root.txpk_ack].filter(
    (o) => o !== undefined,
  );
  const object = objects[dice.below(objects.length)];
  const names = Object.keys(object);
  object[names[dice.below(names.length)]] = VALUES[dice.below(VALUES.length + 1)];
  return writeDatagram({ ...parsed.datagram, text: JSON.stringify(root) });
}

function anyDatagram(dice: RandomStream): Uint8Array {
  if (dice.below(4) === 0) return withOtherField(dice);
  if (dice.below(4) === 0) {
    const bytes = new Uint8Array(dice.below(64));
    dice.fill(bytes);
    if (dice.below(2) === 0 && bytes.length > 3) bytes.set([2, bytes[1], bytes[2], dice.below(7)]);
    return bytes;
  }
  let bytes = VALID[dice.below(VALID.length)].slice();
  for (let i = dice.below(4); i >= 0; i--) {
    const at = dice.below(bytes.length + 1);
    const kind = dice.below(5);
    if (kind === 0) bytes[at] ^= 1 << dice.below(8);
    else if (kind === 1) bytes[at] = dice.below(256);
    else if (kind === 2) bytes = bytes.slice(0, at);
    else if (kind === 3) bytes = Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(Math.max(0, at - 8)));
    else {
      const piece = Buffer.from(PIECES[dice.below(PIECES.length)]);
      bytes = Uint8Array.of(...bytes.subarray(0, at), ...piece, ...bytes.subarray(at + dice.below(6)));
    }
  }
  return bytes;
}

describe("Semtech UDP protocol, hostile datagrams (architecture.md, rule 3: a parser never throws)", function () {
  this.timeout(600_000);
  const datagrams = counts(20_000, 1_000_000);

  it("parsers: a value within its bounds, or a reason with a name", () => {
    const dice = new RandomStream(1, "gwmp parsers");
    const seen = { packets: 0, downlinks: 0, answers: 0, refused: new Set<string>() };
    const refuse = (reason: string): void => {
      assert.match(reason, NAMED);
      seen.refused.add(reason);
    };
    for (let i = 0; i < datagrams; i++) {
      const parsed = parseDatagram(anyDatagram(dice));
      if (!parsed.ok) {
        refuse(parsed.reason);
        continue;
      }
      const { datagram } = parsed;
      assert.ok(datagram.token >= 0 && datagram.token <= 0xffff);
      assert.deepEqual(parseDatagram(writeDatagram(datagram)), parsed, "written again it is the same");
      const text = "text" in datagram ? datagram.text : "";
      const push = parsePush(text);
      if (!push.ok) refuse(push.reason);
      else {
        push.value.refused.forEach(refuse);
        for (const { frame, counter, frequencyHz } of push.value.packets) {
          assert.ok(frame.length <= 255 && Number.isInteger(frequencyHz));
          assert.ok(Number.isInteger(counter) && counter >= 0 && counter <= 0xffffffff);
          seen.packets++;
        }
      }
      const pull = parsePullResp(text);
      if (pull.ok) {
        const { modulation, frame, powerDbm } = pull.value;
        assert.ok(frame.length <= 255 && Number.isFinite(powerDbm));
        assert.ok(modulation.spreadingFactor >= 5 && modulation.spreadingFactor <= 12);
        seen.downlinks++;
      } else refuse(pull.reason);
      const answer = parseTxAck(text);
      if (answer.ok) seen.answers++;
      else refuse(answer.reason);
    }
    assert.ok(Math.min(seen.packets, seen.downlinks, seen.answers) > 100, "mutations reach the values");
    assert.ok(seen.refused.size >= 25, `${[...seen.refused]}`);
  });

  it("packet forwarder and server: no throw, named reasons, bounded queues, and they still work afterwards", () => {
    const dice = new RandomStream(2, "gwmp machines");
    const forwarder = new PacketForwarder({ gatewayId, random: counting(), startUnixMs: 0 }, 0);
    const server = new GwmpServer(counting(0x1234));
    for (let i = 0; i < datagrams / 2; i++) {
      const bytes = anyDatagram(dice);
      forwarder.handle({ kind: "datagram", bytes }, i);
      server.handle({ kind: "datagram", bytes, from: "x" }, i);
      if (dice.below(8) === 0) {
        server.handle({ kind: "transmit", gatewayId, id: i, packet: txPacket() }, i);
        forwarder.handle({ kind: "heard", packet: rxPacket() }, i);
      }
      if (forwarder.pollTimeout() <= i) forwarder.handleTimeout(i);
      if ((server.pollTimeout() ?? i + 1) <= i) server.handleTimeout(i);
      while (forwarder.pollCommand() !== undefined);
      while (server.pollCommand() !== undefined);
    }
    for (const reason of [...Object.keys(forwarder.refused), ...Object.keys(server.refused)])
      assert.match(reason, NAMED);
    server.handle({ kind: "datagram", bytes: VALID[2], from: "there" }, datagrams);
    const ack = server.pollCommand();
    assert.ok(ack?.kind === "send" && ack.to === "there");
  });
});
