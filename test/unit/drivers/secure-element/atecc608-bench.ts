/** An ATECC608 driver on a modelled bus with a modelled chip, and what the tests ask of both. */
import assert from "node:assert/strict";
import { createHash, createPublicKey, verify } from "node:crypto";
import { Atecc608 } from "../../../../firmware/drivers/secure-element/atecc608.ts";
import { Atecc608Chip } from "../../../../host-sim/chips/atecc608-chip.ts";
import { Atecc608Memory, type Atecc608MemoryOptions } from "../../../../host-sim/chips/atecc608-memory.ts";
import { I2cBus } from "../../../../host-sim/chips/i2c-bus.ts";
import { VirtualClock, VirtualTimer } from "../../../../host-sim/node-timing.ts";
import { World } from "../../../../host-sim/world.ts";

export interface BenchOptions extends Partial<Atecc608MemoryOptions> {
  seed?: number;
  watchdogUs?: number;
  wakeUs?: number;
  wakeHz?: number;
  /** So much later than asked for comes each wake-up of the timer, in milliseconds. */
  lateMs?: number;
}

/** What a callback got: the value, the reason, and when. */
export interface Outcome<T> {
  value: T | undefined;
  error: string | undefined;
  atUs: number;
}

export function setUp(options: BenchOptions = {}) {
  const world = new World(options.seed ?? 1, 0);
  const memory = new Atecc608Memory({ random: world.random("serial"), ...options });
  const { watchdogUs, wakeUs } = options;
  const chip = new Atecc608Chip({
    nowUs: () => world.nowUs,
    memory,
    random: world.random("chip"),
    watchdogUs,
    wakeUs,
  });
  const bus = new I2cBus();
  bus.attach(0x60, chip);
  bus.attach(0, chip.sdaLine(options.wakeHz ?? 100_000));
  const clock = new VirtualClock(world);
  const errors: string[] = [];
  const timer = new VirtualTimer(world, clock);
  const io = bus.open(0x60);
  /** Changes what a read brought, on its way to the driver. */
  const tamper: { with: ((into: Uint8Array) => void) | undefined } = { with: undefined };
  const driver = new Atecc608({
    i2c: {
      ...io,
      read: (into) => {
        io.read(into);
        tamper.with?.(into);
      },
    },
    wake: bus.open(0),
    clock,
    timer: {
      wakeAt: (atMs, callback) => timer.wakeAt(atMs + (options.lateMs ?? 0), callback),
      cancel: () => timer.cancel(),
    },
    keySlots: [{ key: 1, chip: 0 }],
    hash: {
      sha256: (message, length, digest) =>
        digest.set(createHash("sha256").update(message.subarray(0, length)).digest()),
    },
    onError: (error) => errors.push(error),
  });
  /** Asks, lets up to ten seconds pass until the answer is there, and throws where it comes twice, or within the call, or never. */
  const ask = <T>(request: (done: (value: T | undefined, error?: string) => void) => void): Outcome<T> => {
    const outcomes: Outcome<T>[] = [];
    request((value, error) => outcomes.push({ value, error, atUs: world.nowUs }));
    if (outcomes.length > 0) throw new Error("answered within the call");
    world.run(world.nowUs + 10_000_000, () => outcomes.length > 0);
    if (outcomes.length !== 1) throw new Error(`${outcomes.length} answers`);
    return outcomes[0];
  };
  const open = () => ask<never>((done) => driver.open((error) => done(undefined, error))).error;
  const generate = () => ask<Uint8Array>((done) => driver.generateKey(1, done));
  const sign = (message: Uint8Array) => ask<Uint8Array>((done) => driver.sign(1, message, message.length, done));
  const random = () => ask<Uint8Array>((done) => driver.random(done));
  const read = (counter: 0 | 1 = 0) => ask<number>((done) => driver.readCounter(counter, done));
  const increment = (counter: 0 | 1 = 0) => ask<number>((done) => driver.incrementCounter(counter, done));
  return { world, memory, chip, bus, driver, errors, tamper, ask, open, generate, sign, random, read, increment };
}

/** Whether node:crypto takes r‖s for the SHA-256 of `message` under x‖y. */
export function verifies(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const coordinate = (at: number): string => Buffer.from(publicKey.subarray(at, at + 32)).toString("base64url");
  const jwk = { kty: "EC", crv: "P-256", x: coordinate(0), y: coordinate(32) };
  const key = createPublicKey({ key: jwk, format: "jwk" });
  return verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature);
}

/** A message and its SHA-256. */
export function messageOf(i: number): { message: Uint8Array; digest: Uint8Array } {
  const message = new TextEncoder().encode(`reading ${i}`);
  return { message, digest: new Uint8Array(createHash("sha256").update(message).digest()) };
}

/** Whether s of r‖s is in the lower half. */
export function isLow(signature: Uint8Array): boolean {
  const half = "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8";
  return Buffer.from(signature.subarray(32)).toString("hex") <= half;
}

/** A bench whose slot 0 holds a key that the driver knows. */
export function withKey(options: BenchOptions = {}) {
  const bench = setUp(options);
  assert.equal(bench.open(), undefined);
  const publicKey = bench.generate().value!;
  bench.chip.received.length = 0;
  bench.chip.wakes = 0;
  // The empty slot that open found.
  bench.errors.length = 0;
  return { ...bench, publicKey };
}
