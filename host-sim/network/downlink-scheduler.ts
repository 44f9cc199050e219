/**
 * Finds a gateway and a receive window for a frame: the gateway that heard the uplink best, RX1 before RX2, whatever its duty cycle still
 * allows; the next gateway when that one refuses.
 */
import type { LoraModulation } from "../../firmware/ports/radio.ts";
import { timeOnAirUs } from "../../firmware/wire/time-on-air.ts";
import { receptionsByQuality, type UplinkSet } from "./deduplicator.ts";
import type { GatewayDownlink, GatewayUplink, TxStatus } from "./gateway.ts";

/** A chance to reach the device. */
export interface ReceiveWindow {
  /** From the end of the uplink, in seconds. */
  delayS: number;
  dataRate: number;
  modulation: LoraModulation;
  powerDbm: number;
}

/** A downlink that a gateway took. */
export interface Scheduled {
  reception: GatewayUplink;
  window: ReceiveWindow;
}

interface Attempt {
  reception: GatewayUplink;
  windows: ReceiveWindow[];
}

const COUNTER_MODULUS = 0x1_0000_0000;

/** The gateways and windows that have the airtime for a frame of `length` bytes, the best first. */
function attemptsFor(set: UplinkSet, windows: readonly ReceiveWindow[], length: number, nowUs: number): Attempt[] {
  const attempts: Attempt[] = [];
  for (const reception of receptionsByQuality(set)) {
    const { dutyCycle } = reception.gateway;
    const affordable = windows.filter(({ modulation, delayS }) =>
      // When exactly it begins only the gateway knows; a second more or less makes no difference to an hour.
      dutyCycle.allows(modulation.frequencyHz, nowUs + delayS * 1_000_000, timeOnAirUs(modulation, length)),
    );
    if (affordable.length > 0) attempts.push({ reception, windows: affordable });
  }
  return attempts;
}

/**
 * Sends `frame` in answer to an uplink. False when no gateway has the airtime: then `done` is never called. Otherwise `done` hears what was
 * scheduled, or undefined and the last reason when every gateway refused.
 */
export function scheduleDownlink(
  set: UplinkSet,
  windows: readonly ReceiveWindow[],
  frame: Uint8Array,
  nowUs: number,
  done: (scheduled: Scheduled | undefined, refusal: TxStatus | undefined) => void,
): boolean {
  const attempts = attemptsFor(set, windows, frame.length, nowUs);
  if (attempts.length === 0) return false;
  const tryNext = (index: number): void => {
    const { reception, windows: choice } = attempts[index];
    const items = choice.map(
      ({ modulation, powerDbm, delayS }): GatewayDownlink => ({
        frame,
        modulation,
        powerDbm,
        counter: (reception.counter + delayS * 1_000_000) % COUNTER_MODULUS,
      }),
    );
    reception.gateway.send(items, (taken, statuses) => {
      if (taken >= 0) done({ reception, window: choice[taken] }, undefined);
      else if (index + 1 < attempts.length) tryNext(index + 1);
      else done(undefined, statuses[statuses.length - 1]);
    });
  };
  tryNext(0);
  return true;
}
