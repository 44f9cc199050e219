/**
 * Dates by integer arithmetic of our own, so that a time is written alike on every engine (proleptic Gregorian calendar; the day count is
 * the usual one from 1 March on, in which the leap day is the last of its year).
 */

const DAY_S = 86_400;
const DAYS_IN_400_YEARS = 146_097;
/** Days from 1 March of the year 0 to 1 January 1970. */
const EPOCH_FROM_MARCH_0 = 719_468;
/** 6 January 1980 in Unix milliseconds. */
const GPS_EPOCH_UNIX_MS = 315_964_800_000;
/** GPS time has no leap seconds: it has been ahead of UTC by so much since 2017. */
const GPS_MINUS_UTC_MS = 18_000;

function digits(value: number, count: number): string {
  let text = String(value);
  while (text.length < count) text = `0${text}`;
  return text;
}

/** `2022-07-18` for a number of whole days since 1 January 1970. */
function isoDate(unixDays: number): string {
  const days = unixDays + EPOCH_FROM_MARCH_0;
  const era = Math.floor(days / DAYS_IN_400_YEARS);
  const dayOfEra = days - era * DAYS_IN_400_YEARS;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`;
}

/**
 * RFC 3339 in UTC, as ChirpStack writes it: `2022-07-18T09:34:15.775023+00:00`, with no fraction, three or six digits of it, whichever is
 * enough. `unixMs` may have a fraction (microseconds).
 */
export function isoTime(unixMs: number): string {
  const unixUs = Math.floor(unixMs * 1000 + 0.5);
  const unixS = Math.floor(unixUs / 1_000_000);
  const us = unixUs - unixS * 1_000_000;
  const unixDays = Math.floor(unixS / DAY_S);
  const secondOfDay = unixS - unixDays * DAY_S;
  const hour = Math.floor(secondOfDay / 3600);
  const minute = Math.floor((secondOfDay - hour * 3600) / 60);
  const second = secondOfDay - hour * 3600 - minute * 60;
  const fraction = us === 0 ? "" : us % 1000 === 0 ? `.${digits(us / 1000, 3)}` : `.${digits(us, 6)}`;
  return `${isoDate(unixDays)}T${digits(hour, 2)}:${digits(minute, 2)}:${digits(second, 2)}${fraction}+00:00`;
}

/** Milliseconds since the GPS epoch, the scale of LoRaWAN's DeviceTimeAns (TS001-1.0.4 5.11). */
export function gpsMsFromUnixMs(unixMs: number): number {
  return unixMs - GPS_EPOCH_UNIX_MS + GPS_MINUS_UTC_MS;
}
