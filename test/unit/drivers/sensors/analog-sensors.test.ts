/** Vane, pyranometer and battery gauge against the modelled analogue input. */
import assert from "node:assert/strict";
import { BatteryGauge } from "../../../../firmware/drivers/sensors/battery-gauge.ts";
import { Pyranometer } from "../../../../firmware/drivers/sensors/pyranometer.ts";
import { WindVane } from "../../../../firmware/drivers/sensors/wind-vane.ts";
import { Adc } from "../../../../host-sim/chips/adc.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";

/** Distance of two directions, in degrees. */
function turn(a: number, b: number): number {
  const d = Math.abs(a - b) % 360;
  return Math.min(d, 360 - d);
}

describe("wind vane driver (Davis 6410)", () => {
  it("reads every direction within one step of the converter, always from 0 to below 360", () => {
    let direction = 0;
    for (const resolution of [10, 12, 16]) {
      const vane = new WindVane({ analog: new Adc({ resolution, source: () => direction / 360 }) });
      for (direction = 0; direction < 360; direction += 0.31) {
        assert.equal(vane.start(), 0);
        const read = vane.sample().vane!.direction;
        assert.ok(read >= 0 && read < 360);
        assert.ok(turn(read, direction) <= vane.resolution / 2 + 1e-9, `${read} for ${direction}`);
      }
    }
  });

  it("turns by the offset of a vane that was not mounted to north", () => {
    const vane = new WindVane({ analog: new Adc({ source: () => 10 / 360 }), northOffsetDeg: 350 });
    vane.start();
    assert.ok(turn(vane.sample().vane!.direction, 20) < 0.1);
  });
});

describe("pyranometer driver", () => {
  it("reads 0 to full scale within one step; below zero reads zero; beyond the range and a broken wire are no measurement", () => {
    let irradiance = 0;
    const sensor = new Pyranometer({ analog: new Adc({ source: () => irradiance / 1600 }) });
    assert.ok(Math.abs(sensor.resolution - 0.39) < 0.001);
    for (irradiance = 0; irradiance <= 1600; irradiance += 0.73) {
      sensor.start();
      assert.ok(Math.abs(sensor.sample().pyranometer!.irradiance - irradiance) <= sensor.resolution / 2 + 1e-9);
    }
    irradiance = -4;
    sensor.start();
    assert.equal(sensor.sample().pyranometer!.irradiance, 0);
    irradiance = 1601;
    sensor.start();
    assert.equal(sensor.sample().pyranometer, undefined);
    irradiance = Number.NaN;
    sensor.start();
    assert.equal(sensor.sample().pyranometer, undefined);
    irradiance = 100;
    sensor.start();
    assert.ok(Math.abs(sensor.sample().pyranometer!.irradiance - 100) < 0.2);
  });

  it("has the full scale that it is told", () => {
    const sensor = new Pyranometer({ analog: new Adc({ source: () => 0.5 }), fullScaleWpm2: 2000 });
    sensor.start();
    assert.equal(sensor.sample().pyranometer!.irradiance, 1000);
  });
});

describe("battery gauge driver", () => {
  it("reads a voltage through its divider within one step", () => {
    let volts = 0;
    const gauge = new BatteryGauge({ analog: new Adc({ source: () => volts / 2 / 3.1 }), divider: 2 });
    assert.ok(Math.abs(gauge.resolution - 0.0015) < 0.0001);
    for (volts = 2.5; volts < 4.3; volts += 0.007) {
      gauge.start();
      assert.ok(Math.abs(gauge.sample().battery!.voltage - volts) <= gauge.resolution / 2 + 1e-9);
    }
    volts = Number.NaN;
    gauge.start();
    assert.equal(gauge.sample().battery, undefined);
  });
});

describe("analogue input model", () => {
  it("adds noise of the stated deviation, the same for the same seed", () => {
    const read = (): number[] => {
      const adc = new Adc({ source: () => 0.5, noiseSteps: 3, random: new RandomStream(1, "adc") });
      return Array.from({ length: 2000 }, () => adc.read());
    };
    const codes = read();
    assert.deepEqual(read(), codes);
    const mean = codes.reduce((a, b) => a + b) / codes.length;
    const deviation = Math.sqrt(codes.reduce((a, b) => a + (b - mean) ** 2, 0) / codes.length);
    assert.ok(Math.abs(mean - 2047) < 0.5 && Math.abs(deviation - 3) < 0.3, `${mean} ${deviation}`);
  });
});
