/**
 * How a real chip is late: the node's ports as the application gets them when timing faults are asked for. Interrupts and timers wait for the
 * engine, flash and signatures block it, SPI takes its time, and the clock is wrong.
 */
import type { IoOptions } from "../firmware/drivers/radio/sx126x-options.ts";
import type { Clock, Timer } from "../firmware/ports/clock.ts";
import type { Flash, SPI } from "../firmware/ports/io.ts";
import type { NetworkEvents } from "../firmware/ports/network.ts";
import type { KeyValueStore } from "../firmware/ports/storage.ts";
import { VirtualDigital, VirtualSpi } from "./chips/virtual-io.ts";
import type { PendingEvent } from "./event-queue.ts";
import type { PendingCall, VirtualCpu } from "./virtual-cpu.ts";
import type { World } from "./world.ts";

/** What is wrong with a node's time. What is not given is as in an ideal node. */
export interface NodeTiming {
  /** The longest that a callback waits for the engine, in milliseconds; drawn evenly from 0 on. */
  latencyMs?: number;
  /** Error of the crystal, in parts per million; positive: the node's clock is fast. */
  clockPpm?: number;
  /** Error of the clock in deep sleep. */
  sleepPpm?: number;
  /** How long a signature and the erasing of a sector block everything else, in milliseconds. */
  signatureMs?: number;
  eraseMs?: number;
  /** From power-on or waking to the application's start, in milliseconds. */
  bootMs?: number;
}

/** The slowest that the design allows for (lorawan.md): JavaScript, a P-256 signature without an accelerator, a sector of NOR flash, a boot. */
export const SLOW_CHIP: Readonly<Required<NodeTiming>> = Object.freeze({
  latencyMs: 15,
  clockPpm: 0,
  sleepPpm: 0,
  signatureMs: 150,
  eraseMs: 400,
  bootMs: 300,
});

/** Calling a native function from JavaScript, before and after the transfer of a few bytes at 8 MHz. */
const SPI_CALL_US = 20;
/** A page program of NOR flash takes 0.7 ms at most on average parts (W25Q: 0.4 ms); a write of NVS is a few of them. */
const PROGRAM_US = 700;
const KEY_VALUE_US = 3_000;

/** The node's clock: microseconds since power-on, at its own rate. */
export class VirtualClock implements Clock {
  #world: World;
  #rate = 1;
  /** The rate holds since then; both in microseconds, of the world and of this clock. */
  #sinceUs: number;
  #sinceNodeUs = 0;

  constructor(world: World, ppm = 0) {
    this.#world = world;
    this.#sinceUs = world.nowUs;
    this.setError(ppm);
  }

  /** From now on it is wrong by so much. */
  setError(ppm: number): void {
    this.#sinceNodeUs = this.#nodeUs();
    this.#sinceUs = this.#world.nowUs;
    this.#rate = 1 + ppm / 1_000_000;
  }

  nowMs(): number {
    return Math.floor(this.#nodeUs() / 1000);
  }

  /** The world's time at `ms` on this clock, not earlier. */
  worldUs(ms: number): number {
    return this.#sinceUs + (ms * 1000 - this.#sinceNodeUs) / this.#rate;
  }

  #nodeUs(): number {
    return this.#sinceNodeUs + (this.#world.nowUs - this.#sinceUs) * this.#rate;
  }
}

export class VirtualTimer implements Timer {
  #world: World;
  #clock: VirtualClock;
  #cpu: VirtualCpu | undefined;
  #pending: PendingEvent | undefined;
  #call: PendingCall | undefined;

  /** Without `cpu` the callback runs at its very moment. */
  constructor(world: World, clock: VirtualClock, cpu?: VirtualCpu) {
    this.#world = world;
    this.#clock = clock;
    this.#cpu = cpu;
  }

  wakeAt(atMs: number, callback: () => void): void {
    this.cancel();
    const cpu = this.#cpu;
    const ring = cpu === undefined ? callback : () => this.#ring(cpu, callback);
    this.#pending = this.#world.at(this.#clock.worldUs(atMs), ring);
  }

  #ring(cpu: VirtualCpu, callback: () => void): void {
    this.#call = cpu.call(callback);
  }

  cancel(): void {
    this.#world.cancel(this.#pending);
    this.#pending = undefined;
    if (this.#call !== undefined) this.#call.action = undefined;
    this.#call = undefined;
  }
}

/** What the network has to say waits for the engine too; without `cpu` it does not. */
export function lateNetworkEvents(events: NetworkEvents, cpu: VirtualCpu | undefined): NetworkEvents {
  if (cpu === undefined) return events;
  return {
    onOnline: () => void cpu.call(() => events.onOnline()),
    onOffline: () => void cpu.call(() => events.onOffline()),
    onMessage: (topic, payload) => {
      const copy = payload.slice();
      cpu.call(() => events.onMessage(topic, copy));
    },
    onTime: (unixMs, atMs, uncertaintyMs) => void cpu.call(() => events.onTime(unixMs, atMs, uncertaintyMs)),
  };
}

/** The radio's pins and bus, as `Sx1262Pins.io` gives them, seen by late JavaScript. */
export function slowRadioIo<Io extends { [wire: string]: { io: unknown } }>(io: Io, cpu: VirtualCpu, clock: Clock): Io {
  const slow: { [wire: string]: object } = {};
  for (const [wire, options] of Object.entries(io)) {
    slow[wire] = { ...options, io: options.io === VirtualSpi ? SlowSpi : SlowDigital, cpu, clock };
  }
  return slow as Io;
}

/** An input whose interrupt takes the time at once, and whose callback comes when the engine gets to it. */
class SlowDigital extends VirtualDigital {
  #edge: { ms: number | undefined };

  constructor(options: IoOptions) {
    const { cpu, clock, onReadable } = options as unknown as { cpu: VirtualCpu; clock: Clock; onReadable?: () => void };
    const edge = { ms: undefined as number | undefined };
    const onEdge = (): void => {
      const atMs = clock.nowMs();
      cpu.call(() => {
        edge.ms = atMs;
        onReadable?.();
      });
    };
    super(onReadable === undefined ? options : { ...options, onReadable: onEdge });
    this.#edge = edge;
  }

  get edgeMs(): number | undefined {
    return this.#edge.ms;
  }
}

class SlowSpi extends VirtualSpi implements SPI {
  #cpu: VirtualCpu;

  constructor(options: IoOptions) {
    super(options);
    this.#cpu = options.cpu as VirtualCpu;
  }

  override transfer(bytes: Uint8Array): void {
    this.#cpu.block(SPI_CALL_US + bytes.length);
    super.transfer(bytes);
    this.#cpu.block(SPI_CALL_US);
  }
}

export class SlowFlash implements Flash {
  readonly size: number;
  readonly sectorSize: number;
  #flash: Flash;
  #cpu: VirtualCpu;
  #eraseUs: number;
  #onErase: () => void;

  /** `onErase` is called before each erasure. */
  constructor(flash: Flash, cpu: VirtualCpu, eraseMs: number, onErase: () => void) {
    this.size = flash.size;
    this.sectorSize = flash.sectorSize;
    this.#flash = flash;
    this.#cpu = cpu;
    this.#eraseUs = eraseMs * 1000;
    this.#onErase = onErase;
  }

  read(offset: number, into: Uint8Array): void {
    this.#flash.read(offset, into);
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#cpu.block(PROGRAM_US);
    this.#flash.write(offset, bytes);
  }

  erase(sector: number): void {
    this.#onErase();
    this.#cpu.block(this.#eraseUs);
    this.#flash.erase(sector);
  }
}

export class SlowKeyValue implements KeyValueStore {
  #store: KeyValueStore;
  #cpu: VirtualCpu;

  constructor(store: KeyValueStore, cpu: VirtualCpu) {
    this.#store = store;
    this.#cpu = cpu;
  }

  read(key: string, into: Uint8Array): number {
    return this.#store.read(key, into);
  }

  write(key: string, value: Uint8Array, length: number): void {
    this.#cpu.block(KEY_VALUE_US);
    this.#store.write(key, value, length);
  }

  delete(key: string): void {
    this.#cpu.block(KEY_VALUE_US);
    this.#store.delete(key);
  }
}
