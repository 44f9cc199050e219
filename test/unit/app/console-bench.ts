/** A console on key slots and a store in modelled flash, without a board around it. */
import { ConsoleApp, type ConsolePorts } from "../../../firmware/app/console-app.ts";
import type { Random } from "../../../firmware/ports/crypto.ts";
import { ConsoleLineReader, LINE } from "../../../firmware/wire/console-line.ts";
import { BoardKeys } from "../../../host-sim/board/board-keys.ts";
import { BoardStore } from "../../../host-sim/board/board-store.ts";
import { FlashChip } from "../../../host-sim/chips/flash-chip.ts";
import { KeyValueMemory } from "../../../host-sim/chips/key-value-memory.ts";
import { PowerRail } from "../../../host-sim/chips/power-rail.ts";
import { RandomStream } from "../../../host-sim/random-stream.ts";
import { World } from "../../../host-sim/world.ts";
import { frameOf } from "../../../tools/console/client.ts";

export const HARDWARE_ID = Uint8Array.of(0x24, 0x6f, 0x28, 0xff, 0xfe, 0x7a, 0xd8, 0x84);
export const HARDWARE_ID_TEXT = "246f28fffe7ad884";
export const APP_KEY = "2b7e151628aed2a6abf7158809cf4f3c";
export const RECEIVER_KEY = "000102030405060708090a0b0c0d0e0f";
export const LORAWAN = { devEui: "70b3d57ed0000001", joinEui: "0000000000000000", appKey: APP_KEY };
export const CONFIGURATION = {
  devEui: "70B3D57ED0000001",
  joinEui: "0000000000000000",
  uplink: "lorawan",
  region: "EU868",
  wifi: { ssid: "field", password: "correct-horse" },
};

export interface Answer {
  id: number | null;
  result?: Record<string, unknown>;
  error?: { code: number; message: string; data?: { what: string } };
  method?: string;
  params?: Record<string, unknown>;
}

export class ConsoleBench {
  readonly world = new World(7, 0);
  readonly power = new PowerRail();
  readonly flash = new FlashChip({ size: 0x10000, power: this.power, random: new RandomStream(7, "flash") });
  readonly keyValue = new KeyValueMemory({ power: this.power, random: new RandomStream(7, "nvs") });
  configuration: Uint8Array | undefined;
  forgotten = 0;
  restarts = 0;
  unfit: string | undefined;
  keys!: BoardKeys;
  app!: ConsoleApp;
  /** All bytes that it has sent. */
  sent = Buffer.alloc(0);
  #nextId = 1;
  #random: Random;

  constructor(random: Random = new RandomStream(7, "random")) {
    this.#random = random;
    this.reset();
  }

  /** As after a reset or a power-on. */
  reset(): void {
    this.power.restore();
    this.keys = new BoardKeys(new BoardStore(this.flash, 0, 0x10000), this.#random, this.world);
    const ports: ConsolePorts = {
      clock: { nowMs: () => Math.floor(this.world.nowUs / 1000) },
      crypto: this.keys,
      keyValue: this.keyValue,
      configuration: {
        read: (into) => {
          if (this.configuration === undefined) return -1;
          into.set(this.configuration);
          return this.configuration.length;
        },
        write: (text, length) => {
          this.configuration = text.slice(0, length);
        },
        delete: () => {
          this.configuration = undefined;
        },
        check: () => this.unfit,
      },
      send: (bytes, length) => {
        this.sent = Buffer.concat([this.sent, bytes.subarray(0, length)]);
      },
      health: () => ({ sensorErrors: 3 }),
      forget: () => {
        this.forgotten++;
      },
      restart: () => {
        this.restarts++;
      },
    };
    this.app = new ConsoleApp(ports, { hardwareId: HARDWARE_ID, chip: "ESP32-S3", model: "bench" });
  }

  /** Feeds bytes and gives the frames that come back within a second. */
  feed(bytes: Uint8Array): Answer[] {
    const from = this.sent.length;
    this.app.receive(bytes);
    this.world.run(this.world.nowUs + 1_000_000);
    return framesOf(this.sent.subarray(from));
  }

  /** The one answer to a request. */
  request(method: string, params?: object): Answer {
    const answers = this.feed(frameOf({ jsonrpc: "2.0", id: this.#nextId++, method, ...(params && { params }) }));
    if (answers.length !== 1) throw new Error(`${method}: ${answers.length} answers`);
    return answers[0];
  }

  /** The result of a request that must not be refused. */
  ask(method: string, params?: object): Record<string, unknown> {
    const { result, error } = this.request(method, params);
    if (result === undefined) throw new Error(`${method}: ${error?.message} ${error?.data?.what}`);
    return result;
  }

  /** Code, reason and detail of a request that must be refused. */
  refusal(method: string, params?: object): string {
    const { error } = this.request(method, params);
    if (error === undefined) throw new Error(`${method}: not refused`);
    return `${error.code} ${error.message}${error.data === undefined ? "" : ` ${error.data.what}`}`;
  }

  /** Everything that a node needs. */
  setUp(): this {
    this.ask("generateKey");
    this.ask("writeLorawan", LORAWAN);
    this.ask("writeReceiverKey", { key: RECEIVER_KEY });
    this.ask("writeConfiguration", { configuration: CONFIGURATION });
    return this;
  }
}

export function framesOf(bytes: Uint8Array): Answer[] {
  const reader = new ConsoleLineReader();
  const frames: Answer[] = [];
  for (const byte of bytes) {
    const found = reader.push(byte);
    if (found === LINE.none) continue;
    if (found !== LINE.frame) throw new Error(`the console sent what is no frame: ${reader.reason}`);
    frames.push(JSON.parse(Buffer.from(reader.bytes.subarray(reader.from, reader.to)).toString("latin1")));
  }
  return frames;
}
