/** Times as rxpk and stat write them (PROTOCOL.TXT 4): ISO 8601 "compact" to the microsecond, and "expanded" to the second. */
import { isoTime } from "../../calendar.ts";

/** `2013-03-31T16:21:17.528002Z`. `unixMs` may have a fraction. */
export function compactTime(unixMs: number): string {
  const iso = isoTime(unixMs);
  const fraction = iso.slice("2013-03-31T16:21:17".length, -"+00:00".length).slice(1);
  return `${iso.slice(0, 19)}.${`${fraction}000000`.slice(0, 6)}Z`;
}

/** `2014-01-12 08:59:28 GMT`. */
export function expandedTime(unixMs: number): string {
  const iso = isoTime(Math.floor(unixMs / 1000) * 1000);
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} GMT`;
}

/** Unix milliseconds, with a fraction, of a time in UTC in either form; undefined for any other text. */
export function parseTime(text: string): number | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(\.\d{1,9})?(Z|\+00:00| GMT)$/.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number);
  const unixMs = Date.UTC(year, month - 1, day, hour, minute, second);
  // A date that does not exist (31 April) comes out as another one.
  if (isoTime(unixMs).slice(0, 10) !== text.slice(0, 10) || hour > 23 || minute > 59 || second > 59) return undefined;
  const fraction = match[7] === undefined ? 0 : Math.floor(Number(match[7]) * 1_000_000 + 0.5) / 1000;
  return unixMs + fraction;
}
