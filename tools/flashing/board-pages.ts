/**
 * The boards' pages in docs/boards, written from their manifests: `npm run docs:boards`. A test compares them, so a page cannot say something else
 * than what is built.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../../host-sim/xs/linked/sdk.ts";
import { boardPicture, chipName } from "./board-picture.ts";
import { type BoardPins, readPins, wiresOf } from "./board-pins.ts";
import { type BoardFacts, boardNames, creationBytes, readBoard, readBoardManifest } from "./boards.ts";
import { readPartitions } from "./configuration.ts";
import { FEATURES } from "./features.ts";

export interface BoardPage {
  /** Paths from the project's root. */
  readonly page: { readonly path: string; readonly text: string };
  readonly picture: { readonly path: string; readonly text: string };
}

export async function boardPage(root: string, board: string): Promise<BoardPage> {
  const facts = readBoard(root, board);
  const pins = await readPins(root, board);
  return {
    page: { path: `docs/boards/${board}.md`, text: pageText(root, board, facts, pins) },
    picture: { path: `docs/boards/${board}.svg`, text: boardPicture(facts, pins) },
  };
}

function pageText(root: string, board: string, facts: BoardFacts, pins: BoardPins): string {
  const sections = [
    `# ${facts.title}`,
    facts.lead,
    `![Wiring of ${facts.title}](${board}.svg)`,
    `\`\`\`\nnpm run build -- --board ${board}\n\`\`\``,
    `builds its firmware: [building](../building.md). This page is written from manifests/boards/${board} by \`npm run docs:boards\`; numbers in brackets are sources, below.`,
    "## Pins",
    pinTable(pins),
    `## Facts and their sources\n\n${facts.facts.map(({ says, sources }) => `- ${says} [${sources.join(", ")}].`).join("\n")}`,
  ];
  if (facts.disagreements.length > 0)
    sections.push(`## Where sources differ, or nothing was found\n\n${bullets(facts.disagreements)}`);
  if (facts.notes.length > 0) sections.push(`## To know before you wire it\n\n${bullets(facts.notes)}`);
  sections.push(`## What the image has\n\n${imageText(root, board, facts)}`);
  sections.push(`## Currents\n\n${currentText(facts)}`);
  sections.push(`## What was proven, and how\n\n${provenText(facts)}`);
  sections.push(`## Sources\n\n${facts.sources.map(({ title, url }, i) => `${i + 1}. ${title}: <${url}>`).join("\n")}`);
  return `${sections.join("\n\n")}\n`;
}

function pinTable(pins: BoardPins): string {
  const rows = wiresOf(pins).map(({ part, signal, pin }) => `| ${part} | ${signal} | GPIO ${pin} |`);
  return `| part | signal | pin |\n| --- | --- | --- |\n${rows.join("\n")}`;
}

function imageText(root: string, board: string, facts: BoardFacts): string {
  const says = FEATURES.filter(({ name }) => facts.features.includes(name)).map(
    (feature) => `- \`${feature.name}\`: ${feature.says}`,
  );
  const left = FEATURES.filter(({ name }) => !facts.features.includes(name)).map(({ name }) => `\`${name}\``);
  const { creation } = readBoardManifest(root, board);
  const partitions = readPartitions(root, facts)
    .filter(({ type, name }) => type === "app" || name === "journal" || name === "outbox" || name === "nvs")
    .map(({ name, size }) => `${name} ${size / 1024} KB`);
  const paragraphs = [
    says.join("\n"),
    `Regions: ${facts.regions.map((name) => name.toUpperCase()).join(", ")}. Left out: ${left.length === 0 ? "nothing" : left.join(", ")}. \`--with\`, \`--without\` and \`--regions\` choose otherwise.`,
    `XS starts with ${creationBytes(creation) / 1024} KB of RAM. The flash of ${facts.flashMb} MB (manifests/partitions/${facts.flashMb}mb.csv): ${partitions.join(", ")}.`,
  ];
  return paragraphs.join("\n\n");
}

function currentText(facts: BoardFacts): string {
  const rows = facts.currents.map(
    ({ state, milliamperes, source }) => `| ${state} | ${milliamperes} mA | [${source}] |`,
  );
  const recall =
    facts.chip === "esp32s3"
      ? ""
      : ` The figure for deep sleep is the one that the ${chipName(facts.chip)} is sold with; no copy of its data sheet was at hand to check it.`;
  return `Typical figures of the chips' data sheets at 3.3 V; the radio's are those of the simulator's energy account.${recall} What the board's regulators, lamps and power chip take comes on top, and was not measured.\n\n| state | current | source |\n| --- | ---: | --- |\n${rows.join("\n")}`;
}

function provenText(facts: BoardFacts): string {
  const radio =
    facts.radioModule === undefined
      ? ""
      : " The radio's driver runs in the simulator against a model of the chip, byte for byte.";
  return `Nothing of this firmware was run on this board, nor on another one of its kind.

- Proven on a PC: the JavaScript half of the build compiles, links and keeps to its budget with Moddable SDK 8.2.3 for the ${chipName(facts.chip)}.${radio}
- Read, not tried: every pin, voltage and current above. That two sources agree says that two projects use it so.
- Not tried: ESP-IDF's half of the build, starting, the radio on air, the range, deep sleep, the currents, the boot loader's roll-back, the production profile.`;
}

function bullets(lines: readonly string[]): string {
  return lines.map((line) => `- ${line}`).join("\n");
}

if (import.meta.main) {
  for (const board of boardNames(projectRoot)) {
    const { page, picture } = await boardPage(projectRoot, board);
    for (const { path, text } of [page, picture]) writeFileSync(join(projectRoot, path), text);
  }
}
