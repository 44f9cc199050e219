/**
 * Model of Semtech's SX1262 on a board, at the level of its pins and SPI bytes (data sheet DS.SX1261-2.W.APP revision 2.1): NRESET, BUSY
 * with the switching times of table 8-2, DIO1, commands, registers, modes, interrupts, device errors.
 *
 *   NRESET or cold start --3.5 ms--> STDBY_RC <--> STDBY_XOSC <--> FS
 *                                    |   ^  \                      |
 *                          SetSleep  v   |   \---> TX or RX <------/      after TX and RX: the fallback mode
 *                                  SLEEP -+ chip select, 340 us
 *
 * What a real chip would not take (BUSY high, wrong mode, reserved value) it does not take either: the command has no effect and the status
 * says so. Every such thing, and every neglected workaround, is also noted in `violations`.
 */
import type { PendingEvent } from "../event-queue.ts";
import type { RadioChannel } from "../radio/channel.ts";
import type { Position } from "../radio/propagation.ts";
import type { World } from "../world.ts";
import { type ModemHost, Sx1262Modem } from "./sx1262-modem.ts";
import { Sx1262Pins } from "./sx1262-pins.ts";
import { REGISTER, Sx1262Registers } from "./sx1262-registers.ts";
import { type CommandRule, commandRule, MODE, SWITCH_US } from "./sx1262-rules.ts";
import { Sx1262Settings } from "./sx1262-settings.ts";
import { neglected } from "./sx1262-workarounds.ts";
import type { SpiChip } from "./virtual-io.ts";

export interface Sx1262Board {
  world: World;
  channel: RadioChannel;
  position: Position;
  /** A TCXO supplied by DIO3 instead of a crystal. */
  tcxo?: boolean;
  /** The antenna switch hangs on DIO2. */
  dio2RfSwitch?: boolean;
  /** How long BUSY stays high for a command that switches nothing, in microseconds; the data sheet does not say. */
  commandUs?: number;
}

export interface Violation {
  atUs: number;
  /** What rule: busy, reset, deaf, unknown-opcode, length, wrong-mode, reserved-value, packet-type-first, ... */
  rule: string;
  /** The command's name or opcode. */
  command: string;
}

const COMMAND_US = 10;
/** So many are kept; all are counted. */
const KEPT_VIOLATIONS = 100;

/** Command status of GetStatus (13.5.1). */
const DATA_AVAILABLE = 2;
const PROCESSING_ERROR = 4;
const EXECUTION_FAILED = 5;
const TRANSMIT_DONE = 6;

/** Device errors (13.6.1). */
const ERROR_PLL_CALIBRATION = 0x0004;
const ERROR_IMAGE_CALIBRATION = 0x0010;
const ERROR_OSCILLATOR_START = 0x0020;
const ERROR_PLL_LOCK = 0x0040;

const TIMER_STEP_US = 15.625;

const NOTHING = 0;
const BEGIN_TRANSMIT = 1;
const BEGIN_RECEIVE = 2;

export class Sx1262 implements SpiChip, ModemHost {
  readonly modem: Sx1262Modem;
  readonly pins = new Sx1262Pins();
  readonly registers = new Sx1262Registers();
  readonly violations: Violation[] = [];
  violationCount = 0;
  /** Bytes as the host sent them, one array a transfer; a test sets it. */
  trace: ((bytes: Uint8Array) => void) | undefined;
  /** Device errors as GetDeviceErrors shows them; a test may set some. */
  deviceErrors = 0;

  #world: World;
  #board: Sx1262Board;
  #commandUs: number;
  #mode: number = MODE.standbyRc;
  #status = 1;
  #busyEvent: PendingEvent | undefined;
  #afterBusy = NOTHING;
  #timerSteps = 0;
  #onBusyFalls = (): void => this.#busyFalls();
  #asleepSinceUs = 0;
  #warm = false;
  #packetType = -1;
  #fallback: number = MODE.standbyRc;
  #irqStatus = 0;
  #irqMask = 0;
  #dio1Mask = 0;
  #tcxoSteps = -1;
  #dio2 = false;
  #imageFromHz = 0;
  #imageToHz = 0;

  constructor(board: Sx1262Board) {
    this.#board = board;
    this.#world = board.world;
    this.#commandUs = board.commandUs ?? COMMAND_US;
    this.modem = new Sx1262Modem(board.world, board.channel, board.position, this);
    this.pins.reset.onWrite = (level) => {
      if (level === 0) this.#holdReset();
      else this.#coldStart();
    };
    this.#coldStart();
  }

  /** The pins as a driver takes them. */
  get io() {
    return this.pins.io(this);
  }

  /** As GetStatus numbers it; 0 asleep. */
  get mode(): number {
    return this.#mode;
  }

  syncWord(): number {
    return (this.registers.read(REGISTER.syncWord) & 0xf0) | (this.registers.read(REGISTER.syncWord + 1) >> 4);
  }

  modemEvent(irq: number, ended: boolean): void {
    if (ended) this.#mode = this.#fallback;
    if (irq & 1) this.#status = TRANSMIT_DONE;
    this.#irqStatus |= irq & this.#irqMask;
    this.pins.dio1.set((this.#irqStatus & this.#dio1Mask) === 0 ? 0 : 1);
  }

  transact(bytes: Uint8Array): void {
    this.trace?.(bytes);
    if (this.pins.spiBroken) bytes.fill(0xff);
    else if (this.pins.reset.level === 0) this.#refuse(bytes, "reset");
    else if (this.#mode === MODE.sleep) this.#wake(bytes);
    else if (this.pins.busy.level === 1) this.#refuse(bytes, "busy");
    else this.#takeCommand(bytes);
  }

  #takeCommand(bytes: Uint8Array): void {
    const rule = commandRule(bytes[0]);
    if (rule === undefined) {
      this.#refuse(bytes, "unknown-opcode");
      this.#status = PROCESSING_ERROR;
      return;
    }
    const reason = this.#objection(rule, bytes);
    if (reason !== undefined) {
      this.#refuse(bytes, reason, rule.name);
      this.#status = reason === "wrong-mode" || reason === "packet-type-first" ? EXECUTION_FAILED : PROCESSING_ERROR;
      return;
    }
    const statusByte = (this.#mode << 4) | (this.#status << 1);
    if (rule.answers) {
      this.#answer(bytes, statusByte);
      return;
    }
    this.#status = 1;
    const busyUs = this.#execute(bytes);
    bytes.fill(statusByte);
    this.#holdBusy(busyUs);
  }

  #objection(rule: CommandRule, bytes: Uint8Array): string | undefined {
    if (rule.open ? bytes.length < rule.length : bytes.length !== rule.length) return "length";
    if ((rule.modes & (1 << this.#mode)) === 0) return "wrong-mode";
    if (rule.needsPacketType && this.#packetType !== 1) return "packet-type-first";
    if (rule.valid !== undefined && !rule.valid(bytes)) return "reserved-value";
    return undefined;
  }

  #note(rule: string, command: string): void {
    this.violationCount++;
    if (this.violations.length < KEPT_VIOLATIONS) this.violations.push({ atUs: this.#world.nowUs, rule, command });
  }

  #refuse(bytes: Uint8Array, rule: string, command = `opcode ${bytes[0]}`): void {
    this.#note(rule, command);
    bytes.fill(0xff);
  }

  // Power

  #holdReset(): void {
    this.modem.stop();
    this.#world.cancel(this.#busyEvent);
    this.#afterBusy = NOTHING;
    this.pins.busy.set(1);
  }

  /** 9.1, 8.1: everything as after power-up; the automatic calibration finds no oscillator where there is a TCXO (13.3.6). */
  #coldStart(): void {
    this.registers.reset();
    this.#mode = MODE.standbyRc;
    this.#status = 1;
    this.#packetType = -1;
    this.#fallback = MODE.standbyRc;
    this.#irqStatus = 0;
    this.#irqMask = 0;
    this.#dio1Mask = 0;
    this.pins.dio1.set(0);
    this.#tcxoSteps = -1;
    this.#dio2 = false;
    this.#imageFromHz = 902e6;
    this.#imageToHz = 928e6;
    this.modem.settings = new Sx1262Settings();
    this.deviceErrors = this.#board.tcxo ? ERROR_OSCILLATOR_START : 0;
    this.#holdBusy(SWITCH_US.coldStart);
  }

  #goToSleep(warm: boolean): number {
    this.#mode = MODE.sleep;
    this.#warm = warm;
    this.#asleepSinceUs = this.#world.nowUs;
    this.modem.buffer.fill(0);
    if (warm) this.registers.sleepWarm();
    return -1;
  }

  /** 8.2.2: the falling chip select wakes it; the bytes are not heard. */
  #wake(bytes: Uint8Array): void {
    if (this.#world.nowUs < this.#asleepSinceUs + SWITCH_US.sleepDeaf) {
      this.#refuse(bytes, "deaf");
      return;
    }
    bytes.fill(0xff);
    if (this.#warm) {
      this.#mode = MODE.standbyRc;
      this.#status = 1;
      this.#holdBusy(SWITCH_US.warmStart);
    } else this.#coldStart();
  }

  /** BUSY is high for so long; below 0 it stays high. */
  #holdBusy(us: number): void {
    if (us === 0) return;
    this.pins.busy.set(1);
    this.#world.cancel(this.#busyEvent);
    this.#busyEvent = us < 0 ? undefined : this.#world.after(us, this.#onBusyFalls);
  }

  #busyFalls(): void {
    const next = this.#afterBusy;
    this.#afterBusy = NOTHING;
    if (next === BEGIN_TRANSMIT) {
      this.#mode = MODE.tx;
      this.modem.startTransmit(this.#timerSteps);
    } else if (next === BEGIN_RECEIVE) {
      this.#mode = MODE.rx;
      this.modem.startReceive(this.#timerSteps);
    }
    this.pins.busy.set(0);
  }

  // Commands

  /** Carries out a valid command; returns how long BUSY is high. */
  #execute(bytes: Uint8Array): number {
    const modem = this.modem;
    switch (bytes[0]) {
      case 0x84:
        return this.#goToSleep((bytes[1] & 4) !== 0);
      case 0x80:
        modem.stop();
        return bytes[1] === 0 ? this.#standbyRc() : this.#oscillatorOn(MODE.standbyXosc, SWITCH_US.rcToXosc);
      case 0xc1:
        modem.stop();
        return this.#oscillatorOn(MODE.fs, this.#mode === MODE.standbyXosc ? SWITCH_US.xoscToFs : SWITCH_US.rcToFs);
      case 0x83:
        return this.#setTx((bytes[1] << 16) | (bytes[2] << 8) | bytes[3]);
      case 0x82:
        return this.#setRx((bytes[1] << 16) | (bytes[2] << 8) | bytes[3]);
      case 0x89:
        if (!this.#hasOscillator()) this.deviceErrors |= ERROR_OSCILLATOR_START | ERROR_PLL_CALIBRATION;
        return SWITCH_US.calibration + this.#tcxoUs();
      case 0x98:
        if (!this.#hasOscillator()) this.deviceErrors |= ERROR_OSCILLATOR_START | ERROR_IMAGE_CALIBRATION;
        this.#imageFromHz = bytes[1] * 4e6;
        this.#imageToHz = bytes[2] * 4e6;
        return SWITCH_US.calibration + this.#tcxoUs();
      case 0x95:
        this.registers.write(REGISTER.overCurrent, 0x38);
        modem.settings.apply(bytes);
        break;
      case 0x93:
        this.#fallback = bytes[1] === 0x20 ? MODE.standbyRc : bytes[1] === 0x30 ? MODE.standbyXosc : MODE.fs;
        break;
      case 0x0d:
        for (let i = 3; i < bytes.length; i++) this.registers.write(((bytes[1] << 8) | bytes[2]) + i - 3, bytes[i]);
        break;
      case 0x0e:
        for (let i = 2; i < bytes.length; i++) modem.buffer[(bytes[1] + i - 2) & 0xff] = bytes[i];
        break;
      case 0x08:
        this.#irqMask = (bytes[1] << 8) | bytes[2];
        this.#dio1Mask = (bytes[3] << 8) | bytes[4];
        this.modemEvent(0, false);
        break;
      case 0x02:
        this.#irqStatus &= ~((bytes[1] << 8) | bytes[2]);
        this.modemEvent(0, false);
        break;
      case 0x9d:
        this.#dio2 = bytes[1] === 1;
        break;
      case 0x97:
        this.#tcxoSteps = (bytes[2] << 16) | (bytes[3] << 8) | bytes[4];
        break;
      case 0x8a:
        this.#packetType = bytes[1];
        break;
      case 0x07:
        this.deviceErrors = 0;
        break;
      default:
        modem.settings.apply(bytes);
    }
    return this.#commandUs;
  }

  /** Commands that only tell; BUSY stays low. */
  #answer(bytes: Uint8Array, statusByte: number): void {
    const modem = this.modem;
    const opcode = bytes[0];
    const address = (bytes[1] << 8) | bytes[2];
    const offset = bytes[1];
    bytes.fill(statusByte);
    if (opcode !== 0xc0) this.#status = DATA_AVAILABLE;
    switch (opcode) {
      case 0x1d:
        for (let i = 4; i < bytes.length; i++) bytes[i] = this.registers.read(address + i - 4);
        break;
      case 0x1e:
        for (let i = 3; i < bytes.length; i++) bytes[i] = modem.buffer[(offset + i - 3) & 0xff];
        break;
      case 0x12:
        bytes[2] = this.#irqStatus >> 8;
        bytes[3] = this.#irqStatus;
        break;
      case 0x11:
        bytes[2] = Math.max(this.#packetType, 0);
        break;
      case 0x13:
        bytes[2] = modem.rxLength;
        bytes[3] = modem.rxOffset;
        break;
      case 0x14:
        bytes[2] = modem.rssiByte;
        bytes[3] = modem.snrByte;
        bytes[4] = modem.signalRssiByte;
        break;
      case 0x17:
        bytes[2] = this.deviceErrors >> 8;
        bytes[3] = this.deviceErrors;
        break;
    }
  }

  #hasOscillator(): boolean {
    return !this.#board.tcxo || this.#tcxoSteps >= 0;
  }

  /** How long the oscillator takes before anything that needs it, coming from STDBY_RC. */
  #tcxoUs(): number {
    return this.#tcxoSteps > 0 && this.#mode === MODE.standbyRc ? this.#tcxoSteps * TIMER_STEP_US : 0;
  }

  #standbyRc(): number {
    this.#mode = MODE.standbyRc;
    return this.#commandUs;
  }

  #oscillatorOn(mode: number, switchUs: number): number {
    if (!this.#hasOscillator()) return this.#noOscillator();
    const us = switchUs + this.#tcxoUs();
    this.#mode = mode;
    return us;
  }

  #noOscillator(): number {
    this.#note("no-oscillator", "TCXO not supplied");
    this.deviceErrors |= ERROR_OSCILLATOR_START | ERROR_PLL_LOCK;
    this.#status = EXECUTION_FAILED;
    this.#mode = MODE.standbyRc;
    return this.#commandUs;
  }

  #setTx(timerSteps: number): number {
    if (!this.#hasOscillator()) return this.#noOscillator();
    this.#inspect("SetTx");
    const switchUs =
      this.#mode === MODE.standbyRc
        ? SWITCH_US.rcToTx + this.#tcxoUs()
        : this.#mode === MODE.standbyXosc
          ? SWITCH_US.xoscToTx
          : this.#mode === MODE.fs
            ? SWITCH_US.fsToTx
            : SWITCH_US.rxToTx;
    this.modem.stop();
    this.#timerSteps = timerSteps;
    this.#afterBusy = BEGIN_TRANSMIT;
    return switchUs;
  }

  #setRx(timerSteps: number): number {
    if (!this.#hasOscillator()) return this.#noOscillator();
    this.#inspect("SetRx");
    this.#timerSteps = timerSteps;
    this.#afterBusy = BEGIN_RECEIVE;
    if (this.#mode === MODE.standbyRc) return SWITCH_US.rcToRx + this.#tcxoUs();
    return this.#mode === MODE.standbyXosc ? SWITCH_US.xoscToRx : SWITCH_US.fsToRx;
  }

  /** Notes what was forgotten before sending or receiving; the chip goes on, but works badly. */
  #inspect(command: string): void {
    const { settings } = this.modem;
    if (this.#board.dio2RfSwitch && !this.#dio2) this.#note("antenna-switch", command);
    if (settings.frequencyHz < this.#imageFromHz || settings.frequencyHz > this.#imageToHz)
      this.#note("outside-calibrated-band", command);
    for (const rule of neglected(settings, this.registers, command === "SetTx")) this.#note(rule, command);
  }
}
