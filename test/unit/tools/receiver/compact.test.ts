/** Compact tokens through the whole receiver: what is sent is expanded to the token that was signed, whenever what it takes becomes known. */
import assert from "node:assert/strict";
import { CONTROL_FPORT, LORAWAN_TAG_BYTES } from "../../../../firmware/wire/control-message.ts";
import { COMPACT_RULE } from "../../../../firmware/wire/parity-frame.ts";
import { SOIL_WATER } from "../../../../firmware/wire/profiles/soil-water.ts";
import { slotOf, writeSlotAll1, writeSlotTiles } from "../../../../firmware/wire/slot-fragment.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { bytesToHex } from "../../../../tools/receiver/hex.ts";
import { MAX_PARKED_OF_NODE, MAX_TRIES, PARKED_MS } from "../../../../tools/receiver/parking.ts";
import { MemoryStore } from "../../../../tools/receiver/store.ts";
import { BOOT_MISSED_MS, BOOT_REQUEST_MS } from "../../../../tools/receiver/token-intake.ts";
import { acknowledgement, authentic, batchOf, RECEIVER_KEY, STEP_S, T0_S, TestNode } from "./fixture.ts";
import { Bench } from "./receiver-bench.ts";

/** Three readings a batch. */
const BATCH_S = 3 * STEP_S;
const slotTime = (batch: number): number => T0_S + batch * BATCH_S;
/** A little after the last reading of a batch. */
const heardMs = (batch: number): number => (slotTime(batch + 1) + 20) * 1000;

describe("receiver of compact tokens", () => {
  const node = new TestNode(1);
  /** Batch `batch` with that seq. */
  const at = (batch: number, seq = batch): { seq: number; t0: number } => ({ seq, t0: slotTime(batch) });

  it("attestation.md: a key batch, then short ones, are rebuilt byte for byte and acknowledged", () => {
    const bench = new Bench([node]);
    bench.whole(node, node.boot({ seq: 0 }), heardMs(0));
    for (let batch = 1; batch < 30; batch++) {
      bench.compact(node, node.compact(at(batch), { key: batch === 1 }), heardMs(batch));
    }
    assert.deepEqual(bench.reasons, []);
    assert.deepEqual(
      bench.seqs,
      Array.from({ length: 30 }, (_, i) => i),
    );
    for (const { seq, token } of bench.tokens.slice(1)) assert.deepEqual(token, node.token(at(seq)));
    assert.equal(bench.readings.length, 29 * 3);
    const { fPort, frame } = bench.loraDownlinks.at(-1)!;
    assert.equal(fPort, CONTROL_FPORT);
    assert.deepEqual(acknowledgement(node, frame, LORAWAN_TAG_BYTES), { seq: 29, earlier: 0xff });
    assert.equal(bench.receiver.intake.counters.compactChecks, 29, "the first candidate is the right one");
  });

  it("in fragments of FPort 20, as well", () => {
    const bench = new Bench([node]);
    const compact = node.compact(at(0, 5), { key: true });
    const into = new Uint8Array(242);
    const slot = slotOf(5);
    const frames = [
      into.slice(0, writeSlotTiles(compact, compact.length, slot, 0, 4, into)),
      into.slice(0, writeSlotAll1(compact, compact.length, slot, 4, into)),
    ];
    bench.lora(node, frames, COMPACT_RULE, heardMs(0));
    assert.deepEqual(bench.seqs, [5]);
  });

  it("a token in full (key, escape) needs nothing but the node's identity: boot and debugging are tried", () => {
    const bench = new Bench([node]);
    bench.compact(node, node.compact({ ...at(7), bootCount: 3 }, { key: true }), heardMs(7));
    assert.deepEqual(bench.seqs, [7]);
    const again = new Bench([node]);
    again.compact(node, node.compact({ ...at(7), bootCount: 5000 }, { escape: true }), heardMs(700));
    assert.deepEqual(again.seqs, [7]);
  });

  it("acknowledges a token that comes again without a single signature check, also after a restart and in another form", () => {
    const store = new MemoryStore();
    const bench = new Bench([node], store);
    const compact = node.compact(at(0), { key: true });
    bench.compact(node, compact, heardMs(0));
    bench.compact(node, node.compact(at(1)), heardMs(1));
    const { counters } = bench.receiver.intake;
    const checks = counters.compactChecks;
    bench.compact(node, compact, heardMs(2));
    bench.compact(node, node.compact(at(0), { escape: true }), heardMs(40));
    bench.compact(node, node.compact(at(1)), heardMs(3));
    assert.equal(counters.compactChecks, checks);
    assert.deepEqual([bench.tokens.length, bench.loraDownlinks.length], [2, 5]);
    assert.equal(bench.receiver.account(node.devEui)?.duplicates, 3);

    const restarted = new Bench([node], store);
    restarted.compact(node, node.compact(at(1)), heardMs(3));
    restarted.compact(node, node.compact(at(0), { escape: true }), heardMs(400));
    assert.equal(restarted.receiver.intake.counters.compactChecks, 0);
    assert.deepEqual([restarted.tokens.length, restarted.loraDownlinks.length], [0, 2]);
    assert.deepEqual(restarted.reasons, []);
  });

  it("knows a whole token again that comes compact, and the other way round", () => {
    const bench = new Bench([node]);
    bench.mqtt(node, node.token(at(0)), heardMs(0));
    bench.compact(node, node.compact(at(0), { key: true }), heardMs(0));
    bench.compact(node, node.compact(at(1)), heardMs(1));
    bench.mqtt(node, node.token(at(1)), heardMs(1));
    assert.deepEqual(bench.seqs, [0, 1]);
    assert.equal(bench.receiver.account(node.devEui)?.duplicates, 2);
    assert.deepEqual(bench.reasons, []);
  });

  it("parks a token whose values nothing is known of, unanswered, and accepts it when its neighbour comes", () => {
    const bench = new Bench([node]);
    bench.whole(node, node.boot({ seq: 0 }), heardMs(0));
    const downlinks = bench.downlinks.length;
    bench.compact(node, node.compact(at(2)), heardMs(2));
    bench.compact(node, node.compact(at(3)), heardMs(3));
    assert.deepEqual([bench.seqs, bench.reasons, bench.downlinks.length], [[0], [], downlinks]);
    assert.equal(bench.receiver.intake.parking.size, 2);
    bench.compact(node, node.compact(at(1), { escape: true }), heardMs(4));
    assert.deepEqual(bench.seqs, [0, 1, 2, 3]);
    assert.equal(bench.receiver.intake.parking.size, 0);
    assert.equal(acknowledgement(node, bench.loraDownlinks.at(-1)!.frame, LORAWAN_TAG_BYTES).seq, 3);
  });

  it("one downlink an uplink, whatever an uplink makes good; none to a node that hears none", () => {
    const bench = new Bench([node]);
    bench.whole(node, node.boot({ seq: 0 }), heardMs(0));
    for (const batch of [2, 3, 4, 5]) bench.compact(node, node.compact(at(batch)), heardMs(batch));
    bench.downlinks.length = 0;
    bench.compact(node, node.compact(at(1), { escape: true }), heardMs(6));
    assert.equal(bench.tokens.length, 6);
    assert.equal(bench.downlinks.length, 1);
    const { frame } = bench.loraDownlinks[0];
    assert.deepEqual(acknowledgement(node, frame, LORAWAN_TAG_BYTES), { seq: 5, earlier: 0b11111 });

    bench.receiver.addNode({ record: { ...node.record, downlinks: false }, receiverKey: RECEIVER_KEY });
    bench.compact(node, node.compact(at(6)), heardMs(6));
    bench.compact(node, node.compact({ ...at(30, 9), bootCount: 2 }), heardMs(7));
    assert.deepEqual([bench.seqs.at(-1), bench.downlinks.length], [6, 1]);
  });

  it("parks what waits for its boot token, asks for that once an hour, and goes on when it comes", () => {
    const bench = new Bench([node]);
    bench.whole(node, node.boot({ seq: 0, bootCount: 1 }), heardMs(0));
    bench.compact(node, node.compact({ ...at(1), bootCount: 1 }, { key: true }), heardMs(1));
    // Another profile in boot 2 than in the boot before and in the identity: no guess is right.
    const columns = Array.from({ length: SOIL_WATER.fields.length + 1 }, (_, c) => new Int32Array(3).fill(c && 20));
    const boot2 = { bootCount: 2, profile: SOIL_WATER, columns };
    bench.downlinks.length = 0;
    const parked = node.compact({ ...at(3), ...boot2 }, { key: true });
    bench.compact(node, parked, heardMs(3));
    bench.compact(node, parked, heardMs(4));
    bench.compact(node, node.compact({ ...at(4), ...boot2 }), heardMs(5));
    assert.deepEqual(bench.reasons, []);
    assert.equal(bench.loraDownlinks.length, 1);
    const request = authentic(node, bench.loraDownlinks[0].frame, LORAWAN_TAG_BYTES);
    assert.deepEqual([bench.loraDownlinks[0].fPort, request.kind, request.bootCount], [CONTROL_FPORT, "boot", 2]);
    bench.compact(node, node.compact({ ...at(5), ...boot2 }), heardMs(3) + BOOT_REQUEST_MS);
    assert.equal(bench.loraDownlinks.length, 2);
    bench.whole(node, node.boot({ seq: 2, bootCount: 2, profile: SOIL_WATER }), heardMs(9));
    assert.deepEqual(bench.seqs.slice(2), [2, 3, 4, 5]);
  });

  it("a boot with another state of debugging is guessed; its boot token is asked for when it has not come for a day", () => {
    const bench = new Bench([node]);
    bench.whole(node, node.boot({ seq: 0, bootCount: 1, dbgstat: 4 }), heardMs(0));
    bench.compact(node, node.compactOf({ ...at(1), bootCount: 1 }, 4, { key: true }), heardMs(1));
    const day = BOOT_MISSED_MS / BATCH_S / 1000;
    const requests = (): number =>
      bench.loraDownlinks.filter(({ frame }) => authentic(node, frame, LORAWAN_TAG_BYTES).kind === "boot").length;
    for (let batch = 3; batch < 3 * day; batch++) {
      bench.compact(node, node.compact({ ...at(batch), bootCount: 2 }, { key: true }), heardMs(batch));
      assert.equal(requests(), Math.floor((batch - 3) / day));
    }
    assert.deepEqual(bench.reasons, []);
    assert.equal(bench.seqs.length, 3 * day - 1);
    bench.whole(node, node.boot({ seq: 2, bootCount: 2 }), heardMs(3 * day));
    for (let batch = 3 * day; batch < 5 * day; batch++)
      bench.compact(node, node.compact({ ...at(batch), bootCount: 2 }), heardMs(batch));
    assert.equal(requests(), 2);
  });

  it("readings that a power cut left unsigned are verified though the next boot signed them", () => {
    for (const isBefore of [true, false]) {
      const bench = new Bench([node]);
      bench.whole(node, node.boot({ seq: 0, bootCount: 1, dbgstat: 4 }), heardMs(0));
      bench.compact(node, node.compactOf({ ...at(1), bootCount: 1 }, 4, { key: true }), heardMs(1));
      // dbgstat 2 in boot 2, with readings of boot 1.
      const left = node.compact({ ...at(2, 3), bootCount: 1 }, { escape: true });
      const boot = node.boot({ seq: 2, bootCount: 2 });
      if (isBefore) bench.compact(node, left, heardMs(3));
      bench.whole(node, boot, heardMs(3));
      if (!isBefore) bench.compact(node, left, heardMs(3));
      assert.deepEqual([bench.seqs, bench.reasons], [[0, 1, 2, 3], []]);
      bench.compact(node, node.compact({ ...at(4), bootCount: 2 }, { key: true }), heardMs(4));
      assert.deepEqual(bench.seqs.at(-1), 4);
    }
  });

  it("each token in the context of its own boot, whatever order three boots' tokens come in", () => {
    const boots = [1, 2, 3].map((bootCount) => node.boot({ seq: (bootCount - 1) * 10, bootCount, dbgstat: bootCount }));
    const tokens = Array.from({ length: 27 }, (_, i) => {
      const bootCount = 1 + Math.floor(i / 9);
      const seq = i + bootCount;
      return new TestNode(1).compactOf({ ...at(i, seq), bootCount }, bootCount, { escape: true });
    });
    const dice = new RandomStream(3, "boots");
    for (let round = 0; round < 5; round++) {
      const bench = new Bench([node]);
      const all = [
        ...boots.map((token) => () => bench.whole(node, token, heardMs(40))),
        ...tokens.map((token) => () => bench.compact(node, token, heardMs(40))),
      ];
      for (let i = all.length - 1; i > 0; i--) {
        const j = dice.below(i + 1);
        [all[i], all[j]] = [all[j], all[i]];
      }
      for (const send of all) send();
      // What was parked and had to go for others is sent again by the node.
      for (const token of tokens) bench.compact(node, token, heardMs(41));
      assert.equal(new Set(bench.seqs).size, 30);
      assert.deepEqual(
        bench.reasons.filter((reason) => reason !== "parked-too-many"),
        [],
      );
    }
  });

  it("after a restart the store knows boots, keys and neighbours", () => {
    const store = new MemoryStore();
    const next = new TestNode(1, 77);
    const bench = new Bench([node], store);
    bench.whole(node, node.boot({ seq: 0 }), heardMs(0));
    bench.compact(node, node.compact(at(1), { key: true }), heardMs(1));
    bench.whole(
      node,
      node.statement({ kind: "key", wallS: 0, bootCount: 1, seq: 2, newKey: next.key(-7) }),
      heardMs(1),
    );
    const restarted = new Bench([node], store);
    restarted.compact(node, next.compact(at(3)), heardMs(3));
    assert.deepEqual([restarted.seqs, restarted.reasons], [[3], []]);
  });

  it("an unknown profile's batch waits for the boot token that announces it", () => {
    const columns = Array.from({ length: SOIL_WATER.fields.length + 1 }, (_, c) => new Int32Array(3).fill(c && 20));
    const batch = { ...at(1), profile: SOIL_WATER, columns, bootCount: 2 };
    const bench = new Bench([node]);
    bench.whole(node, node.token(batch), heardMs(1));
    assert.deepEqual([bench.seqs, bench.reasons], [[], []]);
    assert.equal(authentic(node, bench.loraDownlinks[0].frame, LORAWAN_TAG_BYTES).bootCount, 2);
    bench.whole(node, node.boot({ seq: 0, bootCount: 2, profile: SOIL_WATER }), heardMs(1));
    bench.compact(node, node.compact({ ...batch, ...at(2) }, { key: true }), heardMs(2));
    assert.deepEqual(bench.seqs, [0, 1, 2]);
    const other = new Bench([node]);
    other.mqtt(node, node.token(batch), heardMs(1));
    assert.deepEqual(other.reasons, ["profile-not-announced"]);
  });

  it("refuses by name what can never be good, and ends its session", () => {
    const bench = new Bench([node]);
    bench.compact(node, new Uint8Array(64), heardMs(0));
    bench.compact(node, node.compact(at(0), { key: true }), heardMs(0));
    bench.compact(node, node.compact({ ...at(0), bootCount: 2 }, { escape: true }), heardMs(0));
    bench.compact(node, node.compact(at(99, 1), { escape: true }), heardMs(0));
    assert.deepEqual(bench.reasons, ["compact-length", "seq-reused", "time-in-the-future"]);
    assert.deepEqual(bench.seqs, [0]);
  });

  it("a forgery costs 16 checks and a place among the parked, and is named when it has waited long enough", () => {
    const bench = new Bench([node]);
    bench.compact(node, node.compact(at(0), { key: true }), heardMs(0));
    const { counters, parking } = bench.receiver.intake;
    const before = counters.compactChecks;
    const forged = new TestNode(1, 9).compact(at(1));
    for (let i = 0; i < 5; i++) bench.compact(node, forged, heardMs(1));
    assert.ok(counters.compactChecks - before <= 16, `${counters.compactChecks - before}`);
    assert.equal(parking.size, 1);
    const expiry = heardMs(1) + PARKED_MS;
    assert.ok((bench.receiver.pollTimeout() as number) <= expiry);
    bench.receiver.handleTimeout(expiry);
    assert.deepEqual(bench.refused, [{ devEui: node.devEui, reason: "no-candidate" }]);
    assert.equal(bench.seqs.length, 1);
  });

  it("bounds what a hostile node's forgeries cost, however much is accepted meanwhile", () => {
    const bench = new Bench([node]);
    bench.compact(node, node.compact(at(0), { key: true }), heardMs(0));
    const forger = new TestNode(1, 9);
    for (let i = 0; i < 40; i++) bench.compact(node, forger.compact(at(1, 1 + i)), heardMs(1));
    assert.equal(bench.receiver.intake.parking.size, MAX_PARKED_OF_NODE);
    for (let batch = 1; batch < 3 * MAX_TRIES; batch++) bench.mqtt(node, node.token(at(batch)), heardMs(batch));
    assert.equal(bench.receiver.intake.parking.size, 0);
    const most = 40 * 16 + MAX_PARKED_OF_NODE * MAX_TRIES * 16;
    assert.ok(bench.receiver.intake.counters.compactChecks <= most);
    assert.deepEqual(
      bench.seqs,
      Array.from({ length: 3 * MAX_TRIES }, (_, i) => i),
    );
  });

  it("ES256, EdDSA and ES256K alike", () => {
    for (const alg of [-7, -8, -47] as const) {
      const signer = new TestNode(1, 1, alg);
      const bench = new Bench([signer]);
      for (let batch = 0; batch < 4; batch++) {
        bench.compact(signer, signer.compact(at(batch), { key: batch === 0 }), heardMs(batch));
      }
      assert.deepEqual([bench.seqs, bench.reasons], [[0, 1, 2, 3], []], `${alg}`);
      assert.equal(bytesToHex(bench.tokens[3].token), bytesToHex(signer.token(at(3))));
    }
  });

  it("finds wide jumps: values, numbers and times that are not the likeliest", () => {
    const bench = new Bench([node]);
    bench.compact(node, node.compact(at(0), { key: true }), heardMs(0));
    const columns = batchOf().columns;
    columns[1].fill(50 + 80);
    bench.compact(node, node.compact({ ...at(1), columns }), heardMs(1));
    bench.compact(node, node.compact(at(2, 2 + 16)), heardMs(2));
    assert.deepEqual([bench.seqs, bench.reasons], [[0, 1, 18], []]);
    assert.ok(bench.receiver.intake.counters.compactChecks > 3);
  });
});
