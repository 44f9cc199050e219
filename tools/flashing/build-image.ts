/**
 * Builds the firmware for a board as far as this machine can: the JavaScript half by `mcconfig` and the SDK's compiler and linker, which needs
 * neither ESP-IDF nor a board; the whole image where ESP-IDF is there.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run, type Sdk } from "../../host-sim/xs/linked/sdk.ts";
import { FIRMWARE, type PreparedBuild, prepareBuild } from "./board-manifest.ts";
import { type BoardFacts, type Creation, creationBytes, readBoard, readBoardManifest } from "./boards.ts";
import { type Profile, slotBytes } from "./configuration.ts";
import type { Choice } from "./features.ts";
import { type ImagePart, imageParts } from "./image-parts.ts";
import { type LinkedImageReport, reportLinkedImage } from "./linked-image.ts";

/** What is in an image, and what ESP-IDF's half of the build adds to it. */
export interface ImageReport extends LinkedImageReport {
  readonly board: string;
  readonly chip: string;
  readonly choice: Choice;
  /** Where the flash goes. */
  readonly parts: readonly ImagePart[];
  /** Object files of the C sources that the modules bring. */
  readonly nativeObjects: readonly string[];
  /** Memory that the engine takes at start. */
  readonly creation: Creation;
  readonly creationBytes: number;
  /** Flash that the partition table gives one image. */
  readonly partitionBytes: number;
}

export interface BuildRequest {
  readonly board: string;
  /** What the board's own choice is replaced by. */
  readonly choice?: Choice;
  readonly profile?: Profile;
}

/** Writes the build's folder, then compiles and links the JavaScript half. Throws MissingTool, or an error that says what is wrong. */
export async function buildJavaScript(root: string, sdk: Sdk, request: BuildRequest): Promise<ImageReport> {
  const { board } = request;
  const facts = readBoard(root, board);
  const choice: Choice = request.choice ?? { features: facts.features, regions: facts.regions };
  const prepared = await prepareBuild(root, board, facts, choice, request.profile ?? "development");
  // Both links leave their image at one path.
  const { totalBytes: sdkBytes } = linkJavaScript(root, sdk, board, facts, prepared.emptyManifest);
  const linked = linkJavaScript(root, sdk, board, facts, prepared.manifest);
  return report(root, board, facts, choice, prepared, linked, sdkBytes);
}

interface LinkedImage extends LinkedImageReport {
  readonly nativeObjects: readonly string[];
}

function linkJavaScript(root: string, sdk: Sdk, board: string, facts: BoardFacts, manifest: string): LinkedImage {
  // Not the folder of whole builds, so that the stand-in for ESP-IDF's configuration never meets one.
  const output = join(root, "build", "javascript");
  const work = join(output, "tmp", "esp32", board, "release", FIRMWARE);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(output, { recursive: true });
  run("mcconfig", [...platform(board), "-o", output, manifest], root, sdk.env);
  const image = join(work, "mc.xs.c");
  const standIn = [`IDF_PATH=${output}`, "IDF_VERSION=none", "-o", emptyConfiguration(work, facts)];
  run("make", ["-f", join(work, "makefile"), ...standIn, image], root, sdk.env);
  const objects = readFileSync(join(work, "makefile"), "utf8").matchAll(/^\t\$\(TMP_DIR\)\/([\w.-]+\.c\.o)/gm);
  return { ...reportLinkedImage(readFileSync(image, "utf8")), nativeObjects: [...objects].map((match) => match[1]) };
}

/** The whole image, from what `buildJavaScript` prepared. Returns the folder with what is to be flashed. */
export function buildWhole(root: string, sdk: Sdk, board: string): string {
  const output = join(root, "build", "image");
  mkdirSync(output, { recursive: true });
  const manifest = `build/boards/${board}/manifest.json`;
  run("mcconfig", ["-m", ...platform(board), "-o", output, "-t", "build", manifest], root, sdk.env);
  return join(output, "bin", "esp32", board, "release", FIRMWARE);
}

/** A path relative to the project, because mcconfig puts the platform in lower case. */
function platform(board: string): string[] {
  return ["-p", `esp32:./manifests/boards/${board}`];
}

/** ESP-IDF would write this file from its configuration; the linked image depends on its presence only. */
function emptyConfiguration(work: string, facts: BoardFacts): string {
  const folder = join(work, `xsProj-${facts.chip}`, "build", "config");
  const file = join(folder, "sdkconfig.h");
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, "");
  return file;
}

function report(
  root: string,
  board: string,
  facts: BoardFacts,
  choice: Choice,
  prepared: PreparedBuild,
  linked: LinkedImage,
  sdkBytes: number,
): ImageReport {
  const missing = [FIRMWARE, ...prepared.external].filter((name) => !linked.preloaded.includes(name));
  if (missing.length > 0) throw new Error(`imported, and not in ROM: ${missing.join(", ")}`);
  const { creation } = readBoardManifest(root, board);
  return {
    ...linked,
    board,
    chip: facts.chip,
    choice,
    parts: imageParts(linked.totalBytes, sdkBytes, prepared.firmware.modules),
    creation,
    creationBytes: creationBytes(creation),
    partitionBytes: slotBytes(root, facts),
  };
}
