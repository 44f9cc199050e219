import assert from "node:assert/strict";
import {
  frequencySteps,
  imageBand,
  symbolTimeoutRegister,
  symbolTimeoutSymbols,
} from "../../../../firmware/drivers/radio/sx126x-encoding.ts";

describe("SX126x driver: encoding", () => {
  it("DS.SX1261-2 13.4.1: 868.1 MHz is 0x3641999a, and every frequency comes back within half a step", () => {
    assert.equal(frequencySteps(868_100_000), 0x3641999a);
    for (let frequencyHz = 863_000_000; frequencyHz < 928_000_000; frequencyHz += 99_991) {
      assert.ok(Math.abs((frequencySteps(frequencyHz) * 32e6) / 2 ** 25 - frequencyHz) < 0.48);
    }
  });

  it("DS.SX1261-2 13.4.9: a symbol timeout is rounded up to what mantissa and exponent hold, by less than 8 symbols", () => {
    const examples = [
      [1, 2],
      [8, 8],
      [9, 10],
      [62, 62],
      [63, 64],
      [65, 72],
      [248, 248],
      [255, 248],
    ];
    for (const [asked, held] of examples) assert.equal(symbolTimeoutSymbols(symbolTimeoutRegister(asked)), held);
    for (let symbols = 1; symbols <= 248; symbols++) {
      const held = symbolTimeoutSymbols(symbolTimeoutRegister(symbols));
      assert.ok(held >= symbols && held < symbols + 8, `${symbols}: ${held}`);
      assert.ok(symbolTimeoutRegister(symbols) <= 0xff);
    }
  });

  it("DS.SX1261-2 table 9-2: image calibration bands", () => {
    const bands = [433e6, 490e6, 780e6, 868.1e6, 915e6].map(imageBand);
    assert.deepEqual(bands, [0, 1, 2, 3, 4]);
    assert.equal(imageBand(600e6), -1);
    assert.equal(imageBand(862.9e6), -1);
  });
});
