/**
 * A base node: hears the point to point frames of nodes around it, hands them to the receiver over IP, and sends what the receiver answers, a second after
 * the frame that it answers. It holds no key of a node and judges nothing: who is heard, and what is said, is between node and receiver (wire/p2p-frame.ts).
 *
 *   idle --start--> listening --a frame: `forward`, listens again--> listening
 *                       | ^
 *       an answer is due| +<-----------------------------transmitted------------------------------+
 *                       v                                                                         |
 *                   stopped (radio asleep) --10 ms--> prepared (oscillator runs) --due--> transmitting
 *
 * An answer that comes too late for its second, or that the duty cycle holds up, is kept for the node's next frame; a newer one takes its place. Nodes ask again
 * until they are answered, so nothing of this must survive: a base that restarts begins with nothing, and its state is not saved.
 *
 * The radio does one thing at a time: while it answers one node it is deaf to all others, and of two answers that are due at once one waits.
 */
import type { LoraModulation } from "../../ports/radio.ts";
import {
  MAX_P2P_ANSWER_BYTES,
  MAX_P2P_FRAME_BYTES,
  newP2pFrame,
  P2P_ANSWER_DELAY_MS,
  parseP2pFrame,
} from "../../wire/p2p-frame.ts";
import { timeOnAirUs } from "../../wire/time-on-air.ts";
import { P2P_ANSWER_LATENCY_MS, P2P_BASE_RETRY_MS, RADIO_PREPARE_MS } from "../bounds.ts";
import { DUTY_KEY, DutyCycle } from "../lorawan/duty-cycle.ts";
import type { Region } from "../lorawan/region/region.ts";
import type { P2pPlan } from "../uplink/p2p-plan.ts";
import { NEVER, type P2pPeer, P2pPeers } from "./p2p-peers.ts";

export type P2pBaseEvent =
  | { kind: "start" }
  | { kind: "received"; frame: Uint8Array; length: number; atMs: number }
  | { kind: "receiveTimeout" }
  | { kind: "transmitted"; atMs: number }
  | { kind: "radioError" }
  /** The receiver's answer to a frame. */
  | { kind: "answer"; frame: Uint8Array; length: number };

export type P2pBaseCommand =
  | { kind: "store"; key: string; value: Uint8Array; length: number }
  /** A `symbolTimeout` of 0: until a frame comes. */
  | { kind: "receive"; modulation: LoraModulation; symbolTimeout: number }
  | { kind: "sleepRadio" }
  | { kind: "prepareRadio" }
  | { kind: "transmit"; modulation: LoraModulation; powerDbm: number; frame: Uint8Array; length: number }
  /** To the receiver. */
  | { kind: "forward"; frame: Uint8Array; length: number };

const IDLE = 0;
const LISTENING = 1;
const STOPPED = 2;
const PREPARED = 3;
const TRANSMITTING = 4;
const FAILED = 5;

/** A radio that was told to sleep is deaf for 0.5 ms (SX126x); JavaScript is late by up to 15. */
const ASLEEP_MS = 20;
const LEAD_MS = RADIO_PREPARE_MS + ASLEEP_MS;
const RADIO_PATIENCE_MS = 1000;

const STORE_DUTY = 1;
const FORWARD = 2;
const SLEEP_RADIO = 4;
const PREPARE = 8;
const TRANSMIT = 16;
const RECEIVE = 32;

export class P2pBase {
  #plan: P2pPlan;
  #duty: DutyCycle;
  #peers = new P2pPeers();
  #state = IDLE;
  #timeoutMs: number | undefined;
  /** Whose answer is being sent. */
  #current: P2pPeer | undefined;
  #airtimeMs = 0;
  #wants = 0;
  #frame = newP2pFrame();
  #record = new Uint8Array(32);
  #store = { kind: "store" as const, key: DUTY_KEY, value: this.#record, length: 0 };
  #forward = { kind: "forward" as const, frame: new Uint8Array(MAX_P2P_FRAME_BYTES), length: 0 };
  #sleepRadio = { kind: "sleepRadio" as const };
  #prepareRadio = { kind: "prepareRadio" as const };
  #receive: Extract<P2pBaseCommand, { kind: "receive" }>;
  #transmit: Extract<P2pBaseCommand, { kind: "transmit" }>;
  /** Frames of nodes; answers sent; answers to nobody, or malformed; answers that missed their second. */
  readonly counters = { heard: 0, answered: 0, refused: 0, late: 0 };

  constructor(region: Region, plan: P2pPlan) {
    this.#plan = plan;
    this.#duty = new DutyCycle(region);
    const { uplink, answer, powerDbm } = plan;
    this.#receive = { kind: "receive", modulation: uplink, symbolTimeout: 0 };
    this.#transmit = { kind: "transmit", modulation: answer, powerDbm, frame: new Uint8Array(0), length: 0 };
  }

  /** After power-on: what flash knows of the duty cycle. */
  loadPersistent(read: (key: string, into: Uint8Array) => number, nowMs: number): void {
    const length = read(DUTY_KEY, this.#record);
    if (length > 0) this.#duty.readRecord(this.#record, length, nowMs);
  }

  handle(event: P2pBaseEvent, nowMs: number): void {
    switch (event.kind) {
      case "start":
        this.listen(nowMs);
        return;
      case "received":
        if (this.#state !== LISTENING) return;
        this.hear(event.frame, event.length, event.atMs, nowMs);
        this.listen(nowMs);
        return;
      case "receiveTimeout":
        if (this.#state === LISTENING) this.listen(nowMs);
        return;
      case "transmitted":
        if (this.#state !== TRANSMITTING) return;
        this.book(event.atMs);
        this.counters.answered++;
        this.listen(nowMs);
        return;
      case "radioError":
        if (this.#state === TRANSMITTING) this.book(nowMs);
        this.enter(FAILED, nowMs + P2P_BASE_RETRY_MS);
        return;
      case "answer":
        this.takeAnswer(event.frame, event.length, nowMs);
        if (this.#state === LISTENING) this.awaitDue(nowMs);
        return;
    }
  }

  handleTimeout(nowMs: number): void {
    if (this.#timeoutMs === undefined || nowMs < this.#timeoutMs) return;
    switch (this.#state) {
      case LISTENING:
        this.stopListening(nowMs);
        return;
      case STOPPED:
        this.#wants |= PREPARE;
        this.enter(PREPARED, this.#current?.dueMs);
        return;
      case PREPARED:
        this.answer(nowMs);
        return;
      case TRANSMITTING:
        this.book(nowMs);
        this.#wants |= SLEEP_RADIO;
        this.listen(nowMs);
        return;
      case FAILED:
        this.listen(nowMs);
        return;
    }
  }

  pollTimeout(): number | undefined {
    return this.#timeoutMs;
  }

  pollCommand(): P2pBaseCommand | undefined {
    if (this.takeWant(STORE_DUTY)) {
      this.#store.length = this.#duty.writeRecord(this.#record);
      return this.#store;
    }
    if (this.takeWant(FORWARD)) return this.#forward;
    if (this.takeWant(SLEEP_RADIO)) return this.#sleepRadio;
    if (this.takeWant(PREPARE)) return this.#prepareRadio;
    if (this.takeWant(TRANSMIT)) return this.#transmit;
    return this.takeWant(RECEIVE) ? this.#receive : undefined;
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

  private listen(nowMs: number): void {
    this.#current = undefined;
    this.#wants |= RECEIVE;
    this.enter(LISTENING, undefined);
    this.awaitDue(nowMs);
  }

  /** When the next answer obliges to stop listening. Those whose second has passed meanwhile wait for the node's next frame. */
  private awaitDue(nowMs: number): void {
    for (;;) {
      const first = this.#peers.firstDue();
      const stopMs = first === undefined ? undefined : first.dueMs - LEAD_MS;
      if (first === undefined || stopMs === undefined || stopMs >= nowMs) {
        this.#timeoutMs = stopMs;
        return;
      }
      this.isLate(first);
    }
  }

  private isLate(peer: P2pPeer): void {
    peer.dueMs = NEVER;
    this.counters.late++;
  }

  private hear(bytes: Uint8Array, length: number, atMs: number, nowMs: number): void {
    const frame = this.#frame;
    if (!parseP2pFrame(bytes, length, frame) || frame.down) return;
    this.counters.heard++;
    const forward = this.#forward;
    for (let i = 0; i < length; i++) forward.frame[i] = bytes[i];
    forward.length = length;
    this.#wants |= FORWARD;
    const peer = this.#peers.of(frame.address) ?? this.#peers.add(frame.address);
    peer.heardMs = atMs;
    if (peer.length > 0) this.schedule(peer, nowMs);
  }

  private takeAnswer(bytes: Uint8Array, length: number, nowMs: number): void {
    const frame = this.#frame;
    const isAnswer = length <= MAX_P2P_ANSWER_BYTES && parseP2pFrame(bytes, length, frame) && frame.down;
    const peer = isAnswer ? this.#peers.of(frame.address) : undefined;
    if (peer === undefined || (peer === this.#current && this.#state !== LISTENING)) {
      this.counters.refused++;
      return;
    }
    for (let i = 0; i < length; i++) peer.answer[i] = bytes[i];
    peer.length = length;
    this.schedule(peer, nowMs);
  }

  private schedule(peer: P2pPeer, nowMs: number): void {
    peer.dueMs = peer.heardMs + P2P_ANSWER_DELAY_MS;
    if (peer.dueMs - LEAD_MS < nowMs) this.isLate(peer);
  }

  /** An answer is due soon. */
  private stopListening(nowMs: number): void {
    const peer = this.#peers.firstDue();
    if (peer === undefined) {
      this.#timeoutMs = undefined;
      return;
    }
    const { answer } = this.#plan;
    const airtimeMs = Math.ceil(timeOnAirUs(answer, peer.length) / 1000);
    const isLate = nowMs > peer.dueMs;
    if (isLate || this.#duty.earliestMs(answer.frequencyHz, airtimeMs, peer.dueMs) > peer.dueMs) {
      this.isLate(peer);
      this.awaitDue(nowMs);
      return;
    }
    this.#current = peer;
    this.#airtimeMs = airtimeMs;
    if (this.#duty.mustStore(answer.frequencyHz, airtimeMs)) this.#wants |= STORE_DUTY;
    this.#wants |= SLEEP_RADIO;
    this.enter(STOPPED, nowMs + ASLEEP_MS);
  }

  private answer(nowMs: number): void {
    const peer = this.#current;
    if (peer === undefined || nowMs > peer.dueMs + P2P_ANSWER_LATENCY_MS) {
      if (peer !== undefined) this.isLate(peer);
      this.listen(nowMs);
      return;
    }
    this.#transmit.frame = peer.answer;
    this.#transmit.length = peer.length;
    this.#wants |= TRANSMIT;
    peer.length = 0;
    peer.dueMs = NEVER;
    this.enter(TRANSMITTING, nowMs + this.#airtimeMs + RADIO_PATIENCE_MS);
  }

  private book(endMs: number): void {
    this.#duty.book(this.#plan.answer.frequencyHz, endMs, this.#airtimeMs, 0);
  }
}
