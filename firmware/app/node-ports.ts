/** What a node is built on, how it is set up, and who may watch it. */

import type { Region } from "../core/lorawan/region/region.ts";
import type { NodeStatement } from "../core/statement-writer.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Crypto } from "../ports/crypto.ts";
import type { Log } from "../ports/log.ts";
import type { Network } from "../ports/network.ts";
import type { Power } from "../ports/power.ts";
import type { Radio } from "../ports/radio.ts";
import type { Sensor } from "../ports/sensor.ts";
import type { KeyValueStore, RecordLog } from "../ports/storage.ts";
import type { Profile } from "../wire/profile.ts";
import type { Reading } from "../wire/reading-record.ts";

export interface NodePorts {
  clock: Clock;
  timer: Timer;
  crypto: Crypto;
  /** Needed for LoRaWAN and point to point. */
  radio?: Radio;
  /** Needed for Wi-Fi. */
  network?: Network;
  /** Where two sensors give the same quantity, the first counts. */
  sensors: Sensor[];
  keyValue: KeyValueStore;
  journal: RecordLog;
  outbox: RecordLog;
  power: Power;
  log: Log;
}

/** Uplinks in use; with both, Wi-Fi and LoRaWAN, Wi-Fi is preferred. p2p: LoRa to a base node, without a network. */
export type UplinkChoice = "lorawan" | "wifi" | "both" | "p2p";

export interface NodeConfig extends NodeStatement {
  /** 8 bytes, as written. */
  devEui: Uint8Array;
  /** 8 bytes, as written. */
  joinEui: Uint8Array;
  /** Whole seconds, 1 to 86,400. */
  sampleIntervalS: number;
  /** Readings in a token, 1 to MAX_BATCH_READINGS (wire/batch.ts). */
  batchReadings: number;
  uplink: UplinkChoice;
  region: Region;
  /** US915 and AU915: the network's bank of channels, 1 to 8, where it is known. */
  subBand?: number;
  /** Activated by personalisation: the address; NwkSKey and AppSKey are in their slots. */
  abp?: { devAddr: number };
  /** Fixes the data rate and switches ADR off. With p2p: the one that the base has too. */
  fixedDataRate?: number;
  profile: Profile;
  /** 3 bytes. */
  oemid: Uint8Array;
  /** 1 to 32 bytes. */
  hwmodel: Uint8Array;
  /** RFC 9711 4.2.9; 0 (enabled) unless told otherwise, which is the truth for a board with an open debug port. */
  dbgstat?: number;
  /** A digest of its tokens once a day; true unless told otherwise. */
  digests?: boolean;
  /** Whether the receiver's answers reach the node; true unless told otherwise. Without them a token counts as delivered when it is sent. */
  downlinks?: boolean;
  /** LoRaWAN frames that a batch's compact token may take: it closes when they are full, or at `batchReadings`. */
  frameBudget?: number;
  /** Seconds that a reading may wait for its signature: the batch closes when the next reading would come too late for its first. */
  latencyS?: number;
  /** How long the first sample waits for the wall time. */
  timeWaitMs: number;
  /** Power down between events. The sensors' counters and the radio must be able to bear it. */
  deepSleep?: boolean;
  observer?: NodeObserver;
}

/** Watches a node: the simulator's account, and later the node's own log. Objects and buffers are good until the call returns. */
export interface NodeObserver {
  /** A reading was taken. */
  onSample?(reading: Reading): void;
  /** A token was signed and stored. */
  onToken?(seq: number, token: Uint8Array, length: number): void;
  /** The receiver has acknowledged a token. */
  onDelivered?(seq: number): void;
  /** A token was given up (see core/outbox.ts). */
  onDropped?(seq: number): void;
  onJoined?(devAddr: number): void;
}

/** What went wrong since power-on, counted. */
export interface NodeHealth {
  /** Sensor starts and samples that threw. */
  sensorErrors: number;
  /** Readings that did not fit into the journal any more. */
  readingsLost: number;
  /** Journal records that could not be read. */
  recordsUnreadable: number;
  tokensDropped: number;
  /** Failed signatures. */
  signErrors: number;
  radioErrors: number;
  /** Control messages that were not authentic. */
  controlRefused: number;
}
