/** What the console's machine is told, what it asks for, and what it may say of the node. */
import type { SignatureAlgorithm } from "../../ports/crypto.ts";

/** The node as the console tells of it: kept up to date by the application. Nothing in it is secret. */
export interface ConsoleFacts {
  /** EUI-64 of the chip's MAC address. */
  readonly hardwareId: Uint8Array;
  readonly chip: string;
  /** Claim hwmodel of the node's tokens. */
  readonly model: string;
  readonly firmware: { readonly name: string; readonly version: string };
  readonly algorithm: SignatureAlgorithm;
  /** The key that signs tokens, where there is one: x‖y, or x for EdDSA. */
  publicKey: Uint8Array | undefined;
  kid: Uint8Array | undefined;
  hasAppKey: boolean;
  hasReceiverKey: boolean;
  /** DevEUI and JoinEUI that came with the AppKey, 16 bytes. */
  euis: Uint8Array | undefined;
  /** The owner's public key, ES256: x‖y. */
  owner: Uint8Array | undefined;
  configuration: ConfigurationFacts | undefined;
  locked: boolean;
}

/** What the console must know of a configuration. */
export interface ConfigurationFacts {
  /** Bytes of its text. */
  length: number;
  devEui: Uint8Array;
  joinEui: Uint8Array;
  /** Its uplink joins a LoRaWAN network. */
  joins: boolean;
}

/** The objects and their buffers are good until the call returns. */
export type ConsoleEvent =
  | { kind: "byte"; byte: number }
  /** What the last command asked for is done, and the facts are up to date; or it is not, for a reason. */
  | { kind: "done"; reason?: string }
  | { kind: "keyMade" }
  | { kind: "signed"; signature: Uint8Array }
  | { kind: "health"; counters: Readonly<Record<string, number>> }
  /** The node has written a line to its log. */
  | { kind: "log"; level: string; source: string; text: string };

export type ConsoleCommand =
  | { kind: "send"; bytes: Uint8Array; length: number }
  | { kind: "generateKey" }
  | { kind: "sign"; message: Uint8Array; length: number }
  /** AppKey 16 bytes and EUIs 16 bytes; to be cleared by whoever carries it out. */
  | { kind: "storeLorawan"; appKey: Uint8Array; euis: Uint8Array }
  | { kind: "storeReceiverKey"; key: Uint8Array }
  | { kind: "storeOwner"; publicKey: Uint8Array }
  | { kind: "storeConfiguration"; text: Uint8Array; length: number }
  | { kind: "readHealth" }
  | { kind: "lock" }
  /** Destroy every key and forget everything; begin anew when the answer is sent. */
  | { kind: "erase" };
