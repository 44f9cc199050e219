/** What a simulation is told: plain values, so that they reach another engine as JSON. */
import type { SignatureAlgorithm } from "../../firmware/ports/crypto.ts";
import type { RadioKind } from "../../host-sim/node-radio.ts";
import type { NodeTiming } from "../../host-sim/node-timing.ts";

export interface SimulationOptions {
  nodes: number;
  /** How long the nodes sample, in seconds; delivering what they took may go on after that. */
  durationS: number;
  seed: number;
  /** LoRaWAN region by its name in RP002: "EU868", "US915", "AS923-2"... */
  region: string;
  /** US915 and AU915: the network's bank of channels, 1 to 8, which its nodes know too; without it they look for bank 2. */
  subBand?: number;
  /** Fixes the data rate and switches ADR off. */
  fixedDataRate?: number;
  /** p2p: LoRa to base nodes, without a network. */
  uplink: "lorawan" | "wifi" | "p2p";
  /** The nodes' radio chip; an SX1262 when not given. */
  radio?: RadioKind;
  /** Weather from a file instead of the generator. */
  replay?: { csv: string; columns?: string };
  sampleIntervalS: number;
  /** Readings in a token. */
  batchReadings: number;
  /** Closes a batch when so many LoRaWAN frames are full, or at `batchReadings`. */
  frameBudget?: number;
  /** Seconds that a reading may wait for its signature. */
  latencyS?: number;
  /** The nodes' signature algorithm (COSE number); ES256 when not given. */
  algorithm?: SignatureAlgorithm;
  /** False: nodes make no daily digests. */
  digests?: boolean;
  /** False: nodes expect no answer from the receiver. */
  downlinks?: boolean;
  /** Chance that a receiver misses a frame for no reason of distance or collision (on Wi-Fi: that a publication is lost). */
  lossProbability: number;
  /** Where the world with generated weather begins, in Unix milliseconds; on a day of its own when not given. */
  startUnixMs?: number;
  /** The DevNonce of each node's first join; 0 when not given. */
  firstDevNonce?: number;
  /** How long nodes may take to deliver what they have after their last sample, in seconds; a day when not given. */
  drainS?: number;
  /** Late JavaScript, wrong clocks, blocking work; without it nodes are ideal. */
  timing?: NodeTiming;
  /** Nodes power down between events. */
  deepSleep?: boolean;
  /** Saves, discards and restores every machine of every node after every event. */
  cycleSavedState?: boolean;
}

/** One node on LoRaWAN for one day, a sample every five minutes, three hours of them in a token. */
export const ONE_DAY: SimulationOptions = Object.freeze({
  nodes: 1,
  durationS: 86_400,
  seed: 1,
  region: "EU868",
  uplink: "lorawan",
  sampleIntervalS: 300,
  batchReadings: 36,
  lossProbability: 0,
});
