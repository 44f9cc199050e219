/** The power port over ESP-IDF (native/gt-power.c): deep sleep, RTC memory, and why the node started. */
import type { Power, WakeCause } from "../../ports/power.ts";

/** By the codes of native/gt-power.c. */
const WAKE_CAUSES: readonly WakeCause[] = Object.freeze(["power-on", "timer", "reset"] as const);

/** RTC memory as an array buffer. */
class Retained extends Native("xs_gt_retained_destructor") {
  constructor() {
    super();
    native("xs_gt_retained").call(this);
  }
}

export class EspPower implements Power {
  readonly wakeCause: WakeCause;
  readonly retained: Uint8Array;
  #heldPins: readonly number[];

  /** `heldPins`: outputs that must keep their level through deep sleep. */
  constructor(heldPins: readonly number[]) {
    this.wakeCause = WAKE_CAUSES[native("xs_gt_power_wake_cause").call(this) as number];
    this.retained = new Uint8Array(new Retained() as ArrayBuffer);
    this.#heldPins = heldPins;
  }

  /** Lets the outputs go that the last sleep held; to be called when they are outputs again. */
  releasePins(): void {
    for (const pin of this.#heldPins) native("xs_gt_power_release").call(this, pin);
  }

  deepSleepUntil(atMs: number): void {
    for (const pin of this.#heldPins) native("xs_gt_power_hold").call(this, pin);
    native("xs_gt_power_deep_sleep").call(this, atMs);
  }
}
