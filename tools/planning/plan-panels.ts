/** What the panels of a plan's chart show: series, limits and axes. Drawn by plan-chart.ts. */
import { DAY_S, YEAR_DAYS } from "./limits.ts";
import type { BatchPlan, LimitName, Plan } from "./plan-types.ts";
import { figure, span } from "./wording.ts";

/** Told apart by people who do not see all colours (after P. Tol's "bright"), and dark enough on white. */
export const SERIES = ["#1f5fa8", "#c2410c", "#2a7f4f", "#8b3fa0", "#a16207", "#0f7f8f", "#4b5563"];

export interface Series {
  label: string;
  color: string;
  batches: readonly BatchPlan[];
  value: (batch: BatchPlan) => number;
  dashed?: boolean;
}

export interface Mark {
  limit: LimitName;
  label: string;
  value: number;
}

export interface Panel {
  title: string;
  series: Series[];
  marks: Mark[];
  tick: (value: number) => string;
  /** What a limit allows. */
  mark: (value: number) => string;
  ticks?: readonly number[];
}

const AGE_TICKS_S = [
  1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400, 28_800, 57_600, 86_400, 172_800, 432_000, 864_000,
  1_728_000, 4_320_000,
];

export interface ChartOptions {
  batteryMah: number | undefined;
  /** The network bills data credits. */
  credits: boolean;
}

/** One panel a quantity; a series for each plan. */
export function panelsOf(plans: readonly Plan[], { batteryMah, credits }: ChartOptions): Panel[] {
  const several = plans.length > 1;
  const seriesOf = (value: Series["value"], label: string): Series[] =>
    plans.map(({ link, batches }, i) => ({
      label: several ? `DR${link.dataRate}` : label,
      color: SERIES[i % SERIES.length],
      batches,
      value,
    }));
  const { limits, link } = plans[0];
  const limit = (name: LimitName): number | undefined => limits.find((candidate) => candidate.name === name)?.value;
  const mark = (name: LimitName, label: string, value: number | undefined): Mark[] =>
    value === undefined ? [] : [{ limit: name, label, value }];
  const { dutyCyclePermille = 0 } = link;
  const ages: Series[] = several
    ? seriesOf(({ worstAgeS }) => worstAgeS, "oldest")
    : [
        ...seriesOf(({ worstAgeS }) => worstAgeS, "oldest"),
        { ...seriesOf(({ meanAgeS }) => meanAgeS, "mean")[0], color: SERIES[1], dashed: true },
      ];
  const years = limit("years");
  const panels: Panel[] = [
    {
      title: "Airtime, seconds a day",
      series: seriesOf(({ airtimeSPerDay }) => airtimeSPerDay, "all frames"),
      marks: [
        ...mark(
          "dutyCycle",
          `${dutyCyclePermille / 10} % duty cycle, all day`,
          limit("dutyCycle") === undefined ? undefined : (DAY_S * dutyCyclePermille) / 1000,
        ),
        ...mark("fairUseAirtime", "fair use", limit("fairUseAirtime")),
      ],
      tick: plainTick,
      mark: figure,
    },
    {
      title: "Charge, mAh a day",
      series: seriesOf(({ mahPerDay }) => mahPerDay, "node"),
      marks: mark(
        "years",
        `${years} year${years === 1 ? "" : "s"}`,
        years === undefined || batteryMah === undefined ? undefined : batteryMah / (years * YEAR_DAYS),
      ),
      tick: plainTick,
      mark: figure,
    },
    {
      title: several ? "Age of the oldest reading when it arrives" : "Age of readings when they arrive",
      series: ages,
      marks: mark("age", "asked for", limit("age")),
      tick: wholeSpan,
      mark: span,
      ticks: AGE_TICKS_S,
    },
  ];
  if (credits) {
    panels.splice(1, 0, {
      title: "Data credits a day",
      series: seriesOf(({ creditsPerDay }) => creditsPerDay, "credits"),
      marks: mark("credits", "asked for", limit("credits")),
      tick: plainTick,
      mark: figure,
    });
  }
  return panels;
}

/** A tick of the axis of time, in the largest unit that is a whole number. */
function wholeSpan(seconds: number): string {
  for (const [unitS, unit] of [
    [DAY_S, "d"],
    [3600, "h"],
    [60, "min"],
  ] as const) {
    if (seconds % unitS === 0) return `${seconds / unitS} ${unit}`;
  }
  return `${seconds} s`;
}

function plainTick(value: number): string {
  return value >= 10_000 ? `${value / 1000}k` : String(value);
}
