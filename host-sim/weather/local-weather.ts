/** One weather for many nodes, each of them a little off: a site of its own for the cost of some additions. */
import type { RandomStream } from "../random-stream.ts";
import type { Conditions, Quantity, Weather } from "./weather.ts";

export class LocalWeather implements Weather {
  readonly quantities: ReadonlySet<Quantity>;
  #base: Weather;
  #temperatureC: number;
  #humidityPct: number;
  #pressureHpa: number;
  #wind: number;
  #directionDeg: number;
  #rain: number;
  #irradiance: number;
  #batteryV: number;

  constructor(base: Weather, random: RandomStream) {
    const within = (spread: number): number => (2 * random.unit() - 1) * spread;
    this.#base = base;
    this.quantities = base.quantities;
    this.#temperatureC = within(0.8);
    this.#humidityPct = within(3);
    this.#pressureHpa = within(2);
    this.#wind = 1 + within(0.15);
    this.#directionDeg = within(10);
    this.#rain = 1 + within(0.2);
    this.#irradiance = 1 + within(0.05);
    this.#batteryV = within(0.1);
  }

  at(unixMs: number, out: Conditions): void {
    this.#base.at(unixMs, out);
    out.temperatureC += this.#temperatureC;
    // Math.min and Math.max hand a NaN through: what the base does not know stays unknown.
    out.humidityPct = Math.min(Math.max(out.humidityPct + this.#humidityPct, 0), 100);
    out.pressureHpa += this.#pressureHpa;
    out.windMps *= this.#wind;
    out.windDirectionDeg = (out.windDirectionDeg + this.#directionDeg + 360) % 360;
    out.rainMmPerHour *= this.#rain;
    out.irradianceWm2 *= this.#irradiance;
    out.batteryV += this.#batteryV;
  }

  rainMm(fromUnixMs: number, toUnixMs: number): number {
    return this.#base.rainMm(fromUnixMs, toUnixMs) * this.#rain;
  }

  windRunM(fromUnixMs: number, toUnixMs: number): number {
    return this.#base.windRunM(fromUnixMs, toUnixMs) * this.#wind;
  }

  gustMps(fromUnixMs: number, toUnixMs: number): number {
    return this.#base.gustMps(fromUnixMs, toUnixMs) * this.#wind;
  }
}
