/**
 * The device's half of adaptive data rate (TS001-1.0.4 4.3.1.1): when nothing has come down for long it asks the network for a sign of life,
 * and then step by step takes back what the network had set, until it can be heard again.
 *
 *   new uplinks without a downlink    0..63    64..95        96            128, 160, ...
 *                                     nothing  ADRACKReq     step          step
 *
 *   a step: full power; else the next lower data rate; else NbTrans 1 and the default channels
 */
import type { Region } from "./region/region.ts";
import type { Session } from "./session.ts";

/** RP002-1.0.4 table 3. */
export const ADR_ACK_LIMIT = 64;
export const ADR_ACK_DELAY = 32;

/** True when the next uplink carries ADRACKReq. */
export function wantsAdrAck(session: Session): boolean {
  return session.uplinksSinceDownlink >= ADR_ACK_LIMIT;
}

/** Counts a new uplink (not its repeats) that no downlink followed; true when a step was taken and the session changed. */
export function countUnansweredUplink(session: Session, region: Region, adr: boolean): boolean {
  session.uplinksSinceDownlink++;
  const overdue = session.uplinksSinceDownlink - ADR_ACK_LIMIT;
  if (!adr || overdue < ADR_ACK_DELAY || overdue % ADR_ACK_DELAY !== 0) return false;
  if (session.txPower > 0) {
    session.txPower = 0;
    return true;
  }
  const lower = region.lowerDataRate[session.dataRate];
  if (lower >= 0 && session.isUplinkDataRate(lower)) {
    session.dataRate = lower;
    // The network may have switched off every channel that has this data rate; then the defaults are needed now.
    if (!session.plan.supports(lower)) session.plan.enableDefaults();
    return true;
  }
  const isChanged = session.plan.enableDefaults() || session.nbTrans !== 1;
  session.nbTrans = 1;
  return isChanged;
}
