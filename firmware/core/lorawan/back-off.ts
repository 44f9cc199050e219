/**
 * What a crowd of nodes may take of the air when all of them want something at once, after a power cut or when their network is gone
 * (TS001-1.0.4 chapter 7, TR007 4.8): one budget for join requests and for repeats of confirmed uplinks that nobody acknowledged. The first
 * transmission of an uplink is no such frame, and neither are the repeats of unconfirmed ones that the network itself asked for with NbTrans.
 *
 *   since power-on     at most on air     pause after a failed join request
 *   first hour         36 s               about 100 times its time on air
 *   next ten hours     36 s               about 1,000 times
 *   each day after     8.7 s              about 10,000 times
 */
import type { StateReader, StateWriter } from "../../wire/state-record.ts";

const HOUR_MS = 3_600_000;
const SECOND_PERIOD_MS = HOUR_MS;
const THIRD_PERIOD_MS = 11 * HOUR_MS;
const DAY_MS = 24 * HOUR_MS;
const BUDGET_MS = Object.freeze([36_000, 36_000, 8_700]);
const PAUSE_FACTOR = Object.freeze([100, 1_000, 10_000]);

export class BackOff {
  #period = 0;
  #spentMs = 0;
  /** False under certification (TS009 RegionalDutyCycleCtrlReq): the test layer asks for many joins. */
  isOn = true;

  /** When a frame of `airtimeMs` may go out that was wanted at `wantedMs`. */
  earliestMs(airtimeMs: number, wantedMs: number): number {
    if (!this.isOn) return wantedMs;
    const period = periodAt(wantedMs);
    const spentMs = period === this.#period ? this.#spentMs : 0;
    return spentMs + airtimeMs >= BUDGET_MS[Math.min(period, 2)] ? periodStartMs(period + 1) : wantedMs;
  }

  book(airtimeMs: number, endMs: number): void {
    const period = periodAt(endMs);
    if (period !== this.#period) {
      this.#period = period;
      this.#spentMs = 0;
    }
    this.#spentMs += airtimeMs;
  }

  /** How long to be silent after a join request of `airtimeMs` that nobody answered, on average. */
  pauseMs(airtimeMs: number, nowMs: number): number {
    return this.isOn ? airtimeMs * PAUSE_FACTOR[Math.min(periodAt(nowMs), 2)] : airtimeMs;
  }

  save(writer: StateWriter): void {
    writer.u32(this.#period);
    writer.u32(this.#spentMs);
    writer.bool(this.isOn);
  }

  restore(reader: StateReader): void {
    this.#period = reader.u32();
    this.#spentMs = reader.u32();
    this.isOn = reader.bool();
  }
}

function periodAt(uptimeMs: number): number {
  if (uptimeMs < SECOND_PERIOD_MS) return 0;
  return uptimeMs < THIRD_PERIOD_MS ? 1 : 2 + Math.floor((uptimeMs - THIRD_PERIOD_MS) / DAY_MS);
}

function periodStartMs(period: number): number {
  if (period < 2) return period * SECOND_PERIOD_MS;
  return THIRD_PERIOD_MS + (period - 2) * DAY_MS;
}
