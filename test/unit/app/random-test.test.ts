import assert from "node:assert/strict";
import { isRandomHealthy } from "../../../firmware/app/random-test.ts";
import { RandomStream } from "../../../host-sim/random-stream.ts";

const from = (byte: (i: number) => number) => ({
  fill: (bytes: Uint8Array): void => bytes.set(bytes.map((_, i) => byte(i))),
});

describe("test of the random source", () => {
  it("passes a good source", () => {
    for (let seed = 0; seed < 200; seed++) assert.ok(isRandomHealthy(new RandomStream(seed, "good")), `seed ${seed}`);
  });

  it("SP 800-90B 4.4.1: a byte five times in a row fails, four times do not", () => {
    const random = new RandomStream(3, "runs");
    const bytes = Array.from({ length: 1024 }, () => random.below(256));
    const withRun = (length: number) => from((i) => (i >= 700 && i < 700 + length ? 7 : bytes[i] === 7 ? 8 : bytes[i]));
    assert.ok(isRandomHealthy(withRun(4)));
    assert.ok(!isRandomHealthy(withRun(5)));
    assert.ok(!isRandomHealthy(from(() => 0)));
  });

  it("SP 800-90B 4.4.2: a byte 25 times in a window of 512 fails in either window, 24 times do not", () => {
    for (const window of [0, 512]) {
      const often = (count: number) =>
        from((i) => {
          const at = i - window;
          return at >= 0 && at % 20 === 0 && at / 20 < count ? 9 : 10 + ((i * 7) % 240);
        });
      assert.ok(isRandomHealthy(often(24)), `window at ${window}`);
      assert.ok(!isRandomHealthy(often(25)), `window at ${window}`);
    }
  });

  it("SP 800-90B 4.4.2: 25 is the cut-off for 6 bits a byte and a false alarm in 2^20", () => {
    const atLeast = (count: number): number => {
      let sum = 0;
      let term = (1 - 1 / 64) ** 512;
      for (let k = 0; k <= 512; k++) {
        if (k >= count) sum += term;
        term *= ((512 - k) / (k + 1)) * (1 / 63);
      }
      return sum;
    };
    assert.ok(atLeast(25) <= 2 ** -20);
    assert.ok(atLeast(24) > 2 ** -20);
  });
});
