/**
 * Model of Semtech's SX1262 (or SX1261, SX1268, LLCC68) on a board, at the level of its pins and SPI bytes (data sheet DS.SX1261-2.W.APP
 * revision 2.1): NRESET, BUSY with the switching times of table 8-2, DIO1, commands, registers, modes, interrupts, device errors.
 *
 *   NRESET or cold start --3.5 ms--> STDBY_RC <--> STDBY_XOSC <--> FS
 *                                    |   ^  \                      |
 *                          SetSleep  v   |   \-> TX, RX, CAD <-----/      after them: the fallback mode
 *                                  SLEEP -+ chip select, 340 us
 *
 * What a real chip would not take (BUSY high, wrong mode, reserved value) it does not take either: the command has no effect and the status
 * says so. Every such thing, and every neglected workaround, is also noted in `violations`.
 */

import { symbolUs } from "../../firmware/wire/time-on-air.ts";
import { type RadioTimes, transmitMa } from "../energy.ts";
import type { PendingEvent } from "../event-queue.ts";
import type { World } from "../world.ts";
import { LoraModem, MODEM, type ModemHost } from "./lora-modem.ts";
import { SleepAccount } from "./sleep-account.ts";
import { answer, type Tellable } from "./sx1262-answers.ts";
import type { Sx1262Board } from "./sx1262-board.ts";
import { Sx1262Interrupts } from "./sx1262-interrupts.ts";
import { Sx1262Pins } from "./sx1262-pins.ts";
import { REGISTER, Sx1262Registers } from "./sx1262-registers.ts";
import * as RULES from "./sx1262-rules.ts";
import { Sx1262Settings } from "./sx1262-settings.ts";
import { SX126X_VARIANTS, type Sx126xVariant } from "./sx1262-variants.ts";
import { neglected, stopsTimer } from "./sx1262-workarounds.ts";
import { type Violation, ViolationLog } from "./violation-log.ts";
import type { SpiChip } from "./virtual-io.ts";

const COMMAND_US = 10;
/** The last step of channel activity detection: half a symbol (AN1200.48). */
const CAD_PROCESSING_SYMBOLS = 0.5;
/** The timer's value for receiving without end (13.1.5). */
const CONTINUOUS = 0xffffff;

const TIMER_STEP_US = 15.625;

/** What begins when BUSY falls. */
const NOTHING = 0;
const BEGIN_TRANSMIT = 1;
const BEGIN_RECEIVE = 2;
const BEGIN_DETECT = 3;

export class Sx1262 implements SpiChip, ModemHost, Tellable {
  readonly modem: LoraModem;
  readonly variant: Sx126xVariant;
  settings: Sx1262Settings;
  readonly violations: readonly Violation[];
  readonly transmitMa = transmitMa;
  readonly pins = new Sx1262Pins();
  readonly registers = new Sx1262Registers();
  readonly interrupts = new Sx1262Interrupts(this.pins.dio1);
  /** Bytes as the host sent them, one array a transfer; a test sets it. */
  trace: ((bytes: Uint8Array) => void) | undefined;
  /** Device errors as GetDeviceErrors shows them; a test may set some. */
  deviceErrors = 0;
  packetType = -1;
  /** As GetStatus numbers it; 0 asleep. */
  mode: number = RULES.MODE.standbyRc;

  #world: World;
  #log: ViolationLog;
  #board: Sx1262Board;
  #commandUs: number;
  #status = 1;
  #busyEvent: PendingEvent | undefined;
  #afterBusy = NOTHING;
  #timerSteps = 0;
  #onBusyFalls = (): void => this.#busyFalls();
  #asleepSinceUs = 0;
  #sleep: SleepAccount;
  #warm = false;
  #fallback: number = RULES.MODE.standbyRc;
  #tcxoSteps = -1;
  #dio2 = false;
  #imageFromHz = 0;
  #imageToHz = 0;

  constructor(board: Sx1262Board) {
    this.#board = board;
    this.#world = board.world;
    this.#commandUs = board.commandUs ?? COMMAND_US;
    this.#log = new ViolationLog(board.world);
    this.violations = this.#log.kept;
    this.#sleep = new SleepAccount(board.world);
    this.variant = SX126X_VARIANTS[board.chip ?? "sx1262"];
    this.settings = new Sx1262Settings(this.variant);
    this.modem = new LoraModem(board.world, board.channel, board.position, this, board.crystalPpm);
    this.pins.reset.onWrite = (level) => {
      if (level === 0) this.#holdReset();
      else this.#coldStart();
    };
    this.#coldStart();
  }

  /** For the energy account. */
  times(): RadioTimes {
    return this.#sleep.times(this.modem);
  }

  get violationCount(): number {
    return this.#log.count;
  }

  /** The pins as a driver takes them. */
  get io() {
    return this.pins.io(this);
  }

  #syncWord(): number {
    return (this.registers.read(REGISTER.syncWord) & 0xf0) | (this.registers.read(REGISTER.syncWord + 1) >> 4);
  }

  modemEvent(irq: number, ended: boolean): void {
    if (ended) this.mode = this.#fallback;
    if (irq & MODEM.txDone) this.#status = RULES.STATUS.transmitDone;
    this.interrupts.raise(irq);
  }

  transact(bytes: Uint8Array): void {
    this.trace?.(bytes);
    if (this.pins.spiBroken) bytes.fill(0xff);
    else if (this.pins.reset.level === 0) this.#refuse(bytes, "reset");
    else if (this.mode === RULES.MODE.sleep) this.#wake(bytes);
    else if (this.pins.busy.level === 1) this.#refuse(bytes, "busy");
    else this.#takeCommand(bytes);
  }

  #takeCommand(bytes: Uint8Array): void {
    const rule = RULES.commandRule(bytes[0]);
    if (rule === undefined) {
      this.#refuse(bytes, "unknown-opcode");
      this.#status = RULES.STATUS.processingError;
      return;
    }
    const reason = this.#objection(rule, bytes);
    if (reason !== undefined) {
      this.#refuse(bytes, reason, rule.name);
      this.#status =
        reason === "wrong-mode" || reason === "packet-type-first"
          ? RULES.STATUS.executionFailed
          : RULES.STATUS.processingError;
      return;
    }
    // 13.5.1 has no mode of its own for the detection of activity: the receiver is on.
    const statusByte = ((this.mode === RULES.MODE.cad ? RULES.MODE.rx : this.mode) << 4) | (this.#status << 1);
    if (rule.answers) {
      if (bytes[0] !== 0xc0) this.#status = RULES.STATUS.dataAvailable;
      answer(bytes, statusByte, this);
      return;
    }
    this.#status = 1;
    const busyUs = this.#execute(bytes);
    bytes.fill(statusByte);
    this.#holdBusy(busyUs);
  }

  #objection(rule: RULES.CommandRule, bytes: Uint8Array): string | undefined {
    if (rule.open ? bytes.length < rule.length : bytes.length !== rule.length) return "length";
    if ((rule.modes & (1 << this.mode)) === 0) return "wrong-mode";
    if (rule.needsPacketType && this.packetType !== 1) return "packet-type-first";
    if (rule.valid !== undefined && !rule.valid(bytes, this.variant)) return "reserved-value";
    return undefined;
  }

  #refuse(bytes: Uint8Array, rule: string, command = `opcode ${bytes[0]}`): void {
    this.#log.note(rule, command);
    bytes.fill(0xff);
  }

  // Power

  #holdReset(): void {
    this.#sleep.end();
    this.mode = RULES.MODE.standbyRc;
    this.modem.stop();
    this.#world.cancel(this.#busyEvent);
    this.#afterBusy = NOTHING;
    this.pins.busy.set(1);
  }

  /** 9.1, 8.1: everything as after power-up; the automatic calibration finds no oscillator where there is a TCXO (13.3.6). */
  #coldStart(): void {
    this.registers.reset();
    this.mode = RULES.MODE.standbyRc;
    this.#status = 1;
    this.packetType = -1;
    this.#fallback = RULES.MODE.standbyRc;
    this.interrupts.reset();
    this.#tcxoSteps = -1;
    this.#dio2 = false;
    this.#imageFromHz = 902e6;
    this.#imageToHz = 928e6;
    this.settings = new Sx1262Settings(this.variant);
    this.deviceErrors = this.#board.tcxo ? RULES.DEVICE_ERROR.oscillatorStart : 0;
    this.#holdBusy(RULES.SWITCH_US.coldStart);
  }

  #goToSleep(warm: boolean): number {
    this.mode = RULES.MODE.sleep;
    this.#warm = warm;
    this.#asleepSinceUs = this.#world.nowUs;
    this.#sleep.begin();
    this.modem.stop();
    this.modem.buffer.fill(0);
    if (warm) this.registers.sleepWarm();
    return -1;
  }

  /** 8.2.2: the falling chip select wakes it; the bytes are not heard. */
  #wake(bytes: Uint8Array): void {
    if (this.#world.nowUs < this.#asleepSinceUs + RULES.SWITCH_US.sleepDeaf) {
      this.#refuse(bytes, "deaf");
      return;
    }
    bytes.fill(0xff);
    this.#sleep.end();
    if (this.#warm) {
      this.mode = RULES.MODE.standbyRc;
      this.#status = 1;
      this.#holdBusy(RULES.SWITCH_US.warmStart);
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
    if (next !== NOTHING) this.#begin(next);
    this.pins.busy.set(0);
  }

  #begin(operation: number): void {
    const { settings, modem } = this;
    const modulation = settings.modulation(this.#syncWord());
    const timerUs = this.#timerSteps * TIMER_STEP_US;
    if (operation === BEGIN_TRANSMIT) {
      this.mode = RULES.MODE.tx;
      modem.startTransmit(modulation, settings.powerDbm, settings.txBase, settings.payloadLength, timerUs);
    } else if (operation === BEGIN_RECEIVE) {
      this.mode = RULES.MODE.rx;
      modem.startReceive(modulation, settings.rxBase, {
        symbolTimeout: settings.symbolTimeout,
        timerUs,
        stopsAtPreamble: settings.stopOnPreamble,
        continuous: this.#timerSteps === CONTINUOUS,
      });
    } else {
      this.mode = RULES.MODE.cad;
      const halfSymbolUs = CAD_PROCESSING_SYMBOLS * symbolUs(modulation.spreadingFactor, modulation.bandwidthHz);
      modem.startDetect(modulation, settings.cadSymbols, halfSymbolUs, false);
    }
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
        return bytes[1] === 0
          ? this.#standbyRc()
          : this.#oscillatorOn(RULES.MODE.standbyXosc, RULES.SWITCH_US.rcToXosc);
      case 0xc1:
        modem.stop();
        return this.#oscillatorOn(
          RULES.MODE.fs,
          this.mode === RULES.MODE.standbyXosc ? RULES.SWITCH_US.xoscToFs : RULES.SWITCH_US.rcToFs,
        );
      case 0x83:
        return this.#setTx((bytes[1] << 16) | (bytes[2] << 8) | bytes[3]);
      case 0x82:
        return this.#setRx("SetRx", BEGIN_RECEIVE, (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]);
      case 0xc5:
        if (this.settings.cadSymbols === 0) this.#log.note("detection-not-set", "SetCad");
        return this.#setRx("SetCad", BEGIN_DETECT, 0);
      case 0x89:
        if (!this.#hasOscillator())
          this.deviceErrors |= RULES.DEVICE_ERROR.oscillatorStart | RULES.DEVICE_ERROR.pllCalibration;
        return RULES.SWITCH_US.calibration + this.#tcxoUs();
      case 0x98:
        if (!this.#hasOscillator())
          this.deviceErrors |= RULES.DEVICE_ERROR.oscillatorStart | RULES.DEVICE_ERROR.imageCalibration;
        this.#imageFromHz = bytes[1] * 4e6;
        this.#imageToHz = bytes[2] * 4e6;
        return RULES.SWITCH_US.calibration + this.#tcxoUs();
      case 0x95:
        this.registers.write(REGISTER.overCurrent, this.variant.overCurrent);
        this.settings.apply(bytes);
        break;
      case 0x93:
        this.#fallback =
          bytes[1] === 0x20 ? RULES.MODE.standbyRc : bytes[1] === 0x30 ? RULES.MODE.standbyXosc : RULES.MODE.fs;
        break;
      case 0x0d:
        for (let i = 3; i < bytes.length; i++) this.registers.write(((bytes[1] << 8) | bytes[2]) + i - 3, bytes[i]);
        if (stopsTimer(bytes, this.registers)) modem.stopTimer();
        break;
      case 0x0e:
        for (let i = 2; i < bytes.length; i++) modem.buffer[(bytes[1] + i - 2) & 0xff] = bytes[i];
        break;
      case 0x08:
        this.interrupts.configure(bytes);
        break;
      case 0x02:
        this.interrupts.clear((bytes[1] << 8) | bytes[2]);
        break;
      case 0x9d:
        this.#dio2 = bytes[1] === 1;
        break;
      case 0x97:
        this.#tcxoSteps = (bytes[2] << 16) | (bytes[3] << 8) | bytes[4];
        break;
      case 0x8a:
        this.packetType = bytes[1];
        break;
      case 0x07:
        this.deviceErrors = 0;
        break;
      default:
        this.settings.apply(bytes);
    }
    return this.#commandUs;
  }

  #hasOscillator(): boolean {
    return !this.#board.tcxo || this.#tcxoSteps >= 0;
  }

  /** How long the oscillator takes before anything that needs it, coming from STDBY_RC. */
  #tcxoUs(): number {
    return this.#tcxoSteps > 0 && this.mode === RULES.MODE.standbyRc ? this.#tcxoSteps * TIMER_STEP_US : 0;
  }

  #standbyRc(): number {
    this.mode = RULES.MODE.standbyRc;
    return this.#commandUs;
  }

  #oscillatorOn(mode: number, switchUs: number): number {
    if (!this.#hasOscillator()) return this.#noOscillator();
    const us = switchUs + this.#tcxoUs();
    this.mode = mode;
    return us;
  }

  #noOscillator(): number {
    this.#log.note("no-oscillator", "TCXO not supplied");
    this.deviceErrors |= RULES.DEVICE_ERROR.oscillatorStart | RULES.DEVICE_ERROR.pllLock;
    this.#status = RULES.STATUS.executionFailed;
    this.mode = RULES.MODE.standbyRc;
    return this.#commandUs;
  }

  #setTx(timerSteps: number): number {
    if (!this.#hasOscillator()) return this.#noOscillator();
    this.#inspect("SetTx");
    const switchUs = RULES.transmitSwitchUs(this.mode) + this.#tcxoUs();
    this.modem.stop();
    this.#timerSteps = timerSteps;
    this.#afterBusy = BEGIN_TRANSMIT;
    return switchUs;
  }

  #setRx(command: string, operation: number, timerSteps: number): number {
    if (!this.#hasOscillator()) return this.#noOscillator();
    this.#inspect(command);
    this.#timerSteps = timerSteps;
    this.#afterBusy = operation;
    return RULES.receiveSwitchUs(this.mode) + this.#tcxoUs();
  }

  /** Notes what was forgotten before sending or receiving; the chip goes on, but works badly. */
  #inspect(command: string): void {
    const { settings } = this;
    const transmitting = command === "SetTx";
    const { dio2RfSwitch, antennaSwitch } = this.#board;
    if ((dio2RfSwitch && !this.#dio2) || antennaSwitch?.isSet(transmitting) === false)
      this.#log.note("antenna-switch", command);
    if (settings.frequencyHz < this.#imageFromHz || settings.frequencyHz > this.#imageToHz)
      this.#log.note("outside-calibrated-band", command);
    for (const rule of neglected(settings, this.registers, this.variant, transmitting)) this.#log.note(rule, command);
  }
}
