/** How a simulation ended, as `summary.json` and `simulate --json` give it. */

/** Readings that a node took and the receiver has not verified, and where they are. */
export interface Gap {
  node: string;
  /** The token that holds them, or null when they are in no token yet. */
  seq: number | null;
  readings: number;
  /**
   * `in-outbox`: the token waits on the node; `given-up`: the node dropped it, by its own policy; `in-journal`: not in a token yet; `journal-full`:
   * there was no room for it on flash.
   */
  reason: string;
}

export interface Summary {
  seed: number;
  nodes: number;
  simulatedSeconds: number;
  engine: string;
  uplink: string;
  readingsTaken: number;
  readingsVerified: number;
  /** Tokens with readings. */
  tokensSent: number;
  tokensVerified: number;
  /** Tokens without: of boots, days, times and keys. */
  statementsSent: number;
  statementsVerified: number;
  gaps: Gap[];
  /** Frames that nodes sent (on Wi-Fi: publications). */
  framesUp: number;
  /** Those of them that no gateway (no broker) received. */
  framesLost: number;
  /** Time on air of all nodes' frames together. */
  airtimeMs: number;
  /** Of one node on the average: processor and LoRa radio (host-sim/energy.ts). Null on Wi-Fi, whose radio is not modelled. */
  joulesPerDay: number | null;
  /** What the receiver and the network server refused, by reason. */
  refused: { [reason: string]: number };
  eventHash: string;
  /** Every reading taken is verified with the value that the node took, or stands in `gaps`. */
  complete: boolean;
}
