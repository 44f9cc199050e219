/** Faults that a test or a scenario asks of one chip: so many transfers without an acknowledgement, so many answers with a bad checksum. */
export class ChipFaults {
  #nacks = 0;
  #corruptions = 0;

  /** The next `count` transfers, reads and writes alike, are not acknowledged. */
  nackNext(count: number): void {
    this.#nacks = count;
  }

  /** The next `count` answers come with one bit turned. */
  corruptNext(count: number): void {
    this.#corruptions = count;
  }

  /** Whether this transfer is to fail. */
  takeNack(): boolean {
    if (this.#nacks === 0) return false;
    this.#nacks--;
    return true;
  }

  /** Whether this answer is to be corrupted. */
  takeCorruption(): boolean {
    if (this.#corruptions === 0) return false;
    this.#corruptions--;
    return true;
  }
}
