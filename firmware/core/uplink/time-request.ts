/**
 * When to ask the network for the time (TS001-1.0.4 5.9): at once after the start, again some time after an answer (six hours with a crystal), and after growing
 * waits while none comes. In the last two thirds of that time the request rides on what goes anyway: a frame of its own costs as much as half a token.
 *
 *   due --frame with the request has left--> asked --timer--> due
 *                                              any --learned--> known --timer--> rides --timer--> due
 */
import { StateReader, StateWriter } from "../../wire/state-record.ts";
import { TIME_RETRY_FIRST_MS, TIME_RETRY_MAX_MS } from "../bounds.ts";
import { STATE_TAG } from "../state-tag.ts";

const VERSION = 2;
/** From this part of the time between two requests on. */
const RIDES_FROM = 3;

export class TimeRequest {
  /** Uptime from which on a request may ride on another frame, and is due. */
  #ridesMs = 0;
  #dueMs = 0;
  #retryMs = TIME_RETRY_FIRST_MS;
  #refreshMs: number;

  /** How often the time is to be told anew. */
  constructor(refreshMs: number) {
    this.#refreshMs = refreshMs;
  }

  /** In a frame of its own, if there is no other. */
  due(nowMs: number): boolean {
    return nowMs >= this.#dueMs;
  }

  /** In a frame that goes anyway. */
  rides(nowMs: number): boolean {
    return nowMs >= this.#ridesMs;
  }

  pollTimeout(): number {
    return this.#dueMs;
  }

  /** A frame with the request has left, and nothing was learned in its receive windows. */
  asked(nowMs: number): void {
    this.#ridesMs = nowMs + this.#retryMs;
    this.#dueMs = Math.max(this.#dueMs, this.#ridesMs);
    this.#retryMs = Math.min(2 * this.#retryMs, TIME_RETRY_MAX_MS);
  }

  learned(nowMs: number): void {
    this.#ridesMs = nowMs + Math.floor(this.#refreshMs / RIDES_FROM);
    this.#dueMs = nowMs + this.#refreshMs;
    this.#retryMs = TIME_RETRY_FIRST_MS;
  }

  save(into: Uint8Array, offset: number): number {
    const writer = new StateWriter(into, offset, STATE_TAG.timeRequest, VERSION);
    writer.time(this.#ridesMs);
    writer.time(this.#dueMs);
    writer.u32(this.#retryMs);
    return writer.finish();
  }

  restore(bytes: Uint8Array, offset: number): number {
    const reader = new StateReader(bytes, offset, STATE_TAG.timeRequest, VERSION);
    if (!reader.valid) return -1;
    this.#ridesMs = reader.time() ?? 0;
    this.#dueMs = reader.time() ?? 0;
    this.#retryMs = reader.u32();
    return reader.end;
  }
}
