import assert from "node:assert/strict";
import { loadAdapter, resetSdk, sdk } from "./moddable-fakes.ts";

const DAY_MS = 86_400_000;
const clock = { nowMs: () => sdk.time.nowMs };

describe("the platform's adapters", () => {
  beforeEach(resetSdk);

  describe("timer", () => {
    it("waits longer than 32 bits of milliseconds, in steps that the SDK takes", async () => {
      const { LoopTimer } = await loadAdapter("timer.ts");
      const fired: number[] = [];
      new LoopTimer(clock).wakeAt(60 * DAY_MS, () => fired.push(sdk.time.nowMs));
      sdk.time.runUntil(61 * DAY_MS);
      assert.deepEqual(fired, [60 * DAY_MS]);
      assert.ok(sdk.time.delays.every((delay) => delay >= 0 && delay < 2 ** 31));
    });

    it("never calls back before the time on the clock port's scale", async () => {
      const { LoopTimer } = await loadAdapter("timer.ts");
      const fired: number[] = [];
      new LoopTimer(clock).wakeAt(1000, () => fired.push(sdk.time.nowMs));
      sdk.time.tickAheadMs = 3;
      sdk.time.runUntil(996);
      assert.deepEqual(fired, []);
      sdk.time.runUntil(1010);
      assert.equal(fired.length, 1);
      assert.ok(fired[0] >= 1000);
    });

    it("a new request replaces the one before, a cancelled one never comes, a callback may ask again", async () => {
      const { LoopTimer } = await loadAdapter("timer.ts");
      const timer = new LoopTimer(clock);
      const fired: string[] = [];
      timer.wakeAt(10, () => fired.push("replaced"));
      timer.wakeAt(20, () => {
        fired.push("first");
        timer.wakeAt(30, () => fired.push("second"));
      });
      sdk.time.runUntil(100);
      timer.wakeAt(200, () => fired.push("cancelled"));
      timer.cancel();
      sdk.time.runUntil(300);
      assert.deepEqual(fired, ["first", "second"]);
      assert.equal(sdk.time.waiting, 0);
    });

    it("a time that has passed comes at once, in a later turn", async () => {
      const { LoopTimer } = await loadAdapter("timer.ts");
      sdk.time.nowMs = 500;
      const fired: number[] = [];
      new LoopTimer(clock).wakeAt(100, () => fired.push(1));
      assert.deepEqual(fired, []);
      sdk.time.runUntil(500);
      assert.deepEqual(fired, [1]);
    });
  });

  it("ECMA-419 SPI: the chip select is let go after each transfer", async () => {
    const { SelectedSpi } = await loadAdapter("io.ts");
    const calls: string[] = [];
    sdk.modules["embedded:io/spi"] = class {
      transfer(buffer: Uint8Array): void {
        calls.push(`transfer ${buffer.length}`);
      }
      flush(deselect: boolean): void {
        calls.push(`flush ${deselect}`);
      }
    };
    const spi = new SelectedSpi({});
    spi.transfer(new Uint8Array(2));
    spi.transfer(new Uint8Array(5));
    assert.deepEqual(calls, ["transfer 2", "flush true", "transfer 5", "flush true"]);
  });

  it("an analogue conversion that failed throws", async () => {
    const { AnalogPin } = await loadAdapter("io.ts");
    let code: number | undefined = 7;
    sdk.modules["embedded:io/analog"] = class {
      resolution = 12;
      read(): number | undefined {
        return code;
      }
    };
    const pin = new AnalogPin(1);
    assert.equal(pin.resolution, 12);
    assert.equal(pin.read(), 7);
    code = undefined;
    assert.throws(() => pin.read());
  });

  it("key-value: a value comes back with its length, a missing one is -1", async () => {
    const { NvsKeyValue } = await loadAdapter("storage.ts");
    const values = new Map<string, Uint8Array>();
    sdk.modules["embedded:storage/key-value"] = {
      open: () => ({
        read: (key: string) => values.get(key)?.slice().buffer,
        write: (key: string, value: Uint8Array) => values.set(key, value.slice()),
        delete: (key: string) => values.delete(key),
      }),
    };
    const store = new NvsKeyValue("test");
    const into = new Uint8Array(4);
    assert.equal(store.read("a", into), -1);
    store.write("a", Uint8Array.of(1, 2, 3, 4), 3);
    assert.equal(store.read("a", into), 3);
    assert.deepEqual([...into], [1, 2, 3, 0]);
    assert.throws(() => store.read("a", new Uint8Array(2)), RangeError);
    store.delete("a");
    assert.equal(store.read("a", into), -1);
  });

  describe("log", () => {
    async function openLog() {
      const { SerialLog } = await loadAdapter("log.ts");
      const sent: number[] = [];
      let writable: (bytes: number) => void = () => {};
      class Serial {
        constructor(options: { onWritable: (bytes: number) => void }) {
          writable = options.onWritable;
        }
        write(bytes: Uint8Array): void {
          sent.push(...bytes);
        }
      }
      const log = new SerialLog({ io: Serial, port: 0, receive: 1, transmit: 2 }, clock);
      return { log, text: () => String.fromCharCode(...sent), drain: (bytes: number) => writable(bytes) };
    }

    it("sends lines in order as the UART has room, one line a line", async () => {
      const { log, text, drain } = await openLog();
      sdk.time.nowMs = 42;
      log.write("info", "node", "boot 1\nkey: value\u00e9");
      log.write("error", "radio", "gone");
      assert.equal(text(), "");
      for (let i = 0; i < 20; i++) drain(7);
      assert.equal(text(), "42 info node: boot 1?key: value?\r\n42 error radio: gone\r\n");
    });

    it("drops and counts whole lines when nobody takes them, and goes on after", async () => {
      const { log, text, drain } = await openLog();
      for (let i = 0; i < 200; i++) log.write("debug", "x", `line ${i}`);
      assert.ok(log.dropped > 0);
      const kept = 200 - log.dropped;
      for (let i = 0; i < 100; i++) drain(128);
      const lines = text().trimEnd().split("\r\n");
      assert.deepEqual(
        lines,
        Array.from({ length: kept }, (_, i) => `0 debug x: line ${i}`),
      );
      log.write("info", "x", "again");
      for (let i = 0; i < 4; i++) drain(128);
      assert.ok(text().endsWith("0 info x: again\r\n"));
    });
  });

  describe("crypto", () => {
    it("hands over a signature, or the reason why there is none, in a later turn", async () => {
      const { PsaCrypto } = await loadAdapter("crypto.ts");
      sdk.functions.xs_gt_crypto_begin = () => undefined;
      const finish: ((result: number) => void)[] = [];
      sdk.functions.xs_gt_crypto_sign = (_slot, _digest, signature, done) => {
        (signature as Uint8Array).fill(9);
        finish.push(done as (result: number) => void);
      };
      const crypto = new PsaCrypto();
      const answers: unknown[] = [];
      const done = (signature: Uint8Array | undefined, reason?: string) => answers.push(reason ?? signature?.[63]);
      crypto.signDigest(1, new Uint8Array(32), done);
      crypto.signDigest(1, new Uint8Array(32), done);
      finish[0](0);
      finish[1](1);
      sdk.functions.xs_gt_crypto_sign = () => {
        throw new Error("no-room");
      };
      crypto.signDigest(1, new Uint8Array(32), done);
      assert.deepEqual(answers, [9, "no-key"]);
      sdk.time.runUntil(1);
      assert.deepEqual(answers, [9, "no-key", "no-room"]);
    });
  });
});
