/** How a plan's figures and limits are written for people, in table and chart alike. */
import type { NodeLink } from "../../host-sim/node-link.ts";
import { DAY_S, valueFor, YEAR_DAYS } from "./limits.ts";
import type { BatchPlan, Limit, LimitName } from "./plan-types.ts";

const MINUTE_S = 60;
const HOUR_S = 3600;
const YEAR_S = YEAR_DAYS * DAY_S;

/** With as many digits as count: three of them, at most two behind the point. */
export function figure(value: number): string {
  return value.toFixed(value >= 99.5 ? 0 : value >= 9.95 ? 1 : 2);
}

/** A time span with one unit: "45 s", "12 min", "3.2 h", "2.5 d", "3.1 y". */
export function span(seconds: number): string {
  if (seconds < 2 * MINUTE_S) return `${trim(seconds, 0)} s`;
  if (seconds < 2 * HOUR_S) return `${trim(seconds / MINUTE_S, 0)} min`;
  if (seconds < 2 * DAY_S) return `${trim(seconds / HOUR_S, 1)} h`;
  if (seconds < 2 * YEAR_S) return `${trim(seconds / DAY_S, seconds < 20 * DAY_S ? 1 : 0)} d`;
  return `${trim(seconds / YEAR_S, 1)} y`;
}

/** Without zeros behind the point. */
function trim(value: number, decimals: number): string {
  return String(Number(value.toFixed(decimals)));
}

/** "EU868 DR0 (SF12, 125 kHz)". */
export function linkText({ region, dataRate, modulation }: NodeLink): string {
  return `${region} DR${dataRate} (SF${modulation.spreadingFactor}, ${modulation.bandwidthHz / 1000} kHz)`;
}

/** "12", or "4 full" for a batch that closes when four frames are full. */
export function batchText({ closes, at }: BatchPlan): string {
  return closes === "readings" ? String(at) : `${at} full`;
}

/** The same as a sentence has it. */
export function batchSentence(plan: BatchPlan): string {
  const { closes, at, readings } = plan;
  if (closes === "readings") return at === 1 ? "one reading in a token" : `${at} readings in a token`;
  const frames = at === 1 ? "one frame is full" : `${at} frames are full`;
  return `a token when ${frames} (${figure(readings)} readings)`;
}

/** Short, for a column. */
export const LIMIT_NAMES: Readonly<Record<LimitName, string>> = Object.freeze({
  dutyCycle: "duty cycle",
  fairUseAirtime: "airtime",
  fairUseDownlinks: "downlinks",
  age: "age",
  credits: "credits",
  years: "battery",
});

/** What a limit allows. */
export function limitText({ name, value }: Limit): string {
  switch (name) {
    case "dutyCycle":
      return `duty cycle: ${trim(100 * value, 1)} % of any hour`;
    case "fairUseAirtime":
      return `fair use: ${value} s of airtime a day`;
    case "fairUseDownlinks":
      return `fair use: ${value} downlinks a day`;
    case "age":
      return `age of a reading at the receiver: ${span(value)}`;
    case "credits":
      return `data credits: ${value} a day`;
    case "years":
      return `battery life: ${value} year${value === 1 ? "" : "s"}`;
  }
}

/** What a plan needs of what a limit allows. */
export function needText(plan: BatchPlan, limit: Limit): string {
  const value = valueFor(plan, limit);
  switch (limit.name) {
    case "dutyCycle":
      return `${trim(100 * value, 2)} %`;
    case "fairUseAirtime":
      return `${figure(value)} s`;
    case "fairUseDownlinks":
    case "credits":
      return figure(value);
    case "age":
      return span(value);
    case "years":
      return `${figure(value)} years`;
  }
}
