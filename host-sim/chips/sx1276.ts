/**
 * Model of Semtech's SX1276 (or SX1277, SX1278, SX1279) on a board, at the level of its pins and SPI bytes (data sheet
 * DS_SX1276-7-8-9_W_APP revision 7): NRESET, DIO0 and DIO1, registers in two pages, the FIFO, modes with their transition times, interrupts.
 *
 *   NRESET --5 ms--> FSK standby <--> FSK sleep <--> LoRa sleep <--250 us--> LoRa standby
 *                        | image calibration, 10 ms       \                  /   ^
 *                                                          TX, RX single, RX, CAD: back to standby when done
 *
 * What a real chip does not take it does not take either, and notes it in `violations`: a transfer in reset, the FIFO asleep, a change of modem
 * out of sleep, reserved values and registers, settings while it sends or listens; and what it takes though it works badly (`neglected`).
 * FSK is modelled as far as the image calibration needs it.
 */
import { symbolUs } from "../../firmware/wire/time-on-air.ts";
import type { RadioTimes } from "../energy.ts";
import type { PendingEvent } from "../event-queue.ts";
import type { World } from "../world.ts";
import { LoraModem, MODEM, type ModemHost } from "./lora-modem.ts";
import { SleepAccount } from "./sleep-account.ts";
import { type Sx1276Board, Sx1276Pins } from "./sx1276-board.ts";
import { REGISTER, Sx1276Registers, writeObjection } from "./sx1276-registers.ts";
import {
  bandOf,
  CURRENTS_MA,
  frequencyHz,
  HIGH_BAND,
  isReserved,
  modulation,
  neglected,
  powerDbm,
  type Sx127xChip,
  symbolTimeout,
  transmitMa,
} from "./sx1276-settings.ts";
import { type Violation, ViolationLog } from "./violation-log.ts";
import type { SpiChip } from "./virtual-io.ts";

/** RegOpMode's lowest bits. */
const SLEEP = 0;
const STANDBY = 1;
const TRANSMIT = 3;
const RECEIVE = 5;
const RECEIVE_SINGLE = 6;
const DETECT = 7;
const LONG_RANGE = 0x80;

/** RegIrqFlags. */
const IRQ = Object.freeze({
  receiveTimeout: 0x80,
  receiveDone: 0x40,
  payloadCrcError: 0x20,
  validHeader: 0x10,
  transmitDone: 0x08,
  detectionDone: 0x04,
  activity: 0x01,
});
/** Table 18: what DIO0 and DIO1 show, by their two bits of RegDioMapping1. */
const DIO0_SHOWS = Object.freeze([IRQ.receiveDone, IRQ.transmitDone, IRQ.detectionDone, 0]);
const DIO1_SHOWS = Object.freeze([IRQ.receiveTimeout, 0, IRQ.activity, 0]);

/** 2.5.2, 4.2.5, 7.2, in microseconds: oscillator, synthesizer; transmitter 5 + 1.25 * 40; receiver by bandwidth (as in FSK: 4.2.5.2). */
export const TIMES_US = Object.freeze({
  reset: 5_000,
  oscillator: 250,
  synthesizer: 60,
  transmitter: 55,
  receiverNarrow: 71,
  receiverWide: 63,
  calibration: 10_000,
});
/** 4.1.6: chips that it listens besides a symbol; and what it computes, in symbols ("a little less than one"). */
const DETECTION_CHIPS = 32;
const DETECTION_PROCESSING_SYMBOLS = 0.9;
/** 5.5.5. */
const RSSI_OFFSET_HIGH_DBM = -157;
const RSSI_OFFSET_LOW_DBM = -164;
export class Sx1276 implements SpiChip, ModemHost {
  readonly modem: LoraModem;
  readonly pins = new Sx1276Pins();
  readonly registers = new Sx1276Registers();
  readonly violations: readonly Violation[];
  readonly transmitMa = transmitMa;
  /** Bytes as the host sent them, one array a transfer; a test sets it. */
  trace: ((bytes: Uint8Array) => void) | undefined;
  /** Fault: a broken header in single reception leaves the receiver on, without an interrupt. */
  staysOnBadHeader = false;
  /** Fault: the synthesizer does not lock. */
  pllBroken = false;
  /** Fault: an image calibration does not end. */
  calibrationHangs = false;

  #world: World;
  #board: Sx1276Board;
  #chip: Sx127xChip;
  #log: ViolationLog;
  #sleep: SleepAccount;
  #mode = STANDBY;
  #event: PendingEvent | undefined;
  #onBegin = (): void => this.#begin();
  /** The oscillator runs from then on. */
  #oscillatorUs = 0;
  #bootedUs = 0;
  #calibratedUs = 0;
  /** By band. */
  #calibrated = [false, false, false];

  constructor(board: Sx1276Board) {
    this.#board = board;
    this.#world = board.world;
    this.#chip = board.chip ?? "sx1276";
    this.#log = new ViolationLog(board.world);
    this.violations = this.#log.kept;
    this.#sleep = new SleepAccount(board.world);
    this.modem = new LoraModem(board.world, board.channel, board.position, this, board.crystalPpm);
    this.pins.reset.onWrite = (level) => {
      if (level === 0) this.#holdReset();
      else this.#boot();
    };
    this.#boot();
  }

  /** The pins as a driver takes them. */
  get io() {
    return this.pins.io(this);
  }

  /** As in RegOpMode's lowest bits; 0 asleep. */
  get mode(): number {
    return this.#mode;
  }

  get violationCount(): number {
    return this.#log.count;
  }

  /** For the energy account. */
  times(): RadioTimes {
    return this.#sleep.times(this.modem, CURRENTS_MA);
  }

  modemEvent(events: number, ended: boolean): void {
    if (events & MODEM.rxDone) this.#describeFrame();
    let flags = 0;
    if (events & MODEM.txDone) flags |= IRQ.transmitDone;
    if (events & MODEM.rxDone) flags |= IRQ.receiveDone | IRQ.validHeader;
    if (events & MODEM.crcError) flags |= IRQ.payloadCrcError;
    if (events & MODEM.timeout) flags |= IRQ.receiveTimeout;
    if (events & MODEM.cadDone) flags |= IRQ.detectionDone;
    if (events & MODEM.cadDetected) flags |= IRQ.activity;
    if (ended) this.#setMode(STANDBY);
    // 4.1.6: single reception that loses track drops the frame and says RxTimeout.
    if (events & MODEM.headerError && this.#mode === RECEIVE_SINGLE && !this.staysOnBadHeader) {
      this.modem.stop();
      this.#setMode(STANDBY);
      flags |= IRQ.receiveTimeout;
    }
    this.#raise(flags);
  }

  transact(bytes: Uint8Array): void {
    this.trace?.(bytes);
    if (this.pins.spiBroken) bytes.fill(0xff);
    else if (this.pins.reset.level === 0 || this.#world.nowUs < this.#bootedUs) {
      this.#log.note("reset", name(bytes[0] & 0x7f));
      bytes.fill(0xff);
    } else this.#access(bytes);
  }

  /** 4.3: an address, then registers in a row; at address 0 the FIFO all the time. */
  #access(bytes: Uint8Array): void {
    const first = bytes[0] & 0x7f;
    const writes = (bytes[0] & 0x80) !== 0;
    bytes[0] = 0;
    for (let i = 1; i < bytes.length; i++) {
      const register = first === REGISTER.fifo ? REGISTER.fifo : (first + i - 1) & 0x7f;
      const held = register === REGISTER.fifo ? this.#accessFifo(bytes[i], writes) : this.#read(register);
      if (writes && register !== REGISTER.fifo) this.#write(register, bytes[i]);
      bytes[i] = held;
    }
  }

  #accessFifo(value: number, writes: boolean): number {
    const { registers, modem } = this;
    if (this.#mode === SLEEP || this.#world.nowUs < this.#oscillatorUs || !registers.loraPage) {
      this.#log.note(this.#mode === SLEEP ? "fifo-in-sleep" : "fifo-not-ready", "RegFifo");
      return 0;
    }
    const pointer = registers.read(REGISTER.fifoPointer);
    const held = modem.buffer[pointer];
    if (writes && this.#mode !== STANDBY) this.#log.note("wrong-mode", "RegFifo");
    else if (writes) modem.buffer[pointer] = value;
    registers.write(REGISTER.fifoPointer, (pointer + 1) & 0xff);
    return held;
  }

  #read(register: number): number {
    const lora = this.registers.loraPage;
    if (register === REGISTER.opMode) return (this.registers.read(register) & 0xf8) | this.#mode;
    const value = this.registers.read(register, lora);
    if (lora && register === REGISTER.irqFlags && this.modem.headerIsIn)
      return value | (IRQ.validHeader & ~this.registers.read(REGISTER.irqMask));
    if (lora && register === REGISTER.hopChannel) return this.pllBroken ? value | 0x80 : value;
    if (!lora && register === REGISTER.imageCalibration) {
      const runs = this.#world.nowUs < this.#calibratedUs || (this.calibrationHangs && this.#calibratedUs > 0);
      return (value & 0x9f) | (runs ? 0x20 : 0);
    }
    return value;
  }

  #write(register: number, value: number): void {
    const { registers } = this;
    const lora = registers.loraPage;
    const objection = this.#objection(register, value, lora);
    if (objection !== undefined) {
      this.#log.note(objection, name(register));
      return;
    }
    if (register === REGISTER.opMode) this.#writeMode(value);
    else if (lora && register === REGISTER.irqFlags) this.#clear(value);
    else if (!lora && register === REGISTER.imageCalibration) this.#calibrate(value);
    else {
      registers.write(register, value, lora);
      this.#driveLines();
    }
  }

  #objection(register: number, value: number, lora: boolean): string | undefined {
    const forbidden = writeObjection(register, lora);
    if (forbidden !== undefined) return forbidden;
    if (lora && isReserved(register, value, this.#chip)) return "reserved-value";
    const always = register === REGISTER.opMode || register === REGISTER.irqFlags || register === REGISTER.fifoPointer;
    if (lora && !always && this.#mode > STANDBY) return "wrong-mode";
    return undefined;
  }

  #writeMode(value: number): void {
    const held = this.registers.read(REGISTER.opMode);
    let next = value;
    if ((held ^ value) & LONG_RANGE && this.#mode !== SLEEP) {
      // 6.4 RegOpMode: the bit does not change.
      this.#log.note("modem-change-out-of-sleep", "RegOpMode");
      next = (value & ~LONG_RANGE) | (held & LONG_RANGE);
    }
    const mode = next & 7;
    if ((next & LONG_RANGE) === 0 && mode > STANDBY) {
      this.#log.note("fsk-not-modelled", "RegOpMode");
      return;
    }
    if (this.#world.nowUs < this.#calibratedUs) this.#log.note("calibration-broken-off", "RegOpMode");
    this.registers.write(REGISTER.opMode, next & 0xf8);
    this.modem.stop();
    this.#world.cancel(this.#event);
    this.#event = undefined;
    const fromUs = this.#startOscillator(mode);
    this.#setMode(mode);
    if (mode > STANDBY) this.#prepare(mode, fromUs);
  }

  /** When the oscillator runs, coming from the mode it is in. */
  #startOscillator(mode: number): number {
    const { nowUs } = this.#world;
    if (mode === SLEEP) return nowUs;
    if (this.#mode === SLEEP) this.#oscillatorUs = nowUs + TIMES_US.oscillator;
    return Math.max(this.#oscillatorUs, nowUs);
  }

  /** Oscillator, synthesizer, then transmitter or receiver. */
  #prepare(mode: number, oscillatorUs: number): void {
    const { registers } = this;
    const { tcxo, paBoost, antennaSwitch } = this.#board;
    const command = `mode ${mode}`;
    const transmitting = mode === TRANSMIT;
    const tuned = modulation(registers, transmitting);
    const what = transmitting ? "transmit" : mode === DETECT ? "detect" : mode === RECEIVE ? "listen" : "receive";
    for (const rule of neglected(registers, this.#chip, what)) this.#log.note(rule, command);
    if (!this.#calibrated[bandOf(tuned.frequencyHz)]) this.#log.note("outside-calibrated-band", command);
    if (antennaSwitch?.isSet(transmitting) === false) this.#log.note("antenna-switch", command);
    if (transmitting && ((registers.read(REGISTER.paConfig) & 0x80) !== 0) !== (paBoost ?? true))
      this.#log.note("antenna-port", command);
    if (((registers.read(REGISTER.tcxo) & 0x10) !== 0) !== (tcxo ?? false)) {
      this.#log.note("no-oscillator", command);
      return;
    }
    const receiverUs = tuned.bandwidthHz > 125_000 ? TIMES_US.receiverWide : TIMES_US.receiverNarrow;
    const lastUs = transmitting ? TIMES_US.transmitter : receiverUs;
    this.#event = this.#world.at(oscillatorUs + TIMES_US.synthesizer + lastUs, this.#onBegin);
  }

  #begin(): void {
    const { registers, modem } = this;
    if (this.pllBroken) return;
    const tuned = modulation(registers, this.#mode === TRANSMIT);
    if (this.#mode === TRANSMIT) {
      const base = registers.read(REGISTER.fifoTxBase);
      modem.startTransmit(tuned, powerDbm(registers), base, registers.read(REGISTER.payloadLength), 0);
    } else if (this.#mode === DETECT) {
      const chips = 1 << tuned.spreadingFactor;
      const processingUs = DETECTION_PROCESSING_SYMBOLS * symbolUs(tuned.spreadingFactor, tuned.bandwidthHz);
      modem.startDetect(tuned, (chips + DETECTION_CHIPS) / chips, processingUs, true);
    } else {
      modem.startReceive(tuned, registers.read(REGISTER.fifoRxBase), {
        symbolTimeout: symbolTimeout(registers),
        timerUs: 0,
        stopsAtPreamble: false,
        continuous: this.#mode === RECEIVE,
      });
    }
  }

  #setMode(mode: number): void {
    if (mode === SLEEP && this.#mode !== SLEEP) {
      this.#sleep.begin();
      this.modem.buffer.fill(0);
    } else if (mode !== SLEEP) this.#sleep.end();
    this.#mode = mode;
  }

  // Power and calibration

  #holdReset(): void {
    this.modem.stop();
    this.#world.cancel(this.#event);
    this.#event = undefined;
    this.#setMode(STANDBY);
  }

  /** 7.2; 4.2.3.8: the chip calibrates itself at 434 MHz only. */
  #boot(): void {
    this.registers.reset();
    this.#setMode(STANDBY);
    this.#calibrated = [false, true, false];
    this.#calibratedUs = 0;
    this.#bootedUs = this.#world.nowUs + TIMES_US.reset;
    this.#oscillatorUs = this.#bootedUs;
    this.#driveLines();
  }

  #calibrate(value: number): void {
    this.registers.write(REGISTER.imageCalibration, value & 0x9f, false);
    if ((value & 0x40) === 0) return;
    if (this.#mode !== STANDBY || this.#world.nowUs < this.#oscillatorUs) {
      this.#log.note("wrong-mode", "RegImageCal");
      return;
    }
    const band = bandOf(frequencyHz(this.registers));
    if (band >= 0) this.#calibrated[band] = true;
    this.#calibratedUs = this.#world.nowUs + TIMES_US.calibration;
  }

  // Interrupts

  #raise(flags: number): void {
    const { registers } = this;
    const shown = flags & ~registers.read(REGISTER.irqMask);
    registers.write(REGISTER.irqFlags, registers.read(REGISTER.irqFlags) | shown);
    this.#driveLines();
  }

  #clear(flags: number): void {
    this.registers.write(REGISTER.irqFlags, this.registers.read(REGISTER.irqFlags) & ~flags);
    this.#driveLines();
  }

  #driveLines(): void {
    const { registers, pins } = this;
    const flags = registers.loraPage ? registers.read(REGISTER.irqFlags) : 0;
    const mapping = registers.read(REGISTER.dioMapping1);
    pins.dio0.set(flags & DIO0_SHOWS[mapping >> 6] ? 1 : 0);
    pins.dio1.set(flags & DIO1_SHOWS[(mapping >> 4) & 3] ? 1 : 0);
  }

  /** 4.1.2.3, 5.5.5. */
  #describeFrame(): void {
    const { registers, modem } = this;
    registers.write(REGISTER.fifoRxCurrent, registers.read(REGISTER.fifoRxBase));
    registers.write(REGISTER.rxBytes, modem.rxLength);
    const { rxSnrDb, rxRssiDbm } = modem;
    const aboveOffset =
      rxRssiDbm - (bandOf(frequencyHz(registers)) === HIGH_BAND ? RSSI_OFFSET_HIGH_DBM : RSSI_OFFSET_LOW_DBM);
    registers.write(REGISTER.packetSnr, limit(4 * rxSnrDb, -128, 127) & 0xff);
    registers.write(REGISTER.packetRssi, limit(rxSnrDb < 0 ? aboveOffset - rxSnrDb : (aboveOffset * 15) / 16, 0, 255));
    registers.write(REGISTER.hopChannel, modem.rxCrcOn ? 0x40 : 0);
  }
}

function limit(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, Math.floor(value + 0.5)));
}

function name(register: number): string {
  for (const [key, value] of Object.entries(REGISTER)) if (value === register) return key;
  return `register ${register}`;
}
