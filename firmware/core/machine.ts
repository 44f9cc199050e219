/**
 * The shape of every machine in core: it is told what happened and what time it is, and asked what it wants. It never calls IO, holds no
 * promise and reads no clock. Times are milliseconds since power-on.
 */
export interface Machine<Event, Command> {
  /** Something happened. */
  handle(event: Event, nowMs: number): void;
  /** The time it asked for has come. */
  handleTimeout(nowMs: number): void;
  /** When it wants to be woken next. */
  pollTimeout(): number | undefined;
  /** What it wants done next; the object is the machine's own and good until the next call on the machine. */
  pollCommand(): Command | undefined;
  /** Writes its state into `into` at `offset`; returns the offset behind it. */
  save(into: Uint8Array, offset: number): number;
  /** Takes up a state that `save` wrote. Returns the offset behind it, or -1 when the bytes are of another version or damaged: then the machine is as new. */
  restore(bytes: Uint8Array, offset: number, nowMs: number): number;
}
