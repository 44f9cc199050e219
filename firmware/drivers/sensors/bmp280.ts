/**
 * Bosch BMP280 barometer on I2C (data sheet BST-BMP280-DS001, revision 1.26: 3.6 modes, 3.8.1 measurement time, 3.11 compensation,
 * 4.3 registers, 8.1 compensation in floating point). Each measurement is a forced one; the chip sleeps in between.
 * Resolution of the pressure: 2.62 Pa at oversampling 1, halved with each doubling, 0.16 Pa at 16.
 * The temperature of its die serves the compensation only: it is not the air's.
 *
 *   (new) --start: id, trimming read--> sleep --start: ctrl_meas, mode forced--> measuring --sample: done--> sleep
 *   A failed start or sample leads back to (new): the chip may have lost its power, and may even be another one.
 */
import type { I2C } from "../../ports/io.ts";
import type { Sensor, SensorSample } from "../../ports/sensor.ts";

const REGISTER_TRIMMING = 0x88;
const TRIMMING_BYTES = 24;
const REGISTER_ID = 0xd0;
const CHIP_ID = 0x58;
const REGISTER_STATUS = 0xf3;
const REGISTER_CTRL_MEAS = 0xf4;
/** status, ctrl_meas, config, reserved, then press_msb to temp_xlsb: read in one burst, so that they belong together (3.10). */
const RESULT_BYTES = 10;
const STATUS_MEASURING = 0x08;
const MODE_FORCED = 0x01;
/** The oversampling bits of ctrl_meas: a chip that lost its power since `start` shows zeros there. */
const OVERSAMPLING_BITS = 0xfc;

export type Bmp280Oversampling = 1 | 2 | 4 | 8 | 16;

export interface Bmp280Options {
  /** The chip at address 0x76 or 0x77. */
  i2c: I2C;
  /** Oversampling of the pressure; 4 ("standard resolution", 3.4.1) unless told otherwise. */
  oversampling?: Bmp280Oversampling;
}

/** One step of the pressure at an oversampling, in Pa (3.3.1). */
export function bmp280Resolution(oversampling: Bmp280Oversampling): number {
  return 2.62 / oversampling;
}

/** The trimming values of one chip, dig_T1 to dig_P9 (3.11.2). */
export interface Bmp280Trimming {
  t1: number;
  t2: number;
  t3: number;
  p1: number;
  p2: number;
  p3: number;
  p4: number;
  p5: number;
  p6: number;
  p7: number;
  p8: number;
  p9: number;
}

/** Fine temperature of the die from its 20-bit raw value (8.1); 5120 steps a degree. */
export function bmp280FineTemperature(trim: Bmp280Trimming, raw: number): number {
  const first = (raw / 16384 - trim.t1 / 1024) * trim.t2;
  const offset = raw / 131072 - trim.t1 / 8192;
  return first + offset * offset * trim.t3;
}

/** Pressure in Pa from its 20-bit raw value and the fine temperature (8.1); NaN for trimming data that would divide by zero. */
export function bmp280Pressure(trim: Bmp280Trimming, raw: number, fineTemperature: number): number {
  const t = fineTemperature / 2 - 64000;
  let offset = (t * t * trim.p6) / 32768;
  offset += t * trim.p5 * 2;
  offset = offset / 4 + trim.p4 * 65536;
  let sensitivity = ((trim.p3 * t * t) / 524288 + trim.p2 * t) / 524288;
  sensitivity = (1 + sensitivity / 32768) * trim.p1;
  if (sensitivity === 0) return Number.NaN;
  const linear = ((1048576 - raw - offset / 4096) * 6250) / sensitivity;
  const square = (trim.p9 * linear * linear) / 2147483648;
  const slope = (linear * trim.p8) / 32768;
  return linear + (square + slope + trim.p7) / 16;
}

export class Bmp280 implements Sensor {
  /** One step of the pressure, in Pa. */
  readonly resolution: number;
  #i2c: I2C;
  #measureMs: number;
  #ready = false;
  #register = new Uint8Array(1);
  #command: Uint8Array;
  #id = new Uint8Array(1);
  #trimmingBytes = new Uint8Array(TRIMMING_BYTES);
  #trimming: Bmp280Trimming = { t1: 0, t2: 0, t3: 0, p1: 0, p2: 0, p3: 0, p4: 0, p5: 0, p6: 0, p7: 0, p8: 0, p9: 0 };
  #result = new Uint8Array(RESULT_BYTES);
  #barometer = { pressure: 0 };
  #sample: SensorSample = { barometer: this.#barometer };

  constructor(options: Bmp280Options) {
    const oversampling = options.oversampling ?? 4;
    this.#i2c = options.i2c;
    this.resolution = bmp280Resolution(oversampling);
    // The die is measured half as often as the pressure: a step of its temperature then costs less than a step of the pressure.
    const dieOversampling = Math.max(1, oversampling / 2);
    // 3.8.1: the longest time is 1.25 ms + 2.3 ms a conversion + 0.575 ms.
    this.#measureMs = Math.ceil(1.25 + 2.3 * dieOversampling + 2.3 * oversampling + 0.575);
    const controls = (code(dieOversampling) << 5) | (code(oversampling) << 2) | MODE_FORCED;
    this.#command = new Uint8Array([REGISTER_CTRL_MEAS, controls]);
  }

  start(): number {
    if (!this.#ready) this.identify();
    this.#ready = false;
    this.#i2c.write(this.#command);
    return this.#measureMs;
  }

  sample(): SensorSample {
    const result = this.#result;
    this.readRegisters(REGISTER_STATUS, result);
    if (result[0] & STATUS_MEASURING) throw new Error("BMP280: not ready in time");
    if ((result[1] ^ this.#command[1]) & OVERSAMPLING_BITS) throw new Error("BMP280: lost its setting");
    const rawPressure = (result[4] << 12) | (result[5] << 4) | (result[6] >> 4);
    const rawTemperature = (result[7] << 12) | (result[8] << 4) | (result[9] >> 4);
    const fine = bmp280FineTemperature(this.#trimming, rawTemperature);
    const pressure = bmp280Pressure(this.#trimming, rawPressure, fine);
    if (!(pressure > 0)) throw new Error("BMP280: bad trimming data");
    this.#ready = true;
    this.#barometer.pressure = pressure;
    return this.#sample;
  }

  close(): void {
    this.#i2c.close();
  }

  private identify(): void {
    this.readRegisters(REGISTER_ID, this.#id);
    if (this.#id[0] !== CHIP_ID) throw new Error("BMP280: another chip answers");
    this.readRegisters(REGISTER_TRIMMING, this.#trimmingBytes);
    const trim = this.#trimming;
    trim.t1 = this.unsigned(0);
    trim.t2 = this.signed(2);
    trim.t3 = this.signed(4);
    trim.p1 = this.unsigned(6);
    trim.p2 = this.signed(8);
    trim.p3 = this.signed(10);
    trim.p4 = this.signed(12);
    trim.p5 = this.signed(14);
    trim.p6 = this.signed(16);
    trim.p7 = this.signed(18);
    trim.p8 = this.signed(20);
    trim.p9 = this.signed(22);
  }

  private readRegisters(first: number, into: Uint8Array): void {
    this.#register[0] = first;
    this.#i2c.write(this.#register);
    this.#i2c.read(into);
  }

  private unsigned(at: number): number {
    return this.#trimmingBytes[at] | (this.#trimmingBytes[at + 1] << 8);
  }

  private signed(at: number): number {
    return (this.unsigned(at) << 16) >> 16;
  }
}

/** osrs_t and osrs_p (4.3.4): 1 for no oversampling, 2 for two, to 5 for sixteen. */
function code(oversampling: number): number {
  return 32 - Math.clz32(oversampling);
}
