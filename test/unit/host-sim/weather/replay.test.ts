/** Replayed weather as a function of time: nearest row for a moment, row k over (t(k-1), t(k)] for what is summed up. */
import assert from "node:assert/strict";
import { ReplayWeather } from "../../../../host-sim/weather/replay.ts";
import type { ReplayTable } from "../../../../host-sim/weather/replay-csv.ts";
import { type Quantity, unknownConditions } from "../../../../host-sim/weather/weather.ts";

const NONE = Number.NaN;

function replay(unixMs: number[], columns: Partial<Record<Quantity, number[]>>): ReplayWeather {
  const table: ReplayTable = { unixMs: Float64Array.from(unixMs), intervalMs: 60_000, columns: new Map() };
  for (const [quantity, values] of Object.entries(columns)) {
    table.columns.set(quantity as Quantity, Float64Array.from(values));
  }
  return new ReplayWeather(table);
}

describe("replayed weather", () => {
  const times = [600_000, 660_000, 720_000, 900_000];

  it("a moment sees the nearest row, up to half an interval away, in any order of asking", () => {
    const weather = replay(times, { temperature: [1, 2, 3, 4] });
    const out = unknownConditions();
    const at = (unixMs: number): number => {
      weather.at(unixMs, out);
      return out.temperatureC;
    };
    const asked: [number, number][] = [
      [569_999, NONE],
      [570_000, 1],
      [600_000, 1],
      [629_999, 1],
      [630_001, 2],
      [660_000.5, 2],
      [750_000, 3],
      [750_001, NONE],
      [869_999, NONE],
      [870_000, 4],
      [930_000, 4],
      [930_001, NONE],
    ];
    for (const [unixMs, value] of asked) assert.equal(at(unixMs), value, `${unixMs}`);
    for (const [unixMs, value] of asked.reverse()) assert.equal(at(unixMs), value, `${unixMs}`);
    assert.ok(Number.isNaN(out.windMps) && Number.isNaN(out.batteryV) && Number.isNaN(out.rainMmPerHour));
  });

  it("the run of the wind is the sum of its parts, and a row's speed over the time up to it", () => {
    const weather = replay(times, { windSpeed: [1, 2, 4, 8] });
    assert.equal(weather.windRunM(600_000, 660_000), 120);
    assert.equal(weather.windRunM(540_000, 600_000), 60);
    assert.equal(weather.windRunM(720_000, 900_000), 8 * 180);
    assert.equal(weather.windRunM(900_000, 910_000), 80);
    assert.equal(weather.windRunM(0, 900_000), weather.windRunM(0, 651_000) + weather.windRunM(651_000, 900_000));
  });

  it("a stretch without a known wind runs at the next known speed, behind the last at the last", () => {
    const weather = replay(times, { windSpeed: [NONE, 2, NONE, NONE] });
    assert.equal(weather.windRunM(540_000, 660_000), 240);
    assert.equal(weather.windRunM(660_000, 900_000), 480);
    assert.equal(replay(times, { windSpeed: [NONE, NONE, NONE, NONE] }).windRunM(0, 900_000), 0);
  });

  it("a row's rain falls in the interval that ends with it, also behind a gap; none where none is known", () => {
    const weather = replay(times, { rain: [0.2, NONE, 0.4, 0.6] });
    assert.ok(Math.abs(weather.rainMm(0, 1e9) - 1.2) < 1e-12);
    assert.equal(weather.rainMm(0, 540_000), 0);
    assert.ok(Math.abs(weather.rainMm(540_000, 570_000) - 0.1) < 1e-12);
    assert.equal(weather.rainMm(600_000, 660_000), 0);
    assert.ok(Math.abs(weather.rainMm(660_000, 720_000) - 0.4) < 1e-12);
    assert.equal(weather.rainMm(720_000, 840_000), 0);
    assert.ok(Math.abs(weather.rainMm(840_000, 900_000) - 0.6) < 1e-12);
  });

  it("a gust blows in the middle of its row; between the middles the row of the moment counts; unknown ones do not", () => {
    const weather = replay(times, { windGust: [5, 9, NONE, 7] });
    assert.equal(weather.gustMps(540_000, 600_000), 5);
    assert.equal(weather.gustMps(600_400, 660_400), 9);
    assert.equal(weather.gustMps(540_000, 720_000), 9);
    assert.equal(weather.gustMps(0, 1e9), 9);
    assert.ok(Number.isNaN(weather.gustMps(660_000, 720_000)));
    assert.equal(weather.gustMps(660_000, 900_000), 7);
    assert.equal(weather.gustMps(600_000, 610_000), 9);
    assert.equal(weather.gustMps(630_000, 640_000), 9);
    assert.ok(Number.isNaN(replay(times, {}).gustMps(0, 1e9)));
  });

  it("has just the quantities of its table", () => {
    assert.deepEqual(
      [...replay(times, { rain: [0, 0, 0, 0], humidity: [1, 1, 1, 1] }).quantities],
      ["rain", "humidity"],
    );
  });
});
