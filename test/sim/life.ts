/** One node's life in the closed loop, for the tests that do it harm: whoever runs it may cut its power, and every frame in the air is watched. */

import { KEY_SLOT } from "../../firmware/wire/key-slot.ts";
import { AirMonitor } from "../../host-sim/checkers/air-monitor.ts";
import { PowerCut } from "../../host-sim/chips/power-rail.ts";
import { toHex } from "../../host-sim/network/text-encoding.ts";
import type { VirtualNode } from "../../host-sim/virtual-node.ts";
import { NODE_CRYPTO } from "../../tools/receiver/node-crypto.ts";
import { ClosedLoop } from "../../tools/simulation/closed-loop.ts";
import { ONE_DAY, type SimulationOptions } from "../../tools/simulation/options.ts";
import { SILENT_SINK } from "../../tools/simulation/sink.ts";

const SECOND_US = 1_000_000;
/** How long a node is without power after a cut. */
const OFF_US = 2 * SECOND_US;

export class Life {
  readonly loop: ClosedLoop;
  readonly node: VirtualNode;
  /** Undefined on Wi-Fi. */
  readonly monitor: AirMonitor | undefined;
  cuts = 0;
  /** Called after each cut, before the power comes back. */
  onCut: (() => void) | undefined;
  /** Which storage was written last: `journal`, `outbox` or `keys`. */
  lastWritten = "";
  /** What to type to see this life again. */
  readonly replay: string;

  constructor(options: Partial<SimulationOptions>, replay: string) {
    this.replay = replay;
    this.loop = new ClosedLoop({ ...ONE_DAY, ...options }, SILENT_SINK, NODE_CRYPTO, "node");
    const { field } = this.loop;
    this.node = field.nodes[0];
    this.#watch(this.node.journalFlash, ["write", "erase"], "journal");
    this.#watch(this.node.outboxFlash, ["write", "erase"], "outbox");
    this.#watch(this.node.keyValue, ["write", "delete"], "keys");
    if (field.channel === undefined) return;
    const devices = field.nodes.map(({ config, crypto }) => ({
      devEui: toHex(config.devEui),
      appKey: crypto.sharedKey(KEY_SLOT.appKey)!,
    }));
    const modems = new Set<object>(field.nodes.map((node) => node.radioChip!.modem));
    this.monitor = new AirMonitor(field.channel, devices, (from) => modems.has(from));
  }

  /** Notes each call of `methods` before it is made. */
  #watch<T extends object>(storage: T, methods: readonly (keyof T)[], name: string): void {
    for (const method of methods) {
      const original = storage[method] as (...args: unknown[]) => unknown;
      const watched = (...args: unknown[]): unknown => {
        this.lastWritten = name;
        return original.apply(storage, args);
      };
      storage[method] = watched as T[typeof method];
    }
  }

  get nowUs(): number {
    return this.loop.world.nowUs;
  }

  /** Lets time pass; a power cut on the way is one, and the power comes back. */
  run(untilUs: number, isOver?: () => boolean): boolean {
    const { world } = this.loop;
    for (;;) {
      try {
        return world.run(untilUs, isOver);
      } catch (error) {
        if (!(error instanceof PowerCut)) throw new Error(`${this.replay}: ${error}`, { cause: error });
        this.cuts++;
        this.node.cutPower();
        this.node.rail.restore();
        this.onCut?.();
        world.after(OFF_US, () => this.node.powerOn());
      }
    }
  }

  /** From power-on through `durationS` of samples to the last acknowledgement; true when everything was delivered. */
  live(durationS: number, drainS: number): boolean {
    const { field } = this.loop;
    field.start();
    this.run(durationS * SECOND_US);
    field.drain();
    const drained = (): boolean => field.idle;
    return this.run(this.nowUs + drainS * SECOND_US, drained);
  }
}
