/**
 * The clock port: milliseconds since power-on, through deep sleep (native/gt-clock.c). Not the SDK's `Time.ticks`, which begins anew at
 * each waking and wraps after 49 days: these do neither.
 */
import type { Clock } from "../../ports/clock.ts";

export class UptimeClock implements Clock {
  nowMs(): number {
    return native("xs_gt_clock_now").call(this) as number;
  }
}
