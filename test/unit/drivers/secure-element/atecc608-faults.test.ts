/** The ATECC608 driver against watchdog, foreign wakes, power cuts, and all of it at random. */
import assert from "node:assert/strict";
import { COMMAND, writePacket } from "../../../../firmware/drivers/secure-element/atecc608-commands.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { counts } from "../../../counts.ts";
import { isLow, messageOf, verifies, withKey } from "./atecc608-bench.ts";

describe("ATECC608 driver: watchdog (tWATCHDOG, 0.7 to 1.7 s) and sleep", () => {
  it("the slowest clock and the shortest watchdog: idle and a new wake before each long command, and no error", () => {
    const { sign, publicKey, chip, errors } = withKey({ clockDivider: 2, watchdogUs: 700_000 });
    for (let i = 0; i < 10; i++) {
      const { message } = messageOf(i);
      assert.ok(verifies(publicKey, message, sign(message).value!));
    }
    assert.deepEqual(errors, []);
    assert.ok(chip.wakes > 15 && chip.wakes <= 20);
  });

  it("many requests in a row outlive the watchdog: woken anew in time, each answered once, and no error", () => {
    for (const watchdogUs of [700_000, 1_300_000, 1_700_000]) {
      const { driver, world, errors, chip } = withKey({ watchdogUs });
      const values: number[] = [];
      const next = (value?: number): void => {
        if (value !== undefined) values.push(value);
        if (values.length < 200) driver.incrementCounter(0, next);
      };
      next();
      world.run(world.nowUs + 20_000_000);
      assert.deepEqual(
        values,
        Array.from({ length: 200 }, (_, i) => i + 1),
      );
      assert.deepEqual(errors, []);
      assert.ok(chip.wakes > 3);
    }
  });

  it("woken before by other bytes on the bus, its watchdog nearly over: put to sleep first", () => {
    for (let lateUs = 0; lateUs <= 720_000; lateUs += 9_000) {
      const { chip, world, sign, publicKey } = withKey({ watchdogUs: 700_000 });
      chip.wake();
      world.run(world.nowUs + lateUs);
      const { message } = messageOf(lateUs);
      assert.ok(verifies(publicKey, message, sign(message).value!), `${lateUs} us`);
    }
  });

  it("woken before, an old answer in its buffer: put to sleep and woken within 20 ms, not waited for", () => {
    const { chip, world, random } = withKey();
    chip.wake();
    world.run(world.nowUs + 1_500);
    const packet = new Uint8Array(40);
    chip.write(packet.subarray(0, writePacket(COMMAND.info, 0, undefined, packet)));
    world.run(world.nowUs + 5_000);
    const startUs = world.nowUs;
    assert.ok(random().atUs - startUs < 20_000 + 30_000);
  });

  it("an engine that is always 40 ms late signs all the same, with the slowest clock", () => {
    const { sign, publicKey } = withKey({ clockDivider: 2, lateMs: 40 });
    const { message } = messageOf(1);
    assert.ok(verifies(publicKey, message, sign(message).value!));
  });

  it("still busy with a key from before our own reset, at the slowest clock: waited for", () => {
    const { chip, world, random } = withKey({ clockDivider: 2 });
    chip.wake();
    world.run(world.nowUs + 1_500);
    const packet = new Uint8Array(40);
    const length = writePacket(COMMAND.createKey, 0, undefined, packet);
    assert.ok(chip.write(packet.subarray(0, length)));
    assert.equal(random().value!.length, 32);
  });
});

describe("ATECC608 driver: power cut of the chip", () => {
  it("at any millisecond of an increment: the counter never goes back, no value is given that it does not have", () => {
    const seen = new Set<string>();
    for (let cutMs = 0; cutMs <= 40; cutMs++) {
      for (let seed = 1; seed <= counts(4, 40); seed++) {
        const { chip, world, driver, memory, read, increment } = withKey({ seed });
        memory.counters[0] = 1000;
        let value: number | undefined;
        let error: string | undefined;
        driver.incrementCounter(0, (newValue, reason) => {
          value = newValue;
          error = reason;
        });
        world.run(world.nowUs + cutMs * 1000);
        chip.cutPower();
        world.run(world.nowUs + 5_000);
        chip.restorePower();
        world.run(world.nowUs + 5_000_000);
        const kept = read().value!;
        assert.ok(kept >= 1000 && kept <= 1002);
        if (value !== undefined) assert.equal(kept, value);
        else assert.ok(error === "no-answer" || error === "wake", error);
        seen.add(value !== undefined ? "value" : `lost ${kept}`);
        assert.equal(increment().value, kept + 1);
      }
    }
    assert.deepEqual([...seen].sort(), ["lost 1000", "lost 1001", "lost 1002", "value"]);
  });

  it("at any millisecond of a signature: it comes, verified, with the same key", () => {
    for (let cutMs = 0; cutMs <= 170; cutMs += counts(5, 1)) {
      const { chip, world, ask, driver, publicKey } = withKey();
      const { message } = messageOf(cutMs);
      world.after(cutMs * 1000, () => chip.cutPower());
      world.after(cutMs * 1000 + 3_000, () => chip.restorePower());
      const { value } = ask<Uint8Array>((done) => driver.sign(1, message, message.length, done));
      assert.ok(verifies(publicKey, message, value!), `${cutMs} ms`);
    }
  });
});

describe("ATECC608 driver: faults at random", () => {
  it("each request is answered once; a signature that is given verifies; a counter's value is its own", () => {
    let signatures = 0;
    let failures = 0;
    for (let seed = 1; seed <= counts(40, 300); seed++) {
      const random = new RandomStream(seed, "faults");
      const { chip, world, sign, publicKey, increment, memory } = withKey({
        seed,
        watchdogUs: 700_000 + random.below(1_000_000),
        clockDivider: random.below(3) as 0 | 1 | 2,
      });
      for (let i = 0; i < 6; i++) {
        for (let fault = random.below(4); fault > 0; fault--) {
          const kind = random.below(5);
          world.after(random.below(200_000), () => {
            if (kind === 0) chip.faults.nackNext(random.below(40));
            else if (kind === 1) chip.faults.corruptNext(random.below(4));
            else if (kind === 2) chip.damageNextCommands(random.below(3));
            else if (kind === 3) chip.wake();
            else {
              chip.cutPower();
              world.after(random.below(20_000), () => chip.restorePower());
            }
          });
        }
        const { message } = messageOf(i);
        const signed = sign(message);
        if (signed.value !== undefined) {
          assert.ok(verifies(publicKey, message, signed.value), `seed ${seed}`);
          assert.ok(isLow(signed.value));
          signatures++;
        } else failures++;
        const before = memory.counters[0];
        const counted = increment();
        if (counted.value !== undefined) assert.equal(counted.value, memory.counters[0], `seed ${seed}`);
        assert.ok(memory.counters[0] >= before && memory.counters[0] <= before + 2);
      }
    }
    assert.ok(signatures > 20 * failures, `${signatures} signatures, ${failures} failures`);
  });
});
