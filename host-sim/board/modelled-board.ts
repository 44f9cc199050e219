/**
 * A modelled development board: an ESP32 of some kind with its flash, behind a serial adapter whose DTR and RTS can reset it.
 *
 *     unplugged --plug in--> held --EN up, boot pin high--> application, or "no image" told again and again
 *         ^                  ^  '--EN up, boot pin low---> rom --MEM_END--> stub, or crashed
 *         |                  '------ EN low from anywhere -----'
 *         '------------------------- unplug from anywhere
 *
 * Time passes only where it can be observed: the rise of EN, and the watchdog's next try. Bytes cross the wire at once; at a wrong baud rate
 * they arrive as others.
 */
import { FlashChip } from "../chips/flash-chip.ts";
import { PowerCut, PowerRail } from "../chips/power-rail.ts";
import type { RandomStream } from "../random-stream.ts";
import { AutoReset, type BoardTimer } from "./auto-reset.ts";
import { CHIPS, type ChipIdentity, type ChipName } from "./chip-identity.ts";
import { ChipRegisters } from "./chip-registers.ts";
import { type Application, bootFromFlash } from "./flash-boot.ts";
import type { Loader, LoaderHost } from "./loader-host.ts";
import { asciiBytes, MAX_PACKET_LENGTH } from "./loader-protocol.ts";
import { RomLoader } from "./rom-loader.ts";
import { SlipReader, slipEncode } from "./slip.ts";
import { SpiFlash } from "./spi-flash.ts";
import { StubLoader } from "./stub-loader.ts";

/** What runs on the board after a reset, in place of the firmware in flash. */
export interface RunningApplication {
  /** Bytes from the host. */
  receive(bytes: Uint8Array): void;
  /** The chip is reset or has lost its power. */
  stop(): void;
}

/** What an application has of the board. */
export interface ApplicationHost {
  readonly chip: ChipIdentity;
  readonly mac: Uint8Array;
  readonly flash: FlashChip;
  readonly timer: BoardTimer;
  readonly application: Application;
  /** Sends on the UART. */
  send(bytes: Uint8Array): void;
  /** Sets the UART's rate; it begins at 115,200. */
  setBaudRate(baudRate: number): void;
  /** Restarts the chip, as software can. */
  restart(): void;
}

export type StartApplication = (host: ApplicationHost) => RunningApplication;

/** What can go wrong between host and board. Bytes are numbered from the board's making, each direction on its own. */
export interface BoardFaults {
  losesFromHost?(index: number): boolean;
  losesToHost?(index: number): boolean;
  /** The cable is pulled just before this byte from the host. */
  unplugsBefore?(index: number): boolean;
  /** The next digest of a range of flash is wrong. */
  spoilsDigest?(offset: number): boolean;
}

export interface BoardOptions {
  chip: ChipName;
  mac: Uint8Array;
  /** Bytes. */
  flashSize: number;
  timer: BoardTimer;
  random: RandomStream;
  startApplication: StartApplication;
  faults?: BoardFaults;
  /** eFuse that leaves only Secure Download Mode. */
  secureDownload?: boolean;
}

type Mode = "unplugged" | "held" | "rom" | "stub" | "crashed" | "blank" | "application";

const RESET_BAUD_RATE = 115200;
/** A UART samples the middle of ten bits: it bears so much difference. */
const MAX_BAUD_ERROR = 0.03;
/** How often a chip without a program says so. */
const WATCHDOG_US = 400_000;

export class ModelledBoard {
  readonly chip: ChipIdentity;
  readonly mac: Uint8Array;
  readonly flashChip: FlashChip;
  /** Bytes for the host. */
  onSend: (bytes: Uint8Array) => void = () => {};
  /** The cable was pulled: to the host, the port is gone. */
  onUnplugged: () => void = () => {};
  #options: BoardOptions;
  #power = new PowerRail();
  #flash: SpiFlash;
  #registers: ChipRegisters;
  #reset: AutoReset;
  #slip = new SlipReader(MAX_PACKET_LENGTH);
  #mode: Mode = "unplugged";
  #loader: Loader | undefined;
  #running: RunningApplication | undefined;
  #watchdog: object | undefined;
  #hostBaudRate = RESET_BAUD_RATE;
  /** undefined: the ROM measures the rate of what comes first. */
  #baudRate: number | undefined = RESET_BAUD_RATE;
  #fromHost = 0;
  #toHost = 0;

  /** The board is unplugged at first. */
  constructor(options: BoardOptions) {
    const { chip, mac, flashSize, timer, random } = options;
    this.#options = options;
    this.chip = CHIPS[chip];
    this.mac = mac;
    this.flashChip = new FlashChip({ size: flashSize, power: this.#power, random });
    this.#flash = new SpiFlash(this.flashChip);
    this.#registers = new ChipRegisters(this.chip, mac, this.#flash);
    this.#reset = new AutoReset(timer, {
      held: () => this.#stop("held"),
      released: (intoDownload) => this.#start(intoDownload),
    });
  }

  get mode(): Mode {
    return this.#mode;
  }

  get isPlugged(): boolean {
    return this.#mode !== "unplugged";
  }

  plugIn(): void {
    if (this.isPlugged) return;
    this.#power.restore();
    this.#mode = "held";
    this.#reset.powerOn();
  }

  unplug(): void {
    if (!this.isPlugged) return;
    this.#stop("unplugged");
    this.#reset.powerOff();
    this.onUnplugged();
  }

  /** Pulls the cable in the middle of the `count`-th write or erasure of the flash from now. */
  unplugInFlashOperation(count: number): void {
    this.#power.cutAfter(count);
  }

  /** The host's side of the serial adapter. */
  setHostBaudRate(baudRate: number): void {
    this.#hostBaudRate = baudRate;
  }

  setLines(dtr: boolean | undefined, rts: boolean | undefined): void {
    this.#reset.setLines(dtr, rts);
  }

  /** Bytes from the host. */
  receive(bytes: Uint8Array): void {
    const { faults } = this.#options;
    const arrived: number[] = [];
    for (const byte of bytes) {
      if (!this.isPlugged) return;
      const index = this.#fromHost++;
      if (faults?.unplugsBefore?.(index)) {
        this.#take(Uint8Array.from(arrived));
        this.unplug();
        return;
      }
      if (!faults?.losesFromHost?.(index)) arrived.push(byte);
    }
    this.#take(Uint8Array.from(arrived));
  }

  #take(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.#mode === "rom" && this.#baudRate === undefined) this.#setBaudRate(this.#hostBaudRate);
    const heard = this.#agrees() ? bytes : garbled(bytes);
    try {
      if (this.#loader === undefined) this.#running?.receive(heard);
      else for (const byte of heard) this.#feedLoader(byte);
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      this.unplug();
    }
  }

  #feedLoader(byte: number): void {
    const packet = this.#slip.push(byte);
    if (packet !== undefined) this.#loader?.handle(packet);
  }

  #send(bytes: Uint8Array): void {
    if (!this.isPlugged || bytes.length === 0) return;
    const { faults } = this.#options;
    const heard = this.#agrees() ? bytes : garbled(bytes);
    const index = this.#toHost;
    this.#toHost += bytes.length;
    const { losesToHost } = faults ?? {};
    this.onSend(losesToHost === undefined ? heard : heard.filter((_, i) => !losesToHost(index + i)));
  }

  #print(text: string): void {
    this.#send(asciiBytes(text));
  }

  #agrees(): boolean {
    const rate = this.#baudRate ?? this.#hostBaudRate;
    return Math.abs(rate - this.#hostBaudRate) <= rate * MAX_BAUD_ERROR;
  }

  #setBaudRate(baudRate: number): void {
    this.#baudRate = baudRate;
    this.#registers.baudRate = baudRate;
  }

  #stop(mode: Mode): void {
    const running = this.#running;
    this.#mode = mode;
    this.#loader = undefined;
    this.#running = undefined;
    this.#options.timer.cancel(this.#watchdog);
    this.#watchdog = undefined;
    running?.stop();
  }

  #start(intoDownload: boolean): void {
    const { banner, resetName, downloadBoot, flashBoot } = this.chip;
    this.#registers.reset();
    this.#flash.reset();
    this.#slip.reset();
    this.#setBaudRate(RESET_BAUD_RATE);
    this.#print(`${banner}rst:0x1 (${resetName}),boot:${intoDownload ? downloadBoot : flashBoot}\r\n`);
    if (!intoDownload) {
      this.#bootFlash();
      return;
    }
    this.#print("waiting for download\r\n");
    this.#mode = "rom";
    this.#baudRate = undefined;
    this.#loader = new RomLoader(this.#loaderHost());
  }

  #bootFlash(): void {
    const boot = bootFromFlash(this.chip, this.#flash);
    if (!boot.ok) {
      this.#mode = "blank";
      this.#complain(boot.line);
      return;
    }
    this.#mode = "application";
    const { chip, mac, flashChip: flash } = this;
    const send = (bytes: Uint8Array): void => this.#send(bytes);
    const setBaudRate = (baudRate: number): void => this.#setBaudRate(baudRate);
    const restart = (): void => this.#runFlash();
    const { timer } = this.#options;
    this.#running = this.#options.startApplication({
      chip,
      mac,
      flash,
      timer,
      application: boot.application,
      send,
      setBaudRate,
      restart,
    });
  }

  #complain(line: string): void {
    this.#print(`${line}\r\n`);
    this.#watchdog = this.#options.timer.after(WATCHDOG_US, () => this.#complain(line));
  }

  /** A restart by software: the boot pin is up, so it is what lies in flash. */
  #runFlash(): void {
    this.#stop("held");
    this.#start(false);
  }

  #loaderHost(): LoaderHost {
    const { faults, secureDownload } = this.#options;
    return {
      chip: this.chip,
      registers: this.#registers,
      flash: this.#flash,
      secureDownload: secureDownload ?? false,
      send: (packet) => this.#send(slipEncode(packet)),
      setBaudRate: (baudRate) => this.#setBaudRate(baudRate),
      runProgram: (entry) => this.#runProgram(entry),
      runFlash: () => this.#runFlash(),
      digest: (offset, length) => {
        const digest = this.#flash.md5(offset, length);
        if (faults?.spoilsDigest?.(offset)) digest[0] ^= 1;
        return digest;
      },
    };
  }

  /** A program was loaded and is run. The only one that the board can run is the flasher stub, so it takes every program for it. */
  #runProgram(entry: number): void {
    this.#slip.reset();
    // Nothing was loaded there: the chip hangs until it is reset.
    if (this.#registers.read(entry - (entry % 4)) === 0) {
      this.#mode = "crashed";
      this.#loader = undefined;
      return;
    }
    this.#mode = "stub";
    this.#loader = new StubLoader(this.#loaderHost());
  }
}

/** What a UART makes of bytes that were sent at another rate: others. */
function garbled(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte, i) => ((byte * 0x6d + i * 0x1f) & 0x7f) | 0x01);
}
