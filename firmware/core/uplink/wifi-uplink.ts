/**
 * Delivers tokens over MQTT: publishes the whole COSE_Sign1 and waits for the receiver's own acknowledgement on the control topic. The
 * broker's PUBACK counts for nothing.
 *
 *   free --token--> publishing --published--> waiting --timer--> publishing, a few times, then free: `notDelivered`
 *                       offline: rests           |     +-------> free: `sent`, at once where no answers are expected
 *                                                +--acknowledged--> free
 *
 * Requests for the boot token and challenges are handed on.
 */
import type { SymmetricCrypto } from "../../ports/crypto.ts";
import { MQTT_TAG_BYTES } from "../../wire/control-message.ts";
import { StateReader, StateWriter } from "../../wire/state-record.ts";
import { PUBLISH_ANSWER_FIRST_MS, PUBLISH_TRIES_MAX } from "../bounds.ts";
import type { Machine } from "../machine.ts";
import { STATE_TAG } from "../state-tag.ts";
import { ControlCheck } from "./control-check.ts";

export type WifiUplinkEvent =
  | { kind: "online" }
  | { kind: "offline" }
  | { kind: "token"; seq: number }
  /** A message on the node's control topic. */
  | { kind: "control"; payload: Uint8Array };

export type WifiUplinkCommand =
  /** Publish the token with this number, from the outbox; it need not be there any more. */
  | { kind: "publish"; seq: number }
  | { kind: "acknowledged"; seq: number }
  | { kind: "notDelivered"; seq: number }
  /** It was published; no answer is expected. */
  | { kind: "sent"; seq: number }
  | { kind: "challenged"; nonce: Uint8Array; length: number }
  | { kind: "bootRequested"; bootCount: number };

const VERSION = 1;
const NONE = -1;

export class WifiUplink implements Machine<WifiUplinkEvent, WifiUplinkCommand> {
  #downlinks: boolean;
  #check: ControlCheck;
  #online = false;
  #seq = NONE;
  #tries = 0;
  #publishDue = false;
  #answerByMs: number | undefined;
  #acknowledgedSeq = NONE;
  #failedSeq = NONE;
  #sentSeq = NONE;
  #isChallenged = false;
  #isBootRequested = false;
  #publish = { kind: "publish" as const, seq: 0 };
  #acknowledged = { kind: "acknowledged" as const, seq: 0 };
  #notDelivered = { kind: "notDelivered" as const, seq: 0 };
  #sent = { kind: "sent" as const, seq: 0 };
  #challenged: Extract<WifiUplinkCommand, { kind: "challenged" }>;
  #bootRequested = { kind: "bootRequested" as const, bootCount: 0 };

  /** `downlinks` false: no answers are expected, and what is published counts as sent. */
  constructor(ueid: Uint8Array, ciphers: SymmetricCrypto, downlinks = true) {
    this.#downlinks = downlinks;
    this.#check = new ControlCheck(ueid, ciphers, MQTT_TAG_BYTES);
    this.#challenged = { kind: "challenged", nonce: this.#check.message.nonce, length: 0 };
  }

  get available(): boolean {
    return this.#online;
  }

  get busy(): boolean {
    return this.#seq !== NONE;
  }

  /** Control messages that were not authentic. */
  get refusedControl(): number {
    return this.#check.refused;
  }

  handle(event: WifiUplinkEvent, nowMs: number): void {
    switch (event.kind) {
      case "online":
        this.#online = true;
        // Whatever was published on the old connection may be lost; a new one is a new chance.
        this.#tries = 0;
        if (this.busy) this.publishAgain(nowMs);
        return;
      case "offline":
        this.#online = false;
        this.#publishDue = false;
        this.#answerByMs = undefined;
        return;
      case "token":
        this.#seq = event.seq;
        this.#tries = 0;
        this.publishAgain(nowMs);
        return;
      case "control":
        this.control(event.payload);
        return;
    }
  }

  private control(payload: Uint8Array): void {
    if (!this.#check.accept(payload, payload.length)) return;
    const { message } = this.#check;
    switch (message.kind) {
      case "ack":
        this.#acknowledgedSeq = message.seq;
        if (message.seq === this.#seq) this.release();
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

  private publishAgain(nowMs: number): void {
    if (!this.#online) return;
    let answerMs = PUBLISH_ANSWER_FIRST_MS;
    for (let i = 0; i < this.#tries; i++) answerMs *= 2;
    this.#tries++;
    this.#publishDue = true;
    this.#answerByMs = nowMs + answerMs;
  }

  private release(): void {
    this.#seq = NONE;
    this.#publishDue = false;
    this.#answerByMs = undefined;
  }

  handleTimeout(nowMs: number): void {
    if (this.#answerByMs === undefined || nowMs < this.#answerByMs) return;
    if (this.#tries < PUBLISH_TRIES_MAX) {
      this.publishAgain(nowMs);
      return;
    }
    this.#failedSeq = this.#seq;
    this.release();
  }

  pollTimeout(): number | undefined {
    return this.#answerByMs;
  }

  pollCommand(): WifiUplinkCommand | undefined {
    if (this.#acknowledgedSeq !== NONE) {
      this.#acknowledged.seq = this.#acknowledgedSeq;
      this.#acknowledgedSeq = NONE;
      return this.#acknowledged;
    }
    if (this.#failedSeq !== NONE) {
      this.#notDelivered.seq = this.#failedSeq;
      this.#failedSeq = NONE;
      return this.#notDelivered;
    }
    if (this.#sentSeq !== NONE) {
      this.#sent.seq = this.#sentSeq;
      this.#sentSeq = NONE;
      return this.#sent;
    }
    if (this.#isChallenged) {
      this.#isChallenged = false;
      return this.#challenged;
    }
    if (this.#isBootRequested) {
      this.#isBootRequested = false;
      return this.#bootRequested;
    }
    if (!this.#publishDue) return undefined;
    this.#publishDue = false;
    this.#publish.seq = this.#seq;
    if (!this.#downlinks) {
      this.#sentSeq = this.#seq;
      this.release();
    }
    return this.#publish;
  }

  save(into: Uint8Array, offset: number): number {
    const writer = new StateWriter(into, offset, STATE_TAG.wifiUplink, VERSION);
    writer.bool(this.#online);
    writer.bool(this.busy);
    writer.u32(this.busy ? this.#seq : 0);
    writer.u8(this.#tries);
    writer.bool(this.#publishDue);
    writer.time(this.#answerByMs);
    writer.u32(this.#check.refused);
    return writer.finish();
  }

  restore(bytes: Uint8Array, offset: number): number {
    const reader = new StateReader(bytes, offset, STATE_TAG.wifiUplink, VERSION);
    if (!reader.valid) return -1;
    this.#online = reader.bool();
    const busy = reader.bool();
    const seq = reader.u32();
    this.#seq = busy ? seq : NONE;
    this.#tries = reader.u8();
    this.#publishDue = reader.bool();
    this.#answerByMs = reader.time();
    this.#check.refused = reader.u32();
    return reader.end;
  }
}
