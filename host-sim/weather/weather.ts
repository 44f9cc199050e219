/**
 * The weather that the modelled chips see: a function of time, whatever its source. Instantaneous sensors ask for the conditions of a moment;
 * pulse counters ask, when they are read, for the run of the wind and the rain since they were read before.
 */

/** What a station can measure, in the order of the weather profile. */
export const QUANTITIES = Object.freeze([
  "temperature",
  "humidity",
  "pressure",
  "windSpeed",
  "windGust",
  "windDirection",
  "rain",
  "irradiance",
  "battery",
] as const);

export type Quantity = (typeof QUANTITIES)[number];

/** The conditions of one moment. NaN: not known then, so that the sensor does not answer. */
export interface Conditions {
  temperatureC: number;
  humidityPct: number;
  pressureHpa: number;
  windMps: number;
  windDirectionDeg: number;
  rainMmPerHour: number;
  irradianceWm2: number;
  batteryV: number;
}

export interface Weather {
  /** The quantities that exist at all; for the others no sensor is fitted. */
  readonly quantities: ReadonlySet<Quantity>;
  /** Writes the conditions at `unixMs` (true time) to `out`. */
  at(unixMs: number, out: Conditions): void;
  /** Rain that fell in (from, to], in millimetres. */
  rainMm(fromUnixMs: number, toUnixMs: number): number;
  /** Run of the wind in (from, to], in metres. */
  windRunM(fromUnixMs: number, toUnixMs: number): number;
  /** The strongest gust in (from, to], in m/s; NaN: not known. */
  gustMps(fromUnixMs: number, toUnixMs: number): number;
}

export function unknownConditions(): Conditions {
  return {
    temperatureC: Number.NaN,
    humidityPct: Number.NaN,
    pressureHpa: Number.NaN,
    windMps: Number.NaN,
    windDirectionDeg: Number.NaN,
    rainMmPerHour: Number.NaN,
    irradianceWm2: Number.NaN,
    batteryV: Number.NaN,
  };
}
