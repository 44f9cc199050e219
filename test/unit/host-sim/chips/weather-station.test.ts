/**
 * The whole way of a value: weather, chip, bus or input, driver. Every row of real days through the chips' registers and the drivers'
 * arithmetic; faults; repeatability.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import type { Sensor, SensorSample } from "../../../../firmware/ports/sensor.ts";
import { createWeatherStation, type StationValues } from "../../../../host-sim/chips/weather-station.ts";
import { GeneratedWeather } from "../../../../host-sim/weather/generator.ts";
import { LocalWeather } from "../../../../host-sim/weather/local-weather.ts";
import { ReplayWeather } from "../../../../host-sim/weather/replay.ts";
import { parseReplayCsv, type ReplayTable } from "../../../../host-sim/weather/replay-csv.ts";
import { QUANTITIES, type Quantity, type Weather } from "../../../../host-sim/weather/weather.ts";
import { World } from "../../../../host-sim/world.ts";
import { counts } from "../../../counts.ts";

const ROUNDING = 1e-6;

function setUp(weather: Weather, startUnixMs: number, seed = 1, noiseSteps?: number) {
  const world = new World(seed, startUnixMs);
  const clock = { nowMs: () => Math.floor(world.nowUs / 1000) };
  const station = createWeatherStation(world, weather, { name: "node 1", clock, noiseSteps });
  return { world, station };
}

/** Lets all sensors measure from `unixMs` on; NaN for what is missing. Units as in StationValues. */
function measure(world: World, sensors: Sensor[], unixMs: number): StationValues {
  world.run((unixMs - world.startUnixMs) * 1000);
  const waits = sensors.map((sensor) => {
    try {
      return sensor.start();
    } catch {
      return -1;
    }
  });
  world.run(world.nowUs + Math.max(0, ...waits) * 1000);
  const merged: SensorSample = {};
  sensors.forEach((sensor, i) => {
    if (waits[i] < 0) return;
    for (const [name, value] of Object.entries(sensor.sample())) {
      if (value !== undefined) Object.assign(merged, { [name]: { ...value } });
    }
  });
  const or = (value: number | undefined): number => value ?? Number.NaN;
  return {
    temperature: or(merged.thermometer?.temperature),
    humidity: or(merged.hygrometer?.humidity),
    pressure: or(merged.barometer?.pressure) / 100,
    windSpeed: or(merged.anemometer?.speed),
    windGust: or(merged.anemometer?.gust),
    windDirection: or(merged.vane?.direction),
    rain: or(merged.rainGauge?.rain),
    irradiance: or(merged.pyranometer?.irradiance),
    battery: or(merged.battery?.voltage),
  };
}

function assertClose(read: StationValues, truth: StationValues, resolution: StationValues, place: string): void {
  for (const quantity of QUANTITIES) {
    const expected = truth[quantity];
    if (Number.isNaN(expected)) {
      assert.ok(Number.isNaN(read[quantity]), `${place}: ${quantity} is not known, but reads ${read[quantity]}`);
      continue;
    }
    let error = Math.abs(read[quantity] - expected);
    if (quantity === "windDirection") error = Math.min(error % 360, 360 - (error % 360));
    const text = `${place}: ${quantity} reads ${read[quantity]}, is ${expected}, resolution ${resolution[quantity]}`;
    assert.ok(error <= resolution[quantity] + ROUNDING, text);
  }
}

/** What the row says, with the rain summed up. */
function rowValues(table: ReplayTable, row: number, rainSoFar: number): StationValues {
  const value = (quantity: Quantity): number => table.columns.get(quantity)?.[row] ?? Number.NaN;
  return {
    temperature: value("temperature"),
    humidity: value("humidity"),
    pressure: value("pressure"),
    windSpeed: value("windSpeed"),
    windGust: value("windGust"),
    windDirection: value("windDirection"),
    rain: table.columns.has("rain") ? rainSoFar : Number.NaN,
    irradiance: value("irradiance"),
    battery: value("battery"),
  };
}

function loadTable(csv: string): ReplayTable {
  const parsed = parseReplayCsv(csv);
  if (!parsed.ok) assert.fail(parsed.error.reason);
  return parsed.table;
}

const DATA = new URL("../../../../../shared/data/weather/", import.meta.url);
const FILES: readonly [file: string, rows: number, missing: string][] = [
  ["midc-2018-10-18.csv", 1440, "rain"],
  ["surfrad-alamosa-2016-01-01.csv", 1440, "windGust rain battery"],
  ["dtu-2024-06.csv", 41_107, "windGust battery"],
  ["dtu-2024-07.csv", 42_223, "windGust battery"],
];

describe("weather station: real days through chips and drivers", () => {
  for (const [file, rows, missing] of FILES) {
    it(`every row of ${file} reads as written, within the sensors' stated resolution`, function () {
      if (!existsSync(new URL(file, DATA))) {
        console.log(`      skipped: ../shared/data/weather/${file} is not here`);
        this.skip();
      }
      const table = loadTable(readFileSync(new URL(file, DATA), "utf8"));
      assert.equal(table.unixMs.length, rows);
      const weather = new ReplayWeather(table);
      assert.deepEqual(
        QUANTITIES.filter((quantity) => !weather.quantities.has(quantity)),
        missing.split(" "),
      );
      const { world, station } = setUp(weather, weather.firstUnixMs - weather.intervalMs);
      const resolution = station.resolutions(weather.intervalMs);
      let rain = 0;
      const rowsToRun = Math.min(rows, counts(6000, rows));
      for (let row = 0; row < rowsToRun; row++) {
        rain += table.columns.get("rain")?.[row] ?? 0;
        const read = measure(world, station.sensors, table.unixMs[row]);
        assertClose(read, rowValues(table, row, rain), resolution, `row ${row + 1}`);
        assertClose(read, station.truthAt(table.unixMs[row]), resolution, `truth at row ${row + 1}`);
      }
    });
  }
});

describe("weather station: a replay with holes", () => {
  const HEADER =
    "time_utc,air_temperature_degC,relative_humidity_pct,pressure_hPa,wind_speed_mps,wind_gust_mps,wind_direction_deg,rain_accumulation_mm,irradiance_wpm2,battery_V";
  const ROWS = [
    "2024-01-01T00:00:00Z,1.5,80,1000.5,2.0,4.0,10,0.2,0,12.5",
    "2024-01-01T00:01:00Z,,81,1000.6,2.5,4.5,20,0.4,10,12.6",
    "2024-01-01T00:02:00Z,1.6,,1000.7,3.0,5.0,30,0.0,20,12.7",
    "2024-01-01T00:03:00Z,,,1000.8,3.5,5.5,40,0.6,30,12.8",
    "2024-01-01T00:04:00Z,1.7,82,,4.0,6.0,50,0.2,40,12.9",
    "2024-01-01T00:05:00Z,1.8,83,1000.9,,,60,0.2,50,13.0",
    "2024-01-01T00:06:00Z,1.9,84,1001.0,6.0,9.0,70,0.2,60,13.1",
    "2024-01-01T00:07:00Z,2.0,85,1001.1,1.0,,80,,70,13.2",
    "2024-01-01T00:08:00Z,2.1,86,1001.2,1.5,2.5,,0.4,,",
    "2024-01-01T00:09:00Z,2.2,87,1001.3,0.0,0.0,360,0.0,-5,13.3",
    // Four minutes without a row.
    "2024-01-01T00:14:00Z,2.3,88,1001.4,2.0,3.0,359.9,0.2,1599,13.4",
  ];

  it("an empty cell is a missing value, the row's other values and the rows around it are not touched", () => {
    const table = loadTable([HEADER, ...ROWS].join("\n"));
    const weather = new ReplayWeather(table);
    const { world, station } = setUp(weather, weather.firstUnixMs - 60_000);
    const resolution = station.resolutions(60_000);
    let rain = 0;
    for (let row = 0; row < ROWS.length; row++) {
      const fell = table.columns.get("rain")![row];
      rain += Number.isNaN(fell) ? 0 : fell;
      const expected = rowValues(table, row, Number.isNaN(fell) ? Number.NaN : rain);
      // An analogue input has nothing below zero.
      expected.irradiance = Math.max(expected.irradiance, 0);
      assertClose(measure(world, station.sensors, table.unixMs[row]), expected, resolution, ROWS[row]);
    }
  });

  it("between rows further apart than usual, before the first and behind the last, nothing answers", () => {
    const weather = new ReplayWeather(loadTable([HEADER, ...ROWS].join("\n")));
    for (const unixMs of [weather.firstUnixMs - 31_000, weather.lastUnixMs - 120_000, weather.lastUnixMs + 31_000]) {
      const { world, station } = setUp(weather, unixMs - 1000);
      for (const value of Object.values(measure(world, station.sensors, unixMs))) assert.ok(Number.isNaN(value));
    }
  });

  it("five samples at once: a wind over five rows is their mean, a gust their strongest, the rain their sum", () => {
    const weather = new ReplayWeather(loadTable([HEADER, ...ROWS.slice(0, 5)].join("\n")));
    const { world, station } = setUp(weather, weather.firstUnixMs - 60_000);
    const read = measure(world, station.sensors, weather.lastUnixMs);
    const resolution = station.resolutions(300_000);
    assert.ok(Math.abs(read.windSpeed - 3) <= resolution.windSpeed);
    assert.ok(Math.abs(read.windGust - 6) <= resolution.windGust);
    assert.ok(Math.abs(read.rain - 1.4) <= resolution.rain);
    assertClose(read, station.truthAt(weather.lastUnixMs), resolution, "five rows");
  });

  it("a table with a temperature only has one sensor, which reports nothing else", () => {
    const weather = new ReplayWeather(
      loadTable("time_utc,air_temperature_degC\n2024-01-01T00:00:00Z,1.5\n2024-01-01T00:01:00Z,1.6"),
    );
    const { world, station } = setUp(weather, weather.firstUnixMs);
    assert.equal(station.sensors.length, 1);
    const read = measure(world, station.sensors, weather.firstUnixMs);
    assert.ok(Math.abs(read.temperature - 1.5) < 0.003);
    assert.ok(QUANTITIES.every((quantity) => quantity === "temperature" || Number.isNaN(read[quantity])));
  });
});

describe("weather station: generated weather", () => {
  const START = Date.UTC(2026, 5, 1);

  it("a week at five minutes: every value is the truth within the stated resolution, for three seeds", () => {
    for (let seed = 1; seed <= 3; seed++) {
      const { world, station } = setUp(new GeneratedWeather(seed), START, seed);
      const resolution = station.resolutions(300_000);
      for (let unixMs = START + 300_000; unixMs < START + 7 * 86_400_000; unixMs += 300_000) {
        const read = measure(world, station.sensors, unixMs);
        assertClose(read, station.truthAt(unixMs), resolution, `seed ${seed}, ${new Date(unixMs).toISOString()}`);
      }
    }
  });

  it("the same seed gives the same readings, another seed and another node others", () => {
    const run = (seed: number, isLocal: boolean): string => {
      const base = new GeneratedWeather(seed);
      const weather = isLocal ? new LocalWeather(base, new World(seed, START).random("site")) : base;
      const { world, station } = setUp(weather, START, seed, 0.5);
      const lines: string[] = [];
      for (let i = 1; i <= 48; i++) lines.push(JSON.stringify(measure(world, station.sensors, START + i * 300_000)));
      return lines.join("\n");
    };
    assert.equal(run(1, false), run(1, false));
    assert.equal(run(1, true), run(1, true));
    assert.notEqual(run(1, false), run(2, false));
    assert.notEqual(run(1, false), run(1, true));
  });

  it("with the drivers made anew before each sample, as after a deep sleep, every value is the truth as well", () => {
    const { world, station } = setUp(new GeneratedWeather(4), START, 4);
    const resolution = station.resolutions(300_000);
    for (let unixMs = START + 300_000; unixMs < START + 86_400_000; unixMs += 300_000) {
      const read = measure(world, station.reboot(false), unixMs);
      assertClose(read, station.truthAt(unixMs), resolution, new Date(unixMs).toISOString());
    }
  });

  it("a power cut starts the counters and the drivers anew; a reboot alone does not", () => {
    const { world, station } = setUp(new GeneratedWeather(2), START, 2);
    // A day with rain, by this seed.
    const day = measure(world, station.sensors, START + 3 * 86_400_000);
    assert.ok(day.rain > 1, `${day.rain} mm`);
    assert.equal(measure(world, station.reboot(false), START + 3 * 86_400_000 + 1000).rain, day.rain);
    assert.equal(measure(world, station.reboot(true), START + 3 * 86_400_000 + 2000).rain, 0);
  });

  it("faults: a chip that does not answer, or answers with a bad checksum, costs its own quantities only, and only then", () => {
    const { world, station } = setUp(new GeneratedWeather(3), START, 3);
    station.sht4x!.faults.nackNext(1);
    let read = measure(world, station.sensors, START + 60_000);
    assert.ok(Number.isNaN(read.temperature) && Number.isNaN(read.humidity) && read.pressure > 900);
    station.sht4x!.faults.corruptNext(1);
    assert.throws(() => measure(world, station.sensors, START + 120_000), /bad checksum/);
    station.bmp280!.faults.nackNext(1);
    read = measure(world, station.sensors, START + 180_000);
    assert.ok(Number.isNaN(read.pressure) && read.temperature > -20);
    read = measure(world, station.sensors, START + 240_000);
    assertClose(read, station.truthAt(START + 240_000), station.resolutions(60_000), "after the faults");
  });

  it("the cost of a sample is small: 100 nodes for a day at five minutes read their sensors in well under two seconds", () => {
    const base = new GeneratedWeather(1);
    const world = new World(1, START);
    const clock = { nowMs: () => Math.floor(world.nowUs / 1000) };
    const stations = Array.from({ length: 100 }, (_, i) =>
      createWeatherStation(world, new LocalWeather(base, world.random(`site ${i}`)), { name: `node ${i}`, clock }),
    );
    const begin = process.cpuUsage();
    for (let i = 1; i <= 288; i++) {
      world.run(i * 300_000_000);
      for (const station of stations) for (const sensor of station.sensors) sensor.start();
      world.run(world.nowUs + 60_000);
      for (const station of stations) for (const sensor of station.sensors) sensor.sample();
    }
    const ms = process.cpuUsage(begin).user / 1000;
    assert.ok(ms < 2000, `${ms} ms`);
  });
});
