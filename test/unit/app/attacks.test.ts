/** Attacks of docs/threat-model.md on a whole node: replayed requests, wrong times, and what its sensors are shown. */
import assert from "node:assert/strict";
import { ANSWERED_NONCES } from "../../../firmware/core/bounds.ts";
import { Quality } from "../../../firmware/core/quality.ts";
import { TimeKeeper } from "../../../firmware/core/time-keeper.ts";
import { suspectFlag } from "../../../firmware/wire/profile.ts";
import { WEATHER } from "../../../firmware/wire/profiles/weather.ts";
import { newReading } from "../../../firmware/wire/reading-record.ts";
import { TIME_SOURCE, timeSource, timeUncertaintyMs } from "../../../firmware/wire/time-quality.ts";
import { FakeNode, START_MS } from "./fake-node.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const YEAR_MS = 365 * 24 * HOUR_MS;

const nonce = (number: number): Uint8Array => new Uint8Array(8).fill(number);

/** Numbers of the challenges that a node has answered, in order. */
function answers(node: FakeNode): number[] {
  return node.stated.flatMap((claims) => (claims.kind === "anchor" && claims.nonce ? [claims.nonce[0]] : []));
}

describe("attacks on a node", () => {
  it("a challenge that was answered is not answered again, after a power cut neither; many take ten minutes each", () => {
    const node = new FakeNode();
    node.powerOn();
    node.run(HOUR_MS);
    node.challenge(nonce(1));
    node.run(HOUR_MS);
    for (let i = 0; i < 100; i++) {
      node.challenge(nonce(1));
      node.run(MINUTE_MS);
    }
    node.powerOn();
    node.run(MINUTE_MS);
    node.challenge(nonce(1));
    node.run(HOUR_MS);
    assert.deepEqual(answers(node), [1]);
    for (let i = 0; i < 60; i++) {
      node.challenge(nonce(100 + i));
      node.run(MINUTE_MS);
    }
    assert.ok(answers(node).length <= 1 + 7, `${answers(node)}`);
  });

  it("challenges older than the last eight are answered again when they are replayed: a token in ten minutes", () => {
    const node = new FakeNode();
    node.powerOn();
    node.run(HOUR_MS);
    const all = Array.from({ length: ANSWERED_NONCES + 1 }, (_, i) => i + 1);
    for (let round = 0; round < 2; round++) {
      for (const number of all) {
        node.challenge(nonce(number));
        node.run(11 * MINUTE_MS);
      }
    }
    assert.deepEqual(answers(node), [...all, ...all]);
    const wallS = node.stated.flatMap((claims) => (claims.kind === "anchor" && claims.nonce ? [claims.wallS] : []));
    assert.deepEqual(
      wallS.slice().sort((a, b) => a - b),
      wallS,
      "each answer says when it was given",
    );
  });

  it("whoever withholds acknowledgements gets one answer, however many challenges it has", () => {
    const node = new FakeNode();
    node.powerOn();
    node.run(HOUR_MS);
    node.lost = () => true;
    const before = node.tokens.length;
    for (let number = 1; number <= 50; number++) {
      node.challenge(nonce(number));
      node.run(11 * MINUTE_MS);
    }
    node.lost = () => false;
    node.run(24 * HOUR_MS);
    assert.ok(node.tokens.length > before);
    assert.deepEqual(answers(node), [1]);
  });

  it("a wrong time of the past is believed, whoever tells it; the token names the source", () => {
    const node = new FakeNode();
    node.timeServer = false;
    node.powerOn();
    node.run(2_000);
    node.app.networkEvents?.onTime(START_MS - YEAR_MS, node.nowMs, 50);
    node.run(HOUR_MS);
    node.drain();
    const [{ t0, timeQuality, wallTime }] = node.claims;
    assert.ok(wallTime && Math.abs(t0 - (START_MS - YEAR_MS) / 1000) < 3600);
    assert.equal(timeSource(timeQuality), TIME_SOURCE.sntp);
    for (const source of [TIME_SOURCE.deviceTime, TIME_SOURCE.receiver]) {
      const time = new TimeKeeper();
      assert.equal(time.learn(source, START_MS - YEAR_MS, 5_000, 100), true);
      const quality = time.quality(5_000);
      assert.deepEqual([timeSource(quality), timeUncertaintyMs(quality)], [source, 1024]);
    }
  });

  it("a temperature that somebody moves slowly is not suspect", () => {
    const quality = new Quality(WEATHER);
    for (let i = 0; i < 120; i++) {
      const reading = newReading(WEATHER.fields.length);
      reading.uptimeS = 300 * (i + 1);
      reading.values[0] = 160 + 3 * i;
      quality.annotate(reading);
      assert.equal(reading.flags & suspectFlag(WEATHER, 0), 0, `reading ${i}`);
    }
  });
});
