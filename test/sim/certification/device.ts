/**
 * The device under test: the firmware's certification application on the SX126x driver, on a modelled SX1262, in the world's time; its crystal is
 * 20 ppm fast and its JavaScript late by up to 8 ms. Storage is a modelled key-value store.
 */
import { CertificationApp } from "../../../firmware/app/certification-app.ts";
import type { Region } from "../../../firmware/core/lorawan/region/region.ts";
import { Sx126x } from "../../../firmware/drivers/radio/sx126x.ts";
import type { Clock, Timer } from "../../../firmware/ports/clock.ts";
import type { RadioEvents } from "../../../firmware/ports/radio.ts";
import { KeyValueMemory } from "../../../host-sim/chips/key-value-memory.ts";
import { PowerRail } from "../../../host-sim/chips/power-rail.ts";
import { Sx1262 } from "../../../host-sim/chips/sx1262.ts";
import type { PendingEvent } from "../../../host-sim/event-queue.ts";
import type { RadioChannel } from "../../../host-sim/radio/channel.ts";
import type { RandomStream } from "../../../host-sim/random-stream.ts";
import type { World } from "../../../host-sim/world.ts";
import { NodeKeys } from "../../unit/wire/lorawan-keys.ts";

export const DEV_EUI = Buffer.from("0004a30b001c0530", "hex");
export const JOIN_EUI = Buffer.from("70b3d57ed0000001", "hex");
export const APP_KEY = Buffer.from("00112233445566778899aabbccddeeff", "hex");
export const FIRMWARE_VERSION = Uint8Array.of(0, 1, 0, 0);

const CLOCK_RATE = 1 + 20 / 1_000_000;
/** The MAC allows for 15 ms, of which the radio's start-up needs a share. */
const LATENCY_US = 8_000;
/** A reset takes a while, and what is on its way to flash gets there. */
const RESET_US = 1_000;

class LateTimer implements Timer {
  readonly #world: World;
  readonly #latency: RandomStream;
  readonly #toWorldUs: (ms: number) => number;
  #event: PendingEvent | undefined;

  constructor(world: World, toWorldUs: (ms: number) => number) {
    this.#world = world;
    this.#latency = world.random("device/latency");
    this.#toWorldUs = toWorldUs;
  }

  wakeAt(atMs: number, callback: () => void): void {
    this.cancel();
    this.#event = this.#world.at(this.#toWorldUs(atMs) + this.#latency.below(LATENCY_US), callback);
  }

  cancel(): void {
    this.#world.cancel(this.#event);
    this.#event = undefined;
  }
}

export class DeviceUnderTest {
  readonly keyValue: KeyValueMemory;
  readonly chip: Sx1262;
  resets = 0;
  /** Reasons of refusals and failures, in order. */
  readonly troubles: string[] = [];
  readonly times: { gpsMs: number; unixMs: number }[] = [];
  readonly linkChecks: { marginDb: number; gateways: number }[] = [];
  readonly downlinks: { port: number; payload: string }[] = [];
  readonly #world: World;
  readonly #region: Region;
  readonly #random: RandomStream;
  readonly #keys = new NodeKeys(APP_KEY);
  #app: CertificationApp | undefined;
  #timers: LateTimer[] = [];
  #poweredUs = 0;

  /** There, but without power. */
  constructor(world: World, channel: RadioChannel, region: Region) {
    this.#world = world;
    this.#region = region;
    this.#random = world.random("device");
    this.keyValue = new KeyValueMemory({ power: new PowerRail(), random: this.#random });
    this.chip = new Sx1262({ world, channel, position: { x: 0, y: 0 }, tcxo: true, dio2RfSwitch: true });
  }

  get maxPayload(): number {
    return this.#app?.maxPayload ?? 0;
  }

  /** Power on, or a reset: what is not on flash is gone. */
  boot(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
    const poweredUs = this.#world.nowUs;
    this.#poweredUs = poweredUs;
    const clock: Clock = { nowMs: () => Math.floor(((this.#world.nowUs - poweredUs) * CLOCK_RATE) / 1000) };
    const newTimer = (): LateTimer => {
      const timer = new LateTimer(this.#world, (ms) => poweredUs + (ms * 1000) / CLOCK_RATE);
      this.#timers.push(timer);
      return timer;
    };
    // The driver comes before the application that listens to it; of an earlier boot nobody listens.
    let app: CertificationApp | undefined;
    const events = (): RadioEvents | undefined => (app === this.#app ? app?.radioEvents : undefined);
    const radio = new Sx126x({
      ...this.chip.io,
      clock,
      timer: newTimer(),
      events: {
        onTransmitted: (atMs) => events()?.onTransmitted(atMs),
        onReceived: (frame, length, rssiDbm, snrDb, atMs) => events()?.onReceived(frame, length, rssiDbm, snrDb, atMs),
        onReceiveTimeout: (atMs) => events()?.onReceiveTimeout(atMs),
        onError: (reason) => events()?.onError(reason),
      },
      tcxoVoltage: 1.8,
      dio2AsRfSwitch: true,
      frequencyHz: this.#region.defaultChannels[0].firstHz,
    });
    const reset = (): void => {
      this.resets++;
      this.#world.after(RESET_US, () => this.boot());
    };
    app = new CertificationApp(
      { clock, timer: newTimer(), radio, keyValue: this.keyValue, reset },
      { devEui: DEV_EUI, joinEui: JOIN_EUI, region: this.#region, crypto: this.#keys, random: this.#random },
      FIRMWARE_VERSION,
      {
        onTrouble: (reason) => this.troubles.push(reason),
        onDownlink: (port, payload, length) =>
          this.downlinks.push({ port, payload: Buffer.from(payload.slice(0, length)).toString("hex") }),
        onTime: (gpsMs, atMs) =>
          this.times.push({ gpsMs, unixMs: this.#world.startUnixMs + this.#poweredUs / 1000 + atMs }),
        onLinkCheck: (marginDb, gateways) => this.linkChecks.push({ marginDb, gateways }),
      },
    );
    this.#app = app;
    app.start();
  }
}
