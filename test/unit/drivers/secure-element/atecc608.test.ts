/** The ATECC608 driver against the modelled chip, byte by byte: frames, requests, locks. */
import assert from "node:assert/strict";
import { p256 } from "@noble/curves/nist.js";
import { COMMAND, crc16, writePacket } from "../../../../firmware/drivers/secure-element/atecc608-commands.ts";
import { counts } from "../../../counts.ts";
import { isLow, messageOf, setUp, verifies, withKey } from "./atecc608-bench.ts";

const SIGN_OPCODES = [0x1b, 0x16, 0x41];

describe("ATECC608 driver: frames (data sheet, I/O transactions)", () => {
  it("the CRC of 04 11 is 33 43, low byte first", () => {
    assert.equal(crc16(new Uint8Array([0x04, 0x11]), 0, 2), 0x4333);
  });

  it("Info and Random are the bytes that hosts of this chip are known to send", () => {
    const packet = new Uint8Array(40);
    assert.equal(writePacket(COMMAND.info, 0, undefined, packet), 8);
    assert.equal(Buffer.from(packet.subarray(0, 8)).toString("hex"), "030730000000035d");
    writePacket(COMMAND.random, 0, undefined, packet);
    assert.equal(Buffer.from(packet.subarray(0, 8)).toString("hex"), "03071b00000024cd");
  });
});

describe("ATECC608 driver: what it is for", () => {
  it("open reads revision and locks, and finds the slot empty; then a new key is known, and again after a reset", () => {
    const { open, driver, generate, chip, memory } = setUp();
    assert.equal(open(), undefined);
    assert.equal(driver.revision, 0x6003);
    assert.equal(driver.configLocked, true);
    assert.equal(driver.dataLocked, true);
    assert.equal(driver.hasKey(1), false);
    assert.throws(() => driver.publicKey(1, new Uint8Array(64)), /no key in slot 1/);
    const made = generate().value!;
    const known = new Uint8Array(64);
    driver.publicKey(1, known);
    assert.deepEqual(known, made);
    made.fill(0);
    driver.publicKey(1, known);
    assert.notDeepEqual(known, made, "the driver has its own copy");
    made.set(known);
    assert.equal(open(), undefined);
    driver.publicKey(1, known);
    assert.deepEqual(known, made);
    assert.equal(memory.keys.size, 1);
    assert.equal(chip.isAwake, false, "asleep when nothing is asked");
  });

  it("Sign: node:crypto verifies each signature, s is always low, and the chip's own s was high in about half of them", () => {
    const { sign, publicKey, chip, memory, world } = withKey();
    let turned = 0;
    for (let i = 0; i < counts(40, 1000); i++) {
      const { message, digest } = messageOf(i);
      // At any part of a millisecond: tWHI is kept in each.
      world.run(world.nowUs + 137 * i);
      const { value, error } = sign(message);
      assert.equal(error, undefined);
      assert.equal(value!.length, 64);
      assert.ok(verifies(publicKey, message, value!));
      assert.ok(isLow(value!));
      // The command is Random, Nonce, Sign; the same digest given raw to the chip tells how s fell.
      assert.deepEqual(chip.received.splice(0), SIGN_OPCODES);
      turned += rawIsHigh(memory.keys.get(0)!, digest) ? 1 : 0;
    }
    assert.ok(turned > 5);
    assert.equal(chip.violations, 0);
  });

  it("Sign takes what its commands take, 90 to 200 ms, and never within the call; idle once on the way, as the slowest clock would ask for", () => {
    const { sign, world, chip } = withKey();
    const startUs = world.nowUs;
    const { atUs } = sign(messageOf(1).message);
    assert.ok(atUs - startUs > 90_000 && atUs - startUs < 200_000, `${atUs - startUs} us`);
    assert.ok(chip.wakes <= 2);
    assert.equal(chip.isAwake, false);
  });

  it("Sign takes the first bytes of the message, and its digest at once", () => {
    const { ask, driver, publicKey } = withKey();
    const { message } = messageOf(1);
    const buffer = new Uint8Array(message.length + 10);
    buffer.set(message);
    const { value } = ask<Uint8Array>((done) => {
      driver.sign(1, buffer, message.length, done);
      buffer.fill(0);
    });
    assert.ok(verifies(publicKey, message, value!));
  });

  it("Random and both counters", () => {
    const { open, random, read, increment } = setUp();
    open();
    const first = random().value!;
    assert.equal(first.length, 32);
    assert.notDeepEqual(random().value, first);
    assert.equal(read(1).value, 0);
    for (let i = 1; i <= 300; i++) assert.equal(increment(1).value, i);
    assert.equal(read(1).value, 300);
    assert.equal(read(0).value, 0);
  });

  it("Counter: all of its 21 bits, and an execution error at 2,097,151", () => {
    const { memory, open, read, increment } = setUp();
    open();
    memory.counters[0] = 2_097_150;
    assert.equal(increment().value, 2_097_151);
    assert.equal(increment().error, "execution");
    assert.equal(read().value, 2_097_151);
  });

  it("requests are answered in their order, in one wake; a ninth at a time throws, and so does a key slot that the chip does not have", () => {
    const { driver, world, chip } = withKey();
    const order: number[] = [];
    for (let i = 0; i < 8; i++) driver.incrementCounter(0, (value) => order.push(value!));
    assert.throws(() => driver.random(() => {}), /too many requests/);
    assert.throws(() => driver.sign(2, new Uint8Array(32), 32, () => {}), /key slot 2/);
    world.run(world.nowUs + 2_000_000);
    assert.deepEqual(order, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert.equal(chip.wakes, 1);
    assert.equal(chip.isAwake, false);
  });

  it("close puts the chip to sleep; what was under way gets no answer, and a new request throws", () => {
    const { driver, world, chip } = withKey();
    let answers = 0;
    driver.random(() => answers++);
    world.run(world.nowUs + 4_000);
    driver.close();
    world.run(world.nowUs + 2_000_000);
    assert.equal(answers, 0);
    assert.equal(chip.isAwake, false);
    assert.throws(() => driver.random(() => {}), /closed/);
  });
});

describe("ATECC608 driver: locks", () => {
  it("configuration not locked: said so, random numbers and signatures refused by name", () => {
    const { open, driver, random, sign } = setUp({ isConfigLocked: false, isDataLocked: false });
    assert.equal(open(), undefined);
    assert.equal(driver.configLocked, false);
    assert.equal(driver.dataLocked, false);
    assert.equal(random().error, "config-unlocked");
    assert.equal(sign(messageOf(1).message).error, "config-unlocked");
  });

  it("data zone not locked: a key can be made, nothing signed", () => {
    const { open, driver, generate, sign } = setUp({ isDataLocked: false });
    assert.equal(open(), undefined);
    assert.equal(driver.configLocked, true);
    assert.equal(driver.dataLocked, false);
    assert.equal(generate().value!.length, 64);
    assert.equal(sign(messageOf(1).message).error, "execution");
  });

  it("a locked slot keeps its key, and the driver knows it", () => {
    const { memory, generate, driver, publicKey } = withKey();
    memory.lockSlot(0);
    assert.equal(generate().error, "execution");
    const known = new Uint8Array(64);
    driver.publicKey(1, known);
    assert.deepEqual(known, publicKey);
  });
});

/** How s fell inside the chip. */
function rawIsHigh(key: Uint8Array, digest: Uint8Array): boolean {
  return !isLow(p256.sign(digest, key, { prehash: false, lowS: false, format: "compact" }));
}
