/**
 * What the networks that a node may live in ask for beside the region's rules.
 *
 *   ttn      The Things Network's fair use policy: on the average 30 s of uplink airtime a day and node, at most 10 downlinks a day, those that
 *            answer MAC commands included (https://www.thethingsnetwork.org/docs/lorawan/limitations/). Its RX1 is 5 s after the uplink.
 *   helium   Data credits: one for each started 24 bytes of a delivered uplink's payload and each copy bought; downlinks and joins are free
 *            (https://docs.helium.com/tokens/data-credit/, https://docs.helium.com/iot/run-an-lns/fund-an-oui/). One is $0.00001.
 *   own      nothing.
 */
export const NETWORK_NAMES = Object.freeze(["own", "ttn", "helium"] as const);

export type NetworkName = (typeof NETWORK_NAMES)[number];

export interface Network {
  readonly rx1DelayS: number;
  /** Seconds of uplink airtime a day. */
  readonly airtimeS?: number;
  /** Downlinks a day. */
  readonly downlinks?: number;
  /** It bills data credits. */
  readonly credits: boolean;
}

export const NETWORKS: Readonly<Record<NetworkName, Network>> = Object.freeze({
  own: Object.freeze({ rx1DelayS: 1, credits: false }),
  ttn: Object.freeze({ rx1DelayS: 5, airtimeS: 30, downlinks: 10, credits: false }),
  helium: Object.freeze({ rx1DelayS: 1, credits: true }),
});

/** US dollars. */
export const CREDIT_PRICE = 0.00001;
