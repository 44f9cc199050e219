/**
 * The flasher stub that hosts upload into RAM (esptool documentation, "Serial Protocol"; behaviour of espressif/esp-flasher-stub). Two status
 * bytes. A block is acknowledged before it is written, so what goes wrong in writing is told with the next command. Sectors are erased as they
 * are written, a blank one not at all.
 *
 *     commands --READ_FLASH--> sending a packet --acknowledged--> sending the next ... digest -> commands
 */
import { InflateStream } from "./inflate.ts";
import { type Loader, type LoaderHost, securityInfo } from "./loader-host.ts";
import {
  asciiBytes,
  buildResponse,
  COMMAND,
  checksumOf,
  DATA_HEADER_LENGTH,
  type LoaderRequest,
  parseRequest,
  payloadOf,
  readWord,
} from "./loader-protocol.ts";

/** Errors of the stub: the first status byte; the second is zero. */
export const STUB_ERROR = Object.freeze({
  badDataLength: 0xc0,
  badChecksum: 0xc1,
  invalidCommand: 0xc3,
  failedSpi: 0xc4,
  notInFlashMode: 0xc6,
  inflate: 0xc7,
  notEnoughData: 0xc8,
  tooMuchData: 0xc9,
  notImplemented: 0xff,
});

const OK = 0;
const NO_DATA = new Uint8Array(0);
const SYNC_REPEATS = 8;
const SYNC_LENGTH = 36;
const WRITE_REG_LENGTH = 16;
/** READ_FLASH sends packets of this length at most. */
const MAX_READ_PACKET = 4096;
/** Commands that a plug-in of the stub would take (NAND flash). */
const FIRST_PLUGIN_COMMAND = 0xd5;
const LAST_PLUGIN_COMMAND = 0xde;

interface Answer {
  error: number;
  value?: number;
  data?: Uint8Array;
  /** What is done once the answer is sent; its error waits for the next command. */
  after?: () => number;
}

interface Command {
  lengths?: readonly number[];
  run(request: LoaderRequest): Answer;
}

interface Download {
  offset: number;
  remaining: number;
  isCompressed: boolean;
  inflate: InflateStream;
  /** Sectors below this address are erased. */
  erasedTo: number;
  failed: boolean;
}

interface Reading {
  offset: number;
  end: number;
  packet: number;
  acknowledged: number;
  from: number;
}

const DONE: Answer = Object.freeze({ error: OK });

export class StubLoader implements Loader {
  #host: LoaderHost;
  #commands = new Map<number, Command>();
  #pendingError = OK;
  #memory: { offset: number; remaining: number } | undefined;
  #download: Download | undefined;
  #reading: Reading | undefined;

  constructor(host: LoaderHost) {
    this.#host = host;
    const add = (command: number, lengths: readonly number[] | undefined, run: Command["run"]): void => {
      this.#commands.set(command, lengths === undefined ? { run } : { lengths, run });
    };
    add(COMMAND.sync, [SYNC_LENGTH], () => this.#sync());
    add(COMMAND.readReg, [4], ({ data }) => ({ error: OK, value: host.registers.read(readWord(data, 0)) }));
    add(COMMAND.writeReg, undefined, ({ data }) => this.#writeReg(data));
    add(COMMAND.memBegin, [16], ({ data }) => this.#memBegin(data));
    add(COMMAND.memData, undefined, (request) => this.#memData(request));
    add(COMMAND.memEnd, [8], ({ data }) => this.#memEnd(data));
    add(COMMAND.spiAttach, [4], () => DONE);
    add(COMMAND.spiSetParams, [24], ({ data }) => this.#setParams(data));
    add(COMMAND.changeBaudRate, [8], ({ data }) => this.#changeBaudRate(data));
    add(COMMAND.flashBegin, [16, 20], ({ data }) => this.#flashBegin(data, false));
    add(COMMAND.flashData, undefined, (request) => this.#flashData(request, false));
    add(COMMAND.flashEnd, [4], ({ data }) => this.#flashEnd(data));
    add(COMMAND.flashDeflBegin, [16, 20], ({ data }) => this.#flashBegin(data, true));
    add(COMMAND.flashDeflData, undefined, (request) => this.#flashData(request, true));
    add(COMMAND.flashDeflEnd, [4], ({ data }) => this.#flashEnd(data));
    add(COMMAND.spiFlashMd5, [16], ({ data }) => this.#flashMd5(data));
    add(COMMAND.getSecurityInfo, [0], () => this.#securityInfo());
    add(COMMAND.eraseFlash, undefined, () => this.#erase(0, host.flash.chip.size));
    add(COMMAND.eraseRegion, [8], ({ data }) => this.#eraseRegion(data));
    add(COMMAND.readFlash, [16], ({ data }) => this.#readFlash(data));
    // The stub finds the flash by itself, and its size too.
    host.flash.isAttached = true;
    host.flash.knownSize = host.flash.chip.size;
    host.send(asciiBytes("OHAI"));
  }

  handle(packet: Uint8Array): void {
    if (this.#reading !== undefined) {
      this.#acknowledged(this.#reading, packet);
      return;
    }
    const request = parseRequest(packet);
    if (request === undefined) return;
    const code = request.command;
    if (code === COMMAND.runUserCode) {
      this.#host.runFlash();
      return;
    }
    const { error, value, data, after } = this.#answerTo(request);
    const status = Uint8Array.of(error, 0);
    this.#host.send(buildResponse(code, value ?? 0, error === OK ? (data ?? NO_DATA) : NO_DATA, status));
    if (error === OK && after !== undefined) this.#pendingError = after();
  }

  #answerTo(request: LoaderRequest): Answer {
    const { command: code, data, isWhole } = request;
    if (!isWhole) return { error: STUB_ERROR.badDataLength };
    if (this.#pendingError !== OK) {
      const error = this.#pendingError;
      this.#pendingError = OK;
      return { error };
    }
    const command = this.#commands.get(code);
    if (command === undefined) {
      const isPlugin = code >= FIRST_PLUGIN_COMMAND && code <= LAST_PLUGIN_COMMAND;
      return { error: isPlugin ? STUB_ERROR.notImplemented : STUB_ERROR.invalidCommand };
    }
    const fits = command.lengths === undefined || command.lengths.includes(data.length);
    return fits ? command.run(request) : { error: STUB_ERROR.badDataLength };
  }

  /** Like the ROM, but with value zero: by that a host knows that it meets a stub. */
  #sync(): Answer {
    const response = buildResponse(COMMAND.sync, 0, NO_DATA, new Uint8Array(2));
    for (let i = 1; i < SYNC_REPEATS; i++) this.#host.send(response);
    return DONE;
  }

  #writeReg(data: Uint8Array): Answer {
    if (data.length === 0 || data.length % WRITE_REG_LENGTH !== 0) return { error: STUB_ERROR.notEnoughData };
    const { registers } = this.#host;
    for (let at = 0; at < data.length; at += WRITE_REG_LENGTH) {
      const address = readWord(data, at);
      const mask = readWord(data, at + 8);
      registers.write(address, ((readWord(data, at + 4) & mask) | (registers.read(address) & ~mask)) >>> 0);
    }
    return DONE;
  }

  #memBegin(data: Uint8Array): Answer {
    this.#memory = { offset: readWord(data, 12), remaining: readWord(data, 0) };
    return DONE;
  }

  #memData(request: LoaderRequest): Answer {
    const memory = this.#memory;
    if (request.data.length < DATA_HEADER_LENGTH) return { error: STUB_ERROR.notEnoughData };
    if (memory === undefined) return { error: STUB_ERROR.notInFlashMode };
    const payload = payloadOf(request);
    if (payload === undefined || payload.length > memory.remaining) return { error: STUB_ERROR.tooMuchData };
    this.#host.registers.load(memory.offset, payload);
    memory.offset += payload.length;
    memory.remaining -= payload.length;
    return DONE;
  }

  #memEnd(data: Uint8Array): Answer {
    if (this.#memory === undefined) return { error: STUB_ERROR.notInFlashMode };
    this.#memory = undefined;
    const after = (): number => {
      if (readWord(data, 0) === 0) this.#host.runProgram(readWord(data, 4));
      return OK;
    };
    return { error: OK, after };
  }

  #setParams(data: Uint8Array): Answer {
    this.#host.flash.knownSize = readWord(data, 4);
    return DONE;
  }

  #changeBaudRate(data: Uint8Array): Answer {
    const after = (): number => {
      this.#host.setBaudRate(readWord(data, 0));
      return OK;
    };
    return { error: OK, after };
  }

  #flashBegin(data: Uint8Array, isCompressed: boolean): Answer {
    const [remaining, , , offset] = [0, 4, 8, 12].map((at) => readWord(data, at));
    const { sectorSize } = this.#host.flash.chip;
    const inflate = new InflateStream((bytes) => this.#write(bytes));
    const erasedTo = offset - (offset % sectorSize);
    this.#download = { offset, remaining, isCompressed, inflate, erasedTo, failed: false };
    return DONE;
  }

  #flashData(request: LoaderRequest, isCompressed: boolean): Answer {
    const download = this.#download;
    if (request.data.length < DATA_HEADER_LENGTH) return { error: STUB_ERROR.notEnoughData };
    if (download === undefined || download.isCompressed !== isCompressed) return { error: STUB_ERROR.notInFlashMode };
    const payload = payloadOf(request);
    if (payload === undefined) return { error: STUB_ERROR.tooMuchData };
    if (checksumOf(payload) !== request.checksum) return { error: STUB_ERROR.badChecksum };
    const after = (): number => {
      if (!isCompressed) this.#write(payload.subarray(0, download.remaining));
      else if (download.inflate.status !== "more") return STUB_ERROR.inflate;
      else if (download.inflate.push(payload).startsWith("bad")) return STUB_ERROR.inflate;
      return download.failed ? STUB_ERROR.failedSpi : OK;
    };
    return { error: OK, after };
  }

  #write(bytes: Uint8Array): void {
    const { flash } = this.#host;
    const download = this.#download;
    if (download === undefined || download.failed) return;
    if (bytes.length > download.remaining || !flash.holds(download.offset, bytes.length)) {
      download.failed = true;
      return;
    }
    const { sectorSize } = flash.chip;
    for (; download.erasedTo < download.offset + bytes.length; download.erasedTo += sectorSize) {
      const isBlank = flash.read(download.erasedTo, sectorSize).every((byte) => byte === 0xff);
      if (!isBlank) flash.erase(download.erasedTo, sectorSize);
    }
    flash.program(download.offset, bytes);
    download.offset += bytes.length;
    download.remaining -= bytes.length;
  }

  /** 0 restarts the chip; 1 stays here. */
  #flashEnd(data: Uint8Array): Answer {
    if (this.#download === undefined) return { error: STUB_ERROR.notInFlashMode };
    if (this.#download.remaining !== 0) return { error: STUB_ERROR.badDataLength };
    this.#download = undefined;
    const after = (): number => {
      if (readWord(data, 0) === 0) this.#host.runFlash();
      return OK;
    };
    return { error: OK, after };
  }

  #flashMd5(data: Uint8Array): Answer {
    const offset = readWord(data, 0);
    const length = readWord(data, 4);
    if (!this.#host.flash.holds(offset, length)) return { error: STUB_ERROR.failedSpi };
    return { error: OK, data: this.#host.digest(offset, length) };
  }

  #securityInfo(): Answer {
    const { chip, secureDownload } = this.#host;
    if (!chip.hasSecurityInfo) return { error: STUB_ERROR.notImplemented };
    return { error: OK, data: securityInfo(chip, secureDownload) };
  }

  #eraseRegion(data: Uint8Array): Answer {
    const offset = readWord(data, 0);
    const length = readWord(data, 4);
    const { sectorSize } = this.#host.flash.chip;
    if (offset % sectorSize !== 0 || length % sectorSize !== 0) return { error: STUB_ERROR.badDataLength };
    return this.#erase(offset, length);
  }

  #erase(offset: number, length: number): Answer {
    if (!this.#host.flash.holds(offset, length)) return { error: STUB_ERROR.failedSpi };
    this.#host.flash.erase(offset, length);
    return DONE;
  }

  #readFlash(data: Uint8Array): Answer {
    const [offset, length, packet] = [0, 4, 8].map((at) => readWord(data, at));
    const after = (): number => {
      if (packet === 0 || packet > MAX_READ_PACKET) return STUB_ERROR.badDataLength;
      if (!this.#host.flash.holds(offset, length)) return STUB_ERROR.failedSpi;
      this.#reading = { offset, end: offset + length, packet, acknowledged: 0, from: offset };
      this.#sendNext(this.#reading);
      return OK;
    };
    return { error: OK, after };
  }

  /** One packet is under way at a time, whatever number the host allows. */
  #sendNext(reading: Reading): void {
    const length = Math.min(reading.packet, reading.end - reading.offset);
    if (length > 0) {
      this.#host.send(this.#host.flash.read(reading.offset, length));
      reading.offset += length;
    } else if (reading.acknowledged >= reading.end - reading.from) {
      this.#endReading(reading);
    }
  }

  /** The host's four bytes: how much it has. Anything else ends the reading. */
  #acknowledged(reading: Reading, packet: Uint8Array): void {
    if (packet.length !== 4) {
      this.#endReading(reading);
      return;
    }
    reading.acknowledged = readWord(packet, 0);
    this.#sendNext(reading);
  }

  #endReading(reading: Reading): void {
    this.#reading = undefined;
    this.#host.send(this.#host.digest(reading.from, reading.offset - reading.from));
  }
}
