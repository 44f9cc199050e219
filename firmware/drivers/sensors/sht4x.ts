/**
 * Sensirion SHT40/SHT41/SHT45 thermometer and hygrometer on I2C (data sheet SHT4x, version 6: clauses 3.2 timing, 4.4 checksum, 4.5 commands, 4.6 conversion).
 * One command byte starts a conversion; after at most 8.3 ms six bytes are read: temperature word, CRC, humidity word, CRC.
 * Resolution: 0.0027 degC and 0.0019 %RH (one step of the 16-bit words).
 */
import type { I2C } from "../../ports/io.ts";
import type { Sensor, SensorSample } from "../../ports/sensor.ts";

/** Temperature and humidity with the highest precision (clause 4.5). */
const MEASURE_HIGH_PRECISION = 0xfd;
/** Longest duration of that measurement, 8.3 ms (clause 3.2), in whole milliseconds. */
const MEASURE_MS = 9;
const FULL_SCALE = 65535;

/** One step of the raw words, in degC and %RH. */
export const SHT4X_RESOLUTION = Object.freeze({ temperature: 175 / FULL_SCALE, humidity: 125 / FULL_SCALE });

export interface Sht4xOptions {
  /** The chip at address 0x44 (SHT4x-A), 0x45 (-B) or 0x46 (-C). */
  i2c: I2C;
  /** Whether to report the temperature; true unless told otherwise. */
  thermometer?: boolean;
  /** Whether to report the humidity; true unless told otherwise. */
  hygrometer?: boolean;
}

/** CRC-8 of two bytes (polynomial 0x31, start 0xff, clause 4.4): 0xbeef gives 0x92. */
export function sht4xCrc(first: number, second: number): number {
  let crc = 0xff ^ first;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x80 ? (crc << 1) ^ 0x131 : crc << 1;
  crc ^= second;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x80 ? (crc << 1) ^ 0x131 : crc << 1;
  return crc;
}

export class Sht4x implements Sensor {
  #i2c: I2C;
  #command = new Uint8Array([MEASURE_HIGH_PRECISION]);
  #answer = new Uint8Array(6);
  #thermometer: { temperature: number } | undefined;
  #hygrometer: { humidity: number } | undefined;
  #sample: SensorSample = {};

  constructor(options: Sht4xOptions) {
    this.#i2c = options.i2c;
    this.#thermometer = options.thermometer === false ? undefined : { temperature: 0 };
    this.#hygrometer = options.hygrometer === false ? undefined : { humidity: 0 };
  }

  start(): number {
    this.#i2c.write(this.#command);
    return MEASURE_MS;
  }

  sample(): SensorSample {
    const answer = this.#answer;
    this.#i2c.read(answer);
    const temperature = this.word(0);
    const humidity = this.word(3);
    this.#sample.thermometer = undefined;
    this.#sample.hygrometer = undefined;
    if (this.#thermometer !== undefined && measured(temperature)) {
      this.#thermometer.temperature = -45 + (175 * temperature) / FULL_SCALE;
      this.#sample.thermometer = this.#thermometer;
    }
    if (this.#hygrometer !== undefined && measured(humidity)) {
      // Beyond 0 and 100 the value is kept as it is (clause 4.6 leaves that open): the node annotates, it does not crop.
      this.#hygrometer.humidity = -6 + (125 * humidity) / FULL_SCALE;
      this.#sample.hygrometer = this.#hygrometer;
    }
    return this.#sample;
  }

  close(): void {
    this.#i2c.close();
  }

  private word(at: number): number {
    const answer = this.#answer;
    if (sht4xCrc(answer[at], answer[at + 1]) !== answer[at + 2]) throw new Error("SHT4x: bad checksum");
    return (answer[at] << 8) | answer[at + 1];
  }
}

/** The ends of the scale (-45 and 130 degC, -6 and 119 %RH) are no measurement: the element is open or shorted. */
function measured(word: number): boolean {
  return word !== 0 && word !== FULL_SCALE;
}
