/** Packets to test with. */

import type { TxPacket } from "../../../../../host-sim/network/gwmp/pull-payload.ts";
import type { RxPacket } from "../../../../../host-sim/network/gwmp/push-payload.ts";
import { PLAN } from "../fixture.ts";

export const GATEWAY_ID = "0016c001f153a14c";

export function rxPacket(fields: Partial<RxPacket> = {}): RxPacket {
  return {
    counter: 3_512_348_611,
    unixMs: 1_364_746_877_528.002,
    gpsMs: 1_048_782_092_528,
    frequencyHz: 868_100_000,
    channel: 2,
    rfChain: 0,
    crcStatus: 1,
    spreadingFactor: 7,
    bandwidthHz: 125_000,
    codingRate: 1,
    rssiDbm: -35,
    snrDb: 5.25,
    frame: Uint8Array.of(0x40, 1, 2, 3),
    ...fields,
  };
}

export function txPacket(fields: Partial<TxPacket> = {}): TxPacket {
  return {
    when: { kind: "counter", counter: 0xffff_fff0 },
    powerDbm: 16,
    rfChain: 0,
    modulation: PLAN.downlink(868_100_000, 5),
    frame: Uint8Array.of(0x60, 1, 2, 3, 4),
    ...fields,
  };
}

/** Random numbers one after the other, for tokens that a test can name. */
export function counting(from = 1): { u32(): number } {
  let next = from;
  return { u32: () => next++ };
}
