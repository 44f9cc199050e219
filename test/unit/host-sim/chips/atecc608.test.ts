/** The modelled ATECC608 by raw transfers, without the driver: frames written here by hand, CRCs from a third implementation. */
import assert from "node:assert/strict";
import { Atecc608Chip } from "../../../../host-sim/chips/atecc608-chip.ts";
import { Atecc608Memory, type Atecc608MemoryOptions } from "../../../../host-sim/chips/atecc608-memory.ts";
import { World } from "../../../../host-sim/world.ts";
import { verifies } from "../../drivers/secure-element/atecc608-bench.ts";

/** CRC-16 with polynomial 0x8005 as a long division over the bits, each byte's lowest first. */
function checksum(bytes: readonly number[]): [number, number] {
  const bits = bytes.flatMap((byte) => Array.from({ length: 8 }, (_, i) => (byte >> i) & 1));
  bits.push(...new Array(16).fill(0));
  for (let i = 0; i + 16 < bits.length; i++) {
    if (bits[i] === 0) continue;
    for (const at of [0, 1, 14, 16]) bits[i + at] ^= 1;
  }
  const remainder = bits.slice(-16).reduce((sum, bit) => sum * 2 + bit, 0);
  return [remainder & 0xff, remainder >> 8];
}

function frame(opcode: number, mode: number, parameter: number, data: readonly number[] = []): Uint8Array {
  const group = [7 + data.length, opcode, mode, parameter & 0xff, parameter >> 8, ...data];
  return new Uint8Array([0x03, ...group, ...checksum(group)]);
}

function setUp(options: Partial<Atecc608MemoryOptions> & { watchdogUs?: number } = {}) {
  const world = new World(1, 0);
  const memory = new Atecc608Memory({ random: world.random("serial"), ...options });
  const chip = new Atecc608Chip({
    nowUs: () => world.nowUs,
    memory,
    random: world.random("chip"),
    watchdogUs: options.watchdogUs,
  });
  const wait = (us: number) => world.run(world.nowUs + us);
  const wake = () => {
    chip.sdaLine(100_000).write(new Uint8Array([0]));
    wait(1500);
  };
  const word = (value: number) => chip.write(new Uint8Array([value]));
  const read = (length: number): number[] | undefined => {
    const into = new Uint8Array(length);
    return chip.read(into) ? [...into] : undefined;
  };
  /** Sends, lets the execution pass, reads the whole group, checks its CRC, returns its data. */
  const run = (opcode: number, mode: number, parameter: number, data: readonly number[] = []): number[] => {
    assert.ok(chip.write(frame(opcode, mode, parameter, data)), "acknowledged");
    for (let i = 0; i < 800 && !word(0); i++) wait(1000);
    const count = read(1)![0];
    const rest = read(count - 1)!;
    const group = [count, ...rest];
    assert.deepEqual(group.slice(-2), checksum(group.slice(0, -2)));
    return group.slice(1, -2);
  };
  return { world, memory, chip, wait, wake, word, read, run };
}

const DIGEST = Array.from({ length: 32 }, (_, i) => i);

describe("ATECC608 model: wake, sleep, idle", () => {
  it("7.1.1: asleep it acknowledges nothing; 80 us of SDA low wake it, 20 us do not; it answers 04 11 33 43 after tWHI, not before", () => {
    const { chip, wait, read, word } = setUp();
    assert.equal(word(0), false);
    assert.equal(read(4), undefined);
    assert.equal(chip.sdaLine(400_000).write(new Uint8Array([0])), false);
    wait(2000);
    assert.equal(read(4), undefined);
    assert.equal(chip.sdaLine(100_000).write(new Uint8Array([0])), false);
    wait(1499);
    assert.equal(read(4), undefined);
    wait(1);
    assert.deepEqual(read(4), [0x04, 0x11, 0x33, 0x43]);
  });

  it("7.1.1: awake it ignores a wake: neither answer nor watchdog begin again", () => {
    const { chip, wake, wait, read, run, word } = setUp();
    wake();
    run(0x30, 0, 0);
    wait(1_200_000);
    wake();
    word(0);
    assert.equal(read(1)![0], 7, "the answer from before");
    wait(100_000);
    assert.equal(chip.isAwake, false);
  });

  it("7.2.1: sleep forgets the digest, idle keeps it, and both acknowledge nothing until the next wake", () => {
    for (const [value, status] of [
      [0x01, [0x0f]],
      [0x02, undefined],
    ] as const) {
      const { wake, word, run, read } = setUp();
      wake();
      run(0x40, 0x04, 0);
      assert.deepEqual(run(0x16, 0x43, 0, DIGEST), [0x00]);
      assert.ok(word(value));
      assert.equal(word(0), false);
      assert.equal(read(4), undefined);
      wake();
      const answer = run(0x41, 0xa0, 0);
      if (status !== undefined) assert.deepEqual(answer, status);
      else assert.equal(answer.length, 64);
    }
  });

  it("8.3: tWATCHDOG after the wake it sleeps; a command that might not be over before is refused with 0xee; idle and wake begin anew", () => {
    const { chip, world, wake, wait, run, word, memory } = setUp({ watchdogUs: 700_000 });
    const wokenUs = world.nowUs;
    wake();
    run(0x40, 0x04, 0);
    const key = memory.keys.get(0);
    // 115 ms is the longest that GenKey takes.
    world.run(wokenUs + 700_000 - 115_000 + 1);
    assert.deepEqual(run(0x40, 0x04, 0), [0xee]);
    assert.equal(run(0x30, 0x00, 0).length, 4, "a short one still fits");
    assert.equal(memory.keys.get(0), key);
    word(2);
    wake();
    assert.equal(run(0x40, 0x04, 0).length, 64);
    assert.notEqual(memory.keys.get(0), key);
    assert.ok(chip.isAwake);
    wait(700_000);
    assert.equal(chip.isAwake, false);
  });
});

describe("ATECC608 model: groups", () => {
  it("4.1: a wrong CRC, a count out of range: 0xff, whichever bit was turned; nothing is done", () => {
    const { chip, wake, wait, read, memory, word } = setUp({ watchdogUs: 1_700_000 });
    const good = frame(0x24, 0x01, 0);
    for (let bit = 0; bit < 8 * (good.length - 2); bit++) {
      const bad = good.slice();
      bad[2 + (bit >> 3)] ^= 1 << (bit & 7);
      wake();
      assert.ok(chip.write(bad));
      word(0);
      assert.deepEqual(read(4)!.slice(0, 2), [0x04, 0xff], `bit ${bit}`);
      wait(100);
      word(1);
    }
    assert.equal(memory.counters[0], 0);
  });

  it("4.3: unknown opcodes, modes and lengths are parse errors", () => {
    const { wake, run, word } = setUp();
    for (const [opcode, mode, parameter, data] of [
      [0x99, 0, 0, []],
      [0x30, 0x55, 0, []],
      [0x40, 0x00, 16, []],
      [0x41, 0x81, 0, []],
      [0x24, 0x02, 0, []],
      [0x24, 0x00, 2, []],
      [0x16, 0x43, 0, [1, 2, 3]],
      [0x1b, 0x00, 0, [1]],
      [0x02, 0x01, 0, []],
    ] as const) {
      wake();
      assert.deepEqual(run(opcode, mode, parameter, data), [0x03], opcode.toString(16));
      word(1);
    }
  });

  it("7.5: busy it acknowledges neither reads nor writes; a partial group cannot be read, its rest may follow in a second write", () => {
    const { chip, wake, wait, read, word } = setUp();
    wake();
    const random = frame(0x1b, 0, 0);
    assert.ok(chip.write(random.subarray(0, 4)));
    assert.equal(read(4), undefined);
    assert.ok(chip.write(new Uint8Array([0x03, ...random.subarray(4)])));
    assert.equal(read(1), undefined);
    assert.equal(word(0), false);
    assert.equal(word(1), false);
    wait(23_000 * 0.6 - 1000);
    assert.equal(read(1), undefined);
    wait(23_000 * 0.4 + 1001);
    assert.equal(read(1)![0], 35);
  });

  it("7.5: an answer is read byte after byte, from its beginning again after word address 0; beyond its end 0xff comes", () => {
    const { chip, wake, wait, read, word } = setUp();
    wake();
    chip.write(frame(0x30, 0, 0));
    wait(5_000);
    const whole = read(7)!;
    assert.deepEqual(whole.slice(0, 5), [0x07, 0x00, 0x00, 0x60, 0x03]);
    assert.deepEqual(read(2), [0xff, 0xff]);
    word(0);
    assert.deepEqual([...read(1)!, ...read(2)!, ...read(4)!], whole);
  });
});

describe("ATECC608 model: commands", () => {
  it("Read: bytes 84 to 87 of the configuration zone show the locks; a block of 32 bytes holds the same", () => {
    for (const [isConfigLocked, isDataLocked, expected] of [
      [true, true, [0x00, 0x00]],
      [true, false, [0x55, 0x00]],
      [false, false, [0x55, 0x55]],
    ] as const) {
      const { wake, run } = setUp({ isConfigLocked, isDataLocked });
      wake();
      assert.deepEqual(run(0x02, 0x00, 0x15).slice(2), expected);
      assert.deepEqual(run(0x02, 0x80, 0x10).slice(22, 24), expected);
      assert.deepEqual(run(0x02, 0x80, 0x00).slice(0, 2), [0x01, 0x23]);
    }
  });

  it("locks: without the configuration's Random is ff ff 00 00 ..., GenKey, Sign and Counter fail; without the data zone's Sign fails", () => {
    const open = setUp({ isConfigLocked: false, isDataLocked: false });
    open.wake();
    assert.deepEqual(open.run(0x1b, 0, 0).slice(0, 8), [0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0]);
    assert.deepEqual(open.run(0x40, 0x04, 0), [0x0f]);
    assert.deepEqual(open.run(0x24, 0x00, 0), [0x0f]);
    const half = setUp({ isDataLocked: false });
    half.wake();
    assert.equal(half.run(0x40, 0x04, 0).length, 64);
    half.run(0x16, 0x43, 0, DIGEST);
    assert.deepEqual(half.run(0x41, 0xa0, 0), [0x0f]);
  });

  it("GenKey, Nonce and Sign, from TempKey and from the Message Digest Buffer: valid signatures; a buffer serves once", () => {
    for (const [nonceMode, signMode] of [
      [0x03, 0x80],
      [0x43, 0xa0],
    ]) {
      const { wake, run } = setUp();
      wake();
      const key = run(0x40, 0x04, 2);
      assert.deepEqual(run(0x40, 0x00, 2), key);
      assert.deepEqual(run(0x41, signMode, 2), [0x0f], "no digest yet");
      // SHA-256 of the empty message.
      const digest = [...Buffer.from("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "hex")];
      assert.deepEqual(run(0x16, nonceMode, 0, digest), [0x00]);
      assert.deepEqual(run(0x41, signMode ^ 0x20, 2), [0x0f], "the other buffer");
      const signature = run(0x41, signMode, 2);
      assert.ok(verifies(new Uint8Array(key), new Uint8Array(0), new Uint8Array(signature)));
      assert.deepEqual(run(0x41, signMode, 2), [0x0f], "used up");
    }
  });

  it("GenKey: not where no private key belongs, not in a locked slot; an empty slot has no public key", () => {
    const { wake, run, word, memory } = setUp();
    wake();
    assert.deepEqual(run(0x40, 0x04, 9), [0x0f]);
    assert.deepEqual(run(0x40, 0x00, 0), [0x0f]);
    run(0x40, 0x04, 0);
    memory.lockSlot(0);
    word(2);
    wake();
    assert.deepEqual(run(0x40, 0x04, 0), [0x0f]);
    assert.equal(run(0x40, 0x04, 1).length, 64);
  });

  it("Counter: counts to 2,097,151 and no further, two of them, low byte first", () => {
    const { wake, run, memory } = setUp();
    memory.counters[1] = 0x012344;
    wake();
    assert.deepEqual(run(0x24, 1, 1), [0x45, 0x23, 0x01, 0x00]);
    assert.deepEqual(run(0x24, 0, 1), [0x45, 0x23, 0x01, 0x00]);
    assert.deepEqual(run(0x24, 0, 0), [0, 0, 0, 0]);
    memory.counters[0] = 2_097_151;
    assert.deepEqual(run(0x24, 1, 0), [0x0f]);
    assert.deepEqual(run(0x24, 0, 0), [0xff, 0xff, 0x1f, 0x00]);
    memory.counters[0] = 2_097_150;
    memory.count(0, 2);
    assert.equal(memory.counters[0], 2_097_151);
  });

  it("Counter and keys survive a power cut; an increment that it hits counts none, one or two, and all of that happens", () => {
    const seen = new Set<number>();
    const { chip, wake, wait, run, memory } = setUp();
    wake();
    const key = run(0x40, 0x04, 0);
    chip.cutPower();
    chip.restorePower();
    for (let i = 0; i < 60; i++) {
      const before = memory.counters[0];
      wake();
      chip.write(frame(0x24, 1, 0));
      wait(i * 240);
      chip.cutPower();
      assert.equal(chip.write(frame(0x24, 1, 0)), false);
      chip.restorePower();
      seen.add(memory.counters[0] - before);
    }
    assert.deepEqual([...seen].sort(), [0, 1, 2]);
    wake();
    assert.deepEqual(run(0x40, 0x00, 0), key);
  });
});
