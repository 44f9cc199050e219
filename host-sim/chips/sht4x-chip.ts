/**
 * Model of a Sensirion SHT4x at the level of its I2C bytes (data sheet SHT4x, version 6: 3.2 timing, 4.4 checksum, 4.5 commands, 4.6
 * conversion, 4.7 serial number, 4.8 reset). A command during a conversion, and a read before its end, are not acknowledged.
 *
 *   idle --measure--> converting --time--> answer ready --read--> idle
 *        --serial---------------------------^
 *   any --soft reset--> idle
 */
import type { RandomStream } from "../random-stream.ts";
import type { Conditions } from "../weather/weather.ts";
import { ChipFaults } from "./chip-faults.ts";
import type { I2cChip } from "./i2c-bus.ts";

const SOFT_RESET = 0x94;
const READ_SERIAL = 0x89;
const FULL_SCALE = 65535;

/** Typical and longest duration of the measurement that a command starts, in microseconds (3.2). */
function measurementTimesUs(command: number): readonly [number, number] | undefined {
  switch (command) {
    case 0xfd:
      return [6900, 8300];
    case 0xf6:
      return [3700, 4500];
    case 0xe0:
      return [1300, 1600];
    default:
      return undefined;
  }
}

export interface Sht4xChipOptions {
  nowUs: () => number;
  /** What the air is like now. */
  conditions: () => Conditions;
  /** Spread of the conversion time, and the serial number. */
  random: RandomStream;
}

export class Sht4xChip implements I2cChip {
  readonly faults = new ChipFaults();
  #options: Sht4xChipOptions;
  #serial: number;
  #answer = new Uint8Array(6);
  #hasAnswer = false;
  #readyUs = 0;

  constructor(options: Sht4xChipOptions) {
    this.#options = options;
    this.#serial = options.random.u32();
  }

  write(bytes: Uint8Array): boolean {
    if (this.faults.takeNack() || bytes.length !== 1) return false;
    const command = bytes[0];
    if (command === SOFT_RESET) {
      this.#hasAnswer = false;
      this.#readyUs = 0;
      return true;
    }
    if (this.#options.nowUs() < this.#readyUs) return false;
    if (command === READ_SERIAL) {
      this.#setAnswer(this.#serial >>> 16, this.#serial & 0xffff);
      return true;
    }
    const times = measurementTimesUs(command);
    return times !== undefined && this.#measure(times[0], times[1]);
  }

  read(into: Uint8Array): boolean {
    if (this.faults.takeNack() || !this.#hasAnswer || this.#options.nowUs() < this.#readyUs) return false;
    if (into.length > this.#answer.length) return false;
    for (let i = 0; i < into.length; i++) into[i] = this.#answer[i];
    if (this.faults.takeCorruption())
      into[this.#options.random.below(into.length)] ^= 1 << this.#options.random.below(8);
    this.#hasAnswer = false;
    return true;
  }

  #measure(typicalUs: number, longestUs: number): boolean {
    const air = this.#options.conditions();
    // A row of a replay that knows neither: the sensor does not answer. Where it knows one, the other's element is open: full scale.
    if (Number.isNaN(air.temperatureC) && Number.isNaN(air.humidityPct)) return false;
    this.#setAnswer(toWord(air.temperatureC, -45, 175), toWord(air.humidityPct, -6, 125));
    this.#readyUs = this.#options.nowUs() + typicalUs + this.#options.random.below(longestUs - typicalUs + 1);
    return true;
  }

  #setAnswer(first: number, second: number): void {
    const answer = this.#answer;
    answer[0] = first >>> 8;
    answer[1] = first & 0xff;
    answer[2] = checksum(answer, 0);
    answer[3] = second >>> 8;
    answer[4] = second & 0xff;
    answer[5] = checksum(answer, 3);
    this.#hasAnswer = true;
  }
}

function toWord(value: number, zero: number, span: number): number {
  if (Number.isNaN(value)) return FULL_SCALE;
  const word = Math.floor(((value - zero) * FULL_SCALE) / span + 0.5);
  return Math.min(Math.max(word, 1), FULL_SCALE - 1);
}

/** x^8 + x^5 + x^4 + 1 over two bytes, start 0xff: written apart from the driver's, so that neither covers an error of the other. */
function checksum(bytes: Uint8Array, at: number): number {
  let remainder = 0xff00 ^ ((bytes[at] << 8) | bytes[at + 1]);
  for (let bit = 15; bit >= 0; bit--) {
    const isSet = (remainder & 0x8000) !== 0;
    remainder = (remainder << 1) & 0xffff;
    if (isSet) remainder ^= 0x3100;
  }
  return remainder >>> 8;
}
