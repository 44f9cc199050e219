/** The simulated world's time and chance: one seed, one virtual clock, one queue of events, one hash of what happened. */
import { EventHash } from "./event-hash.ts";
import { EventQueue, type PendingEvent } from "./event-queue.ts";
import { RandomStream } from "./random-stream.ts";

export class World {
  readonly seed: number;
  /** Unix time of the world's beginning, in milliseconds. */
  readonly startUnixMs: number;
  readonly hash = new EventHash();
  /** Microseconds since the world's beginning, an integer. */
  nowUs = 0;
  #queue = new EventQueue();
  /** Called after every event; the test of saved state hangs here. */
  afterEvent: (() => void) | undefined;

  constructor(seed: number, startUnixMs: number) {
    this.seed = seed;
    this.startUnixMs = startUnixMs;
  }

  /** True wall time now, in Unix milliseconds (a fraction where microseconds count). */
  get unixMs(): number {
    return this.startUnixMs + this.nowUs / 1000;
  }

  /** An independent stream of random numbers for one purpose. */
  random(name: string): RandomStream {
    return new RandomStream(this.seed, name);
  }

  /** Lets `action` happen at `atUs` (now, where that has passed). */
  at(atUs: number, action: () => void): PendingEvent {
    return this.#queue.push(Math.max(Math.ceil(atUs), this.nowUs), action);
  }

  after(delayUs: number, action: () => void): PendingEvent {
    return this.at(this.nowUs + delayUs, action);
  }

  cancel(event: PendingEvent | undefined): void {
    if (event !== undefined) event.action = undefined;
  }

  /** Lets `us` microseconds pass in the middle of an event: others happen meanwhile. */
  pass(us: number): void {
    const { afterEvent } = this;
    // A machine that is in the middle of its work is not in a state to be saved.
    this.afterEvent = undefined;
    try {
      this.run(this.nowUs + us);
    } finally {
      this.afterEvent = afterEvent;
    }
  }

  /** Lets time pass until `untilUs`, or until `isOver` says so after an event. Returns whether `isOver` ended it. */
  run(untilUs: number, isOver?: () => boolean): boolean {
    for (;;) {
      const next = this.#queue.peek();
      if (next === undefined || next.atUs > untilUs) {
        this.nowUs = Math.max(this.nowUs, untilUs);
        return false;
      }
      this.#queue.pop();
      this.nowUs = next.atUs;
      const action = next.action;
      next.action = undefined;
      action?.();
      this.afterEvent?.();
      if (isOver?.()) return true;
    }
  }
}
