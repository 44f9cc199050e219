/** LoRaWAN as the application runs it: the MAC on the radio port, the uplink's machine on the MAC. */
import { BLOCKING_WORK_MS, RADIO_PREPARE_MS, REFUSAL_PAUSE_MS, REJOIN_UPLINKS } from "../core/bounds.ts";
import type { MacCommand, MacEvent } from "../core/lorawan/events.ts";
import { Mac, type MacOptions } from "../core/lorawan/mac.ts";
import { gpsToUnixMs } from "../core/time-keeper.ts";
import type { LorawanUplinkOptions } from "../core/uplink/lorawan-uplink-events.ts";
import type { Radio, RadioEvents } from "../ports/radio.ts";
import type { KeyValueStore } from "../ports/storage.ts";
import { StateReader, StateWriter } from "../wire/state-record.ts";
import { TIME_SOURCE } from "../wire/time-quality.ts";
import { newRadioEvents, type RadioEvent, RadioUplink } from "./radio-uplink.ts";
import type { Handover, PathOwner, UplinkPath } from "./uplink-path.ts";

const STATE_TAG_PATH = 0x20;
const VERSION = 1;
const JOIN = Object.freeze({ kind: "join" as const });
const REQUEST_TIME = Object.freeze({ kind: "requestTime" as const });

export class LorawanPath implements UplinkPath {
  #radio: Radio;
  #keyValue: KeyValueStore;
  #macOptions: MacOptions;
  #owner: PathOwner;
  #mac: Mac;
  #uplink: RadioUplink;
  /** A join request is under way; else the next may go from this time on. */
  #joining = false;
  #joinAtMs = 0;
  /** A receive window is open. */
  #receiving = false;
  /** The radio sleeps while the MAC waits for a window: it is woken a little before. */
  #radioAsleep = false;
  #send: Extract<MacEvent, { kind: "send" }>;
  /** Times that the driver said the chip did not do as told. */
  radioErrors = 0;

  constructor(
    radio: Radio,
    keyValue: KeyValueStore,
    macOptions: MacOptions,
    uplinkOptions: LorawanUplinkOptions,
    owner: PathOwner,
  ) {
    this.#radio = radio;
    this.#keyValue = keyValue;
    this.#macOptions = macOptions;
    this.#owner = owner;
    this.#send = { kind: "send", port: 0, payload: new Uint8Array(0), length: 0, confirmed: false };
    this.#mac = new Mac(macOptions);
    this.#uplink = new RadioUplink(uplinkOptions, owner, (port, payload, length, nowMs) => {
      const event = this.#send;
      event.port = port;
      event.payload = payload;
      event.length = length;
      this.#mac.handle(event, nowMs);
    });
  }

  get available(): boolean {
    return this.#mac.joined;
  }

  /** A join needs no waiting: it has its own times. */
  get connecting(): boolean {
    return false;
  }

  get busy(): boolean {
    return this.#uplink.busy;
  }

  get quiet(): boolean {
    return this.#mac.idle && !this.settling;
  }

  /** Asked to sleep, the radio is not asleep yet. */
  get settling(): boolean {
    return this.#mac.idle && this.#radio.asleep === false;
  }

  get controlRefused(): number {
    return this.#uplink.controlRefused;
  }

  get frameBytes(): number {
    return this.#mac.frameBytes();
  }

  start(nowMs: number): void {
    this.#radio.sleep();
    this.#mac.loadPersistent((key, into) => this.#keyValue.read(key, into), nowMs);
  }

  resume(): void {}

  /** The radio port's events; `after` is called when the MAC has been told. */
  radioEvents(now: () => number, after: () => void): RadioEvents {
    return newRadioEvents((event, nowMs) => this.radioEvent(event, nowMs), now, after);
  }

  private radioEvent(event: RadioEvent, nowMs: number): void {
    if (event.kind === "radioError") this.radioErrors++;
    if (event.kind !== "transmitted") this.#receiving = false;
    this.#mac.handle(event, nowMs);
  }

  deliver(token: Handover, nowMs: number): void {
    this.#uplink.deliver(token, nowMs);
  }

  drain(nowMs: number): void {
    this.#uplink.drain(nowMs);
  }

  pump(nowMs: number): boolean {
    const mac = this.#mac;
    let worked = false;
    const dueMs = mac.pollTimeout();
    if (this.#radioAsleep && nowMs >= this.prepareAtMs) {
      this.#radioAsleep = false;
      this.#radio.prepare?.();
    }
    if (dueMs !== undefined && dueMs <= nowMs) {
      mac.handleTimeout(nowMs);
      worked = true;
    }
    this.#uplink.handleTimeout(nowMs);
    for (let command = mac.pollCommand(); command !== undefined; command = mac.pollCommand()) {
      this.carryOut(command, nowMs);
      worked = true;
    }
    worked = this.#uplink.run(nowMs) || worked;
    return this.useMac(nowMs) || worked;
  }

  /** When to wake the radio, which sleeps. */
  private get prepareAtMs(): number {
    const dueMs = this.#mac.idle ? undefined : this.#mac.pollTimeout();
    return dueMs === undefined ? Infinity : dueMs - RADIO_PREPARE_MS;
  }

  /** Hands the idle MAC its next work. */
  private useMac(nowMs: number): boolean {
    const mac = this.#mac;
    if (!mac.idle) return false;
    const isForgotten = mac.uplinksSinceDownlink >= REJOIN_UPLINKS && this.#macOptions.abp === undefined;
    if (!mac.joined || isForgotten) {
      if (!this.#joining && nowMs >= this.#joinAtMs) {
        this.#joining = true;
        mac.handle(JOIN, nowMs);
        return true;
      }
      // Until a join succeeds the old session is used on.
      if (!mac.joined) return false;
    }
    if (!this.#uplink.wantsToSend(nowMs)) return false;
    // The request takes a byte of the frame, so it comes before the question how much fits.
    const asksTime = this.#uplink.asksTime(mac.maxPayload(), nowMs);
    if (asksTime) mac.handle(REQUEST_TIME, nowMs);
    this.#uplink.offer(mac.maxPayload(), asksTime, nowMs);
    return true;
  }

  private carryOut(command: MacCommand, nowMs: number): void {
    switch (command.kind) {
      case "transmit":
        this.#radioAsleep = false;
        this.#radio.transmit(command.modulation, command.powerDbm, command.frame, command.length);
        return;
      case "receive":
        this.#receiving = true;
        this.#radioAsleep = false;
        this.#radio.receive(command.modulation, command.symbolTimeout);
        return;
      case "sleepRadio":
        this.#receiving = false;
        this.#radioAsleep = true;
        this.#radio.sleep();
        return;
      case "store":
        this.#keyValue.write(command.key, command.value, command.length);
        return;
      case "joined":
        this.#joining = false;
        this.#owner.joined(command.devAddr);
        return;
      case "joinFailed":
        this.joinRefused(command.untilMs, nowMs);
        return;
      case "downlink":
        this.#uplink.received(command.port, command.payload, command.length, nowMs);
        return;
      case "sent":
        this.#uplink.sent(command.fPending, nowMs);
        return;
      case "refused":
        if (this.#joining) this.joinRefused(command.untilMs, nowMs);
        else this.#uplink.refused(command.untilMs, nowMs);
        return;
      case "time":
        this.#uplink.timeLearned(nowMs);
        this.#owner.timeTold(
          TIME_SOURCE.deviceTime,
          gpsToUnixMs(command.gpsMs),
          command.atMs,
          command.uncertaintyMs,
          nowMs,
        );
        return;
      case "linkCheck":
        return;
    }
  }

  private joinRefused(untilMs: number, nowMs: number): void {
    this.#joining = false;
    this.#joinAtMs = Math.max(untilMs, nowMs + REFUSAL_PAUSE_MS);
  }

  pollTimeout(): number | undefined {
    const macMs = this.#mac.pollTimeout();
    if (!this.#mac.idle) return this.#radioAsleep && macMs !== undefined ? this.prepareAtMs : macMs;
    const ownMs = this.#mac.joined ? this.#uplink.pollTimeout() : this.#joining ? undefined : this.#joinAtMs;
    return macMs === undefined || (ownMs !== undefined && ownMs < macMs) ? ownMs : macMs;
  }

  /** Not while a window is open or near. After a transmission there is a second until RX1. */
  mayBlock(nowMs: number): boolean {
    if (this.#mac.idle) return true;
    const dueMs = this.#mac.pollTimeout();
    return !this.#receiving && (dueMs === undefined || dueMs - nowMs > BLOCKING_WORK_MS);
  }

  save(into: Uint8Array, offset: number): number {
    const writer = new StateWriter(into, offset, STATE_TAG_PATH, VERSION);
    writer.bool(this.#joining);
    writer.time(this.#joinAtMs);
    writer.u32(this.radioErrors);
    return this.#uplink.save(into, this.#mac.save(into, writer.finish()));
  }

  renew(): void {
    this.#joining = false;
    this.#joinAtMs = 0;
    this.#mac = new Mac(this.#macOptions);
    this.#uplink.renew();
  }

  restore(bytes: Uint8Array, offset: number, nowMs: number): number {
    const reader = new StateReader(bytes, offset, STATE_TAG_PATH, VERSION);
    if (!reader.valid) return -1;
    this.#joining = reader.bool();
    this.#joinAtMs = reader.time() ?? 0;
    this.radioErrors = reader.u32();
    const end = this.#mac.restore(bytes, reader.end, nowMs);
    return end < 0 ? -1 : this.#uplink.restore(bytes, end);
  }
}
