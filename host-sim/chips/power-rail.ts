/**
 * The supply of the chips that keep data. It counts their writes and erasures, and can fail in the middle of any one of them. After that
 * nothing works until the power is back.
 */

/** Thrown out of the operation that the power failed in, and of every later one until `restore`. */
export class PowerCut extends Error {
  constructor() {
    super("power cut");
    this.name = "PowerCut";
  }
}

export class PowerRail {
  /** Writes and erasures so far, those included that were cut. */
  operations = 0;
  #cutAt = -1;
  #isDown = false;

  /** Lets the power fail in the middle of the `count`-th operation from now (1: the next one). */
  cutAfter(count: number): void {
    this.#cutAt = this.operations + count;
  }

  /** The power is back; no cut is pending. */
  restore(): void {
    this.#cutAt = -1;
    this.#isDown = false;
  }

  get isDown(): boolean {
    return this.#isDown;
  }

  /** A chip asks at the beginning of each operation: true when it is to be done in part only, and to throw `PowerCut`. */
  failsNow(): boolean {
    if (this.#isDown) throw new PowerCut();
    this.operations++;
    if (this.operations !== this.#cutAt) return false;
    this.#isDown = true;
    return true;
  }

  /** For operations that change nothing: throws while the power is down. */
  assertUp(): void {
    if (this.#isDown) throw new PowerCut();
  }
}
