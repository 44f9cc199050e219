/**
 * Delivers tokens over LoRaWAN: one token at a time in SCHC fragments (FPort 32), until the receiver's final acknowledgement (FPort 33) or
 * until the fragment sender gives up; and asks the network for the time. The MAC sends when it may: the app offers each opportunity.
 *
 *   free --token--> delivering --acknowledged, or given up--> free
 *
 *   quiet --opportunity: `send`--> in flight --sent--> quiet
 *                                     +--refused--> quiet, until then
 *
 * A frame without port and payload carries the request for the time, or empties the MAC's answers, when no fragment wants to go or fits.
 */
import type { SymmetricCrypto } from "../../ports/crypto.ts";
import { CONTROL_FPORT, LORAWAN_TAG_BYTES } from "../../wire/control-message.ts";
import { NO_PORT } from "../../wire/lorawan-frame.ts";
import { TOKEN_FPORT } from "../../wire/schc-fragment.ts";
import { StateReader, StateWriter } from "../../wire/state-record.ts";
import { REFUSAL_PAUSE_MS, TIME_REFRESH_MS } from "../bounds.ts";
import type { Machine } from "../machine.ts";
import { STATE_TAG } from "../state-tag.ts";
import { AcknowledgementCheck } from "./acknowledgement.ts";
import { FragmentSender } from "./fragment-sender.ts";
import { TimeRequest } from "./time-request.ts";

export type LorawanUplinkEvent =
  /** The token to deliver, or the bytes again that `readToken` asked for. */
  | { kind: "token"; seq: number; bytes: Uint8Array; length: number }
  /** The MAC is joined and idle and takes a payload of up to this many bytes. */
  | { kind: "opportunity"; maxPayload: number }
  /** The frame and its receive windows are over; `more`: the network holds further downlinks. */
  | { kind: "sent"; more: boolean }
  | { kind: "refused"; untilMs: number }
  | { kind: "downlink"; port: number; payload: Uint8Array; length: number }
  /** The network has told the time. */
  | { kind: "timeLearned" };

export type LorawanUplinkCommand =
  | { kind: "send"; port: number; payload: Uint8Array; length: number }
  | { kind: "acknowledged"; seq: number }
  | { kind: "notDelivered"; seq: number }
  /** The token's bytes are wanted again: saved state does not hold them. */
  | { kind: "readToken"; seq: number };

const VERSION = 1;
const NONE = -1;

export class LorawanUplink implements Machine<LorawanUplinkEvent, LorawanUplinkCommand> {
  #sender = new FragmentSender();
  #time: TimeRequest;
  #check: AcknowledgementCheck;
  #seq = NONE;
  #tokenWanted = false;
  #inFlight = false;
  #timeInFlight = false;
  #refusedUntilMs = 0;
  /** A frame without payload went because no fragment fitted; the second time the token is given up for now. */
  #emptied = false;
  #sendLength = NONE;
  #sendPort = 0;
  #acknowledgedSeq = NONE;
  #send = { kind: "send" as const, port: 0, payload: this.#sender.frame, length: 0 };
  #acknowledged = { kind: "acknowledged" as const, seq: 0 };
  #notDelivered = { kind: "notDelivered" as const, seq: 0 };
  #readToken = { kind: "readToken" as const, seq: 0 };

  /** `timeRefreshMs`: how often the network is asked for the time. */
  constructor(ueid: Uint8Array, ciphers: SymmetricCrypto, timeRefreshMs: number = TIME_REFRESH_MS) {
    this.#time = new TimeRequest(timeRefreshMs);
    this.#check = new AcknowledgementCheck(ueid, ciphers, LORAWAN_TAG_BYTES);
  }

  /** It delivers a token now. */
  get busy(): boolean {
    return this.#seq !== NONE;
  }

  /** Downlinks on the control port that were not authentic. */
  get refusedControl(): number {
    return this.#check.refused;
  }

  /** It would use an opportunity to send. */
  wantsToSend(nowMs: number): boolean {
    if (this.#inFlight || this.#tokenWanted || nowMs < this.#refusedUntilMs) return false;
    return this.#sender.wantsToSend || this.#time.due(nowMs);
  }

  /** The next frame is to carry a request for the time. */
  timeDue(nowMs: number): boolean {
    return this.#time.due(nowMs);
  }

  handle(event: LorawanUplinkEvent, nowMs: number): void {
    switch (event.kind) {
      case "token":
        this.#token(event.seq, event.bytes, event.length);
        return;
      case "opportunity":
        if (this.wantsToSend(nowMs)) this.#compose(event.maxPayload, nowMs);
        return;
      case "sent":
        this.#inFlight = false;
        if (this.#timeInFlight) this.#time.asked(nowMs);
        this.#timeInFlight = false;
        this.#sender.sent(nowMs, event.more);
        return;
      case "refused":
        this.#inFlight = false;
        this.#timeInFlight = false;
        this.#refusedUntilMs = Math.max(event.untilMs, nowMs + REFUSAL_PAUSE_MS);
        this.#sender.refused();
        return;
      case "downlink":
        if (event.port === TOKEN_FPORT) this.#sender.received(event.payload, event.length);
        else if (event.port === CONTROL_FPORT) this.#control(event.payload, event.length);
        return;
      case "timeLearned":
        this.#timeInFlight = false;
        this.#time.learned(nowMs);
        return;
    }
  }

  handleTimeout(nowMs: number): void {
    this.#sender.handleTimeout(nowMs);
  }

  pollTimeout(): number | undefined {
    if (this.#inFlight) return undefined;
    const asks = this.#sender.pollTimeout();
    let next = this.#sender.wantsToSend ? 0 : Math.min(asks ?? Infinity, this.#time.pollTimeout());
    next = Math.max(next, this.#refusedUntilMs);
    return next;
  }

  pollCommand(): LorawanUplinkCommand | undefined {
    if (this.#acknowledgedSeq !== NONE) {
      this.#acknowledged.seq = this.#acknowledgedSeq;
      this.#acknowledgedSeq = NONE;
      return this.#acknowledged;
    }
    if (this.#seq !== NONE && this.#sender.takeFailed()) {
      this.#notDelivered.seq = this.#seq;
      this.#seq = NONE;
      return this.#notDelivered;
    }
    if (this.#tokenWanted) {
      this.#readToken.seq = this.#seq;
      return this.#readToken;
    }
    if (this.#sendLength === NONE) return undefined;
    this.#send.port = this.#sendPort;
    this.#send.length = this.#sendLength;
    this.#sendLength = NONE;
    return this.#send;
  }

  #token(seq: number, bytes: Uint8Array, length: number): void {
    if (this.#tokenWanted) {
      this.#tokenWanted = false;
      // The outbox may have given the token up meanwhile.
      if (length > 0) this.#sender.reload(bytes, length);
      else this.#sender.abort();
      return;
    }
    this.#seq = seq;
    this.#emptied = false;
    this.#sender.start(bytes, length);
  }

  #compose(maxPayload: number, nowMs: number): void {
    const length = this.#sender.nextFrame(maxPayload);
    if (length === 0 && this.#sender.wantsToSend) {
      if (this.#emptied) this.#sender.abort();
      this.#emptied = true;
    }
    this.#sendPort = length === 0 ? NO_PORT : TOKEN_FPORT;
    this.#sendLength = length;
    this.#inFlight = true;
    this.#timeInFlight = this.#time.due(nowMs);
  }

  #control(payload: Uint8Array, length: number): void {
    const seq = this.#check.check(payload, length);
    if (seq < 0) return;
    this.#acknowledgedSeq = seq;
    if (seq !== this.#seq) return;
    this.#seq = NONE;
    this.#tokenWanted = false;
    this.#sender.confirmed();
  }

  save(into: Uint8Array, offset: number): number {
    const writer = new StateWriter(into, offset, STATE_TAG.lorawanUplink, VERSION);
    writer.bool(this.busy);
    writer.u32(this.busy ? this.#seq : 0);
    writer.bool(this.#inFlight);
    writer.bool(this.#timeInFlight);
    writer.time(this.#refusedUntilMs);
    writer.bool(this.#emptied);
    writer.u32(this.#check.refused);
    return this.#time.save(into, this.#sender.save(into, writer.finish()));
  }

  restore(bytes: Uint8Array, offset: number): number {
    const reader = new StateReader(bytes, offset, STATE_TAG.lorawanUplink, VERSION);
    if (!reader.valid) return -1;
    const busy = reader.bool();
    const seq = reader.u32();
    this.#seq = busy ? seq : NONE;
    this.#inFlight = reader.bool();
    this.#timeInFlight = reader.bool();
    this.#refusedUntilMs = reader.time() ?? 0;
    this.#emptied = reader.bool();
    this.#check.refused = reader.u32();
    const end = this.#sender.restore(bytes, reader.end);
    if (end < 0) return -1;
    this.#tokenWanted = busy;
    return this.#time.restore(bytes, end);
  }
}
