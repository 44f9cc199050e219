/**
 * Weather made up from a seed: every quantity is a function of time, so any moment can be asked for by itself, in any order, and costs little.
 *   front       smooth noise over days; drives pressure, cloud, wind, rain and air mass
 *   cloud       from the front, broken up within the hour; showers close it
 *   irradiance  clear sky by the sun's height, less the cloud (Kasten and Czeplak 1980)
 *   temperature season, day (warmest in mid-afternoon, less under cloud), front
 *   humidity    from a dew point that follows the front (Magnus formula)
 *   wind        one mean and one gust for each minute; their sum over minutes is the run
 *   rain        showers, at most one begins in two hours; within a shower the rate is a parabola
 */
import { cos, exp, PI } from "../../firmware/wire/exact-math.ts";
import { RandomStream } from "../random-stream.ts";
import { hashUnit, smoothNoise } from "./noise.ts";
import { clearSkyWpm2, partOfYear, sunHeight } from "./sun.ts";
import { type Conditions, QUANTITIES, type Quantity, type Weather } from "./weather.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const SHOWER_SLOT_MS = 2 * HOUR_MS;
const LONGEST_SHOWER_MS = HOUR_MS;

export interface GeneratorOptions {
  latitudeDeg?: number;
  longitudeDeg?: number;
  /** Height above the sea, for the pressure of the station. */
  heightM?: number;
}

export class GeneratedWeather implements Weather {
  readonly quantities: ReadonlySet<Quantity> = new Set(QUANTITIES);
  #latitudeDeg: number;
  #longitudeDeg: number;
  #seaToStation: number;
  #front: number;
  #cloud: number;
  #flicker: number;
  #air: number;
  #wind: number;
  #turbulence: number;
  #gust: number;
  #direction: number;
  #shower: number;
  /** The shower of one slot, written by `#showerOf`: when it begins and ends, and its heaviest rate. */
  #showerFromMs = 0;
  #showerToMs = 0;
  #showerPeak = 0;

  constructor(seed: number, options: GeneratorOptions = {}) {
    this.#latitudeDeg = options.latitudeDeg ?? 47;
    this.#longitudeDeg = options.longitudeDeg ?? 8;
    this.#seaToStation = exp(-(options.heightM ?? 450) / 8400);
    const random = new RandomStream(seed, "weather");
    this.#front = random.u32();
    this.#cloud = random.u32();
    this.#flicker = random.u32();
    this.#air = random.u32();
    this.#wind = random.u32();
    this.#turbulence = random.u32();
    this.#gust = random.u32();
    this.#direction = random.u32();
    this.#shower = random.u32();
  }

  at(unixMs: number, out: Conditions): void {
    const hours = unixMs / HOUR_MS;
    const front = this.#frontAt(hours);
    const rate = this.#rainRate(unixMs);
    const cloud = rate > 0 ? 1 : this.#cloudAt(hours, front);
    const height = sunHeight(unixMs, this.#latitudeDeg, this.#longitudeDeg);
    const irradiance = clearSkyWpm2(height) * (1 - 0.75 * cloud * cloud * cloud);

    const season = -cos(2 * PI * (partOfYear(unixMs) - 0.05));
    const localDays = hours / 24 + this.#longitudeDeg / 360;
    const day = cos(2 * PI * (localDays - Math.floor(localDays) - 0.63));
    const mean = 9 + 9 * season + 4 * smoothNoise(this.#air, hours / 40) - 2 * front;
    const clearness = 1 - 0.5 * (1 + front);
    const temperature =
      mean + (1.5 + 4 * clearness) * day + 0.2 * smoothNoise(this.#air, hours * 6) - Math.min(rate, 4) * 0.4;
    const dewPoint = Math.min(
      mean - 1.5 - 5 * clearness + smoothNoise(this.#cloud, hours / 7) + Math.min(rate, 3),
      temperature,
    );

    out.temperatureC = temperature;
    out.humidityPct = 100 * exp(magnus(dewPoint) - magnus(temperature));
    out.pressureHpa = this.#pressureAt(hours, front);
    out.windMps = this.#minuteWind(Math.floor(unixMs / MINUTE_MS));
    out.windDirectionDeg = this.#directionAt(hours);
    out.rainMmPerHour = rate;
    out.irradianceWm2 = irradiance;
    out.batteryV = 12.6 + 0.9 * (irradiance / (irradiance + 150)) + 0.1 * smoothNoise(this.#air, hours / 24);
  }

  rainMm(fromUnixMs: number, toUnixMs: number): number {
    let sum = 0;
    const last = Math.floor(toUnixMs / SHOWER_SLOT_MS);
    for (let slot = Math.floor((fromUnixMs - LONGEST_SHOWER_MS) / SHOWER_SLOT_MS); slot <= last; slot++) {
      if (this.#showerOf(slot)) sum += this.#showerUntil(toUnixMs) - this.#showerUntil(fromUnixMs);
    }
    return sum;
  }

  windRunM(fromUnixMs: number, toUnixMs: number): number {
    let sum = 0;
    for (let at = fromUnixMs; at < toUnixMs; ) {
      const minute = Math.floor(at / MINUTE_MS);
      const until = Math.min((minute + 1) * MINUTE_MS, toUnixMs);
      sum += this.#minuteWind(minute) * (until - at);
      at = until;
    }
    return sum / 1000;
  }

  /** The gust of a minute blows in its middle; where no middle has passed, the mean of the moment is the strongest. */
  gustMps(fromUnixMs: number, toUnixMs: number): number {
    const half = MINUTE_MS / 2;
    let strongest = this.#minuteWind(Math.floor(toUnixMs / MINUTE_MS));
    const last = Math.floor((toUnixMs - half) / MINUTE_MS);
    for (let minute = Math.floor((fromUnixMs - half) / MINUTE_MS) + 1; minute <= last; minute++) {
      const luck = hashUnit(this.#gust, minute);
      strongest = Math.max(strongest, this.#minuteWind(minute) * (1.2 + 0.8 * luck * luck));
    }
    return strongest;
  }

  /** From -1, high and dry, to 1, low and wet. */
  #frontAt(hours: number): number {
    return 0.7 * smoothNoise(this.#front, hours / 34) + 0.3 * smoothNoise(this.#front ^ 0x55555555, hours / 11);
  }

  #pressureAt(hours: number, front: number): number {
    const halfDays = hours / 12 + this.#longitudeDeg / 180;
    const tide = 0.6 * cos(2 * PI * (halfDays - Math.floor(halfDays) - 0.84));
    return (1015 - 17 * front + tide) * this.#seaToStation;
  }

  #cloudAt(hours: number, front: number): number {
    const broken = 0.35 * smoothNoise(this.#cloud, hours * 1.3) + 0.2 * smoothNoise(this.#flicker, hours * 14);
    return Math.min(Math.max(0.45 + 0.55 * front + broken, 0), 1);
  }

  #directionAt(hours: number): number {
    const turn =
      150 * smoothNoise(this.#direction, hours / 15) + 35 * smoothNoise(this.#direction ^ 0x33333333, hours * 5);
    return (((250 + turn) % 360) + 360) % 360;
  }

  /** Mean wind of a minute since 1970, in m/s; calm now and then. */
  #minuteWind(minute: number): number {
    const hours = minute / 60;
    const slow = 2.6 + 2.8 * smoothNoise(this.#wind, hours / 9) + 1.6 * smoothNoise(this.#front, hours / 34);
    if (slow <= 0) return 0;
    return slow * (0.65 + 0.7 * hashUnit(this.#turbulence, minute));
  }

  #rainRate(unixMs: number): number {
    const last = Math.floor(unixMs / SHOWER_SLOT_MS);
    let rate = 0;
    for (let slot = last - 1; slot <= last; slot++) {
      if (!this.#showerOf(slot) || unixMs <= this.#showerFromMs || unixMs >= this.#showerToMs) continue;
      const x = (2 * (unixMs - this.#showerFromMs)) / (this.#showerToMs - this.#showerFromMs) - 1;
      rate += this.#showerPeak * (1 - x * x);
    }
    return rate;
  }

  /** Whether a shower begins in a slot of two hours; then its times and its peak are in the fields. */
  #showerOf(slot: number): boolean {
    const front = this.#frontAt((slot * SHOWER_SLOT_MS) / HOUR_MS);
    if (hashUnit(this.#shower, 4 * slot) > 0.05 + 0.9 * front) return false;
    this.#showerFromMs = (slot + hashUnit(this.#shower, 4 * slot + 1)) * SHOWER_SLOT_MS;
    this.#showerToMs = this.#showerFromMs + (0.15 + 0.85 * hashUnit(this.#shower, 4 * slot + 2)) * LONGEST_SHOWER_MS;
    const force = hashUnit(this.#shower, 4 * slot + 3);
    this.#showerPeak = 0.5 + 14 * force * force * force;
    return true;
  }

  /** Rain of the shower in the fields until `unixMs`, in millimetres: the integral of its parabola. */
  #showerUntil(unixMs: number): number {
    const length = this.#showerToMs - this.#showerFromMs;
    const x = Math.min(Math.max((unixMs - this.#showerFromMs) / length, 0), 1);
    return this.#showerPeak * (length / HOUR_MS) * x * x * (2 - (4 / 3) * x);
  }
}

function magnus(celsius: number): number {
  return (17.62 * celsius) / (243.12 + celsius);
}
