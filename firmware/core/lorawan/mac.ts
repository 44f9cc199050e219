/**
 * The LoRaWAN 1.0.4 Class A device as a machine without IO: TS001-1.0.4 chapters 3 to 6. Its states are drawn in states.ts. The rules of each
 * matter stand in their own files: join.ts (6.2, 7), adr.ts (4.3.1.1), command-handler.ts (5), duty-cycle.ts, channel-plan.ts, rx-window.ts
 * (3.3), uplink.ts and downlink.ts (4); mac-records.ts says what survives a power cut.
 *
 * Nothing is trusted before its MIC is right: a frame that is not ours leaves the machine as a window without a frame does.
 */
import { FrameCodec } from "../../wire/lorawan-codec.ts";
import { JOIN_REQUEST_BYTES, NO_PORT } from "../../wire/lorawan-frame.ts";
import { StateReader, StateWriter } from "../../wire/state-record.ts";
import type { Machine } from "../machine.ts";
import { countUnansweredUplink } from "./adr.ts";
import { MacAnswers } from "./answers.ts";
import { Chance } from "./chance.ts";
import { CommandHandler } from "./command-handler.ts";
import { Downlink } from "./downlink.ts";
import { DutyCycle, NEVER_MS } from "./duty-cycle.ts";
import type { MacCommand, MacEvent } from "./events.ts";
import { Join } from "./join.ts";
import type { MacOptions } from "./mac-options.ts";
import { FCNT_BLOCK, loadRecords } from "./mac-records.ts";
import { Outgoing, WANT } from "./outgoing.ts";
import type { Region } from "./region/region.ts";
import { longestWindowMs, RxWindows } from "./rx-window.ts";
import { Session } from "./session.ts";
import { STATE, TRANSITIONS } from "./states.ts";
import { PURPOSE, Uplink } from "./uplink.ts";

export type { MacOptions };

/** RP002-1.0.4 table 3: RETRANSMIT_TIMEOUT, 1 to 3 s. */
const RETRANSMIT_MIN_MS = 1_000;
const RETRANSMIT_SPREAD_MS = 2_001;
/** A repeat that the duty cycle holds back for longer than this is given up: the next reading is worth more. */
const REPEAT_PATIENCE_MS = 60_000;
/** By how much an answer of the radio may be late before it is taken for dead. */
const RADIO_PATIENCE_MS = 1_000;
/** The last 32-bit counter is not used: so the block behind it can always be written down. */
const MAX_FRAME_COUNTER = 0xffffffff;

const STATE_TAG = 0x4d;
const STATE_VERSION = 1;

export class Mac implements Machine<MacEvent, MacCommand> {
  readonly #region: Region;
  readonly #devEui: Uint8Array;
  readonly #joinEui: Uint8Array;
  readonly #fixedDataRate: number | undefined;
  readonly #codec: FrameCodec;
  readonly #session: Session;
  readonly #answers = new MacAnswers();
  readonly #join: Join;
  readonly #chance: Chance;
  readonly #dutyCycle: DutyCycle;
  readonly #handler: CommandHandler;
  readonly #uplink: Uplink;
  readonly #downlink: Downlink;
  readonly #rxWindows: RxWindows;
  readonly #out: Outgoing;
  #state: number = STATE.idle;
  #timeoutMs: number | undefined;
  /** The next transmission is not a repeat but the answers to a downlink that brought many commands. */
  #flushes = false;

  constructor(options: MacOptions) {
    const { region, crypto, random } = options;
    this.#region = region;
    this.#devEui = options.devEui;
    this.#joinEui = options.joinEui;
    this.#fixedDataRate = options.fixedDataRate;
    this.#codec = new FrameCodec(crypto);
    this.#session = new Session(region);
    this.#join = new Join(region);
    this.#chance = new Chance(random);
    this.#dutyCycle = new DutyCycle(region);
    this.#handler = new CommandHandler(region, this.#session, this.#answers, this.#adr);
    this.#uplink = new Uplink(region, this.#session, this.#answers, this.#codec);
    this.#downlink = new Downlink(this.#session, this.#answers, this.#codec, this.#join, this.#handler);
    const { clockErrorPpm = 40, latencyMs = 15, antennaGainDb = 2 } = options;
    this.#rxWindows = new RxWindows(region, this.#session, this.#uplink, clockErrorPpm, latencyMs);
    this.#out = new Outgoing(
      region,
      this.#session,
      this.#answers,
      this.#join,
      this.#uplink,
      this.#downlink,
      antennaGainDb,
    );
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

  get #adr(): boolean {
    return this.#fixedDataRate === undefined;
  }

  /** Bytes that the next uplink can carry for the application; 0 when not joined. */
  maxPayload(): number {
    return this.#session.joined ? this.#uplink.maxPayload() : 0;
  }

  handle(event: MacEvent, nowMs: number): void {
    switch (event.kind) {
      case "join":
        this.#startJoin(nowMs);
        break;
      case "send":
        this.#startSend(event.port, event.payload, event.length, event.confirmed, nowMs);
        break;
      case "transmitted":
        if (this.#state === STATE.transmitting) this.#transmitted(event.atMs);
        break;
      case "received":
        if (this.#state !== STATE.rx1 && this.#state !== STATE.rx2) break;
        if (this.#take(event.frame, event.length, event.snrDb)) this.#heard(nowMs);
        else this.#windowClosed(nowMs);
        break;
      case "receiveTimeout":
        if (this.#state === STATE.rx1 || this.#state === STATE.rx2) this.#windowClosed(nowMs);
        break;
      case "radioError":
        if (this.#state === STATE.transmitting) this.#transmissionFailed(nowMs);
        else if (this.#state === STATE.rx1 || this.#state === STATE.rx2) this.#windowClosed(nowMs);
        break;
      case "requestTime":
        this.#uplink.wantsTime = true;
        break;
      case "requestLinkCheck":
        this.#uplink.wantsLinkCheck = true;
        break;
    }
  }

  pollTimeout(): number | undefined {
    return this.#timeoutMs;
  }

  handleTimeout(nowMs: number): void {
    if (this.#timeoutMs === undefined || nowMs < this.#timeoutMs) return;
    if (this.#state === STATE.transmitting) this.#transmissionFailed(nowMs);
    else if (this.#state === STATE.beforeRx1) this.#openWindow(1, nowMs);
    else if (this.#state === STATE.beforeRx2) this.#openWindow(2, nowMs);
    else if (this.#state === STATE.beforeRepeat) this.#sendAgain(nowMs);
    else this.#windowClosed(nowMs);
  }

  pollCommand(): MacCommand | undefined {
    return this.#out.poll();
  }

  #enter(state: number, timeoutMs: number | undefined): void {
    if (!TRANSITIONS[this.#state].includes(state)) throw new Error(`LoRaWAN: from state ${this.#state} to ${state}`);
    this.#state = state;
    this.#timeoutMs = timeoutMs;
  }

  /** True when a join request goes out; otherwise it is refused with the reason. */
  #startJoin(nowMs: number): boolean {
    if (this.#state !== STATE.idle) return this.#out.refuse("busy", this.#timeoutMs ?? nowMs);
    const dataRate = this.#fixedDataRate ?? this.#join.dataRate;
    const airtimeMs = this.#uplink.airtimeOf(dataRate, JOIN_REQUEST_BYTES);
    const earliestMs = this.#join.earliestMs(airtimeMs, nowMs);
    if (earliestMs === NEVER_MS) return this.#out.refuse("counter-exhausted", NEVER_MS);
    if (earliestMs > nowMs) return this.#out.refuse("join-back-off", earliestMs);
    if (!this.#chooseChannel(dataRate, airtimeMs, nowMs, true)) {
      return this.#out.refuse("duty-cycle", this.#session.plan.earliestMs);
    }
    this.#uplink.buildJoinRequest(this.#joinEui, this.#devEui, this.#join.takeDevNonce());
    this.#out.want(WANT.storeNonces);
    this.#transmit(nowMs);
    return true;
  }

  /** True when a frame goes out; otherwise it is refused with the reason. */
  #startSend(port: number, payload: Uint8Array, length: number, confirmed: boolean, nowMs: number): boolean {
    const session = this.#session;
    const uplink = this.#uplink;
    if (port !== NO_PORT && (port < 1 || port > 255)) throw new RangeError("LoRaWAN: FPort");
    if (!session.joined) return this.#out.refuse("not-joined", nowMs);
    if (this.#state !== STATE.idle) return this.#out.refuse("busy", this.#timeoutMs ?? nowMs);
    if (length > (port === NO_PORT ? 0 : uplink.maxPayload())) return this.#out.refuse("too-long", nowMs);
    if (session.fCntUp >= MAX_FRAME_COUNTER) return this.#out.refuse("counter-exhausted", NEVER_MS);
    const airtimeMs = uplink.airtimeOf(session.dataRate, uplink.dataLength(port, length));
    if (!this.#chooseChannel(session.dataRate, airtimeMs, nowMs, false)) {
      return this.#out.refuse("duty-cycle", session.plan.earliestMs);
    }
    this.#out.sent.acknowledged = false;
    this.#out.sent.fPending = false;
    this.#reserveCounter();
    uplink.buildData(port, payload, length, confirmed, this.#adr);
    this.#transmit(nowMs);
    return true;
  }

  /** Puts the next block of FCntUp on flash when the counter has come to the end of the last. */
  #reserveCounter(): void {
    const session = this.#session;
    if (session.fCntUp < session.fCntUpReserved) return;
    session.fCntUpReserved = Math.min(session.fCntUp + FCNT_BLOCK, MAX_FRAME_COUNTER);
    this.#out.want(WANT.storeUp);
  }

  #chooseChannel(dataRate: number, airtimeMs: number, nowMs: number, join: boolean): boolean {
    const { plan } = this.#session;
    const channel = plan.select(dataRate, airtimeMs, nowMs, join, this.#dutyCycle, this.#chance);
    if (channel >= 0) this.#uplink.aim(channel, plan.frequencyHz[channel], dataRate, airtimeMs);
    return channel >= 0;
  }

  #transmit(nowMs: number): void {
    this.#uplink.transmissions++;
    this.#out.want(WANT.transmit);
    this.#enter(STATE.transmitting, nowMs + this.#uplink.airtimeMs + RADIO_PATIENCE_MS);
  }

  #transmitted(atMs: number): void {
    this.#uplink.endMs = atMs;
    this.#bookAirtime(atMs);
    this.#out.want(WANT.sleepRadio);
    this.#enter(STATE.beforeRx1, this.#rxWindows.openMs(1));
  }

  #bookAirtime(endMs: number): void {
    const { frequencyHz, airtimeMs, isJoin } = this.#uplink;
    this.#dutyCycle.book(frequencyHz, endMs, airtimeMs, isJoin ? 0 : this.#session.maxDutyCycle);
    if (isJoin) this.#join.book(airtimeMs, endMs);
  }

  /** The radio failed or fell silent. What may have gone out counts as sent: counter, nonce and airtime are spent. */
  #transmissionFailed(nowMs: number): void {
    const { isJoin, purpose, transmissions } = this.#uplink;
    this.#bookAirtime(nowMs);
    this.#out.want(WANT.sleepRadio);
    this.#enter(STATE.idle, undefined);
    if (isJoin) this.#joinFailed(nowMs);
    else if (purpose === PURPOSE.data && transmissions === 1) this.#out.refuse("radio-error", nowMs);
    else this.#out.want(WANT.sent);
  }

  #openWindow(window: number, nowMs: number): void {
    const { receive } = this.#out;
    this.#rxWindows.tune(window, receive.modulation);
    receive.symbolTimeout = this.#rxWindows.symbolTimeout(window, nowMs, receive.modulation);
    const overMs = nowMs + longestWindowMs(receive.symbolTimeout, receive.modulation) + RADIO_PATIENCE_MS;
    this.#enter(window === 1 ? STATE.rx1 : STATE.rx2, overMs);
    if (receive.symbolTimeout > 0) this.#out.want(WANT.receive);
    else this.#windowClosed(nowMs);
  }

  /** A window brought nothing, or nothing for us. */
  #windowClosed(nowMs: number): void {
    const { isJoin, transmissions } = this.#uplink;
    this.#out.want(WANT.sleepRadio);
    if (this.#state === STATE.rx1) {
      this.#enter(STATE.beforeRx2, this.#rxWindows.openMs(2));
    } else if (isJoin) {
      this.#enter(STATE.idle, undefined);
      this.#joinFailed(nowMs);
    } else if (transmissions < this.#session.nbTrans) {
      this.#waitToSend(nowMs, false);
    } else {
      if (countUnansweredUplink(this.#session, this.#region, this.#adr)) this.#out.want(WANT.storeSession);
      this.#finish();
    }
  }

  #joinFailed(nowMs: number): void {
    this.#out.joinFailed.untilMs = this.#join.failed(this.#uplink.airtimeMs, nowMs, this.#chance);
    this.#out.want(WANT.joinFailed);
  }

  #waitToSend(nowMs: number, flushes: boolean): void {
    this.#flushes = flushes;
    this.#enter(STATE.beforeRepeat, nowMs + RETRANSMIT_MIN_MS + this.#chance.below(RETRANSMIT_SPREAD_MS));
  }

  /** The time has come for a repeat, or for the answers that need a frame of their own. */
  #sendAgain(nowMs: number): void {
    const uplink = this.#uplink;
    const session = this.#session;
    const dataRate = this.#flushes ? session.dataRate : uplink.dataRate;
    const length = this.#flushes ? uplink.answersLength() : uplink.length;
    if (this.#flushes && session.fCntUp >= MAX_FRAME_COUNTER) {
      this.#finish();
      return;
    }
    if (!this.#chooseChannel(dataRate, uplink.airtimeOf(dataRate, length), nowMs, false)) {
      const { earliestMs } = session.plan;
      if (earliestMs - nowMs > REPEAT_PATIENCE_MS) this.#finish();
      else this.#timeoutMs = earliestMs;
      return;
    }
    if (this.#flushes) {
      this.#reserveCounter();
      uplink.buildAnswers(this.#adr);
    }
    this.#transmit(nowMs);
  }

  #take(frame: Uint8Array, length: number, snrDb: number): boolean {
    if (this.#uplink.isJoin) return this.#downlink.takeJoinAccept(frame, length, this.#uplink);
    return this.#downlink.takeData(frame, length, snrDb, this.#uplink);
  }

  /** A frame of ours came in: no second window, no repeat. */
  #heard(nowMs: number): void {
    const uplink = this.#uplink;
    const downlink = this.#downlink;
    this.#out.want(WANT.sleepRadio);
    if (uplink.isJoin) {
      this.#out.want(WANT.storeSession | WANT.joined);
      this.#enter(STATE.idle, undefined);
      return;
    }
    this.#out.want(this.#handler.takeChange() ? WANT.storeDown | WANT.storeSession : WANT.storeDown);
    if (downlink.port !== NO_PORT) this.#out.want(WANT.downlink);
    if (uplink.confirmed) this.#out.sent.acknowledged = downlink.acknowledged;
    this.#out.sent.fPending = downlink.fPending;
    this.#out.reportAnswers(this.#handler);
    if (uplink.hasLongAnswers) this.#waitToSend(nowMs, true);
    else this.#finish();
  }

  #finish(): void {
    this.#enter(STATE.idle, undefined);
    this.#out.want(WANT.sent);
  }

  /**
   * After a power cut: takes up what is on flash. `read` copies the value of a key and returns its length, or -1 where there is none. When there is
   * a session it goes on, behind the counters that were reserved.
   */
  loadPersistent(read: (key: string, into: Uint8Array) => number, _nowMs: number): void {
    loadRecords(read, this.#session, this.#answers, this.#join, this.#codec);
    if (this.#fixedDataRate !== undefined) this.#session.dataRate = this.#fixedDataRate;
  }

  /** To be called when every command was asked for and carried out. */
  save(into: Uint8Array, offset: number): number {
    if (!this.#out.isEmpty) throw new Error("LoRaWAN: saved with commands waiting");
    const writer = new StateWriter(into, offset, STATE_TAG, STATE_VERSION);
    this.#session.save(writer);
    this.#session.saveCounters(writer);
    this.#answers.save(writer);
    this.#join.save(writer);
    this.#dutyCycle.save(writer);
    this.#uplink.save(writer);
    writer.u8(this.#handler.battery);
    writer.u8(this.#state);
    writer.time(this.#timeoutMs);
    writer.bool(this.#flushes);
    writer.bool(this.#out.sent.acknowledged);
    writer.bool(this.#out.sent.fPending);
    return writer.finish();
  }

  restore(bytes: Uint8Array, offset: number, _nowMs: number): number {
    const reader = new StateReader(bytes, offset, STATE_TAG, STATE_VERSION);
    if (!reader.valid || !this.#session.restore(reader)) return -1;
    this.#session.restoreCounters(reader);
    this.#answers.restore(reader);
    this.#join.restore(reader);
    this.#dutyCycle.restore(reader);
    this.#uplink.restore(reader);
    this.#handler.battery = reader.u8();
    this.#state = reader.u8();
    this.#timeoutMs = reader.time();
    this.#flushes = reader.bool();
    this.#out.sent.acknowledged = reader.bool();
    this.#out.sent.fPending = reader.bool();
    return reader.end;
  }
}
