/** Attacks of docs/threat-model.md on a node's uplinks: by whoever can send it downlinks, or publish on its topic. */
import assert from "node:assert/strict";
import { REPAIRS_MAX, RESUMES_MAX } from "../../../../firmware/core/bounds.ts";
import { WifiUplink } from "../../../../firmware/core/uplink/wifi-uplink.ts";
import {
  CONTROL_FPORT,
  type ControlMessage,
  LORAWAN_TAG_BYTES,
  MQTT_TAG_BYTES,
} from "../../../../firmware/wire/control-message.ts";
import { crc32 } from "../../../../firmware/wire/crc32.ts";
import { COMPACT_RULE } from "../../../../firmware/wire/parity-frame.ts";
import { TOKEN_FPORT, writeReceiverAbort } from "../../../../firmware/wire/schc-fragment.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { CIPHERS, control, UEID } from "./control.ts";
import { Bench, compactToken } from "./lorawan-bench.ts";

const NONCE = new Uint8Array(8).fill(5);
const CHECK = crc32(compactToken(9, 36), 0, compactToken(9, 36).length);
const MESSAGES: readonly Partial<ControlMessage>[] = [
  { kind: "ack", seq: 9 },
  { kind: "ack", seq: 9, earlier: 0xff },
  { kind: "parity", rule: COMPACT_RULE, firstParity: 0, tiles: 3, check: CHECK },
  { kind: "boot", bootCount: 1 },
  { kind: "challenge", nonce: NONCE, nonceLength: 8 },
];

/** With a token under way. */
function underWay(): Bench {
  const bench = new Bench();
  bench.learnTime();
  bench.deliverBatch(9);
  bench.offer();
  return bench;
}

/** All that control messages can bring about. */
function effects({ acknowledged, nonces, boots, notDelivered }: Bench): number {
  return acknowledged.length + nonces.length + boots.length + notDelivered.length;
}

describe("attacks on a node's uplinks", () => {
  it("a forged control message of any type does nothing, over LoRa and over MQTT, and is counted", () => {
    const dice = new RandomStream(1, "forger");
    const bench = underWay();
    const wifi = new WifiUplink(UEID, CIPHERS);
    let forged = 0;
    for (const message of MESSAGES) {
      for (let i = 0; i < 200; i++) {
        const bytes = control(message, LORAWAN_TAG_BYTES);
        for (let at = bytes.length - LORAWAN_TAG_BYTES; at < bytes.length; at++) bytes[at] = dice.below(256);
        bench.downlink(CONTROL_FPORT, bytes);
        forged++;
      }
      bench.downlink(CONTROL_FPORT, control(message, LORAWAN_TAG_BYTES, UEID.slice().reverse()));
      forged++;
      if (message.kind === "parity" || message.earlier !== undefined) continue;
      const payload = control(message, MQTT_TAG_BYTES);
      payload[payload.length - 1 - dice.below(MQTT_TAG_BYTES)] ^= 1 << dice.below(8);
      wifi.handle({ kind: "control", payload }, 0);
      assert.equal(wifi.pollCommand(), undefined);
    }
    assert.deepEqual([effects(bench), bench.uplink.busy], [0, true]);
    assert.equal(bench.uplink.refusedControl, forged);
    assert.equal(wifi.refusedControl, 3);
    assert.match(bench.offer()!, /^20:/, "it goes on with its token, and sends no parity");
  });

  it("a tag of four bytes can be guessed: the right one of 2^32 is believed, whoever sends it", () => {
    const bench = underWay();
    const right = control({ kind: "ack", seq: 9 }, LORAWAN_TAG_BYTES);
    for (let guess = 1; guess < 256; guess++) {
      const bytes = right.slice();
      bytes[bytes.length - 1] ^= guess;
      bench.downlink(CONTROL_FPORT, bytes);
    }
    assert.deepEqual([bench.acknowledged, bench.uplink.refusedControl], [[], 255]);
    bench.downlink(CONTROL_FPORT, right);
    assert.deepEqual(bench.acknowledged, [9], "the node forgets the token, and the receiver never had it");
  });

  it("an old history, again and again, costs airtime, bounded: no token is forgotten, and the true one ends it", () => {
    const bench = new Bench();
    bench.learnTime();
    bench.maxPayload = 242;
    for (const seq of [1, 2]) {
      bench.deliverBatch(seq, 4);
      bench.offer();
    }
    const frames = bench.sent.length;
    for (let i = 0; i < 100; i++) {
      bench.control({ kind: "ack", seq: 2, earlier: 0 });
      bench.offerAll();
    }
    assert.ok(bench.sent.length - frames <= RESUMES_MAX, `${bench.sent.length - frames} frames`);
    assert.ok(!bench.acknowledged.includes(1));
    bench.control({ kind: "ack", seq: 1 });
    assert.ok(bench.acknowledged.includes(1));
    assert.equal(bench.uplink.busy, false);
  });

  it("a request for parity, played again and again, costs airtime, bounded: then the token is back in the outbox", () => {
    const bench = underWay();
    const frames = bench.sent.length;
    for (let i = 0; i < 4 * REPAIRS_MAX; i++) {
      bench.control({ kind: "parity", rule: COMPACT_RULE, firstParity: 0, tiles: 100, check: CHECK });
      bench.offer();
    }
    assert.equal(bench.sent.length - frames, REPAIRS_MAX);
    assert.deepEqual([bench.acknowledged, bench.notDelivered], [[], [9]]);
  });

  it("whoever may send downlinks goes on with aborts: the token goes back to the outbox each time, and is not forgotten", () => {
    const bench = new Bench();
    bench.learnTime();
    const frame = new Uint8Array(9);
    const abort = frame.slice(0, writeReceiverAbort(frame));
    for (let i = 0; i < 20; i++) {
      bench.deliver(5);
      bench.offer();
      bench.downlink(TOKEN_FPORT, abort);
      assert.equal(bench.uplink.busy, false);
    }
    assert.deepEqual([bench.acknowledged, bench.notDelivered], [[], Array(20).fill(5)]);
    bench.deliver(5);
    bench.offerAll();
    bench.control({ kind: "ack", seq: 5 });
    assert.deepEqual(bench.acknowledged, [5]);
  });
});
