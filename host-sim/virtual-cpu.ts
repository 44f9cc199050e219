/**
 * The one thread that runs a node's JavaScript. Interrupts and timers do not run at once: each waits for the engine (a garbage collection, a
 * bytecode loop), up to a given time, and while one runs, or blocks in native code, all others wait.
 *
 *   call ----latency----> running? --no--> runs
 *                          |  ^
 *                          yes: waits in line
 *
 * Blocking lets the world go on around the node. It is exact for one node; of several nodes that block at the same time the one that began first
 * ends with the last.
 */
import { PowerCut } from "./chips/power-rail.ts";
import type { RandomStream } from "./random-stream.ts";
import type { World } from "./world.ts";

/** A callback on its way. */
export interface PendingCall {
  /** Cleared when it is cancelled, or was made. */
  action: (() => void) | undefined;
}

export class VirtualCpu {
  /** Time spent in blocking work, in microseconds. */
  blockedUs = 0;
  #world: World;
  #random: RandomStream;
  #latencyUs: number;
  /** Callbacks are made in the order in which they were asked for. */
  #lastUs = 0;
  #running = false;
  #waiting: PendingCall[] = [];
  /** Number of the power-on: what an earlier one left does not happen. */
  #life = 0;

  /** `latencyUs`: the longest that a callback waits for the engine; it is drawn evenly from 0 on. */
  constructor(world: World, random: RandomStream, latencyUs: number) {
    this.#world = world;
    this.#random = random;
    this.#latencyUs = latencyUs;
  }

  /** An interrupt or a timer wants `action` to run. */
  call(action: () => void): PendingCall {
    const call: PendingCall = { action };
    const askedUs = this.#world.nowUs;
    const life = this.#life;
    this.#lastUs = Math.max(askedUs + this.#random.below(this.#latencyUs + 1), this.#lastUs);
    this.#world.at(this.#lastUs, () => {
      if (life !== this.#life) return;
      if (this.#running) this.#waiting.push(call);
      else this.#run(call);
    });
    return call;
  }

  /** The code that runs now takes this long: everything else of the node waits. */
  block(us: number): void {
    const life = this.#life;
    const wasRunning = this.#running;
    this.#running = true;
    this.blockedUs += us;
    this.#world.pass(us);
    // The power failed meanwhile: what called this is no more.
    if (life !== this.#life) throw new PowerCut();
    this.#running = wasRunning;
    if (!wasRunning) this.#runWaiting();
  }

  /** No power: nothing that was asked for happens. */
  halt(): void {
    this.#life++;
    this.#running = false;
    this.#waiting.length = 0;
    this.#lastUs = 0;
  }

  #run(call: PendingCall): void {
    const { action } = call;
    call.action = undefined;
    const life = this.#life;
    this.#running = true;
    try {
      action?.();
    } finally {
      if (life === this.#life) this.#running = false;
    }
    if (life === this.#life) this.#runWaiting();
  }

  /** One after the other, each an event of its own. */
  #runWaiting(): void {
    const next = this.#waiting.shift();
    if (next === undefined) return;
    const life = this.#life;
    this.#world.after(0, () => {
      if (life !== this.#life) return;
      if (this.#running) this.#waiting.unshift(next);
      else this.#run(next);
    });
  }
}
