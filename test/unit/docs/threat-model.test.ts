/** docs/threat-model.md: each row names tests that exist, also where nothing stops the attack. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { existsSync } from "node:fs";
import { projectFile, projectText } from "./markdown.ts";

const TEXT = projectText("docs/threat-model.md");
const REFERENCE = /`(test\/[\w./-]+\.test\.ts)`: "([^"]+)"/g;

/** Titles of tests that run, in the file's text; of a template the constant parts. */
function titlesOf(source: string): string[] {
  const titles: string[] = [];
  for (const [, quote, title] of source.matchAll(/^\s*(?:it|describe)\(\s*(["'`])((?:\\.|(?!\1).)*)\1/gm)) {
    if (quote === "`") titles.push(...title.split(/\$\{[^}]*\}/).map((part) => part.replace(/^[:, ]+/, "").trim()));
    else titles.push(title.replace(/\\(.)/g, "$1"));
  }
  return titles;
}

interface Row {
  line: number;
  attack: string;
  stops: string;
  references: [file: string, title: string][];
}

/** Rows of all tables: three cells, heads and rulers left out. */
function rows(): Row[] {
  const found: Row[] = [];
  TEXT.split("\n").forEach((text, i) => {
    if (!text.startsWith("|") || text.startsWith("| ---") || text.startsWith("| who does what")) return;
    const cells = text.split("|").slice(1, -1);
    equal(cells.length, 3, `line ${i + 1}`);
    const references = [...cells[2].matchAll(REFERENCE)].map(([, file, title]): [string, string] => [file, title]);
    equal(cells[2].replace(REFERENCE, "").replaceAll(";", "").trim(), "", `line ${i + 1}: more than references`);
    found.push({ line: i + 1, attack: cells[0].trim(), stops: cells[1], references });
  });
  return found;
}

describe("docs/threat-model.md", () => {
  it("each row names a test, those that say that nothing stops the attack too", () => {
    const all = rows();
    ok(all.length > 90);
    for (const { line, references } of all) ok(references.length > 0, `line ${line}`);
    ok(all.filter(({ stops }) => stops.includes("**not stopped**")).length > 15);
  });

  it("no attack stands there twice", () => {
    const attacks = rows().map(({ attack }) => attack);
    deepEqual(
      attacks.filter((attack, i) => attacks.indexOf(attack) !== i),
      [],
    );
  });

  it("each test that it names stands in its file", () => {
    const titles = new Map<string, string[]>();
    const lacking: string[] = [];
    for (const { references } of rows()) {
      for (const [file, title] of references) {
        if (!titles.has(file)) titles.set(file, existsSync(projectFile(file)) ? titlesOf(projectText(file)) : []);
        if (!titles.get(file)!.includes(title)) lacking.push(`${file}: ${title}`);
      }
    }
    deepEqual(lacking, []);
  });

  it("has a part for each attacker that the project names", () => {
    const parts = [...TEXT.matchAll(/^## (.+)$/gm)].map(([, title]) => title.toLowerCase());
    const named = [
      "clone",
      "replay",
      "delayed replay",
      "forged time",
      "withheld",
      "gateway",
      "stolen",
      "receiver",
      "base",
      "jam",
      "forgers",
    ];
    for (const attacker of named)
      ok(
        parts.some((part) => part.includes(attacker)),
        attacker,
      );
  });

  it("the check notices a test that is not there, skipped or renamed", () => {
    const lines = [
      'it("one", f);',
      'it.skip("two", f);',
      "  it(`seed $".concat("{seed}: three`, f);"),
      '// it("four", f);',
    ];
    deepEqual(titlesOf(lines.join("\n")), ["one", "seed", "three"]);
  });
});
