/**
 * Airtime of one transmitter per sub-band, in a sliding hour (for 863 to 870 MHz: ETSI EN 300 220-2 annex B). A gateway keeps one and a
 * checker may keep another; neither trusts the other's books.
 */
import type { SubBand } from "../../firmware/core/lorawan/region/region.ts";

const HOUR_US = 3_600_000_000;

interface Transmission {
  startUs: number;
  endUs: number;
}

export class DutyCycleLedger {
  #bands: readonly SubBand[];
  #used: Transmission[][];

  constructor(bands: readonly SubBand[]) {
    this.#bands = bands;
    this.#used = bands.map(() => []);
  }

  /** True for a frequency on which it may transmit at all. */
  covers(frequencyHz: number): boolean {
    return this.#bandOf(frequencyHz) >= 0;
  }

  /** True when with a transmission of `airtimeUs` from `startUs` every hour still keeps to the sub-band's share. */
  allows(frequencyHz: number, startUs: number, airtimeUs: number): boolean {
    const index = this.#bandOf(frequencyHz);
    if (index < 0) return false;
    const roomUs = (this.#bands[index].dutyCyclePermille / 1000) * HOUR_US - airtimeUs;
    const endUs = startUs + airtimeUs;
    if (this.#sum(index, endUs) > roomUs) return false;
    // Some may be booked that begin later than this one (a join accept in five seconds): their hours hold this one too.
    return this.#used[index].every((later) => later.endUs <= endUs || this.#sum(index, later.endUs) <= roomUs);
  }

  /** Books a transmission, at most some seconds ahead of time. */
  book(frequencyHz: number, startUs: number, airtimeUs: number): void {
    const index = this.#bandOf(frequencyHz);
    if (index < 0) return;
    // Nobody asks for an hour that ended more than an hour ago.
    const used = this.#used[index].filter((old) => old.endUs > startUs - 2 * HOUR_US);
    used.push({ startUs, endUs: startUs + airtimeUs });
    this.#used[index] = used;
  }

  /** Airtime in microseconds within the hour that ends at `endUs`, in the sub-band of a frequency. */
  usedUs(frequencyHz: number, endUs: number): number {
    const index = this.#bandOf(frequencyHz);
    return index < 0 ? 0 : this.#sum(index, endUs);
  }

  #bandOf(frequencyHz: number): number {
    return this.#bands.findIndex((band) => frequencyHz >= band.fromHz && frequencyHz < band.toHz);
  }

  #sum(index: number, endUs: number): number {
    const fromUs = endUs - HOUR_US;
    let sum = 0;
    for (const used of this.#used[index]) {
      if (used.endUs > fromUs && used.startUs < endUs)
        sum += Math.min(used.endUs, endUs) - Math.max(used.startUs, fromUs);
    }
    return sum;
  }
}
