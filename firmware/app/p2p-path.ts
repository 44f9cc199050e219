/** Point to point LoRa as the application runs it: the link on the radio port, and on the link the same uplink that LoRaWAN has. */
import { BLOCKING_WORK_MS, RADIO_PREPARE_MS } from "../core/bounds.ts";
import type { LorawanUplinkOptions } from "../core/uplink/lorawan-uplink-events.ts";
import { type P2pCommand, type P2pEvent, P2pLink, type P2pLinkOptions } from "../core/uplink/p2p-link.ts";
import type { Radio, RadioEvents } from "../ports/radio.ts";
import type { KeyValueStore } from "../ports/storage.ts";
import { StateReader, StateWriter } from "../wire/state-record.ts";
import { TIME_SOURCE } from "../wire/time-quality.ts";
import { newRadioEvents, type RadioEvent, RadioUplink } from "./radio-uplink.ts";
import type { Handover, PathOwner, UplinkPath } from "./uplink-path.ts";

const STATE_TAG_PATH = 0x21;
const VERSION = 1;
const WANT = Object.freeze({ kind: "want" as const });
const DATAGRAM = Object.freeze({ kind: "datagram" as const });

export class P2pPath implements UplinkPath {
  #radio: Radio;
  #keyValue: KeyValueStore;
  #options: P2pLinkOptions;
  #owner: PathOwner;
  #link: P2pLink;
  #uplink: RadioUplink;
  /** The window comes soon, and the radio was woken for it. */
  #prepared = false;
  #send: Extract<P2pEvent, { kind: "send" }>;
  /** Times that the driver said the chip did not do as told. */
  radioErrors = 0;

  constructor(
    radio: Radio,
    keyValue: KeyValueStore,
    options: P2pLinkOptions,
    uplinkOptions: LorawanUplinkOptions,
    owner: PathOwner,
  ) {
    this.#radio = radio;
    this.#keyValue = keyValue;
    this.#options = options;
    this.#owner = owner;
    this.#send = { kind: "send", port: 0, payload: new Uint8Array(0), length: 0, asksTime: false };
    this.#link = new P2pLink(options);
    this.#uplink = new RadioUplink(uplinkOptions, owner, (port, payload, length, nowMs) => {
      const event = this.#send;
      event.port = port;
      event.payload = payload;
      event.length = length;
      this.#link.handle(event, nowMs);
    });
  }

  /** Nobody has to be joined. */
  get available(): boolean {
    return true;
  }

  get connecting(): boolean {
    return false;
  }

  get busy(): boolean {
    return this.#uplink.busy;
  }

  get quiet(): boolean {
    return this.#link.idle && !this.settling;
  }

  /** Asked to sleep, the radio is not asleep yet. */
  get settling(): boolean {
    return this.#link.idle && this.#radio.asleep === false;
  }

  get controlRefused(): number {
    return this.#uplink.controlRefused + this.#link.framesRefused;
  }

  get frameBytes(): number {
    return this.#link.maxPayload;
  }

  start(nowMs: number): void {
    this.#radio.sleep();
    this.#link.loadPersistent((key, into) => this.#keyValue.read(key, into), nowMs);
  }

  resume(): void {}

  /** The radio port's events; `after` is called when the link has been told. */
  radioEvents(now: () => number, after: () => void): RadioEvents {
    return newRadioEvents((event, nowMs) => this.radioEvent(event, nowMs), now, after);
  }

  private radioEvent(event: RadioEvent, nowMs: number): void {
    if (event.kind === "radioError") this.radioErrors++;
    this.#link.handle(event, nowMs);
  }

  deliver(token: Handover, nowMs: number): void {
    this.#link.handle(DATAGRAM, nowMs);
    this.#uplink.deliver(token, nowMs);
  }

  drain(nowMs: number): void {
    this.#uplink.drain(nowMs);
  }

  pump(nowMs: number): boolean {
    const link = this.#link;
    let worked = false;
    if (!this.#prepared && nowMs >= this.prepareAtMs) {
      this.#prepared = true;
      this.#radio.prepare?.();
    }
    const dueMs = link.pollTimeout();
    if (dueMs !== undefined && dueMs <= nowMs) {
      link.handleTimeout(nowMs);
      worked = true;
    }
    this.#uplink.handleTimeout(nowMs);
    for (let command = link.pollCommand(); command !== undefined; command = link.pollCommand()) {
      this.carryOut(command, nowMs);
      worked = true;
    }
    worked = this.#uplink.run(nowMs) || worked;
    return this.useLink(nowMs) || worked;
  }

  /** When to wake the radio for the window. */
  private get prepareAtMs(): number {
    const dueMs = this.#link.waiting ? this.#link.pollTimeout() : undefined;
    return dueMs === undefined ? Infinity : dueMs - RADIO_PREPARE_MS;
  }

  /** Hands the link its next frame, or tells it that there will be one. */
  private useLink(nowMs: number): boolean {
    const link = this.#link;
    if ((!link.idle && !link.ready) || !this.#uplink.wantsToSend(nowMs)) return false;
    if (link.idle) {
      link.handle(WANT, nowMs);
      return true;
    }
    this.#send.asksTime = this.#uplink.asksTime(link.maxPayload, nowMs);
    this.#uplink.offer(link.maxPayload, this.#send.asksTime, nowMs);
    return true;
  }

  private carryOut(command: P2pCommand, nowMs: number): void {
    switch (command.kind) {
      case "store":
        this.#keyValue.write(command.key, command.value, command.length);
        return;
      case "transmit":
        this.#radio.transmit(command.modulation, command.powerDbm, command.frame, command.length);
        return;
      case "receive":
        this.#radio.receive(command.modulation, command.symbolTimeout);
        return;
      case "sleepRadio":
        this.#prepared = false;
        this.#radio.sleep();
        return;
      case "time":
        this.#uplink.timeLearned(nowMs);
        this.#owner.timeTold(TIME_SOURCE.receiver, command.unixMs, command.atMs, command.uncertaintyMs, nowMs);
        return;
      case "downlink":
        this.#uplink.received(command.port, command.payload, command.length, nowMs);
        return;
      case "sent":
        this.#uplink.sent(false, nowMs);
        return;
      case "refused":
        this.#uplink.refused(command.untilMs, nowMs);
        return;
    }
  }

  pollTimeout(): number | undefined {
    const linkMs = this.#link.pollTimeout();
    if (this.#link.waiting) return this.#prepared ? linkMs : this.prepareAtMs;
    return this.#link.idle || this.#link.ready ? this.#uplink.pollTimeout() : linkMs;
  }

  /** Not while the window is open or near. */
  mayBlock(nowMs: number): boolean {
    const dueMs = this.#link.pollTimeout();
    return !this.#link.listening && (dueMs === undefined || !this.#link.waiting || dueMs - nowMs > BLOCKING_WORK_MS);
  }

  save(into: Uint8Array, offset: number): number {
    const writer = new StateWriter(into, offset, STATE_TAG_PATH, VERSION);
    writer.u32(this.radioErrors);
    writer.bool(this.#prepared);
    return this.#uplink.save(into, this.#link.save(into, writer.finish()));
  }

  renew(): void {
    this.#link = new P2pLink(this.#options);
    this.#uplink.renew();
  }

  restore(bytes: Uint8Array, offset: number): number {
    const reader = new StateReader(bytes, offset, STATE_TAG_PATH, VERSION);
    if (!reader.valid) return -1;
    this.radioErrors = reader.u32();
    this.#prepared = reader.bool();
    const end = this.#link.restore(bytes, reader.end);
    return end < 0 ? -1 : this.#uplink.restore(bytes, end);
  }
}
