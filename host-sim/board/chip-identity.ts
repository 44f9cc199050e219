/**
 * What a host can tell the chips apart by, and where it looks for it: chip IDs, the magic word at 0x40001000, eFuse words, registers of the SPI
 * controller (esptool documentation; the chips' technical reference manuals, chapters "eFuse Controller" and "SPI").
 */

export type ChipName = "esp32" | "esp32s3" | "esp32c3" | "esp32c6";

/** Addresses of the SPI controller that the flash hangs on. */
export interface SpiController {
  base: number;
  user: number;
  user2: number;
  data0: number;
}

export interface ChipIdentity {
  readonly name: ChipName;
  /** As Espressif writes it. */
  readonly title: string;
  /** `chip_id` in the header of its images, and in GET_SECURITY_INFO. */
  readonly imageChipId: number;
  /** What READ_REG finds at 0x40001000. */
  readonly magic: number;
  /** The first ESP32's ROM has no GET_SECURITY_INFO. */
  readonly hasSecurityInfo: boolean;
  /** Where the second-stage bootloader lies in flash. */
  readonly bootloaderOffset: number;
  /** Lines that the ROM prints before anything else. */
  readonly banner: string;
  /** How it names a reset by the EN pin. */
  readonly resetName: string;
  /** Strapping pins and boot mode, as the ROM prints them. */
  readonly downloadBoot: string;
  readonly flashBoot: string;
  /** Memory that a program may be loaded into: [from, to). */
  readonly ram: readonly (readonly [number, number])[];
  readonly spi: SpiController;
  /** The UART's clock divider, by which a host finds the crystal out. 0: not used. */
  readonly uartDivider: number;
  /** eFuse words and other constants: address and value. */
  readonly words: (mac: Uint8Array) => (readonly [number, number])[];
}

/** The magic register, the same on every chip. */
export const MAGIC_REGISTER = 0x40001000;
export const CRYSTAL_HZ = 40_000_000;

/** Bytes 2 to 5 of a MAC address, as the eFuse word has them. */
function macLow(mac: Uint8Array): number {
  return ((mac[2] << 24) | (mac[3] << 16) | (mac[4] << 8) | mac[5]) >>> 0;
}

function macHigh(mac: Uint8Array): number {
  return (mac[0] << 8) | mac[1];
}

const LATER_SPI = Object.freeze({ user: 0x18, user2: 0x20, data0: 0x58 });

const ESP32: ChipIdentity = {
  name: "esp32",
  title: "ESP32",
  imageChipId: 0,
  magic: 0x00f01d83,
  hasSecurityInfo: false,
  bootloaderOffset: 0x1000,
  banner: "ets Jul 29 2019 12:21:46\r\n\r\n",
  resetName: "POWERON_RESET",
  downloadBoot: "0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))",
  flashBoot: "0x13 (SPI_FAST_FLASH_BOOT)",
  ram: [
    [0x3ffae000, 0x40000000],
    [0x40080000, 0x400bfffc],
    [0x400c0000, 0x400c2000],
    [0x50000000, 0x50002000],
  ],
  spi: { base: 0x3ff42000, user: 0x1c, user2: 0x24, data0: 0x80 },
  uartDivider: 0x3ff40014,
  // ESP32-D0WD-V3, revision 3: three revision bits in two words and in a register; package 1; 240 MHz.
  words: (mac: Uint8Array) => [
    [0x3ff5a004, macLow(mac)],
    [0x3ff5a008, macHigh(mac)],
    [0x3ff5a00c, (1 << 9) | (1 << 13) | (1 << 15)],
    [0x3ff5a014, 1 << 20],
    [0x3ff6607c, 0x80000000],
  ],
};

const ESP32S3: ChipIdentity = {
  name: "esp32s3",
  title: "ESP32-S3",
  imageChipId: 9,
  magic: 0x00000009,
  hasSecurityInfo: true,
  bootloaderOffset: 0,
  banner: "ESP-ROM:esp32s3-20210327\r\nBuild:Mar 27 2021\r\n",
  resetName: "POWERON",
  downloadBoot: "0x0 (DOWNLOAD(USB/UART0))",
  flashBoot: "0x8 (SPI_FAST_FLASH_BOOT)",
  ram: [
    [0x3fc88000, 0x3fd00000],
    [0x40370000, 0x403e0000],
    [0x50000000, 0x50002000],
    [0x600fe000, 0x60100000],
  ],
  spi: { base: 0x60002000, ...LATER_SPI },
  uartDivider: 0x60000014,
  // Revision v0.2: the minor one in word 3, from bit 18.
  words: (mac: Uint8Array) => [
    [0x60007044, macLow(mac)],
    [0x60007048, macHigh(mac)],
    [0x60007050, 2 << 18],
  ],
};

const ESP32C3: ChipIdentity = {
  name: "esp32c3",
  title: "ESP32-C3",
  imageChipId: 5,
  magic: 0x1b31506f,
  hasSecurityInfo: true,
  bootloaderOffset: 0,
  banner: "ESP-ROM:esp32c3-api1-20210207\r\nBuild:Feb  7 2021\r\n",
  resetName: "POWERON",
  downloadBoot: "0x4 (DOWNLOAD(USB/UART0/1))",
  flashBoot: "0xc (SPI_FAST_FLASH_BOOT)",
  ram: [
    [0x3fc80000, 0x3fce0000],
    [0x4037c000, 0x403e0000],
    [0x50000000, 0x50002000],
  ],
  spi: { base: 0x60002000, ...LATER_SPI },
  uartDivider: 0x60000014,
  // Revision v0.4.
  words: (mac: Uint8Array) => [
    [0x60008844, macLow(mac)],
    [0x60008848, macHigh(mac)],
    [0x60008850, 4 << 18],
  ],
};

const ESP32C6: ChipIdentity = {
  name: "esp32c6",
  title: "ESP32-C6",
  imageChipId: 13,
  magic: 0x2ce0806f,
  hasSecurityInfo: true,
  bootloaderOffset: 0,
  banner: "ESP-ROM:esp32c6-20220919\r\nBuild:Sep 19 2022\r\n",
  resetName: "POWERON",
  downloadBoot: "0x4 (DOWNLOAD(USB/UART0/SDIO_FEI_FEO))",
  flashBoot: "0xc (SPI_FAST_FLASH_BOOT)",
  ram: [
    [0x40800000, 0x40880000],
    [0x50000000, 0x50004000],
  ],
  spi: { base: 0x60003000, ...LATER_SPI },
  uartDivider: 0x60000014,
  // Revision v0.1.
  words: (mac: Uint8Array) => [
    [0x600b0844, macLow(mac)],
    [0x600b0848, macHigh(mac)],
    [0x600b0850, 1 << 18],
  ],
};

export const CHIPS: Readonly<Record<ChipName, ChipIdentity>> = Object.freeze({
  esp32: ESP32,
  esp32s3: ESP32S3,
  esp32c3: ESP32C3,
  esp32c6: ESP32C6,
});
export const CHIP_NAMES = Object.freeze(Object.keys(CHIPS)) as readonly ChipName[];
