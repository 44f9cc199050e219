/** What a board does with its flash after a reset: the ROM looks for the second-stage bootloader, that one for the partition table and an application. */
import type { ChipIdentity } from "./chip-identity.ts";
import { type AppDescription, parseImage } from "./esp-image.ts";
import {
  firstApplication,
  PARTITION_TABLE_LENGTH,
  PARTITION_TABLE_OFFSET,
  type Partition,
  parsePartitionTable,
} from "./partition-table.ts";
import type { SpiFlash } from "./spi-flash.ts";

export interface Application {
  partitions: readonly Partition[];
  /** The partition that it was started from. */
  partition: Partition;
  description: AppDescription | undefined;
}

export type FlashBoot = { ok: true; application: Application } | { ok: false; line: string };

/** The application in flash, or the line that the chip prints again and again for want of one. */
export function bootFromFlash(chip: ChipIdentity, flash: SpiFlash): FlashBoot {
  const { size } = flash.chip;
  const bootloader = parseImage(flash.read(chip.bootloaderOffset, PARTITION_TABLE_OFFSET - chip.bootloaderOffset));
  if (!bootloader.ok) {
    const word = flash
      .read(chip.bootloaderOffset, 4)
      .reduceRight((text, byte) => text + byte.toString(16).padStart(2, "0"), "0x");
    return { ok: false, line: bootloader.reason === "not-an-image" ? `invalid header: ${word}` : "csum err" };
  }
  if (bootloader.chipId !== chip.imageChipId) return { ok: false, line: "boot: this image is of another chip" };
  if (bootloader.flashSize > size) {
    const kilobytes = (bytes: number): string => `${bytes >> 10}k`;
    const detail = `Detected size(${kilobytes(size)}) smaller than the size in the binary image header(${kilobytes(bootloader.flashSize)})`;
    return { ok: false, line: `E (40) spi_flash: ${detail}. Probe failed.` };
  }
  const table = parsePartitionTable(flash.read(PARTITION_TABLE_OFFSET, PARTITION_TABLE_LENGTH));
  if (!table.ok) return { ok: false, line: "E (41) boot: Failed to verify partition table" };
  const partition = firstApplication(table.partitions);
  if (partition === undefined || partition.offset + partition.size > size)
    return { ok: false, line: "E (42) boot: No bootable app partitions in the partition table" };
  const image = parseImage(flash.read(partition.offset, partition.size));
  if (!image.ok || image.chipId !== chip.imageChipId)
    return { ok: false, line: "E (43) boot: No bootable app partitions in the partition table" };
  return { ok: true, application: { partitions: table.partitions, partition, description: image.app } };
}
