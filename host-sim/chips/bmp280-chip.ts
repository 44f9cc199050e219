/**
 * Model of a Bosch BMP280 at the level of its I2C registers (data sheet BST-BMP280-DS001, revision 1.26: 3.6 modes, 3.8.1 times, 3.11.2
 * trimming, 4.3 registers, 5.2 I2C). Each chip has trimming data of its own; the raw values come from the inverse of the compensation, so
 * that the compensated reading is the true pressure within one step. Normal mode is accepted and does nothing: our driver never asks for it.
 *
 *   sleep --ctrl_meas with mode 1 or 2--> measuring (status bit 3) --time--> data registers, sleep
 *   any --0xb6 to the reset register--> sleep, registers as after power-on
 */
import type { RandomStream } from "../random-stream.ts";
import type { Conditions } from "../weather/weather.ts";
import { ChipFaults } from "./chip-faults.ts";
import type { I2cChip } from "./i2c-bus.ts";

const TRIMMING = 0x88;
const ID = 0xd0;
const RESET = 0xe0;
const STATUS = 0xf3;
const CTRL_MEAS = 0xf4;
const CONFIG = 0xf5;
const DATA = 0xf7;
const SKIPPED = 0x80000;
/** Temperature of the die where the weather does not know any. */
const DEFAULT_DIE_C = 15;

export interface Bmp280ChipOptions {
  nowUs: () => number;
  /** What the air is like now. */
  conditions: () => Conditions;
  /** Trimming data, and the spread of the conversion time. */
  random: RandomStream;
}

/** dig_T1 to dig_T3 and dig_P1 to dig_P9, in the order of the registers: the data sheet's example (3.12), each chip a little off. */
function drawTrimming(random: RandomStream): number[] {
  const around = (middle: number, spread: number): number => middle - spread + random.below(2 * spread + 1);
  return [
    around(27504, 600),
    around(26435, 400),
    around(-1000, 50),
    around(36477, 1200),
    around(-10685, 150),
    3024,
    around(2855, 400),
    around(140, 60),
    -7,
    15500,
    -14600,
    6000,
  ];
}

export class Bmp280Chip implements I2cChip {
  readonly faults = new ChipFaults();
  #options: Bmp280ChipOptions;
  #trimming: number[];
  #registers = new Uint8Array(256);
  #pointer = 0;
  #doneUs = 0;
  #isMeasuring = false;
  #rawPressure = SKIPPED;
  #rawTemperature = SKIPPED;

  constructor(options: Bmp280ChipOptions) {
    this.#options = options;
    this.#trimming = drawTrimming(options.random);
    this.#powerOn();
  }

  /** 5.2.1: pairs of register and value; a single byte sets the register that a read begins at. */
  write(bytes: Uint8Array): boolean {
    if (this.faults.takeNack() || bytes.length === 0) return false;
    this.#finish();
    this.#pointer = bytes[0];
    for (let i = 0; i + 1 < bytes.length; i += 2) {
      if (!this.#set(bytes[i], bytes[i + 1])) return false;
    }
    return true;
  }

  /** 5.2.2: registers one after the other from the pointer. */
  read(into: Uint8Array): boolean {
    if (this.faults.takeNack()) return false;
    this.#finish();
    for (let i = 0; i < into.length; i++) into[i] = this.#registers[(this.#pointer + i) & 0xff];
    return true;
  }

  /** What a power cut leaves: the trimming data alone. */
  powerCycle(): void {
    this.#powerOn();
  }

  #powerOn(): void {
    const registers = this.#registers;
    registers.fill(0);
    registers[ID] = 0x58;
    for (let i = 0; i < this.#trimming.length; i++) {
      registers[TRIMMING + 2 * i] = this.#trimming[i] & 0xff;
      registers[TRIMMING + 2 * i + 1] = (this.#trimming[i] >> 8) & 0xff;
    }
    this.#isMeasuring = false;
    this.#rawPressure = SKIPPED;
    this.#rawTemperature = SKIPPED;
    this.#showData();
  }

  #set(register: number, value: number): boolean {
    if (register === RESET && value === 0xb6) this.#powerOn();
    if (register === CONFIG) this.#registers[CONFIG] = value;
    if (register !== CTRL_MEAS) return true;
    const mode = value & 3;
    if (mode !== 1 && mode !== 2) {
      this.#registers[CTRL_MEAS] = value;
      return true;
    }
    const air = this.#options.conditions();
    // A row of a replay that does not know the pressure: the sensor does not answer.
    if (Number.isNaN(air.pressureHpa)) return false;
    this.#registers[CTRL_MEAS] = value;
    this.#measure(air, oversampling(value >> 5), oversampling((value >> 2) & 7));
    return true;
  }

  #measure(air: Conditions, temperatureTimes: number, pressureTimes: number): void {
    const dieC = Number.isNaN(air.temperatureC) ? DEFAULT_DIE_C : air.temperatureC;
    this.#rawTemperature =
      temperatureTimes === 0 ? SKIPPED : quantise(this.#rawFromTemperature(dieC), temperatureTimes);
    this.#rawPressure =
      pressureTimes === 0 ? SKIPPED : quantise(this.#rawFromPressure(air.pressureHpa * 100, dieC), pressureTimes);
    const conversions = temperatureTimes + pressureTimes;
    const typicalUs = 1500 + 2000 * conversions;
    const longestUs = 1825 + 2300 * conversions;
    this.#isMeasuring = true;
    this.#doneUs = this.#options.nowUs() + typicalUs + this.#options.random.below(longestUs - typicalUs + 1);
    this.#registers[STATUS] = 0x08;
  }

  /** Ends a measurement whose time has come. */
  #finish(): void {
    if (!this.#isMeasuring || this.#options.nowUs() < this.#doneUs) return;
    this.#isMeasuring = false;
    this.#registers[STATUS] = 0;
    this.#registers[CTRL_MEAS] &= 0xfc;
    this.#showData();
  }

  #showData(): void {
    const registers = this.#registers;
    for (const [at, raw] of [
      [DATA, this.#rawPressure],
      [DATA + 3, this.#rawTemperature],
    ]) {
      registers[at] = raw >> 12;
      registers[at + 1] = (raw >> 4) & 0xff;
      registers[at + 2] = (raw << 4) & 0xf0;
    }
  }

  /** Solves t3 x^2 + 8 t2 x = 5120 T for x = raw / 131072 - t1 / 8192. */
  #rawFromTemperature(celsius: number): number {
    const [t1, t2, t3] = this.#trimming;
    const root = Math.sqrt(16 * t2 * t2 + 5120 * celsius * t3);
    const x = (5120 * celsius) / (4 * t2 + root);
    return (x + t1 / 8192) * 131072;
  }

  /** Solves the quadratic of the linear pressure for it, and that for the raw value. */
  #rawFromPressure(pascal: number, celsius: number): number {
    const [, , , p1, p2, p3, p4, p5, p6, p7, p8, p9] = this.#trimming;
    const t = celsius * 2560 - 64000;
    const offset = (t * t * p6) / 131072 + (t * p5) / 2 + p4 * 65536;
    const sensitivity = p1 * (1 + ((p3 * t * t) / 524288 + p2 * t) / 17179869184);
    // pascal = a q^2 + b q + c
    const a = p9 / 34359738368;
    const b = 1 + p8 / 524288;
    const c = p7 / 16 - pascal;
    const q = (-2 * c) / (b + Math.sqrt(b * b - 4 * a * c));
    return 1048576 - offset / 4096 - (q * sensitivity) / 6250;
  }
}

/** osrs_t and osrs_p (4.3.4): 0 skips, then 1, 2, 4, 8, 16 and again 16. */
function oversampling(code: number): number {
  return code === 0 ? 0 : 1 << (Math.min(code, 5) - 1);
}

/** 3.3.1: 16 bits without oversampling, one more with each doubling, in a 20-bit word. */
function quantise(raw: number, times: number): number {
  const step = 16 / times;
  const rounded = Math.floor(raw / step + 0.5) * step;
  return Math.min(Math.max(rounded, 0), 0x100000 - step);
}
