/** The BMP280 driver against the data sheet's worked example and against the modelled chip, register by register. */
import assert from "node:assert/strict";
import {
  Bmp280,
  type Bmp280Oversampling,
  bmp280FineTemperature,
  bmp280Pressure,
} from "../../../../firmware/drivers/sensors/bmp280.ts";
import { Bmp280Chip } from "../../../../host-sim/chips/bmp280-chip.ts";
import { I2cBus } from "../../../../host-sim/chips/i2c-bus.ts";
import { unknownConditions } from "../../../../host-sim/weather/weather.ts";
import { World } from "../../../../host-sim/world.ts";

const EXAMPLE = Object.freeze({
  t1: 27504,
  t2: 26435,
  t3: -1000,
  p1: 36477,
  p2: -10685,
  p3: 3024,
  p4: 2855,
  p5: 140,
  p6: -7,
  p7: 15500,
  p8: -14600,
  p9: 6000,
});

function setUp(seed = 1, oversampling?: Bmp280Oversampling) {
  const world = new World(seed, 0);
  const air = { ...unknownConditions(), temperatureC: 20, pressureHpa: 1000 };
  const chip = new Bmp280Chip({ nowUs: () => world.nowUs, conditions: () => air, random: world.random("bmp280") });
  const bus = new I2cBus();
  bus.attach(0x76, chip);
  const sensor = new Bmp280({ i2c: bus.open(0x76), oversampling });
  const measure = () => {
    world.run(world.nowUs + sensor.start() * 1000);
    return sensor.sample().barometer!.pressure;
  };
  return { world, air, chip, bus, sensor, measure };
}

describe("BMP280 driver (data sheet BST-BMP280-DS001)", () => {
  it("3.12, 8.1: the worked example gives 25.08 degC and 100653.27 Pa", () => {
    const fine = bmp280FineTemperature(EXAMPLE, 519888);
    assert.ok(Math.abs(fine - 128422.287) < 0.001);
    assert.ok(Math.abs(fine / 5120 - 25.08) < 0.005);
    assert.ok(Math.abs(bmp280Pressure(EXAMPLE, 415148, fine) - 100653.27) < 0.005);
  });

  it("3.3.1: at every oversampling the reading is the true pressure within the stated step, over the whole range of 30 chips", () => {
    for (const oversampling of [1, 2, 4, 8, 16] as const) {
      for (let seed = 1; seed <= 6; seed++) {
        const { air, sensor, measure } = setUp(seed * 10 + oversampling, oversampling);
        for (let celsius = -40; celsius <= 60; celsius += 12.34) {
          for (let hpa = 300; hpa <= 1100; hpa += 41.57) {
            air.temperatureC = celsius;
            air.pressureHpa = hpa;
            const error = Math.abs(measure() - hpa * 100);
            assert.ok(
              error <= sensor.resolution,
              `${error} Pa at ${celsius} degC, ${hpa} hPa, oversampling ${oversampling}`,
            );
          }
        }
      }
    }
  });

  it("3.8.1: asks for the longest conversion time (1.825 ms and 2.3 ms a conversion), and the chip is done by then", () => {
    for (const [oversampling, ms] of [
      [1, 7],
      [2, 9],
      [4, 16],
      [8, 30],
      [16, 58],
    ] as const) {
      const { sensor, measure } = setUp(oversampling, oversampling);
      assert.equal(sensor.start(), ms);
      for (let i = 0; i < 100; i++) measure();
    }
  });

  it("4.3.3: a chip that is still measuring makes sample throw; so does one that lost its power in between", () => {
    const { world, chip, sensor, measure } = setUp();
    sensor.start();
    assert.throws(() => sensor.sample(), /not ready in time/);
    measure();
    const wait = sensor.start();
    chip.powerCycle();
    world.run(world.nowUs + wait * 1000);
    assert.throws(() => sensor.sample(), /lost its setting/);
    assert.ok(Math.abs(measure() - 100_000) < 1);
  });

  it("4.3.1: refuses another chip than a BMP280", () => {
    const sensor = new Bmp280({ i2c: { read: (into) => into.fill(0x60), write: () => {}, close: () => {} } });
    assert.throws(() => sensor.start(), /another chip answers/);
  });

  it("reads the trimming data anew when the chip has been exchanged", () => {
    const { bus, measure } = setUp(1);
    const other = setUp(2);
    measure();
    bus.detach(0x76);
    assert.throws(measure, /no acknowledgement/);
    bus.attach(0x76, other.chip);
    const world = other.world;
    const sensor = new Bmp280({ i2c: bus.open(0x76) });
    world.run(world.nowUs + sensor.start() * 1000);
    assert.ok(Math.abs(sensor.sample().barometer!.pressure - 100_000) < 1);
  });

  it("5.2: a missing acknowledgement in any transfer throws, and the measurement after it is good", () => {
    for (let transfer = 1; transfer <= 7; transfer++) {
      const { world, chip, sensor, measure } = setUp();
      let count = 0;
      const write = chip.write.bind(chip);
      const read = chip.read.bind(chip);
      chip.write = (bytes) => (++count === transfer ? false : write(bytes));
      chip.read = (into) => (++count === transfer ? false : read(into));
      assert.throws(() => {
        world.run(world.nowUs + sensor.start() * 1000);
        sensor.sample();
      }, /no acknowledgement/);
      assert.ok(Math.abs(measure() - 100_000) < 1);
    }
  });

  it("where the weather does not know the pressure the chip does not answer", () => {
    const { air, measure } = setUp();
    air.pressureHpa = Number.NaN;
    assert.throws(measure, /no acknowledgement/);
    air.pressureHpa = 900;
    assert.ok(Math.abs(measure() - 90_000) < 1);
  });

  it("bad trimming data (all zeros) throws and never reports a pressure", () => {
    const sensor = new Bmp280({
      i2c: {
        write: () => {},
        read: (into) => {
          into.fill(0);
          if (into.length === 1) into[0] = 0x58;
          if (into.length === 10) into[1] = 0x4c;
        },
        close: () => {},
      },
    });
    sensor.start();
    assert.throws(() => sensor.sample(), /bad trimming data/);
  });
});
