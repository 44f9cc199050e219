/** Something outside that a simulation needs is not there, or does not answer. The message says what; `where` says where. */
export class LiveError extends Error {
  readonly where: string;

  constructor(message: string, where: string) {
    super(message);
    this.where = where;
  }
}
