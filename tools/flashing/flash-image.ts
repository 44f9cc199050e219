/**
 * What --image names: a file at an offset, or a folder that a build or a release left. A folder is read by what lies in it: ESP-IDF's
 * flasher_args.json, the manifest.json of ESP Web Tools, or the three files of a Moddable build.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, isAbsolute, join, normalize } from "node:path";
import { CHIP_NAMES, CHIPS, type ChipName } from "../../host-sim/board/chip-identity.ts";
import { parseImage } from "../../host-sim/board/esp-image.ts";
import {
  DATA_SUBTYPE,
  firstApplication,
  PARTITION_TABLE_OFFSET,
  PARTITION_TYPE,
  parsePartitionTable,
} from "../../host-sim/board/partition-table.ts";
import { FLASH_EXIT, FlashError } from "./flash-error.ts";

/** Bytes for a place in flash. */
export interface FlashSegment {
  /** As the user knows it. */
  name: string;
  offset: number;
  bytes: Uint8Array;
  /** A node's record, given as such: the one thing that may carry keys. */
  isNodeRecord?: boolean;
}

/** Segments for one kind of chip; without one they say for themselves. */
export interface FlashBuild {
  chip?: ChipName;
  segments: FlashSegment[];
}

/** The builds that the arguments of --image offer, of which a chip takes one. */
export function loadBuilds(names: readonly string[]): FlashBuild[] {
  if (names.length === 1 && existsSync(names[0]) && statSync(names[0]).isDirectory()) return loadFolder(names[0]);
  return [{ segments: names.map(loadFile) }];
}

/** The build for a chip, or the only one where the chip is not known yet. */
export function chooseBuild(builds: readonly FlashBuild[], chip: ChipName | undefined): FlashBuild {
  const fitting = builds.filter((build) => build.chip === undefined || chip === undefined || build.chip === chip);
  if (fitting.length === 1) return fitting[0];
  const offered = builds.map((build) => build.chip).join(", ");
  if (fitting.length === 0)
    throw new FlashError(
      FLASH_EXIT.wrongChip,
      `there is no image for this chip, an ${CHIPS[chip!].title}`,
      `the images are for ${offered}`,
      "connect the board that they are for, or build for this one",
    );
  throw new FlashError(FLASH_EXIT.badImage, `which of the images: ${offered}?`, "--image", "name one with --chip");
}

/** A chip's name, however it is written (ESP32-S3, esp32s3). */
export function chipNameOf(text: string): ChipName | undefined {
  const plain = text.toLowerCase().replace(/[^a-z0-9]/g, "");
  return CHIP_NAMES.find((name) => name === plain);
}

function loadFile(name: string): FlashSegment {
  const match = /^(.+)@(0x[0-9a-f]{1,8}|\d{1,10})$/i.exec(name);
  if (match === null) {
    throw new FlashError(
      FLASH_EXIT.badImage,
      `"${name}" is neither a folder nor FILE@OFFSET`,
      "--image",
      "write the place in flash behind the file, as firmware.bin@0x20000",
    );
  }
  return { name: basename(match[1]), offset: Number(match[2]), bytes: read(match[1]) };
}

function loadFolder(folder: string): FlashBuild[] {
  if (existsSync(join(folder, "flasher_args.json"))) return [loadFlasherArgs(folder)];
  if (existsSync(join(folder, "manifest.json"))) return loadManifest(folder);
  if (existsSync(join(folder, "bootloader.bin"))) return [loadModdable(folder)];
  throw new FlashError(
    FLASH_EXIT.badImage,
    "the folder holds no firmware that is known",
    folder,
    "name the folder with flasher_args.json, manifest.json or bootloader.bin in it, or files as FILE@OFFSET",
  );
}

/** ESP-IDF: { flash_files: { "0x0": path, ... }, extra_esptool_args: { chip } }. */
function loadFlasherArgs(folder: string): FlashBuild {
  const { flash_files: files, extra_esptool_args: extra } = readJson(join(folder, "flasher_args.json"));
  const chip = typeof extra?.chip === "string" ? chipNameOf(extra.chip) : undefined;
  const entries = Object.entries(files ?? {});
  const segments = entries.map(([offset, path]) => loadPart(folder, path, Number(offset)));
  return { ...(chip === undefined ? {} : { chip }), segments };
}

/** ESP Web Tools: { builds: [{ chipFamily, parts: [{ path, offset }] }] }. */
function loadManifest(folder: string): FlashBuild[] {
  const { builds } = readJson(join(folder, "manifest.json"));
  const found: FlashBuild[] = [];
  for (const { chipFamily, parts } of Array.isArray(builds) ? builds : []) {
    const chip = chipNameOf(String(chipFamily));
    if (chip === undefined || !Array.isArray(parts)) continue;
    found.push({ chip, segments: parts.map(({ path, offset }) => loadPart(folder, path, Number(offset))) });
  }
  if (found.length > 0) return found;
  const where = join(folder, "manifest.json");
  throw new FlashError(FLASH_EXIT.badImage, "the manifest has no build for a chip that is known", where, "build again");
}

/** The Moddable SDK: the bootloader says the chip, the partition table the application's place. */
function loadModdable(folder: string): FlashBuild {
  const bootloader = read(join(folder, "bootloader.bin"));
  const image = parseImage(bootloader);
  const chip = image.ok ? CHIP_NAMES.find((name) => CHIPS[name].imageChipId === image.chipId) : undefined;
  const table = read(join(folder, "partition-table.bin"));
  const parsed = parsePartitionTable(table);
  const application = parsed.ok ? firstApplication(parsed.partitions) : undefined;
  if (chip === undefined || !parsed.ok || application === undefined) {
    const what =
      chip === undefined
        ? "bootloader.bin is of no chip that is known"
        : "partition-table.bin has no place for an application";
    throw new FlashError(FLASH_EXIT.badImage, what, folder, "build again");
  }
  const segments = [
    { name: "bootloader.bin", offset: CHIPS[chip].bootloaderOffset, bytes: bootloader },
    { name: "partition-table.bin", offset: PARTITION_TABLE_OFFSET, bytes: table },
    loadPart(folder, "xs_esp32.bin", application.offset),
  ];
  const { partitions } = parsed;
  const otaData = partitions.find(({ type, subtype }) => type === PARTITION_TYPE.data && subtype === DATA_SUBTYPE.ota);
  if (otaData !== undefined && existsSync(join(folder, "ota_data_initial.bin")))
    segments.push(loadPart(folder, "ota_data_initial.bin", otaData.offset));
  return { chip, segments };
}

function loadPart(folder: string, path: unknown, offset: number): FlashSegment {
  const isInside = typeof path === "string" && !isAbsolute(path) && !normalize(path).startsWith("..");
  if (!isInside || !Number.isSafeInteger(offset) || offset < 0)
    throw new FlashError(
      FLASH_EXIT.badImage,
      `a part of the firmware is not usable: ${path} at ${offset}`,
      folder,
      "build again",
    );
  return { name: basename(path), offset, bytes: read(join(folder, path)) };
}

// biome-ignore lint/suspicious/noExplicitAny: a build's own file; what is used of it is checked where it is used.
function readJson(path: string): any {
  try {
    return JSON.parse(new TextDecoder().decode(read(path))) ?? {};
  } catch (error) {
    if (error instanceof FlashError) throw error;
    throw new FlashError(FLASH_EXIT.badImage, "the file is no JSON", path, "build again");
  }
}

export function read(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? error;
    throw new FlashError(
      FLASH_EXIT.badImage,
      `the file cannot be read: ${code}`,
      path,
      "check the path and that you may read it",
    );
  }
}
