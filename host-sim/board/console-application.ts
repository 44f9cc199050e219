/**
 * What a modelled board runs after a reset when it is to be set up: the console of the firmware, on key slots and a store that lie in the board's own NVS
 * partition. They outlive resets and other firmware, and go when that partition is erased.
 */
import { type ConfigurationStore, ConsoleApp } from "../../firmware/app/console-app.ts";
import type { Random } from "../../firmware/ports/crypto.ts";
import type { LogLevel } from "../../firmware/ports/log.ts";
import type { KeyValueStore } from "../../firmware/ports/storage.ts";
import { hardwareIdOf } from "../../firmware/wire/console-proof.ts";
import { PowerCut } from "../chips/power-rail.ts";
import type { BoardTimer } from "./auto-reset.ts";
import { BoardKeys } from "./board-keys.ts";
import { BoardStore } from "./board-store.ts";
import { startBootLog } from "./boot-log-application.ts";
import { asciiBytes } from "./loader-protocol.ts";
import type { ApplicationHost, RunningApplication, StartApplication } from "./modelled-board.ts";
import { DATA_SUBTYPE, PARTITION_TYPE, type Partition } from "./partition-table.ts";

const CONFIGURATION = "provision/config";
/** How often the clock ticks: the console needs it for seconds only. */
const TICK_MS = 100;
/** How often a node that cannot start says so. */
const REMINDER_TICKS = 50;
/** The answer leaves the UART first. */
const RESTART_US = 20_000;

/** `random`: the chip's random source. `model`: claim hwmodel. */
export function consoleApplication(random: Random, model: string): StartApplication {
  return (host) => {
    startBootLog(host);
    const partition = host.application.partitions.find(isNvs);
    if (partition === undefined) {
      host.send(asciiBytes("0 error node: does not start: no nvs partition\r\n"));
      return { receive: () => {}, stop: () => {} };
    }
    try {
      return new RunningConsole(host, partition, random, model);
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      // The board notices that its power is gone when it is next spoken to.
      return {
        receive: () => {
          throw error;
        },
        stop: () => {},
      };
    }
  };
}

function isNvs({ type, subtype }: Partition): boolean {
  return type === PARTITION_TYPE.data && subtype === DATA_SUBTYPE.nvs;
}

class RunningConsole implements RunningApplication {
  #host: ApplicationHost;
  #keys: BoardKeys;
  #app: ConsoleApp;
  #clock: TickClock;
  #restarting: object | undefined;
  #logLines = 0;

  constructor(host: ApplicationHost, partition: Partition, random: Random, model: string) {
    this.#host = host;
    const store = new BoardStore(host.flash, partition.offset, partition.size);
    this.#keys = new BoardKeys(store, random, host.timer);
    this.#clock = new TickClock(host.timer, (ticks) => {
      if (ticks % REMINDER_TICKS === 0) this.#tellState();
    });
    const ports = {
      clock: this.#clock,
      crypto: this.#keys,
      keyValue: new StoredValues(store),
      configuration: new StoredConfiguration(store),
      send: (bytes: Uint8Array, length: number) => host.send(bytes.slice(0, length)),
      health: () => ({ logLines: this.#logLines }),
      forget: () => {},
      restart: () => {
        this.#restarting = host.timer.after(RESTART_US, () => host.restart());
      },
    };
    const chip = host.chip.title;
    this.#app = new ConsoleApp(ports, { hardwareId: hardwareIdOf(host.mac), chip, model });
    this.#log("info", "console", "ready");
    this.#tellState();
  }

  receive(bytes: Uint8Array): void {
    this.#app.receive(bytes);
  }

  stop(): void {
    this.#keys.forgetRequests();
    this.#clock.stop();
    this.#host.timer.cancel(this.#restarting);
  }

  #tellState(): void {
    if (this.#app.isSetUp) this.#log("info", "node", "set up");
    else this.#log("error", "node", "does not start: not-provisioned");
  }

  /** In the form of the log port on a board. */
  #log(level: LogLevel, source: string, text: string): void {
    this.#logLines++;
    if (this.#app.log(level, source, text)) return;
    this.#host.send(asciiBytes(`${this.#clock.nowMs()} ${level} ${source}: ${text}\r\n`));
  }
}

/** Time since the reset. */
class TickClock {
  #timer: BoardTimer;
  #tick: object | undefined;
  #ticks = 0;
  #onTick: (ticks: number) => void;

  constructor(timer: BoardTimer, onTick: (ticks: number) => void) {
    this.#timer = timer;
    this.#onTick = onTick;
    this.#next();
  }

  nowMs(): number {
    return this.#ticks * TICK_MS;
  }

  stop(): void {
    this.#timer.cancel(this.#tick);
  }

  #next(): void {
    this.#tick = this.#timer.after(TICK_MS * 1000, () => {
      this.#ticks++;
      this.#next();
      this.#onTick(this.#ticks);
    });
  }
}

class StoredValues implements KeyValueStore {
  #store: BoardStore;

  constructor(store: BoardStore) {
    this.#store = store;
  }

  read(key: string, into: Uint8Array): number {
    const value = this.#store.get(`node/${key}`);
    if (value === undefined) return -1;
    into.set(value);
    return value.length;
  }

  write(key: string, value: Uint8Array, length: number): void {
    this.#store.set(`node/${key}`, value.subarray(0, length));
  }

  delete(key: string): void {
    this.#store.delete(`node/${key}`);
  }
}

class StoredConfiguration implements ConfigurationStore {
  #store: BoardStore;

  constructor(store: BoardStore) {
    this.#store = store;
  }

  read(into: Uint8Array): number {
    const text = this.#store.get(CONFIGURATION);
    if (text === undefined || text.length > into.length) return -1;
    into.set(text);
    return text.length;
  }

  write(text: Uint8Array, length: number): void {
    this.#store.set(CONFIGURATION, text.subarray(0, length));
  }

  delete(): void {
    this.#store.delete(CONFIGURATION);
  }

  /** The members that the console itself reads are checked by it; the modelled board runs no node that reads the others. */
  check(): undefined {
    return undefined;
  }
}
