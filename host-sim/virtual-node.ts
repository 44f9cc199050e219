/**
 * A virtual ESP32 node: the firmware's application on chip models, in the world's time. What a power cut keeps (flash, key-value store, key
 * slots, the world around the chips) lives here; everything else is made anew at each boot, as on the device.
 */
import { NodeApp } from "../firmware/app/node-app.ts";
import type { NodeConfig, NodePorts } from "../firmware/app/node-ports.ts";
import { FlashRecordLog } from "../firmware/drivers/storage/flash-record-log.ts";
import type { Clock } from "../firmware/ports/clock.ts";
import type { SignatureAlgorithm } from "../firmware/ports/crypto.ts";
import type { Flash } from "../firmware/ports/io.ts";
import type { LogLevel } from "../firmware/ports/log.ts";
import type { Power, WakeCause } from "../firmware/ports/power.ts";
import type { Radio, RadioEvents } from "../firmware/ports/radio.ts";
import type { RecordLog } from "../firmware/ports/storage.ts";
import { MAX_TOKEN_BYTES } from "../firmware/wire/batch.ts";
import { KEY_SLOT } from "../firmware/wire/key-slot.ts";
import { WEATHER } from "../firmware/wire/profiles/weather.ts";
import { readingRecordBytes } from "../firmware/wire/reading-record.ts";
import { TOKEN_RECORD_HEADER_BYTES } from "../firmware/wire/token-record.ts";
import { FlashChip } from "./chips/flash-chip.ts";
import { KeyValueMemory } from "./chips/key-value-memory.ts";
import { PowerRail } from "./chips/power-rail.ts";
import { VirtualDigital } from "./chips/virtual-io.ts";
import { createWeatherStation, type WeatherStation } from "./chips/weather-station.ts";
import { DeviceCrypto } from "./device-crypto.ts";
import { BOOT_US, EnergyAccount } from "./energy.ts";
import type { Broker } from "./network/broker.ts";
import { toHex } from "./network/text-encoding.ts";
import { WifiLink, type WifiLinkOptions } from "./network/wifi-link.ts";
import { type DriverOptions, newRadioChip, newRadioDriver, type RadioChip, type RadioKind } from "./node-radio.ts";
import {
  lateNetworkEvents,
  type NodeTiming,
  SlowFlash,
  SlowKeyValue,
  VirtualClock,
  VirtualTimer,
} from "./node-timing.ts";
import type { RadioChannel } from "./radio/channel.ts";
import type { Position } from "./radio/propagation.ts";
import { VirtualCpu } from "./virtual-cpu.ts";
import type { Weather } from "./weather/weather.ts";
import type { World } from "./world.ts";

/** What ESP32 boards of this size have in RTC memory. */
const RETAINED_BYTES = 8 * 1024;
const SECTOR_BYTES = 4096;
/** Room for a day of readings a minute before their tokens are made, and for months of tokens. */
const JOURNAL_BYTES = 32 * SECTOR_BYTES;
const OUTBOX_BYTES = 128 * SECTOR_BYTES;

/** How the node reaches its network. */
export type Uplink =
  | { kind: "lorawan" | "p2p"; channel: RadioChannel; position: Position }
  | { kind: "wifi"; broker: Broker; options?: WifiLinkOptions };

export interface VirtualNodeOptions {
  world: World;
  weather: Weather;
  uplink: Uplink;
  config: NodeConfig;
  /** Of its tokens; ES256 where nothing is said. */
  algorithm?: SignatureAlgorithm;
  /** Its radio chip; an SX1262 where nothing is said. */
  radio?: RadioKind;
  /** What is wrong with its time; without it the clock is right, and JavaScript takes no time. */
  timing?: NodeTiming;
}

export class VirtualNode {
  readonly crypto: DeviceCrypto;
  readonly station: WeatherStation;
  /** The power supply of flash and key-value store: cut it at any write. */
  readonly rail = new PowerRail();
  readonly keyValue: KeyValueMemory;
  readonly journalFlash: FlashChip;
  readonly outboxFlash: FlashChip;
  readonly radioChip: RadioChip | undefined;
  readonly wifi: WifiLink | undefined;
  readonly config: NodeConfig;
  /** The running application; undefined while the node is without power or asleep. */
  app: NodeApp | undefined;
  /** Called when the erasing of a sector begins. */
  onErase: (() => void) | undefined;
  /** Where its energy goes. */
  readonly account: EnergyAccount;
  /** Errors and warnings that the node logged, by text. */
  readonly complaints = new Map<string, number>();
  #world: World;
  #timing: NodeTiming;
  /** Only with timing faults: without them callbacks run at their very moment. */
  #cpu: VirtualCpu | undefined;
  #clock: VirtualClock;
  #drains = false;
  #retained = new Uint8Array(RETAINED_BYTES);
  #logs: { journal: RecordLog; outbox: RecordLog } | undefined;
  /** Timers of the running boot: what is pending in them ends with it. */
  #timers: VirtualTimer[] = [];

  /** The node is there, with its keys, but without power. */
  constructor({ world, weather, uplink, config, algorithm, radio, timing }: VirtualNodeOptions) {
    const name = `node/${toHex(config.devEui)}`;
    this.#world = world;
    this.config = config;
    this.#timing = timing ?? {};
    this.crypto = new DeviceCrypto(world, name, algorithm);
    this.crypto.generateKey(KEY_SLOT.attestation);
    for (const slot of [KEY_SLOT.appKey, KEY_SLOT.receiver]) {
      const key = new Uint8Array(16);
      this.crypto.fill(key);
      this.crypto.importKey(slot, key);
    }
    if (timing !== undefined) {
      const cpu = new VirtualCpu(world, world.random(`${name}/cpu`), Math.floor((timing.latencyMs ?? 0) * 1000));
      this.#cpu = cpu;
      this.crypto.signingUs = (timing.signatureMs ?? 0) * 1000;
      this.crypto.blocks = (us) => cpu.block(us);
    }
    const storage = { power: this.rail, random: world.random(`${name}/power`) };
    this.keyValue = new KeyValueMemory(storage);
    this.journalFlash = new FlashChip({ size: JOURNAL_BYTES, ...storage });
    this.outboxFlash = new FlashChip({ size: OUTBOX_BYTES, ...storage });
    this.#clock = new VirtualClock(world);
    const clock: Clock = { nowMs: () => this.#clock.nowMs() };
    this.station = createWeatherStation(world, weather, { name, clock });
    if (uplink.kind !== "wifi") {
      const { channel, position } = uplink;
      this.radioChip = newRadioChip(radio ?? "sx1262", { world, channel, position });
    } else {
      this.wifi = new WifiLink(world, uplink.broker, name, { ...uplink.options, clock });
    }
    // Where booting takes its time in the simulation, that time counts by itself.
    this.account = new EnergyAccount(world, this.radioChip, timing?.bootMs === undefined ? BOOT_US : 0);
  }

  /** Power comes on: the clock begins at 0, retained memory holds nothing. */
  powerOn(): void {
    // A cut that is planned stays planned.
    if (this.rail.isDown) this.rail.restore();
    this.#clock = new VirtualClock(this.#world, this.#timing.clockPpm);
    this.#retained.fill(0);
    this.#wake("power-on");
  }

  /** Power goes: whatever was under way ends here, a frame in the air too. */
  cutPower(): void {
    this.#halt();
    this.account.enter("off");
    if (this.radioChip !== undefined) new VirtualDigital(this.radioChip.io.reset).write(0);
  }

  #halt(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
    this.#cpu?.halt();
    this.crypto.forgetRequests();
    this.wifi?.close();
    this.app = undefined;
  }

  /** The chip starts; the application a little later. */
  #wake(cause: WakeCause): void {
    this.account.enter("awake");
    this.account.boots++;
    const cpu = this.#cpu;
    if (cpu === undefined) this.#boot(cause);
    else
      cpu.call(() => {
        cpu.block((this.#timing.bootMs ?? 0) * 1000);
        this.#boot(cause);
      });
  }

  #boot(wakeCause: WakeCause): void {
    const clock = this.#clock;
    const cpu = this.#cpu;
    const timer = this.#newTimer(clock);
    const sensors = this.station.reboot(wakeCause === "power-on");
    const maxRecordLength = readingRecordBytes(WEATHER.fields.length);
    const ports: NodePorts = {
      clock,
      timer,
      crypto: this.crypto,
      radio: this.radioChip === undefined ? undefined : this.#newRadio(this.radioChip, clock, wakeCause === "timer"),
      network: this.wifi,
      sensors,
      keyValue: cpu === undefined ? this.keyValue : new SlowKeyValue(this.keyValue, cpu),
      journal: new FlashRecordLog({ flash: this.#newFlash(this.journalFlash), maxRecordLength }),
      outbox: new FlashRecordLog({
        flash: this.#newFlash(this.outboxFlash),
        maxRecordLength: TOKEN_RECORD_HEADER_BYTES + MAX_TOKEN_BYTES,
      }),
      power: this.#newPower(clock, wakeCause),
      log: { write: (level, source, text) => this.#note(level, source, text) },
    };
    this.#logs = { journal: ports.journal, outbox: ports.outbox };
    const app = new NodeApp(ports, this.config);
    this.app = app;
    if (app.networkEvents !== undefined) this.wifi?.open(lateNetworkEvents(app.networkEvents, cpu));
    app.start();
    if (this.#drains) this.app?.drain();
  }

  /** Retained memory fails: what the node wakes with is worth nothing. */
  loseRetainedMemory(): void {
    this.#retained.fill(0xff);
  }

  /** Takes no more samples and delivers what it has: a node that sleeps is told when it wakes. */
  drain(): void {
    this.#drains = true;
    this.app?.drain();
  }

  /** Whether the token of that number still waits on flash. */
  holdsToken(seq: number): boolean {
    const outbox = this.#logs?.outbox;
    return outbox !== undefined && seq >= outbox.oldest && seq < outbox.next;
  }

  /** Readings on flash that are in no token yet. */
  get journalledReadings(): number {
    return this.#logs === undefined ? 0 : this.#logs.journal.next - this.#logs.journal.oldest;
  }

  #newFlash(chip: FlashChip): Flash {
    const cpu = this.#cpu;
    return cpu === undefined ? chip : new SlowFlash(chip, cpu, this.#timing.eraseMs ?? 0, () => this.onErase?.());
  }

  #newTimer(clock: VirtualClock): VirtualTimer {
    const timer = new VirtualTimer(this.#world, clock, this.#cpu);
    this.#timers.push(timer);
    return timer;
  }

  #newRadio(chip: RadioChip, clock: VirtualClock, isAsleep: boolean): Radio {
    // The driver comes before the application that listens to it. Events of an earlier boot find no application.
    let app: NodeApp | undefined;
    const events = (): RadioEvents | undefined => {
      app ??= this.app;
      return app === this.app ? app?.radioEvents : undefined;
    };
    const options: DriverOptions = {
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
      isAsleep,
      frequencyHz: this.config.region.defaultChannels[0].firstHz,
    };
    return newRadioDriver(chip, options, this.#cpu);
  }

  #newPower(clock: VirtualClock, wakeCause: WakeCause): Power {
    return {
      wakeCause,
      retained: this.#retained,
      deepSleepUntil: (atMs) => {
        this.#halt();
        this.account.enter("asleep");
        const { clockPpm = 0, sleepPpm = clockPpm } = this.#timing;
        clock.setError(sleepPpm);
        // The wake-up timer is no JavaScript: it is late by nothing.
        const wake = new VirtualTimer(this.#world, clock);
        this.#timers.push(wake);
        wake.wakeAt(atMs, () => {
          clock.setError(clockPpm);
          this.#wake("timer");
        });
      },
    };
  }

  #note(level: LogLevel, source: string, text: string): void {
    if (level !== "error" && level !== "warn") return;
    const line = `${source}: ${text}`;
    this.complaints.set(line, (this.complaints.get(line) ?? 0) + 1);
  }
}
