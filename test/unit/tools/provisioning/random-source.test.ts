/** The tests that randomness for keys goes through (NIST SP 800-90B 4.4). */
import { equal, match, ok, throws } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { makeKeys } from "../../../../tools/provisioning/factory-work.ts";
import {
  PROPORTION_CUTOFF,
  RandomSource,
  REPETITION_CUTOFF,
  STARTUP_BYTES,
  WeakRandom,
  WINDOW,
  weakness,
} from "../../../../tools/provisioning/random-source.ts";

/** One false alarm in so many windows. */
const ALPHA = 2 ** -30;

/** The chance that the first of `n` bytes, each value as likely, comes `least` times or more. */
function tail(n: number, least: number): number {
  const p = 1 / 256;
  let term = (1 - p) ** (n - 1);
  let below = 0;
  for (let k = 0; k < least - 1; k++) {
    below += term;
    term *= (((n - 1 - k) / (k + 1)) * p) / (1 - p);
  }
  let sum = 0;
  for (let k = least - 1; k < n; k++) {
    sum += term;
    term *= (((n - 1 - k) / (k + 1)) * p) / (1 - p);
  }
  ok(below + sum > 0.999999 && below + sum < 1.000001);
  return sum;
}

/** A source that is good for its start-up, and then gives `bytes`. */
function afterStart(bytes: (length: number) => Uint8Array): RandomSource {
  let drawn = 0;
  return new RandomSource((length) => {
    drawn += length;
    return drawn <= STARTUP_BYTES ? randomBytes(length) : bytes(length);
  });
}

describe("randomness for keys", () => {
  it("SP 800-90B 4.4.1: the cutoff of the repetition count is 1 + 30 / 8, rounded up", () => {
    equal(REPETITION_CUTOFF, 1 + Math.ceil(30 / 8));
  });

  it("SP 800-90B 4.4.2: the cutoff of the adaptive proportion is the least with a tail below 2^-30", () => {
    ok(tail(WINDOW, PROPORTION_CUTOFF) < ALPHA);
    ok(tail(WINDOW, PROPORTION_CUTOFF - 1) >= ALPHA);
  });

  it("the system's source passes, and gives what is asked for", () => {
    const source = new RandomSource();
    const keys = Array.from({ length: 2000 }, () => source.key(16));
    ok(keys.every((key) => key.length === 16));
    equal(new Set(keys.map((key) => Buffer.from(key).toString("hex"))).size, keys.length);
  });

  it("SP 800-90B 4.3: a source that is stuck or biased does not get past its start", () => {
    throws(() => new RandomSource((length) => new Uint8Array(length)), WeakRandom);
    throws(() => new RandomSource((length) => new Uint8Array(length).fill(0xa5)), /repeats itself/);
    const biased = (length: number): Uint8Array => randomBytes(length).map((byte, i) => (i % 16 === 0 ? 0x42 : byte));
    throws(() => new RandomSource(biased), /prefers one value/);
    throws(() => new RandomSource(() => new Uint8Array(3)), /another number/);
  });

  it("one that fails later is found before a key is made of it, and so by whoever makes nodes", () => {
    const stuck = afterStart((length) => new Uint8Array(length).fill(7));
    throws(() => makeKeys("ES256", 1, false, stuck), WeakRandom);
    let next = 0;
    const counting = afterStart((length) => Uint8Array.from({ length }, () => next++));
    throws(() => makeKeys("EdDSA", 1, false, counting), /counts up or down/);
    const pattern = afterStart((length) => Uint8Array.from({ length }, (_, i) => [3, 141, 59, 26][i % 4]));
    throws(() => makeKeys("ES256K", 1, false, pattern), /repeats a pattern/);
  });

  it("weak keys from elsewhere are named", () => {
    const key = (byte: (i: number) => number): Uint8Array => Uint8Array.from({ length: 16 }, (_, i) => byte(i));
    match(weakness(key(() => 0))!, /alike/);
    match(weakness(key(() => 0xff))!, /alike/);
    match(weakness(key((i) => 0xab - (i & 1)))!, /pattern/);
    match(weakness(key((i) => [1, 9, 77, 5, 3, 2, 8, 4][i % 8]))!, /pattern/);
    match(weakness(key((i) => 5 * i + 250))!, /counts/);
    match(weakness(key((i) => 255 - i))!, /counts/);
    match(weakness(key((i) => (i * i) % 11))!, /few/);
    equal(weakness(Uint8Array.from(Buffer.from("2b7e151628aed2a6abf7158809cf4f3c", "hex"))), undefined);
  });
});
