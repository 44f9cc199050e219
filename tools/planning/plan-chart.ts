/**
 * A plan as an SVG: what a day costs and how old readings become, against the number of readings in a batch. One panel a quantity, both axes
 * logarithmic, limits as dashed lines. Where a batch breaks a limit its line is pale.
 */
import { type ChartOptions, type Panel, panelsOf, SERIES, type Series } from "./plan-panels.ts";
import type { BatchPlan, Plan } from "./plan-types.ts";
import { coordinate, element, escapeXml, line, logScale, logTicks, polyline, type Scale, text } from "./svg.ts";
import { batchSentence } from "./wording.ts";

const WIDTH = 960;
const LEFT = 84;
const RIGHT = 150;
const TOP = 152;
const PANEL_HEIGHT = 190;
const PANEL_GAP = 74;
const BOTTOM = 64;
const X_TICKS = [1, 2, 3, 4, 6, 8, 12, 18, 24, 36, 48, 64];
const X_MOST = 64;
const LABEL_PITCH = 15;
/** Lines that end so close share a name. */
const TOGETHER = 2.5;

const INK = "#1f2933";
const MUTED = "#616e7c";
const GRID = "#e4e7eb";
const AXIS = "#9aa5b1";
const LIMIT = "#c81e1e";
const GOOD = "#0e7c3a";
/** Keeps words legible where they stand on lines. */
const HALO = { stroke: "#ffffff", "stroke-width": 4, "stroke-linejoin": "round", "paint-order": "stroke" };

export interface ChartText {
  title: string;
  subtitle: string;
  /** Where the figures come from, below the panels. */
  footer: string;
}

/** The chart of one plan, or of the plans of several data rates. */
export function planChart(plans: readonly Plan[], words: ChartText, options: ChartOptions): string {
  const panels = panelsOf(plans, options);
  const height = TOP + panels.length * (PANEL_HEIGHT + PANEL_GAP) + BOTTOM;
  const x = logScale(1, X_MOST, LEFT, WIDTH - RIGHT);
  const parts = [
    element("title", {}, escapeXml(words.title)),
    element("desc", {}, escapeXml(`${words.subtitle}. ${words.footer}`)),
    element("rect", { width: WIDTH, height, fill: "#ffffff" }),
    text(LEFT, 42, words.title, { "font-size": 22, "font-weight": 600, fill: INK }),
    text(LEFT, 66, words.subtitle, { "font-size": 13, fill: MUTED }),
    legend(plans),
    ...panels.map((panel, i) => drawPanel(panel, x, TOP + i * (PANEL_HEIGHT + PANEL_GAP), plans)),
    ...wrapped(words.footer, LEFT, height - BOTTOM + 22),
  ];
  const attributes = {
    xmlns: "http://www.w3.org/2000/svg",
    width: WIDTH,
    height,
    viewBox: `0 0 ${WIDTH} ${coordinate(height)}`,
    role: "img",
    "font-family": "system-ui, 'Segoe UI', 'Helvetica Neue', 'DejaVu Sans', sans-serif",
  };
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element("svg", attributes, `\n${parts.join("\n")}\n`)}\n`;
}

function drawPanel(panel: Panel, x: Scale, top: number, plans: readonly Plan[]): string {
  const bottom = top + PANEL_HEIGHT;
  const all = panel.series.flatMap(({ batches, value }) => batches.map(value));
  const near = panel.marks.map(({ value }) => value);
  const low = Math.min(...all, ...near);
  const high = Math.max(...all, ...near);
  // A curve that is nearly level must not look like a cliff.
  const spread = Math.max(high / low, 4) / (high / low);
  const y = logScale(low / Math.sqrt(spread) / 1.15, high * Math.sqrt(spread) * 1.15, bottom, top);
  const ticks = (panel.ticks ?? logTicks(y)).filter((tick) => tick >= y.from && tick <= y.to);
  const parts = [text(LEFT, top - 12, panel.title, { "font-size": 14, "font-weight": 600, fill: INK })];
  for (const tick of ticks) {
    parts.push(line(LEFT, y.at(tick), WIDTH - RIGHT, y.at(tick), { stroke: GRID }));
    parts.push(
      text(LEFT - 10, y.at(tick) + 4, panel.tick(tick), { "font-size": 12, "text-anchor": "end", fill: MUTED }),
    );
  }
  for (const tick of X_TICKS) {
    parts.push(line(x.at(tick), bottom, x.at(tick), bottom + 5, { stroke: AXIS }));
    parts.push(text(x.at(tick), bottom + 19, String(tick), { "font-size": 12, "text-anchor": "middle", fill: MUTED }));
  }
  parts.push(line(LEFT, bottom, WIDTH - RIGHT, bottom, { stroke: AXIS }));
  parts.push(
    text(WIDTH - RIGHT, bottom + 36, "readings in a batch", { "font-size": 12, "text-anchor": "end", fill: MUTED }),
  );
  for (const { value } of panel.marks) {
    parts.push(line(LEFT, y.at(value), WIDTH - RIGHT, y.at(value), { stroke: LIMIT, "stroke-dasharray": "6 4" }));
  }
  for (const series of panel.series) parts.push(drawSeries(series, x, y, plans.length === 1));
  parts.push(drawRecommended(panel, x, y, plans, bottom));
  for (const { label, value } of panel.marks) {
    const words = `${label}: ${panel.mark(value)}`;
    parts.push(
      text(WIDTH - RIGHT - 6, y.at(value) - 6, words, { "font-size": 12, "text-anchor": "end", fill: LIMIT, ...HALO }),
    );
  }
  parts.push(...seriesLabels(panel.series, y, bottom));
  return element("g", {}, `\n${parts.join("\n")}\n`);
}

/** Fixed lengths as a line, pale where it breaks a limit; batches that close when frames are full as rings. */
function drawSeries({ batches, value, color, dashed }: Series, x: Scale, y: Scale, rings: boolean): string {
  const point = (batch: BatchPlan): [number, number] => [x.at(batch.readings), y.at(value(batch))];
  const parts: string[] = [];
  const fixed = batches.filter(({ closes }) => closes === "readings");
  for (let from = 0; from + 1 < fixed.length; ) {
    const keeps = keepsAll(fixed[from]) && keepsAll(fixed[from + 1]);
    let to = from + 1;
    while (to + 1 < fixed.length && (keepsAll(fixed[to]) && keepsAll(fixed[to + 1])) === keeps) to++;
    parts.push(
      polyline(fixed.slice(from, to + 1).map(point), {
        stroke: color,
        "stroke-width": 2.25,
        "stroke-linejoin": "round",
        "stroke-dasharray": dashed ? "2 4" : undefined,
        "stroke-linecap": dashed ? "round" : undefined,
        "stroke-opacity": keeps ? undefined : 0.3,
      }),
    );
    from = to;
  }
  if (fixed.length === 1) parts.push(dot(point(fixed[0]), color, keepsAll(fixed[0]), true));
  // Rings of many lines would hide each other; without lines they are all there is.
  if (!dashed && (rings || fixed.length === 0)) {
    for (const batch of batches) {
      if (batch.closes === "frames") parts.push(dot(point(batch), color, keepsAll(batch), false));
    }
  }
  return parts.join("\n");
}

function keepsAll({ breaks }: BatchPlan): boolean {
  return breaks.length === 0;
}

function dot([cx, cy]: [number, number], color: string, strong: boolean, filled: boolean): string {
  return element("circle", {
    cx,
    cy,
    r: 4,
    fill: filled ? color : "#ffffff",
    stroke: color,
    "stroke-width": 1.75,
    opacity: strong ? undefined : 0.4,
  });
}

function drawRecommended(panel: Panel, x: Scale, y: Scale, plans: readonly Plan[], bottom: number): string {
  const parts: string[] = [];
  plans.forEach(({ recommended }, i) => {
    if (recommended === undefined) return;
    const at = x.at(recommended.readings);
    const series = plans.length > 1 ? [panel.series[i]] : panel.series;
    if (plans.length === 1) {
      parts.push(line(at, bottom, at, bottom - PANEL_HEIGHT, { stroke: GOOD, "stroke-opacity": 0.55 }));
    }
    for (const { value } of series) {
      parts.push(
        element("circle", {
          cx: at,
          cy: y.at(value(recommended)),
          r: 5.5,
          fill: GOOD,
          stroke: "#ffffff",
          "stroke-width": 1.5,
        }),
      );
    }
  });
  return parts.join("\n");
}

interface EndLabel {
  names: string[];
  color: string;
  at: number;
}

/** Names at the ends of the lines: one for lines that end together, moved apart where they would meet, none below the axis. */
function seriesLabels(series: readonly Series[], y: Scale, bottom: number): string[] {
  const labels: EndLabel[] = [];
  const ends = series.flatMap(({ label, color, batches, value }) => {
    const last = batches.filter(({ closes }) => closes === "readings").at(-1) ?? batches.at(-1);
    return last === undefined ? [] : [{ names: [label], color, at: y.at(value(last)) }];
  });
  ends.sort((a, b) => a.at - b.at);
  for (const end of ends) {
    const above = labels.at(-1);
    if (above === undefined || end.at - above.at >= TOGETHER) {
      labels.push(end);
    } else {
      above.names.push(...end.names);
      above.color = MUTED;
    }
  }
  for (let i = 1; i < labels.length; i++) labels[i].at = Math.max(labels[i].at, labels[i - 1].at + LABEL_PITCH);
  for (let i = labels.length - 1, most = bottom; i >= 0; i--, most -= LABEL_PITCH) {
    labels[i].at = Math.min(labels[i].at, most);
  }
  return labels.map(({ names, color, at }) => {
    const name = names.length > 2 ? `${names[0]} to ${names[names.length - 1]}` : names.join(", ");
    return text(WIDTH - RIGHT + 10, at + 4, name, { "font-size": 12, "font-weight": 600, fill: color });
  });
}

function legend(plans: readonly Plan[]): string {
  const parts: string[] = [];
  let x = LEFT;
  let y = 88;
  const add = (mark: (x: number, y: number) => string, label: string): void => {
    const width = 42 + label.length * 6.4;
    if (x + width > WIDTH - 24) {
      x = LEFT;
      y += 20;
    }
    parts.push(mark(x, y), text(x + 24, y + 4, label, { "font-size": 12, fill: MUTED }));
    x += width;
  };
  const single = plans.length === 1;
  const color = single ? SERIES[0] : MUTED;
  const stroke = { stroke: color, "stroke-width": 2.25 };
  const batches = plans.flatMap((plan) => plan.batches);
  const lines = batches.some(({ closes }) => closes === "readings");
  if (lines) add((at, top) => line(at, top, at + 17, top, stroke), "always so many readings");
  if (batches.some(({ closes }) => closes === "frames") && (single || !lines)) {
    add((at, top) => dot([at + 9, top], color, true, false), "closes when its frames are full (1, 2, 3...)");
  }
  if (lines && batches.some((batch) => !keepsAll(batch))) {
    add((at, top) => line(at, top, at + 17, top, { ...stroke, "stroke-opacity": 0.3 }), "breaks a limit");
  }
  if (plans.some(({ recommended }) => recommended !== undefined)) {
    const [{ recommended }] = plans;
    const label = single && recommended !== undefined ? `recommended: ${batchSentence(recommended)}` : "recommended";
    add((at, top) => element("circle", { cx: at + 9, cy: top, r: 5.5, fill: GOOD }), label);
  }
  return parts.join("\n");
}

/** Lines of at most so many characters. */
function wrapped(content: string, x: number, y: number): string[] {
  const lines: string[] = [];
  for (const word of content.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= 126) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map((words, i) => text(x, y + 17 * i, words, { "font-size": 12, fill: MUTED }));
}
