/** Reads the project's TypeScript sources and what each imports, for the tests that keep the house in order. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";

export const ROOT = join(import.meta.dirname, "../../..");

export interface SourceFile {
  /** Path from the project's root, with forward slashes. */
  path: string;
  /** The text without comments and with the contents of strings blanked, except import specifiers. */
  code: string;
  imports: Import[];
}

export interface Import {
  /** As written: `./cbor.ts`, `node:fs`, `@noble/hashes/sha2.js`. */
  specifier: string;
  /** Path from the root where the specifier is relative. */
  target?: string;
  /** `import type` and `export type ... from`. */
  typeOnly: boolean;
}

/** Every TypeScript file below a folder of the project. */
export function sourceFiles(folder: string): SourceFile[] {
  const files: SourceFile[] = [];
  for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !entry.name.endsWith(".ts")) continue;
    const path = relative(ROOT, join(entry.parentPath, entry.name)).replaceAll("\\", "/");
    files.push(parseSource(path, readFileSync(join(ROOT, path), "utf8")));
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Finds `import`, `import type`, `export ... from` and `import()` in a source text. */
export function parseSource(path: string, text: string): SourceFile {
  const bare = withoutComments(text);
  const imports: Import[] = [];
  const pattern = /\b(import|export)\b([^"'`;()]*?)\bfrom\s*(["'])([^"']+)\3|\bimport\s*\(?\s*(["'`])([^"'`]+)\5/g;
  for (const match of bare.matchAll(pattern)) {
    const specifier = match[4] ?? match[6];
    imports.push({ specifier, target: resolve(path, specifier), typeOnly: isTypeOnly(match[2]) });
  }
  return { path, code: blankStrings(bare), imports };
}

/** `import type X`, or a list in which every name is marked `type`. */
function isTypeOnly(clause: string | undefined): boolean {
  if (clause === undefined) return false;
  if (/^\s*type\b/.test(clause)) return true;
  const names = /^\s*\{([^}]*)\}\s*$/
    .exec(clause)?.[1]
    .split(",")
    .filter((name) => name.trim() !== "");
  return names !== undefined && names.length > 0 && names.every((name) => /^\s*type\s/.test(name));
}

function resolve(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return normalize(join(dirname(from), specifier)).replaceAll("\\", "/");
}

/** Blanks comments; strings, templates and regular expressions that look like comments stay. */
function withoutComments(text: string): string {
  return text.replace(
    /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g,
    (all, string) => (string === undefined ? all.replace(/[^\n]/g, " ") : all),
  );
}

function blankStrings(text: string): string {
  return text.replace(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g, (string) => `"${" ".repeat(string.length - 2)}"`);
}
