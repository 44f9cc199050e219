/** What a build has to say: as text, against the budgets, and as the table of all boards in docs/boards/README.md. */
import type { ImageReport } from "./build-image.ts";

/** test/budgets.ts, as far as boards go. */
export interface BoardBudget {
  /** Flash of the linked JavaScript, the SDK's included. */
  readonly linkedBytes: number;
  /** RAM that the engine takes at start. */
  readonly ramBytes: number;
}

/** Everything in an image's report that goes beyond its budget; empty when it keeps to it. */
export function overBudget(report: ImageReport, budget: BoardBudget | undefined): string[] {
  if (budget === undefined) return [`${report.board} has no budget in test/budgets.ts`];
  const found: string[] = [];
  if (report.totalBytes > budget.linkedBytes)
    found.push(`linked JavaScript takes ${report.totalBytes} bytes of flash, and its budget is ${budget.linkedBytes}`);
  if (report.creationBytes > budget.ramBytes)
    found.push(`XS takes ${report.creationBytes} bytes of RAM at start, and its budget is ${budget.ramBytes}`);
  return found;
}

export function describeImage(report: ImageReport, budget: BoardBudget | undefined): string {
  const { creation, choice } = report;
  const lines = [
    `${report.board} (${report.chip}): ${choice.features.join(", ")}; ${choice.regions.join(", ")}`,
    `flash: linked JavaScript ${kilobytes(report.totalBytes)}${of(budget?.linkedBytes)}, of a slot of ${kilobytes(report.partitionBytes)}`,
    ...report.parts.map(({ name, bytes }) => `  ${name.padEnd(16)}${kilobytes(bytes).padStart(10)}`),
    `RAM: XS at start ${kilobytes(report.creationBytes)}${of(budget?.ramBytes)}`,
    `  ${"chunks".padEnd(16)}${kilobytes(creation.chunk.initial).padStart(10)}`,
    `  ${"slots".padEnd(16)}${kilobytes(16 * creation.heap.initial).padStart(10)}`,
    `  ${"stack".padEnd(16)}${kilobytes(16 * creation.stack).padStart(10)}`,
    `C of ours: ${report.nativeObjects.filter((name) => name.startsWith("gt-")).join(" ")}`,
  ];
  return `${lines.join("\n")}\n`;
}

const PARTS = ["XS and SDK", "wire", "core", "core/lorawan", "core/uplink", "drivers", "app", "platform"] as const;
const BEGIN = "<!-- sizes: npm run build -- --all --table -->";
const END = "<!-- end of sizes -->";

/** The table of sizes, in kilobytes of 1,024 bytes. */
export function sizeTable(reports: readonly ImageReport[]): string {
  const head = ["board", "chip", ...PARTS, "flash, all", "XS's RAM"];
  const rows = reports.map((report) => [
    `[${report.board}](${report.board}.md)`,
    report.chip,
    ...PARTS.map((part) => short(partBytes(report, part))),
    short(report.totalBytes),
    short(report.creationBytes),
  ]);
  const alignment = head.map((_, column) => (column < 2 ? "---" : "---:"));
  return [head, alignment, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** The page with its table renewed. Throws when the page has no place for it. */
export function renewTable(page: string, table: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`the page has no ${BEGIN} and ${END}`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${page.slice(end)}`;
}

function partBytes(report: ImageReport, part: string): number {
  const within = (name: string): boolean => name === part || (part === "drivers" && name.startsWith("drivers/"));
  return report.parts.filter(({ name }) => within(name)).reduce((sum, { bytes }) => sum + bytes, 0);
}

function of(budget: number | undefined): string {
  return budget === undefined ? "" : ` (budget ${kilobytes(budget)})`;
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KB`;
}

function short(bytes: number): string {
  return Math.round(bytes / 1024).toString();
}
