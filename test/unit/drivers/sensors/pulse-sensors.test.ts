/** Rain gauge and anemometer against the modelled pulse counter. */
import assert from "node:assert/strict";
import {
  ANEMOMETER_RETAINED_BYTES,
  Anemometer,
  METRES_PER_REVOLUTION,
  windSpeedResolution,
} from "../../../../firmware/drivers/sensors/anemometer.ts";
import { RainGauge } from "../../../../firmware/drivers/sensors/rain-gauge.ts";
import type { PulseCounter } from "../../../../firmware/ports/io.ts";
import { PulseCounterChip } from "../../../../host-sim/chips/pulse-counter-chip.ts";

function fakeCounter(): PulseCounter & { count: number } {
  return {
    count: 0,
    read() {
      return this.count;
    },
    close() {},
  };
}

describe("rain gauge driver (tipping bucket, WMO-No. 8, 6.5)", () => {
  it("counts 0.2 mm a tip since the counter began", () => {
    const counter = fakeCounter();
    const gauge = new RainGauge({ counter });
    assert.equal(gauge.start(), 0);
    assert.equal(gauge.sample().rainGauge!.rain, 0);
    counter.count = 7;
    gauge.start();
    assert.ok(Math.abs(gauge.sample().rainGauge!.rain - 1.4) < 1e-9);
    // Made anew after a deep sleep, it goes on where it was.
    const woken = new RainGauge({ counter, mmPerTip: 0.2 });
    woken.start();
    assert.ok(Math.abs(woken.sample().rainGauge!.rain - 1.4) < 1e-9);
  });

  it("goes on where the 32-bit counter wraps", () => {
    const counter = fakeCounter();
    const gauge = new RainGauge({ counter, mmPerTip: 1 });
    counter.count = 0xfffffffe;
    gauge.start();
    counter.count = 3;
    gauge.start();
    assert.equal(gauge.sample().rainGauge!.rain, 0xfffffffe + 5);
  });

  it("throws when the counter does, and loses no tip by it", () => {
    const counter = fakeCounter();
    const gauge = new RainGauge({ counter, mmPerTip: 1 });
    const read = counter.read;
    counter.count = 5;
    counter.read = () => {
      throw new Error("no answer");
    };
    assert.throws(() => gauge.start());
    counter.read = read;
    gauge.start();
    assert.equal(gauge.sample().rainGauge!.rain, 5);
  });
});

describe("anemometer driver (Davis 6410)", () => {
  it("1 Hz is 2.25 mph = 1.00584 m/s; the speed is the mean since the last sample", () => {
    const counter = fakeCounter();
    let nowMs = 0;
    const sensor = new Anemometer({ counter, clock: { nowMs: () => nowMs } });
    nowMs = 60_000;
    counter.count = 60;
    sensor.start();
    assert.ok(Math.abs(sensor.sample().anemometer!.speed - 2.25 * 0.44704) < 1e-9);
    nowMs = 90_000;
    counter.count = 360;
    sensor.start();
    assert.ok(Math.abs(sensor.sample().anemometer!.speed - 10 * 1.00584) < 1e-9);
    assert.equal(sensor.sample().anemometer!.gust, undefined);
    assert.equal(sensor.gustResolution, undefined);
  });

  it("goes on where the counter wraps, and has no speed for two samples in one millisecond", () => {
    const counter = fakeCounter();
    counter.count = 0xffffffff;
    let nowMs = 1;
    const sensor = new Anemometer({ counter, clock: { nowMs: () => nowMs } });
    sensor.start();
    nowMs = 1001;
    counter.count = 4;
    sensor.start();
    assert.ok(Math.abs(sensor.sample().anemometer!.speed - 5 * METRES_PER_REVOLUTION) < 1e-9);
    sensor.start();
    assert.equal(sensor.sample().anemometer, undefined);
  });

  it("a steady wind of any speed reads within one revolution, its gust within one in the gate, never below the mean", () => {
    for (let speed = 0; speed < 60; speed += 0.37) {
      let unixMs = 0;
      const chip = new PulseCounterChip({
        unixMs: () => unixMs,
        amount: (from, to) => (speed * (to - from)) / 1000,
        amountPerPulse: METRES_PER_REVOLUTION,
        isKnown: () => true,
        peakPerSecond: () => speed,
        firstCount: 0xfffffff0,
      });
      const sensor = new Anemometer({ counter: chip, clock: { nowMs: () => unixMs } });
      sensor.start();
      for (let minute = 1; minute <= 5; minute++) {
        unixMs = minute * 60_000;
        sensor.start();
        const wind = sensor.sample().anemometer!;
        assert.ok(Math.abs(wind.speed - speed) <= windSpeedResolution(60_000) + 1e-9, `${wind.speed} for ${speed}`);
        assert.ok(Math.abs(wind.gust! - speed) <= sensor.gustResolution! + 1e-6, `gust ${wind.gust} for ${speed}`);
        assert.ok(wind.gust! >= wind.speed - windSpeedResolution(60_000));
      }
    }
  });

  it("after a deep sleep the driver, made anew, goes on from its last sample; after a power cut from power-on", () => {
    const counter = fakeCounter();
    let nowMs = 0x1_0000_0000;
    const retained = new Uint8Array(ANEMOMETER_RETAINED_BYTES);
    const sample = (): number => {
      const sensor = new Anemometer({ counter, clock: { nowMs: () => nowMs }, retained });
      sensor.start();
      return Math.round((sensor.sample().anemometer!.speed / METRES_PER_REVOLUTION) * 1e6) / 1e6;
    };
    counter.count = 0xffffffff;
    sample();
    nowMs += 10_000;
    counter.count = 19;
    assert.equal(sample(), 2);
    nowMs += 10_000;
    counter.count = 49;
    assert.equal(sample(), 3);
    // Memory of another power-on: its time is yet to come.
    nowMs = 10_000;
    counter.count = 10;
    assert.equal(sample(), 1);
    // Memory that nobody has written.
    for (const noise of [0, 0xff, 0x57]) {
      retained.fill(noise);
      nowMs = 20_000;
      counter.count = 80;
      assert.equal(sample(), 4, `${noise}`);
    }
  });

  it("a peak register that fails alone leaves a speed without a gust", () => {
    const counter = { ...fakeCounter(), gateMs: 3000, takePeak: () => assert.fail("no answer") as never };
    const sensor = new Anemometer({ counter, clock: { nowMs: () => 1000 } });
    sensor.start();
    assert.deepEqual(sensor.sample().anemometer, { speed: 0, gust: undefined });
  });
});
