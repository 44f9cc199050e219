/** The limits that a plan is held against. */
import { NETWORKS } from "./networks.ts";
import type { BatchPlan, Limit, LimitName, PlanInput } from "./plan-types.ts";

export const DAY_S = 86_400;
export const YEAR_DAYS = 365.25;

/** All limits that hold for what was asked. */
export function limitsOf({ link, network, maxAgeS, maxCredits, minYears }: PlanInput): Limit[] {
  const { airtimeS, downlinks } = NETWORKS[network];
  const limits: Limit[] = [];
  const add = (name: LimitName, value: number | undefined): void => {
    if (value !== undefined) limits.push({ name, value });
  };
  add("dutyCycle", link.dutyCyclePermille === undefined ? undefined : link.dutyCyclePermille / 1000);
  add("fairUseAirtime", airtimeS);
  add("fairUseDownlinks", downlinks);
  add("age", maxAgeS);
  add("credits", maxCredits);
  add("years", minYears);
  return limits;
}

/** What a plan has of the quantity that is limited, in the limit's unit. */
export function valueFor(plan: BatchPlan, limit: Limit): number {
  switch (limit.name) {
    case "dutyCycle":
      return (plan.dutyCycleShare ?? 0) * limit.value;
    case "fairUseAirtime":
      return plan.airtimeSPerDay;
    case "fairUseDownlinks":
      return plan.downlinksPerDay;
    case "age":
      return plan.worstAgeS;
    case "credits":
      return plan.creditsPerDay;
    case "years":
      return (plan.batteryDays ?? Infinity) / YEAR_DAYS;
  }
}

export function breaksLimit(plan: BatchPlan, limit: Limit): boolean {
  const value = valueFor(plan, limit);
  return limit.name === "years" ? value < limit.value : value > limit.value;
}
