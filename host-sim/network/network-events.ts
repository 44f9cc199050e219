/** What a network server tells the integrations behind it. */
import type { LoraModulation } from "../../firmware/ports/radio.ts";
import type { UplinkSet } from "./deduplicator.ts";
import type { Device } from "./device-session.ts";

interface FrameEvent {
  device: Device;
  /** UUID of the deduplicated uplink. */
  deduplicationId: string;
  /** Unix milliseconds, with a fraction: the end of the uplink. */
  unixMs: number;
}

export interface JoinedEvent extends FrameEvent {
  devAddr: number;
}

export interface UplinkEvent extends FrameEvent {
  devAddr: number;
  adr: boolean;
  dataRate: number;
  fCnt: number;
  /** 0 for a frame without FPort, as ChirpStack has it. */
  fPort: number;
  confirmed: boolean;
  /** Decrypted; empty for MAC commands. */
  data: Uint8Array;
  set: UplinkSet;
}

/** A confirmed downlink was acknowledged by the next uplink, or not. */
export interface AcknowledgedEvent extends FrameEvent {
  queueItemId: string;
  acknowledged: boolean;
  fCntDown: number;
}

/** A gateway took an application's downlink; it has not left yet. */
export interface TransmissionEvent {
  device: Device;
  unixMs: number;
  /** 32 bits, names this downlink. */
  downlinkId: number;
  queueItemId: string;
  fCntDown: number;
  gatewayId: string;
  modulation: LoraModulation;
  powerDbm: number;
  /** From the end of the uplink. */
  delayS: number;
  /** The gateway's counter at the end of the uplink. */
  counter: number;
}

/** ChirpStack's LogCode (integration.proto). */
export type LogCode =
  | "DOWNLINK_PAYLOAD_SIZE"
  | "OTAA"
  | "UPLINK_F_CNT_RETRANSMISSION"
  | "UPLINK_MIC"
  | "DOWNLINK_GATEWAY";

export interface LoggedEvent {
  device: Device;
  unixMs: number;
  level: "INFO" | "WARNING" | "ERROR";
  code: LogCode;
  description: string;
}

export interface NetworkListener {
  onJoined(event: JoinedEvent): void;
  onUplink(event: UplinkEvent): void;
  onAcknowledged(event: AcknowledgedEvent): void;
  onTransmission(event: TransmissionEvent): void;
  onLogged(event: LoggedEvent): void;
}
