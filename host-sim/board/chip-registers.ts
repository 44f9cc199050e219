/**
 * What READ_REG and WRITE_REG reach: eFuse words, the UART's divider, the flash's SPI controller, and memory for everything else.
 *
 * Of the SPI controller only the "user" command is modelled, by which hosts ask the flash for its ID: the command in USER2, the start bit in
 * CMD, the answer in W0 (ESP32 technical reference manual, "SPI Controller").
 */
import { type ChipIdentity, CRYSTAL_HZ, MAGIC_REGISTER } from "./chip-identity.ts";
import type { SpiFlash } from "./spi-flash.ts";

/** SPI_CMD_REG: begin a user command; reads 0 once it is over. */
const START_USER_COMMAND = 1 << 18;
const READ_ID = 0x9f;
const PAGE_SIZE = 4096;

export class ChipRegisters {
  #chip: ChipIdentity;
  #flash: SpiFlash;
  #constants = new Map<number, number>();
  /** RAM and registers that only remember, by page. */
  #pages = new Map<number, Uint8Array>();
  /** Bits a second of the UART: its divider shows it. */
  baudRate = 115200;

  constructor(chip: ChipIdentity, mac: Uint8Array, flash: SpiFlash) {
    this.#chip = chip;
    this.#flash = flash;
    this.#constants.set(MAGIC_REGISTER, chip.magic);
    for (const [address, value] of chip.words(mac)) this.#constants.set(address, value >>> 0);
  }

  /** A reset: RAM and registers are blank. */
  reset(): void {
    this.#pages.clear();
  }

  read(address: number): number {
    const constant = this.#constants.get(address);
    if (constant !== undefined) return constant;
    if (address === this.#chip.uartDivider) return Math.floor(CRYSTAL_HZ / this.baudRate);
    let value = 0;
    for (let i = 0; i < 4; i++) value |= this.#byte(address + i) << (8 * i);
    return value >>> 0;
  }

  write(address: number, value: number): void {
    if (this.#constants.has(address) || address === this.#chip.uartDivider) return;
    const { base } = this.#chip.spi;
    if (address === base && value & START_USER_COMMAND) {
      this.#runFlashCommand();
      return;
    }
    this.load(address, Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24));
  }

  /** Writes a program or its data into memory. */
  load(address: number, bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) {
      const at = address + i;
      const index = Math.floor(at / PAGE_SIZE);
      let page = this.#pages.get(index);
      if (page === undefined) {
        page = new Uint8Array(PAGE_SIZE);
        this.#pages.set(index, page);
      }
      page[at % PAGE_SIZE] = bytes[i];
    }
  }

  #byte(address: number): number {
    return this.#pages.get(Math.floor(address / PAGE_SIZE))?.[address % PAGE_SIZE] ?? 0;
  }

  #runFlashCommand(): void {
    const { base, user2, data0 } = this.#chip.spi;
    const command = this.read(base + user2) & 0xff;
    // A flash that is not attached leaves the bus high; commands that have no answer leave W0 as it was.
    if (!this.#flash.isAttached) this.write(base + data0, 0xffffff);
    else if (command === READ_ID) this.write(base + data0, this.#flash.jedecId);
  }
}
