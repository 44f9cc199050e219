import assert from "node:assert/strict";
import { atan2, cos, exp, log, log10, pow, sin } from "../../../firmware/wire/exact-math.ts";
import { RandomStream } from "../../../host-sim/random-stream.ts";

const RELATIVE = 4e-15;

function assertClose(actual: number, expected: number, scale: number, what: string): void {
  const error = Math.abs(actual - expected);
  assert.ok(error <= RELATIVE * Math.max(Math.abs(expected), scale), `${what}: ${actual}, expected ${expected}`);
}

describe("exact math: the engine's own functions within some units in the last place", () => {
  const random = new RandomStream(1, "exact-math");
  const inputs = Array.from({ length: 20_000 }, () => random.unit());

  it("sine and cosine", () => {
    for (const unit of inputs) {
      const x = (unit - 0.5) * 2000;
      assertClose(sin(x), Math.sin(x), 1, `sin(${x})`);
      assertClose(cos(x), Math.cos(x), 1, `cos(${x})`);
    }
    assert.ok(Number.isNaN(sin(1e9)));
  });

  it("arc tangent in all quadrants and on the axes", () => {
    for (let i = 1; i < inputs.length; i++) {
      const y = inputs[i] - 0.5;
      const x = inputs[i - 1] - 0.5;
      assertClose(atan2(y, x), Math.atan2(y, x), 1e-3, `atan2(${y}, ${x})`);
    }
    for (const [y, x] of [
      [0, 1],
      [1, 0],
      [0, -1],
      [-1, 0],
      [1, 1],
      [-1, -1],
    ])
      assertClose(atan2(y, x), Math.atan2(y, x), 1, `atan2(${y}, ${x})`);
  });

  it("exponential, also at the ends of its range", () => {
    for (const unit of inputs) {
      const x = (unit - 0.5) * 1400;
      const expected = Math.exp(x);
      assert.ok(Math.abs(exp(x) - expected) <= 4e-13 * expected, `exp(${x})`);
    }
    assert.equal(exp(0), 1);
    assert.equal(exp(1000), Number.POSITIVE_INFINITY);
    assert.equal(exp(-1000), 0);
  });

  it("logarithms over the whole range of exponents", () => {
    for (const unit of inputs) {
      const x = unit * 10 ** ((unit * 7919) % 300) + 1e-300;
      assertClose(log(x), Math.log(x), 1, `log(${x})`);
      assertClose(log10(x), Math.log10(x), 1, `log10(${x})`);
    }
    for (const x of [1, 2, 0.5, 1e-308, 1e308, Number.MIN_VALUE]) assertClose(log(x), Math.log(x), 1, `log(${x})`);
    assert.equal(log(0), Number.NEGATIVE_INFINITY);
    assert.ok(Number.isNaN(log(-1)));
  });

  it("powers", () => {
    assert.equal(pow(2, 10), 1024);
    assert.equal(pow(10, -3), 1 / 1000);
    for (const unit of inputs) {
      const expected = (unit + 0.01) ** 2.7;
      assert.ok(Math.abs(pow(unit + 0.01, 2.7) - expected) <= 1e-13 * expected);
    }
  });
});
