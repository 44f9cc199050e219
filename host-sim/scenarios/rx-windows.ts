/**
 * Does a node hear every downlink? One LoRaWAN machine on the real driver, on a modelled chip, run by slow JavaScript with a wrong clock, against an
 * exact network. Where that does not answer, what counts is how long the node listened.
 */
import { RADIO_PREPARE_MS } from "../../firmware/core/bounds.ts";
import type { MacCommand, MacEvent } from "../../firmware/core/lorawan/events.ts";
import { Mac } from "../../firmware/core/lorawan/mac.ts";
import type { Region } from "../../firmware/core/lorawan/region/region.ts";
import type { LoraModulation, Radio } from "../../firmware/ports/radio.ts";
import { KEY_SLOT } from "../../firmware/wire/key-slot.ts";
import { symbolUs } from "../../firmware/wire/time-on-air.ts";
import { DeviceCrypto } from "../device-crypto.ts";
import { type DriverOptions, newRadioChip, newRadioDriver, type RadioChip, type RadioKind } from "../node-radio.ts";
import { type NodeTiming, VirtualClock, VirtualTimer } from "../node-timing.ts";
import { DETECTION_SYMBOLS, RadioChannel } from "../radio/channel.ts";
import type { RandomStream } from "../random-stream.ts";
import { VirtualCpu } from "../virtual-cpu.ts";
import { World } from "../world.ts";
import { ExactNetwork } from "./exact-network.ts";

export interface RxWindowOptions {
  seed: number;
  region: Region;
  /** An SX1262 when not given. */
  radio?: RadioKind;
  /** Of the uplinks; RX1 follows from it. */
  dataRate: number;
  /** Downlinks to be sent; half as many uplinks more are left unanswered. */
  downlinks: number;
  /** The clock's error is drawn anew for each uplink, up to `clockPpm` either way. */
  timing: NodeTiming;
}

/** Listening times of windows without a frame, in microseconds. */
export interface Listening {
  windows: number;
  totalUs: number;
  longestUs: number;
}

export interface RxWindowResult {
  /** By window: sent, and heard. */
  sent: [number, number];
  heard: [number, number];
  /** RX1 and RX2 without a frame, and their modulations. */
  empty: [Listening, Listening];
  modulations: [LoraModulation | undefined, LoraModulation | undefined];
  /** What the chip found wrong with the driver, and radio errors. */
  violations: number;
  errors: number;
}

const DEV_EUI = new Uint8Array([2, 0x47, 0x54, 0, 0, 0, 0, 1]);
const JOIN_EUI = new Uint8Array(8);
const APP_KEY = new Uint8Array(16).fill(7);
const POSITION = { x: 0, y: 0 };
const APP_PORT = 10;
const UPLINK_BYTES = 10;
/** Between two uplinks where the duty cycle asks for nothing. */
const PAUSE_MS = 3_000;

export class RxWindowTrial {
  readonly result: RxWindowResult = {
    sent: [0, 0],
    heard: [0, 0],
    empty: [newListening(), newListening()],
    modulations: [undefined, undefined],
    violations: 0,
    errors: 0,
  };
  #options: RxWindowOptions;
  #world: World;
  #channel: RadioChannel;
  #random: RandomStream;
  #clock: VirtualClock;
  #timer: VirtualTimer;
  #cpu: VirtualCpu;
  #chip: RadioChip;
  #radio: Radio;
  #mac: Mac;
  #payload = new Uint8Array(UPLINK_BYTES);
  #keyValue = new Map<string, Uint8Array>();
  #network: ExactNetwork;
  /** Windows of this uplink that are over. */
  #window = 0;
  #listenedUs = 0;
  #asleep = false;

  constructor(options: RxWindowOptions) {
    const { seed, region, dataRate, timing } = options;
    this.#options = options;
    const world = new World(seed, 1_782_000_000_000);
    this.#world = world;
    this.#random = world.random("rx-windows");
    this.#channel = new RadioChannel(world);
    this.#clock = new VirtualClock(world);
    this.#cpu = new VirtualCpu(world, world.random("cpu"), (timing.latencyMs ?? 0) * 1000);
    this.#timer = new VirtualTimer(world, this.#clock, this.#cpu);
    this.#chip = newRadioChip(options.radio ?? "sx1262", { world, channel: this.#channel, position: POSITION });
    this.#radio = newRadioDriver(this.#chip, this.#driverOptions(), this.#cpu);
    const crypto = new DeviceCrypto(world, "rx-windows");
    crypto.importKey(KEY_SLOT.appKey, APP_KEY);
    const identity = { devEui: DEV_EUI, joinEui: JOIN_EUI };
    this.#mac = new Mac({ ...identity, region, crypto, random: crypto, fixedDataRate: dataRate });
    this.#network = new ExactNetwork(world, this.#channel, region, APP_KEY);
    this.result.sent = this.#network.sent;
  }

  /** Runs until every downlink was sent. */
  run(): RxWindowResult {
    const { downlinks } = this.#options;
    const { sent } = this.result;
    this.#cpu.call(() => this.#next());
    this.#world.run(Number.MAX_SAFE_INTEGER, () => sent[0] + sent[1] >= downlinks && this.#mac.idle);
    this.result.violations = this.#chip.violationCount;
    return this.result;
  }

  #driverOptions(): DriverOptions {
    const event = (macEvent: MacEvent): void => this.#handle(macEvent);
    return {
      clock: this.#clock,
      timer: new VirtualTimer(this.#world, this.#clock, this.#cpu),
      events: {
        onTransmitted: (atMs) => event({ kind: "transmitted", atMs }),
        onReceived: (frame, length, rssiDbm, snrDb, atMs) => {
          this.#windowEnded(true);
          event({ kind: "received", frame, length, rssiDbm, snrDb, atMs });
        },
        onReceiveTimeout: (atMs) => {
          this.#windowEnded(false);
          event({ kind: "receiveTimeout", atMs });
        },
        onError: () => {
          this.result.errors++;
          event({ kind: "radioError" });
        },
      },
      isAsleep: false,
      frequencyHz: this.#options.region.rx2FrequencyHz,
    };
  }

  #handle(event: MacEvent): void {
    this.#mac.handle(event, this.#clock.nowMs());
    this.#pump();
  }

  #next(): void {
    const { clockPpm = 0 } = this.#options.timing;
    // A third of them at the extremes.
    const draw = this.#random.below(6);
    const ppm = draw === 0 ? clockPpm : draw === 1 ? -clockPpm : this.#random.below(2 * clockPpm + 1) - clockPpm;
    this.#clock.setError(ppm);
    if (!this.#mac.joined) {
      this.#handle({ kind: "join" });
      return;
    }
    this.#handle({ kind: "send", port: APP_PORT, payload: this.#payload, length: UPLINK_BYTES, confirmed: false });
  }

  /** As app/lorawan-path.ts does it: the radio is woken before the window's time. */
  #pump(): void {
    const mac = this.#mac;
    for (;;) {
      const command = mac.pollCommand();
      if (command !== undefined) {
        this.#carryOut(command);
        continue;
      }
      const dueMs = mac.pollTimeout();
      if (dueMs === undefined) return;
      const nowMs = this.#clock.nowMs();
      const prepareAtMs = dueMs - RADIO_PREPARE_MS;
      if (this.#asleep && nowMs >= prepareAtMs) {
        this.#asleep = false;
        this.#radio.prepare?.();
      }
      if (dueMs > nowMs) {
        this.#timer.wakeAt(this.#asleep ? prepareAtMs : dueMs, () => this.#pump());
        return;
      }
      mac.handleTimeout(nowMs);
    }
  }

  #carryOut(command: MacCommand): void {
    switch (command.kind) {
      case "transmit":
        this.#window = 0;
        this.#asleep = false;
        this.#radio.transmit(command.modulation, command.powerDbm, command.frame, command.length);
        return;
      case "receive":
        this.#listenedUs = this.#chip.modem.listenedUs;
        if (this.#mac.joined) this.result.modulations[this.#window] ??= { ...command.modulation };
        this.#radio.receive(command.modulation, command.symbolTimeout);
        return;
      case "sleepRadio":
        this.#asleep = true;
        this.#radio.sleep();
        return;
      case "store":
        this.#keyValue.set(command.key, command.value.slice(0, command.length));
        return;
      case "downlink":
        this.result.heard[this.#network.answersIn]++;
        return;
      case "joined":
      case "sent":
        this.#nextAt(this.#clock.nowMs() + PAUSE_MS);
        return;
      case "joinFailed":
      case "refused":
        this.#nextAt(Math.max(command.untilMs, this.#clock.nowMs() + PAUSE_MS));
        return;
    }
  }

  #nextAt(atMs: number): void {
    this.#timer.wakeAt(atMs, () => this.#next());
  }

  #windowEnded(heard: boolean): void {
    const window = this.#window++;
    if (heard || !this.#mac.joined) return;
    const listening = this.result.empty[window];
    const us = this.#chip.modem.listenedUs - this.#listenedUs;
    listening.windows++;
    listening.totalUs += us;
    listening.longestUs = Math.max(listening.longestUs, us);
  }
}

/**
 * The least that a window can listen, in microseconds, so that no downlink is missed: over the whole time in which the frame may begin, as this node
 * knows it (the clock's error either way, and how late JavaScript may be), and then as long as it takes to find a preamble.
 */
export function leastListeningUs(window: number, modulation: LoraModulation, timing: NodeTiming): number {
  const { clockPpm = 0, latencyMs = 0 } = timing;
  const symbol = symbolUs(modulation.spreadingFactor, modulation.bandwidthHz);
  return 2 * clockPpm * (window + 1) + latencyMs * 1000 + DETECTION_SYMBOLS * symbol;
}

function newListening(): Listening {
  return { windows: 0, totalUs: 0, longestUs: 0 };
}
