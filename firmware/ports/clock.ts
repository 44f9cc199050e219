/** Time as the device has it. */

/** Monotonic time since power-on. Survives deep sleep, not a power cut. */
export interface Clock {
  /** Milliseconds since power-on, an integer that never goes back. */
  nowMs(): number;
}

/** The one wake-up of the application loop. */
export interface Timer {
  /** Asks for `callback` at `atMs` on the clock's scale; replaces any earlier request. */
  wakeAt(atMs: number, callback: () => void): void;
  /** Forgets the request. */
  cancel(): void;
}
