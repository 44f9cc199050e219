/**
 * When to ask the network for the time (TS001-1.0.4 5.9): at once after the start, again some time after an answer (half a day with a crystal), and after growing
 * waits while none comes.
 *
 *   due --frame with the request has left--> asked --timer--> due
 *                                              any --learned--> known --timer--> due
 */
import { StateReader, StateWriter } from "../../wire/state-record.ts";
import { TIME_RETRY_FIRST_MS, TIME_RETRY_MAX_MS } from "../bounds.ts";
import { STATE_TAG } from "../state-tag.ts";

const VERSION = 1;

export class TimeRequest {
  /** Uptime from which on a request is due. */
  #dueMs = 0;
  #retryMs = TIME_RETRY_FIRST_MS;
  #refreshMs: number;

  /** How often the time is to be told anew. */
  constructor(refreshMs: number) {
    this.#refreshMs = refreshMs;
  }

  due(nowMs: number): boolean {
    return nowMs >= this.#dueMs;
  }

  pollTimeout(): number {
    return this.#dueMs;
  }

  /** A frame with the request has left, and nothing was learned in its receive windows. */
  asked(nowMs: number): void {
    this.#dueMs = nowMs + this.#retryMs;
    this.#retryMs = Math.min(2 * this.#retryMs, TIME_RETRY_MAX_MS);
  }

  learned(nowMs: number): void {
    this.#dueMs = nowMs + this.#refreshMs;
    this.#retryMs = TIME_RETRY_FIRST_MS;
  }

  save(into: Uint8Array, offset: number): number {
    const writer = new StateWriter(into, offset, STATE_TAG.timeRequest, VERSION);
    writer.time(this.#dueMs);
    writer.u32(this.#retryMs);
    return writer.finish();
  }

  restore(bytes: Uint8Array, offset: number): number {
    const reader = new StateReader(bytes, offset, STATE_TAG.timeRequest, VERSION);
    if (!reader.valid) return -1;
    this.#dueMs = reader.time() ?? 0;
    this.#retryMs = reader.u32();
    return reader.end;
  }
}
