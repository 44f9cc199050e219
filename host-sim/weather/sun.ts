/** Where the sun stands and what a clear sky lets through; good to a degree and some per cent, which is plenty for a simulated day. */
import { cos, exp, PI, sin } from "../../firmware/wire/exact-math.ts";

const DAY_MS = 86_400_000;
/** Mean year; the phase below is that of 2000-01-01, and drifts by less than a day within a century. */
const YEAR_DAYS = 365.2425;
const UNIX_DAYS_AT_2000 = 10_957;

/** The part of the year that has passed, from 0 at the beginning of January to 1. */
export function partOfYear(unixMs: number): number {
  const years = (unixMs / DAY_MS - UNIX_DAYS_AT_2000) / YEAR_DAYS;
  return years - Math.floor(years);
}

/** Sine of the sun's height above the horizon (negative at night), by Cooper's declination and the hour angle. */
export function sunHeight(unixMs: number, latitudeDeg: number, longitudeDeg: number): number {
  const declination = ((-23.44 * PI) / 180) * cos(2 * PI * (partOfYear(unixMs) + 10 / YEAR_DAYS));
  const days = unixMs / DAY_MS + longitudeDeg / 360;
  const hourAngle = 2 * PI * (days - Math.floor(days) - 0.5);
  const latitude = (latitudeDeg * PI) / 180;
  return sin(latitude) * sin(declination) + cos(latitude) * cos(declination) * cos(hourAngle);
}

/** Global irradiance of a clear sky in W/m2 (Haurwitz 1945). */
export function clearSkyWpm2(height: number): number {
  return height <= 0 ? 0 : 1098 * height * exp(-0.057 / height);
}
