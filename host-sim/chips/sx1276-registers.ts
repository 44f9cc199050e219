/**
 * Registers of an SX1276 (data sheet DS_SX1276-7-8-9_W_APP, 6.1 to 6.4): reset values, the two pages of 0x0D to 0x3F, what is read-only and what is
 * reserved.
 */

export const REGISTER = Object.freeze({
  fifo: 0x00,
  opMode: 0x01,
  frequency: 0x06,
  paConfig: 0x09,
  paRamp: 0x0a,
  overCurrent: 0x0b,
  fifoPointer: 0x0d,
  fifoTxBase: 0x0e,
  fifoRxBase: 0x0f,
  fifoRxCurrent: 0x10,
  irqMask: 0x11,
  irqFlags: 0x12,
  rxBytes: 0x13,
  modemStatus: 0x18,
  packetSnr: 0x19,
  packetRssi: 0x1a,
  hopChannel: 0x1c,
  modemConfig1: 0x1d,
  modemConfig2: 0x1e,
  symbolTimeout: 0x1f,
  preamble: 0x20,
  payloadLength: 0x22,
  modemConfig3: 0x26,
  ifFrequency1: 0x2f,
  ifFrequency2: 0x30,
  detectOptimize: 0x31,
  invertIq: 0x33,
  highBwOptimize1: 0x36,
  detectionThreshold: 0x37,
  syncWord: 0x39,
  highBwOptimize2: 0x3a,
  invertIq2: 0x3b,
  /** Of the FSK page. */
  imageCalibration: 0x3b,
  dioMapping1: 0x40,
  version: 0x42,
  tcxo: 0x4b,
  paDac: 0x4d,
});

const SIZE = 0x80;
const PAGE_FROM = 0x0d;
const PAGE_TO = 0x3f;

/** Reset values of what both modems share. */
const COMMON: readonly (readonly [number, number])[] = Object.freeze([
  [0x01, 0x09],
  [0x02, 0x1a],
  [0x03, 0x0b],
  [0x05, 0x52],
  [0x06, 0x6c],
  [0x07, 0x80],
  [0x09, 0x4f],
  [0x0a, 0x09],
  [0x0b, 0x2b],
  [0x0c, 0x20],
  [0x42, 0x12],
  [0x44, 0x2d],
  [0x4b, 0x09],
  [0x4d, 0x84],
]);
/** Of the LoRa page. */
const LORA: readonly (readonly [number, number])[] = Object.freeze([
  [0x0e, 0x80],
  [0x18, 0x10],
  [0x1d, 0x72],
  [0x1e, 0x70],
  [0x1f, 0x64],
  [0x21, 0x08],
  [0x22, 0x01],
  [0x23, 0xff],
  [0x26, 0x04],
  [0x2f, 0x20],
  [0x31, 0xc3],
  [0x33, 0x27],
  [0x36, 0x03],
  [0x37, 0x0a],
  [0x39, 0x12],
  [0x3a, 0x65],
  [0x3b, 0x1d],
]);
/** Of the FSK page. */
const FSK: readonly (readonly [number, number])[] = Object.freeze([[0x3b, 0x82]]);

/** Of the LoRa page: what the host cannot write, and what it must not. */
const READ_ONLY: readonly number[] = Object.freeze([
  0x10, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x25, 0x28, 0x29, 0x2a, 0x2c,
]);
const RESERVED: readonly number[] = Object.freeze([0x2b, 0x2d, 0x2e, 0x32, 0x34, 0x35, 0x38, 0x3c, 0x3d, 0x3e, 0x3f]);

/** Why the host must not write this register; undefined where it may. */
export function writeObjection(register: number, lora: boolean): string | undefined {
  if (register === REGISTER.version) return "read-only";
  if (!lora || register < PAGE_FROM || register > PAGE_TO) return undefined;
  if (READ_ONLY.includes(register)) return "read-only";
  return RESERVED.includes(register) ? "reserved-register" : undefined;
}

export class Sx1276Registers {
  #common = new Uint8Array(SIZE);
  #lora = new Uint8Array(SIZE);
  #fsk = new Uint8Array(SIZE);

  constructor() {
    this.reset();
  }

  reset(): void {
    fill(this.#common, COMMON);
    fill(this.#lora, LORA);
    fill(this.#fsk, FSK);
  }

  /** LongRangeMode without AccessSharedReg (6.4 RegOpMode). */
  get loraPage(): boolean {
    return (this.#common[REGISTER.opMode] & 0xc0) === 0x80;
  }

  read(register: number, lora = true): number {
    return this.#page(register, lora)[register];
  }

  write(register: number, value: number, lora = true): void {
    this.#page(register, lora)[register] = value;
  }

  #page(register: number, lora: boolean): Uint8Array {
    if (register < PAGE_FROM || register > PAGE_TO) return this.#common;
    return lora ? this.#lora : this.#fsk;
  }
}

function fill(page: Uint8Array, values: readonly (readonly [number, number])[]): void {
  page.fill(0);
  for (const [register, value] of values) page[register] = value;
}
