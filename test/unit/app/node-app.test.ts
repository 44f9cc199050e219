import assert from "node:assert/strict";
import { DRAIN_RETRY_MAX_MS, STATE_BYTES_MAX } from "../../../firmware/core/bounds.ts";
import { missingFlag } from "../../../firmware/wire/profile.ts";
import { counts } from "../../counts.ts";
import { FakeNode, PowerCut, START_MS } from "./fake-node.ts";

const HOUR_MS = 3_600_000;

function sorted(numbers: readonly number[]): number[] {
  return [...numbers].sort((a, b) => a - b);
}

/** Every sample that was taken is verified, once. */
function assertComplete(node: FakeNode): void {
  assert.deepEqual(node.verified, [...node.sampled].sort());
}

describe("node application", () => {
  it("samples on the minute, attests, delivers; every reading taken is verified", () => {
    const node = new FakeNode();
    node.powerOn();
    node.run(2 * HOUR_MS);
    node.drain();
    assert.equal(node.sampled[0], `1:${START_MS / 1000 + 60}`);
    assert.equal(node.sampled.length, 120);
    assertComplete(node);
    assert.deepEqual(node.delivered, [...node.tokens]);
    assert.equal(node.outbox.oldest, node.outbox.next);
    assert.equal(node.journal.oldest, node.journal.next);
    const { claims } = node;
    assert.deepEqual([...claims[0].columns[1].subarray(0, 3)], [1, 2, 3]);
    assert.equal(claims[0].columns[3][0], 10_133, "1013.25 hPa, half up");
    assert.equal(claims[0].columns[0][0] & missingFlag(1), missingFlag(1), "there is no hygrometer");
  });

  it("spreads first transmissions over a quarter of the batch's duration", () => {
    const node = new FakeNode();
    node.powerOn();
    const delays: number[] = [];
    let tokens = 0;
    for (let i = 0; i < 4 * HOUR_MS; i += 1000) {
      node.run(1000);
      if (node.tokens.length > tokens) delays.push(0);
      tokens = node.tokens.length;
      if (node.outbox.oldest < node.outbox.next) delays[delays.length - 1] += 1;
    }
    assert.ok(Math.max(...delays) <= 151, `${delays}`);
    assert.ok(Math.max(...delays) > 75 && Math.min(...delays) < 75, `${delays}`);
  });

  it("gives uptime while nobody tells the time", () => {
    const node = new FakeNode();
    node.timeServer = false;
    node.powerOn();
    node.run(HOUR_MS);
    node.drain();
    assert.equal(node.sampled[0], "1:up120");
    assertComplete(node);
  });

  it("ends in the same when every machine is saved and restored after every event", () => {
    const results = [false, true].map((cycle) => {
      const node = new FakeNode();
      node.cycle = cycle;
      node.lost = (seq) => seq % 3 === 1 && node.publications % 4 !== 0;
      node.powerOn();
      node.run(6 * HOUR_MS);
      node.goOffline();
      node.run(HOUR_MS);
      node.goOnline();
      node.run(HOUR_MS);
      node.drain();
      assertComplete(node);
      const { sampled, tokens, delivered, publications, world } = node;
      return { sampled, tokens, delivered, publications, nowUs: world.nowUs };
    });
    assert.deepEqual(results[1], results[0]);
  });

  it("the saved state is the same after a round trip, and stays within its bound", () => {
    const node = new FakeNode();
    node.online = false;
    node.powerOn();
    node.timeServer = false;
    node.run(3 * HOUR_MS + 1234);
    const before = new Uint8Array(STATE_BYTES_MAX);
    const length = node.app.saveAll(before);
    node.app.cycleThroughSavedState();
    const after = new Uint8Array(STATE_BYTES_MAX);
    assert.equal(node.app.saveAll(after), length);
    assert.deepEqual(after, before);
    for (let i = 0; i < length; i++) {
      const damaged = before.slice();
      damaged[i] ^= 0x10;
      assert.equal(node.app.restoreAll(damaged), false, `byte ${i}`);
    }
    assert.equal(node.app.restoreAll(before), true);
  });

  it("delivers what was kept on flash while offline", () => {
    const node = new FakeNode();
    node.powerOn();
    node.run(HOUR_MS / 2);
    node.goOffline();
    const before = node.delivered.length;
    node.run(10 * HOUR_MS);
    assert.equal(node.delivered.length, before);
    node.goOnline();
    node.run(HOUR_MS);
    node.drain();
    assertComplete(node);
    assert.deepEqual(sorted(node.delivered), node.tokens);
  });

  it("a lost publication goes again", () => {
    const node = new FakeNode();
    node.lost = () => node.publications % 3 === 0;
    node.powerOn();
    node.run(5 * HOUR_MS);
    node.drain();
    assertComplete(node);
    assert.ok(node.publications > node.tokens.length);
  });

  it("no reading is lost or attested twice when power fails at any write, and every token is signed by the key that holds for it", () => {
    const writes = { count: 0, cutAt: Infinity };
    const nonce = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
    const scenario = (cutAt: number): FakeNode => {
      const node = new FakeNode({ batchReadings: 5 });
      writes.count = 0;
      writes.cutAt = cutAt;
      node.onWrite = () => {
        if (++writes.count === writes.cutAt) throw new PowerCut();
      };
      node.powerOn();
      node.run(HOUR_MS / 4);
      node.attempt(() => node.app.rotateKey());
      node.run(HOUR_MS / 4);
      for (let i = 0; i < 3; i++) {
        node.attempt(() => node.challenge(nonce));
        node.run(HOUR_MS / 12);
      }
      node.drain();
      return node;
    };
    const whole = scenario(Infinity);
    const total = writes.count;
    assert.ok(total > 200);
    const kinds = whole.stated.map(({ kind }) => kind).filter((kind) => kind !== "batch");
    assert.deepEqual(kinds, ["boot", "key", "boot", "anchor"]);
    for (let cutAt = 1; cutAt <= total; cutAt += counts(3, 1)) {
      const node = scenario(cutAt);
      assert.ok(node.app.bootCount <= 2);
      const verified = node.verified;
      assert.equal(new Set(verified).size, verified.length, `cut ${cutAt}: nothing twice`);
      const missing = node.sampled.filter((one) => !verified.includes(one));
      // The observer hears of a reading before its append; a cut before that write takes the reading with it.
      assert.ok(missing.length <= 1, `cut ${cutAt}: ${missing}`);
      assert.equal(verified.length + missing.length, node.sampled.length);
      assert.deepEqual(
        node.stated.map(({ seq }) => seq),
        node.stated.map((_, i) => i),
        `cut ${cutAt}: no gap in seq`,
      );
      node.assertSigned();
      const { stated } = node;
      const count = (wanted: string): number => stated.filter(({ kind }) => kind === wanted).length;
      // A cut before the wish for a new key is on flash leaves the old one.
      assert.ok(count("key") === 1 || (count("key") === 0 && cutAt > 1), `cut ${cutAt}: ${count("key")} key tokens`);
      if (count("key") === 1) {
        const at = stated.findIndex(({ kind }) => kind === "key");
        assert.equal(stated[at + 1].kind, "boot", `cut ${cutAt}: a boot token under the new key`);
        assert.equal(node.crypto.hasKey(1), false, `cut ${cutAt}: the old key is gone`);
      }
      const answers = stated.filter((claims) => claims.kind === "anchor" && claims.nonce !== undefined);
      assert.equal(answers.length, 1, `cut ${cutAt}: the challenge is answered once`);
    }
  });

  it("goes on after deep sleep from retained memory as if it had not slept", () => {
    const results = [false, true].map((deepSleep) => {
      const node = new FakeNode({ deepSleep });
      node.powerOn();
      node.run(3 * HOUR_MS);
      node.drain();
      assertComplete(node);
      if (deepSleep) assert.ok(node.sleeps.length > 100, "it slept between samples");
      assert.equal(node.app.bootCount, 1);
      return node.sampled;
    });
    assert.deepEqual(results[1], results[0]);
  });

  it("starts no blocking work that would not end before a receive window, nor while one is open", () => {
    const node = new FakeNode({ uplink: "lorawan", sampleIntervalS: 1, batchReadings: 3, timeWaitMs: 0 });
    const writes: number[] = [];
    node.journal.onWrite = () => writes.push(node.nowMs);
    node.outbox.onWrite = node.journal.onWrite;
    node.powerOn();
    node.run(HOUR_MS);
    assert.ok(node.radio.windows.length >= 10, "it tried to join");
    assert.ok(node.signatures.length > 1000 && writes.length > 3000);
    for (const { openMs, closeMs } of node.radio.windows) {
      for (const [at, lastsMs] of [...writes.map((ms) => [ms, 400]), ...node.signatures.map((ms) => [ms, 150])]) {
        assert.ok(at + lastsMs < openMs || at >= closeMs, `begun at ${at}, window from ${openMs} to ${closeMs}`);
      }
    }
    assert.equal(node.app.health.readingsLost, 0);
    assert.equal(node.sampled.length, 3600);
  });

  it("counts sensors that fail and flags what they did not give", () => {
    const node = new FakeNode();
    node.powerOn();
    node.run(200_000);
    node.sensor.failStart = true;
    node.run(60_000);
    node.sensor.failStart = false;
    node.sensor.failSample = true;
    node.run(60_000);
    node.sensor.failSample = false;
    node.run(60_000);
    node.drain();
    assert.equal(node.app.health.sensorErrors, 2);
    const { columns, count } = node.claims[0];
    assert.deepEqual(
      Array.from({ length: count }, (_, i) => [columns[0][i] & 1, columns[1][i]]),
      [
        [0, 1],
        [0, 2],
        [0, 3],
        [1, 3],
        [1, 3],
        [0, 4],
      ],
    );
  });

  it("a value that the profile cannot hold is missing and suspect", () => {
    const node = new FakeNode({ batchReadings: 1 });
    node.sensor.sampleNow = { thermometer: { temperature: 200 }, hygrometer: { humidity: Number.NaN } };
    node.powerOn();
    node.run(130_000);
    node.drain();
    assert.equal(node.claims[0].columns[0][0], 0b000000011_111111111);
  });

  it("gives up the oldest token when the outbox is full, counted and told", () => {
    const node = new FakeNode();
    node.outbox.capacity = 5;
    node.powerOn();
    node.run(1000);
    node.goOffline();
    node.run(2 * HOUR_MS);
    assert.deepEqual(node.dropped, node.tokens.slice(0, -5));
    const dropped = node.dropped.length;
    assert.equal(node.app.health.tokensDropped, dropped);
    node.goOnline();
    node.drain();
    assert.deepEqual(sorted(node.delivered), node.tokens.slice(dropped));
  });

  it("drains within its own back-off although a token was tried in vain for hours", () => {
    const node = new FakeNode();
    node.lost = () => true;
    node.powerOn();
    node.run(5 * HOUR_MS);
    node.lost = () => false;
    const before = node.world.nowUs;
    node.drain();
    assertComplete(node);
    assert.ok((node.world.nowUs - before) / 1000 < 3 * DRAIN_RETRY_MAX_MS);
  });

  it("a digest a day covers every token once, whenever the power fails", () => {
    const writes = { count: 0, cutAt: Infinity };
    const scenario = (cutAt: number): FakeNode => {
      const node = new FakeNode({ sampleIntervalS: 3600, batchReadings: 6 });
      writes.count = 0;
      writes.cutAt = cutAt;
      node.onWrite = () => {
        if (++writes.count === writes.cutAt) throw new PowerCut();
      };
      node.powerOn();
      node.run(49 * HOUR_MS);
      node.drain();
      return node;
    };
    scenario(Infinity);
    const total = writes.count;
    for (let cutAt = 1; cutAt <= total; cutAt += counts(5, 1)) {
      const node = scenario(cutAt);
      const { stated } = node;
      const digests = stated.filter((claims) => claims.kind === "digest");
      assert.ok(digests.length >= 2, `cut ${cutAt}: ${digests.length} digests`);
      let next = 0;
      for (const { firstSeq, lastSeq, seq, digest } of digests) {
        assert.deepEqual([firstSeq, lastSeq], [next, seq - 1], `cut ${cutAt}`);
        assert.deepEqual(digest, node.digestOf(firstSeq, lastSeq), `cut ${cutAt}: digest ${seq}`);
        next = seq;
      }
    }
  });

  it("an anchor places the readings that were taken before the time was known", () => {
    const node = new FakeNode();
    node.timeServer = false;
    node.powerOn();
    node.run(HOUR_MS);
    node.goOffline();
    node.timeServer = true;
    node.goOnline();
    node.run(HOUR_MS);
    node.drain();
    assertComplete(node);
    const anchors = node.stated.filter((claims) => claims.kind === "anchor");
    assert.equal(anchors.length, 1);
    const [{ wallS, uptimeS, nonce }] = anchors;
    assert.equal(wallS - uptimeS, START_MS / 1000);
    assert.equal(nonce, undefined);
  });

  it("a request for the boot token is met once the last one was acknowledged, and not more often than allowed", () => {
    const node = new FakeNode();
    node.powerOn();
    node.run(60_000);
    const bootTokens = (): number => node.stated.filter(({ kind }) => kind === "boot").length;
    assert.equal(bootTokens(), 1);
    node.control({ kind: "boot", bootCount: 1 });
    node.run(60_000);
    assert.equal(bootTokens(), 1, "it came a minute ago");
    node.run(HOUR_MS);
    node.control({ kind: "boot", bootCount: 1 });
    node.control({ kind: "boot", bootCount: 1 });
    node.run(60_000);
    assert.equal(bootTokens(), 2);
  });

  it("changes its key again and again, also from sleep to sleep", () => {
    for (const deepSleep of [false, true]) {
      const node = new FakeNode({ deepSleep });
      node.powerOn();
      for (let i = 0; i < 3; i++) {
        node.run(HOUR_MS);
        const kid = node.app.identity.kid.slice();
        node.run(HOUR_MS, () => node.app.rotateKey());
        assert.equal(node.app.rotateKey(), false, "one at a time");
        node.run(HOUR_MS);
        assert.notDeepEqual(node.app.identity.kid, kid);
      }
      node.drain();
      assertComplete(node);
      node.assertSigned();
      assert.equal(node.stated.filter(({ kind }) => kind === "key").length, 3);
    }
  });
});
