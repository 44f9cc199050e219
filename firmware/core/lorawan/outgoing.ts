/**
 * What the machine wants done, as bits: each command is filled in when it is asked for, from the state as it is then, into an object made
 * once; what comes seldom (joined, joinFailed, time, linkCheck) is made when it comes. Bits are handed out lowest first, and the order is the
 * point: what is on flash comes before what relies on it.
 */
import type { MacAnswers } from "./answers.ts";
import type { CommandHandler } from "./command-handler.ts";
import type { Downlink } from "./downlink.ts";
import { DUTY_KEY, type DutyCycle } from "./duty-cycle.ts";
import type { MacCommand, RefusalReason } from "./events.ts";
import { type Join, NONCES_KEY } from "./join.ts";
import { DOWN_KEY, SESSION_KEY, UP_KEY, writeCounter, writeSession } from "./mac-records.ts";
import { newModulation } from "./modulation.ts";
import type { Session } from "./session.ts";
import type { Uplink } from "./uplink.ts";

/** A network server without GPS at its gateways answers with its own clock, at its own pace. */
const TIME_UNCERTAINTY_MS = 1_000;

type Command<Kind extends MacCommand["kind"]> = Extract<MacCommand, { kind: Kind }>;

export const WANT = Object.freeze({
  /** FCntDown, before the effects of its downlink. */
  storeDown: 0x0001,
  /** DevNonce, before its join request. */
  storeNonces: 0x0002,
  /** A block of FCntUp, before its first uplink. */
  storeUp: 0x0004,
  storeSession: 0x0008,
  /** The books of the duty cycle, before the frame that they would lack. */
  storeDuty: 0x0010,
  sleepRadio: 0x0020,
  joined: 0x0040,
  time: 0x0080,
  linkCheck: 0x0100,
  downlink: 0x0200,
  sent: 0x0400,
  refused: 0x0800,
  joinFailed: 0x1000,
  transmit: 0x2000,
  receive: 0x4000,
} as const);

const SLEEP_RADIO = Object.freeze({ kind: "sleepRadio" } as const);

export class Outgoing {
  readonly #session: Session;
  readonly #answers: MacAnswers;
  readonly #join: Join;
  readonly #handler: CommandHandler;
  readonly #uplink: Uplink;
  readonly #downlink: Downlink;
  readonly #dutyCycle: DutyCycle;
  readonly #antennaGainDb: number;
  readonly #transmit: Command<"transmit">;
  readonly #store: Command<"store">;
  readonly #down: Command<"downlink">;
  readonly #refused: Command<"refused"> = { kind: "refused", reason: "busy", untilMs: 0 };
  /** Filled in by the machine before it wants them. */
  readonly receive: Command<"receive"> = { kind: "receive", modulation: newModulation(false), symbolTimeout: 0 };
  readonly sent: Command<"sent"> = { kind: "sent", acknowledged: false, fPending: false };
  #joinUntilMs = 0;
  #wanted = 0;

  constructor(
    session: Session,
    answers: MacAnswers,
    join: Join,
    handler: CommandHandler,
    uplink: Uplink,
    downlink: Downlink,
    dutyCycle: DutyCycle,
    value: Uint8Array,
    antennaGainDb: number,
  ) {
    this.#session = session;
    this.#answers = answers;
    this.#join = join;
    this.#handler = handler;
    this.#uplink = uplink;
    this.#downlink = downlink;
    this.#dutyCycle = dutyCycle;
    this.#antennaGainDb = antennaGainDb;
    const { frame, modulation } = uplink;
    this.#transmit = { kind: "transmit", modulation, powerDbm: 0, frame, length: 0 };
    this.#store = { kind: "store", key: "", value, length: 0 };
    this.#down = { kind: "downlink", port: 0, payload: downlink.payload, length: 0 };
  }

  get isEmpty(): boolean {
    return this.#wanted === 0;
  }

  want(bits: number): void {
    this.#wanted |= bits;
  }

  refuse(reason: RefusalReason, untilMs: number): void {
    this.#refused.reason = reason;
    this.#refused.untilMs = untilMs;
    this.#wanted |= WANT.refused;
  }

  /** No join accept came; the next request may go out at `untilMs`. */
  failJoin(untilMs: number): void {
    this.#joinUntilMs = untilMs;
    this.#wanted |= WANT.joinFailed;
  }

  /** What a downlink answered to requests of ours. The time it tells is that of the end of the uplink before it (TS001-1.0.4 5.9). */
  reportAnswers(): void {
    const { gpsMs, marginDb } = this.#handler;
    const uplink = this.#uplink;
    if (uplink.asksTime && gpsMs >= 0) {
      uplink.wantsTime = false;
      this.#wanted |= WANT.time;
    }
    if (uplink.asksLinkCheck && marginDb >= 0) {
      uplink.wantsLinkCheck = false;
      this.#wanted |= WANT.linkCheck;
    }
  }

  poll(): MacCommand | undefined {
    const { value } = this.#store;
    const next = this.#wanted & -this.#wanted;
    this.#wanted &= ~next;
    switch (next) {
      case WANT.storeDown:
        return this.storing(DOWN_KEY, writeCounter(this.#session, this.#session.fCntDown, value));
      case WANT.storeNonces:
        return this.storing(NONCES_KEY, this.#join.writeRecord(value));
      case WANT.storeUp:
        return this.storing(UP_KEY, writeCounter(this.#session, this.#session.fCntUpReserved, value));
      case WANT.storeSession:
        return this.storing(SESSION_KEY, writeSession(this.#session, this.#answers, value));
      case WANT.storeDuty:
        return this.storing(DUTY_KEY, this.#dutyCycle.writeRecord(value));
      case WANT.sleepRadio:
        return SLEEP_RADIO;
      case WANT.joined:
        return { kind: "joined", devAddr: this.#session.devAddr };
      case WANT.time:
        return this.timeCommand();
      case WANT.linkCheck:
        return { kind: "linkCheck", marginDb: this.#handler.marginDb, gateways: this.#handler.gateways };
      case WANT.downlink:
        this.#down.port = this.#downlink.port;
        this.#down.length = this.#downlink.payloadLength;
        return this.#down;
      case WANT.sent:
        return this.sent;
      case WANT.refused:
        return this.#refused;
      case WANT.joinFailed:
        return { kind: "joinFailed", untilMs: this.#joinUntilMs };
      case WANT.transmit:
        return this.transmitting();
      case WANT.receive:
        return this.receive;
      default:
        return undefined;
    }
  }

  private storing(key: string, length: number): MacCommand {
    this.#store.key = key;
    this.#store.length = length;
    return this.#store;
  }

  private timeCommand(): MacCommand {
    const { gpsMs } = this.#handler;
    return { kind: "time", gpsMs, atMs: this.#uplink.endMs, uncertaintyMs: TIME_UNCERTAINTY_MS };
  }

  private transmitting(): MacCommand {
    const command = this.#transmit;
    const { frequencyHz, dataRate, length, isJoin, modulation } = this.#uplink;
    this.#uplink.modulate(dataRate);
    modulation.frequencyHz = frequencyHz;
    const eirpDbm = this.#session.eirpDbm(frequencyHz, modulation.bandwidthHz, isJoin ? 0 : this.#session.txPower);
    command.powerDbm = eirpDbm - this.#antennaGainDb;
    command.length = length;
    return command;
  }
}
