/** What the LoRaWAN machine is told, and what it asks for. */
import type { LoraModulation } from "../../ports/radio.ts";

export type MacEvent =
  /** Try to join now: one join request. Answered by transmit and then joined or joinFailed, or by refused. */
  | { kind: "join" }
  /** Send one frame; port 1 to 223, or NO_PORT with length 0 for an empty one. Answered by transmit and then sent, or by refused. */
  | { kind: "send"; port: number; payload: Uint8Array; length: number; confirmed: boolean }
  | { kind: "transmitted"; atMs: number }
  | { kind: "received"; frame: Uint8Array; length: number; rssiDbm: number; snrDb: number; atMs: number }
  | { kind: "receiveTimeout"; atMs: number }
  | { kind: "radioError" }
  /** Ask the network for the time with the next uplinks, until it answers. */
  | { kind: "requestTime" }
  /** Ask for the link margin with the next uplinks, until the network answers. */
  | { kind: "requestLinkCheck" }
  /** The test layer of a certification wants it (TS009): the ADR bit of uplinks, and whether regional duty cycle and back-off are kept to. */
  | { kind: "setAdr"; on: boolean }
  | { kind: "setDutyCycle"; on: boolean };

export type RefusalReason =
  | "not-joined"
  | "personalised"
  | "busy"
  | "too-long"
  | "duty-cycle"
  | "join-back-off"
  | "counter-exhausted"
  | "radio-error";

export type MacCommand =
  | { kind: "transmit"; modulation: LoraModulation; powerDbm: number; frame: Uint8Array; length: number }
  | { kind: "receive"; modulation: LoraModulation; symbolTimeout: number }
  | { kind: "sleepRadio" }
  /** To be on flash before the next command is asked for. */
  | { kind: "store"; key: string; value: Uint8Array; length: number }
  | { kind: "joined"; devAddr: number }
  /** No join accept came; the next join may go out at `untilMs`. */
  | { kind: "joinFailed"; untilMs: number }
  | { kind: "downlink"; port: number; payload: Uint8Array; length: number }
  /** The uplink is over and the next may be handed in. `fPending`: the network has more, an uplink would fetch it. */
  | { kind: "sent"; acknowledged: boolean; fPending: boolean }
  /** Not done, and when it may be asked for again. */
  | { kind: "refused"; reason: RefusalReason; untilMs: number }
  /** At node uptime `atMs` it was `gpsMs` milliseconds since the GPS epoch. */
  | { kind: "time"; gpsMs: number; atMs: number; uncertaintyMs: number }
  | { kind: "linkCheck"; marginDb: number; gateways: number };
