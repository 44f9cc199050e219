/**
 * What LoRaWAN and point to point have in common as the application runs them: the radio port's events on their way to the machine below, and the
 * uplink's machine between that one and the owner.
 */
import { LorawanUplink } from "../core/uplink/lorawan-uplink.ts";
import type {
  LorawanUplinkCommand,
  LorawanUplinkEvent,
  LorawanUplinkOptions,
} from "../core/uplink/lorawan-uplink-events.ts";
import type { RadioEvents } from "../ports/radio.ts";
import { TOKEN_KIND } from "../wire/token-record.ts";
import type { Handover, PathOwner } from "./uplink-path.ts";

const TIME_LEARNED = Object.freeze({ kind: "timeLearned" as const });
const RADIO_ERROR = Object.freeze({ kind: "radioError" as const });
const DRAIN = Object.freeze({ kind: "drain" as const });

/** What the radio port tells, as both machines take it. */
export type RadioEvent =
  | { kind: "transmitted"; atMs: number }
  | { kind: "received"; frame: Uint8Array; length: number; rssiDbm: number; snrDb: number; atMs: number }
  | { kind: "receiveTimeout"; atMs: number }
  | { kind: "radioError" };

/** Takes a frame from the uplink. */
export type SendFrame = (port: number, payload: Uint8Array, length: number, nowMs: number) => void;

/** The radio port's events, told to `handle`; `after` is called when that is done. */
export function newRadioEvents(
  handle: (event: RadioEvent, nowMs: number) => void,
  now: () => number,
  after: () => void,
): RadioEvents {
  const transmitted = { kind: "transmitted" as const, atMs: 0 };
  const timeout = { kind: "receiveTimeout" as const, atMs: 0 };
  const received: Extract<RadioEvent, { kind: "received" }> = {
    kind: "received",
    frame: new Uint8Array(0),
    length: 0,
    rssiDbm: 0,
    snrDb: 0,
    atMs: 0,
  };
  return {
    onTransmitted: (atMs) => {
      transmitted.atMs = atMs;
      handle(transmitted, now());
      after();
    },
    onReceived: (frame, length, rssiDbm, snrDb, atMs) => {
      received.frame = frame;
      received.length = length;
      received.rssiDbm = rssiDbm;
      received.snrDb = snrDb;
      received.atMs = atMs;
      handle(received, now());
      after();
    },
    onReceiveTimeout: (atMs) => {
      timeout.atMs = atMs;
      handle(timeout, now());
      after();
    },
    onError: () => {
      handle(RADIO_ERROR, now());
      after();
    },
  };
}

export class RadioUplink {
  #options: LorawanUplinkOptions;
  #owner: PathOwner;
  #sendFrame: SendFrame;
  #uplink: LorawanUplink;
  #token: Extract<LorawanUplinkEvent, { kind: "token" }>;
  #opportunity = { kind: "opportunity" as const, maxPayload: 0, asksTime: false };
  #sent = { kind: "sent" as const, more: false };
  #refused = { kind: "refused" as const, untilMs: 0 };
  #downlink: Extract<LorawanUplinkEvent, { kind: "downlink" }>;

  constructor(options: LorawanUplinkOptions, owner: PathOwner, sendFrame: SendFrame) {
    this.#options = options;
    this.#owner = owner;
    this.#sendFrame = sendFrame;
    this.#uplink = new LorawanUplink(options);
    this.#token = {
      kind: "token",
      seq: 0,
      bytes: owner.token,
      length: 0,
      recordKind: TOKEN_KIND.batch,
      keyRow: false,
      tries: 0,
      inOrder: false,
      wallS: 0,
    };
    this.#downlink = { kind: "downlink", port: 0, payload: new Uint8Array(0), length: 0 };
  }

  get busy(): boolean {
    return this.#uplink.busy;
  }

  get controlRefused(): number {
    return this.#uplink.refusedControl;
  }

  wantsToSend(nowMs: number): boolean {
    return this.#uplink.wantsToSend(nowMs);
  }

  /** The next frame, of up to `room` bytes, is to carry a request for the time. */
  asksTime(room: number, nowMs: number): boolean {
    return this.#uplink.asksTime(room, nowMs);
  }

  deliver(handover: Handover, nowMs: number): void {
    const token = this.#token;
    token.seq = handover.seq;
    token.length = handover.length;
    token.recordKind = handover.recordKind;
    token.keyRow = handover.keyRow;
    token.tries = handover.tries;
    token.inOrder = handover.inOrder;
    token.wallS = this.#owner.wallS(nowMs);
    this.#uplink.handle(token, nowMs);
  }

  drain(nowMs: number): void {
    this.#uplink.handle(DRAIN, nowMs);
  }

  /** The machine below takes a payload of up to `maxPayload` bytes; `asksTime`: beside the request for the time. */
  offer(maxPayload: number, asksTime: boolean, nowMs: number): void {
    this.#opportunity.maxPayload = maxPayload;
    this.#opportunity.asksTime = asksTime;
    this.#uplink.handle(this.#opportunity, nowMs);
  }

  /** The frame and its windows are over; `more`: the network holds more for this node. */
  sent(more: boolean, nowMs: number): void {
    this.#sent.more = more;
    this.#uplink.handle(this.#sent, nowMs);
  }

  refused(untilMs: number, nowMs: number): void {
    this.#refused.untilMs = untilMs;
    this.#uplink.handle(this.#refused, nowMs);
  }

  received(port: number, payload: Uint8Array, length: number, nowMs: number): void {
    this.#downlink.port = port;
    this.#downlink.payload = payload;
    this.#downlink.length = length;
    this.#uplink.handle(this.#downlink, nowMs);
  }

  timeLearned(nowMs: number): void {
    this.#uplink.handle(TIME_LEARNED, nowMs);
  }

  handleTimeout(nowMs: number): void {
    this.#uplink.handleTimeout(nowMs);
  }

  pollTimeout(): number | undefined {
    return this.#uplink.pollTimeout();
  }

  /** Carries out what the uplink wants; true when it wanted anything. */
  run(nowMs: number): boolean {
    let worked = false;
    for (let command = this.#uplink.pollCommand(); command !== undefined; command = this.#uplink.pollCommand()) {
      this.carryOut(command, nowMs);
      worked = true;
    }
    return worked;
  }

  private carryOut(command: LorawanUplinkCommand, nowMs: number): void {
    const owner = this.#owner;
    switch (command.kind) {
      case "send":
        this.#sendFrame(command.port, command.payload, command.length, nowMs);
        return;
      case "acknowledged":
        owner.acknowledged(command.seq, nowMs);
        return;
      case "notDelivered":
        owner.notDelivered(command.seq, nowMs);
        return;
      case "sent":
        owner.sent(command.seq, nowMs);
        return;
      case "readToken":
        this.#token.seq = command.seq;
        this.#token.length = owner.readToken(command.seq);
        this.#uplink.handle(this.#token, nowMs);
        return;
      case "challenged":
        owner.challenged(command.nonce, command.length, nowMs);
        return;
      case "bootRequested":
        owner.bootRequested(command.bootCount, nowMs);
        return;
    }
  }

  save(into: Uint8Array, offset: number): number {
    return this.#uplink.save(into, offset);
  }

  renew(): void {
    this.#uplink = new LorawanUplink(this.#options);
  }

  restore(bytes: Uint8Array, offset: number): number {
    return this.#uplink.restore(bytes, offset);
  }
}
