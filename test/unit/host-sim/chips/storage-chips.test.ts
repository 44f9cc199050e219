/** The models that keep data: NOR flash and the key-value store, with power cuts; and the I2C bus. */
import assert from "node:assert/strict";
import { FlashChip } from "../../../../host-sim/chips/flash-chip.ts";
import { I2cBus } from "../../../../host-sim/chips/i2c-bus.ts";
import { KeyValueMemory } from "../../../../host-sim/chips/key-value-memory.ts";
import { PowerCut, PowerRail } from "../../../../host-sim/chips/power-rail.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";

function makeFlash(seed = 1): { flash: FlashChip; power: PowerRail } {
  const power = new PowerRail();
  return { flash: new FlashChip({ size: 8192, power, random: new RandomStream(seed, "flash") }), power };
}

function bytesAt(flash: FlashChip, offset: number, length: number): number[] {
  const into = new Uint8Array(length);
  flash.read(offset, into);
  return [...into];
}

describe("flash model (NOR)", () => {
  it("is erased at first, clears bits by writing, sets them by erasing a sector, and counts", () => {
    const { flash } = makeFlash();
    assert.deepEqual(bytesAt(flash, 4094, 4), [255, 255, 255, 255]);
    flash.write(4095, new Uint8Array([0xf0, 0x0f]));
    flash.write(4095, new Uint8Array([0xcc, 0xff]));
    assert.deepEqual(bytesAt(flash, 4094, 4), [255, 0xc0, 0x0f, 255]);
    flash.erase(1);
    assert.deepEqual(bytesAt(flash, 4094, 4), [255, 0xc0, 255, 255]);
    assert.deepEqual([...flash.eraseCounts, flash.writes, flash.bytesWritten], [0, 1, 2, 4]);
  });

  it("refuses what lies outside", () => {
    const { flash } = makeFlash();
    assert.throws(() => flash.read(8190, new Uint8Array(3)), RangeError);
    assert.throws(() => flash.write(-1, new Uint8Array(1)), RangeError);
    assert.throws(() => flash.erase(2), RangeError);
  });

  it("a power cut tears the operation it comes in, and only that; nothing works until the power is back", () => {
    const results = new Set<string>();
    for (let seed = 0; seed < 300; seed++) {
      const { flash, power } = makeFlash(seed);
      power.cutAfter(2);
      flash.write(0, new Uint8Array([1, 2, 3, 4]));
      assert.throws(() => flash.write(4, new Uint8Array([0x10, 0x20])), PowerCut);
      assert.ok(power.isDown);
      assert.throws(() => flash.read(0, new Uint8Array(1)), PowerCut);
      assert.throws(() => flash.erase(0), PowerCut);
      power.restore();
      const bytes = bytesAt(flash, 0, 7);
      assert.deepEqual(bytes.slice(0, 4), [1, 2, 3, 4]);
      // A torn write may leave bits uncleared; it never clears one that was not to be cleared, nor reaches further.
      assert.equal(bytes[4] & 0x10, 0x10);
      assert.equal(bytes[5] & 0x20, 0x20);
      assert.equal(bytes[6], 255);
      results.add(bytes.join());
    }
    assert.ok(results.has("1,2,3,4,16,32,255") && results.has("1,2,3,4,255,255,255") && results.size > 20);
  });

  it("a power cut in an erasure leaves anything between the old bytes and erased ones", () => {
    const results = new Set<string>();
    for (let seed = 0; seed < 100; seed++) {
      const { flash, power } = makeFlash(seed);
      flash.write(0, new Uint8Array(4096).fill(0x55));
      power.cutAfter(1);
      assert.throws(() => flash.erase(0), PowerCut);
      power.restore();
      const bytes = bytesAt(flash, 0, 4096);
      assert.ok(bytes.every((byte) => (byte & 0x55) === 0x55));
      results.add(bytes.every((b) => b === 0x55) ? "old" : bytes.every((b) => b === 255) ? "erased" : "between");
    }
    assert.deepEqual([...results].sort(), ["between", "erased", "old"]);
  });
});

describe("key-value store model (ESP-IDF NVS)", () => {
  it("keeps a copy of each value, counts writes, and forgets what is deleted", () => {
    const store = new KeyValueMemory({ power: new PowerRail(), random: new RandomStream(1, "nvs") });
    const value = new Uint8Array([1, 2, 3, 4]);
    store.write("lw.fcnt", value, 3);
    value.fill(9);
    const into = new Uint8Array(5);
    assert.equal(store.read("lw.fcnt", into), 3);
    assert.deepEqual([...into], [1, 2, 3, 0, 0]);
    assert.equal(store.read("other", into), -1);
    store.delete("lw.fcnt");
    assert.equal(store.read("lw.fcnt", into), -1);
    assert.equal(store.writes, 2);
    assert.throws(() => store.write("longer-than-15-c", value, 1), RangeError);
    store.write("big", new Uint8Array(6), 6);
    assert.throws(() => store.read("big", into), RangeError);
  });

  it("a power cut in a write leaves the old value or the new one, never another", () => {
    const seen = new Set<number>();
    for (let seed = 0; seed < 50; seed++) {
      const power = new PowerRail();
      const store = new KeyValueMemory({ power, random: new RandomStream(seed, "nvs") });
      store.write("k", new Uint8Array([1]), 1);
      power.cutAfter(1);
      assert.throws(() => store.write("k", new Uint8Array([2]), 1), PowerCut);
      assert.throws(() => store.read("k", new Uint8Array(1)), PowerCut);
      power.restore();
      const into = new Uint8Array(1);
      store.read("k", into);
      seen.add(into[0]);
    }
    assert.deepEqual([...seen].sort(), [1, 2]);
  });
});

describe("I2C bus model (UM10204)", () => {
  it("hands a transfer to the chip at the address; nobody there, no acknowledgement; closed, nothing goes", () => {
    const bus = new I2cBus();
    const seen: number[][] = [];
    bus.attach(0x40, {
      write: (bytes) => seen.push([...bytes]) < 3,
      read: (into) => into.fill(7).length === 2,
    });
    assert.throws(() => bus.attach(0x40, { write: () => true, read: () => true }), /two chips/);
    const device = bus.open(0x40);
    device.write(new Uint8Array([1, 2]));
    const into = new Uint8Array(2);
    device.read(into);
    assert.deepEqual([...into], [7, 7]);
    device.write(new Uint8Array([3]));
    assert.throws(() => device.write(new Uint8Array([4])), /no acknowledgement/);
    assert.throws(() => device.read(new Uint8Array(1)), /no acknowledgement/);
    assert.throws(() => bus.open(0x41).write(new Uint8Array(1)), /no acknowledgement/);
    device.close();
    assert.throws(() => device.read(into), /closed/);
    assert.deepEqual(seen, [[1, 2], [3], [4]]);
  });
});
