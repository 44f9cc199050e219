/**
 * The network's side of adaptive data rate (TS001-1.0.4 4.3.1.1; the algorithm is Semtech's, as ChirpStack v4 runs it by default): the best
 * SNR of the last 20 uplinks, less what the data rate needs and an installation margin, in steps of 3 dB. Steps to spare first raise the
 * data rate, then lower the power; missing steps raise the power again, but only on a full history. The data rate is never lowered from
 * here: a device that hears nothing lowers it itself.
 */

const HISTORY_LENGTH = 20;
const STEP_DB = 3;

/** Semtech SX1301 data sheet: the least SNR in dB that a gateway demodulates, for SF7 to SF12. */
const REQUIRED_SNR_DB = Object.freeze([-7.5, -10, -12.5, -15, -17.5, -20]);

/** Least SNR in dB for a spreading factor of 7 to 12. */
export function requiredSnrDb(spreadingFactor: number): number {
  return REQUIRED_SNR_DB[Math.min(Math.max(spreadingFactor, 7), 12) - 7];
}

export interface AdrLimits {
  /** The fastest data rate at 125 kHz. */
  maxDataRate: number;
  /** The last index of the region's table of powers. */
  maxTxPower: number;
  installationMarginDb: number;
}

export interface AdrSetting {
  dataRate: number;
  /** Index into the region's table: 0 is the most power. */
  txPower: number;
}

/** One device's history and what was asked of it. */
export class AdrEngine {
  #limits: AdrLimits;
  /** Best SNR of each uplink, and the power at which it was sent. */
  #history: { snrDb: number; txPower: number }[] = [];
  /** What the device is believed to use. */
  #current: AdrSetting = { dataRate: 0, txPower: 0 };

  constructor(limits: AdrLimits) {
    this.#limits = limits;
  }

  /** Takes note of a new uplink (not of a repetition): its data rate and the best SNR over all gateways. */
  noteUplink(dataRate: number, snrDb: number): void {
    if (dataRate !== this.#current.dataRate) {
      // A slower data rate than was asked for: the device fell back on its own, and full power comes first then (4.3.1.1).
      if (dataRate < this.#current.dataRate) this.#current.txPower = 0;
      this.#current.dataRate = dataRate;
    }
    this.#history.push({ snrDb, txPower: this.#current.txPower });
    if (this.#history.length > HISTORY_LENGTH) this.#history.shift();
  }

  /** The device took a setting over (LinkADRAns with all three bits). */
  accept(setting: AdrSetting): void {
    this.#current = { ...setting };
    this.#history = [];
  }

  /** What the device should use, or undefined when it already does. */
  propose(spreadingFactor: number): AdrSetting | undefined {
    if (this.#history.length === 0) return undefined;
    let best = this.#history[0].snrDb;
    for (const { snrDb } of this.#history) best = Math.max(best, snrDb);
    const marginDb = best - requiredSnrDb(spreadingFactor) - this.#limits.installationMarginDb;
    let steps = Math.trunc(marginDb / STEP_DB);
    if (steps < 0 && this.#fullHistory() < HISTORY_LENGTH) return undefined;
    let { dataRate, txPower } = this.#current;
    for (; steps > 0; steps--) {
      if (dataRate < this.#limits.maxDataRate) dataRate++;
      else if (txPower < this.#limits.maxTxPower) txPower++;
    }
    for (; steps < 0; steps++) txPower = Math.max(txPower - 1, 0);
    if (dataRate === this.#current.dataRate && txPower === this.#current.txPower) return undefined;
    return { dataRate, txPower };
  }

  /** Uplinks of the history that were sent at the present power. */
  #fullHistory(): number {
    return this.#history.filter(({ txPower }) => txPower === this.#current.txPower).length;
  }
}
