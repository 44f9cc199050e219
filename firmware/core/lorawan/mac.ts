/**
 * The LoRaWAN 1.0.4 Class A device as a machine without IO: TS001-1.0.4 chapters 3 to 6. Its states are drawn in states.ts. The rules of each
 * matter stand in their own files: join.ts (6.2), back-off.ts (7), adr.ts (4.3.1.1), command-handler.ts (5), clearance.ts with duty-cycle.ts and
 * channel-plan.ts, rx-window.ts (3.3), uplink.ts and downlink.ts (4); mac-records.ts says what survives a power cut. FPort 224 is
 * certification.ts's.
 *
 * Nothing is trusted before its MIC is right: a frame that is not ours leaves the machine as a window without a frame does.
 */
import { NO_PORT } from "../../wire/lorawan-frame.ts";
import { StateReader, StateWriter } from "../../wire/state-record.ts";
import type { Machine } from "../machine.ts";
import { countUnansweredUplink } from "./adr.ts";
import { type Clearance, MAX_FRAME_COUNTER } from "./clearance.ts";
import type { CommandHandler } from "./command-handler.ts";
import type { MacCommand, MacEvent } from "./events.ts";
import type { MacOptions } from "./mac-options.ts";
import { MacParts } from "./mac-parts.ts";
import { FCNT_BLOCK } from "./mac-records.ts";
import { type Outgoing, WANT } from "./outgoing.ts";
import { longestWindowMs, MAX_SYMBOL_TIMEOUT, type RxWindows } from "./rx-window.ts";
import type { Session } from "./session.ts";
import { STATE, TRANSITIONS } from "./states.ts";
import { PURPOSE, type Uplink } from "./uplink.ts";

export type { MacOptions };

/** RP002-1.0.4 table 3: RETRANSMIT_TIMEOUT, 1 to 3 s. */
const RETRANSMIT_MIN_MS = 1_000;
const RETRANSMIT_SPREAD_MS = 2_001;
/** A repeat that the duty cycle holds back for longer than this is given up: the next reading is worth more. */
const REPEAT_PATIENCE_MS = 60_000;
/** By how much an answer of the radio may be late before it is taken for dead. */
const RADIO_PATIENCE_MS = 1_000;

/** MHDR and MIC, around a MACPayload. */
const PHY_BYTES = 5;

const STATE_TAG = 0x4d;
const STATE_VERSION = 2;

export class Mac implements Machine<MacEvent, MacCommand> {
  readonly #devEui: Uint8Array;
  readonly #joinEui: Uint8Array;
  readonly #parts: MacParts;
  readonly #session: Session;
  readonly #handler: CommandHandler;
  readonly #uplink: Uplink;
  readonly #clearance: Clearance;
  readonly #rxWindows: RxWindows;
  readonly #out: Outgoing;
  #state: number = STATE.idle;
  #timeoutMs: number | undefined;
  /** The next transmission is not a repeat but the answers to a downlink that brought many commands. */
  #flushes = false;
  /** More of the window is to come when the radio's time is out. */
  #isPart = false;

  constructor(options: MacOptions) {
    const parts = new MacParts(options);
    this.#devEui = options.devEui;
    this.#joinEui = options.joinEui;
    this.#parts = parts;
    this.#session = parts.session;
    this.#handler = parts.handler;
    this.#uplink = parts.uplink;
    this.#clearance = parts.clearance;
    this.#rxWindows = parts.rxWindows;
    this.#out = parts.out;
  }

  get joined(): boolean {
    return this.#session.joined;
  }

  /** True when a join or an uplink may be handed in. */
  get idle(): boolean {
    return this.#state === STATE.idle && this.#out.isEmpty;
  }

  /** New uplinks since the network was last heard. An application that sees it grow far beyond 64 may join anew. */
  get uplinksSinceDownlink(): number {
    return this.#session.uplinksSinceDownlink;
  }

  /** Of the next uplink. */
  get dataRate(): number {
    return this.#session.dataRate;
  }

  /** For DevStatusAns: 0 external power, 1 to 254 charge, 255 unknown. */
  set battery(level: number) {
    this.#handler.battery = level;
  }

  /** Bytes that the next uplink can carry for the application; 0 when not joined. */
  maxPayload(): number {
    return this.#session.joined ? this.#uplink.maxPayload() : 0;
  }

  /** Bytes that an uplink without MAC commands carries for the application at the present data rate; 0 when not joined. */
  frameBytes(): number {
    return this.#session.joined ? this.#uplink.frameBytes() : 0;
  }

  handle(event: MacEvent, nowMs: number): void {
    switch (event.kind) {
      case "join":
        this.startJoin(nowMs);
        break;
      case "send":
        this.startSend(event.port, event.payload, event.length, event.confirmed, nowMs);
        break;
      case "transmitted":
        if (this.#state === STATE.transmitting) this.transmitted(event.atMs);
        break;
      case "received":
        if (this.#state !== STATE.rx1 && this.#state !== STATE.rx2) break;
        if (this.take(event.frame, event.length, event.snrDb)) this.heard(nowMs);
        else this.windowClosed(nowMs);
        break;
      case "receiveTimeout":
        if (this.#state === STATE.rx1 || this.#state === STATE.rx2) this.receiveTimeout(nowMs);
        break;
      case "radioError":
        if (this.#state === STATE.transmitting) this.transmissionFailed(nowMs);
        else if (this.#state === STATE.rx1 || this.#state === STATE.rx2) this.windowClosed(nowMs);
        break;
      case "requestTime":
        this.#uplink.wantsTime = true;
        break;
      case "requestLinkCheck":
        this.#uplink.wantsLinkCheck = true;
        break;
      case "setAdr":
        this.#handler.adr = event.on && this.#parts.fixedDataRate === undefined;
        break;
      case "setDutyCycle":
        this.#clearance.isOn = event.on;
        break;
    }
  }

  pollTimeout(): number | undefined {
    return this.#timeoutMs;
  }

  handleTimeout(nowMs: number): void {
    if (this.#timeoutMs === undefined || nowMs < this.#timeoutMs) return;
    if (this.#state === STATE.transmitting) this.transmissionFailed(nowMs);
    else if (this.#state === STATE.beforeRx1) this.openWindow(1, nowMs);
    else if (this.#state === STATE.beforeRx2) this.openWindow(2, nowMs);
    else if (this.#state === STATE.beforeRepeat) this.sendAgain(nowMs);
    else this.windowClosed(nowMs);
  }

  pollCommand(): MacCommand | undefined {
    return this.#out.poll();
  }

  private enter(state: number, timeoutMs: number | undefined): void {
    if (!TRANSITIONS[this.#state].includes(state)) throw new Error(`LoRaWAN: from state ${this.#state} to ${state}`);
    this.#state = state;
    this.#timeoutMs = timeoutMs;
  }

  private startJoin(nowMs: number): void {
    const refusal = this.isBusy(nowMs) ? "busy" : this.#clearance.forJoin(nowMs);
    if (refusal !== undefined) {
      this.#out.refuse(refusal, this.#clearance.untilMs);
      return;
    }
    this.#uplink.buildJoinRequest(this.#joinEui, this.#devEui, this.#parts.join.takeDevNonce());
    this.#out.want(WANT.storeNonces);
    this.transmit(nowMs);
  }

  private startSend(port: number, payload: Uint8Array, length: number, confirmed: boolean, nowMs: number): void {
    if (port !== NO_PORT && (port < 1 || port > 255)) throw new RangeError("LoRaWAN: FPort");
    const isBusy = this.#session.joined && this.isBusy(nowMs);
    const refusal = isBusy ? "busy" : this.#clearance.forData(port, length, nowMs);
    if (refusal !== undefined) {
      this.#out.refuse(refusal, this.#clearance.untilMs);
      return;
    }
    this.#out.sent.acknowledged = false;
    this.#out.sent.fPending = false;
    this.reserveCounter();
    this.#uplink.buildData(port, payload, length, confirmed, this.#handler.adr);
    this.transmit(nowMs);
  }

  private isBusy(nowMs: number): boolean {
    this.#clearance.untilMs = this.#timeoutMs ?? nowMs;
    return this.#state !== STATE.idle;
  }

  /** Puts the next block of FCntUp on flash when the counter has come to the end of the last. */
  private reserveCounter(): void {
    const session = this.#session;
    if (session.fCntUp < session.fCntUpReserved) return;
    session.fCntUpReserved = Math.min(session.fCntUp + FCNT_BLOCK, MAX_FRAME_COUNTER);
    this.#out.want(WANT.storeUp);
  }

  private transmit(nowMs: number): void {
    this.#uplink.transmissions++;
    if (this.#clearance.mustStore()) this.#out.want(WANT.storeDuty);
    this.#out.want(WANT.transmit);
    this.enter(STATE.transmitting, nowMs + this.#uplink.airtimeMs + RADIO_PATIENCE_MS);
  }

  private transmitted(atMs: number): void {
    this.#uplink.endMs = atMs;
    this.#clearance.book(atMs);
    this.#out.want(WANT.sleepRadio);
    this.enter(STATE.beforeRx1, this.#rxWindows.openMs(1));
  }

  /** The radio failed or fell silent. What may have gone out counts as sent: counter, nonce and airtime are spent. */
  private transmissionFailed(nowMs: number): void {
    const { isJoin, purpose, transmissions } = this.#uplink;
    this.#clearance.book(nowMs);
    this.#out.want(WANT.sleepRadio);
    this.enter(STATE.idle, undefined);
    if (isJoin) this.joinFailed(nowMs);
    else if (purpose === PURPOSE.data && transmissions === 1) this.#out.refuse("radio-error", nowMs);
    else this.#out.want(WANT.sent);
  }

  private openWindow(window: number, nowMs: number): void {
    this.enter(window === 1 ? STATE.rx1 : STATE.rx2, undefined);
    if (!this.listen(window, nowMs)) this.windowClosed(nowMs);
  }

  /** Listens for the rest of the window, or for a part of it where the radio cannot do more at once; false when nothing is left of it. */
  private listen(window: number, nowMs: number): boolean {
    const { receive } = this.#out;
    const isTuned = this.#rxWindows.tune(window, receive.modulation);
    const symbols = isTuned ? this.#rxWindows.symbolTimeout(window, nowMs, receive.modulation) : 0;
    this.#isPart = symbols > MAX_SYMBOL_TIMEOUT;
    if (symbols === 0) return false;
    receive.symbolTimeout = Math.min(symbols, MAX_SYMBOL_TIMEOUT);
    this.#timeoutMs = nowMs + longestWindowMs(receive.symbolTimeout, receive.modulation) + RADIO_PATIENCE_MS;
    this.#out.want(WANT.receive);
    return true;
  }

  /** The radio heard nothing for as long as it was told to. */
  private receiveTimeout(nowMs: number): void {
    if (this.#isPart && this.listen(this.window, nowMs)) return;
    this.windowClosed(nowMs);
  }

  private get window(): number {
    return this.#state === STATE.rx1 ? 1 : 2;
  }

  /** A window brought nothing, or nothing for us. */
  private windowClosed(nowMs: number): void {
    const { isJoin, transmissions } = this.#uplink;
    this.#out.want(WANT.sleepRadio);
    if (this.#state === STATE.rx1) {
      this.enter(STATE.beforeRx2, this.#rxWindows.openMs(2));
    } else if (isJoin) {
      this.enter(STATE.idle, undefined);
      this.joinFailed(nowMs);
    } else if (transmissions < this.#session.nbTrans) {
      this.waitToSend(nowMs, false);
    } else {
      this.countUnanswered();
      this.finish();
    }
  }

  private joinFailed(nowMs: number): void {
    this.#out.failJoin(this.#parts.join.failed(this.#uplink.airtimeMs, nowMs, this.#parts.chance));
  }

  private waitToSend(nowMs: number, flushes: boolean): void {
    this.#flushes = flushes;
    this.enter(STATE.beforeRepeat, nowMs + RETRANSMIT_MIN_MS + this.#parts.chance.below(RETRANSMIT_SPREAD_MS));
  }

  /** The time has come for a repeat, or for the answers that need a frame of their own. */
  private sendAgain(nowMs: number): void {
    if (!this.#clearance.forRepeat(this.#flushes, nowMs)) {
      const { untilMs } = this.#clearance;
      if (untilMs - nowMs > REPEAT_PATIENCE_MS) this.giveUp();
      else this.#timeoutMs = untilMs;
      return;
    }
    if (this.#flushes) {
      this.reserveCounter();
      this.#uplink.buildAnswers(this.#handler.adr);
    }
    this.transmit(nowMs);
  }

  /** A repeat will not be: the uplink is over, and nobody answered it. */
  private giveUp(): void {
    if (!this.#flushes) this.countUnanswered();
    this.finish();
  }

  private countUnanswered(): void {
    if (countUnansweredUplink(this.#session, this.#parts.region, this.#handler.adr)) this.#out.want(WANT.storeSession);
  }

  private take(frame: Uint8Array, length: number, snrDb: number): boolean {
    const { isJoin } = this.#uplink;
    if (isJoin) return this.#parts.downlink.takeJoinAccept(frame, length, this.#uplink, this.#parts.joinedDataRate);
    // RP002-1.0.4: longer than its data rate carries is no frame of this region (certification case 018).
    const longest = this.#parts.region.maxDownlinkMacPayload[this.#rxWindows.dataRate(this.window)];
    if (length > longest + PHY_BYTES) return false;
    return this.#parts.downlink.takeData(frame, length, snrDb, this.#uplink);
  }

  /** A frame of ours came in: no second window, no repeat. */
  private heard(nowMs: number): void {
    const uplink = this.#uplink;
    const downlink = this.#parts.downlink;
    this.#out.want(WANT.sleepRadio);
    if (uplink.isJoin) {
      this.#out.want(WANT.storeSession | WANT.joined);
      this.enter(STATE.idle, undefined);
      return;
    }
    this.#out.want(this.#handler.takeChange() ? WANT.storeDown | WANT.storeSession : WANT.storeDown);
    if (downlink.port !== NO_PORT) this.#out.want(WANT.downlink);
    if (uplink.confirmed) this.#out.sent.acknowledged = downlink.acknowledged;
    this.#out.sent.fPending = downlink.fPending;
    this.#out.reportAnswers();
    if (uplink.hasLongAnswers) this.waitToSend(nowMs, true);
    else this.finish();
  }

  private finish(): void {
    this.enter(STATE.idle, undefined);
    this.#out.want(WANT.sent);
  }

  /**
   * After a power cut: takes up what is on flash. `read` copies the value of a key and returns its length, or -1 where there is none. When there is
   * a session it goes on, behind the counters that were reserved.
   */
  loadPersistent(read: (key: string, into: Uint8Array) => number, nowMs: number): void {
    this.#parts.load(read, nowMs);
  }

  /** To be called when every command was asked for and carried out. */
  save(into: Uint8Array, offset: number): number {
    if (!this.#out.isEmpty) throw new Error("LoRaWAN: saved with commands waiting");
    const writer = new StateWriter(into, offset, STATE_TAG, STATE_VERSION);
    this.#parts.save(writer);
    writer.bool(this.#isPart);
    writer.u8(this.#state);
    writer.time(this.#timeoutMs);
    writer.bool(this.#flushes);
    return writer.finish();
  }

  restore(bytes: Uint8Array, offset: number, _nowMs: number): number {
    const reader = new StateReader(bytes, offset, STATE_TAG, STATE_VERSION);
    if (!reader.valid || !this.#parts.restore(reader)) return -1;
    this.#isPart = reader.bool();
    this.#state = reader.u8();
    this.#timeoutMs = reader.time();
    this.#flushes = reader.bool();
    return reader.end;
  }
}
