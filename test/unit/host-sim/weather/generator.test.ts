/** Generated weather: plausible, repeatable, the same in whatever order it is asked. */
import assert from "node:assert/strict";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { GeneratedWeather } from "../../../../host-sim/weather/generator.ts";
import { LocalWeather } from "../../../../host-sim/weather/local-weather.ts";
import { hashUnit, smoothNoise } from "../../../../host-sim/weather/noise.ts";
import { clearSkyWpm2, sunHeight } from "../../../../host-sim/weather/sun.ts";
import { type Conditions, QUANTITIES, unknownConditions } from "../../../../host-sim/weather/weather.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 0, 1);

function at(weather: GeneratedWeather | LocalWeather, unixMs: number): Conditions {
  const out = unknownConditions();
  weather.at(unixMs, out);
  return out;
}

describe("generated weather", () => {
  it("stays plausible all year round, for five seeds", () => {
    for (let seed = 1; seed <= 5; seed++) {
      const weather = new GeneratedWeather(seed);
      let warmest = -99;
      let coldest = 99;
      for (let unixMs = START; unixMs < START + 365 * DAY; unixMs += 20 * 60_000) {
        const c = at(weather, unixMs);
        warmest = Math.max(warmest, c.temperatureC);
        coldest = Math.min(coldest, c.temperatureC);
        const place = `seed ${seed}, ${new Date(unixMs).toISOString()}: ${JSON.stringify(c)}`;
        assert.ok(c.temperatureC > -25 && c.temperatureC < 42, place);
        assert.ok(c.humidityPct > 5 && c.humidityPct <= 100 + 1e-9, place);
        assert.ok(c.pressureHpa > 930 && c.pressureHpa < 1000, place);
        assert.ok(c.windMps >= 0 && c.windMps < 20, place);
        assert.ok(c.windDirectionDeg >= 0 && c.windDirectionDeg < 360, place);
        assert.ok(c.rainMmPerHour >= 0 && c.rainMmPerHour < 40, place);
        assert.ok(c.irradianceWm2 >= 0 && c.irradianceWm2 < 1200, place);
        assert.ok(c.batteryV > 12 && c.batteryV < 14.5, place);
      }
      assert.ok(coldest < 0 && warmest > 20, `${coldest} to ${warmest}`);
      const rain = weather.rainMm(START, START + 365 * DAY);
      assert.ok(rain > 300 && rain < 2500, `${rain} mm a year`);
      const mean = weather.windRunM(START, START + 365 * DAY) / (365 * 86_400);
      assert.ok(mean > 1.5 && mean < 5, `${mean} m/s`);
    }
  });

  it("has nights: no irradiance at midnight, and in June more at noon than in December", () => {
    const weather = new GeneratedWeather(4);
    let june = 0;
    let december = 0;
    for (let day = 0; day < 30; day++) {
      assert.equal(at(weather, Date.UTC(2026, 5, 1) + day * DAY).irradianceWm2, 0);
      june += at(weather, Date.UTC(2026, 5, 1, 12) + day * DAY).irradianceWm2;
      december += at(weather, Date.UTC(2026, 11, 1, 12) + day * DAY).irradianceWm2;
    }
    assert.ok(june > 1.5 * december);
  });

  it("is a function of time: asked in any order, by any of two makers of the same seed, it says the same", () => {
    const times = Array.from({ length: 500 }, (_, i) => START + i * 977_531.25);
    const one = new GeneratedWeather(9);
    const other = new GeneratedWeather(9);
    const forward = times.map((unixMs) => at(one, unixMs));
    const backward = [...times].reverse().map((unixMs) => at(other, unixMs));
    assert.deepEqual(forward, backward.reverse());
    assert.notDeepEqual(
      forward,
      times.map((unixMs) => at(new GeneratedWeather(10), unixMs)),
    );
  });

  it("what is summed up is the sum of its parts, and agrees with the moments", () => {
    const weather = new GeneratedWeather(2);
    const until = START + 10 * DAY;
    let rain = 0;
    let run = 0;
    let rateSum = 0;
    let windSum = 0;
    for (let unixMs = START; unixMs < until; unixMs += 10_000) {
      rain += weather.rainMm(unixMs, unixMs + 10_000);
      run += weather.windRunM(unixMs, unixMs + 10_000);
      rateSum += at(weather, unixMs + 5000).rainMmPerHour / 360;
      windSum += at(weather, unixMs + 5000).windMps * 10;
    }
    assert.ok(rain > 1);
    assert.ok(Math.abs(rain - weather.rainMm(START, until)) < 1e-6);
    assert.ok(Math.abs(run - weather.windRunM(START, until)) < 1e-3);
    assert.ok(Math.abs(rateSum - rain) < 0.01 * rain, `${rateSum} ${rain}`);
    assert.ok(Math.abs(windSum - run) < 1e-3 * run);
  });

  it("a gust is never below the mean of the minutes it belongs to", () => {
    const weather = new GeneratedWeather(3);
    for (let unixMs = START; unixMs < START + DAY; unixMs += 60_000) {
      assert.ok(weather.gustMps(unixMs, unixMs + 60_000) >= weather.windRunM(unixMs, unixMs + 60_000) / 60 - 1e-9);
      assert.ok(weather.gustMps(unixMs, unixMs + 300_000) >= weather.gustMps(unixMs, unixMs + 60_000));
      assert.ok(weather.gustMps(unixMs, unixMs + 1000) >= 0);
    }
  });

  it("noise is within its bounds and even", () => {
    let sum = 0;
    for (let i = -5000; i < 5000; i++) {
      const unit = hashUnit(12345, i);
      assert.ok(unit >= 0 && unit < 1);
      sum += unit;
      assert.ok(Math.abs(smoothNoise(12345, i / 7)) <= 1);
    }
    assert.ok(Math.abs(sum / 10_000 - 0.5) < 0.01);
  });

  it("the sun stands where almanacs say: solstice noon and equinox at 47 degrees north, within a degree", () => {
    const sine = (degrees: number): number => Math.sin((degrees * Math.PI) / 180);
    assert.ok(Math.abs(sunHeight(Date.UTC(2026, 5, 21, 12), 47, 0) - sine(90 - 47 + 23.44)) < 0.01);
    assert.ok(Math.abs(sunHeight(Date.UTC(2026, 11, 21, 12), 47, 0) - sine(90 - 47 - 23.44)) < 0.01);
    assert.ok(Math.abs(sunHeight(Date.UTC(2026, 2, 20, 12), 47, 0) - sine(90 - 47)) < 0.02);
    assert.ok(Math.abs(sunHeight(Date.UTC(2026, 2, 20, 11), 47, 15) - sine(90 - 47)) < 0.02);
    assert.equal(clearSkyWpm2(-0.1), 0);
    assert.ok(clearSkyWpm2(1) > 1000 && clearSkyWpm2(1) < 1100);
  });

  it("a node's own site is near the shared weather, in range, and hands through what is not known", () => {
    const base = new GeneratedWeather(1);
    const site = new LocalWeather(base, new RandomStream(1, "site"));
    assert.deepEqual([...site.quantities], [...QUANTITIES]);
    let isOff = false;
    for (let unixMs = START; unixMs < START + 5 * DAY; unixMs += HOUR) {
      const here = at(site, unixMs);
      const there = at(base, unixMs);
      assert.ok(Math.abs(here.temperatureC - there.temperatureC) <= 0.8);
      assert.ok(here.humidityPct >= 0 && here.humidityPct <= 100);
      assert.ok(here.windDirectionDeg >= 0 && here.windDirectionDeg < 360);
      assert.ok(Math.abs(here.pressureHpa - there.pressureHpa) <= 2);
      isOff ||= here.temperatureC !== there.temperatureC;
    }
    assert.ok(isOff);
    const nothing = {
      ...base,
      quantities: base.quantities,
      at: (_: number, out: Conditions) => Object.assign(out, unknownConditions()),
    };
    const blind = new LocalWeather(nothing as never, new RandomStream(1, "site"));
    for (const value of Object.values(at(blind, START))) assert.ok(Number.isNaN(value));
  });
});
