/** Sleep and what is kept through it. */

export type WakeCause = "power-on" | "timer" | "reset";

export interface Power {
  readonly wakeCause: WakeCause;
  /** Memory that deep sleep keeps and a power cut does not (RTC memory). */
  readonly retained: Uint8Array;
  /** Powers down until `atMs`. Waking is a reboot: nothing after this call runs. */
  deepSleepUntil(atMs: number): void;
}
