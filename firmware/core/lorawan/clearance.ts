/**
 * May a frame go out now, on which channel, and if not, when? Everything that limits sending comes together here: channel masks and duty cycle,
 * the network's silence, join back-off, frame lengths. A refusal has a reason and a time; nothing is held back in silence.
 */
import { JOIN_REQUEST_BYTES, NO_PORT } from "../../wire/lorawan-frame.ts";
import type { BackOff } from "./back-off.ts";
import type { Chance } from "./chance.ts";
import { NO_JOIN } from "./channel-plan.ts";
import { type DutyCycle, NEVER_MS } from "./duty-cycle.ts";
import type { RefusalReason } from "./events.ts";
import type { Join } from "./join.ts";
import type { Region } from "./region/region.ts";
import type { Session } from "./session.ts";
import type { Uplink } from "./uplink.ts";

/** The last 32-bit counter is not used: so the block behind it can always be written down. */
export const MAX_FRAME_COUNTER = 0xffffffff;

export class Clearance {
  readonly #region: Region;
  readonly #session: Session;
  readonly #join: Join;
  readonly #uplink: Uplink;
  readonly #dutyCycle: DutyCycle;
  readonly #backOff: BackOff;
  readonly #chance: Chance;
  readonly #fixedDataRate: number | undefined;
  /** Such a device has no key to join with. */
  readonly #isPersonalised: boolean;
  /** When what was not cleared may be asked for again. */
  untilMs = 0;

  constructor(
    region: Region,
    session: Session,
    join: Join,
    uplink: Uplink,
    dutyCycle: DutyCycle,
    backOff: BackOff,
    chance: Chance,
    fixedDataRate: number | undefined,
    isPersonalised: boolean,
  ) {
    this.#region = region;
    this.#session = session;
    this.#join = join;
    this.#uplink = uplink;
    this.#dutyCycle = dutyCycle;
    this.#backOff = backOff;
    this.#chance = chance;
    this.#fixedDataRate = fixedDataRate;
    this.#isPersonalised = isPersonalised;
  }

  /** Aims the uplink for a join request; or the reason why there can be none until `untilMs`. */
  forJoin(nowMs: number): RefusalReason | undefined {
    this.untilMs = NEVER_MS;
    if (this.#isPersonalised) return "personalised";
    const dataRate = this.joinDataRate;
    const airtimeMs = this.#uplink.airtimeOf(dataRate, JOIN_REQUEST_BYTES);
    this.untilMs = this.#join.earliestMs(airtimeMs, nowMs);
    if (this.untilMs === NEVER_MS) return "counter-exhausted";
    if (this.untilMs > nowMs) return "join-back-off";
    return this.aim(dataRate, airtimeMs, nowMs, this.#join.bank) ? undefined : "duty-cycle";
  }

  /** Aims the uplink for an application's frame; or the reason why there can be none until `untilMs`. */
  forData(port: number, length: number, nowMs: number): RefusalReason | undefined {
    const uplink = this.#uplink;
    const { joined, dataRate, fCntUp } = this.#session;
    this.untilMs = nowMs;
    if (!joined) return "not-joined";
    if (length > (port === NO_PORT ? 0 : uplink.maxPayload())) return "too-long";
    if (fCntUp >= MAX_FRAME_COUNTER) {
      this.untilMs = NEVER_MS;
      return "counter-exhausted";
    }
    const airtimeMs = uplink.airtimeOf(dataRate, uplink.dataLength(port, length));
    return this.aim(dataRate, airtimeMs, nowMs, NO_JOIN) ? undefined : "duty-cycle";
  }

  /** Aims the uplink for a repeat, or (`flushes`) for the answers that need a frame of their own; false until `untilMs`. */
  forRepeat(flushes: boolean, nowMs: number): boolean {
    const uplink = this.#uplink;
    const dataRate = flushes ? this.#session.dataRate : uplink.dataRate;
    const airtimeMs = uplink.airtimeOf(dataRate, flushes ? uplink.answersLength() : uplink.length);
    if (flushes && this.#session.fCntUp >= MAX_FRAME_COUNTER) {
      this.untilMs = NEVER_MS;
      return false;
    }
    if (!flushes && uplink.confirmed) {
      this.untilMs = this.#backOff.earliestMs(airtimeMs, nowMs);
      if (this.untilMs > nowMs) return false;
    }
    return this.aim(dataRate, airtimeMs, nowMs, NO_JOIN);
  }

  /** The uplink has been on the air, over at `endMs`. */
  book(endMs: number): void {
    const { frequencyHz, airtimeMs, isJoin, confirmed, transmissions } = this.#uplink;
    this.#dutyCycle.book(frequencyHz, endMs, airtimeMs, isJoin ? 0 : this.#session.maxDutyCycle);
    if (isJoin) this.#join.book(airtimeMs, endMs);
    else if (confirmed && transmissions > 1) this.#backOff.book(airtimeMs, endMs);
  }

  /** True when the books of the duty cycle must be on flash before the uplink leaves. */
  mustStore(): boolean {
    return this.#dutyCycle.mustStore(this.#uplink.frequencyHz, this.#uplink.airtimeMs);
  }

  /** For a test layer (TS009): whether the regional duty cycle and the back-off are kept to. */
  set isOn(on: boolean) {
    this.#dutyCycle.isOn = on;
    this.#backOff.isOn = on;
  }

  /** A fixed data rate holds for join requests where the region allows it for them. */
  private get joinDataRate(): number {
    const fixed = this.#fixedDataRate;
    const { dynamicChannels, joinDataRates } = this.#region;
    return dynamicChannels && fixed !== undefined && joinDataRates.includes(fixed) ? fixed : this.#join.dataRate;
  }

  private aim(dataRate: number, airtimeMs: number, nowMs: number, joinBank: number): boolean {
    const { plan } = this.#session;
    const channel = plan.select(dataRate, airtimeMs, nowMs, joinBank, this.#dutyCycle, this.#chance);
    if (channel >= 0) this.#uplink.aim(channel, plan.frequencyHz(channel), dataRate, airtimeMs);
    this.untilMs = channel >= 0 ? nowMs : plan.earliestMs;
    return channel >= 0;
  }
}
