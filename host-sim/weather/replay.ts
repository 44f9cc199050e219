/**
 * Weather as it was recorded: the rows of a table. Instantaneous sensors see the row nearest in time, up to half an interval away; beyond
 * that, and where a cell is empty, nothing is known and the sensor does not answer. Integrating sensors see row k over (t(k-1), t(k)].
 * A pulse input cannot say "unknown" in between: a stretch without a known wind runs at the speed of the next known row, so that the mean
 * over a row is the row's value whatever came before; in a stretch without known rain none falls. A row's gust blows in its middle.
 */
import type { ReplayTable } from "./replay-csv.ts";
import type { Conditions, Quantity, Weather } from "./weather.ts";

export class ReplayWeather implements Weather {
  readonly quantities: ReadonlySet<Quantity>;
  /** Time of the first and of the last row, Unix milliseconds, and the usual time between rows. */
  readonly firstUnixMs: number;
  readonly lastUnixMs: number;
  readonly intervalMs: number;
  #times: Float64Array;
  #table: ReplayTable;
  /** Run of the wind in metres from the first row to each row. */
  #runs: Float64Array;
  /** Wind speed with unknown rows filled in by the next known one. */
  #speeds: Float64Array;
  /** Rain in millimetres from before the first row to each row. */
  #rains: Float64Array;
  #lastIndex = 0;

  constructor(table: ReplayTable) {
    this.#table = table;
    const times = table.unixMs;
    this.#times = times;
    this.quantities = new Set(table.columns.keys());
    this.firstUnixMs = times[0];
    this.lastUnixMs = times[times.length - 1];
    this.intervalMs = table.intervalMs;
    this.#speeds = new Float64Array(times.length);
    this.#runs = new Float64Array(times.length);
    this.#rains = new Float64Array(times.length);
    this.#fillWind(table.columns.get("windSpeed"));
    this.#fillRain(table.columns.get("rain"));
  }

  at(unixMs: number, out: Conditions): void {
    const row = this.#nearest(unixMs);
    out.temperatureC = this.#cell("temperature", row);
    out.humidityPct = this.#cell("humidity", row);
    out.pressureHpa = this.#cell("pressure", row);
    out.windMps = this.#cell("windSpeed", row);
    out.windDirectionDeg = this.#cell("windDirection", row);
    out.rainMmPerHour = (this.#cell("rain", row) * 3_600_000) / this.intervalMs;
    out.irradianceWm2 = this.#cell("irradiance", row);
    out.batteryV = this.#cell("battery", row);
  }

  rainMm(fromUnixMs: number, toUnixMs: number): number {
    return this.#rainUntil(toUnixMs) - this.#rainUntil(fromUnixMs);
  }

  windRunM(fromUnixMs: number, toUnixMs: number): number {
    return this.#runUntil(toUnixMs) - this.#runUntil(fromUnixMs);
  }

  gustMps(fromUnixMs: number, toUnixMs: number): number {
    const gusts = this.#table.columns.get("windGust");
    if (gusts === undefined) return Number.NaN;
    const half = this.intervalMs / 2;
    let row = this.#covering(fromUnixMs + half);
    if (row < gusts.length && this.#times[row] - half <= fromUnixMs) row++;
    // Where no row's middle has passed (samples closer than the rows), the row of the moment counts.
    if (!(row < gusts.length && this.#times[row] - half <= toUnixMs)) {
      return gusts[Math.min(this.#covering(toUnixMs), gusts.length - 1)];
    }
    let strongest = Number.NaN;
    for (; row < gusts.length && this.#times[row] - half <= toUnixMs; row++) {
      if (Number.isNaN(strongest) || gusts[row] > strongest) strongest = gusts[row];
    }
    return strongest;
  }

  #cell(quantity: Quantity, row: number): number {
    return row < 0 ? Number.NaN : (this.#table.columns.get(quantity)?.[row] ?? Number.NaN);
  }

  /** The row nearest in time, or -1 where none is within half an interval. */
  #nearest(unixMs: number): number {
    const after = this.#covering(unixMs);
    let row = Math.min(after, this.#times.length - 1);
    if (after > 0 && unixMs - this.#times[after - 1] <= this.#times[row] - unixMs) row = after - 1;
    if (after === this.#times.length) row = after - 1;
    return Math.abs(this.#times[row] - unixMs) <= this.intervalMs / 2 ? row : -1;
  }

  /** The row k with t(k-1) < `unixMs` <= t(k); 0 before the first row, the number of rows behind the last. */
  #covering(unixMs: number): number {
    const times = this.#times;
    // Time mostly goes on: the row of the last question, or the one after it.
    for (let row = this.#lastIndex; row <= this.#lastIndex + 1 && row < times.length; row++) {
      if (times[row] >= unixMs && (row === 0 || times[row - 1] < unixMs)) {
        this.#lastIndex = row;
        return row;
      }
    }
    let low = 0;
    let high = times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] < unixMs) low = middle + 1;
      else high = middle;
    }
    this.#lastIndex = Math.min(low, times.length - 1);
    return low;
  }

  /** Run of the wind from the first row to `unixMs`; before the first row and behind the last their speeds go on. */
  #runUntil(unixMs: number): number {
    const row = Math.min(this.#covering(unixMs), this.#times.length - 1);
    return this.#runs[row] + ((unixMs - this.#times[row]) * this.#speeds[row]) / 1000;
  }

  /** Rain until `unixMs`; a row's rain falls evenly in the interval that ends with it. */
  #rainUntil(unixMs: number): number {
    const row = this.#covering(unixMs);
    const before = row === 0 ? 0 : this.#rains[row - 1];
    if (row === this.#times.length) return before;
    const share = 1 - (this.#times[row] - unixMs) / this.intervalMs;
    return before + (this.#rains[row] - before) * Math.max(0, share);
  }

  #fillWind(speeds: Float64Array | undefined): void {
    if (speeds === undefined) return;
    let next = Number.NaN;
    for (let row = speeds.length - 1; row >= 0; row--) {
      if (!Number.isNaN(speeds[row])) next = speeds[row];
      this.#speeds[row] = next;
    }
    let last = 0;
    for (let row = 0; row < speeds.length; row++) {
      // Behind the last known row its speed goes on.
      if (Number.isNaN(this.#speeds[row])) this.#speeds[row] = last;
      last = this.#speeds[row];
      if (row > 0) this.#runs[row] = this.#runs[row - 1] + (last * (this.#times[row] - this.#times[row - 1])) / 1000;
    }
  }

  #fillRain(rains: Float64Array | undefined): void {
    if (rains === undefined) return;
    let sum = 0;
    for (let row = 0; row < rains.length; row++) {
      if (!Number.isNaN(rains[row])) sum += rains[row];
      this.#rains[row] = sum;
    }
  }
}
