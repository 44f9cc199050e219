import assert from "node:assert/strict";
import { P2pCounter } from "../../../../firmware/core/uplink/p2p-counter.ts";
import type { SymmetricCrypto } from "../../../../firmware/ports/crypto.ts";
import { CONTROL_FPORT, LORAWAN_TAG_BYTES } from "../../../../firmware/wire/control-message.ts";
import { NO_PORT } from "../../../../firmware/wire/lorawan-frame.ts";
import { MAX_P2P_FRAME_BYTES } from "../../../../firmware/wire/p2p-frame.ts";
import { newAck, parseAck, TOKEN_FPORT, writeAckReq } from "../../../../firmware/wire/schc-fragment.ts";
import { NODE_CRYPTO } from "../../../../tools/receiver/node-crypto.ts";
import { Receiver } from "../../../../tools/receiver/receiver.ts";
import { type AcceptedToken, MemoryStore, type ReceiverStore } from "../../../../tools/receiver/store.ts";
import { counts } from "../../../counts.ts";
import { throwHostileFrames } from "../../../property/hostile-frames.ts";
import { acknowledgement, authentic, fragmentsOf, RECEIVER_KEY, T0_S, TestNode } from "./fixture.ts";

const NOW_MS = (T0_S + 3600) * 1000;
const BASE = "0247540000000001";
const UP = `groundtruth/p2p/${BASE}/up`;

/** A node's end of the link: its own frames, and the answers that it would take. */
class P2pNode extends TestNode {
  readonly counter: P2pCounter;

  constructor(number: number, key = RECEIVER_KEY) {
    super(number);
    const computeMac: SymmetricCrypto["cmac"] = (_slot, message, length, mac) =>
      mac.set(NODE_CRYPTO.cmac(key, message.slice(0, length)));
    const ciphers = { cmac: computeMac } as SymmetricCrypto;
    this.counter = new P2pCounter(this.record.ueid, ciphers);
  }

  frame(port: number, payload: Uint8Array, asksTime = false): Uint8Array {
    const into = new Uint8Array(MAX_P2P_FRAME_BYTES);
    return into.slice(0, this.counter.seal(port, payload, payload.length, asksTime, into));
  }
}

class Bench {
  readonly tokens: AcceptedToken[] = [];
  readonly reasons: string[] = [];
  readonly answers: { topic: string; frame: Uint8Array }[] = [];
  readonly receiver: Receiver;

  constructor(nodes: P2pNode[], store: ReceiverStore = new MemoryStore(), receiverKey?: Uint8Array | null) {
    this.receiver = new Receiver({
      nodes: nodes.map(({ record }) => ({ record, receiverKey: receiverKey === null ? undefined : RECEIVER_KEY })),
      crypto: NODE_CRYPTO,
      store,
      output: {
        onToken: (token) => this.tokens.push(token),
        onRefused: ({ reason }) => this.reasons.push(reason),
        onDownlink: (topic, body) => this.answers.push({ topic, frame: body as Uint8Array }),
      },
    });
  }

  hear(frame: Uint8Array, topic = UP): void {
    this.receiver.handleP2pFrame(topic, frame, NOW_MS);
  }

  /** The newest answer, opened by the node that it is for. */
  opened(node: P2pNode): { port: number; payload: Uint8Array; time: boolean } {
    const { topic, frame } = this.answers.at(-1)!;
    assert.equal(topic, `groundtruth/p2p/${BASE}/down`);
    assert.ok(node.counter.open(frame, frame.length), "the node takes it");
    const { port, payloadAt, payloadLength, time } = node.counter.frame;
    return { port, payload: frame.slice(payloadAt, payloadAt + payloadLength), time };
  }
}

function assertAcknowledges(node: P2pNode, payload: Uint8Array, seq: number): void {
  assert.equal(acknowledgement(node, payload, LORAWAN_TAG_BYTES).seq, seq);
}

describe("receiver, point to point", () => {
  it("RFC 8724 8.4.3: takes a token in fragments and answers the last with the final acknowledgement", () => {
    const node = new P2pNode(1);
    const bench = new Bench([node]);
    for (const fragment of fragmentsOf(node.token({ seq: 3 }))) bench.hear(node.frame(TOKEN_FPORT, fragment));
    assert.deepEqual(
      bench.tokens.map(({ seq }) => seq),
      [3],
    );
    assert.equal(bench.answers.length, 1);
    const { port, payload, time } = bench.opened(node);
    assert.deepEqual([port, time], [CONTROL_FPORT, false]);
    assertAcknowledges(node, payload, 3);
  });

  it("RFC 8724 8.3.2: a fragment that was lost is asked for in the answer to the All-1", () => {
    const node = new P2pNode(1);
    const bench = new Bench([node]);
    const fragments = fragmentsOf(node.token());
    for (const [i, fragment] of fragments.entries()) if (i !== 1) bench.hear(node.frame(TOKEN_FPORT, fragment));
    const { port, payload } = bench.opened(node);
    const ack = newAck();
    assert.ok(port === TOKEN_FPORT && parseAck(payload, payload.length, ack));
    assert.deepEqual([ack.bitmap.indexOf(0), ack.complete], [5, false]);
    bench.hear(node.frame(TOKEN_FPORT, fragments[1]));
    assert.equal(bench.tokens.length, 1);
  });

  it("tells the time when it is asked for it, in one answer with all else", () => {
    const node = new P2pNode(1);
    const bench = new Bench([node]);
    bench.hear(node.frame(NO_PORT, new Uint8Array(0), true));
    assert.deepEqual({ ...bench.opened(node), payload: 0 }, { port: 0, payload: 0, time: true });
    const { unixMs, timeExponent } = node.counter.frame;
    assert.deepEqual([unixMs, timeExponent], [NOW_MS, 7]);
    const request = new Uint8Array(1);
    bench.hear(node.frame(TOKEN_FPORT, request.subarray(0, writeAckReq(0, request)), true));
    assert.deepEqual([bench.answers.length, bench.opened(node).port, node.counter.frame.time], [2, TOKEN_FPORT, true]);
  });

  it("asks a challenge in the answer to the node's next frame, with the time that it asked for", () => {
    const node = new P2pNode(1);
    const bench = new Bench([node]);
    bench.hear(node.frame(NO_PORT, new Uint8Array(0)));
    assert.equal(bench.receiver.challenge(node.devEui, new Uint8Array(16).fill(4), NOW_MS), undefined);
    assert.equal(bench.answers.length, 0);
    bench.hear(node.frame(NO_PORT, new Uint8Array(0), true));
    const { port, payload, time } = bench.opened(node);
    assert.deepEqual([bench.answers.length, port, time], [1, CONTROL_FPORT, true]);
    assert.equal(authentic(node, payload, LORAWAN_TAG_BYTES).kind, "challenge");
  });

  it("with a slow store the time goes at once and the acknowledgement without it, later", () => {
    let done: (() => void) | undefined;
    const memory = new MemoryStore();
    const store: ReceiverStore = {
      digestOf: (devEui, seq) => memory.digestOf(devEui, seq),
      acceptedRanges: () => [],
      statements: () => [],
      lastTokens: () => [],
      digests: () => [],
      commit: (entry, committed) => {
        done = () => memory.commit(entry, committed);
      },
    };
    const node = new P2pNode(1);
    const bench = new Bench([node], store);
    const fragments = fragmentsOf(node.token());
    for (const [i, fragment] of fragments.entries())
      bench.hear(node.frame(TOKEN_FPORT, fragment, i === fragments.length - 1));
    assert.deepEqual({ ...bench.opened(node), payload: 0 }, { port: 0, payload: 0, time: true });
    done!();
    const { port, payload, time } = bench.opened(node);
    assert.deepEqual([port, time], [CONTROL_FPORT, false]);
    assertAcknowledges(node, payload, 0);
  });

  it("hears a frame once, whichever base brings it, and none with a counter that was used", () => {
    const node = new P2pNode(1);
    const bench = new Bench([node]);
    const first = node.frame(NO_PORT, new Uint8Array(0), true);
    const second = node.frame(NO_PORT, new Uint8Array(0), true);
    bench.hear(second);
    bench.hear(second, "groundtruth/p2p/0247540000000002/up");
    bench.hear(first);
    assert.equal(bench.answers.length, 1);
    assert.equal(bench.receiver.ignoredEvents.get("p2p-repeated"), 1);
    assert.deepEqual(bench.reasons, ["p2p-counter-used"]);
  });

  it("refuses by name what is not authentic", () => {
    const node = new P2pNode(1);
    const frame = node.frame(NO_PORT, new Uint8Array(0), true);
    const bench = new Bench([node]);
    bench.hear(frame, "groundtruth/p2p/up");
    bench.hear(frame, "groundtruth/p2p/not-an-eui/up");
    bench.hear(frame.subarray(1));
    bench.hear(new P2pNode(2).frame(TOKEN_FPORT, new Uint8Array(2)));
    bench.hear(new P2pNode(1, new Uint8Array(16)).frame(TOKEN_FPORT, new Uint8Array(2)));
    bench.hear(node.frame(9, new Uint8Array(2)));
    bench.hear(frame);
    const good = node.frame(NO_PORT, new Uint8Array(0), true);
    bench.hear(good);
    bench.hear(bench.answers.at(-1)!.frame);
    assert.deepEqual(bench.reasons, [
      "topic-unknown",
      "topic-base-malformed",
      "p2p-too-short",
      "node-unknown",
      "p2p-tag-wrong",
      "port-unknown",
      "p2p-counter-used",
      "p2p-not-an-uplink",
    ]);
    const keyless = new Bench([node], undefined, null);
    keyless.hear(node.frame(NO_PORT, new Uint8Array(0), true));
    assert.deepEqual(keyless.reasons, ["node-unknown"]);
  });

  it("a node with a new key begins to count anew, one with the same key does not", () => {
    const node = new P2pNode(1);
    const bench = new Bench([node]);
    node.frame(NO_PORT, new Uint8Array(0), true);
    bench.hear(node.frame(NO_PORT, new Uint8Array(0), true));
    bench.receiver.addNode({ record: node.record, receiverKey: RECEIVER_KEY });
    bench.hear(new P2pNode(1).frame(NO_PORT, new Uint8Array(0), true));
    assert.deepEqual(bench.reasons, ["p2p-counter-used"]);
    const key = new Uint8Array(16).fill(1);
    bench.receiver.addNode({ record: node.record, receiverKey: key });
    bench.hear(new P2pNode(1, key).frame(NO_PORT, new Uint8Array(0), true));
    assert.equal(bench.answers.length, 2);
  });

  it("after a restart old frames are heard again until the node's next: the token counts once all the same", () => {
    const node = new P2pNode(1);
    const store = new MemoryStore();
    const old = fragmentsOf(node.token()).map((fragment) => node.frame(TOKEN_FPORT, fragment));
    const first = new Bench([node], store);
    for (const frame of old) first.hear(frame);
    const next = node.frame(NO_PORT, new Uint8Array(0), true);
    first.hear(next);
    const bench = new Bench([node], store);
    for (const frame of old) bench.hear(frame);
    assert.deepEqual([bench.tokens.length, bench.answers.length, bench.reasons], [0, 1, []]);
    bench.hear(next);
    for (const frame of old) bench.hear(frame);
    assert.equal(bench.answers.length, 2);
    assert.deepEqual(bench.reasons, Array(old.length).fill("p2p-counter-used"));
  });

  it("hostile frames change nothing and are answered by nothing", () => {
    const node = new P2pNode(1);
    const bench = new Bench([node]);
    const valid = fragmentsOf(node.token()).map((fragment) => node.frame(TOKEN_FPORT, fragment));
    const known = new Set(valid.map((frame) => frame.join()));
    throwHostileFrames(valid, 64, counts(5_000, 300_000), (frame) => {
      if (!known.has(frame.join())) bench.hear(frame);
    });
    assert.equal(bench.answers.length, 0);
    for (const frame of valid) bench.hear(frame);
    assert.equal(bench.tokens.length, 1);
  });
});
