/** What a simulation is told: plain values, so that they reach another engine as JSON. */

export interface SimulationOptions {
  nodes: number;
  /** How long the nodes sample, in seconds; delivering what they took may go on after that. */
  durationS: number;
  seed: number;
  region: "EU868";
  /** Fixes the data rate and switches ADR off. */
  fixedDataRate?: number;
  uplink: "lorawan" | "wifi";
  /** Weather from a file instead of the generator. */
  replay?: { csv: string; columns?: string };
  sampleIntervalS: number;
  /** Readings in a token. */
  batchReadings: number;
  /** Chance that a receiver misses a frame for no reason of distance or collision (on Wi-Fi: that a publication is lost). */
  lossProbability: number;
  /** Saves, discards and restores every machine of every node after every event. */
  cycleSavedState?: boolean;
}
