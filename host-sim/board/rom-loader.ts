/**
 * The UART bootloader in the chips' ROM (esptool documentation, "Serial Protocol"). Four status bytes, the first two used: 1 and an error.
 *
 * Where the document leaves something open, hosts and their published traces decide: SYNC is answered eight times; a response's value is that
 * of the last READ_REG or SYNC; a command that is not known is answered eight times with error 5 and a command byte that is not its own (here
 * 0). BEGIN commands take their documented words with or without the last one, which is about encryption.
 */
import { InflateStream } from "./inflate.ts";
import { type Loader, type LoaderHost, securityInfo } from "./loader-host.ts";
import {
  asciiBytes,
  buildResponse,
  COMMAND,
  checksumOf,
  type LoaderRequest,
  parseRequest,
  payloadOf,
  readWord,
} from "./loader-protocol.ts";

/** Errors of the ROM, as the document names them. */
export const ROM_ERROR = Object.freeze({
  invalidFormat: 0x05,
  wrongResult: 0x06,
  checksum: 0x07,
  flashWrite: 0x08,
  flashRead: 0x09,
  flashReadLength: 0x0a,
  deflate: 0x0b,
  deflateAdler: 0x0c,
  ramSize: 0x0e,
  ramAddress: 0x0f,
});

const OK = 0;
const NO_DATA = new Uint8Array(0);
const REPEATS = 8;
const SYNC_LENGTH = 36;
const SYNC_WORD = 0x20120707;
/** READ_FLASH of the ROM answers with so many bytes, whatever was asked. */
const READ_LENGTH = 64;
const WRITE_REG_LENGTH = 16;

/** What Secure Download Mode leaves. */
const SECURE_COMMANDS: ReadonlySet<number> = new Set([
  COMMAND.sync,
  COMMAND.spiAttach,
  COMMAND.spiSetParams,
  COMMAND.changeBaudRate,
  COMMAND.flashBegin,
  COMMAND.flashData,
  COMMAND.flashEnd,
  COMMAND.getSecurityInfo,
]);

interface Command {
  /** Lengths of its data that it takes; none given: any, and it checks for itself. */
  lengths?: readonly number[];
  /** Does it and returns the error, or OK; `undefined` when it has answered itself. */
  run(request: LoaderRequest): number | undefined;
}

interface Download {
  offset: number;
  end: number;
  isCompressed: boolean;
  inflate: InflateStream;
}

export class RomLoader implements Loader {
  #host: LoaderHost;
  #commands = new Map<number, Command>();
  #value = 0;
  #memory: { offset: number; end: number } | undefined;
  #download: Download | undefined;

  constructor(host: LoaderHost) {
    this.#host = host;
    const add = (command: number, lengths: readonly number[] | undefined, run: Command["run"]): void => {
      this.#commands.set(command, lengths === undefined ? { run } : { lengths, run });
    };
    add(COMMAND.sync, [SYNC_LENGTH], ({ data }) => this.#sync(data));
    add(COMMAND.readReg, [4], ({ data }) => this.#readReg(data));
    add(COMMAND.writeReg, undefined, ({ data }) => this.#writeReg(data));
    add(COMMAND.memBegin, [16], ({ data }) => this.#memBegin(data));
    add(COMMAND.memData, undefined, (request) => this.#memData(request));
    add(COMMAND.memEnd, [8], ({ data }) => this.#memEnd(data));
    add(COMMAND.spiAttach, [8], () => this.#attach());
    add(COMMAND.spiSetParams, [24], ({ data }) => this.#setParams(data));
    add(COMMAND.changeBaudRate, [8], ({ data }) => this.#changeBaudRate(data));
    add(COMMAND.flashBegin, [16, 20], ({ data }) => this.#flashBegin(data, false));
    add(COMMAND.flashData, undefined, (request) => this.#flashData(request, false));
    add(COMMAND.flashEnd, [4], () => this.#flashEnd(COMMAND.flashEnd));
    add(COMMAND.flashDeflBegin, [16, 20], ({ data }) => this.#flashBegin(data, true));
    add(COMMAND.flashDeflData, undefined, (request) => this.#flashData(request, true));
    add(COMMAND.flashDeflEnd, [4], () => this.#flashEnd(COMMAND.flashDeflEnd));
    add(COMMAND.spiFlashMd5, [16], ({ data }) => this.#flashMd5(data));
    add(COMMAND.romReadFlash, [8], ({ data }) => this.#readFlash(data));
    if (host.chip.hasSecurityInfo) add(COMMAND.getSecurityInfo, [0], () => this.#securityInfo());
  }

  handle(packet: Uint8Array): void {
    const request = parseRequest(packet);
    if (request === undefined) return;
    const { command: code, data, isWhole } = request;
    const command = this.#commands.get(code);
    if (command === undefined || (this.#host.secureDownload && !SECURE_COMMANDS.has(code))) {
      for (let i = 0; i < REPEATS; i++) this.#answer(0, ROM_ERROR.invalidFormat);
      return;
    }
    const fits = isWhole && (command.lengths === undefined || command.lengths.includes(data.length));
    const error = fits ? command.run(request) : ROM_ERROR.invalidFormat;
    if (error !== undefined) this.#answer(code, error);
  }

  #answer(command: number, error: number, data: Uint8Array = NO_DATA): void {
    const status = Uint8Array.of(error === OK ? 0 : 1, error, 0, 0);
    this.#host.send(buildResponse(command, this.#value, data, status));
  }

  #sync(data: Uint8Array): number | undefined {
    if (readWord(data, 0) !== SYNC_WORD) return ROM_ERROR.invalidFormat;
    this.#value = SYNC_WORD;
    for (let i = 1; i < REPEATS; i++) this.#answer(COMMAND.sync, OK);
    return OK;
  }

  #readReg(data: Uint8Array): number {
    this.#value = this.#host.registers.read(readWord(data, 0));
    return OK;
  }

  #writeReg(data: Uint8Array): number {
    if (data.length === 0 || data.length % WRITE_REG_LENGTH !== 0) return ROM_ERROR.invalidFormat;
    const { registers } = this.#host;
    for (let at = 0; at < data.length; at += WRITE_REG_LENGTH) {
      const address = readWord(data, at);
      const mask = readWord(data, at + 8);
      registers.write(address, ((readWord(data, at + 4) & mask) | (registers.read(address) & ~mask)) >>> 0);
    }
    return OK;
  }

  #memBegin(data: Uint8Array): number {
    const [size, blocks, blockSize, offset] = [0, 4, 8, 12].map((at) => readWord(data, at));
    if (size > blocks * blockSize) return ROM_ERROR.ramSize;
    const isRam = this.#host.chip.ram.some(([from, to]) => offset >= from && offset + size <= to);
    if (!isRam) return ROM_ERROR.ramAddress;
    this.#memory = { offset, end: offset + size };
    return OK;
  }

  #memData(request: LoaderRequest): number {
    const payload = payloadOf(request);
    const memory = this.#memory;
    if (payload === undefined) return ROM_ERROR.invalidFormat;
    if (checksumOf(payload) !== request.checksum) return ROM_ERROR.checksum;
    if (memory === undefined) return ROM_ERROR.wrongResult;
    if (memory.offset + payload.length > memory.end) return ROM_ERROR.ramSize;
    this.#host.registers.load(memory.offset, payload);
    memory.offset += payload.length;
    return OK;
  }

  #memEnd(data: Uint8Array): number | undefined {
    if (this.#memory === undefined) return ROM_ERROR.wrongResult;
    this.#memory = undefined;
    this.#answer(COMMAND.memEnd, OK);
    // The first word says "stay here"; else the program at the entry takes over.
    if (readWord(data, 0) === 0) this.#host.runProgram(readWord(data, 4));
    return undefined;
  }

  #attach(): number {
    this.#host.flash.isAttached = true;
    return OK;
  }

  #setParams(data: Uint8Array): number {
    this.#host.flash.knownSize = readWord(data, 4);
    return OK;
  }

  #changeBaudRate(data: Uint8Array): number | undefined {
    const baudRate = readWord(data, 0);
    if (baudRate === 0) return ROM_ERROR.wrongResult;
    this.#answer(COMMAND.changeBaudRate, OK);
    this.#host.setBaudRate(baudRate);
    return undefined;
  }

  /** The ROM erases everything at once; of a compressed download it is told the size in whole blocks. */
  #flashBegin(data: Uint8Array, isCompressed: boolean): number {
    const { flash } = this.#host;
    const [size, blocks, blockSize, offset] = [0, 4, 8, 12].map((at) => readWord(data, at));
    if (!isCompressed && size > blocks * blockSize) return ROM_ERROR.wrongResult;
    // A padded last block may reach over the end of the flash without harm; what is to be erased may not.
    if (!flash.holds(offset, size)) return ROM_ERROR.wrongResult;
    flash.erase(offset, size);
    const inflate = new InflateStream((bytes) => this.#writeFlash(bytes));
    this.#download = { offset, end: offset + size, isCompressed, inflate };
    return OK;
  }

  #flashData(request: LoaderRequest, isCompressed: boolean): number {
    const payload = payloadOf(request);
    const download = this.#download;
    if (payload === undefined) return ROM_ERROR.invalidFormat;
    if (checksumOf(payload) !== request.checksum) return ROM_ERROR.checksum;
    if (download === undefined || download.isCompressed !== isCompressed) return ROM_ERROR.wrongResult;
    if (!isCompressed) return this.#writeFlash(payload) ? OK : ROM_ERROR.flashWrite;
    const status = download.inflate.push(payload);
    if (status === "bad-checksum") return ROM_ERROR.deflateAdler;
    if (status === "bad-data") return ROM_ERROR.deflate;
    return download.offset > download.end ? ROM_ERROR.flashWrite : OK;
  }

  /** Programs what is next, up to the end of what was erased; false when there is no room at all. */
  #writeFlash(bytes: Uint8Array): boolean {
    const download = this.#download;
    if (download === undefined) return false;
    const room = download.end - download.offset;
    if (room <= 0) {
      download.offset += bytes.length;
      return false;
    }
    this.#host.flash.program(download.offset, bytes.subarray(0, Math.min(bytes.length, room)));
    download.offset += Math.min(bytes.length, room);
    return true;
  }

  /** 0 restarts, 1 runs what is in flash: the same thing by now, as the strapping pin is up again. */
  #flashEnd(command: number): undefined {
    this.#answer(command, OK);
    this.#host.runFlash();
    return undefined;
  }

  /** The digest as 32 hexadecimal digits. */
  #flashMd5(data: Uint8Array): number | undefined {
    const offset = readWord(data, 0);
    const length = readWord(data, 4);
    const { flash } = this.#host;
    if (!flash.isAttached) return ROM_ERROR.flashRead;
    if (!flash.holds(offset, length)) return ROM_ERROR.flashReadLength;
    const text = Array.from(this.#host.digest(offset, length), (byte) => byte.toString(16).padStart(2, "0")).join("");
    this.#answer(COMMAND.spiFlashMd5, OK, asciiBytes(text));
    return undefined;
  }

  #readFlash(data: Uint8Array): number | undefined {
    const offset = readWord(data, 0);
    const length = readWord(data, 4);
    const { flash } = this.#host;
    if (!flash.isAttached) return ROM_ERROR.flashRead;
    if (length > READ_LENGTH || !flash.holds(offset, length)) return ROM_ERROR.flashReadLength;
    const bytes = new Uint8Array(READ_LENGTH);
    bytes.set(flash.read(offset, length));
    this.#answer(COMMAND.romReadFlash, OK, bytes);
    return undefined;
  }

  #securityInfo(): undefined {
    const { chip, secureDownload } = this.#host;
    this.#answer(COMMAND.getSecurityInfo, OK, securityInfo(chip, secureDownload));
    return undefined;
  }
}
