/** What a chip was asked to do that its data sheet forbids, or warns of. */
import type { World } from "../world.ts";

export interface Violation {
  atUs: number;
  /** What rule: busy, reset, wrong-mode, reserved-value, outside-calibrated-band, ... */
  rule: string;
  /** The command's or register's name, or its number. */
  command: string;
}

/** So many are kept; all are counted. */
const KEPT_VIOLATIONS = 100;

export class ViolationLog {
  readonly kept: Violation[] = [];
  count = 0;
  #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  note(rule: string, command: string): void {
    this.count++;
    if (this.kept.length < KEPT_VIOLATIONS) this.kept.push({ atUs: this.#world.nowUs, rule, command });
  }
}
