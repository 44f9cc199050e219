import assert from "node:assert/strict";
import { CONTROL_FPORT, LORAWAN_TAG_BYTES, MQTT_TAG_BYTES } from "../../../../firmware/wire/control-message.ts";
import { newAck, parseAck, TOKEN_FPORT } from "../../../../firmware/wire/schc-fragment.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { bytesToHex } from "../../../../tools/receiver/hex.ts";
import { NODE_CRYPTO } from "../../../../tools/receiver/node-crypto.ts";
import { INACTIVITY_MS } from "../../../../tools/receiver/reassembler.ts";
import { MAX_PENDING } from "../../../../tools/receiver/receiver.ts";
import { type AcceptedToken, MemoryStore, STORED_KIND } from "../../../../tools/receiver/store.ts";
import { APPLICATION, acknowledgement, fragmentsOf, T0_S, TestNode } from "./fixture.ts";
import { Bench, NOW_MS } from "./receiver-bench.ts";

const CONTROL_TOPIC = (node: TestNode): string => `groundtruth/${node.devEui}/control`;

describe("receiver", () => {
  const node = new TestNode(1);

  describe("by MQTT", () => {
    it("hands a token and its readings on, and acknowledges with a tag of 16 bytes", () => {
      const bench = new Bench([node]);
      const token = node.token({ seq: 0 });
      bench.mqtt(node, token);
      assert.deepEqual(bench.reasons, []);
      assert.deepEqual(bench.tokens, [
        {
          devEui: node.devEui,
          seq: 0,
          kind: STORED_KIND.batch,
          bootCount: 1,
          digest: NODE_CRYPTO.sha256(token),
          token,
          receivedUnixMs: NOW_MS,
          id: 1,
        },
      ]);
      assert.deepEqual(
        bench.readings.map(({ seq, index }) => [seq, index]),
        [
          [0, 0],
          [0, 1],
          [0, 2],
        ],
      );
      assert.equal(bench.readings[0].token, bytesToHex(NODE_CRYPTO.sha256(token)));
      assert.equal(bench.downlinks[0].topic, CONTROL_TOPIC(node));
      assert.equal(acknowledgement(node, bench.downlinks[0].body as Uint8Array, MQTT_TAG_BYTES).seq, 0);
    });

    it("RFC 9052 4.4: refuses a token with any one bit flipped, by a named reason, and acknowledges nothing", () => {
      const bench = new Bench([node]);
      const token = node.token();
      for (let i = 0; i < token.length; i++) {
        for (let bit = 1; bit < 0x100; bit <<= 1) {
          const flipped = token.slice();
          flipped[i] ^= bit;
          bench.mqtt(node, flipped);
        }
      }
      assert.equal(bench.refused.length, token.length * 8);
      assert.deepEqual([bench.tokens.length, bench.readings.length, bench.downlinks.length], [0, 0, 0]);
    });

    it("refuses a node that it does not know, and topics that are not tokens", () => {
      const bench = new Bench([node]);
      bench.mqtt(new TestNode(9), new TestNode(9).token());
      for (const topic of [
        "",
        "groundtruth/70b3d57ed0000001",
        "groundtruth/70b3d57ed0000001/control",
        "/".repeat(99),
      ]) {
        bench.receiver.handleMqttToken(topic, node.token(), NOW_MS);
      }
      assert.deepEqual(bench.reasons, ["node-unknown", ...Array(4).fill("topic-unknown")]);
    });

    it("refuses one node's token on another's topic", () => {
      const other = new TestNode(2);
      const bench = new Bench([node, other]);
      bench.mqtt(other, node.token());
      assert.deepEqual(bench.refused, [{ devEui: other.devEui, reason: "kid-of-another-key" }]);
    });

    it("refuses a time in the future", () => {
      const bench = new Bench([node]);
      bench.mqtt(node, node.token(), (T0_S - 3600) * 1000);
      assert.deepEqual(bench.reasons, ["time-in-the-future"]);
    });
  });

  describe("each (node, seq) once", () => {
    it("acknowledges a token that comes again, and hands nothing on a second time", () => {
      const bench = new Bench([node]);
      const token = node.token();
      for (let i = 0; i < 3; i++) bench.mqtt(node, token);
      assert.equal(bench.tokens.length, 1);
      assert.equal(bench.readings.length, 3);
      assert.equal(bench.downlinks.length, 3);
      assert.deepEqual(bench.reasons, []);
      assert.equal(bench.receiver.account(node.devEui)?.duplicates, 2);
    });

    it("refuses another token with a used seq as seq-reused", () => {
      const bench = new Bench([node]);
      bench.mqtt(node, node.token({ seq: 5 }));
      bench.mqtt(node, node.token({ seq: 5, bootCount: 2 }));
      assert.deepEqual(bench.reasons, ["seq-reused"]);
      assert.equal(bench.tokens.length, 1);
      assert.equal(bench.downlinks.length, 1);
    });

    it("does not call a forgery with a used seq reused: its signature is what is wrong", () => {
      const bench = new Bench([node]);
      const token = node.token();
      bench.mqtt(node, token);
      token[token.length - 1] ^= 1;
      bench.mqtt(node, token);
      assert.deepEqual(bench.reasons, ["signature-invalid"]);
    });

    it("keeps to it over a restart", () => {
      const store = new MemoryStore();
      const token = node.token({ seq: 2 });
      new Bench([node], store).mqtt(node, token);
      const bench = new Bench([node], store);
      assert.deepEqual(bench.receiver.account(node.devEui)?.ranges, [{ from: 0, to: 1 }]);
      bench.mqtt(node, token);
      bench.mqtt(node, node.token({ seq: 2, bootCount: 9 }));
      assert.equal(bench.tokens.length, 0);
      assert.equal(bench.downlinks.length, 1);
      assert.deepEqual(bench.reasons, ["seq-reused"]);
    });
  });

  describe("the store", () => {
    /** Commits when told to. */
    class SlowStore extends MemoryStore {
      readonly waiting: (() => void)[] = [];
      failure: string | undefined;

      override commit(entry: AcceptedToken, done: (failure?: string) => void): void {
        this.waiting.push(() => (this.failure === undefined ? super.commit(entry, done) : done(this.failure)));
      }

      settle(): void {
        for (const commit of this.waiting.splice(0)) commit();
      }
    }

    it("attestation.md: the acknowledgement goes after the commit, never before", () => {
      const store = new SlowStore();
      const bench = new Bench([node], store);
      const token = node.token();
      bench.mqtt(node, token);
      bench.mqtt(node, token);
      assert.deepEqual([bench.tokens.length, bench.downlinks.length, store.waiting.length], [0, 0, 1]);
      store.settle();
      assert.deepEqual([bench.tokens.length, bench.downlinks.length], [1, 1]);
      assert.equal(bench.receiver.account(node.devEui)?.duplicates, 1);
    });

    it("knows a seq as used while its token is on its way into the store", () => {
      const store = new SlowStore();
      const bench = new Bench([node], store);
      bench.mqtt(node, node.token());
      bench.mqtt(node, node.token({ bootCount: 2 }));
      assert.deepEqual(bench.reasons, ["seq-reused"]);
    });

    it("does not answer when the store fails, and takes the token when it comes again", () => {
      const store = new SlowStore();
      const bench = new Bench([node], store);
      store.failure = "disk full";
      bench.mqtt(node, node.token());
      store.settle();
      assert.deepEqual(bench.reasons, ["store-failed: disk full"]);
      assert.deepEqual([bench.tokens.length, bench.downlinks.length], [0, 0]);
      store.failure = undefined;
      bench.mqtt(node, node.token());
      store.settle();
      assert.deepEqual([bench.tokens.length, bench.downlinks.length], [1, 1]);
    });

    it("bounds what one node may have on its way into the store", () => {
      const store = new SlowStore();
      const bench = new Bench([node], store);
      for (let seq = 0; seq < MAX_PENDING + 1; seq++) bench.mqtt(node, node.token({ seq }));
      assert.equal(store.waiting.length, MAX_PENDING);
      assert.deepEqual(bench.reasons, ["store-busy"]);
    });
  });

  describe("by LoRaWAN", () => {
    it("reassembles, verifies, and answers with the final acknowledgement alone, on FPort 33 with a tag of 4 bytes", () => {
      const bench = new Bench([node]);
      bench.lora(node, fragmentsOf(node.token({ seq: 4 })));
      assert.deepEqual(bench.reasons, []);
      assert.deepEqual(
        bench.tokens.map(({ seq }) => seq),
        [4],
      );
      assert.equal(bench.loraDownlinks.length, 1);
      const [{ fPort, frame }] = bench.loraDownlinks;
      assert.equal(fPort, CONTROL_FPORT);
      assert.equal(acknowledgement(node, frame, LORAWAN_TAG_BYTES).seq, 4);
    });

    it("acknowledges again when the All-1 comes again, and when the whole token does", () => {
      const bench = new Bench([node]);
      const frames = fragmentsOf(node.token());
      bench.lora(node, [...frames, frames[frames.length - 1], ...frames]);
      assert.equal(bench.tokens.length, 1);
      assert.equal(bench.loraDownlinks.length, 3);
      assert.equal(bench.receiver.account(node.devEui)?.duplicates, 2);
    });

    it("RFC 8724 8.4.3.2: asks for lost tiles on the fragments' own FPort", () => {
      const bench = new Bench([node]);
      const frames = fragmentsOf(node.token());
      bench.lora(
        node,
        frames.filter((_, i) => i !== 1),
      );
      assert.equal(bench.loraDownlinks[0].fPort, TOKEN_FPORT);
      const ack = newAck();
      assert.equal(parseAck(bench.loraDownlinks[0].frame, bench.loraDownlinks[0].frame.length, ack), true);
      assert.deepEqual([...ack.bitmap.slice(0, 11)], [1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1]);
      bench.lora(node, frames.slice(1, 2));
      assert.equal(bench.tokens.length, 1);
    });

    it("RFC 8724 8.3.4.2: ends the session of a token that it refuses for good", () => {
      const bench = new Bench([node]);
      const token = node.token();
      token[token.length - 1] ^= 1;
      bench.lora(node, fragmentsOf(token));
      assert.deepEqual(bench.reasons, ["signature-invalid"]);
      assert.deepEqual(bench.loraDownlinks, [{ fPort: TOKEN_FPORT, frame: new Uint8Array([0xff, 0xff]) }]);
    });

    it("RFC 8724 8.3.2: without a shared key it says that the datagram is complete, and acknowledges nothing", () => {
      const bench = new Bench([]);
      bench.receiver.addNode({ record: node.record });
      bench.lora(node, fragmentsOf(node.token()));
      assert.equal(bench.tokens.length, 1);
      assert.deepEqual(bench.loraDownlinks, [{ fPort: TOKEN_FPORT, frame: new Uint8Array([0x20]) }]);
    });

    it("keeps nodes apart: fragments of a hundred of them, interleaved", () => {
      const nodes = Array.from({ length: 100 }, (_, i) => new TestNode(i + 1));
      const bench = new Bench(nodes);
      const all = nodes.map((each) => fragmentsOf(each.token()));
      for (let i = 0; i < all[0].length; i++) {
        for (const [n, each] of nodes.entries()) bench.lora(each, all[n].slice(i, i + 1));
      }
      assert.deepEqual(bench.reasons, []);
      assert.equal(new Set(bench.tokens.map(({ devEui }) => devEui)).size, 100);
    });

    it("refuses unknown nodes and ports by name, and counts other events", () => {
      const bench = new Bench([node]);
      bench.lora(new TestNode(9), [new Uint8Array([0])]);
      bench.lora(node, [new Uint8Array([0])], 77);
      const topic = `application/${APPLICATION}/device/${node.devEui}/event/`;
      for (const name of ["join", "join", "brandnew"]) bench.receiver.handleChirpstackEvent(topic + name, "", NOW_MS);
      assert.deepEqual(bench.reasons, ["node-unknown", "port-unknown"]);
      assert.deepEqual(Object.fromEntries(bench.receiver.ignoredEvents), { join: 2, unknown: 1 });
    });

    it("RFC 9011 5.6.2: lets a reassembly expire after 12 hours without a fragment", () => {
      const bench = new Bench([node]);
      assert.equal(bench.receiver.pollTimeout(), undefined);
      bench.lora(node, fragmentsOf(node.token()).slice(0, 2));
      assert.equal(bench.receiver.pollTimeout(), NOW_MS + INACTIVITY_MS);
      bench.receiver.handleTimeout(NOW_MS + INACTIVITY_MS);
      assert.deepEqual(bench.refused, [{ devEui: node.devEui, reason: "reassembly-timeout" }]);
      assert.equal(bench.receiver.pollTimeout(), undefined);
    });

    it("ends with every token accepted once, whatever is lost, doubled or late on the way", () => {
      const dice = new RandomStream(1, "receiver test");
      const nodes = [1, 2, 3].map((number) => new TestNode(number));
      const bench = new Bench(nodes);
      const tokens = nodes.flatMap((each) =>
        Array.from({ length: 10 }, (_, seq) => ({ each, token: each.token({ seq }) })),
      );
      for (let round = 0; round < 40; round++) {
        for (const { each, token } of tokens) {
          const frames = fragmentsOf(token).filter(() => dice.unit() >= 0.2);
          if (frames.length > 2 && dice.unit() < 0.3) frames.push(frames[dice.below(frames.length)]);
          bench.lora(each, frames);
        }
      }
      for (const each of nodes) {
        const { accepted, missing, next } = bench.receiver.account(each.devEui) ?? {};
        assert.deepEqual({ accepted, missing, next }, { accepted: 10, missing: 0, next: 10 });
      }
      assert.equal(bench.tokens.length, 30);
      for (const { devEui, seq, token } of bench.tokens) {
        const sent = tokens.find(({ each, token: t }) => each.devEui === devEui && bytesToHex(t) === bytesToHex(token));
        assert.ok(sent, `${devEui} ${seq}`);
      }
    });
  });

  describe("account", () => {
    it("shows gaps, fills them, and counts refusals by node", () => {
      const bench = new Bench([node]);
      for (const seq of [0, 1, 4]) bench.mqtt(node, node.token({ seq }));
      assert.deepEqual(bench.receiver.account(node.devEui)?.ranges, [{ from: 2, to: 3 }]);
      bench.mqtt(node, node.token({ seq: 2 }));
      bench.mqtt(node, new Uint8Array(3));
      const { missing, late, refused, next } = bench.receiver.account(node.devEui) ?? {};
      assert.deepEqual({ missing, late, refused, next }, { missing: 1, late: 1, refused: 1, next: 5 });
      assert.equal(bench.receiver.account("0000000000000000"), undefined);
    });
  });
});
