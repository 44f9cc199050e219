/** Boot, digest, anchor and key tokens, and challenges, through the whole receiver. */
import assert from "node:assert/strict";
import { LORAWAN_TAG_BYTES, MQTT_TAG_BYTES } from "../../../../firmware/wire/control-message.ts";
import { DIGEST_STATE } from "../../../../tools/receiver/digest-checks.ts";
import { NODE_CRYPTO } from "../../../../tools/receiver/node-crypto.ts";
import { statementLines } from "../../../../tools/receiver/statement-lines.ts";
import { MemoryStore } from "../../../../tools/receiver/store.ts";
import { authentic, bootOf, fragmentsOf, RECEIVER_KEY, STEP_S, T0_S, TestNode } from "./fixture.ts";
import { Bench, NOW_MS } from "./receiver-bench.ts";

const { sha256 } = NODE_CRYPTO;
const LORAWAN_QUALITY = (1 << 5) | 10;

function digestOver(tokens: readonly Uint8Array[]): Uint8Array {
  return sha256(new Uint8Array(tokens.flatMap((token) => [...sha256(token)])));
}

describe("receiver of statements", () => {
  const node = new TestNode(1);

  function digestToken(seq: number, firstSeq: number, lastSeq: number, digest: Uint8Array): Uint8Array {
    const when = { wallTime: true, timeS: T0_S, bootCount: 1 };
    return node.statement({ kind: "digest", ...when, seq, firstSeq, lastSeq, digest });
  }

  function anchorToken(seq: number, changes: object = {}): Uint8Array {
    const claims = { wallS: T0_S, uptimeS: 7200, timeQuality: LORAWAN_QUALITY, nonce: undefined, bootCount: 1 };
    return node.statement({ kind: "anchor", ...claims, seq, ...changes });
  }

  function keyToken(signer: TestNode, next: TestNode, seq: number, alg: -7 | -8 | -47 = -7): Uint8Array {
    return signer.statement({ kind: "key", wallS: T0_S, bootCount: 1, seq, newKey: next.key(alg) });
  }

  it("accepts each kind once, acknowledges it, and hands it on as a statement", () => {
    const bench = new Bench([node]);
    const tokens = [
      node.boot({ seq: 0 }),
      anchorToken(1),
      digestToken(2, 0, 1, digestOver([node.boot({ seq: 0 }), anchorToken(1)])),
      keyToken(node, new TestNode(1, 2), 3),
    ];
    for (const token of [...tokens, ...tokens]) bench.mqtt(node, token);
    assert.deepEqual(bench.reasons, []);
    assert.deepEqual(
      bench.statements.map(({ kind }) => kind),
      ["boot", "anchor", "digest", "key"],
    );
    assert.equal(bench.downlinks.length, 8);
    assert.deepEqual([bench.readings.length, bench.receiver.account(node.devEui)?.next], [0, 4]);
  });

  it("refuses a statement of another node, of another model, of the future, and with any one bit of it changed", () => {
    const bench = new Bench([node]);
    const other = new TestNode(2);
    bench.mqtt(other, node.boot());
    const otherModel = { ...bootOf(), hwmodel: new Uint8Array(1) };
    bench.mqtt(node, node.statement(otherModel));
    bench.mqtt(node, anchorToken(1, { wallS: T0_S + 3600 + 60 + 3 }));
    bench.mqtt(node, node.boot({ timeS: T0_S + 3 * 3600 }));
    assert.deepEqual(bench.reasons, ["node-unknown", "hwmodel-mismatch", "time-in-the-future", "time-in-the-future"]);
    const token = node.boot();
    for (let i = 0; i < token.length; i++) {
      const flipped = token.slice();
      flipped[i] ^= 1 << (i & 7);
      bench.mqtt(node, flipped);
    }
    assert.equal(bench.tokens.length, 0);
    assert.equal(bench.downlinks.length, 0);
  });

  describe("digests", () => {
    it("attestation.md: agrees with the tokens held, also when the last of them come later", () => {
      const bench = new Bench([node]);
      const tokens = [0, 1, 2, 3].map((seq) => node.token({ seq }));
      for (const token of tokens.slice(0, 2)) bench.mqtt(node, token);
      bench.mqtt(node, digestToken(4, 0, 3, digestOver(tokens)));
      const counts = (): unknown => bench.receiver.knownOf(node.devEui)?.digests.counts;
      assert.deepEqual([bench.digests, counts()], [[], { agree: 0, incomplete: 1, mismatch: 0 }]);
      bench.mqtt(node, tokens[3]);
      bench.mqtt(node, tokens[2]);
      assert.deepEqual(bench.digests, [{ devEui: node.devEui, seq: 4, state: DIGEST_STATE.agrees }]);
      assert.deepEqual(counts(), { agree: 1, incomplete: 0, mismatch: 0 });
    });

    it("shows a token that was swapped for another good one of the same number", () => {
      const bench = new Bench([node]);
      bench.mqtt(node, node.token({ seq: 0 }));
      bench.mqtt(node, digestToken(1, 0, 0, digestOver([node.token({ seq: 0, bootCount: 2 })])));
      assert.deepEqual(bench.digests, [{ devEui: node.devEui, seq: 1, state: DIGEST_STATE.mismatch }]);
    });

    it("goes on after a restart", () => {
      const store = new MemoryStore();
      const tokens = [0, 1].map((seq) => node.token({ seq }));
      const first = new Bench([node], store);
      first.mqtt(node, tokens[0]);
      first.mqtt(node, digestToken(2, 0, 1, digestOver(tokens)));
      const bench = new Bench([node], store);
      bench.mqtt(node, tokens[1]);
      assert.deepEqual(bench.digests, [{ devEui: node.devEui, seq: 2, state: DIGEST_STATE.agrees }]);
    });
  });

  describe("anchors", () => {
    const uptime = { wallTime: false, timeQuality: 0, t0: 600 };

    it("attestation.md: an anchor places the batches of its boot that came before it, and those that come after, each once", () => {
      const bench = new Bench([node]);
      bench.mqtt(node, node.token({ seq: 0, ...uptime }));
      bench.mqtt(node, node.token({ seq: 1, ...uptime, t0: 1500 }));
      bench.mqtt(node, node.token({ seq: 2, ...uptime, bootCount: 2 }));
      bench.mqtt(node, node.token({ seq: 3 }));
      assert.equal(bench.placements.length, 0);
      bench.mqtt(node, anchorToken(4));
      assert.deepEqual(
        bench.placements.map(({ seq }) => seq),
        [0, 1],
      );
      const [first] = bench.placements;
      assert.equal(first.placedUnixMs, (T0_S - 7200 + 600) * 1000);
      assert.deepEqual([first.uptimeS, first.stepS, first.readings], [600, STEP_S, 3]);
      // 1.024 s of the anchor, a second of rounding, 100 ppm of 6,600 s.
      assert.equal(first.uncertaintyMs, 1024 + 1000 + 660);
      bench.mqtt(node, anchorToken(5, { uptimeS: 7300, wallS: T0_S + 100 }));
      bench.mqtt(node, node.token({ seq: 6, ...uptime, t0: 3000 }));
      assert.deepEqual(
        bench.placements.map(({ seq }) => seq),
        [0, 1, 6],
      );
    });

    it("1970 is never claimed: the answer to a challenge without wall time places nothing", () => {
      const bench = new Bench([node]);
      bench.mqtt(node, node.token({ seq: 0, ...uptime }));
      const nonce = new Uint8Array(8);
      bench.mqtt(node, anchorToken(1, { wallS: 0, timeQuality: 0, nonce }));
      assert.equal(bench.placements.length, 0);
      bench.mqtt(node, anchorToken(2));
      assert.equal(bench.placements.length, 1);
      assert.match(
        statementLines(bench.statements[0], node.devEui, "ab", []),
        /"statement":"anchor".*"time":null,"uptime":7200.*"nonce":"0000000000000000"/,
      );
    });
  });

  describe("keys", () => {
    it("attestation.md: the new key signs every higher number, the old one none any more, over a restart too", () => {
      const store = new MemoryStore();
      const next = new TestNode(1, 2);
      const bench = new Bench([node], store);
      bench.mqtt(node, node.token({ seq: 0 }));
      bench.mqtt(node, keyToken(node, next, 5));
      for (const each of [bench, new Bench([node], store)]) {
        each.mqtt(node, node.token({ seq: 6 }));
        each.mqtt(node, next.token({ seq: 4 }));
        assert.deepEqual(each.reasons, ["key-retired", "key-retired"]);
      }
      bench.mqtt(node, next.token({ seq: 6 }));
      bench.mqtt(node, node.token({ seq: 3 }));
      assert.deepEqual(bench.seqs, [0, 5, 6, 3]);
    });

    it("across algorithms, one change after the other; whole tokens of a key that is on its way wait for it", () => {
      const [second, third] = [new TestNode(1, 2, -8), new TestNode(1, 3, -47)];
      const bench = new Bench([node]);
      bench.whole(node, third.token({ seq: 21 }));
      bench.whole(node, keyToken(second, third, 20, -47));
      assert.deepEqual([bench.seqs, bench.reasons, bench.downlinks], [[], [], []]);
      bench.whole(node, keyToken(node, second, 10, -8));
      assert.deepEqual(bench.seqs, [10, 20, 21]);
      assert.deepEqual(bench.reasons, []);
      assert.equal(bench.receiver.knownOf(node.devEui)?.keys.newest.fromSeq, 21);
    });

    it("refuses a change of keys by any other key, to none, and before one that is known", () => {
      const [next, stranger] = [new TestNode(1, 2), new TestNode(1, 3)];
      const bench = new Bench([node]);
      bench.mqtt(node, keyToken(stranger, stranger, 5));
      const forged = new TestNode(1, 3).statement({
        kind: "key",
        wallS: 0,
        bootCount: 1,
        seq: 5,
        newKey: stranger.key(-7),
      });
      // Its kid is the node's, its signature is not.
      forged.set(node.record.kid, 9);
      bench.mqtt(node, forged);
      const none = { alg: -7 as const, publicKey: new Uint8Array(64) };
      bench.mqtt(node, node.statement({ kind: "key", wallS: 0, bootCount: 1, seq: 5, newKey: none }));
      bench.mqtt(node, keyToken(node, next, 9));
      bench.mqtt(node, keyToken(node, stranger, 5));
      assert.deepEqual(bench.reasons, [
        "kid-of-another-key",
        "signature-invalid",
        "key-not-of-the-curve",
        "key-timeline-contradicted",
      ]);
      assert.deepEqual(bench.seqs, [9]);
    });

    it("the operator's revocation holds from its number on, also when the files are read again", () => {
      const bench = new Bench([node]);
      bench.mqtt(node, node.token({ seq: 0 }));
      const revoked = [{ kid: node.record.kid, fromSeq: 2 }];
      bench.receiver.addNode({ record: { ...node.record, revoked } });
      bench.mqtt(node, node.token({ seq: 1 }));
      bench.mqtt(node, node.token({ seq: 2 }));
      bench.mqtt(node, keyToken(node, new TestNode(1, 2), 3));
      assert.deepEqual(
        [bench.seqs, bench.reasons],
        [
          [0, 1],
          ["key-revoked", "key-revoked"],
        ],
      );
    });

    it("RFC 8747: with a binding the certified key signs from seq 0 on, and the identity key nothing", () => {
      const operational = new TestNode(1, 2, -8);
      const binding = { token: node.binding(operational.key(-8)), key: operational.key(-8) };
      const bench = new Bench([]);
      bench.receiver.addNode({ record: { ...node.record, binding } });
      bench.mqtt(node, operational.token({ seq: 0 }));
      bench.mqtt(node, node.token({ seq: 1 }));
      assert.deepEqual([bench.seqs, bench.reasons], [[0], ["kid-of-another-key"]]);
    });
  });

  describe("challenges", () => {
    const nonce = new Uint8Array(16).fill(9);

    it("over LoRaWAN: at once when the network keeps it, and the answer is told", () => {
      const bench = new Bench([node]);
      assert.equal(bench.receiver.challenge(node.devEui, nonce, NOW_MS), undefined);
      assert.equal(bench.downlinks.length, 0, "it was never heard: nobody knows where to send it");
      bench.lora(node, fragmentsOf(node.token()).slice(0, 1));
      const sent = authentic(node, bench.loraDownlinks[0].frame, LORAWAN_TAG_BYTES);
      assert.equal(sent.kind, "challenge");
      assert.deepEqual(sent.nonce.slice(0, sent.nonceLength), nonce);
      assert.equal(bench.receiver.challenge(node.devEui, nonce, NOW_MS), undefined);
      assert.equal(bench.loraDownlinks.length, 2);
      bench.whole(node, anchorToken(1, { nonce }));
      assert.deepEqual(
        bench.challenges.map(({ state, answer }) => [state, answer?.uptimeS]),
        [["answered", 7200]],
      );
      bench.whole(node, anchorToken(2, { nonce }));
      assert.equal(bench.challenges.length, 1);
    });

    it("over MQTT: on the control topic, with a tag of 16 bytes and a nonce of up to 64", () => {
      const bench = new Bench([node]);
      bench.mqtt(node, node.token());
      assert.equal(bench.receiver.challenge(node.devEui, new Uint8Array(64).fill(5), NOW_MS), undefined);
      const { topic, body } = bench.downlinks.at(-1)!;
      assert.equal(topic, `groundtruth/${node.devEui}/control`);
      assert.equal(authentic(node, body as Uint8Array, MQTT_TAG_BYTES).nonceLength, 64);
    });

    it("says why it cannot ask", () => {
      const bench = new Bench([node]);
      assert.equal(bench.receiver.challenge("0000000000000000", nonce, NOW_MS), "node-unknown");
      assert.equal(bench.receiver.challenge(node.devEui, new Uint8Array(3), NOW_MS), "nonce-length");
      bench.lora(node, fragmentsOf(node.token()).slice(0, 1));
      assert.equal(bench.receiver.challenge(node.devEui, new Uint8Array(17), NOW_MS), "nonce-too-long-for-lora");
      bench.receiver.addNode({ record: new TestNode(2).record });
      assert.equal(bench.receiver.challenge(new TestNode(2).devEui, nonce, NOW_MS), "no-receiver-key");
      bench.receiver.addNode({ record: { ...node.record, downlinks: false }, receiverKey: RECEIVER_KEY });
      assert.equal(bench.receiver.challenge(node.devEui, nonce, NOW_MS), "no-downlinks");
    });
  });
});
