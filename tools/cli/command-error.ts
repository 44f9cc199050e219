/** Errors of the command line: what went wrong, where, and what to do next. */

/** Exit codes: every command keeps to these. */
export const EXIT = Object.freeze({
  ok: 0,
  /** The command ran, and what it checked does not hold. */
  failed: 1,
  /** It could not run as asked: usage, an unreadable file, a missing tool. */
  unusable: 2,
  /** A tool that is not ours is missing; what could be done without it was done. */
  toolMissing: 3,
  /** A bug of ours. */
  internal: 70,
});

/** Ends a command. Thrown by commands, printed by main. */
export class CommandError extends Error {
  readonly where: string;
  readonly next: string;
  readonly exitCode: number;

  constructor(what: string, where: string, next: string, exitCode: number = EXIT.unusable) {
    super(what);
    this.where = where;
    this.next = next;
    this.exitCode = exitCode;
  }
}

/** The lines that a person gets to see. */
export function describeError(error: CommandError): string {
  return `error: ${error.message}\n  where: ${error.where}\n  next:  ${error.next}\n`;
}
