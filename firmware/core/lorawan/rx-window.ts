/**
 * The two receive windows (TS001-1.0.4 3.3): where they listen, when they open, and for how long. A window listens at least as long as it takes
 * to detect a preamble that starts at RECEIVE_DELAY, with the clock's error allowed for (3.3.4), and is open by then at the latest (3.3.2).
 *
 *   T       nominal start of the downlink: end of our uplink + delay
 *   e       by how much our clock may be wrong then: delay * ppm / 10^6, and 1 ms for a time stamp in whole milliseconds
 *   L       how late JavaScript and the radio's start may be after the moment it asked for
 *   D       symbols of preamble that the receiver must hear to find the frame; a downlink has 8
 *
 *                open          T-e         T         T+e
 *                 |----- L -----|-----------|-----------|-- D symbols --|
 *                 |<--------------- listens --------------------------->|
 *
 *   open at         T - e - L                            the earliest frame is heard from its first symbol on
 *   symbol timeout  ceil((T + e - now) / symbol) + D     the latest frame has D symbols within the window
 *
 * where `now` is the moment at which the window is really opened: what was waited too long is not listened for.
 *
 * A radio listens for 248 symbols at once. A longer window (a clock of 1 %, or 500 kHz) is listened to in parts: when one has timed out the next
 * is opened at once, for what is left. A preamble that falls into the gap between two parts, some milliseconds, is missed; with a crystal no
 * window is that long.
 */
import type { LoraModulation } from "../../ports/radio.ts";
import { MAX_FRAME_BYTES } from "../../wire/lorawan-frame.ts";
import { symbolUs, timeOnAirUs } from "../../wire/time-on-air.ts";
import type { Region } from "./region/region.ts";
import type { Session } from "./session.ts";
import type { Uplink } from "./uplink.ts";

/** An SX126x finds a preamble in 4 to 5 symbols, an SX127x in 5 to 6. */
const DETECTION_SYMBOLS = 6;
const TIME_STAMP_ERROR_MS = 1;
/** As long as an SX126x listens at once (SetLoRaSymbNumTimeout); an SX127x can do more. */
export const MAX_SYMBOL_TIMEOUT = 248;
/** RP002-1.0.4 table 3. */
const JOIN_ACCEPT_DELAY1_MS = 5_000;
const RX2_AFTER_RX1_MS = 1_000;

export class RxWindows {
  readonly #region: Region;
  readonly #session: Session;
  readonly #uplink: Uplink;
  readonly #clockErrorPpm: number;
  readonly #latencyMs: number;

  constructor(region: Region, session: Session, uplink: Uplink, clockErrorPpm: number, latencyMs: number) {
    this.#region = region;
    this.#session = session;
    this.#uplink = uplink;
    this.#clockErrorPpm = clockErrorPpm;
    this.#latencyMs = latencyMs;
  }

  /** When to open window 1 or 2, in milliseconds since power-on. */
  openMs(window: number): number {
    const delayMs = this.delayMs(window);
    return Math.floor(this.#uplink.endMs + delayMs - this.errorMs(delayMs) - this.#latencyMs);
  }

  /** The data rate that window 1 or 2 listens at. */
  dataRate(window: number): number {
    const { isJoin, dataRate } = this.#uplink;
    if (window === 1) return isJoin ? this.#region.rx1DataRates[dataRate][0] : this.#session.rx1DataRate(dataRate);
    return isJoin ? this.#region.rx2DataRate : this.#session.rx2DataRate;
  }

  /** Tunes to window 1 or 2; false when its data rate is none that we do. */
  tune(window: number, modulation: LoraModulation): boolean {
    const { isJoin, channel } = this.#uplink;
    const session = this.#session;
    const rate = this.#region.dataRates[this.dataRate(window)];
    if (rate === undefined) return false;
    if (window === 1) modulation.frequencyHz = session.plan.rx1FrequencyHz(channel);
    else modulation.frequencyHz = isJoin ? this.#region.rx2FrequencyHz : session.rx2FrequencyHz;
    modulation.spreadingFactor = rate.spreadingFactor;
    modulation.bandwidthHz = rate.bandwidthHz;
    return true;
  }

  /**
   * The symbol timeout of a window opened at `nowMs`; 0 when that is too late for any frame. Above MAX_SYMBOL_TIMEOUT it must be listened to in
   * parts.
   */
  symbolTimeout(window: number, nowMs: number, modulation: LoraModulation): number {
    const symbolMs = symbolUs(modulation.spreadingFactor, modulation.bandwidthHz) / 1000;
    const delayMs = this.delayMs(window);
    const lastStartMs = this.#uplink.endMs + delayMs + this.errorMs(delayMs);
    if (nowMs > lastStartMs + (modulation.preambleSymbols - DETECTION_SYMBOLS) * symbolMs) return 0;
    return Math.max(Math.ceil((lastStartMs - nowMs) / symbolMs), 0) + DETECTION_SYMBOLS;
  }

  private delayMs(window: number): number {
    const rx1Ms = this.#uplink.isJoin ? JOIN_ACCEPT_DELAY1_MS : this.#session.rx1DelayS * 1000;
    return window === 1 ? rx1Ms : rx1Ms + RX2_AFTER_RX1_MS;
  }

  private errorMs(delayMs: number): number {
    return (delayMs * this.#clockErrorPpm) / 1_000_000 + TIME_STAMP_ERROR_MS;
  }
}

/** How long a window of `symbolTimeout` can last when a frame begins at its very end, in milliseconds. */
export function longestWindowMs(symbolTimeout: number, modulation: LoraModulation): number {
  const listenUs = symbolTimeout * symbolUs(modulation.spreadingFactor, modulation.bandwidthHz);
  return Math.ceil((listenUs + timeOnAirUs(modulation, MAX_FRAME_BYTES)) / 1000);
}
