/**
 * Recorded weather through the whole chain: every verified value is the file's, within what the sensor states (tolerance.ts). The file is read
 * here by other means than the simulator's.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { QUANTITIES } from "../../host-sim/weather/weather.ts";
import { Simulation, WEATHER_DATA, weatherProblem } from "./simulation.ts";
import { distance, tolerances } from "./tolerance.ts";

const COLUMN_OF: Record<string, string> = {
  temperature: "air_temperature_degC",
  humidity: "relative_humidity_pct",
  pressure: "pressure_hPa",
  windSpeed: "wind_speed_mps",
  windGust: "wind_gust_mps",
  windDirection: "wind_direction_deg",
  irradiance: "irradiance_wpm2",
  battery: "battery_V",
};
const ROWS = 1440;
const INTERVAL_S = 60;
/** A mean of the wind is over the time between two reads, which lie milliseconds beside the rows' times; the first one is since the boot. */
const WIND_MEAN_TOLERANCE_MPS = 0.005;

/** Rows by quantity; a quantity without a column is not there. */
function readRows(file: string): { time: string; values: Record<string, number> }[] {
  const [header, ...lines] = readFileSync(join(WEATHER_DATA, file), "utf8")
    .trim()
    .split(/\r?\n/)
    .map((line) => line.split(","));
  const present = QUANTITIES.filter((quantity) => header.includes(COLUMN_OF[quantity]));
  return lines.map((cells) => ({
    time: cells[header.indexOf("time_utc")],
    values: Object.fromEntries(present.map((name) => [name, Number(cells[header.indexOf(COLUMN_OF[name])])])),
  }));
}

for (const { file, missing } of [
  { file: "midc-2018-10-18.csv", missing: ["rain"] },
  { file: "surfrad-alamosa-2016-01-01.csv", missing: ["windGust", "rain", "battery"] },
]) {
  describe(`groundtruth simulate --replay ${file} --days 1`, () => {
    const problem = weatherProblem(file);
    if (problem !== undefined) {
      it.skip(`skipped: ${problem}`);
      return;
    }
    const rows = readRows(file);
    const measured = QUANTITIES.filter((quantity) => !missing.includes(quantity));
    let run: Simulation;

    before(() => {
      run = new Simulation("--replay", join(WEATHER_DATA, file), "--days", "1");
    });
    after(() => run.remove());

    it("takes 1,440 samples, and all are verified", () => {
      assert.equal(run.outcome.status, 0, run.outcome.err);
      assert.equal(rows.length, ROWS);
      const { readingsTaken, readingsVerified, gaps } = run.summary;
      assert.deepEqual([readingsTaken, readingsVerified, gaps], [ROWS, ROWS, []]);
      const { readings, truth } = run;
      assert.deepEqual([readings.length, truth.length], [ROWS, ROWS]);
      assert.deepEqual(
        readings.map(({ time }) => time),
        rows.map(({ time }) => time),
      );
    });

    it("shows the sensors the rows, and nothing where there is no column", () => {
      run.truth.forEach(({ sample, values }, index) => {
        assert.equal(sample, index);
        assert.deepEqual(Object.keys(values), [...QUANTITIES]);
        const { values: row, time } = rows[index];
        for (const quantity of measured) {
          const apart = distance(quantity, values[quantity]!, row[quantity]);
          const tolerance = quantity === "windSpeed" ? WIND_MEAN_TOLERANCE_MPS : 0;
          assert.ok(apart <= tolerance, `${time} ${quantity}: ${values[quantity]} for ${row[quantity]}`);
        }
        for (const quantity of missing) assert.equal(values[quantity], null);
      });
    });

    const stated = tolerances(INTERVAL_S);
    for (const quantity of measured) {
      it(`verifies ${quantity} within ${Number(stated[quantity].toPrecision(3))} of the row`, () => {
        const { readings, truth } = run;
        readings.forEach(({ time, values, flags }, index) => {
          const value = values[quantity];
          assert.ok(value !== null, `${time}: there`);
          assert.notEqual(flags[quantity], "missing");
          const tolerance = index === 0 ? tolerances(truth[0].uptime)[quantity] : stated[quantity];
          const apart = distance(quantity, value, rows[index].values[quantity]);
          assert.ok(apart <= tolerance, `${time}: ${value} for ${rows[index].values[quantity]}`);
        });
      });
    }

    it(`flags ${missing.join(", ")} as missing in every reading`, () => {
      for (const { values, flags } of run.readings) {
        for (const quantity of missing) {
          assert.equal(values[quantity], null);
          assert.equal(flags[quantity], "missing");
        }
      }
    });
  });
}
