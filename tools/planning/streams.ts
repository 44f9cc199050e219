/**
 * Readings to reckon with: batches as a node would take them, spread evenly over a year of generated measurements, or over a recorded file. What
 * is generated is a function of time and of one fixed seed: weather is the simulator's; the others are plausible courses made up
 * here, so what follows from them is an estimate until somebody measures.
 */
import { exp, PI, sin } from "../../firmware/wire/exact-math.ts";
import { fieldInteger, missingFlag, type Profile } from "../../firmware/wire/profile.ts";
import { AIR_QUALITY } from "../../firmware/wire/profiles/air-quality.ts";
import { ENERGY } from "../../firmware/wire/profiles/energy.ts";
import { LOCATION } from "../../firmware/wire/profiles/location.ts";
import { SOIL_WATER } from "../../firmware/wire/profiles/soil-water.ts";
import { WEATHER } from "../../firmware/wire/profiles/weather.ts";
import { GeneratedWeather } from "../../host-sim/weather/generator.ts";
import { hashUnit, smoothNoise } from "../../host-sim/weather/noise.ts";
import type { ReplayTable } from "../../host-sim/weather/replay-csv.ts";
import { unknownConditions } from "../../host-sim/weather/weather.ts";
import { weatherSequences } from "../training/weather-sequences.ts";

/** One reading: column 0 of the batch, and the profile's integers. */
export interface Row {
  flags: number;
  values: Int32Array;
}

/** Readings in a row, from a time that is a multiple of the interval. */
export interface Stretch {
  startS: number;
  rows: Row[];
}

/** Quantities by the profile's field names, in its units; what is not there is missing. */
type Values = Record<string, number | undefined>;
/** What a station shows at each of `count` times from `startS` on, every `stepS` seconds. */
type Course = (startS: number, stepS: number, count: number) => Values[];

interface Generated {
  profile: Profile;
  name: string;
  course: Course;
}

/** The name of a profile on the command line is the middle of its URI. */
export function profileName(profile: Profile): string {
  return profile.uri.split(":")[2];
}

const SEED = 1;
/** 2025-01-01T00:00:00Z, and the year from then on. */
const YEAR_START_S = 1_735_689_600;
const YEAR_S = 365 * 86_400;
const HOUR_S = 3600;
const DAY_S = 86_400;

const weather = new GeneratedWeather(SEED);

function weatherAt(timeS: number): { temperature: number; humidity: number; irradiance: number; battery: number } {
  const now = unknownConditions();
  weather.at(timeS * 1000, now);
  return {
    temperature: now.temperatureC,
    humidity: now.humidityPct,
    irradiance: now.irradianceWm2,
    battery: now.batteryV,
  };
}

/** A random number of -1 to 1 for one reading. */
function jitter(stream: number, timeS: number): number {
  return 2 * hashUnit(stream, timeS) - 1;
}

/** -1 at midnight, 1 at noon (UTC). */
function dayCourse(timeS: number): number {
  return sin(2 * PI * (timeS / DAY_S - Math.floor(timeS / DAY_S) - 0.25));
}

function times(startS: number, stepS: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => startS + i * stepS);
}

const WEATHER_COURSE: Course = (startS, stepS, count) => {
  const now = unknownConditions();
  // Rain counts since boot, some time ago.
  let rainMm = 300 * hashUnit(SEED, startS);
  return times(startS, stepS, count).map((timeS) => {
    const [fromMs, atMs] = [(timeS - stepS) * 1000, timeS * 1000];
    weather.at(atMs, now);
    rainMm += weather.rainMm(fromMs, atMs);
    return {
      temperature: now.temperatureC,
      humidity: now.humidityPct,
      pressure: now.pressureHpa,
      windSpeed: weather.windRunM(fromMs, atMs) / stepS,
      windGust: weather.gustMps(fromMs, atMs),
      windDirection: now.windDirectionDeg,
      rain: Math.floor(rainMm / 0.2) * 0.2,
      irradiance: now.irradianceWm2,
      battery: now.batteryV,
    };
  });
};

/** A room that people use by day, near a road. */
const AIR_COURSE: Course = (startS, stepS, count) =>
  times(startS, stepS, count).map((timeS) => {
    const hours = timeS / HOUR_S;
    const { temperature, humidity, battery } = weatherAt(timeS);
    const pm25 =
      7 * exp(0.9 * smoothNoise(11, hours / 18) + 0.5 * smoothNoise(12, hours / 1.5)) * (1 + 0.06 * jitter(13, timeS));
    const people = Math.max(0, dayCourse(timeS) + 0.6 * smoothNoise(14, hours / 2));
    return {
      pm1: pm25 * (0.68 + 0.03 * jitter(15, timeS)),
      pm25,
      pm10: pm25 * (1.25 + 0.08 * jitter(16, timeS)),
      carbonDioxide: 425 + 420 * people + 12 * jitter(17, timeS),
      vocIndex: 100 + 70 * smoothNoise(18, hours / 1.2) + 4 * jitter(19, timeS),
      noxIndex: Math.max(1, 1 + 14 * smoothNoise(20, hours / 3) - 9),
      noise: 40 + 8 * people + 4 * smoothNoise(21, hours * 2) + 3 * jitter(22, timeS),
      temperature: 20 + 0.2 * temperature,
      humidity: 25 + 0.25 * humidity,
      battery,
    };
  });

/** A house with a roof that feeds in: appliances go on and off, the sun shines. */
const ENERGY_COURSE: Course = (startS, stepS, count) => {
  let imported = 4_000_000 + Math.floor(2_000_000 * hashUnit(31, startS));
  let exported = 2_000_000 + Math.floor(1_000_000 * hashUnit(32, startS));
  return times(startS, stepS, count).map((timeS) => {
    const hours = timeS / HOUR_S;
    const appliance = (stream: number, watts: number, often: number): number =>
      hashUnit(stream, Math.floor(hours * 2)) < often ? watts : 0;
    const used =
      180 +
      40 * smoothNoise(33, hours * 3) +
      appliance(34, 90, 0.4) +
      appliance(35, 1900, 0.08) +
      25 * jitter(36, timeS);
    const power = used - 4.2 * weatherAt(timeS).irradiance;
    const energy = (power * stepS) / HOUR_S;
    if (energy > 0) imported += energy;
    else exported -= energy;
    const voltage = 231 + 3 * smoothNoise(37, hours) + 0.8 * jitter(38, timeS);
    return {
      power,
      energyImported: Math.floor(imported),
      energyExported: Math.floor(exported),
      voltage,
      current: power / voltage,
      frequency: 50 + 0.02 * smoothNoise(39, hours * 20) + 0.01 * jitter(40, timeS),
    };
  });
};

/** A vehicle that is driven in one hour of six and stands otherwise. */
const LOCATION_COURSE: Course = (startS, stepS, count) =>
  times(startS, stepS, count).map((timeS) => {
    const hours = timeS / HOUR_S;
    const drives = hashUnit(51, Math.floor(hours)) < 1 / 6;
    // Where it is follows the hour, so that it has moved when it drives and stands still in between.
    const way = Math.floor(hours) + (drives ? hours - Math.floor(hours) : 0);
    const metres = 0.00001;
    return {
      latitude: 47.1 + 0.05 * smoothNoise(52, way / 6) + 1.5 * metres * jitter(53, timeS),
      longitude: 8.2 + 0.08 * smoothNoise(54, way / 6) + 1.5 * metres * jitter(55, timeS),
      altitude: 450 + 40 * smoothNoise(56, way / 6) + 3 * jitter(57, timeS),
      accuracy: 3 + 2 * hashUnit(58, timeS),
      speed: drives ? 13 + 8 * smoothNoise(59, hours * 20) : 0,
      course: drives ? (((180 + 170 * smoothNoise(60, hours * 6)) % 360) + 360) % 360 : 0,
      satellites: 9 + 3 * smoothNoise(61, hours / 2) + jitter(62, timeS),
      battery: weatherAt(timeS).battery,
    };
  });

/** A field with a well that is pumped in the morning. */
const SOIL_COURSE: Course = (startS, stepS, count) => {
  let litres = 500_000 + Math.floor(400_000 * hashUnit(71, startS));
  return times(startS, stepS, count).map((timeS) => {
    const hours = timeS / HOUR_S;
    const season = sin(2 * PI * ((timeS - YEAR_START_S) / YEAR_S - 0.3));
    const pumps = hashUnit(72, Math.floor(hours)) < 0.1 && dayCourse(timeS) > 0;
    if (pumps) litres += (stepS / 60) * 20;
    return {
      soilMoistureUpper: 24 + 6 * smoothNoise(73, hours / 60) + 0.1 * jitter(74, timeS),
      soilMoistureLower: 31 + 3 * smoothNoise(75, hours / 200) + 0.05 * jitter(76, timeS),
      soilTemperatureUpper: 11 + 9 * season + 2.5 * dayCourse(timeS - 3 * HOUR_S) + 0.05 * jitter(77, timeS),
      soilTemperatureLower: 11 + 7 * season + 0.05 * jitter(78, timeS),
      soilConductivity: 0.05 + 0.02 * smoothNoise(79, hours / 60) + 0.0006 * jitter(80, timeS),
      waterLevel: 3.2 + 0.4 * smoothNoise(81, hours / 100) - (pumps ? 0.15 : 0) + 0.002 * jitter(82, timeS),
      waterTemperature: 10 + 1.5 * season + 0.05 * jitter(83, timeS),
      waterConductivity: 0.06 + 0.01 * smoothNoise(84, hours / 300) + 0.0005 * jitter(85, timeS),
      waterVolume: Math.floor(litres),
      battery: weatherAt(timeS).battery,
    };
  });
};

const GENERATED: readonly Generated[] = Object.freeze(
  (
    [
      [WEATHER, WEATHER_COURSE],
      [AIR_QUALITY, AIR_COURSE],
      [ENERGY, ENERGY_COURSE],
      [LOCATION, LOCATION_COURSE],
      [SOIL_WATER, SOIL_COURSE],
    ] as const
  ).map(([profile, course]) => ({ profile, name: profileName(profile), course })),
);

export const PROFILE_NAMES: readonly string[] = Object.freeze(GENERATED.map(({ name }) => name));

/** The profile of a name in PROFILE_NAMES. */
export function profileOfName(name: string): Profile | undefined {
  return GENERATED.find((generated) => generated.name === name)?.profile;
}

/** `count` stretches of `length` readings, their starts spread evenly over the year and over the times of the day. */
export function generatedStretches(profile: Profile, stepS: number, count: number, length: number): Stretch[] {
  const generated = GENERATED.find((candidate) => candidate.profile === profile);
  if (generated === undefined) throw new RangeError(`no course for ${profile.uri}`);
  return Array.from({ length: count }, (_, i) => {
    const startS = Math.ceil((YEAR_START_S + ((i + 0.5) * YEAR_S) / count) / stepS) * stepS;
    return { startS, rows: generated.course(startS, stepS, length).map((values) => toRow(profile, values)) };
  });
}

/** Up to `count` stretches of `length` readings from recorded weather, spread evenly; none where there is no such stretch. */
export function recordedStretches(table: ReplayTable, stepS: number, count: number, length: number): Stretch[] {
  const sequences = weatherSequences(table, stepS, [0]);
  const starts = sequences.flatMap((sequence) =>
    Array.from({ length: Math.max(0, sequence.rows.length - length + 1) }, (_, at) => ({ sequence, at })),
  );
  const taken = Math.min(count, starts.length);
  return Array.from({ length: taken }, (_, i) => {
    const { sequence, at } = starts[Math.floor(((i + 0.5) * starts.length) / taken)];
    const rows = Array.from({ length }, (_, k) => ({
      flags: sequence.flags[at + k],
      values: sequence.rows[at + k],
    }));
    return { startS: sequence.startS + at * stepS, rows };
  });
}

function toRow(profile: Profile, values: Values): Row {
  const row: Row = { flags: 0, values: new Int32Array(profile.fields.length) };
  profile.fields.forEach((field, f) => {
    const value = values[field.name];
    const integer = value === undefined ? undefined : fieldInteger(field, value);
    if (integer === undefined) row.flags |= missingFlag(f);
    else row.values[f] = integer;
  });
  return row;
}
