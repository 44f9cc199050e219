/**
 * Lets virtual time pass no faster than real time, because somebody outside answers in real milliseconds. Time that was lost (this
 * process was held up, or there was too much to simulate) is not caught up: the world is late against the wall clock then, and whoever
 * answers it is so much the earlier. Between two steps the host gets its turn, so that what came in from outside is taken.
 */
import type { World } from "../../host-sim/world.ts";
import type { Phase } from "./closed-loop.ts";

export interface WallClock {
  /** Milliseconds of a clock that never jumps; fractions count. */
  nowMs(): number;
  sleep(ms: number): Promise<void>;
}

/** The most virtual time that passes in one step: an answer from outside is late by no more than that. */
const MAX_STEP_US = 50_000;
/** At real speed a step is this long; shorter where time is sped up. */
const MAX_SLEEP_MS = 5;

export class Pacer {
  readonly #world: World;
  readonly #clock: WallClock;
  readonly #factor: number;

  /** `factor`: seconds of virtual time in a second, at most. */
  constructor(world: World, clock: WallClock, factor = 1) {
    this.#world = world;
    this.#clock = clock;
    this.#factor = factor;
  }

  /** Lets the time of a phase pass. Here `isOver` is asked before each step too: it may be somebody outside who ends it. */
  async run({ untilUs, isOver }: Phase): Promise<void> {
    const world = this.#world;
    const sleepMs = Math.min(MAX_SLEEP_MS, MAX_STEP_US / 2000 / this.#factor);
    let lastMs = this.#clock.nowMs();
    while (world.nowUs < untilUs) {
      await this.#clock.sleep(sleepMs);
      if (isOver?.() === true) return;
      const nowMs = this.#clock.nowMs();
      const stepUs = Math.min(Math.floor((nowMs - lastMs) * 1000 * this.#factor), MAX_STEP_US);
      lastMs = nowMs;
      if (world.run(Math.min(untilUs, world.nowUs + stepUs), isOver)) return;
    }
  }
}
