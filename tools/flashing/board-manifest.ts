/**
 * Writes what `mcconfig` builds a board's firmware from, into a folder of its own: the firmware as one module, manifest.json, the flash's table and
 * ESP-IDF's configuration. From there a build needs no further edit.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { transformSync } from "esbuild";
import { type BoardFacts, boardModules } from "./boards.ts";
import { type Bundle, bundle } from "./bundle.ts";
import { configuration, type Profile, partitionFile } from "./configuration.ts";
import { type Choice, checkChoice, REGION_INDEX, regionFiles, standIns } from "./features.ts";

/** The entry of the firmware. It runs at boot, on the chip, so it cannot be in ROM as the rest is. */
const MAIN_MODULE = "firmware/platform/moddable/main";
/** What it imports, and all that is in ROM. */
const START_MODULE = "firmware/platform/moddable/start-node";
/** The name that XS knows the firmware by. */
export const FIRMWARE = "groundtruth";

export interface PreparedBuild {
  /** Path of the manifest, from the project's root. */
  readonly manifest: string;
  /** The same without the firmware: what the SDK takes by itself. */
  readonly emptyManifest: string;
  readonly firmware: Bundle;
  /** Modules of the SDK that it, the board and its setup import. */
  readonly external: readonly string[];
}

/** Throws an error for a person to read when the choice does not fit, or a module is missing. */
export async function prepareBuild(
  root: string,
  board: string,
  facts: BoardFacts,
  choice: Choice,
  profile: Profile,
): Promise<PreparedBuild> {
  const index = readFileSync(join(root, `${REGION_INDEX}.ts`), "utf8");
  checkChoice(choice, regionFiles(index));
  const firmware = await bundle({ root, entry: START_MODULE, standIns: standIns(choice, index) });
  const external = new Set(firmware.external);
  for (const source of boardModules(root, board).values()) {
    for (const name of importsOf(readFileSync(join(root, `${source}.ts`), "utf8"))) external.add(name);
  }

  const folder = join(root, "build", "boards", board);
  rmSync(folder, { recursive: true, force: true });
  const place = (path: string): string => relative(folder, join(root, path)).split(sep).join("/");
  write(join(folder, "sdkconfig", "sdkconfig.defaults"), configuration(root, facts, profile));
  write(join(folder, "partitions.csv"), readFileSync(join(root, partitionFile(facts)), "utf8"));
  write(join(folder, `${FIRMWARE}.js`), firmware.code);
  write(join(folder, "main.js"), mainScript(readFileSync(join(root, `${MAIN_MODULE}.ts`), "utf8")));
  const parts = choice.features.map((name) => `manifests/features/${name}.json`);
  const manifest = {
    include: ["manifests/base.json", ...parts.filter((path) => existsSync(join(root, path)))].map(place),
    build: { SDKCONFIGPATH: "./sdkconfig", PARTITIONS_FILE: "./partitions.csv" },
    modules: { main: "./main", [FIRMWARE]: `./${FIRMWARE}` },
    preload: [FIRMWARE],
  };
  writeJson(join(folder, "manifest.json"), manifest);
  write(join(folder, "empty", `${FIRMWARE}.js`), "export function startNode() {}\n");
  const empty = { ...manifest, modules: { ...manifest.modules, [FIRMWARE]: `./empty/${FIRMWARE}` } };
  writeJson(join(folder, "empty.json"), empty);
  const path = relative(root, folder).split(sep).join("/");
  return {
    manifest: `${path}/manifest.json`,
    emptyManifest: `${path}/empty.json`,
    firmware,
    external: [...external].sort(),
  };
}

function mainScript(source: string): string {
  const { code } = transformSync(source, { loader: "ts", format: "esm" });
  const script = code.replace('"./start-node.ts"', `"${FIRMWARE}"`);
  const imports = importsOf(script);
  if (imports.length !== 1 || imports[0] !== FIRMWARE)
    throw new Error(`${MAIN_MODULE}.ts imports ${imports.join(", ")}, and may import ./start-node.ts alone`);
  return script;
}

/** Modules outside the project that a source imports. */
function importsOf(source: string): string[] {
  const { code } = transformSync(source, { loader: "ts", format: "esm" });
  return [...code.matchAll(/^import .* from\s"([^".][^"]*)";$/gm)].map((match) => match[1]);
}

function writeJson(path: string, value: unknown): void {
  write(path, `${JSON.stringify(value, undefined, 2)}\n`);
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
