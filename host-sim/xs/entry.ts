/** What an entry module for XS looks like, on XS from npm and on linked XS alike. */

export interface XsHost {
  /** Writes one line to standard output. */
  print(line: string): void;
  /** Collects garbage and returns the engine's figures as JSON (LinkedFigures in linked/run-linked.ts): on linked XS only. */
  measure?(): string;
}

/** The entry's default export; `argument` is JSON text, the result an exit code. */
export type XsEntry = (argument: string, host: XsHost) => number;
