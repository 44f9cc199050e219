/** What the ATECC608 driver makes of status codes, damaged frames and missing acknowledgements. */
import assert from "node:assert/strict";
import { crc16 } from "../../../../firmware/drivers/secure-element/atecc608-commands.ts";
import { messageOf, setUp, verifies, withKey } from "./atecc608-bench.ts";

const SIGN_OPCODES = [0x1b, 0x16, 0x41];

describe("ATECC608 driver: errors (data sheet, status and error codes)", () => {
  const codes: [number, string][] = [
    [0x01, "miscompare"],
    [0x03, "parse"],
    [0x05, "ecc-fault"],
    [0x07, "self-test"],
    [0x08, "health-test"],
    [0x0f, "execution"],
    [0x11, "wake"],
    [0xee, "watchdog"],
    [0xff, "crc"],
    [0x42, "unknown-status"],
  ];
  for (const [code, name] of codes) {
    it(`0x${code.toString(16)} again and again is ${name}; then all is well`, () => {
      const { chip, random, errors } = withKey();
      chip.answerNext(code, code, code, code, code);
      assert.equal(random().error, name);
      assert.ok(errors.length > 0 && errors.every((error) => error === name));
      chip.answerNext();
      assert.equal(random().value!.length, 32);
    });
  }

  for (const code of [0x05, 0x11, 0xee, 0xff])
    it(`0x${code.toString(16)} once, at any command of a signature: tried again from the beginning`, () => {
      for (let at = 0; at < 3; at++) {
        const { chip, sign, publicKey, errors } = withKey();
        chip.answerNext(...new Array(at).fill(undefined), code);
        const { message } = messageOf(at);
        assert.ok(verifies(publicKey, message, sign(message).value!));
        assert.equal(errors.length, 1);
        assert.deepEqual(chip.received, [...SIGN_OPCODES.slice(0, at + 1), ...SIGN_OPCODES]);
      }
    });

  it("0x0f once, where a digest was loaded before: that may be lost, tried again; elsewhere it is final", () => {
    for (let at = 1; at < 3; at++) {
      const { chip, sign, publicKey, errors } = withKey();
      chip.answerNext(...new Array(at).fill(undefined), 0x0f);
      const { message } = messageOf(at);
      assert.ok(verifies(publicKey, message, sign(message).value!));
      assert.deepEqual(errors, ["execution"]);
    }
    const { chip, random } = withKey();
    chip.answerNext(0x0f);
    assert.equal(random().error, "execution");
    assert.equal(chip.received.length, 1);
  });

  it("0x11 after an increment: not repeated, because it may have been done before the chip slept", () => {
    const { chip, increment } = withKey();
    chip.answerNext(0x11);
    assert.equal(increment().error, "wake");
    assert.deepEqual(chip.received, [0x24]);
  });

  it("each request has its own attempts", () => {
    const { chip, driver, world } = withKey();
    let answers = 0;
    for (let i = 0; i < 3; i++)
      driver.random((value) => {
        if (value !== undefined) answers++;
      });
    chip.answerNext(0xff, 0xff, 0xff, 0xff, undefined, 0xff, 0xff, 0xff, 0xff, undefined, 0xff, 0xff, 0xff, 0xff);
    world.run(world.nowUs + 5_000_000);
    assert.equal(answers, 3);
  });

  it("any one bit of a counter's answer turned: never a wrong value", () => {
    for (let bit = 0; bit < 7 * 8; bit++) {
      const { tamper, memory, read, errors } = withKey();
      memory.counters[0] = 0x12345;
      let at = 0;
      let isDone = false;
      tamper.with = (into) => {
        // The wake's answer is read first, by one byte and three.
        for (let i = 0; i < into.length; i++, at++) {
          if (at !== 4 + (bit >> 3)) continue;
          into[i] ^= 1 << (bit & 7);
          isDone = true;
        }
      };
      assert.equal(read().value, 0x12345, `bit ${bit}`);
      assert.ok(isDone);
      // 4 bytes of the wake and 7 of the counter are one reading; one more byte at least is the second.
      assert.ok(at >= 12);
      assert.deepEqual(errors, []);
    }
  });

  it("two damaged readings of every answer of a signature: read again, no new attempt", () => {
    const { tamper, sign, publicKey, errors, chip } = withKey();
    let reads = 0;
    tamper.with = (into) => {
      // The wake's answers stay whole: only a count of a longer answer, or the status of Nonce, is turned, twice of three times.
      if (chip.received.length > 0 && into.length === 1 && ++reads % 3 !== 0 && chip.wakes === 1) into[0] ^= 0x80;
    };
    const { message } = messageOf(1);
    assert.ok(verifies(publicKey, message, sign(message).value!));
    assert.deepEqual(errors, []);
    assert.ok(reads >= 6);
  });

  it("a whole answer of the wrong length is no answer to the question", () => {
    const { tamper, random } = withKey();
    const other = new Uint8Array([0x07, 0x00, 0x00, 0x60, 0x03, 0, 0]);
    const crc = crc16(other, 0, 5);
    other.set([crc & 0xff, crc >>> 8], 5);
    let at = -4;
    tamper.with = (into) => {
      if (into.length === 1 && at >= 0) at = 0;
      for (let i = 0; i < into.length; i++, at++) if (at >= 0 && at < 7 && into.length !== 3) into[i] = other[at];
    };
    const { value, error } = random();
    assert.equal(value, undefined);
    assert.ok(error !== undefined);
  });

  it("close in the middle of a callback ends it", () => {
    const { driver, world } = withKey();
    let answers = 0;
    driver.random(() => {
      answers++;
      driver.close();
    });
    driver.random(() => answers++);
    world.run(world.nowUs + 2_000_000);
    assert.equal(answers, 1);
    assert.throws(() => driver.random(() => {}), /closed/);
  });

  it("a key that failed to be made, with the chip gone: none is claimed", () => {
    const { bus, driver, generate } = withKey();
    bus.detach(0x60);
    assert.equal(generate().error, "no-answer");
    assert.equal(driver.hasKey(1), false);
  });

  it("a command damaged on its way: sent again", () => {
    for (let seed = 1; seed <= 30; seed++) {
      const { chip, increment, errors } = withKey({ seed });
      chip.damageNextCommands(1 + (seed % 2));
      assert.equal(increment().value, 1);
      assert.equal(errors.length, 1 + (seed % 2));
      assert.ok(errors.every((error) => error === "crc"));
    }
  });

  it("an answer damaged on its way: read again, without running the command again", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const { chip, world, driver, memory } = withKey({ seed });
      let got: number | undefined;
      driver.incrementCounter(0, (value) => {
        got = value;
      });
      // Woken and sent: from here on the answer to the increment is read.
      world.run(world.nowUs + 10_000);
      chip.faults.corruptNext(1 + (seed % 2));
      world.run(world.nowUs + 500_000);
      assert.equal(got, 1);
      assert.equal(memory.counters[0], 1);
    }
  });

  it("an answer damaged each time: an increment is not repeated, and the counter can be read", () => {
    const { chip, world, driver, errors, memory, read } = withKey();
    let error: string | undefined;
    driver.incrementCounter(0, (_, reason) => {
      error = reason;
    });
    world.run(world.nowUs + 10_000);
    chip.faults.corruptNext(1000);
    world.run(world.nowUs + 500_000);
    assert.equal(error, "answer-crc");
    assert.deepEqual(errors, ["answer-crc"]);
    chip.faults.corruptNext(0);
    assert.equal(read().value, 1);
    assert.equal(memory.counters[0], 1);
  });

  it("up to 60 transfers without an acknowledgement: the signature comes all the same, or no-answer; the next one comes", () => {
    let failed = 0;
    for (let nacks = 1; nacks <= 60; nacks++) {
      const { chip, sign, publicKey } = withKey();
      chip.faults.nackNext(nacks);
      const { message } = messageOf(nacks);
      const { value, error } = sign(message);
      if (value === undefined) {
        failed++;
        assert.equal(error, "no-answer");
      } else assert.ok(verifies(publicKey, message, value));
      chip.faults.nackNext(0);
      assert.ok(verifies(publicKey, message, sign(message).value!));
    }
    assert.ok(failed < 60);
  });

  it("no chip: no-answer, within two seconds, for each request", () => {
    const { bus, open, random, world } = setUp();
    bus.detach(0x60);
    assert.equal(open(), "no-answer");
    assert.ok(world.nowUs < 2_000_000);
    assert.equal(random().error, "no-answer");
  });

  it("tWLO: a bus too fast at address 0 never wakes it", () => {
    assert.equal(setUp({ wakeHz: 400_000 }).open(), "no-answer");
    assert.equal(setUp({ wakeHz: 100_000 }).open(), undefined);
  });

  it("tWHIST: a chip that tests itself for 20 ms is waited for", () => {
    const { open, errors } = setUp({ wakeUs: 20_000 });
    assert.equal(open(), undefined);
    assert.deepEqual(
      errors.filter((error) => error !== "execution"),
      [],
    );
  });
});
