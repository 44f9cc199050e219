/**
 * The sending half of fragmentation, uplink ACK-on-Error (RFC 8724 8.4.3.1, RFC 9011 5.6.2), for one token at a time. What goes into the frames
 * is outgoing-datagram.ts's; here is what happens when something is answered, and when nothing is.
 *
 *   idle --datagram--> sending --everything is out--+--no downlinks: parity ahead of any request, then--> idle, `done`
 *                         ^                         |
 *                         |      +------------------+--downlinks
 *                         |      v
 *                         |   waiting --timer, or the network holds more for us--> asking --ACK REQ is out--> waiting
 *                         |      |                                                    |
 *                         +------+--ACK: tiles are missing; a request for parity      | nobody answers
 *                                |                                                    v
 *                                |                 RuleID 20: idle, `done`: set aside (set-aside.ts)
 *                                |                 RuleID 32: aborting --Sender-Abort is out--> idle, `failed`
 *                                +--confirmed (the receiver's final acknowledgement)--> idle
 *
 * Compact tokens (RuleID 20) are not asked for: nothing costs so little as the answer to a later token, which says what became of this one.
 * Whole ones (RuleID 32) insist. A complete ACK only says that the receiver could put the datagram together.
 */
import { COMPACT_RULE, type ParityRule } from "../../wire/parity-frame.ts";
import { newAck, parseAck } from "../../wire/schc-fragment.ts";
import { newSlotAnswer, readSlotAnswer, type SlotAnswer } from "../../wire/slot-answer.ts";
import { slotOf } from "../../wire/slot-fragment.ts";
import { StateReader, StateWriter } from "../../wire/state-record.ts";
import {
  ACK_REQUEST_FIRST_MS,
  ACK_REQUEST_MAX_MS,
  ACK_REQUESTS_MAX,
  AHEAD_PARITY_PERCENT,
  COMPACT_ACK_REQUESTS_MAX,
  REPAIRS_MAX,
} from "../bounds.ts";
import { STATE_TAG } from "../state-tag.ts";
import { FRAME_BYTES_MAX, OutgoingDatagram } from "./outgoing-datagram.ts";

const VERSION = 2;
const IDLE = 0;
const SENDING = 1;
const WAITING = 2;
const ASKING = 3;
const ABORTING = 4;

export interface FragmentSenderOptions {
  /** The receiver can answer. */
  downlinks: boolean;
  /** Without downlinks: parity tiles in per cent of the data tiles. */
  aheadPercent?: number;
  /** Room for reading answers in, during a call only. Its own by default. */
  answer?: SlotAnswer;
}

export class FragmentSender {
  #downlinks: boolean;
  #aheadPercent: number;
  #phase = IDLE;
  #datagram = new OutgoingDatagram();
  /** The frame in the air is a question or a Sender-Abort. */
  #isMessage = false;
  /** Parity ahead of any request has been added. */
  #isAhead = false;
  /** Requests in a row that nothing answered, and answers that asked for tiles. */
  #requests = 0;
  #repairs = 0;
  #askDelayMs = ACK_REQUEST_FIRST_MS;
  #askAtMs = 0;
  #failed = false;
  #done = false;
  #ack = newAck();
  #answer: SlotAnswer;

  constructor({ downlinks, aheadPercent = AHEAD_PARITY_PERCENT, answer = newSlotAnswer() }: FragmentSenderOptions) {
    this.#answer = answer;
    this.#downlinks = downlinks;
    this.#aheadPercent = aheadPercent;
  }

  get idle(): boolean {
    return this.#phase === IDLE;
  }

  /** The frame that `nextFrame` wrote. */
  get frame(): Uint8Array {
    return this.#datagram.frame;
  }

  /** While it is idle, or before `reload`: room to make a datagram in, which `start` and `reload` then need not copy. */
  get workspace(): Uint8Array {
    return this.#datagram.bytes;
  }

  /** It has a frame to send. */
  get wantsToSend(): boolean {
    return this.#phase === SENDING || this.#phase === ASKING || this.#phase === ABORTING;
  }

  /** FPort of the frame that `nextFrame` wrote: 20, 30, 31 or 32. */
  get port(): number {
    return this.#datagram.port;
  }

  /** Of the datagram in hand, or of the last one. */
  get rule(): ParityRule {
    return this.#datagram.rule;
  }

  get seq(): number {
    return this.#datagram.seq;
  }

  /**
   * Begins the token `seq`: under RuleID 20 a compact one of at most MAX_SLOT_BYTES, under 32 any. `resumed`: a compact one that was set aside;
   * what the receiver lacks of it goes, if that is known, else what asks for it.
   */
  start(
    datagram: Uint8Array,
    length: number,
    rule: ParityRule,
    seq: number,
    resumed = false,
    missing?: Uint8Array,
  ): void {
    const isEven = !this.#downlinks;
    this.#datagram.begin(datagram, length, rule, seq, resumed, isEven);
    // What was told may be of another token of the slot.
    if (missing !== undefined && !this.#datagram.lacks(missing)) {
      this.#datagram.begin(datagram, length, rule, seq, resumed, isEven);
    }
    this.#phase = SENDING;
    this.#isMessage = false;
    this.#isAhead = false;
    this.#requests = 0;
    this.#repairs = 0;
    this.#askDelayMs = ACK_REQUEST_FIRST_MS;
    this.#failed = false;
    this.#done = false;
  }

  /** Puts the bytes of the datagram back after `restore`, which does not hold them. */
  reload(datagram: Uint8Array, length: number): void {
    this.#datagram.reload(datagram, length);
  }

  /** Writes the next frame of at most `maxPayload` bytes into `frame`; returns its length, or 0 when none fits. */
  nextFrame(maxPayload: number): number {
    const room = Math.min(maxPayload, FRAME_BYTES_MAX);
    if (room < 1) return 0;
    this.#isMessage = this.#phase !== SENDING;
    if (this.#phase === ABORTING) return this.#datagram.senderAbort();
    if (this.#phase === ASKING) return this.#datagram.question();
    return this.#phase === SENDING ? this.#datagram.next(room) : 0;
  }

  /** The frame has left, and its receive windows are over. `more`: the network holds downlinks that another uplink would fetch. */
  sent(nowMs: number, more: boolean): void {
    const isMessage = this.#isMessage;
    const isWhole = this.#datagram.isWholeInFlight;
    this.#isMessage = false;
    this.#datagram.sent();
    if (isMessage) {
      if (this.#phase === ABORTING) this.end(true);
      else if (this.#phase === ASKING) this.wait(nowMs, more);
      return;
    }
    if (this.#phase !== SENDING || !this.#datagram.isAllOut) return;
    if (!this.#downlinks && !this.#isAhead) {
      this.#isAhead = true;
      this.#datagram.addAhead(this.#aheadPercent, isWhole);
    }
    if (!this.#datagram.isAllOut) return;
    if (this.#downlinks) this.wait(nowMs, more);
    else this.end(false);
  }

  /** The frame was not sent. */
  refused(): void {
    this.#isMessage = false;
    this.#datagram.refused();
  }

  /** A downlink on a fragment port: what is missing, or an abort. Returns why it was ignored, or undefined. */
  received(port: number, frame: Uint8Array, length: number): string | undefined {
    if (this.#phase === IDLE || this.#phase === ABORTING || port !== this.rule) return "no-datagram";
    return port === COMPACT_RULE ? this.lacks(frame, 0, length) : this.receivedAck(frame, length);
  }

  /**
   * Answers of FPort 20 from `offset` on, of several slots (wire/slot-answer.ts); they also stand behind an acknowledgement with history. What is said
   * of the datagram in hand counts; SetAside takes the others. Returns why they were ignored, or undefined.
   */
  lacks(answers: Uint8Array, offset: number, length: number): string | undefined {
    if (this.#phase === IDLE || this.rule !== COMPACT_RULE) return "no-datagram";
    const answer = this.#answer;
    for (let at = readSlotAnswer(answers, offset, length, answer); ; at = readSlotAnswer(answers, at, length, answer)) {
      if (at < 0) return "no-answer-for-it";
      if (answer.slot === slotOf(this.seq)) break;
    }
    if (answer.kind === "missing") {
      if (this.#datagram.lacks(answer.missing)) this.repair();
      // It is all there, and waits for something else: what that was a later answer tells.
      else this.end(false);
    } else this.end(answer.kind === "abort");
    return undefined;
  }

  private receivedAck(frame: Uint8Array, length: number): string | undefined {
    const ack = this.#ack;
    if (!parseAck(frame, length, ack)) return ack.reason;
    if (ack.kind === "receiver-abort") {
      this.end(true);
      return undefined;
    }
    if (ack.complete) return undefined;
    const missing = this.#datagram.missing(ack.window, ack.bitmap);
    if (missing < 0) return "window-beyond-datagram";
    if (missing > 0) this.repair();
    // Every tile is there and the check was wrong (RFC 8724 8.4.3.1): nothing that is sent again would help.
    else if (this.#datagram.isLastWindow(ack.window) && this.#phase !== SENDING) this.abort();
    return undefined;
  }

  /** An authentic request for parity tiles (wire/parity-request.ts). Returns why it was ignored, or undefined. */
  requestParity(rule: ParityRule, firstParity: number, tiles: number, check: number): string | undefined {
    if (this.#phase === IDLE || this.#phase === ABORTING) return "no-datagram";
    if (rule !== this.rule || check !== this.#datagram.check) return "parity-of-another";
    this.#datagram.request(firstParity, tiles);
    this.repair();
    return undefined;
  }

  private repair(): void {
    this.#repairs++;
    this.#requests = 0;
    this.#askDelayMs = ACK_REQUEST_FIRST_MS;
    if (this.#repairs > REPAIRS_MAX) this.abort();
    else this.#phase = SENDING;
  }

  /** The receiver has the token. */
  confirmed(): void {
    this.#phase = IDLE;
    this.#failed = false;
    this.#done = false;
  }

  /** Gives the datagram up: under RuleID 32 a Sender-Abort goes, then it has failed; under 20 at once. */
  abort(): void {
    if (this.#phase === IDLE) return;
    if (this.rule === COMPACT_RULE) this.end(true);
    else this.#phase = ABORTING;
  }

  private end(failed: boolean): void {
    this.#phase = IDLE;
    this.#failed = failed;
    this.#done = !failed;
  }

  /** True once after the datagram has failed. */
  takeFailed(): boolean {
    const failed = this.#failed;
    this.#failed = false;
    return failed;
  }

  /** True once after everything of a datagram has gone out and nobody answers: with downlinks it is to be set aside, else it counts as sent. */
  takeDone(): boolean {
    const done = this.#done;
    this.#done = false;
    return done;
  }

  handleTimeout(nowMs: number): void {
    if (this.#phase === WAITING && nowMs >= this.#askAtMs) this.ask();
  }

  pollTimeout(): number | undefined {
    return this.#phase === WAITING ? this.#askAtMs : undefined;
  }

  private wait(nowMs: number, more: boolean): void {
    if (this.rule === COMPACT_RULE && !more) {
      // A tile that may be of use asks as well as a question does.
      if (this.#datagram.isManyFrames && this.#requests < COMPACT_ACK_REQUESTS_MAX && this.#datagram.addOne()) {
        this.#requests++;
        this.#phase = SENDING;
      } else this.end(false);
      return;
    }
    this.#phase = WAITING;
    this.#askAtMs = more ? nowMs : nowMs + this.#askDelayMs;
    this.#askDelayMs = Math.min(2 * this.#askDelayMs, ACK_REQUEST_MAX_MS);
  }

  private ask(): void {
    const isCompact = this.rule === COMPACT_RULE;
    if (this.#requests < (isCompact ? COMPACT_ACK_REQUESTS_MAX : ACK_REQUESTS_MAX)) this.#phase = ASKING;
    else if (isCompact) this.end(false);
    else this.#phase = ABORTING;
    this.#requests++;
  }

  save(into: Uint8Array, offset: number): number {
    const writer = new StateWriter(into, offset, STATE_TAG.fragmentSender, VERSION);
    writer.u8(this.#phase);
    this.#datagram.save(writer);
    writer.bool(this.#isMessage);
    writer.bool(this.#isAhead);
    writer.u8(this.#requests);
    writer.u8(this.#repairs);
    writer.u32(this.#askDelayMs);
    writer.time(this.#askAtMs);
    writer.bool(this.#failed);
    writer.bool(this.#done);
    return writer.finish();
  }

  restore(bytes: Uint8Array, offset: number): number {
    const reader = new StateReader(bytes, offset, STATE_TAG.fragmentSender, VERSION);
    if (!reader.valid) return -1;
    this.#phase = reader.u8();
    this.#datagram.restore(reader);
    this.#isMessage = reader.bool();
    this.#isAhead = reader.bool();
    this.#requests = reader.u8();
    this.#repairs = reader.u8();
    this.#askDelayMs = reader.u32();
    this.#askAtMs = reader.time() ?? 0;
    this.#failed = reader.bool();
    this.#done = reader.bool();
    return reader.end;
  }
}
