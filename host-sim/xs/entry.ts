/** What an entry module for XS looks like, on XS from npm and on linked XS alike. */

export interface XsHost {
  /** Writes one line to standard output. */
  print(line: string): void;
}

/** The entry's default export; `argument` is JSON text, the result an exit code. */
export type XsEntry = (argument: string, host: XsHost) => number;
