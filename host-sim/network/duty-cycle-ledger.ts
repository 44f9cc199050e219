/**
 * Airtime of one transmitter per sub-band, in a sliding hour: ETSI EN 300 220-2 V3.2.1 annex B for 863 to 870 MHz. A gateway keeps one and
 * a checker may keep another; neither trusts the other's books.
 */

const HOUR_US = 3_600_000_000;

interface SubBand {
  fromHz: number;
  /** Exclusive. */
  toHz: number;
  /** Part of any hour that one transmitter may be on the air. */
  share: number;
}

/** Bands K, L, M, N, P and Q of the annex; what lies between them is not for these transmitters. */
export const EU868_SUB_BANDS: readonly Readonly<SubBand>[] = Object.freeze([
  { fromHz: 863_000_000, toHz: 865_000_000, share: 0.001 },
  { fromHz: 865_000_000, toHz: 868_000_000, share: 0.01 },
  { fromHz: 868_000_000, toHz: 868_600_000, share: 0.01 },
  { fromHz: 868_700_000, toHz: 869_200_000, share: 0.001 },
  { fromHz: 869_400_000, toHz: 869_650_000, share: 0.1 },
  { fromHz: 869_700_000, toHz: 870_000_000, share: 0.01 },
]);

interface Transmission {
  startUs: number;
  endUs: number;
}

export class DutyCycleLedger {
  #bands: readonly Readonly<SubBand>[];
  #used: Transmission[][];

  constructor(bands: readonly Readonly<SubBand>[] = EU868_SUB_BANDS) {
    this.#bands = bands;
    this.#used = bands.map(() => []);
  }

  /** True when a transmission of `airtimeUs` from `startUs` keeps every hour that it ends within the sub-band's share. */
  allows(frequencyHz: number, startUs: number, airtimeUs: number): boolean {
    const index = this.#bandOf(frequencyHz);
    if (index < 0) return false;
    const endUs = startUs + airtimeUs;
    return this.#sum(index, endUs) + airtimeUs <= this.#bands[index].share * HOUR_US;
  }

  /** Books a transmission. They may be booked ahead of time, but in the order in which they begin. */
  book(frequencyHz: number, startUs: number, airtimeUs: number): void {
    const index = this.#bandOf(frequencyHz);
    if (index >= 0) this.#used[index].push({ startUs, endUs: startUs + airtimeUs });
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
    const used = this.#used[index];
    const fromUs = endUs - HOUR_US;
    let gone = 0;
    while (gone < used.length && used[gone].endUs <= fromUs) gone++;
    // Later questions may lie a little earlier than this one, hence the second hour before anything is forgotten.
    if (gone > 0 && used[gone - 1].endUs < fromUs - HOUR_US) used.splice(0, gone);
    let sum = 0;
    for (const { startUs, endUs: usedEndUs } of used) {
      if (usedEndUs > fromUs) sum += usedEndUs - Math.max(startUs, fromUs);
    }
    return sum;
  }
}
