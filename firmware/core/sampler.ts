/**
 * When to sample. Slots are multiples of the interval in the best time the node has: wall time once it is known, uptime before.
 *
 *   idle --start--> waiting for the time --time known, or waited long enough--> scheduled
 *   scheduled --slot's time: `convert`--> starting --converting--> converting --conversion over: `read`--> scheduled
 *   any --stop--> the conversion under way is read, then idle
 *
 * A slot is used once, and slots only grow as long as the time base stays the same; slots that the node slept through are left out.
 */
import { StateReader, StateWriter } from "../wire/state-record.ts";
import { SAMPLE_LATENESS_MS, SCHEDULE_WAIT_MAX_MS } from "./bounds.ts";
import type { Machine } from "./machine.ts";
import { STATE_TAG } from "./state-tag.ts";

export type SamplerEvent =
  | { kind: "start" }
  /** The wall time was learned or corrected: wall time is uptime plus this. */
  | { kind: "clock"; wallOffsetMs: number }
  /** The sensors' conversions have begun; the longest takes this long. */
  | { kind: "converting"; durationMs: number }
  /** No more samples. */
  | { kind: "stop" };

export type SamplerCommand =
  | { kind: "convert" }
  /** Read the sensors for this slot, given in seconds of wall time (`wall`) or of uptime. */
  | { kind: "read"; slotS: number; wall: boolean };

const VERSION = 1;
const IDLE = 0;
const WAITING = 1;
const SCHEDULED = 2;
const STARTING = 3;
const CONVERTING = 4;

export class Sampler implements Machine<SamplerEvent, SamplerCommand> {
  #intervalMs: number;
  #timeWaitMs: number;
  #phase = IDLE;
  #stopped = false;
  #wallOffsetMs: number | undefined;
  /** Uptime of the next thing to do: end of waiting, slot, end of conversion. */
  #dueMs = 0;
  /** The slot being waited for or converted, in milliseconds of its base. */
  #slotMs = 0;
  #slotIsWall = false;
  /** The last slot used, and in which base. */
  #lastSlotMs: number | undefined;
  #lastIsWall = false;
  #convertDue = false;
  #readDue = false;
  #convert: SamplerCommand = { kind: "convert" };
  #read = { kind: "read" as const, slotS: 0, wall: false };

  /** `intervalS` in whole seconds; without wall time sampling begins `timeWaitMs` after the start. */
  constructor(intervalS: number, timeWaitMs: number) {
    this.#intervalMs = intervalS * 1000;
    this.#timeWaitMs = timeWaitMs;
  }

  /** The first sample waits for somebody to tell the time. */
  get waitsForTime(): boolean {
    return this.#phase === WAITING;
  }

  /** True when it was stopped and nothing is being measured. */
  get stopped(): boolean {
    return this.#phase === IDLE && this.#stopped && !this.#readDue;
  }

  handle(event: SamplerEvent, nowMs: number): void {
    switch (event.kind) {
      case "start":
        if (this.#phase !== IDLE || this.#stopped) return;
        this.#phase = WAITING;
        this.#dueMs = nowMs + this.#timeWaitMs;
        if (this.#wallOffsetMs !== undefined) this.schedule(nowMs);
        return;
      case "clock":
        this.#wallOffsetMs = event.wallOffsetMs;
        if (this.#phase === WAITING || this.#phase === SCHEDULED) this.schedule(nowMs);
        return;
      case "converting":
        if (this.#phase !== STARTING) return;
        this.#phase = CONVERTING;
        this.#dueMs = nowMs + event.durationMs;
        this.handleTimeout(nowMs);
        return;
      case "stop":
        this.#stopped = true;
        if (this.#phase !== STARTING && this.#phase !== CONVERTING) this.#phase = IDLE;
        return;
    }
  }

  handleTimeout(nowMs: number): void {
    if (this.#phase === IDLE || this.#phase === STARTING || nowMs < this.#dueMs) return;
    if (this.#phase === CONVERTING) {
      this.#readDue = true;
      this.#read.slotS = this.#slotMs / 1000;
      this.#read.wall = this.#slotIsWall;
      if (this.#stopped) this.#phase = IDLE;
      else this.schedule(nowMs);
      return;
    }
    if (this.#phase === SCHEDULED && nowMs - this.#dueMs <= SAMPLE_LATENESS_MS) {
      this.#phase = STARTING;
      this.#convertDue = true;
      this.#lastSlotMs = this.#slotMs;
      this.#lastIsWall = this.#slotIsWall;
      return;
    }
    this.schedule(nowMs);
  }

  pollTimeout(): number | undefined {
    return this.#phase === IDLE || this.#phase === STARTING ? undefined : this.#dueMs;
  }

  pollCommand(): SamplerCommand | undefined {
    if (this.#readDue) {
      this.#readDue = false;
      return this.#read;
    }
    if (!this.#convertDue) return undefined;
    this.#convertDue = false;
    return this.#convert;
  }

  /** Finds the next slot from now on. */
  private schedule(nowMs: number): void {
    const interval = this.#intervalMs;
    const wall = this.#wallOffsetMs !== undefined;
    const base = this.#wallOffsetMs ?? 0;
    const time = nowMs + base;
    let slot = Math.ceil(time / interval) * interval;
    const last = this.#lastIsWall === wall ? this.#lastSlotMs : undefined;
    if (last !== undefined && slot <= last && last + interval - slot <= SCHEDULE_WAIT_MAX_MS) slot = last + interval;
    this.#slotMs = slot;
    this.#slotIsWall = wall;
    this.#dueMs = slot - base;
    this.#phase = SCHEDULED;
  }

  save(into: Uint8Array, offset: number): number {
    const writer = new StateWriter(into, offset, STATE_TAG.sampler, VERSION);
    writer.u8(this.#phase);
    writer.bool(this.#stopped);
    writer.time(this.#wallOffsetMs);
    writer.time(this.#dueMs);
    writer.time(this.#slotMs);
    writer.bool(this.#slotIsWall);
    writer.time(this.#lastSlotMs);
    writer.bool(this.#lastIsWall);
    writer.bool(this.#convertDue);
    writer.bool(this.#readDue);
    writer.u32(this.#read.slotS);
    writer.bool(this.#read.wall);
    return writer.finish();
  }

  restore(bytes: Uint8Array, offset: number): number {
    const reader = new StateReader(bytes, offset, STATE_TAG.sampler, VERSION);
    if (!reader.valid) return -1;
    this.#phase = reader.u8();
    this.#stopped = reader.bool();
    this.#wallOffsetMs = reader.time();
    this.#dueMs = reader.time() ?? 0;
    this.#slotMs = reader.time() ?? 0;
    this.#slotIsWall = reader.bool();
    this.#lastSlotMs = reader.time();
    this.#lastIsWall = reader.bool();
    this.#convertDue = reader.bool();
    this.#readDue = reader.bool();
    this.#read.slotS = reader.u32();
    this.#read.wall = reader.bool();
    return reader.end;
  }
}
