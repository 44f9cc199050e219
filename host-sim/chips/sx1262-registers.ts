/** Registers of an SX1262: reset values (data sheet 12.1) and what a warm sleep keeps (9.6). */

const SIZE = 0x1000;

export const REGISTER = Object.freeze({
  retentionList: 0x029f,
  iqPolarity: 0x0736,
  syncWord: 0x0740,
  txModulation: 0x0889,
  rxGain: 0x08ac,
  txClamp: 0x08d8,
  overCurrent: 0x08e7,
  /** 15.3: the timer's control, and the mask that clears its event. */
  timerControl: 0x0920,
  eventMask: 0x0944,
});

const RESET_VALUES: readonly (readonly [number, number])[] = Object.freeze([
  [REGISTER.iqPolarity, 0x0d],
  [REGISTER.syncWord, 0x14],
  [REGISTER.syncWord + 1, 0x24],
  [REGISTER.txModulation, 0x01],
  [REGISTER.rxGain, 0x94],
  [REGISTER.txClamp, 0xc8],
  [REGISTER.overCurrent, 0x18],
  [0x0911, 0x05],
  [0x0912, 0x05],
]);

/** These a warm sleep forgets, unless the retention list names them. */
const FORGOTTEN: readonly number[] = Object.freeze([REGISTER.iqPolarity, REGISTER.txModulation, REGISTER.rxGain]);

export class Sx1262Registers {
  #bytes = new Uint8Array(SIZE);

  constructor() {
    this.reset();
  }

  reset(): void {
    this.#bytes.fill(0);
    for (const [address, value] of RESET_VALUES) this.#bytes[address] = value;
  }

  read(address: number): number {
    return this.#bytes[address & (SIZE - 1)];
  }

  write(address: number, value: number): void {
    this.#bytes[address & (SIZE - 1)] = value;
  }

  /** What happens to them in a sleep with warm start. */
  sleepWarm(): void {
    for (const address of FORGOTTEN) {
      if (this.#isInRetentionList(address)) continue;
      for (const [known, value] of RESET_VALUES) if (known === address) this.#bytes[address] = value;
    }
  }

  #isInRetentionList(address: number): boolean {
    const count = Math.min(this.#bytes[REGISTER.retentionList], 4);
    for (let i = 0; i < count; i++) {
      const at = REGISTER.retentionList + 1 + 2 * i;
      if (((this.#bytes[at] << 8) | this.#bytes[at + 1]) === address) return true;
    }
    return false;
  }
}
