/** The cells of a CSV line (RFC 4180) and what stands in them: numbers and times. */

const MONTH_LENGTHS: readonly number[] = Object.freeze([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]);

/** Splits one line at its commas; a cell may be in quotes, with doubled quotes inside. Returns a reason, or "". */
export function splitCells(line: string, cells: string[]): string {
  cells.length = 0;
  for (let at = 0; ; at++) {
    let cell = "";
    if (line[at] === '"') {
      at++;
      for (;;) {
        const quote = line.indexOf('"', at);
        if (quote < 0) return "quote-not-closed";
        cell += line.slice(at, quote);
        at = quote + 1;
        if (line[at] !== '"') break;
        cell += '"';
        at++;
      }
      if (at < line.length && line[at] !== ",") return "text-behind-quote";
    } else {
      const comma = line.indexOf(",", at);
      const end = comma < 0 ? line.length : comma;
      cell = line.slice(at, end);
      at = end;
    }
    cells.push(cell);
    if (at >= line.length) return "";
  }
}

/** A decimal number, NaN for a missing value, undefined for anything else. */
export function parseCell(cell: string): number | undefined {
  if (cell === "" || cell === "NaN" || cell === "nan") return Number.NaN;
  if (cell.length > 32 || !/^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?$/.test(cell)) return undefined;
  return Number(cell);
}

/** Unix milliseconds of an ISO 8601 date and time (years 1970 to 2199; UTC where no offset is given), or NaN. */
export function parseTime(cell: string): number {
  const match =
    /^([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?(Z|[+-][0-9]{2}:[0-9]{2})?$/.exec(
      cell,
    );
  if (match === null) return Number.NaN;
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map((i) => Number(match[i] ?? 0));
  if (year < 1970 || year > 2199 || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59)
    return Number.NaN;
  if (day < 1 || day > MONTH_LENGTHS[month - 1] + (month === 2 && isLeap(year) ? 1 : 0)) return Number.NaN;
  const milliseconds = match[7] === undefined ? 0 : Number(`${match[7]}00`.slice(0, 3));
  const zone = match[8] ?? "Z";
  const offsetHours = zone === "Z" ? 0 : Number(zone.slice(1, 3));
  const offsetMinutes = zone === "Z" ? 0 : Number(zone.slice(4, 6));
  if (offsetHours > 14 || offsetMinutes > 59) return Number.NaN;
  const offset = (offsetHours * 60 + offsetMinutes) * (zone[0] === "-" ? -1 : 1);
  const minutes = (daysSince1970(year, month, day) * 24 + hour) * 60 + minute - offset;
  return (minutes * 60 + second) * 1000 + milliseconds;
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

function daysSince1970(year: number, month: number, day: number): number {
  const past = year - 1;
  let days = 365 * past + Math.floor(past / 4) - Math.floor(past / 100) + Math.floor(past / 400) - 719162;
  for (let m = 1; m < month; m++) days += MONTH_LENGTHS[m - 1] + (m === 2 && isLeap(year) ? 1 : 0);
  return days + day - 1;
}
