// The JavaScript half of a firmware build: compiles and links the firmware for a board, as `mcconfig` does before it
// hands over to ESP-IDF, and reports the size of the linked image. Needs a Moddable SDK, but neither ESP-IDF nor a board.
//
//   node tools/flashing/build-image.ts [board]          builds, checks and reports
//   node tools/flashing/build-image.ts --update-list    renews the module list in manifests/base.json
//
// The whole image takes ESP-IDF, and is a build of its own, from the project's folder:
//   mcconfig -m -p esp32:./manifests/boards/<board> manifests/base.json

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findSdk, MissingTool, projectRoot, run, type Sdk } from "../../host-sim/xs/linked/sdk.ts";
import { compareModuleList, firmwareModules, isSame, mainModule, updateModuleList } from "./firmware-modules.ts";
import { type LinkedImageReport, reportLinkedImage } from "./linked-image.ts";

export const defaultBoard = "heltec-wifi-lora-32-v3";

/** The boards that have a manifest. */
export function boards(): string[] {
  return readdirSync(join(projectRoot, "manifests", "boards"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

/** What is in an image, and what ESP-IDF's half of the build would add to it. */
export interface ImageReport extends LinkedImageReport {
  /** Object files of the C sources that the modules bring. */
  readonly nativeObjects: string[];
}

/** Compiles and links the firmware for a board. Throws MissingTool, or an error that says what is wrong. */
export function buildImage(sdk: Sdk, board: string): ImageReport {
  checkBoard(board);
  if (!existsSync(join(projectRoot, `${mainModule}.ts`)))
    throw new Error(`${mainModule}.ts is missing: it is the firmware's entry`);
  const difference = compareModuleList(projectRoot);
  if (!isSame(difference)) {
    throw new Error(
      `manifests/base.json does not match firmware/ (run this with --update-list): ${JSON.stringify(difference)}`,
    );
  }

  // Not the SDK's own output folder, so that the stand-ins below never meet a whole build.
  const output = join(projectRoot, "build", "image");
  mkdirSync(output, { recursive: true });
  // A path relative to the project, because mcconfig puts the platform in lower case.
  run(
    "mcconfig",
    ["-p", `esp32:./manifests/boards/${board}`, "-o", output, "manifests/base.json"],
    projectRoot,
    sdk.env,
  );

  const work = join(output, "tmp", "esp32", board, "release", "groundtruth");
  const image = join(work, "mc.xs.c");
  const configuration = standInConfiguration(work, chipOf(board));
  const standIns = [`IDF_PATH=${output}`, "IDF_VERSION=none", "-o", configuration];
  run("make", ["-f", join(work, "makefile"), ...standIns, image], projectRoot, sdk.env);

  const report = reportLinkedImage(readFileSync(image, "utf8"));
  const missing = firmwareModules(projectRoot).filter((name) => !report.preloaded.includes(name));
  if (missing.length > 0) throw new Error(`not preloaded: ${missing.join(", ")}`);
  const objects = readFileSync(join(work, "makefile"), "utf8").matchAll(/^\t\$\(TMP_DIR\)\/([\w.-]+\.c\.o)/gm);
  return { ...report, nativeObjects: [...objects].map((match) => match[1]) };
}

/** What `build-image` prints. */
export function describeImage(board: string, report: LinkedImageReport): string {
  return [
    `${board}: linked image of ${report.totalBytes} bytes, without the engine`,
    `  slots ${report.slotBytes}, byte code and strings ${report.textBytes}, tables ${report.tableBytes}`,
    `preloaded (${report.preloaded.length}):`,
    ...report.preloaded.map((name) => `  ${name}`),
    `loaded at run time (${report.loaded.length}):`,
    ...report.loaded.map((name) => `  ${name}`),
  ].join("\n");
}

function checkBoard(board: string): void {
  if (!boards().includes(board))
    throw new Error(`there is no board ${board} in manifests/boards: there is ${boards().join(", ")}`);
  if (board !== board.toLowerCase())
    throw new Error(`${board} must be in lower case, because mcconfig looks for it so`);
}

function chipOf(board: string): string {
  const path = join(projectRoot, "manifests", "boards", board, "manifest.json");
  const manifest = JSON.parse(readFileSync(path, "utf8")) as { build?: { ESP32_SUBCLASS?: string } };
  return manifest.build?.ESP32_SUBCLASS ?? "esp32";
}

// ESP-IDF would write this file from its configuration; the linked image depends on its presence only.
function standInConfiguration(work: string, chip: string): string {
  const folder = join(work, `xsProj-${chip}`, "build", "config");
  const file = join(folder, "sdkconfig.h");
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, "");
  return file;
}

function main(args: readonly string[]): void {
  if (args.includes("--update-list")) {
    updateModuleList(projectRoot);
    return;
  }
  const sdk = findSdk();
  if (!sdk) throw new MissingTool("MODDABLE is not set (the folder of a Moddable SDK with its tools built)");
  const board = args[0] ?? defaultBoard;
  console.log(describeImage(board, buildImage(sdk, board)));
}

if (import.meta.main) {
  try {
    main(process.argv.slice(2));
  } catch (error) {
    console.error(`build-image: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  }
}
