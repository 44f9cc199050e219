/**
 * Recorded weather as a node would have sampled it: integers of the weather profile at equal steps, cut where rows are missing. Row values
 * are taken as they stand (a one-minute wind is not averaged over the step, a gust is that of its row); rain becomes tips of the bucket.
 */
import { fieldInteger, missingFlag } from "../../firmware/wire/profile.ts";
import { WEATHER } from "../../firmware/wire/profiles/weather.ts";
import type { ReplayTable } from "../../host-sim/weather/replay-csv.ts";
import type { Quantity } from "../../host-sim/weather/weather.ts";

/** Readings at equal steps, without a gap. */
export interface Sequence {
  /** Unix time of the first one in seconds. */
  startS: number;
  stepS: number;
  /** As column 0 of a batch. */
  flags: number[];
  /** One array a reading; 0 where missing. */
  rows: Int32Array[];
}

/** Quantities in the order of the profile's fields. */
const FIELDS: readonly Quantity[] = [
  "temperature",
  "humidity",
  "pressure",
  "windSpeed",
  "windGust",
  "windDirection",
  "rain",
  "irradiance",
  "battery",
];
const RAIN_FIELD = 6;
const RAIN_EPSILON = 1e-9;

/** The sequences of a table at `stepS`, for the samplings that begin at each multiple of the table's interval within one step. */
export function weatherSequences(table: ReplayTable, stepS: number, offsetsS: readonly number[]): Sequence[] {
  const tips = rainTips(table);
  const sequences: Sequence[] = [];
  for (const offsetS of offsetsS) {
    let open: Sequence | undefined;
    for (let i = 0; i < table.unixMs.length; i++) {
      const timeS = table.unixMs[i] / 1000;
      if ((timeS - offsetS) % stepS !== 0) continue;
      // The node's slots are multiples of its step: a sampling at another phase is moved to them.
      const slotS = timeS - offsetS;
      if (open === undefined || slotS !== open.startS + open.rows.length * stepS) {
        open = { startS: slotS, stepS, flags: [], rows: [] };
        sequences.push(open);
      }
      addReading(table, i, tips, open);
    }
  }
  return sequences;
}

function addReading(table: ReplayTable, index: number, tips: Float64Array | undefined, into: Sequence): void {
  const row = new Int32Array(FIELDS.length);
  let flags = 0;
  for (let f = 0; f < FIELDS.length; f++) {
    const field = WEATHER.fields[f];
    const raw = f === RAIN_FIELD ? tips?.[index] : table.columns.get(FIELDS[f])?.[index];
    const integer = raw === undefined ? undefined : f === RAIN_FIELD ? raw : fieldInteger(field, raw);
    if (integer === undefined || Number.isNaN(integer)) {
      flags |= missingFlag(f);
      row[f] = into.rows.length > 0 ? into.rows[into.rows.length - 1][f] : 0;
    } else {
      row[f] = integer;
    }
  }
  into.flags.push(flags);
  into.rows.push(row);
}

/** Tips of the bucket up to each row, or undefined where the table has no rain. */
function rainTips(table: ReplayTable): Float64Array | undefined {
  const rain = table.columns.get("rain");
  if (rain === undefined) return undefined;
  const tips = new Float64Array(rain.length);
  const { scale } = WEATHER.fields[RAIN_FIELD];
  let millimetres = 0;
  for (let i = 0; i < rain.length; i++) {
    if (!Number.isNaN(rain[i])) millimetres += rain[i];
    tips[i] = Math.floor(millimetres / scale + RAIN_EPSILON);
  }
  return tips;
}
