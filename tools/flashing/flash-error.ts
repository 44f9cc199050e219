/** What ends a flashing: each with an exit code of its own, so that a script of a factory can tell them apart. */

export const FLASH_EXIT = Object.freeze({
  /** No port, or it cannot be opened. */
  noPort: 10,
  /** The port opens, and no bootloader answers. */
  noBootloader: 11,
  wrongChip: 12,
  flashTooSmall: 13,
  /** A file is damaged, in the wrong place or in another's. */
  badImage: 14,
  /** Keys are in an image. */
  keysInImage: 15,
  /** Keys on the board would be overwritten. */
  keysAtRisk: 16,
  /** The connection was lost, and every try to go on failed. */
  lost: 17,
  /** What was written does not read back. */
  notVerified: 18,
  /** All is written, and the board does not start it. */
  notStarting: 19,
});

export class FlashError extends Error {
  readonly where: string;
  readonly next: string;
  readonly exitCode: number;

  constructor(exitCode: number, what: string, where: string, next: string) {
    super(what);
    this.name = "FlashError";
    this.exitCode = exitCode;
    this.where = where;
    this.next = next;
  }
}
