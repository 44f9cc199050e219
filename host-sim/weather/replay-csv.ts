/**
 * Reads a table of recorded weather: CSV (RFC 4180, fields in quotes allowed, line breaks within them not), one header line, times in UTC or
 * with an offset (ISO 8601), one row after the other in time. It takes text from anywhere and never throws: what is wrong comes back with its
 * line, its column and a reason. An empty cell, or NaN, is a missing value.
 */

import { parseCell, parseTime, splitCells } from "./csv-cells.ts";
import type { Quantity } from "./weather.ts";
import { QUANTITIES } from "./weather.ts";

const MAX_ROWS = 2_000_000;
const MAX_COLUMNS = 256;
const MAX_LINE_LENGTH = 16_384;
/** Taken for the time between rows where there is one row only. */
const SINGLE_ROW_INTERVAL_MS = 60_000;

/** What a column can be: a quantity, the time, or the running total of the rain (`rain` is what fell since the row before). */
export type ColumnRole = Quantity | "time" | "rainTotal";

/** Header names that are understood without a mapping. */
const DEFAULT_MAPPING: readonly (readonly [ColumnRole, string])[] = Object.freeze([
  ["time", "time_utc"],
  ["temperature", "air_temperature_degC"],
  ["humidity", "relative_humidity_pct"],
  ["pressure", "pressure_hPa"],
  ["windSpeed", "wind_speed_mps"],
  ["windGust", "wind_gust_mps"],
  ["windDirection", "wind_direction_deg"],
  ["rain", "rain_accumulation_mm"],
  ["rainTotal", "rain_total_mm"],
  ["irradiance", "irradiance_wpm2"],
  ["battery", "battery_V"],
]);

/** What weather on Earth, and a battery, can be; a value beyond it (-9999 for one) is an error of the file. */
const PLAUSIBLE: Readonly<Record<Quantity | "rainTotal", readonly [number, number]>> = Object.freeze({
  temperature: [-100, 70],
  humidity: [-5, 120],
  pressure: [100, 1200],
  windSpeed: [0, 150],
  windGust: [0, 150],
  windDirection: [0, 360],
  rain: [0, 1000],
  rainTotal: [0, 1e6],
  irradiance: [-100, 2500],
  battery: [0, 100],
});

export interface ReplayTable {
  /** Time of each row, Unix milliseconds, ascending. */
  unixMs: Float64Array;
  /** The usual time between rows, in milliseconds: the median. */
  intervalMs: number;
  /** The values of each quantity that the file has: degC, %RH, hPa, m/s, m/s, degrees, mm in the row, W/m2, V. NaN: missing. */
  columns: Map<Quantity, Float64Array>;
}

export interface CsvError {
  /** From 1; 0 where the mapping and not the file is wrong. */
  line: number;
  /** The column's name in the header, or the name that was asked for. */
  column: string | undefined;
  /** In kebab-case. */
  reason: string;
}

export type ReplayResult = { ok: true; table: ReplayTable } | { ok: false; error: CsvError };

/** "line 7, column rh: number-not-understood" */
export function describeCsvError(error: CsvError): string {
  const place = error.line === 0 ? "mapping" : `line ${error.line}`;
  return `${place}${error.column === undefined ? "" : `, column ${error.column}`}: ${error.reason}`;
}

/**
 * Reads `text`. `mapping` names columns that are called otherwise, as in "time=when,temperature=air_temp,humidity=rh"; the names of the
 * quantities are those of the weather profile.
 */
export function parseReplayCsv(text: string, mapping = ""): ReplayResult {
  return new ReplayParser(text).parse(mapping);
}

interface Column {
  role: ColumnRole;
  name: string;
  index: number;
}

class ReplayParser {
  #text: string;
  #at = 0;
  #line = 0;
  #column: string | undefined;

  constructor(text: string) {
    this.#text = text;
    if (text.charCodeAt(0) === 0xfeff) this.#at = 1;
  }

  parse(mapping: string): ReplayResult {
    const names = new Map<ColumnRole, string>(DEFAULT_MAPPING);
    const asked = new Set<ColumnRole>();
    const badMapping = this.#readMapping(mapping, names, asked);
    if (badMapping !== "") return this.#fail(badMapping);

    const header: string[] = [];
    const badHeader = this.#readLine(header);
    if (badHeader !== "") return this.#fail(badHeader);
    const columns: Column[] = [];
    const badColumns = this.#findColumns(header, names, asked, columns);
    if (badColumns !== "") return this.#fail(badColumns);

    const times: number[] = [];
    const values = columns.map((): number[] => []);
    const cells: string[] = [];
    while (this.#at < this.#text.length) {
      const badLine = this.#readLine(cells);
      if (badLine !== "") return this.#fail(badLine);
      if (cells.length === 1 && cells[0] === "") continue;
      if (times.length === MAX_ROWS) return this.#fail("too-many-rows");
      if (cells.length < header.length) return this.#fail("too-few-cells");
      if (cells.length > header.length) return this.#fail("too-many-cells");
      const badRow = this.#readRow(cells, columns, times, values);
      if (badRow !== "") return this.#fail(badRow);
    }
    this.#column = undefined;
    if (times.length === 0) return this.#fail("no-rows");
    return { ok: true, table: toTable(columns, times, values) };
  }

  #fail(reason: string): ReplayResult {
    return { ok: false, error: { line: this.#line, column: this.#column, reason } };
  }

  #readMapping(mapping: string, names: Map<ColumnRole, string>, asked: Set<ColumnRole>): string {
    if (mapping === "") return "";
    for (const pair of mapping.split(",")) {
      const equals = pair.indexOf("=");
      const role = pair.slice(0, Math.max(equals, 0)).trim() as ColumnRole;
      const name = pair.slice(equals + 1).trim();
      this.#column = pair;
      if (equals < 0 || name === "") return "mapping-not-understood";
      if (!names.has(role)) return "unknown-quantity";
      if (asked.has(role)) return "quantity-twice";
      asked.add(role);
      // The rain is told in one of two ways: who asks for one does not want the other by its default name.
      if (role === "rain" && !asked.has("rainTotal")) names.set("rainTotal", "");
      if (role === "rainTotal" && !asked.has("rain")) names.set("rain", "");
      names.set(role, name);
    }
    this.#column = undefined;
    return "";
  }

  #findColumns(header: string[], names: Map<ColumnRole, string>, asked: Set<ColumnRole>, columns: Column[]): string {
    if (header.length > MAX_COLUMNS) return "too-many-columns";
    for (let i = 0; i < header.length; i++) header[i] = header[i].trim();
    for (const [role, name] of names) {
      if (name === "") continue;
      this.#column = name;
      const index = header.indexOf(name);
      if (index < 0) {
        if (role === "time") return "no-time-column";
        if (asked.has(role)) return "unknown-column";
        continue;
      }
      if (header.indexOf(name, index + 1) >= 0) return "column-twice";
      columns.push({ role, name, index });
    }
    this.#column = undefined;
    if (columns.some((c) => c.role === "rain") && columns.some((c) => c.role === "rainTotal"))
      return "rain-and-rain-total";
    return columns.length < 2 ? "no-known-column" : "";
  }

  #readRow(cells: string[], columns: Column[], times: number[], values: number[][]): string {
    for (let i = 0; i < columns.length; i++) {
      const { role, name, index } = columns[i];
      this.#column = name;
      const cell = cells[index].trim();
      if (role === "time") {
        const time = parseTime(cell);
        if (Number.isNaN(time)) return "time-not-understood";
        if (times.length > 0 && time <= times[times.length - 1]) return "time-not-ascending";
        times.push(time);
        continue;
      }
      const value = parseCell(cell);
      if (value === undefined) return "number-not-understood";
      if (value < PLAUSIBLE[role][0] || value > PLAUSIBLE[role][1]) return "value-not-plausible";
      values[i].push(value);
    }
    this.#column = undefined;
    return "";
  }

  /** Reads one line into `cells`; returns a reason, or "". */
  #readLine(cells: string[]): string {
    const text = this.#text;
    this.#line++;
    this.#column = undefined;
    const start = this.#at;
    let end = start;
    while (end < text.length && !isLineEnd(text.charCodeAt(end))) end++;
    if (end - start > MAX_LINE_LENGTH) return "line-too-long";
    this.#at = end + (text[end] === "\r" && text[end + 1] === "\n" ? 2 : 1);
    return splitCells(text.slice(start, end), cells);
  }
}

function isLineEnd(code: number): boolean {
  return code === 0x0a || code === 0x0d;
}

function toTable(columns: Column[], times: number[], values: number[][]): ReplayTable {
  const table = new Map<Quantity, Float64Array>();
  for (const quantity of QUANTITIES) {
    const at = columns.findIndex((column) => column.role === quantity);
    if (at >= 0) table.set(quantity, Float64Array.from(values[at]));
  }
  const totals = columns.findIndex((column) => column.role === "rainTotal");
  if (totals >= 0) table.set("rain", rainFromTotals(values[totals]));
  return { unixMs: Float64Array.from(times), intervalMs: medianInterval(times), columns: table };
}

/** What fell in each row, from a running total that begins anew now and then. */
function rainFromTotals(totals: number[]): Float64Array {
  const rain = new Float64Array(totals.length);
  let last = Number.NaN;
  for (let row = 0; row < totals.length; row++) {
    const total = totals[row];
    rain[row] = Number.isNaN(total) ? Number.NaN : Number.isNaN(last) ? 0 : total >= last ? total - last : total;
    if (!Number.isNaN(total)) last = total;
  }
  return rain;
}

function medianInterval(times: number[]): number {
  if (times.length < 2) return SINGLE_ROW_INTERVAL_MS;
  const intervals = new Float64Array(times.length - 1);
  for (let i = 0; i < intervals.length; i++) intervals[i] = times[i + 1] - times[i];
  intervals.sort();
  return intervals[intervals.length >> 1];
}
