/** Drivers on modelled chips in a world of their own, and a record of what they say: the test bench of the radio tests. */
import { Sx126x } from "../../../../firmware/drivers/radio/sx126x.ts";
import type { Sx126xOptions } from "../../../../firmware/drivers/radio/sx126x-options.ts";
import { Sx127x } from "../../../../firmware/drivers/radio/sx127x.ts";
import type { Sx127xOptions } from "../../../../firmware/drivers/radio/sx127x-options.ts";
import type { Clock, Timer } from "../../../../firmware/ports/clock.ts";
import type { LoraModulation, RadioEvents } from "../../../../firmware/ports/radio.ts";
import { Sx1262 } from "../../../../host-sim/chips/sx1262.ts";
import type { Sx1262Board } from "../../../../host-sim/chips/sx1262-board.ts";
import { Sx1276 } from "../../../../host-sim/chips/sx1276.ts";
import type { Sx1276Board } from "../../../../host-sim/chips/sx1276-board.ts";
import type { PendingEvent } from "../../../../host-sim/event-queue.ts";
import { RadioChannel } from "../../../../host-sim/radio/channel.ts";
import { World } from "../../../../host-sim/world.ts";

export const UPLINK: LoraModulation = {
  frequencyHz: 868_100_000,
  spreadingFactor: 7,
  bandwidthHz: 125_000,
  codingRate: 1,
  preambleSymbols: 8,
  syncWord: 0x34,
  invertIq: false,
  crcOn: true,
};
export const DOWNLINK: LoraModulation = { ...UPLINK, invertIq: true, crcOn: false };

export class WorldTimer implements Timer {
  #world: World;
  #event: PendingEvent | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  wakeAt(atMs: number, callback: () => void): void {
    this.cancel();
    this.#event = this.#world.at(atMs * 1000, callback);
  }

  cancel(): void {
    this.#world.cancel(this.#event);
    this.#event = undefined;
  }
}

export type RadioEvent =
  | { kind: "transmitted"; atMs: number }
  | { kind: "received"; frame: string; rssiDbm: number; snrDb: number; atMs: number }
  | { kind: "timeout"; atMs: number }
  | { kind: "activity"; detected: boolean; atMs: number }
  | { kind: "error"; reason: string };

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** What a driver says, and what goes over its bus. */
class Record {
  readonly events: RadioEvent[] = [];
  /** SPI transfers since the last `takeTrace`, as sent. */
  readonly #trace: string[] = [];
  /** Called with each event, after it was recorded. */
  onEvent: ((event: RadioEvent) => void) | undefined;

  protected traced(bytes: Uint8Array): void {
    this.#trace.push(hex(bytes));
  }

  /** Options that the drivers of both families have. */
  protected ports(world: World): { clock: Clock; timer: Timer; events: RadioEvents; frequencyHz: number } {
    return {
      clock: { nowMs: () => Math.floor(world.nowUs / 1000) },
      timer: new WorldTimer(world),
      events: {
        onTransmitted: (atMs) => this.#record({ kind: "transmitted", atMs }),
        onReceived: (frame, length, rssiDbm, snrDb, atMs) =>
          this.#record({ kind: "received", frame: hex(frame.subarray(0, length)), rssiDbm, snrDb, atMs }),
        onReceiveTimeout: (atMs) => this.#record({ kind: "timeout", atMs }),
        onActivity: (detected, atMs) => this.#record({ kind: "activity", detected, atMs }),
        onError: (reason) => this.#record({ kind: "error", reason }),
      },
      frequencyHz: 868_100_000,
    };
  }

  #record(event: RadioEvent): void {
    this.events.push(event);
    this.onEvent?.(event);
  }

  takeTrace(): string[] {
    return this.#trace.splice(0);
  }

  takeEvents(): RadioEvent[] {
    return this.events.splice(0);
  }

  takeKinds(): string[] {
    return this.takeEvents().map((event) => event.kind);
  }
}

/** An SX126x with its driver. */
export class Station extends Record {
  readonly chip: Sx1262;
  readonly radio: Sx126x;

  constructor(
    world: World,
    channel: RadioChannel,
    position: { x: number; y: number },
    board: Partial<Sx1262Board> = {},
    options: Partial<Sx126xOptions> = {},
  ) {
    super();
    this.chip = new Sx1262({ world, channel, position, ...board });
    this.chip.trace = (bytes) => this.traced(bytes);
    this.radio = new Sx126x({ ...this.chip.io, ...this.ports(world), ...options });
  }
}

/** An SX127x with its driver. */
export class Sx127xStation extends Record {
  readonly chip: Sx1276;
  readonly radio: Sx127x;

  constructor(bench: Bench, x = 0, board: Partial<Sx1276Board> = {}, options: Partial<Sx127xOptions> = {}) {
    super();
    const { world, channel } = bench;
    this.chip = new Sx1276({ world, channel, position: { x, y: 0 }, ...board });
    this.chip.trace = (bytes) => this.traced(bytes);
    this.radio = new Sx127x({ ...this.chip.io, ...this.ports(world), ...options });
  }
}

export interface Bench {
  world: World;
  channel: RadioChannel;
  /** Runs the world for so many milliseconds. */
  run(ms: number): void;
}

export function makeBench(seed = 1, lossProbability = 0): Bench {
  const world = new World(seed, 1_600_000_000_000);
  const channel = new RadioChannel(world, { lossProbability });
  return { world, channel, run: (ms) => void world.run(world.nowUs + ms * 1000) };
}

/** A Heltec V3-like board: TCXO at 1.8 V and the antenna switch on DIO2. */
export function heltecStation(bench: Bench, x = 0): Station {
  return new Station(
    bench.world,
    bench.channel,
    { x, y: 0 },
    { tcxo: true, dio2RfSwitch: true },
    { tcxoVoltage: 1.8, dio2AsRfSwitch: true },
  );
}
