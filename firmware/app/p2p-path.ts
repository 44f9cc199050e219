/** Point to point LoRa as the application runs it: the link on the radio port, and on the link the same uplink that LoRaWAN has. */
import { BLOCKING_WORK_MS, RADIO_PREPARE_MS } from "../core/bounds.ts";
import { LorawanUplink, type LorawanUplinkCommand, type LorawanUplinkEvent } from "../core/uplink/lorawan-uplink.ts";
import { type P2pCommand, type P2pEvent, P2pLink, type P2pLinkOptions } from "../core/uplink/p2p-link.ts";
import type { Radio, RadioEvents } from "../ports/radio.ts";
import type { KeyValueStore } from "../ports/storage.ts";
import { StateReader, StateWriter } from "../wire/state-record.ts";
import { TIME_SOURCE } from "../wire/time-quality.ts";
import type { PathOwner, UplinkPath } from "./uplink-path.ts";

const STATE_TAG_PATH = 0x21;
const VERSION = 1;
const WANT = Object.freeze({ kind: "want" as const });
const DATAGRAM = Object.freeze({ kind: "datagram" as const });
const RECEIVE_TIMEOUT = Object.freeze({ kind: "receiveTimeout" as const });
const RADIO_ERROR = Object.freeze({ kind: "radioError" as const });
const TIME_LEARNED = Object.freeze({ kind: "timeLearned" as const });
const SENT = Object.freeze({ kind: "sent" as const, more: false });

export class P2pPath implements UplinkPath {
  #radio: Radio;
  #keyValue: KeyValueStore;
  #options: P2pLinkOptions;
  #owner: PathOwner;
  #timeRefreshMs: number;
  #link: P2pLink;
  #uplink: LorawanUplink;
  /** The window comes soon, and the radio was woken for it. */
  #prepared = false;
  #transmitted = { kind: "transmitted" as const, atMs: 0 };
  #received: Extract<P2pEvent, { kind: "received" }>;
  #send: Extract<P2pEvent, { kind: "send" }>;
  #token: Extract<LorawanUplinkEvent, { kind: "token" }>;
  #opportunity = { kind: "opportunity" as const, maxPayload: 0 };
  #refused = { kind: "refused" as const, untilMs: 0 };
  #downlink: Extract<LorawanUplinkEvent, { kind: "downlink" }>;
  /** Times that the driver said the chip did not do as told. */
  radioErrors = 0;

  /** `timeRefreshMs`: how often the receiver is asked for the time. */
  constructor(radio: Radio, keyValue: KeyValueStore, options: P2pLinkOptions, owner: PathOwner, timeRefreshMs: number) {
    this.#radio = radio;
    this.#keyValue = keyValue;
    this.#options = options;
    this.#owner = owner;
    this.#timeRefreshMs = timeRefreshMs;
    const empty = new Uint8Array(0);
    this.#token = { kind: "token", seq: 0, bytes: owner.token, length: 0 };
    this.#downlink = { kind: "downlink", port: 0, payload: empty, length: 0 };
    this.#received = { kind: "received", frame: empty, length: 0, atMs: 0 };
    this.#send = { kind: "send", port: 0, payload: empty, length: 0, asksTime: false };
    this.#link = new P2pLink(options);
    this.#uplink = new LorawanUplink(options.ueid, options.ciphers, timeRefreshMs);
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
    return this.#uplink.refusedControl + this.#link.framesRefused;
  }

  start(nowMs: number): void {
    this.#radio.sleep();
    this.#link.loadPersistent((key, into) => this.#keyValue.read(key, into), nowMs);
  }

  resume(): void {}

  /** The radio port's events; `after` is called when the link has been told. */
  radioEvents(now: () => number, after: () => void): RadioEvents {
    return {
      onTransmitted: (atMs) => {
        this.#transmitted.atMs = atMs;
        this.#link.handle(this.#transmitted, now());
        after();
      },
      onReceived: (frame, length, _rssiDbm, _snrDb, atMs) => {
        const event = this.#received;
        event.frame = frame;
        event.length = length;
        event.atMs = atMs;
        this.#link.handle(event, now());
        after();
      },
      onReceiveTimeout: () => {
        this.#link.handle(RECEIVE_TIMEOUT, now());
        after();
      },
      onError: () => {
        this.radioErrors++;
        this.#link.handle(RADIO_ERROR, now());
        after();
      },
    };
  }

  deliver(seq: number, length: number, nowMs: number): void {
    this.#link.handle(DATAGRAM, nowMs);
    this.#hand(seq, length, nowMs);
  }

  #hand(seq: number, length: number, nowMs: number): void {
    this.#token.seq = seq;
    this.#token.length = length;
    this.#uplink.handle(this.#token, nowMs);
  }

  pump(nowMs: number): boolean {
    const link = this.#link;
    let worked = false;
    if (!this.#prepared && nowMs >= this.#prepareAtMs) {
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
      this.#carryOut(command, nowMs);
      worked = true;
    }
    for (let command = this.#uplink.pollCommand(); command !== undefined; command = this.#uplink.pollCommand()) {
      this.#carryOutUplink(command, nowMs);
      worked = true;
    }
    return this.#useLink(nowMs) || worked;
  }

  /** When to wake the radio for the window. */
  get #prepareAtMs(): number {
    const dueMs = this.#link.waiting ? this.#link.pollTimeout() : undefined;
    return dueMs === undefined ? Infinity : dueMs - RADIO_PREPARE_MS;
  }

  /** Hands the link its next frame, or tells it that there will be one. */
  #useLink(nowMs: number): boolean {
    const link = this.#link;
    if ((!link.idle && !link.ready) || !this.#uplink.wantsToSend(nowMs)) return false;
    if (link.idle) {
      link.handle(WANT, nowMs);
      return true;
    }
    this.#send.asksTime = this.#uplink.timeDue(nowMs);
    this.#opportunity.maxPayload = link.maxPayload;
    this.#uplink.handle(this.#opportunity, nowMs);
    return true;
  }

  #carryOut(command: P2pCommand, nowMs: number): void {
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
        this.#uplink.handle(TIME_LEARNED, nowMs);
        this.#owner.timeTold(TIME_SOURCE.receiver, command.unixMs, command.atMs, command.uncertaintyMs, nowMs);
        return;
      case "downlink":
        this.#downlink.port = command.port;
        this.#downlink.payload = command.payload;
        this.#downlink.length = command.length;
        this.#uplink.handle(this.#downlink, nowMs);
        return;
      case "sent":
        this.#uplink.handle(SENT, nowMs);
        return;
      case "refused":
        this.#refused.untilMs = command.untilMs;
        this.#uplink.handle(this.#refused, nowMs);
        return;
    }
  }

  #carryOutUplink(command: LorawanUplinkCommand, nowMs: number): void {
    switch (command.kind) {
      case "send": {
        const event = this.#send;
        event.port = command.port;
        event.payload = command.payload;
        event.length = command.length;
        this.#link.handle(event, nowMs);
        return;
      }
      case "acknowledged":
        this.#owner.acknowledged(command.seq, nowMs);
        return;
      case "notDelivered":
        this.#owner.notDelivered(command.seq, nowMs);
        return;
      case "readToken":
        this.#hand(command.seq, this.#owner.readToken(command.seq), nowMs);
        return;
    }
  }

  pollTimeout(): number | undefined {
    const linkMs = this.#link.pollTimeout();
    if (this.#link.waiting) return this.#prepared ? linkMs : this.#prepareAtMs;
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
    this.#uplink = new LorawanUplink(this.#options.ueid, this.#options.ciphers, this.#timeRefreshMs);
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
