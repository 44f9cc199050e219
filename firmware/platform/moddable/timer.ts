/** The timer port over the SDK's timers, which count in 32 bits of milliseconds: a longer wait is cut into hours. */
import Timer, { type TimerId } from "timer";
import type { Clock, Timer as TimerPort } from "../../ports/clock.ts";

const LONGEST_WAIT_MS = 3_600_000;

export class LoopTimer implements TimerPort {
  #clock: Clock;
  #id: TimerId | undefined;
  #atMs = 0;
  #callback: (() => void) | undefined;
  #elapsed: () => void;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#elapsed = () => this.look();
  }

  wakeAt(atMs: number, callback: () => void): void {
    Timer.clear(this.#id);
    this.#atMs = atMs;
    this.#callback = callback;
    this.wait();
  }

  cancel(): void {
    Timer.clear(this.#id);
    this.#id = undefined;
    this.#callback = undefined;
  }

  private wait(): void {
    const leftMs = this.#atMs - this.#clock.nowMs();
    this.#id = Timer.set(this.#elapsed, Math.max(0, Math.min(leftMs, LONGEST_WAIT_MS)));
  }

  /** The SDK's tick and our clock are two counters: a callback never comes before its time on ours. */
  private look(): void {
    this.#id = undefined;
    if (this.#clock.nowMs() < this.#atMs) {
      this.wait();
      return;
    }
    const callback = this.#callback;
    this.#callback = undefined;
    callback?.();
  }
}
