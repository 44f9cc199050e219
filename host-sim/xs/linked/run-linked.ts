// Runs a module tree on XS linked as for a device: `node host-sim/xs/linked/run-linked.ts [entry] [argument]`.
//
// The entry module exports a default function as in ../entry.ts; here it may also return a promise, and its host can
// measure (LinkedHost). Firmware modules are preloaded (they live in ROM), built-ins that nothing names are stripped.
// Needs a Moddable SDK (environment variable MODDABLE) with its Linux tools, make, pkg-config, glib and a C compiler;
// without MODDABLE there is nothing to do, and it says so.

import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { XsHost } from "../entry.ts";
import { importGraph, type LinkedModule, portablePath } from "./import-graph.ts";
import { type Creation, hostCreation, isPreloaded, linkedManifest, type ManifestExtra } from "./manifest.ts";
import { type LinkedVariant, variantPath } from "./native.ts";
import { findCompiler, findGlib, findSdk, MissingTool, projectRoot, run, type Sdk } from "./sdk.ts";

/** What this host gives to the entry's default function beyond what every host of XS does. */
export interface LinkedHost extends XsHost {
  /** Collects garbage, returns the engine's figures (LinkedFigures) as JSON, and starts the peaks anew. */
  measure(): string;
}

/**
 * What the engine used: since the last measure, or in the whole run at its end. Slot bytes are for the 16-byte slots
 * of a device, and so is `liveChunkBytes` (an upper bound: a device's chunk headers are smaller too); what starts with
 * `host` is of this host.
 */
export interface LinkedFigures {
  readonly liveSlots: number;
  readonly liveSlotBytes: number;
  readonly liveChunkBytes: number;
  readonly hostLiveChunkBytes: number;
  readonly peakSlots: number;
  readonly peakSlotBytes: number;
  readonly hostPeakChunkBytes: number;
  readonly peakStackSlots: number;
  readonly stackSlots: number;
  readonly keys: number;
}

export interface LinkedImage {
  readonly program: string;
  /** What the linker wrote of the modules: mc.xs.c, which tells the flash that they take (tools/flashing/linked-image.ts). */
  readonly source: string;
  readonly preloaded: readonly string[];
  readonly loaded: readonly string[];
}

export interface LinkedResult {
  readonly lines: string[];
  readonly errors: string[];
  readonly exitCode: number;
  /** Missing when the engine gave up. */
  readonly figures: LinkedFigures | undefined;
}

export const defaultEntry = "tools/simulation/xs-entry.ts";

/** Builds the image for `entry` (relative to the project) under build/linked. Throws MissingTool or what a tool said. */
export async function buildLinked(
  sdk: Sdk,
  entry = defaultEntry,
  creation: Creation = hostCreation,
  variant?: LinkedVariant,
): Promise<LinkedImage> {
  if (process.platform !== "linux") throw new MissingTool("this host program is for Linux");
  const compiler = findCompiler(sdk.env);
  const glib = findGlib(sdk.env);
  const name = `${entry.replace(/\.ts$/, "").replaceAll("/", "-")}${variant === undefined ? "" : `-${variant.name}`}`;
  const folder = join(projectRoot, "build", "linked", name);
  // One output folder for all entries, so that the engine is compiled once.
  const output = join(projectRoot, "build", "linked", "out");
  mkdirSync(folder, { recursive: true });
  mkdirSync(output, { recursive: true });

  const sdkModules = Object.keys(variant?.sdkModules ?? {});
  const modules = await importGraph(projectRoot, entry, variant?.standIns, sdkModules);
  const standIns = Object.values(variant?.standIns ?? {}).map((module) => `${module}.ts`);
  writeJson(join(folder, "tsconfig.json"), compilerConfiguration([entry, ...standIns]));
  // Types are checked by `npm run check`; here the compiler only takes them away.
  run("tsc", ["-p", join(folder, "tsconfig.json")], projectRoot, sdk.env);
  writeJson(
    join(folder, "manifest.json"),
    linkedManifest(
      modules,
      entry,
      "./js",
      portablePath(folder, join(projectRoot, "node_modules")),
      creation,
      variant && manifestExtra(folder, variant, modules),
    ),
  );

  run("mcconfig", ["-p", "lin", "-o", output, join(folder, "manifest.json")], folder, sdk.env);
  const work = join(output, "tmp", "lin", "mc", "release", name);
  const image = join(output, "bin", "lin", "mc", "release", name, "mc.so");
  run("make", ["-f", join(work, "makefile"), "build"], folder, sdk.env);

  const program = join(folder, "node");
  const includes = ["includes", "platforms", "sources"].map((part) => `-I${join(sdk.root, "xs", part)}`);
  const source = join(projectRoot, "host-sim", "xs", "linked", "host.c");
  const defines = ["-DINCLUDE_XSPLATFORM=1", '-DXSPLATFORM="lin_xs.h"', "-DXS_ARCHIVE=1"];
  const link = ["-rdynamic", `-Wl,-rpath,${join(image, "..")}`, image, ...glib, "-lm"];
  run(compiler, ["-O1", "-w", ...defines, ...includes, `-I${work}`, source, "-o", program, ...link], folder, sdk.env);
  return {
    program,
    source: join(work, "mc.xs.c"),
    preloaded: modules.filter(isPreloaded).map((module) => module.name),
    loaded: modules.filter((module) => !isPreloaded(module)).map((module) => module.name),
  };
}

/** Runs an image with an argument (as JSON text). `onLine` sees each printed line as it comes; `folder` is where it runs. */
export async function runLinked(
  image: LinkedImage,
  argument: unknown,
  onLine?: (line: string) => void,
  folder?: string,
): Promise<LinkedResult> {
  const child = spawn(image.program, [], { cwd: folder, stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.end(JSON.stringify(argument));
  const lines: string[] = [];
  const errors: string[] = [];
  let figures: LinkedFigures | undefined;
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    onLine?.(line);
  });
  createInterface({ input: child.stderr }).on("line", (line) => {
    if (line.startsWith("figures ")) figures = JSON.parse(line.slice("figures ".length)) as LinkedFigures;
    else errors.push(line);
  });
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (signal) errors.push(`ended by ${signal}`);
      resolve(code ?? 128);
    });
  });
  return { lines, errors, exitCode, figures };
}

/** One line per kind of memory. */
export function describeFigures(figures: LinkedFigures): string {
  return [
    `slots  ${figures.liveSlots} live (${figures.liveSlotBytes} bytes), ${figures.peakSlots} at most (${figures.peakSlotBytes} bytes)`,
    `chunks ${figures.liveChunkBytes} bytes live (${figures.hostLiveChunkBytes} on this host, ${figures.hostPeakChunkBytes} at most)`,
    `stack  ${figures.peakStackSlots} of ${figures.stackSlots} slots at most`,
  ].join("\n");
}

/** A stand-in is found under the name of what it stands in for through a module that passes its exports on. */
function manifestExtra(folder: string, variant: LinkedVariant, modules: readonly LinkedModule[]): ManifestExtra {
  const passing: Record<string, string> = {};
  for (const [name, standIn] of Object.entries(variant.standIns)) {
    if (!modules.some((module) => module.name === standIn)) continue;
    passing[name] = `./stand-ins/${name}`;
    mkdirSync(join(folder, "stand-ins", name, ".."), { recursive: true });
    writeFileSync(join(folder, "stand-ins", `${name}.js`), `export * from ${JSON.stringify(standIn)};\n`);
  }
  return {
    // mcconfig escapes spaces, not tabs.
    build: { C_FLAGS: variant.compilerOptions.join("\t"), LIBRARIES: variant.libraries.join("\t") },
    modules: { ...passing, ...variant.sdkModules, "*": variant.native.map((path) => variantPath(folder, path)) },
    preload: Object.keys(variant.sdkModules),
  };
}

function compilerConfiguration(entries: readonly string[]): object {
  return {
    extends: join(projectRoot, "tsconfig.base.json"),
    compilerOptions: {
      target: "es2025",
      module: "esnext",
      moduleResolution: "bundler",
      rootDir: projectRoot,
      outDir: "./js",
      types: [],
      noCheck: true,
      removeComments: true,
    },
    files: entries.map((entry) => join(projectRoot, entry)),
  };
}

function writeJson(path: string, value: object): void {
  writeFileSync(path, `${JSON.stringify(value, undefined, 2)}\n`);
}

async function main(entry = defaultEntry, argument = "{}"): Promise<number> {
  const sdk = findSdk();
  if (!sdk) {
    console.log(
      "linked XS: skipped, because MODDABLE is not set (the folder of a Moddable SDK with its Linux tools built)",
    );
    return 0;
  }
  const image = await buildLinked(sdk, entry);
  console.error(
    `linked XS: SDK ${sdk.version}, ${image.preloaded.length} modules preloaded, ${image.loaded.length} loaded at start`,
  );
  const result = await runLinked(image, JSON.parse(argument), (line) => console.log(line));
  for (const line of result.errors) console.error(line);
  if (result.figures) console.error(describeFigures(result.figures));
  return result.exitCode;
}

if (import.meta.main) {
  try {
    process.exitCode = await main(process.argv[2], process.argv[3]);
  } catch (error) {
    if (!(error instanceof MissingTool)) throw error;
    console.error(`linked XS: ${error.message}`);
    process.exitCode = 1;
  }
}
