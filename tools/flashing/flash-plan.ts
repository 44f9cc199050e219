/**
 * Checks what is to be flashed, before anything is erased: first by itself, then against the board. What it returns is what will be written, in
 * pieces that can be compared, written and verified one by one.
 */
import { CHIP_NAMES, CHIPS, type ChipIdentity, type ChipName } from "../../host-sim/board/chip-identity.ts";
import { parseImage } from "../../host-sim/board/esp-image.ts";
import {
  DATA_SUBTYPE,
  firstApplication,
  holdsKeys,
  PARTITION_TABLE_OFFSET,
  PARTITION_TYPE,
  type Partition,
  parsePartitionTable,
} from "../../host-sim/board/partition-table.ts";
import { FLASH_EXIT, FlashError } from "./flash-error.ts";
import type { FlashSegment } from "./flash-image.ts";
import { findKeys, type KnownSecret } from "./flash-keys.ts";

const SECTOR = 4096;
/** Small enough to lose little with a connection, large enough to compress well. */
const PIECE = 128 << 10;
const MAGIC_IMAGE = 0xe9;

export interface FlashPiece {
  segment: FlashSegment;
  offset: number;
  bytes: Uint8Array;
}

/** What the files say about themselves. */
export interface CheckedSegments {
  segments: FlashSegment[];
  /** Of the images among them. */
  chip?: ChipName;
  /** Of the partition table among them. */
  partitions?: Partition[];
  /** Flash that they need: to their own end, the table's, and what the bootloader counts on. */
  neededSize: number;
}

function refuse(what: string, where: string, next: string, exitCode: number = FLASH_EXIT.badImage): never {
  throw new FlashError(exitCode, what, where, next);
}

const at = ({ name, offset }: FlashSegment): string => `${name} at 0x${offset.toString(16)}`;
const endOf = ({ offset, bytes }: FlashSegment): number => offset + bytes.length;

/** Checks segments by themselves. Throws a FlashError with the first thing that is wrong. */
export function checkSegments(given: readonly FlashSegment[], secrets: readonly KnownSecret[]): CheckedSegments {
  const segments = [...given].sort((a, b) => a.offset - b.offset);
  if (segments.length === 0) refuse("there is nothing to flash", "--image", "name a folder, or files as FILE@OFFSET");
  segments.forEach((segment, i) => {
    if (segment.bytes.length === 0) refuse("the file is empty", at(segment), "build again");
    if (segment.offset % SECTOR !== 0)
      refuse(
        "flash is erased in sectors of 4096 bytes, and this begins within one",
        at(segment),
        "name an offset that is a multiple of 0x1000",
      );
    const before = segments[i - 1];
    if (before !== undefined && segment.offset < Math.ceil(endOf(before) / SECTOR) * SECTOR)
      refuse(`it lies over ${at(before)}`, at(segment), "check the offsets");
  });
  const images = segments.flatMap((segment) => checkImage(segment));
  for (const segment of segments) {
    const keys = segment.isNodeRecord ? undefined : findKeys(segment.bytes, secrets);
    if (keys !== undefined)
      refuse(
        `it carries ${keys}`,
        at(segment),
        "take it out: a node makes its own keys (groundtruth provision); a node's record made offline goes by --nvs",
        FLASH_EXIT.keysInImage,
      );
  }
  const partitions = checkTable(segments);
  const chip = images[0]?.chip;
  const other = images.find((image) => image.chip !== chip);
  if (other !== undefined)
    refuse(
      `it is for ${CHIPS[other.chip].title}, ${images[0].name} for ${CHIPS[images[0].chip].title}`,
      other.name,
      "build again",
      FLASH_EXIT.wrongChip,
    );
  const ends = [...segments.map(endOf), ...(partitions ?? []).map(({ offset, size }) => offset + size)];
  const neededSize = Math.max(...ends, ...images.map(({ flashSize }) => flashSize));
  return {
    segments,
    neededSize,
    ...(chip === undefined ? {} : { chip }),
    ...(partitions === undefined ? {} : { partitions }),
  };
}

function checkImage(segment: FlashSegment): { name: string; chip: ChipName; flashSize: number }[] {
  if (segment.bytes[0] !== MAGIC_IMAGE) return [];
  const image = parseImage(segment.bytes);
  if (!image.ok) return refuse(`the image is damaged: ${image.reason}`, at(segment), "build or fetch it again");
  const chip = CHIP_NAMES.find((name) => CHIPS[name].imageChipId === image.chipId);
  if (chip === undefined)
    return refuse(
      `the image is for a chip that is not known (${image.chipId})`,
      at(segment),
      "build for a chip that is",
      FLASH_EXIT.wrongChip,
    );
  // Only the bootloader's header counts: it is the one that is read at start-up.
  const isBootloader = segment.offset === CHIPS[chip].bootloaderOffset;
  return [{ name: segment.name, chip, flashSize: isBootloader ? image.flashSize : 0 }];
}

/** The partition table among the segments, and whether the others keep to it. */
function checkTable(segments: readonly FlashSegment[]): Partition[] | undefined {
  const segment = segments.find(({ offset }) => offset === PARTITION_TABLE_OFFSET);
  if (segment === undefined) return undefined;
  const table = parsePartitionTable(segment.bytes);
  if (!table.ok)
    return refuse(`the partition table is damaged: ${table.reason}`, at(segment), "build or fetch it again");
  checkAgainstTable(segments, table.partitions);
  return table.partitions;
}

/** Each segment within its partition, and none in one that holds keys. */
export function checkAgainstTable(segments: readonly FlashSegment[], partitions: readonly Partition[]): void {
  for (const segment of segments) {
    for (const partition of partitions) {
      const { label, offset, size } = partition;
      if (segment.offset >= offset + size || endOf(segment) <= offset) continue;
      if (holdsKeys(partition) && !segment.isNodeRecord)
        refuse(
          `it would overwrite the partition "${label}", where a node keeps its keys`,
          at(segment),
          "flash the parts of the firmware, not one file of the whole flash; a node's record made offline goes by --nvs",
          FLASH_EXIT.keysInImage,
        );
      if (segment.offset < offset || endOf(segment) > offset + size)
        refuse(
          `it does not fit its partition "${label}" of ${size} bytes`,
          at(segment),
          "make it smaller, or change the partition table",
        );
    }
  }
}

/** Checks segments against the chip and the flash that are there. */
export function checkBoard(
  checked: CheckedSegments,
  chip: ChipIdentity,
  flashSize: number,
  asked: ChipName | undefined,
): void {
  if (asked !== undefined && asked !== chip.name)
    refuse(
      `this is an ${chip.title}, not an ${CHIPS[asked].title}`,
      "--chip",
      "connect the other board, or leave --chip out",
      FLASH_EXIT.wrongChip,
    );
  if (checked.chip !== undefined && checked.chip !== chip.name)
    refuse(
      `the images are for ${CHIPS[checked.chip].title}, and this is an ${chip.title}`,
      "--image",
      "connect the board that they are for, or build for this one",
      FLASH_EXIT.wrongChip,
    );
  if (checked.neededSize > flashSize) {
    const megabytes = (bytes: number): string => `${Math.ceil(bytes / (1 << 17)) / 8} MB`;
    refuse(
      `the firmware needs ${megabytes(checked.neededSize)} of flash, and the board has ${megabytes(flashSize)}`,
      "the flash",
      "take a board with more flash, or build for less",
      FLASH_EXIT.flashTooSmall,
    );
  }
}

/**
 * Whether a new first application would not be started: ESP-IDF's otadata still names the slot of the last update. Blank otadata starts the
 * first one.
 */
export function blankOtaData(segments: readonly FlashSegment[], partitions: readonly Partition[]): FlashSegment[] {
  const isWritten = (partition: Partition): boolean =>
    segments.some((segment) => segment.offset < partition.offset + partition.size && endOf(segment) > partition.offset);
  const application = firstApplication(partitions);
  const otaData = partitions.find(({ type, subtype }) => type === PARTITION_TYPE.data && subtype === DATA_SUBTYPE.ota);
  if (application === undefined || otaData === undefined || !isWritten(application) || isWritten(otaData)) return [];
  return [{ name: "blank otadata", offset: otaData.offset, bytes: new Uint8Array(otaData.size).fill(0xff) }];
}

export function piecesOf(segments: readonly FlashSegment[]): FlashPiece[] {
  return segments.flatMap((segment) => {
    // The loaders write words.
    const bytes = new Uint8Array(Math.ceil(segment.bytes.length / 4) * 4).fill(0xff);
    bytes.set(segment.bytes);
    return Array.from({ length: Math.ceil(bytes.length / PIECE) }, (_, i) => ({
      segment,
      offset: segment.offset + i * PIECE,
      bytes: bytes.subarray(i * PIECE, (i + 1) * PIECE),
    }));
  });
}
