/** LoRaWAN as the application runs it: the MAC on the radio port, the uplink's machine on the MAC. */
import { BLOCKING_WORK_MS, RADIO_PREPARE_MS, REFUSAL_PAUSE_MS, REJOIN_UPLINKS } from "../core/bounds.ts";
import type { MacCommand, MacEvent } from "../core/lorawan/events.ts";
import { Mac, type MacOptions } from "../core/lorawan/mac.ts";
import { gpsToUnixMs } from "../core/time-keeper.ts";
import { LorawanUplink, type LorawanUplinkCommand, type LorawanUplinkEvent } from "../core/uplink/lorawan-uplink.ts";
import type { Radio, RadioEvents } from "../ports/radio.ts";
import type { KeyValueStore } from "../ports/storage.ts";
import { StateReader, StateWriter } from "../wire/state-record.ts";
import { TIME_SOURCE } from "../wire/time-quality.ts";
import type { PathOwner, UplinkPath } from "./uplink-path.ts";

const STATE_TAG_PATH = 0x20;
const VERSION = 1;
const JOIN = Object.freeze({ kind: "join" as const });
const REQUEST_TIME = Object.freeze({ kind: "requestTime" as const });
const RADIO_ERROR = Object.freeze({ kind: "radioError" as const });
const TIME_LEARNED = Object.freeze({ kind: "timeLearned" as const });

export class LorawanPath implements UplinkPath {
  #radio: Radio;
  #keyValue: KeyValueStore;
  #macOptions: MacOptions;
  #ueid: Uint8Array;
  #timeRefreshMs: number;
  #owner: PathOwner;
  #mac: Mac;
  #uplink: LorawanUplink;
  /** A join request is under way; else the next may go from this time on. */
  #joining = false;
  #joinAtMs = 0;
  /** A receive window is open. */
  #receiving = false;
  /** The radio sleeps while the MAC waits for a window: it is woken a little before. */
  #radioAsleep = false;
  #transmitted = { kind: "transmitted" as const, atMs: 0 };
  #received: Extract<MacEvent, { kind: "received" }>;
  #timeout = { kind: "receiveTimeout" as const, atMs: 0 };
  #send: Extract<MacEvent, { kind: "send" }>;
  #token: Extract<LorawanUplinkEvent, { kind: "token" }>;
  #opportunity = { kind: "opportunity" as const, maxPayload: 0 };
  #sent = { kind: "sent" as const, more: false };
  #refused = { kind: "refused" as const, untilMs: 0 };
  #downlink: Extract<LorawanUplinkEvent, { kind: "downlink" }>;
  /** Times that the driver said the chip did not do as told. */
  radioErrors = 0;

  /** `timeRefreshMs`: how often the network is asked for the time. */
  constructor(
    radio: Radio,
    keyValue: KeyValueStore,
    macOptions: MacOptions,
    ueid: Uint8Array,
    owner: PathOwner,
    timeRefreshMs: number,
  ) {
    this.#timeRefreshMs = timeRefreshMs;
    this.#radio = radio;
    this.#keyValue = keyValue;
    this.#macOptions = macOptions;
    this.#ueid = ueid;
    this.#owner = owner;
    const empty = new Uint8Array(0);
    this.#token = { kind: "token", seq: 0, bytes: owner.token, length: 0 };
    this.#downlink = { kind: "downlink", port: 0, payload: empty, length: 0 };
    this.#received = { kind: "received", frame: empty, length: 0, rssiDbm: 0, snrDb: 0, atMs: 0 };
    this.#send = { kind: "send", port: 0, payload: empty, length: 0, confirmed: false };
    this.#mac = new Mac(macOptions);
    this.#uplink = new LorawanUplink(ueid, macOptions.crypto, timeRefreshMs);
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
    return this.#uplink.refusedControl;
  }

  start(nowMs: number): void {
    this.#radio.sleep();
    this.#mac.loadPersistent((key, into) => this.#keyValue.read(key, into), nowMs);
  }

  resume(): void {}

  /** The radio port's events; `after` is called when the MAC has been told. */
  radioEvents(now: () => number, after: () => void): RadioEvents {
    return {
      onTransmitted: (atMs) => {
        this.#transmitted.atMs = atMs;
        this.#mac.handle(this.#transmitted, now());
        after();
      },
      onReceived: (frame, length, rssiDbm, snrDb, atMs) => {
        const event = this.#received;
        event.frame = frame;
        event.length = length;
        event.rssiDbm = rssiDbm;
        event.snrDb = snrDb;
        event.atMs = atMs;
        this.#receiving = false;
        this.#mac.handle(event, now());
        after();
      },
      onReceiveTimeout: (atMs) => {
        this.#timeout.atMs = atMs;
        this.#receiving = false;
        this.#mac.handle(this.#timeout, now());
        after();
      },
      onError: () => {
        this.radioErrors++;
        this.#receiving = false;
        this.#mac.handle(RADIO_ERROR, now());
        after();
      },
    };
  }

  deliver(seq: number, length: number, nowMs: number): void {
    this.#token.seq = seq;
    this.#token.length = length;
    this.#uplink.handle(this.#token, nowMs);
  }

  pump(nowMs: number): boolean {
    const mac = this.#mac;
    let worked = false;
    const dueMs = mac.pollTimeout();
    if (this.#radioAsleep && nowMs >= this.#prepareAtMs) {
      this.#radioAsleep = false;
      this.#radio.prepare?.();
    }
    if (dueMs !== undefined && dueMs <= nowMs) {
      mac.handleTimeout(nowMs);
      worked = true;
    }
    this.#uplink.handleTimeout(nowMs);
    for (let command = mac.pollCommand(); command !== undefined; command = mac.pollCommand()) {
      this.#carryOut(command, nowMs);
      worked = true;
    }
    for (let command = this.#uplink.pollCommand(); command !== undefined; command = this.#uplink.pollCommand()) {
      this.#carryOutUplink(command, nowMs);
      worked = true;
    }
    return this.#useMac(nowMs) || worked;
  }

  /** When to wake the radio, which sleeps. */
  get #prepareAtMs(): number {
    const dueMs = this.#mac.idle ? undefined : this.#mac.pollTimeout();
    return dueMs === undefined ? Infinity : dueMs - RADIO_PREPARE_MS;
  }

  /** Hands the idle MAC its next work. */
  #useMac(nowMs: number): boolean {
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
    if (this.#uplink.timeDue(nowMs)) mac.handle(REQUEST_TIME, nowMs);
    this.#opportunity.maxPayload = mac.maxPayload();
    this.#uplink.handle(this.#opportunity, nowMs);
    return true;
  }

  #carryOut(command: MacCommand, nowMs: number): void {
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
        this.#joinRefused(command.untilMs, nowMs);
        return;
      case "downlink":
        this.#downlink.port = command.port;
        this.#downlink.payload = command.payload;
        this.#downlink.length = command.length;
        this.#uplink.handle(this.#downlink, nowMs);
        return;
      case "sent":
        this.#sent.more = command.fPending;
        this.#uplink.handle(this.#sent, nowMs);
        return;
      case "refused":
        if (this.#joining) {
          this.#joinRefused(command.untilMs, nowMs);
          return;
        }
        this.#refused.untilMs = command.untilMs;
        this.#uplink.handle(this.#refused, nowMs);
        return;
      case "time":
        this.#uplink.handle(TIME_LEARNED, nowMs);
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

  #joinRefused(untilMs: number, nowMs: number): void {
    this.#joining = false;
    this.#joinAtMs = Math.max(untilMs, nowMs + REFUSAL_PAUSE_MS);
  }

  #carryOutUplink(command: LorawanUplinkCommand, nowMs: number): void {
    switch (command.kind) {
      case "send": {
        const event = this.#send;
        event.port = command.port;
        event.payload = command.payload;
        event.length = command.length;
        this.#mac.handle(event, nowMs);
        return;
      }
      case "acknowledged":
        this.#owner.acknowledged(command.seq, nowMs);
        return;
      case "notDelivered":
        this.#owner.notDelivered(command.seq, nowMs);
        return;
      case "readToken":
        this.deliver(command.seq, this.#owner.readToken(command.seq), nowMs);
        return;
    }
  }

  pollTimeout(): number | undefined {
    const macMs = this.#mac.pollTimeout();
    if (!this.#mac.idle) return this.#radioAsleep && macMs !== undefined ? this.#prepareAtMs : macMs;
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
    this.#uplink = new LorawanUplink(this.#ueid, this.#macOptions.crypto, this.#timeRefreshMs);
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
