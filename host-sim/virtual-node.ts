/**
 * A virtual ESP32 node: the firmware's application on chip models, in the world's time. What a power cut keeps (flash, key-value store, key
 * slots, the world around the chips) lives here; everything else is made anew at each boot, as on the device.
 */
import { NodeApp } from "../firmware/app/node-app.ts";
import type { NodeConfig, NodePorts } from "../firmware/app/node-ports.ts";
import { Sx126x } from "../firmware/drivers/radio/sx126x.ts";
import { FlashRecordLog } from "../firmware/drivers/storage/flash-record-log.ts";
import type { Clock, Timer } from "../firmware/ports/clock.ts";
import type { LogLevel } from "../firmware/ports/log.ts";
import type { Power, WakeCause } from "../firmware/ports/power.ts";
import type { RadioEvents } from "../firmware/ports/radio.ts";
import { MAX_TOKEN_BYTES } from "../firmware/wire/batch.ts";
import { KEY_SLOT } from "../firmware/wire/key-slot.ts";
import { WEATHER } from "../firmware/wire/profiles/weather.ts";
import { readingRecordBytes } from "../firmware/wire/reading-record.ts";
import { TOKEN_RECORD_HEADER_BYTES } from "../firmware/wire/token-record.ts";
import { FlashChip } from "./chips/flash-chip.ts";
import { KeyValueMemory } from "./chips/key-value-memory.ts";
import { PowerRail } from "./chips/power-rail.ts";
import { Sx1262 } from "./chips/sx1262.ts";
import { VirtualDigital } from "./chips/virtual-io.ts";
import { createWeatherStation, type WeatherStation } from "./chips/weather-station.ts";
import { DeviceCrypto } from "./device-crypto.ts";
import type { PendingEvent } from "./event-queue.ts";
import type { Broker } from "./network/broker.ts";
import { toHex } from "./network/text-encoding.ts";
import { WifiLink, type WifiLinkOptions } from "./network/wifi-link.ts";
import type { RadioChannel } from "./radio/channel.ts";
import type { Position } from "./radio/propagation.ts";
import type { Weather } from "./weather/weather.ts";
import type { World } from "./world.ts";

/** What ESP32 boards of this size have in RTC memory. */
const RETAINED_BYTES = 8 * 1024;
const SECTOR_BYTES = 4096;
/** Room for a day of readings a minute before their tokens are made, and for months of tokens. */
const JOURNAL_BYTES = 32 * SECTOR_BYTES;
const OUTBOX_BYTES = 128 * SECTOR_BYTES;
/** Heltec WiFi LoRa 32 V3: a TCXO of 1.8 V on DIO3, the antenna switch on DIO2. */
const TCXO_VOLTS = 1.8;

/** How the node reaches its network. */
export type Uplink =
  | { kind: "lorawan"; channel: RadioChannel; position: Position }
  | { kind: "wifi"; broker: Broker; options?: WifiLinkOptions };

export interface VirtualNodeOptions {
  world: World;
  weather: Weather;
  uplink: Uplink;
  config: NodeConfig;
}

class VirtualClock implements Clock {
  #world: World;
  #poweredUs: number;

  constructor(world: World) {
    this.#world = world;
    this.#poweredUs = world.nowUs;
  }

  nowMs(): number {
    return Math.floor((this.#world.nowUs - this.#poweredUs) / 1000);
  }

  /** The world's time at `ms` on this clock. */
  worldUs(ms: number): number {
    return this.#poweredUs + ms * 1000;
  }
}

class VirtualTimer implements Timer {
  #world: World;
  #clock: VirtualClock;
  #pending: PendingEvent | undefined;

  constructor(world: World, clock: VirtualClock) {
    this.#world = world;
    this.#clock = clock;
  }

  wakeAt(atMs: number, callback: () => void): void {
    this.cancel();
    this.#pending = this.#world.at(this.#clock.worldUs(atMs), callback);
  }

  cancel(): void {
    this.#world.cancel(this.#pending);
    this.#pending = undefined;
  }
}

export class VirtualNode {
  readonly crypto: DeviceCrypto;
  readonly station: WeatherStation;
  /** The power supply of flash and key-value store: cut it at any write. */
  readonly rail = new PowerRail();
  readonly keyValue: KeyValueMemory;
  readonly journalFlash: FlashChip;
  readonly outboxFlash: FlashChip;
  readonly radioChip: Sx1262 | undefined;
  readonly wifi: WifiLink | undefined;
  readonly config: NodeConfig;
  /** The running application; undefined while the node is without power or asleep. */
  app: NodeApp | undefined;
  /** Errors and warnings that the node logged, by text. */
  readonly complaints = new Map<string, number>();
  #world: World;
  #clock: VirtualClock;
  #retained = new Uint8Array(RETAINED_BYTES);
  /** Timers of the running boot: what is pending in them ends with it. */
  #timers: VirtualTimer[] = [];

  /** The node is there, with its keys, but without power. */
  constructor({ world, weather, uplink, config }: VirtualNodeOptions) {
    const name = `node/${toHex(config.devEui)}`;
    this.#world = world;
    this.config = config;
    this.crypto = new DeviceCrypto(world, name);
    this.crypto.generateKey(KEY_SLOT.attestation);
    for (const slot of [KEY_SLOT.appKey, KEY_SLOT.receiver]) {
      const key = new Uint8Array(16);
      this.crypto.fill(key);
      this.crypto.importKey(slot, key);
    }
    const storage = { power: this.rail, random: world.random(`${name}/power`) };
    this.keyValue = new KeyValueMemory(storage);
    this.journalFlash = new FlashChip({ size: JOURNAL_BYTES, ...storage });
    this.outboxFlash = new FlashChip({ size: OUTBOX_BYTES, ...storage });
    this.#clock = new VirtualClock(world);
    const clock: Clock = { nowMs: () => this.#clock.nowMs() };
    this.station = createWeatherStation(world, weather, { name, clock });
    if (uplink.kind === "lorawan") {
      const { channel, position } = uplink;
      this.radioChip = new Sx1262({ world, channel, position, tcxo: true, dio2RfSwitch: true });
    } else {
      this.wifi = new WifiLink(world, uplink.broker, name, uplink.options);
    }
  }

  /** Power comes on: the clock begins at 0, retained memory holds nothing. */
  powerOn(): void {
    this.rail.restore();
    this.#clock = new VirtualClock(this.#world);
    this.#retained.fill(0);
    this.#boot("power-on");
  }

  /** Power goes: whatever was under way ends here, a frame in the air too. */
  cutPower(): void {
    this.#halt();
    if (this.radioChip !== undefined) new VirtualDigital(this.radioChip.io.reset).write(0);
  }

  #halt(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
    this.crypto.forgetRequests();
    this.wifi?.close();
    this.app = undefined;
  }

  #boot(wakeCause: WakeCause): void {
    const clock = this.#clock;
    const timer = this.#newTimer(clock);
    const sensors = this.station.reboot(wakeCause === "power-on");
    const maxRecordLength = readingRecordBytes(WEATHER.fields.length);
    const ports: NodePorts = {
      clock,
      timer,
      crypto: this.crypto,
      radio: this.radioChip === undefined ? undefined : this.#newRadio(this.radioChip, clock),
      network: this.wifi,
      sensors,
      keyValue: this.keyValue,
      journal: new FlashRecordLog({ flash: this.journalFlash, maxRecordLength }),
      outbox: new FlashRecordLog({
        flash: this.outboxFlash,
        maxRecordLength: TOKEN_RECORD_HEADER_BYTES + MAX_TOKEN_BYTES,
      }),
      power: this.#newPower(clock, wakeCause),
      log: { write: (level, source, text) => this.#note(level, source, text) },
    };
    const app = new NodeApp(ports, this.config);
    this.app = app;
    if (app.networkEvents !== undefined) this.wifi?.open(app.networkEvents);
    app.start();
  }

  #newTimer(clock: VirtualClock): VirtualTimer {
    const timer = new VirtualTimer(this.#world, clock);
    this.#timers.push(timer);
    return timer;
  }

  #newRadio(chip: Sx1262, clock: VirtualClock): Sx126x {
    // The driver comes before the application that listens to it. Events of an earlier boot find no application.
    let app: NodeApp | undefined;
    const events = (): RadioEvents | undefined => {
      app ??= this.app;
      return app === this.app ? app?.radioEvents : undefined;
    };
    return new Sx126x({
      ...chip.io,
      clock,
      timer: this.#newTimer(clock),
      events: {
        onTransmitted: (atMs) => events()?.onTransmitted(atMs),
        onReceived: (frame, length, rssiDbm, snrDb, atMs) => events()?.onReceived(frame, length, rssiDbm, snrDb, atMs),
        onReceiveTimeout: (atMs) => events()?.onReceiveTimeout(atMs),
        onError: (reason) => {
          this.#note("error", "radio", reason);
          events()?.onError(reason);
        },
      },
      tcxoVoltage: TCXO_VOLTS,
      dio2AsRfSwitch: true,
      frequencyHz: this.config.region.defaultChannels[0].frequencyHz,
    });
  }

  #newPower(clock: VirtualClock, wakeCause: WakeCause): Power {
    return {
      wakeCause,
      retained: this.#retained,
      deepSleepUntil: (atMs) => {
        this.#halt();
        const wake = this.#newTimer(clock);
        wake.wakeAt(atMs, () => this.#boot("timer"));
      },
    };
  }

  #note(level: LogLevel, source: string, text: string): void {
    if (level !== "error" && level !== "warn") return;
    const line = `${source}: ${text}`;
    this.complaints.set(line, (this.complaints.get(line) ?? 0) + 1);
  }
}
