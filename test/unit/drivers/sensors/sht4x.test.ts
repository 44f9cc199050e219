/** The SHT4x driver against the modelled chip, byte by byte. */
import assert from "node:assert/strict";
import { SHT4X_RESOLUTION, Sht4x, sht4xCrc } from "../../../../firmware/drivers/sensors/sht4x.ts";
import { I2cBus } from "../../../../host-sim/chips/i2c-bus.ts";
import { Sht4xChip } from "../../../../host-sim/chips/sht4x-chip.ts";
import { unknownConditions } from "../../../../host-sim/weather/weather.ts";
import { World } from "../../../../host-sim/world.ts";

function setUp(options: { thermometer?: boolean; hygrometer?: boolean } = {}) {
  const world = new World(1, 0);
  const air = { ...unknownConditions(), temperatureC: 20, humidityPct: 50 };
  const chip = new Sht4xChip({ nowUs: () => world.nowUs, conditions: () => air, random: world.random("sht4x") });
  const bus = new I2cBus();
  bus.attach(0x44, chip);
  const sensor = new Sht4x({ i2c: bus.open(0x44), ...options });
  const measure = () => {
    world.run(world.nowUs + sensor.start() * 1000);
    return sensor.sample();
  };
  return { world, air, chip, bus, sensor, measure };
}

describe("SHT4x driver (data sheet SHT4x)", () => {
  it("4.4: the checksum of 0xbeef is 0x92", () => {
    assert.equal(sht4xCrc(0xbe, 0xef), 0x92);
  });

  it("4.6: reads every temperature and humidity of its range within one step of the words", () => {
    const { air, measure } = setUp();
    for (let i = 0; i <= 2000; i++) {
      air.temperatureC = -40 + i * 0.0825;
      air.humidityPct = i / 20;
      const sample = measure();
      assert.ok(
        Math.abs(sample.thermometer!.temperature - air.temperatureC) <= SHT4X_RESOLUTION.temperature / 2 + 1e-9,
      );
      assert.ok(Math.abs(sample.hygrometer!.humidity - air.humidityPct) <= SHT4X_RESOLUTION.humidity / 2 + 1e-9);
    }
  });

  it("4.6: the words of the data sheet's formulas (0x6666 is 25 degC, 0x8000 is 56.5 %RH)", () => {
    const bytes = [0x66, 0x66, sht4xCrc(0x66, 0x66), 0x80, 0x00, sht4xCrc(0x80, 0x00)];
    const written: number[][] = [];
    const sensor = new Sht4x({
      i2c: { write: (b) => written.push([...b]), read: (into) => into.set(bytes), close: () => {} },
    });
    assert.equal(sensor.start(), 9);
    const sample = sensor.sample();
    assert.deepEqual(written, [[0xfd]]);
    assert.ok(Math.abs(sample.thermometer!.temperature - 25) < 0.002);
    assert.ok(Math.abs(sample.hygrometer!.humidity - 56.5) < 0.002);
  });

  it("3.2: its answer is never early; read one millisecond too soon it may not be acknowledged, and that throws", () => {
    const { world, sensor } = setUp();
    let refused = 0;
    for (let i = 0; i < 50; i++) {
      const wait = sensor.start();
      const startUs = world.nowUs;
      world.run(startUs + 6900 - 1);
      assert.throws(() => sensor.sample(), /no acknowledgement/);
      refused++;
      world.run(startUs + wait * 1000);
      sensor.sample();
    }
    assert.equal(refused, 50);
  });

  it("4.4: a bad checksum throws, whichever bit was turned, and the next measurement is good", () => {
    const { chip, measure } = setUp();
    for (let i = 0; i < 200; i++) {
      chip.faults.corruptNext(1);
      assert.throws(measure, /SHT4x: bad checksum/);
      assert.ok(measure().thermometer !== undefined);
    }
  });

  it("4.1: a missing acknowledgement throws from start and from sample; without the chip, always", () => {
    const { world, chip, bus, sensor, measure } = setUp();
    chip.faults.nackNext(2);
    assert.throws(() => sensor.start(), /no acknowledgement/);
    assert.throws(() => sensor.start(), /no acknowledgement/);
    const wait = sensor.start();
    world.run(world.nowUs + wait * 1000);
    chip.faults.nackNext(1);
    assert.throws(() => sensor.sample(), /no acknowledgement/);
    sensor.sample();
    bus.detach(0x44);
    assert.throws(measure, /no acknowledgement/);
  });

  it("a quantity whose element is open is absent; where both are unknown the chip does not answer", () => {
    const { air, measure } = setUp();
    air.humidityPct = Number.NaN;
    assert.deepEqual([measure().hygrometer, typeof measure().thermometer], [undefined, "object"]);
    air.humidityPct = 50;
    air.temperatureC = Number.NaN;
    assert.deepEqual([measure().thermometer, typeof measure().hygrometer], [undefined, "object"]);
    air.humidityPct = Number.NaN;
    assert.throws(measure, /no acknowledgement/);
    air.humidityPct = 50;
    air.temperatureC = 20;
    assert.deepEqual([typeof measure().thermometer, typeof measure().hygrometer], ["object", "object"]);
  });

  it("reports only what it is asked for", () => {
    assert.equal(setUp({ hygrometer: false }).measure().hygrometer, undefined);
    assert.equal(setUp({ thermometer: false }).measure().thermometer, undefined);
  });

  it("uses one sample object for all measurements", () => {
    const { measure } = setUp();
    const first = measure();
    assert.equal(measure(), first);
  });
});
