/**
 * The certification protocol on FPort 224 (TS009-1.1.0, package 6): a test layer in the network's place makes the device do what a test needs.
 * Class A only: SwitchClassReq for another class, PingSlotInfoReq and the beacon commands are not for us and stay without effect, as does
 * TxCwReq, for which the radio port has no operation. For devices on a test bench: the application makes this machine only when it is told to.
 *
 *            TxPeriodicityChangeReq 1..10
 *        +-------+ -------------> +----------+   own uplinks, one each period; an answer that waits goes instead
 *        | quiet | <------------- | periodic |
 *        +-------+ 0              +----------+
 *             \                       /
 *              \ DutFPort224DisableReq                         every command counts in both states
 *               +----------> +-----+
 *                            | off |   for ever: on flash (lw.cert), then the device resets
 *                            +-----+
 *
 * A command asks for nothing twice: an answer that did not leave before the next command is dropped (TS009 4.2.3).
 */
import { NO_PORT } from "../../wire/lorawan-frame.ts";
import { StateReader, StateWriter } from "../../wire/state-record.ts";
import type { Machine } from "../machine.ts";

export const CERTIFICATION_PORT = 224;
/** Key of the record on flash: one byte, 1 when the port was switched off. */
export const CERTIFICATION_KEY = "lw.cert";

const COMMAND = Object.freeze({
  packageVersion: 0x00,
  reset: 0x01,
  join: 0x02,
  switchClass: 0x03,
  adrBitChange: 0x04,
  regionalDutyCycle: 0x05,
  txPeriodicity: 0x06,
  txFrames: 0x07,
  echoPayload: 0x08,
  rxAppCnt: 0x09,
  rxAppCntReset: 0x0a,
  linkCheck: 0x20,
  deviceTime: 0x21,
  disable: 0x7e,
  versions: 0x7f,
} as const);

const PACKAGE_ID = 6;
const PACKAGE_VERSION = 1;
/** LoRaWAN 1.0.4, RP002-1.0.4: major, minor, patch, revision. */
const LORAWAN_VERSION = Object.freeze([1, 0, 4, 0]);
const REGIONAL_VERSION = Object.freeze([2, 1, 0, 4]);
/** TxPeriodicityChangeReq, in seconds; 0 gives the uplinks back to the application. */
const PERIODS_S = Object.freeze([0, 5, 10, 20, 30, 40, 50, 60, 120, 240, 480]);
const UNCONFIRMED = 1;
const CONFIRMED = 2;
/** Port of the uplinks between: no answer to anything. */
const FILL_PORT = 1;
const MAX_PAYLOAD = 242;

export type CertificationEvent =
  /** Any frame for the application, whatever its port. */
  | { kind: "downlink"; port: number; payload: Uint8Array; length: number }
  /** The MAC takes a payload of up to this many bytes: answered by send, where `wantsToSend`. */
  | { kind: "opportunity"; maxPayload: number }
  /** An uplink is over; `acknowledged` as the MAC tells it. */
  | { kind: "sent"; acknowledged: boolean }
  | { kind: "refused"; untilMs: number };

export type CertificationCommand =
  | { kind: "send"; port: number; payload: Uint8Array; length: number; confirmed: boolean }
  | { kind: "join" }
  | { kind: "requestLinkCheck" }
  | { kind: "requestTime" }
  | { kind: "setAdr"; on: boolean }
  | { kind: "setDutyCycle"; on: boolean }
  | { kind: "store"; key: string; value: Uint8Array; length: number }
  /** Reset the whole device. */
  | { kind: "reset" };

type Command<Kind extends CertificationCommand["kind"]> = Extract<CertificationCommand, { kind: Kind }>;

/** Wishes as bits, handed out lowest first. */
const WANT = Object.freeze({
  setAdr: 0x01,
  setDutyCycle: 0x02,
  requestLinkCheck: 0x04,
  requestTime: 0x08,
  join: 0x10,
  store: 0x20,
  reset: 0x40,
  send: 0x80,
} as const);

const STATE_TAG = 0x43;
const STATE_VERSION = 1;

export class Certification implements Machine<CertificationEvent, CertificationCommand> {
  readonly #firmwareVersion: Uint8Array;
  readonly #answer = new Uint8Array(MAX_PAYLOAD);
  #answerLength = 0;
  #isOff = false;
  #periodMs = 0;
  #nextMs = 0;
  /** An uplink without a period: an answer, or a request of the MAC's that wants to ride on something. */
  #hurry = false;
  #notBeforeMs = 0;
  #confirmed = false;
  /** Frames for the application, and acknowledgements (TS009 4.2.1). */
  #rxAppCnt = 0;
  #isCounted = false;
  #fillNumber = 0;
  #wanted = 0;
  readonly #send: Command<"send"> = { kind: "send", port: 0, payload: this.#answer, length: 0, confirmed: false };
  readonly #setAdr: Command<"setAdr"> = { kind: "setAdr", on: true };
  readonly #setDutyCycle: Command<"setDutyCycle"> = { kind: "setDutyCycle", on: true };
  readonly #store: Command<"store"> = { kind: "store", key: CERTIFICATION_KEY, value: Uint8Array.of(1), length: 1 };
  readonly #fill = new Uint8Array(1);

  /** `firmwareVersion`: major, minor, patch, revision. */
  constructor(firmwareVersion: Uint8Array) {
    this.#firmwareVersion = firmwareVersion;
  }

  /** After power-on: was the port switched off for ever? `read` as of the key-value store. */
  loadPersistent(read: (key: string, into: Uint8Array) => number): void {
    const record = new Uint8Array(1);
    this.#isOff = read(CERTIFICATION_KEY, record) === 1 && record[0] === 1;
  }

  /** Uplinks are the test layer's business now: the application keeps still. */
  get isInCharge(): boolean {
    return this.#periodMs > 0;
  }

  wantsToSend(nowMs: number): boolean {
    if (nowMs < this.#notBeforeMs) return false;
    return this.#hurry || (this.#periodMs > 0 && nowMs >= this.#nextMs);
  }

  handle(event: CertificationEvent, nowMs: number): void {
    if (this.#isOff) return;
    switch (event.kind) {
      case "downlink":
        this.#rxAppCnt = (this.#rxAppCnt + 1) & 0xffff;
        this.#isCounted = true;
        if (event.port === CERTIFICATION_PORT && event.length > 0) this.obey(event.payload, event.length, nowMs);
        return;
      case "sent":
        if (event.acknowledged && !this.#isCounted) this.#rxAppCnt = (this.#rxAppCnt + 1) & 0xffff;
        this.#isCounted = false;
        return;
      case "opportunity":
        if (this.wantsToSend(nowMs)) this.compose(event.maxPayload, nowMs);
        return;
      case "refused":
        this.#hurry = true;
        this.#notBeforeMs = event.untilMs;
        return;
    }
  }

  handleTimeout(_nowMs: number): void {}

  pollTimeout(): number | undefined {
    if (this.#isOff) return undefined;
    if (this.#hurry) return this.#notBeforeMs;
    return this.#periodMs > 0 ? Math.max(this.#nextMs, this.#notBeforeMs) : undefined;
  }

  pollCommand(): CertificationCommand | undefined {
    const next = this.#wanted & -this.#wanted;
    this.#wanted &= ~next;
    switch (next) {
      case WANT.setAdr:
        return this.#setAdr;
      case WANT.setDutyCycle:
        return this.#setDutyCycle;
      case WANT.requestLinkCheck:
        return { kind: "requestLinkCheck" };
      case WANT.requestTime:
        return { kind: "requestTime" };
      case WANT.join:
        return { kind: "join" };
      case WANT.store:
        return this.#store;
      case WANT.reset:
        return { kind: "reset" };
      case WANT.send:
        return this.#send;
      default:
        return undefined;
    }
  }

  private obey(payload: Uint8Array, length: number, nowMs: number): void {
    const argument = length > 1 ? payload[1] : -1;
    this.#answerLength = 0;
    switch (payload[0]) {
      case COMMAND.packageVersion:
        this.#answer.set([COMMAND.packageVersion, PACKAGE_ID, PACKAGE_VERSION]);
        this.#answerLength = 3;
        break;
      case COMMAND.reset:
        this.#wanted |= WANT.reset;
        break;
      case COMMAND.join:
        this.#wanted |= WANT.join;
        break;
      case COMMAND.adrBitChange:
        this.#setAdr.on = argument === 1;
        if (argument === 0 || argument === 1) this.#wanted |= WANT.setAdr;
        break;
      case COMMAND.regionalDutyCycle:
        this.#setDutyCycle.on = argument === 1;
        if (argument === 0 || argument === 1) this.#wanted |= WANT.setDutyCycle;
        break;
      case COMMAND.txPeriodicity:
        if (argument < 0 || argument >= PERIODS_S.length) break;
        this.#periodMs = PERIODS_S[argument] * 1000;
        this.#nextMs = nowMs + this.#periodMs;
        break;
      case COMMAND.txFrames:
        if (argument === UNCONFIRMED || argument === CONFIRMED) this.#confirmed = argument === CONFIRMED;
        break;
      case COMMAND.echoPayload:
        this.echo(payload, length);
        break;
      case COMMAND.rxAppCnt:
        this.#answer.set([COMMAND.rxAppCnt, this.#rxAppCnt & 0xff, this.#rxAppCnt >>> 8]);
        this.#answerLength = 3;
        break;
      case COMMAND.rxAppCntReset:
        this.#rxAppCnt = 0;
        break;
      case COMMAND.linkCheck:
        this.#wanted |= WANT.requestLinkCheck;
        this.#hurry = true;
        break;
      case COMMAND.deviceTime:
        this.#wanted |= WANT.requestTime;
        this.#hurry = true;
        break;
      case COMMAND.disable:
        this.#isOff = true;
        this.#periodMs = 0;
        this.#hurry = false;
        this.#wanted |= WANT.store | WANT.reset;
        break;
      case COMMAND.versions:
        this.#answer[0] = COMMAND.versions;
        this.#answer.set(this.#firmwareVersion.subarray(0, 4), 1);
        this.#answer.set(LORAWAN_VERSION, 5);
        this.#answer.set(REGIONAL_VERSION, 9);
        this.#answerLength = 13;
        break;
    }
    if (this.#answerLength > 0) this.#hurry = true;
  }

  /** Every byte back, one higher. */
  private echo(payload: Uint8Array, length: number): void {
    this.#answer[0] = COMMAND.echoPayload;
    for (let i = 1; i < length && i < MAX_PAYLOAD; i++) this.#answer[i] = payload[i] + 1;
    this.#answerLength = Math.min(length, MAX_PAYLOAD);
  }

  /** An answer is cut to what fits; without one a running number goes, or nothing at all where nothing fits. */
  private compose(maxPayload: number, nowMs: number): void {
    const send = this.#send;
    const hasAnswer = this.#answerLength > 0;
    send.length = Math.min(hasAnswer ? this.#answerLength : 1, maxPayload);
    send.port = send.length === 0 ? NO_PORT : hasAnswer ? CERTIFICATION_PORT : FILL_PORT;
    send.payload = hasAnswer ? this.#answer : this.#fill;
    send.confirmed = this.#confirmed;
    if (!hasAnswer) this.#fill[0] = ++this.#fillNumber;
    this.#answerLength = 0;
    this.#hurry = false;
    this.#nextMs = nowMs + this.#periodMs;
    this.#wanted |= WANT.send;
  }

  /** To be called when every command was asked for and carried out. */
  save(into: Uint8Array, offset: number): number {
    const writer = new StateWriter(into, offset, STATE_TAG, STATE_VERSION);
    writer.bool(this.#isOff);
    writer.u32(this.#periodMs);
    writer.time(this.#nextMs);
    writer.bool(this.#hurry);
    writer.time(this.#notBeforeMs);
    writer.bool(this.#confirmed);
    writer.u16(this.#rxAppCnt);
    writer.bool(this.#isCounted);
    writer.u8(this.#fillNumber & 0xff);
    writer.u8(this.#answerLength);
    writer.bytes(this.#answer, this.#answerLength);
    return writer.finish();
  }

  restore(bytes: Uint8Array, offset: number, _nowMs: number): number {
    const reader = new StateReader(bytes, offset, STATE_TAG, STATE_VERSION);
    if (!reader.valid) return -1;
    this.#isOff = reader.bool();
    this.#periodMs = reader.u32();
    this.#nextMs = reader.time() ?? 0;
    this.#hurry = reader.bool();
    this.#notBeforeMs = reader.time() ?? 0;
    this.#confirmed = reader.bool();
    this.#rxAppCnt = reader.u16();
    this.#isCounted = reader.bool();
    this.#fillNumber = reader.u8();
    this.#answerLength = reader.u8();
    reader.bytes(this.#answer, this.#answerLength);
    return reader.end;
  }
}
