/**
 * How a serial adapter's DTR and RTS reach the chip's EN and boot pin on Espressif's boards: two transistors, so that both lines together, which
 * is what a port asserts when it is opened, do nothing; and a capacitor that lets EN rise slowly.
 *
 *     DTR RTS | EN   boot pin
 *      -   -  | high high
 *      x   -  | high low
 *      -   x  | low  high
 *      x   x  | high high
 *
 *     up --EN low--> held --EN high--> rising --10 ms--> up (the boot pin is sampled here)
 *                      ^------EN low-----'
 */

/** Time, as the simulated world or a clock on the wall gives it. */
export interface BoardTimer {
  after(delayUs: number, action: () => void): object;
  cancel(event: object | undefined): void;
}

export interface ResetListener {
  /** The chip is held in reset: nothing runs. */
  held(): void;
  /** It starts, into the serial bootloader where the boot pin is low. */
  released(intoDownload: boolean): void;
}

/** 10 kOhm and 1 uF. */
const EN_RISE_US = 10_000;

export class AutoReset {
  #timer: BoardTimer;
  #listener: ResetListener;
  #dtr = false;
  #rts = false;
  #rising: object | undefined;
  #isPowered = false;
  #isHeld = false;

  constructor(timer: BoardTimer, listener: ResetListener) {
    this.#timer = timer;
    this.#listener = listener;
  }

  /** The power has come on: EN rises. */
  powerOn(): void {
    this.#isPowered = true;
    this.#isHeld = true;
    this.#update();
  }

  /** The power is gone. */
  powerOff(): void {
    this.#isPowered = false;
    this.#timer.cancel(this.#rising);
    this.#rising = undefined;
    this.#isHeld = false;
  }

  /** Asserts (true) or releases the adapter's lines; those not given stay. */
  setLines(dtr: boolean | undefined, rts: boolean | undefined): void {
    this.#dtr = dtr ?? this.#dtr;
    this.#rts = rts ?? this.#rts;
    this.#update();
  }

  #update(): void {
    if (!this.#isPowered) return;
    if (this.#rts && !this.#dtr) {
      this.#timer.cancel(this.#rising);
      this.#rising = undefined;
      if (!this.#isHeld) this.#listener.held();
      this.#isHeld = true;
    } else if (this.#isHeld && this.#rising === undefined) {
      this.#rising = this.#timer.after(EN_RISE_US, () => {
        this.#rising = undefined;
        this.#isHeld = false;
        this.#listener.released(this.#dtr && !this.#rts);
      });
    }
  }
}
