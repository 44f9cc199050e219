/** The chart: well-formed, labelled, the same bytes each time, with everything within the drawing. */
import assert from "node:assert/strict";
import { planBatches } from "../../../../tools/planning/plan.ts";
import { planChart } from "../../../../tools/planning/plan-chart.ts";
import { escapeXml, logScale, logTicks } from "../../../../tools/planning/svg.ts";
import { lengthsOf, planInput } from "./planning.ts";

const WORDS = { title: "A title", subtitle: "what was asked", footer: "where it comes from" };
const LENGTHS = lengthsOf((readings) => 70 + 3 * readings);

interface Drawn {
  name: string;
  attributes: Map<string, string>;
}

/** Every element of a document with a declaration; fails where it is not well-formed XML as far as SVG needs it. */
function parse(svg: string): { elements: Drawn[]; texts: string[] } {
  const elements: Drawn[] = [];
  const texts: string[] = [];
  const open: string[] = [];
  assert.ok(svg.startsWith('<?xml version="1.0" encoding="UTF-8"?>\n'));
  const body = svg.slice(svg.indexOf("\n") + 1);
  let at = 0;
  while (at < body.length) {
    const from = body.indexOf("<", at);
    const content = body.slice(at, from < 0 ? undefined : from);
    assert.doesNotMatch(content, /[<>]|&(?!#\d+;)/);
    if (open.at(-1) === "text") texts.push(content);
    if (from < 0) break;
    const tag = /^<(\/?)([a-z]+)((?: [a-zA-Z][a-zA-Z0-9-]*="[^"<&]*(?:&#\d+;[^"<&]*)*")*)(\/?)>/.exec(body.slice(from));
    assert.ok(tag !== null, body.slice(from, from + 80));
    const [whole, close, name, list, empty] = tag;
    if (close) assert.equal(open.pop(), name);
    else {
      const attributes = [...list.matchAll(/ ([a-zA-Z][a-zA-Z0-9-]*)="([^"]*)"/g)].map(
        ([, key, value]) => [key, value] as const,
      );
      assert.equal(new Set(attributes.map(([key]) => key)).size, attributes.length);
      elements.push({ name, attributes: new Map(attributes) });
      if (!empty) open.push(name);
    }
    at = from + whole.length;
  }
  assert.deepEqual(open, []);
  return { elements, texts };
}

function chartOf(changed: Parameters<typeof planInput>[0], credits = false): string {
  const { batteryMah } = changed ?? {};
  return planChart([planBatches(planInput({ lengths: LENGTHS, ...changed }))], WORDS, { batteryMah, credits });
}

describe("planning: the chart", () => {
  it("is well-formed XML with a title, and one root of a stated size", () => {
    const { elements, texts } = parse(chartOf({}));
    const [svg, ...others] = elements;
    assert.equal(svg.name, "svg");
    assert.equal(svg.attributes.get("xmlns"), "http://www.w3.org/2000/svg");
    assert.equal(svg.attributes.get("viewBox"), `0 0 ${svg.attributes.get("width")} ${svg.attributes.get("height")}`);
    assert.ok(others.some(({ name }) => name === "title") && others.some(({ name }) => name === "desc"));
    for (const words of [WORDS.title, WORDS.subtitle, WORDS.footer]) assert.ok(texts.includes(words), words);
  });

  it("has a panel a quantity, each with its axis named", () => {
    const { texts } = parse(chartOf({}));
    for (const title of ["Airtime, seconds a day", "Charge, mAh a day", "Age of readings when they arrive"]) {
      assert.equal(texts.filter((words) => words === title).length, 1, title);
    }
    assert.equal(texts.filter((words) => words === "readings in a batch").length, 3);
    for (const tick of ["1", "12", "64", "10 min", "1 h"]) assert.ok(texts.includes(tick), tick);
    const credits = parse(chartOf({ network: "helium" }, true)).texts;
    assert.equal(credits.filter((words) => words === "readings in a batch").length, 4);
    assert.ok(credits.includes("Data credits a day"));
  });

  it("draws limits as dashed lines with what they allow", () => {
    const { elements, texts } = parse(chartOf({ network: "ttn", maxAgeS: 3600, batteryMah: 1000, minYears: 1 }));
    for (const words of ["1 % duty cycle, all day: 864", "fair use: 30.0", "1 year: 2.74", "asked for: 60 min"]) {
      assert.ok(texts.includes(words), `${words} in ${texts.join("; ")}`);
    }
    const dashed = elements.filter(({ name, attributes }) => name === "line" && attributes.has("stroke-dasharray"));
    assert.equal(dashed.length, 4);
  });

  it("names what is recommended, and marks it in every panel", () => {
    const { elements, texts } = parse(chartOf({ maxAgeS: 7200 }));
    const { recommended } = planBatches(planInput({ lengths: LENGTHS, maxAgeS: 7200 }));
    assert.ok(texts.includes(`recommended: ${recommended!.at} readings in a token`), texts.join("; "));
    const marks = elements.filter(({ name, attributes }) => name === "circle" && attributes.get("fill") === "#0e7c3a");
    // One in the legend, one for airtime and charge each, two for the ages.
    assert.equal(marks.length, 5);
  });

  it("one line a data rate where there are several, named at its end", () => {
    const plans = [0, 3, 5].map((dataRate) => planBatches(planInput({ dataRate, lengths: LENGTHS })));
    const { texts } = parse(planChart(plans, WORDS, { batteryMah: undefined, credits: false }));
    for (const name of ["DR0", "DR3", "DR5"]) assert.ok(texts.includes(name), name);
    assert.ok(texts.includes("DR0 to DR5"), "ages are the same");
  });

  it("a single batch, or full frames alone, are drawn as well", () => {
    for (const changed of [{ onlyReadings: 12 }, { onlyFrames: 4 }]) {
      const { elements } = parse(chartOf(changed));
      assert.ok(elements.filter(({ name }) => name === "circle").length > 3);
    }
  });

  it("keeps everything within the drawing, and every number is one", () => {
    for (const changed of [
      {},
      { network: "ttn" as const, maxAgeS: 1 },
      { loss: 0.9 },
      { intervalS: 86_400 },
      { intervalS: 1 },
    ]) {
      const svg = chartOf(changed);
      assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
      const { elements } = parse(svg);
      const width = Number(elements[0].attributes.get("width"));
      const height = Number(elements[0].attributes.get("height"));
      for (const { attributes } of elements) {
        for (const key of ["x", "x1", "x2", "cx"]) {
          const value = Number(attributes.get(key) ?? 0);
          assert.ok(value >= 0 && value <= width, `${key}=${value}`);
        }
        for (const key of ["y", "y1", "y2", "cy"]) {
          const value = Number(attributes.get(key) ?? 0);
          assert.ok(value >= 0 && value <= height, `${key}=${value}`);
        }
      }
    }
  });

  it("equal plans are equal bytes", () => {
    assert.equal(chartOf({ network: "ttn" }), chartOf({ network: "ttn" }));
  });

  it("words with marks of XML stay words", () => {
    assert.equal(escapeXml('a < b & "c" > d'), "a &#60; b &#38; &#34;c&#34; &#62; d");
    const plan = planBatches(planInput({ lengths: LENGTHS }));
    const words = { ...WORDS, title: 'R&D <"weather">' };
    parse(planChart([plan], words, { batteryMah: undefined, credits: false }));
  });

  it("ticks of a logarithmic axis: 1, 2 and 5, written as they are said", () => {
    assert.deepEqual(logTicks(logScale(0.03, 40, 0, 100)), [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20]);
    const scale = logScale(1, 100, 0, 10);
    assert.equal(scale.at(10), 5);
  });
});
