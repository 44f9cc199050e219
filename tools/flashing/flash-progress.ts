/** How far a flashing is: phase, bytes, rate, time left. */

export type FlashPhase = "compare" | "write" | "verify";

export interface FlashProgress {
  phase: FlashPhase;
  /** Bytes done and in all, of this phase. */
  done: number;
  total: number;
  bytesPerSecond: number;
  secondsLeft: number;
}

export class ProgressMeter {
  #phase: FlashPhase;
  #total: number;
  #startMs: number;
  #now: () => number;
  #report: (progress: FlashProgress) => void;

  constructor(
    phase: FlashPhase,
    total: number,
    report: (progress: FlashProgress) => void,
    now: () => number = () => performance.now(),
  ) {
    this.#phase = phase;
    this.#total = total;
    this.#report = report;
    this.#now = now;
    this.#startMs = now();
    this.at(0);
  }

  /** So many bytes are done. */
  at(done: number): void {
    const seconds = (this.#now() - this.#startMs) / 1000;
    const bytesPerSecond = seconds > 0 ? Math.round(done / seconds) : 0;
    const secondsLeft = bytesPerSecond > 0 ? Math.ceil((this.#total - done) / bytesPerSecond) : 0;
    this.#report({ phase: this.#phase, done, total: this.#total, bytesPerSecond, secondsLeft });
  }
}

/** A line for people: `write   64% 1.2 of 1.9 MB, 48 KB/s, 14 s left`. */
export function progressLine({ phase, done, total, bytesPerSecond, secondsLeft }: FlashProgress): string {
  const percent = total === 0 ? 100 : Math.floor((100 * done) / total);
  const rate = bytesPerSecond > 0 ? `, ${sizeText(bytesPerSecond)}/s` : "";
  const left = done < total && bytesPerSecond > 0 ? `, ${secondsLeft} s left` : "";
  return `${phase.padEnd(8)}${String(percent).padStart(3)}%  ${sizeText(done)} of ${sizeText(total)}${rate}${left}`;
}

export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1 << 20 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / (1 << 20)).toFixed(1)} MB`;
}
