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
      const messages: unknown[] = [];
      sdk.functions.xs_gt_crypto_sign = (_slot, message, length, signature, done) => {
        messages.push([...(message as Uint8Array).subarray(0, length as number)]);
        (signature as Uint8Array).fill(9);
        finish.push(done as (result: number) => void);
      };
      const crypto = new PsaCrypto();
      const answers: unknown[] = [];
      const done = (signature: Uint8Array | undefined, reason?: string) => answers.push(reason ?? signature?.[63]);
      crypto.sign(1, Uint8Array.from([1, 2, 3, 4]), 3, done);
      crypto.sign(1, Uint8Array.from([5]), 1, done);
      assert.deepEqual(messages, [[1, 2, 3], [5]]);
      finish[0](0);
      finish[1](1);
      sdk.functions.xs_gt_crypto_sign = () => {
        throw new Error("no-room");
      };
      crypto.sign(1, new Uint8Array(32), 32, done);
      assert.deepEqual(answers, [9, "no-key"]);
      sdk.time.runUntil(1);
      assert.deepEqual(answers, [9, "no-key", "no-room"]);
    });

    it("makes and imports attestation keys of the algorithm that the node was provisioned with", async () => {
      const { PsaCrypto } = await loadAdapter("crypto.ts");
      const calls: unknown[] = [];
      sdk.functions.xs_gt_crypto_begin = () => undefined;
      sdk.functions.xs_gt_crypto_generate = (slot, algorithm) => calls.push(["generate", slot, algorithm]);
      sdk.functions.xs_gt_crypto_import = (slot, algorithm) => calls.push(["import", slot, algorithm]);
      const crypto = new PsaCrypto(-8);
      crypto.generateKey(1);
      crypto.importKey(6, new Uint8Array(32));
      crypto.importKey(2, new Uint8Array(16));
      sdk.functions.xs_gt_crypto_take_from_inbox = (slot, algorithm, name) => calls.push([name, slot, algorithm]) > 0;
      crypto.takeFromInbox(1, "attestation");
      crypto.takeFromInbox(5, "receiver");
      assert.deepEqual(calls, [
        ["generate", 1, -8],
        ["import", 6, -8],
        ["import", 2, 0],
        ["attestation", 1, -8],
        ["receiver", 5, 0],
      ]);
    });

    it("a node whose attestation key is of another algorithm than it was provisioned with says so and keeps the key", async () => {
      const { PsaCrypto } = await loadAdapter("crypto.ts");
      const { prepareKeys } = await loadAdapter("keys.ts");
      const log = { write: () => undefined };
      let made = 0;
      sdk.functions.xs_gt_crypto_begin = () => undefined;
      sdk.functions.xs_gt_crypto_take_from_inbox = () => false;
      sdk.functions.xs_gt_crypto_has = (slot) => slot === 6 || slot === 5;
      sdk.functions.xs_gt_crypto_generate = () => made++;
      sdk.functions.xs_gt_crypto_algorithm = () => -7;
      assert.equal(prepareKeys(new PsaCrypto(-47), false, log), "attestation-key-of-another-algorithm");
      assert.equal(prepareKeys(new PsaCrypto(-7), false, log), undefined);
      assert.equal(made, 0);
      sdk.functions.xs_gt_crypto_has = (slot) => slot === 5;
      sdk.functions.xs_gt_crypto_generate = () => {
        throw new Error("unsupported-algorithm");
      };
      assert.equal(prepareKeys(new PsaCrypto(-8), false, log), "unsupported-algorithm");
    });
  });

  describe("the image that runs", () => {
    it("its digest is taken at power-on and kept for wake-ups; where there is none, none is claimed", async () => {
      const { RunningImage } = await loadAdapter("image.ts");
      const stored = new Map<string, Uint8Array>();
      let writes = 0;
      const keyValue = {
        read: (key: string, into: Uint8Array) => {
          const value = stored.get(key);
          if (value !== undefined) into.set(value);
          return value?.length ?? -1;
        },
        write: (key: string, value: Uint8Array, length: number) => {
          writes++;
          stored.set(key, value.slice(0, length));
        },
        delete: () => {},
      };
      const image = new RunningImage();
      let byte = 7;
      sdk.functions.xs_gt_image_digest = (into) => {
        (into as Uint8Array).fill(byte);
        return byte > 0;
      };
      assert.equal(image.digest("timer", keyValue), undefined);
      assert.deepEqual(image.digest("power-on", keyValue), new Uint8Array(32).fill(7));
      assert.deepEqual(image.digest("reset", keyValue), new Uint8Array(32).fill(7));
      assert.equal(writes, 1, "flash is written when it changes");
      byte = 8;
      assert.deepEqual(image.digest("timer", keyValue), new Uint8Array(32).fill(7), "no half second at each wake-up");
      assert.deepEqual(image.digest("reset", keyValue), new Uint8Array(32).fill(8));
      byte = 0;
      assert.equal(image.digest("reset", keyValue), undefined);
    });

    it("says what holds the keys", async () => {
      const { RunningImage } = await loadAdapter("image.ts");
      let isEncrypted = false;
      sdk.functions.xs_gt_image_keys_encrypted = () => isEncrypted;
      assert.equal(new RunningImage().protection, 0);
      isEncrypted = true;
      assert.equal(new RunningImage().protection, 1);
    });
  });
});
