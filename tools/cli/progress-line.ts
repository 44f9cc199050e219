/** How far a long command is, on standard error: what is done, the rate and the time left. On a terminal one line; elsewhere a line now and then. */
import type { WriteStream } from "node:tty";

const TERMINAL_EVERY_MS = 100;
const ELSEWHERE_EVERY_MS = 5_000;

export class ProgressLine {
  readonly #to: Pick<WriteStream, "write"> & { isTTY?: boolean };
  readonly #what: string;
  readonly #nowMs: () => number;
  #begun: { atMs: number; done: number } | undefined;
  #shownMs = Number.NEGATIVE_INFINITY;
  #isOpen = false;

  constructor(to: Pick<WriteStream, "write"> & { isTTY?: boolean }, what: string, nowMs = () => performance.now()) {
    this.#to = to;
    this.#what = what;
    this.#nowMs = nowMs;
  }

  show(done: number, total: number): void {
    const nowMs = this.#nowMs();
    this.#begun ??= { atMs: nowMs, done };
    const isLast = done === total;
    if (!isLast && nowMs - this.#shownMs < (this.#to.isTTY ? TERMINAL_EVERY_MS : ELSEWHERE_EVERY_MS)) return;
    this.#shownMs = nowMs;
    const seconds = (nowMs - this.#begun.atMs) / 1000;
    const rate = seconds > 0 ? (done - this.#begun.done) / seconds : 0;
    const percent = Math.floor((100 * done) / total);
    let text = `${done} of ${total} ${this.#what}, ${percent} %`;
    if (rate > 0) text += `, ${rate.toFixed(0)} a second`;
    if (rate > 0 && !isLast) text += `, ${timeText((total - done) / rate)} left`;
    this.#to.write(this.#to.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
    this.#isOpen = this.#to.isTTY === true;
  }

  /** Leaves the line. */
  end(): void {
    if (this.#isOpen) this.#to.write("\n");
    this.#isOpen = false;
  }
}

function timeText(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.ceil(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
