// The list of firmware modules in manifests/base.json: which it must be, whether it is, and how to renew it.
//
// Moddable preloads (puts into ROM) only the TypeScript modules that a manifest names one by one, and links happily
// when a manifest forgets one. So the list is kept in the manifest, for `mcconfig` to be used alone, and tested.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { transformSync } from "esbuild";

/** The entry of the firmware. It runs at boot, on the chip, so it cannot be preloaded. */
export const mainModule = "firmware/platform/moddable/main";

/** What of a Moddable manifest concerns us. */
export interface Manifest {
  modules?: Record<string, string | string[]>;
  preload?: string[];
  [other: string]: unknown;
}

/** How manifests/base.json differs from the files in firmware/. All empty when it is right. */
export interface ModuleListDifference {
  /** Modules with code that the manifest does not preload. */
  readonly notPreloaded: string[];
  /** Names in the manifest without such a file. */
  readonly unknown: string[];
  /** Folders with modules that the manifest does not take into the image. */
  readonly foldersMissing: string[];
  /** Folder patterns in the manifest that match no module. */
  readonly foldersUnknown: string[];
}

/** Every module under firmware/ that has code (not types alone), by name, sorted; the entry excepted. */
export function firmwareModules(root: string): string[] {
  return firmwareFiles(root)
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts"))
    .filter((path) => hasCode(readFileSync(join(root, path), "utf8")))
    .map((path) => path.slice(0, -".ts".length))
    .filter((name) => name !== mainModule)
    .sort();
}

/** Every C file under firmware/, sorted. */
export function nativeSources(root: string): string[] {
  return firmwareFiles(root)
    .filter((path) => path.endsWith(".c"))
    .sort();
}

/** Compares manifests/base.json with the files in firmware/. */
export function compareModuleList(root: string): ModuleListDifference {
  const manifest = readBaseManifest(root);
  const wanted = firmwareModules(root);
  const preloaded = (manifest.preload ?? []).filter(isFirmware);
  const patterns = Object.keys(manifest.modules ?? {}).filter(isFirmware);
  const wantedPatterns = folderPatterns(root, wanted);
  return {
    notPreloaded: wanted.filter((name) => !preloaded.includes(name)),
    unknown: preloaded.filter((name) => !wanted.includes(name)),
    foldersMissing: wantedPatterns.filter((pattern) => !patterns.includes(pattern)),
    foldersUnknown: patterns.filter((pattern) => !wantedPatterns.includes(pattern)),
  };
}

/** Renews the firmware's part of manifests/base.json from the files in firmware/. */
export function updateModuleList(root: string): void {
  const manifest = readBaseManifest(root);
  const wanted = firmwareModules(root);
  const others = Object.entries(manifest.modules ?? {}).filter(([key]) => !isFirmware(key));
  const folders = folderPatterns(root, wanted).map((pattern): [string, string[]] => [pattern, [`../${pattern}`]]);
  manifest.modules = Object.fromEntries([...others, ...folders]);
  manifest.preload = [...(manifest.preload ?? []).filter((name) => !isFirmware(name)), ...wanted];
  writeFileSync(baseManifestPath(root), format(manifest));
}

/** True when the list is right. */
export function isSame(difference: ModuleListDifference): boolean {
  return Object.values(difference).every((names: string[]) => names.length === 0);
}

// `**` is not a pattern of manifests, so each folder has a line.
function folderPatterns(root: string, names: readonly string[]): string[] {
  const folders = [...names, mainModule, ...nativeSources(root)].map((name) => name.slice(0, name.lastIndexOf("/")));
  return [...new Set(folders)].sort().map((folder) => `${folder}/*`);
}

function firmwareFiles(root: string): string[] {
  return readdirSync(join(root, "firmware"), { recursive: true, encoding: "utf8" }).map(
    (path) => `firmware/${path.replaceAll("\\", "/")}`,
  );
}

function hasCode(source: string): boolean {
  return transformSync(source, { loader: "ts", legalComments: "none", format: "esm" }).code.trim() !== "";
}

// As the project's formatter has it: a list stands in one line when it fits.
function format(manifest: Manifest): string {
  const lists = /^( *)(.*)\[\n([^[\]{}]*)\n *\](,?)$/gm;
  const text = JSON.stringify(manifest, undefined, 2).replace(lists, (all, indent, key, items: string, comma) => {
    const line = `${indent}${key}[${items
      .split("\n")
      .map((item) => item.trim())
      .join(" ")}]${comma}`;
    return line.length <= 120 ? line : all;
  });
  return `${text}\n`;
}

function isFirmware(name: string): boolean {
  return name.startsWith("firmware/");
}

function baseManifestPath(root: string): string {
  return join(root, "manifests", "base.json");
}

function readBaseManifest(root: string): Manifest {
  return JSON.parse(readFileSync(baseManifestPath(root), "utf8")) as Manifest;
}
