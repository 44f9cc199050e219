/**
 * What an ATECC608 keeps without power: the configuration zone (128 bytes), the private keys, the two counters. The counters' bytes inside
 * the zone (52 to 67) are left zero: their encoding there is nobody's business but the chip's.
 */
import type { RandomStream } from "../random-stream.ts";

export const ATECC608_SLOTS = 16;
/** Slots 0 to 4 hold P-256 private keys, as in the maker's own configurations. */
const PRIVATE_SLOTS = 5;
const COUNTER_LIMIT = 2_097_151;

const AT_CHIP_MODE = 19;
const AT_SLOT_CONFIG = 20;
const AT_LOCK_VALUE = 86;
const AT_LOCK_CONFIG = 87;
const AT_SLOT_LOCKED = 88;
const AT_KEY_CONFIG = 96;
const UNLOCKED = 0x55;

/** Clock divider bits of ChipMode, fastest first. */
const CLOCK_BITS: readonly number[] = Object.freeze([0x00, 0x28, 0x68]);

export interface Atecc608MemoryOptions {
  /** For the serial number. */
  random: RandomStream;
  /** Locked unless told otherwise. */
  isConfigLocked?: boolean;
  isDataLocked?: boolean;
  /** 0 (the fastest) unless told otherwise. */
  clockDivider?: 0 | 1 | 2;
}

export class Atecc608Memory {
  readonly config = new Uint8Array(128);
  readonly keys = new Map<number, Uint8Array>();
  readonly counters: [number, number] = [0, 0];

  constructor(options: Atecc608MemoryOptions) {
    const { config } = this;
    options.random.fill(config.subarray(0, 13));
    config.set([0x01, 0x23], 0);
    config.set([0x00, 0x00, 0x60, 0x03], 4);
    config[12] = 0xee;
    // I2C enabled, address 0x60 in its upper seven bits.
    config[14] = 0x01;
    config[16] = 0xc0;
    config[AT_CHIP_MODE] = CLOCK_BITS[options.clockDivider ?? 0];
    for (let slot = 0; slot < ATECC608_SLOTS; slot++) {
      // Secret, signs external and internal messages, GenKey allowed; a P-256 private key whose public key may be computed, lockable.
      const isPrivate = slot < PRIVATE_SLOTS;
      config.set(isPrivate ? [0x83, 0x20] : [0x00, 0x00], AT_SLOT_CONFIG + 2 * slot);
      config.set(isPrivate ? [0x33, 0x00] : [0x1c, 0x00], AT_KEY_CONFIG + 2 * slot);
    }
    config[AT_LOCK_VALUE] = options.isDataLocked === false ? UNLOCKED : 0x00;
    config[AT_LOCK_CONFIG] = options.isConfigLocked === false ? UNLOCKED : 0x00;
    config.set([0xff, 0xff], AT_SLOT_LOCKED);
  }

  get isConfigLocked(): boolean {
    return this.config[AT_LOCK_CONFIG] !== UNLOCKED;
  }

  get isDataLocked(): boolean {
    return this.config[AT_LOCK_VALUE] !== UNLOCKED;
  }

  /** 0, 1 or 2, as ChipMode has it. */
  get clockDivider(): number {
    return Math.max(CLOCK_BITS.indexOf(this.config[AT_CHIP_MODE] & 0xf8), 0);
  }

  /** Locks one slot for ever (bytes 88 and 89: a cleared bit is a locked slot). */
  lockSlot(slot: number): void {
    this.config[AT_SLOT_LOCKED + (slot >>> 3)] &= ~(1 << (slot & 7));
  }

  holdsPrivateKey(slot: number): boolean {
    return slot < ATECC608_SLOTS && (this.config[AT_KEY_CONFIG + 2 * slot] & 0x1d) === 0x11;
  }

  mayComputePublicKey(slot: number): boolean {
    return (this.config[AT_KEY_CONFIG + 2 * slot] & 0x02) !== 0;
  }

  maySignExternal(slot: number): boolean {
    return (this.config[AT_SLOT_CONFIG + 2 * slot] & 0x01) !== 0;
  }

  mayCreateKey(slot: number): boolean {
    const isLocked = (this.config[AT_SLOT_LOCKED + (slot >>> 3)] & (1 << (slot & 7))) === 0;
    return !isLocked && (this.config[AT_SLOT_CONFIG + 2 * slot + 1] & 0x20) !== 0;
  }

  /** Whether `counter` is at its end. */
  isExhausted(counter: number): boolean {
    return this.counters[counter] >= COUNTER_LIMIT;
  }

  /** Adds `steps`, and never passes the end. */
  count(counter: number, steps: number): void {
    this.counters[counter] = Math.min(this.counters[counter] + steps, COUNTER_LIMIT);
  }
}
