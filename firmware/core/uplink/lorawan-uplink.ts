/**
 * Delivers tokens over LoRaWAN or point to point, and asks for the time. The layer below sends when it may: the app offers each opportunity.
 *
 *   free --token--> delivering --acknowledged; given up: `notDelivered`; no downlinks, all is out: `sent`--> free
 *    ^  |               |    ^
 *    |  |               |    +--token-- wanted (`readToken`)
 *    |  |               +--compact, all is out, nothing answers--> set aside (set-aside.ts), and free
 *    |  +--one that was set aside is due--> wanted
 *    +--one that was set aside is acknowledged, or due too often: `notDelivered`
 *
 *   quiet --opportunity: `send`--> in flight --sent--> quiet
 *                                     +--refused--> quiet, until then
 *
 * A batch goes as a compact token (FPorts 20, 30, 31), anything else whole (32, 31): compact-form.ts.
 *
 * Acknowledgements count whatever is under way. A frame without port and payload carries the request for the time, or empties the MAC's answers, when
 * no fragment wants to go or fits.
 */
import { CONTROL_FPORT, LORAWAN_TAG_BYTES } from "../../wire/control-message.ts";
import { NO_PORT } from "../../wire/lorawan-frame.ts";
import { COMPACT_RULE } from "../../wire/parity-frame.ts";
import { TILE_BYTES, TOKEN_FPORT } from "../../wire/schc-fragment.ts";
import { newSlotAnswer } from "../../wire/slot-answer.ts";
import { StateReader, StateWriter } from "../../wire/state-record.ts";
import { REFUSAL_PAUSE_MS, TIME_REFRESH_MS } from "../bounds.ts";
import type { Machine } from "../machine.ts";
import { STATE_TAG } from "../state-tag.ts";
import { CompactForm, isCompactForm } from "./compact-form.ts";
import { ControlCheck } from "./control-check.ts";
import { FragmentSender } from "./fragment-sender.ts";
import type {
  AboutToken,
  LorawanUplinkCommand,
  LorawanUplinkEvent,
  LorawanUplinkOptions,
} from "./lorawan-uplink-events.ts";
import { SetAside } from "./set-aside.ts";
import { TimeRequest } from "./time-request.ts";

const VERSION = 2;
/** A request for the time rides on frames that hold more than one tile. */
const TIME_ROOM_BYTES = 2 * (1 + TILE_BYTES);
const NONE = -1;

/** Why bytes are wanted. */
const NOT_WANTED = 0;
const RELOAD = 1;
const RESUME = 2;

export class LorawanUplink implements Machine<LorawanUplinkEvent, LorawanUplinkCommand> {
  #downlinks: boolean;
  #sender: FragmentSender;
  #aside: SetAside;
  #time: TimeRequest;
  #check: ControlCheck;
  #compact: CompactForm;
  #seq = NONE;
  /** How the token in hand is sent; also the note of one that is set aside. */
  #form = 0;
  #wanted = NOT_WANTED;
  #draining = false;
  #inFlight = false;
  #timeInFlight = false;
  #refusedUntilMs = 0;
  /** A frame without payload went because no fragment fitted; the second time the token is given up for now. */
  #emptied = false;
  #sendLength = NONE;
  /** Acknowledged: bit i is the token #acknowledgedFrom - i. */
  #acknowledgedFrom = 0;
  #acknowledgedBits = 0;
  #failedSeq = NONE;
  #sentSeq = NONE;
  #isChallenged = false;
  #isBootRequested = false;
  #send: Extract<LorawanUplinkCommand, { kind: "send" }>;
  /** The command about a token. */
  #about: AboutToken = { kind: "acknowledged", seq: 0 };
  #challenged: Extract<LorawanUplinkCommand, { kind: "challenged" }>;
  #bootRequested = { kind: "bootRequested" as const, bootCount: 0 };

  constructor({
    ueid,
    ciphers,
    profile,
    coder,
    downlinks = true,
    timeRefreshMs = TIME_REFRESH_MS,
  }: LorawanUplinkOptions) {
    this.#compact = new CompactForm(profile, coder, downlinks);
    this.#downlinks = downlinks;
    const answer = newSlotAnswer();
    this.#sender = new FragmentSender({ downlinks, answer });
    this.#aside = new SetAside(answer);
    this.#time = new TimeRequest(timeRefreshMs);
    this.#check = new ControlCheck(ueid, ciphers, LORAWAN_TAG_BYTES);
    this.#send = { kind: "send", port: 0, payload: this.#sender.frame, length: 0 };
    this.#challenged = { kind: "challenged", nonce: this.#check.message.nonce, length: 0 };
  }

  /** It takes no other token now. */
  get busy(): boolean {
    return this.#seq !== NONE;
  }

  /** Downlinks on the control port that were not authentic. */
  get refusedControl(): number {
    return this.#check.refused;
  }

  /** It would use an opportunity to send. */
  wantsToSend(nowMs: number): boolean {
    if (this.#inFlight || this.#wanted !== NOT_WANTED || nowMs < this.#refusedUntilMs) return false;
    return this.#sender.wantsToSend || this.#time.due(nowMs);
  }

  /** The next frame, of up to `room` bytes, is to carry a request for the time. It takes a byte, which where a tile fills the frame is one too many. */
  asksTime(room: number, nowMs: number): boolean {
    if (!this.#sender.wantsToSend) return this.#time.due(nowMs);
    return room >= TIME_ROOM_BYTES && this.#time.rides(nowMs);
  }

  handle(event: LorawanUplinkEvent, nowMs: number): void {
    switch (event.kind) {
      case "token":
        this.token(event);
        break;
      case "opportunity":
        if (this.wantsToSend(nowMs)) this.compose(event.maxPayload, event.asksTime);
        break;
      case "sent":
        this.#inFlight = false;
        if (this.#timeInFlight) this.#time.asked(nowMs);
        this.#timeInFlight = false;
        this.#sender.sent(nowMs, event.more);
        break;
      case "refused":
        this.#inFlight = false;
        this.#timeInFlight = false;
        this.#refusedUntilMs = Math.max(event.untilMs, nowMs + REFUSAL_PAUSE_MS);
        this.#sender.refused();
        break;
      case "downlink":
        if (event.port === CONTROL_FPORT) this.control(event.payload, event.length);
        else this.answered(event.port, event.payload, event.length);
        break;
      case "timeLearned":
        this.#timeInFlight = false;
        this.#time.learned(nowMs);
        break;
      case "drain":
        this.#draining = true;
        break;
    }
    this.settle(nowMs);
  }

  handleTimeout(nowMs: number): void {
    this.#sender.handleTimeout(nowMs);
    this.settle(nowMs);
  }

  pollTimeout(): number | undefined {
    if (this.#inFlight) return undefined;
    const asks = this.#sender.pollTimeout() ?? Infinity;
    let next = this.#sender.wantsToSend ? 0 : Math.min(asks, this.#time.pollTimeout());
    if (!this.busy) next = Math.min(next, this.#aside.pollTimeout(this.#draining) ?? Infinity);
    return Math.max(next, this.#refusedUntilMs);
  }

  pollCommand(): LorawanUplinkCommand | undefined {
    if (this.#acknowledgedBits !== 0) return this.nextAcknowledged();
    if (this.#failedSeq !== NONE) {
      const seq = this.#failedSeq;
      this.#failedSeq = NONE;
      return this.about("notDelivered", seq);
    }
    if (this.#sentSeq !== NONE) {
      const seq = this.#sentSeq;
      this.#sentSeq = NONE;
      return this.about("sent", seq);
    }
    if (this.#isChallenged) {
      this.#isChallenged = false;
      return this.#challenged;
    }
    if (this.#isBootRequested) {
      this.#isBootRequested = false;
      return this.#bootRequested;
    }
    if (this.#wanted !== NOT_WANTED) return this.about("readToken", this.#seq);
    if (this.#sendLength === NONE) return undefined;
    this.#send.length = this.#sendLength;
    this.#sendLength = NONE;
    return this.#send;
  }

  private nextAcknowledged(): LorawanUplinkCommand {
    let bit = 0;
    while ((this.#acknowledgedBits & (1 << bit)) === 0) bit++;
    this.#acknowledgedBits &= ~(1 << bit);
    return this.about("acknowledged", this.#acknowledgedFrom - bit);
  }

  private about(kind: AboutToken["kind"], seq: number): LorawanUplinkCommand {
    this.#about.kind = kind;
    this.#about.seq = seq;
    return this.#about;
  }

  private token(event: Extract<LorawanUplinkEvent, { kind: "token" }>): void {
    const { seq, bytes, length } = event;
    const wanted = this.#wanted;
    this.#wanted = NOT_WANTED;
    if (wanted !== RELOAD) this.#emptied = false;
    if (wanted === NOT_WANTED) {
      this.#seq = seq;
      this.#form = this.#compact.choose(event);
    } else if (length <= 0) {
      // The outbox has given the token up meanwhile.
      if (wanted === RELOAD) this.#sender.abort();
      else this.fail();
      return;
    }
    const compactLength = this.#compact.pack(this.#form, bytes, length, this.#sender.workspace);
    const isCompact = compactLength > 0;
    const datagram = isCompact ? this.#sender.workspace : bytes;
    const datagramLength = isCompact ? compactLength : length;
    if (wanted === RELOAD) this.#sender.reload(datagram, datagramLength);
    else {
      const resumed = wanted === RESUME;
      const missing = resumed ? this.#aside.missingOf(seq) : undefined;
      this.#sender.start(datagram, datagramLength, isCompact ? COMPACT_RULE : TOKEN_FPORT, seq, resumed, missing);
    }
  }

  private compose(maxPayload: number, asksTime: boolean): void {
    const length = this.#sender.nextFrame(maxPayload);
    if (length === 0 && this.#sender.wantsToSend) {
      if (this.#emptied) this.#sender.abort();
      this.#emptied = true;
    }
    this.#send.port = length === 0 ? NO_PORT : this.#sender.port;
    this.#sendLength = length;
    this.#inFlight = true;
    this.#timeInFlight = asksTime;
  }

  /** An answer on one of the fragments' ports. */
  private answered(port: number, payload: Uint8Array, length: number): void {
    this.#sender.received(port, payload, length);
    if (port === COMPACT_RULE) this.lacks(payload, length);
  }

  /** Answers of FPort 20 about tokens that were set aside. */
  private lacks(answers: Uint8Array, length: number): void {
    this.#aside.answered();
    this.#aside.lacks(answers, 0, length, isCompactForm(this.#form) ? this.#seq : NONE);
  }

  private control(payload: Uint8Array, length: number): void {
    if (!this.#check.accept(payload, length)) return;
    const { message } = this.#check;
    this.#aside.answered();
    switch (message.kind) {
      case "ack":
        this.accepted(message.seq, message.earlier);
        if (message.earlier !== undefined) this.lacks(message.answers, message.answersLength);
        return;
      case "parity":
        this.#sender.requestParity(message.rule, message.firstParity, message.tiles, message.check);
        return;
      case "boot":
        this.#bootRequested.bootCount = message.bootCount;
        this.#isBootRequested = true;
        return;
      case "challenge":
        this.#challenged.length = message.nonceLength;
        this.#isChallenged = true;
        return;
    }
  }

  /** The receiver has token `seq`, and of the eight before it those of which a bit of `earlier` is set; undefined where it says nothing of them. */
  private accepted(seq: number, earlier: number | undefined): void {
    this.#acknowledgedFrom = seq;
    this.#acknowledgedBits = 1 | ((earlier ?? 0) << 1);
    if (earlier === undefined) this.#aside.remove(seq);
    else this.#aside.history(seq, earlier);
    const back = seq - this.#seq;
    if (!this.busy || back < 0 || back > 8 || (this.#acknowledgedBits & (1 << back)) === 0) return;
    this.#seq = NONE;
    this.#wanted = NOT_WANTED;
    this.#sender.confirmed();
  }

  /** What became of the token in hand; and takes up what was set aside. */
  private settle(nowMs: number): void {
    if (this.busy && this.#sender.takeFailed()) this.fail();
    if (this.busy && this.#sender.takeDone()) {
      if (this.#downlinks) this.setAside(nowMs);
      else this.#sentSeq = this.#seq;
      this.#seq = NONE;
    }
    if (this.busy || this.#failedSeq !== NONE) return;
    const due = this.#aside.due(nowMs, this.#draining);
    if (due === NONE) return;
    if (this.#aside.isExhausted(due)) {
      this.giveBack(due);
      return;
    }
    this.#form = this.#aside.resume(due);
    this.#seq = due;
    this.#wanted = RESUME;
  }

  private setAside(nowMs: number): void {
    // Nothing is answered, or this would not be: the outbox knows how long to wait.
    if (this.#aside.isFull && !this.#aside.has(this.#seq)) this.giveBack(this.#aside.oldest);
    this.#aside.add(this.#seq, this.#form, nowMs);
  }

  private giveBack(seq: number): void {
    this.#aside.remove(seq);
    this.#failedSeq = seq;
  }

  private fail(): void {
    this.giveBack(this.#seq);
    this.#seq = NONE;
  }

  save(into: Uint8Array, offset: number): number {
    const writer = new StateWriter(into, offset, STATE_TAG.lorawanUplink, VERSION);
    writer.bool(this.busy);
    writer.u32(this.busy ? this.#seq : 0);
    writer.u8(this.#form);
    writer.bool(this.#wanted === RESUME);
    writer.bool(this.#draining);
    writer.bool(this.#inFlight);
    writer.bool(this.#timeInFlight);
    writer.time(this.#refusedUntilMs);
    writer.bool(this.#emptied);
    writer.u32(this.#check.refused);
    this.#aside.save(writer);
    return this.#time.save(into, this.#sender.save(into, writer.finish()));
  }

  restore(bytes: Uint8Array, offset: number): number {
    const reader = new StateReader(bytes, offset, STATE_TAG.lorawanUplink, VERSION);
    if (!reader.valid) return -1;
    const busy = reader.bool();
    const seq = reader.u32();
    this.#seq = busy ? seq : NONE;
    this.#form = reader.u8();
    const resumes = reader.bool();
    this.#wanted = !busy ? NOT_WANTED : resumes ? RESUME : RELOAD;
    this.#draining = reader.bool();
    this.#inFlight = reader.bool();
    this.#timeInFlight = reader.bool();
    this.#refusedUntilMs = reader.time() ?? 0;
    this.#emptied = reader.bool();
    this.#check.refused = reader.u32();
    this.#aside.restore(reader);
    const end = this.#sender.restore(bytes, reader.end);
    return end < 0 ? -1 : this.#time.restore(bytes, end);
  }
}
