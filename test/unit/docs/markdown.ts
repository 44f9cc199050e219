/** Reads what a test can check in a document: fenced blocks by name, and tables. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Path of a file of the project. */
export function projectFile(name: string): string {
  return fileURLToPath(new URL(`../../../${name}`, import.meta.url));
}

/** Text of a file of the project. */
export function projectText(name: string): string {
  return readFileSync(projectFile(name), "utf8");
}

/** Fenced blocks whose fence is followed by `language`, by the name behind it (none: ""). */
export function blocks(text: string, language: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, info, body] of text.matchAll(/^```(\S.*)\n([\s\S]*?)^```$/gm)) {
    const [of, name = ""] = info.split(" ");
    if (of !== language) continue;
    if (found.has(name)) throw new Error(`two blocks ${language} ${name}`);
    found.set(name, body);
  }
  return found;
}

/** The bytes of a hex block; what stands behind a semicolon is for people. */
export function hexBytes(block: string): Uint8Array {
  const digits = block.replace(/;.*$/gm, "").replace(/\s/g, "");
  if (!/^([0-9a-f]{2})*$/.test(digits)) throw new Error(`not hexadecimal: ${digits}`);
  return new Uint8Array(Buffer.from(digits, "hex"));
}

/** Rows of the first table behind `heading`, its head and ruler left out; cells trimmed, without backquotes. */
export function tableAfter(text: string, heading: string): string[][] {
  const at = text.indexOf(heading);
  if (at < 0) throw new Error(`no "${heading}"`);
  const lines = text.slice(at).split("\n");
  const first = lines.findIndex((line) => line.startsWith("| ---"));
  const rows: string[][] = [];
  for (let i = first + 1; first >= 0 && lines[i]?.startsWith("|"); i++) {
    const cells = lines[i].split(/(?<!\\)\|/).slice(1, -1);
    rows.push(cells.map((cell) => cell.trim().replaceAll("`", "")));
  }
  if (rows.length === 0) throw new Error(`no table behind "${heading}"`);
  return rows;
}
