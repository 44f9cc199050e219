/**
 * One connection to a board's bootloader, through esptool-js: its loader resets, synchronises, detects, uploads the stub and changes the rate.
 * Downloads are sent from here, command by command, because esptool-js writes whole files only, and takes the ROM's MD5 for something else.
 *
 * esptool-js does not notice that a port is gone before its timeouts are over; every call here ends at once when the link is lost.
 */
import { deflateSync } from "node:zlib";
import { ESPError, ESPLoader, Transport } from "esptool-js";
import { CHIPS, type ChipIdentity } from "../../host-sim/board/chip-identity.ts";
import { checksumOf } from "../../host-sim/board/loader-protocol.ts";
import { SerialError, type SerialLink } from "../serial/serial-link.ts";
import { WebSerialPort } from "../serial/web-serial-port.ts";
import { FLASH_EXIT, FlashError } from "./flash-error.ts";
import { chipNameOf } from "./flash-image.ts";

export interface SessionOptions {
  /** Bits a second once the stub runs. */
  baudRate: number;
  /** Flash through the stub; else through the ROM, slower. */
  useStub: boolean;
  /** What esptool-js says, for whoever looks for a cause. */
  log: (line: string) => void;
}

const ROM_BAUD_RATE = 115200;
const CONNECT_ATTEMPTS = 3;
const STUB_BLOCK = 0x4000;
const ROM_BLOCK = 0x400;
/** Bytes that READ_FLASH of the ROM gives at a time. */
const ROM_READ = 64;
/** esptool's own limits: a sector erased and written, a megabyte hashed. */
const SHORTEST_TIMEOUT_MS = 3000;
const WRITE_MS_PER_MEGABYTE = 40_000;
const MD5_MS_PER_MEGABYTE = 8000;
const READ_ROM_FLASH = 0x0e;
const SPI_SET_PARAMS = 0x0b;
const ID_LOGS = Object.freeze({ first: 0x12, last: 0x1c });
/** Ends any packet that esptool-js is waiting for, and is none itself: its reader gives up at once. */
const NO_PACKET = Uint8Array.of(0xc0, 0xdb, 0x00, 0xc0, 0xdb, 0x00);

export class FlashSession {
  readonly chip: ChipIdentity;
  readonly mac: string;
  /** Bytes. */
  readonly flashSize: number;
  #loader: ESPLoader;
  #transport: Transport;
  #lost: Promise<never>;

  constructor(
    loader: ESPLoader,
    transport: Transport,
    lost: Promise<never>,
    chip: ChipIdentity,
    mac: string,
    flashSize: number,
  ) {
    this.#loader = loader;
    this.#transport = transport;
    this.#lost = lost;
    this.chip = chip;
    this.mac = mac;
    this.flashSize = flashSize;
  }

  /** Resets the board into its bootloader. Throws a SerialError or a FlashError. */
  static async open(link: SerialLink, { baudRate, useStub, log }: SessionOptions): Promise<FlashSession> {
    const port = new WebSerialPort(link);
    const transport = new Transport(port as unknown as ConstructorParameters<typeof Transport>[0]);
    // Some of its trace is printed whatever it is told.
    transport.trace = log;
    const terminal = { clean: () => {}, writeLine: log, write: log };
    const loader = new ESPLoader({ transport, baudrate: baudRate, romBaudrate: ROM_BAUD_RATE, terminal });
    const lost = watch(link, port);
    try {
      return await Promise.race([start(loader, transport, lost, link, baudRate, useStub), lost]);
    } catch (error) {
      await quietly(transport.disconnect());
      throw error;
    }
  }

  /** MD5 of a range of flash, in hexadecimal, as the chip computes it. */
  async md5(offset: number, length: number): Promise<string> {
    const loader = this.#loader;
    const timeoutMs = Math.max(SHORTEST_TIMEOUT_MS, (MD5_MS_PER_MEGABYTE * length) / 1e6);
    const size = loader.IS_STUB ? 16 : 32;
    const answer = await this.#command(
      "hash flash",
      loader.ESP_SPI_FLASH_MD5,
      words(offset, length, 0, 0),
      0,
      size,
      timeoutMs,
    );
    const digest = Buffer.from(answer as Uint8Array);
    return loader.IS_STUB ? digest.toString("hex") : digest.toString("latin1");
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    if (this.#loader.IS_STUB) {
      const bytes = await Promise.race([this.#loader.readFlash(offset, length), this.#lost]);
      // The digest that follows the data is not waited for there; a command that is answered shows that it is through.
      await this.md5(offset, 4);
      return bytes;
    }
    const parts: Uint8Array[] = [];
    for (let at = 0; at < length; at += ROM_READ) {
      const part = await this.#command(
        "read flash",
        READ_ROM_FLASH,
        words(offset + at, Math.min(ROM_READ, length - at)),
        0,
        ROM_READ,
      );
      parts.push((part as Uint8Array).subarray(0, length - at));
    }
    return Buffer.concat(parts);
  }

  /** Writes a piece, compressed. `report` is told how many bytes of it are there. */
  async write(offset: number, bytes: Uint8Array, report: (done: number) => void): Promise<void> {
    const loader = this.#loader;
    const compressed = deflateSync(bytes, { level: 9 });
    const block = loader.IS_STUB ? STUB_BLOCK : ROM_BLOCK;
    const blocks = Math.ceil(compressed.length / block);
    const timeoutMs = Math.max(SHORTEST_TIMEOUT_MS, (WRITE_MS_PER_MEGABYTE * bytes.length) / 1e6);
    // The ROM erases now, and wants to know whether it is to encrypt, but for the first ESP32's; the stub does neither.
    const size = loader.IS_STUB ? bytes.length : Math.ceil(bytes.length / block) * block;
    const hasEncryption = !loader.IS_STUB && this.chip.name !== "esp32";
    const begin = words(size, blocks, block, offset, ...(hasEncryption ? [0] : []));
    await this.#command("begin a download", loader.ESP_FLASH_DEFL_BEGIN, begin, 0, 0, timeoutMs);
    for (let i = 0; i < blocks; i++) {
      const payload = compressed.subarray(i * block, (i + 1) * block);
      const data = Buffer.concat([words(payload.length, i, 0, 0), payload]);
      await this.#command("write to flash", loader.ESP_FLASH_DEFL_DATA, data, checksumOf(payload), 0, timeoutMs);
      report(Math.floor((bytes.length * (i + 1)) / blocks));
    }
    // The last block is acknowledged before it is written; the end waits for it. A ROM would leave the bootloader.
    if (loader.IS_STUB) await this.#command("end a download", loader.ESP_FLASH_DEFL_END, words(1), 0, 0, timeoutMs);
  }

  async close(): Promise<void> {
    await quietly(this.#transport.disconnect());
  }

  async #command(
    what: string,
    command: number,
    data: Uint8Array,
    checksum = 0,
    answerLength = 0,
    timeoutMs = SHORTEST_TIMEOUT_MS,
  ): Promise<unknown> {
    const done = this.#loader.checkCommand(what, command, data, checksum, answerLength, timeoutMs);
    return await Promise.race([done, this.#lost]);
  }
}

async function start(
  loader: ESPLoader,
  transport: Transport,
  lost: Promise<never>,
  link: SerialLink,
  baudRate: number,
  useStub: boolean,
): Promise<FlashSession> {
  await detect(loader, link);
  const name = chipNameOf(loader.chip.CHIP_NAME);
  if (name === undefined) {
    throw new FlashError(
      FLASH_EXIT.wrongChip,
      `this is an ${loader.chip.CHIP_NAME}, which Groundtruth has no firmware for`,
      link.name,
      `connect one of these: ${Object.values(CHIPS)
        .map(({ title }) => title)
        .join(", ")}`,
    );
  }
  if (loader.secureDownloadMode) {
    throw new FlashError(
      FLASH_EXIT.noBootloader,
      "the board is in Secure Download Mode: its flash cannot be read back and so not verified",
      link.name,
      "update it by its own update channel, or replace it",
    );
  }
  const mac = await loader.chip.readMac(loader);
  if (useStub) await loader.runStub();
  else await loader.checkCommand("attach flash", loader.ESP_SPI_ATTACH, new Uint8Array(8));
  if (useStub && baudRate !== ROM_BAUD_RATE) await loader.changeBaud();
  const flashSize = await readFlashSize(loader, link);
  // Size, block, sector, page and status mask, as esptool tells a ROM.
  if (!useStub)
    await loader.checkCommand("set flash size", SPI_SET_PARAMS, words(0, flashSize, 0x10000, 0x1000, 0x100, 0xffff));
  return new FlashSession(loader, transport, lost, CHIPS[name], mac, flashSize);
}

async function detect(loader: ESPLoader, link: SerialLink): Promise<void> {
  try {
    await loader.detectChip("default_reset", CONNECT_ATTEMPTS);
  } catch (error) {
    if (error instanceof SerialError) throw error;
    throw new FlashError(
      FLASH_EXIT.noBootloader,
      `no bootloader answers: ${(error as Error).message}`,
      link.name,
      "hold the board's BOOT button while it connects; check that the cable carries data",
    );
  }
}

async function readFlashSize(loader: ESPLoader, link: SerialLink): Promise<number> {
  const log = ((await loader.readFlashId()) >> 16) & 0xff;
  if (log >= ID_LOGS.first && log <= ID_LOGS.last) return 2 ** log;
  throw new FlashError(
    FLASH_EXIT.flashTooSmall,
    "the flash does not say its size",
    link.name,
    "check the board: its flash may be broken",
  );
}

/** A promise that fails when the link is lost, and lets esptool-js fail with it. */
function watch(link: SerialLink, port: WebSerialPort): Promise<never> {
  const lost = new Promise<never>((_, reject) => {
    port.onLost = (error) => {
      link.onData(NO_PACKET);
      reject(error);
    };
  });
  lost.catch(() => {});
  return lost;
}

function words(...values: number[]): Uint8Array {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => {
    bytes.writeUInt32LE(value >>> 0, i * 4);
  });
  return bytes;
}

/** Whether an error may be gone with a new connection: the port's own, and what esptool-js makes of bytes that are lost. */
export function isConnectionError(error: unknown): error is Error {
  return error instanceof SerialError || error instanceof ESPError || error instanceof DOMException;
}

async function quietly(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch {
    // The port is being given up; what it says to that is of no use.
  }
}
