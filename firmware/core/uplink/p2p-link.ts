/**
 * A node's half of point to point LoRa: ALOHA. Each frame goes after a random wait, as far as the duty cycle allows, and one window is listened to, in
 * which the base passes on what the receiver answers. What the frames carry is not decided here (lorawan-uplink.ts decides it for both).
 *
 *   idle --want--> backing off --random time--> ready --send--> transmitting --transmitted--> waiting --a second--> listening
 *     ^                                           |                  |                                                   |
 *     |<----------- refused: duty cycle ----------+                  | radio error                                       | answer, or nothing
 *     +<----------------- `sent` ------------------------------------+---------------------------------------------------+
 *
 * The random wait is from nothing to BACK_OFF_FIRST_MS; after each question that nobody answered to twice as much, up to BACK_OFF_MAX_MS, so that
 * nodes whose frames collided do not collide again. Questions are All-1 fragments, ACK REQs and requests for the time.
 *
 * The window is that of lorawan/rx-window.ts: open from T - e - L to T + e + B, and as long as a preamble is being found. T is P2P_ANSWER_DELAY_MS after our
 * last symbol, e what two time stamps in whole milliseconds and two crystals may err, L our own latency, B the base's.
 *
 * The receiver's time was written down between our last symbol and the answer's first: half of what lies between is how uncertain it is.
 */
import type { SymmetricCrypto } from "../../ports/crypto.ts";
import type { LoraModulation } from "../../ports/radio.ts";
import { MAX_P2P_FRAME_BYTES, P2P_ANSWER_DELAY_MS, P2P_OVERHEAD_BYTES } from "../../wire/p2p-frame.ts";
import { isQuestion, TOKEN_FPORT } from "../../wire/schc-fragment.ts";
import { StateReader, StateWriter } from "../../wire/state-record.ts";
import { symbolUs, timeOnAirUs } from "../../wire/time-on-air.ts";
import { P2P_ANSWER_LATENCY_MS, P2P_BACK_OFF_FIRST_MS, P2P_BACK_OFF_MAX_MS } from "../bounds.ts";
import type { Chance } from "../lorawan/chance.ts";
import { DUTY_KEY, DutyCycle } from "../lorawan/duty-cycle.ts";
import type { Region } from "../lorawan/region/region.ts";
import { longestWindowMs } from "../lorawan/rx-window.ts";
import type { Machine } from "../machine.ts";
import { STATE_TAG } from "../state-tag.ts";
import { P2P_COUNTER_KEY, P2pCounter } from "./p2p-counter.ts";
import type { P2pPlan } from "./p2p-plan.ts";

export type P2pEvent =
  /** There will be a frame to send. */
  | { kind: "want" }
  /** Only when `ready`. Port NO_PORT: without payload, which only asks for the time. */
  | { kind: "send"; port: number; payload: Uint8Array; length: number; asksTime: boolean }
  /** The next frames are of another datagram. */
  | { kind: "datagram" }
  | { kind: "transmitted"; atMs: number }
  | { kind: "received"; frame: Uint8Array; length: number; atMs: number }
  | { kind: "receiveTimeout" }
  | { kind: "radioError" };

export type P2pCommand =
  | { kind: "store"; key: string; value: Uint8Array; length: number }
  | { kind: "transmit"; modulation: LoraModulation; powerDbm: number; frame: Uint8Array; length: number }
  | { kind: "receive"; modulation: LoraModulation; symbolTimeout: number }
  | { kind: "sleepRadio" }
  /** It was `unixMs` at uptime `atMs`. */
  | { kind: "time"; unixMs: number; atMs: number; uncertaintyMs: number }
  | { kind: "downlink"; port: number; payload: Uint8Array; length: number }
  /** The frame and its window are over. */
  | { kind: "sent" }
  | { kind: "refused"; untilMs: number };

export interface P2pLinkOptions {
  ueid: Uint8Array;
  region: Region;
  plan: P2pPlan;
  ciphers: SymmetricCrypto;
  chance: Chance;
}

const VERSION = 1;
const IDLE = 0;
const BACKING_OFF = 1;
const READY = 2;
const TRANSMITTING = 3;
const WAITING = 4;
const LISTENING = 5;

/** Our time stamp and the base's, and 40 ppm each over a second. */
const CLOCK_ERROR_MS = 3;
/** An SX126x finds a preamble in 4 to 5 symbols, an SX127x in 5 to 6. */
const DETECTION_SYMBOLS = 6;
/** The radio's own limits end an operation; this is for a radio that says nothing. */
const RADIO_PATIENCE_MS = 1000;

const STORE_COUNTER = 1;
const STORE_DUTY = 2;
const TRANSMIT = 4;
const RECEIVE = 8;
const SLEEP_RADIO = 16;
const TIME = 32;
const DOWNLINK = 64;
const SENT = 128;
const REFUSED = 256;

export class P2pLink implements Machine<P2pEvent, P2pCommand> {
  #plan: P2pPlan;
  #chance: Chance;
  #duty: DutyCycle;
  #counter: P2pCounter;
  #state = IDLE;
  #timeoutMs: number | undefined;
  #backOffMs = P2P_BACK_OFF_FIRST_MS;
  /** Of the frame in hand. */
  #airtimeMs = 0;
  #isQuestion = false;
  #asksTime = false;
  #endMs = 0;
  #wants = 0;
  #bytes = new Uint8Array(MAX_P2P_FRAME_BYTES);
  #record = new Uint8Array(32);
  #store = { kind: "store" as const, key: "", value: this.#record, length: 0 };
  #transmit: Extract<P2pCommand, { kind: "transmit" }>;
  #receive: Extract<P2pCommand, { kind: "receive" }>;
  #sleepRadio = { kind: "sleepRadio" as const };
  #time = { kind: "time" as const, unixMs: 0, atMs: 0, uncertaintyMs: 0 };
  #downlink = { kind: "downlink" as const, port: 0, payload: new Uint8Array(MAX_P2P_FRAME_BYTES), length: 0 };
  #sent = { kind: "sent" as const };
  #refused = { kind: "refused" as const, untilMs: 0 };
  /** Frames in a window that were not authentic, not ours or out of date. */
  framesRefused = 0;

  constructor({ ueid, region, plan, ciphers, chance }: P2pLinkOptions) {
    this.#plan = plan;
    this.#chance = chance;
    this.#duty = new DutyCycle(region);
    this.#counter = new P2pCounter(ueid, ciphers);
    const { uplink, answer, powerDbm } = plan;
    this.#transmit = { kind: "transmit", modulation: uplink, powerDbm, frame: this.#bytes, length: 0 };
    this.#receive = { kind: "receive", modulation: answer, symbolTimeout: 0 };
  }

  get idle(): boolean {
    return this.#state === IDLE;
  }

  /** A frame may be handed in. */
  get ready(): boolean {
    return this.#state === READY;
  }

  /** The window is open. */
  get listening(): boolean {
    return this.#state === LISTENING;
  }

  /** The radio sleeps until the window. */
  get waiting(): boolean {
    return this.#state === WAITING;
  }

  /** Bytes of payload in a frame. */
  get maxPayload(): number {
    return this.#plan.maxFrameBytes - P2P_OVERHEAD_BYTES;
  }

  /** After power-on: what flash knows. */
  loadPersistent(read: (key: string, into: Uint8Array) => number, nowMs: number): void {
    const record = this.#record;
    this.#counter.readRecord(record, read(P2P_COUNTER_KEY, record));
    const length = read(DUTY_KEY, record);
    if (length > 0) this.#duty.readRecord(record, length, nowMs);
  }

  handle(event: P2pEvent, nowMs: number): void {
    switch (event.kind) {
      case "want":
        if (this.#state === IDLE) this.enter(BACKING_OFF, nowMs + this.#chance.below(this.#backOffMs));
        return;
      case "send":
        if (this.#state === READY) this.send(event, nowMs);
        return;
      case "datagram":
        this.#counter.startDatagram();
        return;
      case "transmitted":
        if (this.#state === TRANSMITTING) this.transmitted(event.atMs);
        return;
      case "received":
        if (this.#state === LISTENING) this.finish(this.take(event.frame, event.length, event.atMs));
        return;
      case "receiveTimeout":
        if (this.#state === LISTENING) this.finish(false);
        return;
      case "radioError":
        if (this.#state === TRANSMITTING) this.book(nowMs);
        if (this.#state >= TRANSMITTING) this.finish(false);
        return;
    }
  }

  handleTimeout(nowMs: number): void {
    if (this.#timeoutMs === undefined || nowMs < this.#timeoutMs) return;
    if (this.#state === BACKING_OFF) this.enter(READY, undefined);
    else if (this.#state === WAITING) this.openWindow(nowMs);
    else {
      if (this.#state === TRANSMITTING) this.book(nowMs);
      this.finish(false);
    }
  }

  pollTimeout(): number | undefined {
    return this.#timeoutMs;
  }

  pollCommand(): P2pCommand | undefined {
    if (this.takeWant(STORE_COUNTER)) return this.storeCounter();
    if (this.takeWant(STORE_DUTY)) {
      this.#store.key = DUTY_KEY;
      this.#store.length = this.#duty.writeRecord(this.#record);
      return this.#store;
    }
    if (this.takeWant(TRANSMIT)) return this.#transmit;
    if (this.takeWant(RECEIVE)) return this.#receive;
    if (this.takeWant(SLEEP_RADIO)) return this.#sleepRadio;
    if (this.takeWant(TIME)) return this.#time;
    if (this.takeWant(DOWNLINK)) return this.#downlink;
    if (this.takeWant(SENT)) return this.#sent;
    return this.takeWant(REFUSED) ? this.#refused : undefined;
  }

  private takeWant(want: number): boolean {
    if ((this.#wants & want) === 0) return false;
    this.#wants &= ~want;
    return true;
  }

  private enter(state: number, timeoutMs: number | undefined): void {
    this.#state = state;
    this.#timeoutMs = timeoutMs;
  }

  private send(event: Extract<P2pEvent, { kind: "send" }>, nowMs: number): void {
    const { uplink, maxFrameBytes } = this.#plan;
    const length = P2P_OVERHEAD_BYTES + event.length;
    if (length > maxFrameBytes) throw new RangeError("point to point: payload too long");
    const airtimeMs = Math.ceil(timeOnAirUs(uplink, length) / 1000);
    const earliestMs = this.#duty.earliestMs(uplink.frequencyHz, airtimeMs, nowMs);
    if (earliestMs > nowMs) {
      this.#refused.untilMs = earliestMs;
      this.#wants |= REFUSED;
      this.enter(IDLE, undefined);
      return;
    }
    this.#airtimeMs = airtimeMs;
    this.#asksTime = event.asksTime;
    this.#isQuestion = event.asksTime || (event.port === TOKEN_FPORT && isQuestion(event.payload, event.length));
    if (this.#counter.reserve()) this.#wants |= STORE_COUNTER;
    if (this.#duty.mustStore(uplink.frequencyHz, airtimeMs)) this.#wants |= STORE_DUTY;
    const { port, payload, asksTime } = event;
    this.#transmit.length = this.#counter.seal(port, payload, event.length, asksTime, this.#bytes);
    this.#wants |= TRANSMIT;
    this.enter(TRANSMITTING, nowMs + airtimeMs + RADIO_PATIENCE_MS);
  }

  private book(endMs: number): void {
    this.#duty.book(this.#plan.uplink.frequencyHz, endMs, this.#airtimeMs, 0);
  }

  private transmitted(atMs: number): void {
    this.#endMs = atMs;
    this.book(atMs);
    this.#wants |= SLEEP_RADIO;
    this.enter(WAITING, atMs + P2P_ANSWER_DELAY_MS - CLOCK_ERROR_MS - P2P_ANSWER_LATENCY_MS);
  }

  private openWindow(nowMs: number): void {
    const { answer } = this.#plan;
    const symbolMs = symbolUs(answer.spreadingFactor, answer.bandwidthHz) / 1000;
    const lastStartMs = this.#endMs + P2P_ANSWER_DELAY_MS + CLOCK_ERROR_MS + P2P_ANSWER_LATENCY_MS;
    const symbols = Math.max(Math.ceil((lastStartMs - nowMs) / symbolMs), 0) + DETECTION_SYMBOLS;
    this.#receive.symbolTimeout = symbols;
    this.#wants |= RECEIVE;
    this.enter(LISTENING, nowMs + longestWindowMs(symbols, answer) + RADIO_PATIENCE_MS);
  }

  /** Takes an answer; false when it is none for us. */
  private take(bytes: Uint8Array, length: number, atMs: number): boolean {
    const { frame } = this.#counter;
    if (!this.#counter.open(bytes, length)) {
      this.framesRefused++;
      return false;
    }
    if (frame.time && this.#asksTime && this.#counter.answersLast) this.learnTime(length, atMs);
    if (frame.payloadLength === 0) return true;
    const downlink = this.#downlink;
    downlink.port = frame.port;
    downlink.length = frame.payloadLength;
    for (let i = 0; i < frame.payloadLength; i++) downlink.payload[i] = bytes[frame.payloadAt + i];
    this.#wants |= DOWNLINK;
    return true;
  }

  /** The time was written down after our last symbol and before the answer's first. */
  private learnTime(length: number, atMs: number): void {
    const time = this.#time;
    const { frame } = this.#counter;
    const startMs = atMs - Math.floor(timeOnAirUs(this.#plan.answer, length) / 1000);
    const halfMs = Math.max((startMs - this.#endMs) / 2, 0);
    let uncertaintyMs = 1;
    for (let i = frame.timeExponent; i > 0; i--) uncertaintyMs *= 2;
    time.unixMs = frame.unixMs;
    time.atMs = Math.floor(this.#endMs + halfMs);
    // Both time stamps and the middle are whole milliseconds.
    time.uncertaintyMs = uncertaintyMs + Math.ceil(halfMs) + 2;
    this.#wants |= TIME;
  }

  private finish(answered: boolean): void {
    if (answered) this.#backOffMs = P2P_BACK_OFF_FIRST_MS;
    else if (this.#isQuestion) this.#backOffMs = Math.min(2 * this.#backOffMs, P2P_BACK_OFF_MAX_MS);
    this.#wants |= SLEEP_RADIO | SENT;
    this.enter(IDLE, undefined);
  }

  private storeCounter(): P2pCommand {
    this.#store.key = P2P_COUNTER_KEY;
    this.#store.length = this.#counter.writeRecord(this.#record);
    return this.#store;
  }

  save(into: Uint8Array, offset: number): number {
    const writer = new StateWriter(into, offset, STATE_TAG.p2pLink, VERSION);
    writer.u8(this.#state);
    writer.time(this.#timeoutMs);
    this.#counter.save(writer);
    writer.u32(this.#backOffMs);
    writer.u32(this.#airtimeMs);
    writer.bool(this.#isQuestion);
    writer.bool(this.#asksTime);
    writer.time(this.#endMs);
    writer.u32(this.framesRefused);
    this.#duty.save(writer);
    return writer.finish();
  }

  restore(bytes: Uint8Array, offset: number): number {
    const reader = new StateReader(bytes, offset, STATE_TAG.p2pLink, VERSION);
    if (!reader.valid) return -1;
    this.#state = reader.u8();
    this.#timeoutMs = reader.time();
    this.#counter.restore(reader);
    this.#backOffMs = reader.u32();
    this.#airtimeMs = reader.u32();
    this.#isQuestion = reader.bool();
    this.#asksTime = reader.bool();
    this.#endMs = reader.time() ?? 0;
    this.framesRefused = reader.u32();
    this.#duty.restore(reader);
    return reader.end;
  }
}
