/** What `plan` shows a person: the table, what is recommended or cannot be kept, what is in the figures, and what to try next. */
import { styleText } from "node:util";
import { DAY_S, valueFor } from "./limits.ts";
import { CREDIT_PRICE, NETWORKS, type NetworkName } from "./networks.ts";
import type { BatchPlan, Limit, Plan } from "./plan-types.ts";
import { batchSentence, batchText, figure, LIMIT_NAMES, limitText, linkText, needText, span } from "./wording.ts";

/** What was asked, as far as it is to be said again. */
export interface Asked {
  network: NetworkName;
  batteryMah: number | undefined;
  /** Tokens may be lost for good. */
  lossy: boolean;
  /** The command line's sentence about the node: region and data rate come before it. */
  node: string;
  /** Where the tokens' lengths come from. */
  source: string;
  /** What goes out beside tokens with readings. */
  besides: string;
}

interface Column {
  title: string;
  show: (plan: BatchPlan) => string;
}

/** Rows of a table that not everybody wants all of: these, what is recommended, and full frames. */
const SHOWN_READINGS = [1, 2, 3, 4, 6, 8, 12, 18, 24, 36, 48, 64];
const OUT_OF = 100;

function columnsFor({ network, batteryMah, lossy }: Asked): Column[] {
  const { downlinks, credits } = NETWORKS[network];
  const optional: [boolean, Column][] = [
    [true, { title: "bytes", show: ({ tokenBytes }) => figure0(tokenBytes) }],
    [true, { title: "frames", show: ({ frames }) => frames.toFixed(1) }],
    [true, { title: "air s/day", show: ({ airtimeSPerDay }) => figure(airtimeSPerDay) }],
    [
      true,
      {
        title: "duty %",
        show: ({ dutyCycleShare }) => (dutyCycleShare === undefined ? "-" : figure0(OUT_OF * dutyCycleShare)),
      },
    ],
    [true, { title: "B/reading", show: ({ airBytesPerReading }) => airBytesPerReading.toFixed(2) }],
    [downlinks !== undefined, { title: "down/day", show: ({ downlinksPerDay }) => figure(downlinksPerDay) }],
    [credits, { title: "credits/day", show: ({ creditsPerDay }) => figure0(creditsPerDay) }],
    [true, { title: "mAh/day", show: ({ mahPerDay }) => mahPerDay.toFixed(2) }],
    [batteryMah !== undefined, { title: "battery", show: ({ batteryDays = 0 }) => span(batteryDays * DAY_S) }],
    [lossy, { title: "arrive %", show: ({ delivered }) => (OUT_OF * delivered).toFixed(1) }],
    [true, { title: "mean age", show: ({ meanAgeS }) => span(meanAgeS) }],
    [true, { title: "oldest", show: ({ worstAgeS }) => span(worstAgeS) }],
  ];
  return optional.filter(([wanted]) => wanted).map(([, column]) => column);
}

function figure0(value: number): string {
  return value.toFixed(0);
}

interface Row {
  cells: string[];
  limits: string;
  chosen: boolean;
}

function rowOf(first: string, plan: BatchPlan, columns: readonly Column[], chosen: boolean): Row {
  return {
    cells: [first, ...columns.map(({ show }) => show(plan))],
    limits:
      plan.breaks.length > 0
        ? `breaks ${plan.breaks.map((name) => LIMIT_NAMES[name]).join(", ")}`
        : chosen
          ? "recommended"
          : "",
    chosen,
  };
}

function tableText(titles: readonly string[], rows: readonly Row[]): string {
  const widths = titles.map((title, i) => Math.max(title.length, ...rows.map(({ cells }) => cells[i].length)));
  const aligned = (cells: readonly string[]): string => cells.map((cell, i) => cell.padStart(widths[i])).join("  ");
  const lines = rows.map(({ cells, limits, chosen }) => {
    const numbers = chosen ? styleText("bold", aligned(cells)) : aligned(cells);
    const words = limits === "" ? "" : `  ${styleText(chosen ? "green" : "yellow", limits)}`;
    return `${numbers}${words}\n`;
  });
  return `${styleText("bold", aligned(titles))}\n${lines.join("")}`;
}

/** One plan, a row for each way to close a batch. */
export function planText(plan: Plan, asked: Asked): string {
  const columns = columnsFor(asked);
  const fixed = plan.batches.filter(({ closes }) => closes === "readings");
  const few = fixed.length <= SHOWN_READINGS.length;
  const rows = plan.batches
    .filter(
      (batch) => few || batch.closes === "frames" || batch === plan.recommended || SHOWN_READINGS.includes(batch.at),
    )
    .map((batch) => rowOf(batchText(batch), batch, columns, batch === plan.recommended));
  const titles = ["batch", ...columns.map(({ title }) => title)];
  return `${headText(plan, asked)}\n\n${tableText(titles, rows)}\n${verdictText(plan, asked)}${noteText(asked)}`;
}

/** Several data rates, a row for what is recommended at each; where nothing is, for the least airtime. */
export function planAllText(plans: readonly Plan[], asked: Asked): string {
  const columns = columnsFor(asked);
  const rows = plans.flatMap((plan) => {
    const batch = plan.recommended ?? plan.leastAirtime;
    if (batch === undefined) return [];
    return [
      rowOf(
        `DR${plan.link.dataRate}`,
        batch,
        [{ title: "batch", show: batchText }, ...columns],
        plan.recommended !== undefined,
      ),
    ];
  });
  const titles = ["rate", "batch", ...columns.map(({ title }) => title)];
  const kept = plans.filter(({ recommended }) => recommended !== undefined);
  const verdict =
    kept.length === 0
      ? `${styleText("red", "no data rate keeps all limits")}; each row is the batch with the least airtime\n`
      : kept.length < plans.length
        ? "where nothing is recommended, the row is the batch with the least airtime\n"
        : "";
  return `${plans[0].link.region}, all data rates${asked.node}\n\n${tableText(titles, rows)}\n${verdict}${noteText(asked)}`;
}

export function headText({ link }: Plan, { node }: Asked): string {
  return `${linkText(link)}${node}`;
}

function verdictText(plan: Plan, asked: Asked): string {
  const { recommended, leastAirtime } = plan;
  if (recommended === undefined) return unkeptText(plan);
  const best = `${styleText("green", `recommended: ${batchSentence(recommended)}`)}; ${ageText(recommended)}\n`;
  const credits = NETWORKS[asked.network].credits
    ? `  ${figure0(recommended.creditsPerDay * 365)} data credits a year, $${(recommended.creditsPerDay * 365 * CREDIT_PRICE).toFixed(2)}\n`
    : "";
  const limits = plan.limits
    .map((limit) => `  keeps ${limitText(limit)}; takes ${needText(recommended, limit)}\n`)
    .join("");
  const least =
    leastAirtime === undefined || leastAirtime === recommended
      ? ""
      : `least airtime: ${batchSentence(leastAirtime)}; ${ageText(leastAirtime)}, ${figure(leastAirtime.airtimeSPerDay)} s a day\n`;
  return `${best}${limits}${credits}${least}`;
}

function ageText({ meanAgeS, worstAgeS }: BatchPlan): string {
  return `readings arrive ${span(meanAgeS)} old on the average, ${span(worstAgeS)} at most`;
}

function unkeptText({ batches, limits, unkept }: Plan): string {
  const lines = limits
    .filter(({ name }) => unkept.length === 0 || unkept.includes(name))
    .map((limit) => {
      const best = nearest(batches, limit);
      return `  ${limitText(limit)}; takes ${needText(best, limit)} at best, with ${batchSentence(best)}\n`;
    });
  const what = unkept.length === 0 ? "limits that no batch keeps together:" : "limits that no batch keeps:";
  return `${styleText("red", what)}\n${lines.join("")}`;
}

/** The batch that comes nearest to a limit, or keeps most distance from it. */
function nearest(batches: readonly BatchPlan[], limit: Limit): BatchPlan {
  const sign = limit.name === "years" ? -1 : 1;
  return [...batches].sort((a, b) => sign * (valueFor(a, limit) - valueFor(b, limit)))[0];
}

function noteText({ besides, source }: Asked): string {
  return `in it: ${besides}\ntoken lengths: ${source}\n`;
}
