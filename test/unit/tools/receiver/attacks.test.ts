/** Attacks of docs/threat-model.md on the receiver: what they fail at, and what those that succeed leave to be seen. */
import assert from "node:assert/strict";
import { LORAWAN_TAG_BYTES, MQTT_TAG_BYTES } from "../../../../firmware/wire/control-message.ts";
import { parseToken } from "../../../../firmware/wire/eat-token.ts";
import { TILE_BYTES } from "../../../../firmware/wire/schc-fragment.ts";
import { PROTECTION } from "../../../../firmware/wire/statements.ts";
import { EXPIRY_MS } from "../../../../tools/receiver/challenges.ts";
import { DIGEST_STATE } from "../../../../tools/receiver/digest-checks.ts";
import { NODE_CRYPTO } from "../../../../tools/receiver/node-crypto.ts";
import { MAX_PARKED_OF_NODE } from "../../../../tools/receiver/parking.ts";
import { Receiver } from "../../../../tools/receiver/receiver.ts";
import { statementLines } from "../../../../tools/receiver/statement-lines.ts";
import { MemoryStore } from "../../../../tools/receiver/store.ts";
import { verifySet } from "../../../../tools/receiver/token-set.ts";
import { acknowledgement, authentic, batchOf, fragmentsOf, RECEIVER_KEY, STEP_S, T0_S, TestNode } from "./fixture.ts";
import { Bench, NOW_MS } from "./receiver-bench.ts";

const { sha256 } = NODE_CRYPTO;
const LORAWAN_QUALITY = (1 << 5) | 10;
const BATCH_S = 3 * STEP_S;
/** The last number, and the last boot count. */
const LAST = 0xffffffff;

const node = new TestNode(1);
/** Whoever has read the node's key out of its flash: all that it signs is the node's to everyone. */
const thief = new TestNode(1);

/** Batch `batch`, with that number, and other readings than the next thing that is signed with it. */
function batch(seq: number, temperature = 50): Parameters<TestNode["token"]>[0] {
  const { columns } = batchOf();
  columns[1].fill(temperature);
  return { seq, t0: T0_S - 8 * 3600 + seq * BATCH_S, columns };
}

function anchor(by: TestNode, seq: number, changes: object = {}): Uint8Array {
  const claims = { wallS: T0_S, uptimeS: 7200, timeQuality: LORAWAN_QUALITY, nonce: undefined, bootCount: 1 };
  return by.statement({ kind: "anchor", ...claims, seq, ...changes });
}

function digest(by: TestNode, seq: number, tokens: readonly Uint8Array[]): Uint8Array {
  const all = sha256(new Uint8Array(tokens.flatMap((token) => [...sha256(token)])));
  const range = { firstSeq: seq - tokens.length, lastSeq: seq - 1, digest: all };
  return by.statement({ kind: "digest", wallTime: true, timeS: T0_S, bootCount: 1, seq, ...range });
}

function keyToken(by: TestNode, next: TestNode, seq: number): Uint8Array {
  return by.statement({ kind: "key", wallS: T0_S, bootCount: 1, seq, newKey: next.key(-7) });
}

describe("attacks on the receiver: forgers", () => {
  it("a flood of forgeries of the right form costs a signature check each, is counted, and leaves nothing behind", () => {
    let checks = 0;
    const verify: typeof NODE_CRYPTO.verify = (...args) => {
      checks++;
      return NODE_CRYPTO.verify(...args);
    };
    const receiver = new Receiver({
      nodes: [{ record: node.record, receiverKey: RECEIVER_KEY }],
      crypto: { ...NODE_CRYPTO, verify },
      store: new MemoryStore(),
      output: {},
    });
    const forgery = node.token();
    for (let i = 0; i < 100; i++) {
      forgery[forgery.length - 40] = i;
      receiver.handleMqttToken(`groundtruth/${node.devEui}/token`, forgery, NOW_MS);
    }
    assert.equal(checks, 100, "nothing limits their rate");
    assert.equal(receiver.account(node.devEui)?.refused, 100);
    assert.deepEqual([receiver.account(node.devEui)?.accepted, receiver.intake.parking.size], [0, 0]);
  });

  it("a compact token that was accepted, with other readings before its signature: acknowledged as what it was, and no more", () => {
    const bench = new Bench([node]);
    const good = node.compact(batch(0), { key: true });
    bench.compact(node, good);
    const forged = new Uint8Array([...good.subarray(0, 5).map((byte) => byte ^ 0x5a), ...good.subarray(-64)]);
    bench.compact(node, forged);
    assert.deepEqual([bench.tokens.length, bench.readings.length], [1, 3]);
    assert.equal(acknowledgement(node, bench.loraDownlinks.at(-1)!.frame, LORAWAN_TAG_BYTES).seq, 0);
  });

  it("a forgery that ends with a waiting token's signature takes its place: nothing is acknowledged, and it comes again", () => {
    const bench = new Bench([node]);
    bench.whole(node, node.boot());
    const waiting = node.compact(batch(2));
    bench.compact(node, waiting);
    const before = bench.downlinks.length;
    bench.compact(node, new Uint8Array([...waiting.subarray(0, 8), 7, ...waiting.subarray(-64)]));
    assert.equal(bench.receiver.intake.parking.size, 1);
    bench.compact(node, node.compact(batch(1), { escape: true }));
    assert.deepEqual(bench.seqs, [0, 1], "what was parked was none");
    assert.equal(acknowledgement(node, bench.loraDownlinks[before].frame, LORAWAN_TAG_BYTES).seq, 1);
    bench.compact(node, waiting);
    assert.deepEqual(bench.seqs, [0, 1, 2]);
  });

  it("a flood of tokens that would have to wait drives the waiting ones out, by name; they come again", () => {
    const bench = new Bench([node]);
    bench.whole(node, node.boot());
    const waiting = node.compact(batch(2));
    bench.compact(node, waiting);
    const stranger = new TestNode(1, 9);
    for (let i = 0; i < MAX_PARKED_OF_NODE; i++) bench.whole(node, stranger.token(batch(5 + i)));
    assert.deepEqual(bench.reasons, ["parked-too-many"]);
    assert.equal(bench.receiver.intake.parking.size, MAX_PARKED_OF_NODE);
    bench.compact(node, node.compact(batch(1), { escape: true }));
    bench.compact(node, waiting);
    assert.deepEqual(bench.seqs, [0, 1, 2]);
  });

  it("who may publish on a node's topic does not lead its challenge astray", () => {
    const bench = new Bench([node]);
    bench.receiver.challenge(node.devEui, new Uint8Array(16).fill(3), NOW_MS);
    bench.mqtt(node, new Uint8Array(70));
    bench.mqtt(node, new TestNode(1, 9).token());
    assert.deepEqual([bench.downlinks.length, bench.receiver.challengeOf(node.devEui)?.attempts], [0, 0]);
    bench.lora(node, fragmentsOf(node.token()).slice(0, 1));
    assert.equal(authentic(node, bench.loraDownlinks[0].frame, LORAWAN_TAG_BYTES).kind, "challenge");
  });
});

describe("attacks on the receiver: somebody has the node's key", () => {
  it("who signs a number before the node does is believed; the node's own token is refused, and its digest tells", () => {
    const bench = new Bench([node]);
    const own = [0, 1, 2].map((seq) => node.token(batch(seq)));
    bench.mqtt(node, own[0]);
    bench.mqtt(node, thief.token(batch(1, 300)));
    bench.mqtt(node, own[1]);
    bench.mqtt(node, own[2]);
    assert.deepEqual([bench.seqs, bench.reasons], [[0, 1, 2], ["seq-reused"]]);
    assert.equal(bench.readings.find(({ seq }) => seq === 1)?.values.temperature, 30, "the thief's");
    bench.mqtt(node, digest(node, 3, own));
    assert.deepEqual(bench.digests, [{ devEui: node.devEui, seq: 3, state: DIGEST_STATE.mismatch }]);
  });

  it("a rogue change of keys is believed: the node's later tokens are refused, which shows; revoked, neither is believed", () => {
    const rogue = new TestNode(1, 66);
    const bench = new Bench([node]);
    bench.mqtt(node, node.token(batch(0)));
    bench.mqtt(node, keyToken(thief, rogue, 1));
    bench.mqtt(node, rogue.token(batch(2, 300)));
    bench.mqtt(node, node.token(batch(1)));
    bench.mqtt(node, node.token(batch(3)));
    assert.deepEqual(
      [bench.seqs, bench.reasons],
      [
        [0, 1, 2],
        ["seq-reused", "key-retired"],
      ],
    );
    assert.equal(bench.receiver.knownOf(node.devEui)?.keys.newest.fromSeq, 2);
    bench.refused.length = 0;
    const revoked = [{ kid: node.record.kid, fromSeq: 1 }];
    bench.receiver.addNode({ record: { ...node.record, revoked }, receiverKey: RECEIVER_KEY });
    bench.mqtt(node, rogue.token(batch(4, 300)));
    bench.mqtt(node, node.token(batch(5)));
    assert.deepEqual(
      [bench.seqs, bench.reasons],
      [
        [0, 1, 2],
        ["kid-of-another-key", "key-revoked"],
      ],
    );
  });

  it("a rogue change of keys at the last number keeps the node from changing its own; revoked from there on, it is undone", () => {
    const [next, rogue] = [new TestNode(1, 2), new TestNode(1, 66)];
    const bench = new Bench([node]);
    bench.mqtt(node, keyToken(thief, rogue, LAST));
    bench.mqtt(node, keyToken(node, next, 1));
    bench.mqtt(node, next.token(batch(2)));
    assert.deepEqual([bench.seqs, bench.reasons], [[LAST], ["key-timeline-contradicted", "kid-of-another-key"]]);
    const revoked = [{ kid: node.record.kid, fromSeq: LAST }];
    bench.receiver.addNode({ record: { ...node.record, revoked }, receiverKey: RECEIVER_KEY });
    bench.mqtt(node, keyToken(node, next, 1));
    bench.mqtt(node, next.token(batch(2)));
    assert.deepEqual(bench.seqs, [LAST, 1, 2]);
  });

  it("the last number and the last boot signed by a thief: the node's compact tokens are not understood until they come in full", () => {
    const bench = new Bench([node]);
    bench.whole(node, node.boot());
    bench.compact(node, node.compact(batch(1), { key: true }));
    bench.mqtt(node, thief.token({ ...batch(LAST), t0: T0_S - 86_400, bootCount: LAST }));
    bench.compact(node, node.compact(batch(2)));
    bench.compact(node, node.compact(batch(3), { key: true }));
    assert.deepEqual([bench.seqs, bench.receiver.intake.parking.size], [[0, 1, LAST], 2]);
    for (const seq of [2, 3]) bench.compact(node, node.compact(batch(seq), { escape: true }));
    assert.deepEqual(bench.seqs, [0, 1, LAST, 2, 3]);
    assert.equal(bench.receiver.account(node.devEui)?.missing, LAST + 1 - 5, "the account shows the jump");
  });

  it("a key stolen after it was replaced fills numbers that never came, and signs no others; the digest tells", () => {
    const next = new TestNode(1, 2);
    const bench = new Bench([node]);
    const own = [0, 1, 2].map((seq) => node.token(batch(seq)));
    own.push(keyToken(node, next, 3), next.token(batch(4)));
    for (const seq of [0, 3, 4]) bench.mqtt(node, own[seq]);
    bench.mqtt(node, thief.token(batch(1, 300)));
    bench.mqtt(node, thief.token(batch(5, 300)));
    bench.mqtt(node, keyToken(thief, new TestNode(1, 66), 2));
    assert.deepEqual(bench.seqs, [0, 3, 4, 1]);
    assert.deepEqual(bench.reasons, ["key-retired", "key-timeline-contradicted"]);
    bench.mqtt(node, own[2]);
    bench.mqtt(node, digest(next, 5, own));
    assert.deepEqual(bench.digests, [{ devEui: node.devEui, seq: 5, state: DIGEST_STATE.mismatch }]);
  });

  it("what a token says of the key's protection and of debugging is the key's word: the operator's file says otherwise", () => {
    const record = { ...node.record, protection: "plain-flash" as const };
    const bench = new Bench([]);
    bench.receiver.addNode({ record, receiverKey: RECEIVER_KEY });
    bench.mqtt(node, thief.boot({ protection: PROTECTION.secureElement, dbgstat: 4, swversion: "9.9.9" }));
    assert.deepEqual(bench.reasons, []);
    const line = statementLines(bench.statements[0], node.devEui, "ab", []);
    assert.match(line, /"version":"9\.9\.9".*"debug":4.*"protection":"secure-element"/);
    assert.equal(bench.receiver.knownOf(node.devEui)?.node.record.protection, "plain-flash");
  });

  it("a node that a programmer can read says so: plain flash, debugging enabled; its tokens are believed all the same", () => {
    const bench = new Bench([node]);
    bench.mqtt(node, node.boot({ protection: PROTECTION.plainFlash, dbgstat: 0 }));
    bench.mqtt(node, node.token({ seq: 1 }, 0));
    assert.deepEqual([bench.seqs, bench.reasons], [[0, 1], []]);
    assert.match(statementLines(bench.statements[0], node.devEui, "ab", []), /"debug":0.*"protection":"plain-flash"/);
  });

  it("uptime and an anchor place no reading later than it was received, with or without a receiver", () => {
    const future = { wallTime: false, timeQuality: 0, t0: 7200 + 4500 };
    const present = { wallTime: false, timeQuality: 0, t0: 7200 };
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
    ]) {
      const tokens = [node.token({ seq: 0, ...future }), node.token({ seq: 1, ...present }), anchor(node, 2)];
      const bench = new Bench([node]);
      for (const i of order) bench.mqtt(node, tokens[i]);
      assert.deepEqual([bench.seqs.length, bench.placements.map(({ seq }) => seq)], [3, [1]]);
      const set = verifySet(tokens, node.record, NODE_CRYPTO, NOW_MS);
      assert.deepEqual(
        set.map((outcome) => outcome.ok && outcome.placement?.seq),
        [undefined, 1, undefined],
      );
    }
  });

  it("an anchor of the past moves the readings with uptime of its boot, and tells who told the time; it is the first that counts", () => {
    const bench = new Bench([node]);
    bench.mqtt(node, node.token({ seq: 0, wallTime: false, timeQuality: 0, t0: 7200 }));
    bench.mqtt(node, anchor(node, 1, { wallS: T0_S - 86_400 }));
    bench.mqtt(node, anchor(node, 2));
    assert.deepEqual(
      bench.placements.map(({ placedUnixMs }) => placedUnixMs),
      [(T0_S - 86_400) * 1000],
    );
    const lines = bench.statements.map((claims) => statementLines(claims, node.devEui, "ab", []));
    assert.match(lines[0], /"time":"2026-05-31T00:00:00Z","uptime":7200,"timeQuality":\{"source":"lorawan"/);
    assert.match(lines[1], /"time":"2026-06-01T00:00:00Z","uptime":7200/, "the contradiction stands in the statements");
  });
});

describe("attacks on the receiver: withheld, kept and thrown away", () => {
  const nonce = new Uint8Array(16).fill(9);

  it("the answer to a challenge says how many tokens are withheld, a digest which", () => {
    const bench = new Bench([node]);
    bench.mqtt(node, node.token(batch(0)));
    bench.receiver.challenge(node.devEui, nonce, NOW_MS);
    bench.mqtt(node, anchor(node, 4, { nonce }));
    assert.equal(bench.challenges[0].answer?.seq, 4);
    assert.deepEqual(bench.receiver.account(node.devEui)?.missing, 3);
    bench.mqtt(
      node,
      digest(
        node,
        5,
        [0, 1, 2, 3, 4].map((seq) => node.token(batch(seq))),
      ),
    );
    assert.equal(bench.receiver.knownOf(node.devEui)?.digests.counts.incomplete, 1);
  });

  it("who withholds everything withholds the answer to a challenge: that it was asked and not answered stays", () => {
    const bench = new Bench([node]);
    bench.mqtt(node, node.token(batch(0)));
    bench.receiver.challenge(node.devEui, nonce, NOW_MS);
    assert.equal(bench.receiver.challengeOf(node.devEui)?.state, "sent");
    bench.mqtt(node, node.token(batch(0)), NOW_MS + EXPIRY_MS + 1);
    assert.equal(bench.receiver.challengeOf(node.devEui)?.state, "expired");
    assert.deepEqual(bench.receiver.account(node.devEui)?.missing, 0, "nothing else shows");
  });

  it("an answer to an earlier challenge answers no later one; held back, it says when it was signed", () => {
    const bench = new Bench([node]);
    const earlier = anchor(node, 1, { nonce });
    bench.mqtt(node, node.token(batch(0)));
    bench.receiver.challenge(node.devEui, nonce, NOW_MS);
    bench.mqtt(node, earlier, NOW_MS + 5 * 3_600_000);
    const [{ answeredUnixMs, answer }] = bench.challenges;
    assert.deepEqual([answeredUnixMs, answer?.wallS], [NOW_MS + 5 * 3_600_000, T0_S]);
    bench.receiver.challenge(node.devEui, nonce.slice().fill(8), NOW_MS);
    bench.mqtt(node, earlier);
    bench.mqtt(node, anchor(node, 2, { nonce }));
    assert.deepEqual([bench.challenges.length, bench.receiver.challengeOf(node.devEui)?.state], [1, "sent"]);
  });

  it("a receiver that acknowledges and throws away: whoever gets the other tokens sees the gap", () => {
    const [rogue, honest] = [new Bench([node]), new Bench([node])];
    const tokens = [0, 1, 2].map((seq) => node.token(batch(seq)));
    rogue.mqtt(node, tokens[1]);
    assert.equal(acknowledgement(node, rogue.downlinks[0].body as Uint8Array, MQTT_TAG_BYTES).seq, 1);
    honest.mqtt(node, tokens[0]);
    honest.mqtt(node, tokens[2]);
    honest.mqtt(node, digest(node, 3, tokens));
    assert.deepEqual(honest.receiver.account(node.devEui)?.missing, 1);
    assert.equal(honest.receiver.knownOf(node.devEui)?.digests.counts.incomplete, 1);
  });

  it("copies of one store side by side: each believes another token of one number, and only the digest tells", () => {
    const benches = [new Bench([node]), new Bench([node])];
    const own = [0, 1].map((seq) => node.token(batch(seq)));
    for (const bench of benches) bench.mqtt(node, own[0]);
    benches[0].mqtt(node, own[1]);
    benches[1].mqtt(node, thief.token(batch(1, 300)));
    for (const bench of benches) bench.mqtt(node, digest(node, 2, own));
    assert.deepEqual(
      benches.map(({ seqs, reasons, digests }) => [seqs, reasons, digests[0].state]),
      [
        [[0, 1, 2], [], DIGEST_STATE.agrees],
        [[0, 1, 2], [], DIGEST_STATE.mismatch],
      ],
    );
  });

  it("who reads along reads all: frames put together are a token, without any key", () => {
    const token = node.token(batch(0));
    const [all1, ...others] = fragmentsOf(token).reverse();
    const tiles = others.reverse().flatMap((frame) => [...frame.subarray(1)]);
    assert.equal(tiles.length % TILE_BYTES, 0);
    const read = parseToken(new Uint8Array([...tiles, ...lastTile(all1)]));
    assert.ok(read.ok && read.claims.kind === "batch");
    assert.equal(read.claims.columns[1][0], 50);
  });
});

/** Behind 8 bits of header and 32 of check (RFC 8724 8.3.1.2). */
function lastTile(all1: Uint8Array): Uint8Array {
  return all1.subarray(5);
}
