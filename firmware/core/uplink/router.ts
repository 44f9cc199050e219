/**
 * Which uplink takes the next token: the first in the order of preference that is there and carries none. Each uplink has its own token in
 * flight, so two can work side by side.
 */
import { StateReader, StateWriter } from "../../wire/state-record.ts";
import { STATE_TAG } from "../state-tag.ts";

const VERSION = 1;
const AVAILABLE = 1;
const BUSY = 2;

export class Router {
  /** By uplink, in the order of preference. */
  #state: Uint8Array;

  /** For so many uplinks; number 0 is preferred. */
  constructor(uplinks: number) {
    this.#state = new Uint8Array(uplinks);
  }

  /** What an uplink says of itself: joined or online, and with a token in flight. */
  report(uplink: number, available: boolean, busy: boolean): void {
    this.#state[uplink] = (available ? AVAILABLE : 0) | (busy ? BUSY : 0);
  }

  /** Number of the uplink that takes the next token, or -1. */
  get free(): number {
    return this.#state.indexOf(AVAILABLE);
  }

  save(into: Uint8Array, offset: number): number {
    const writer = new StateWriter(into, offset, STATE_TAG.router, VERSION);
    writer.u8(this.#state.length);
    writer.bytes(this.#state, this.#state.length);
    return writer.finish();
  }

  restore(bytes: Uint8Array, offset: number): number {
    const reader = new StateReader(bytes, offset, STATE_TAG.router, VERSION);
    if (!reader.valid || reader.u8() !== this.#state.length) return -1;
    reader.bytes(this.#state, this.#state.length);
    return reader.end;
  }
}
