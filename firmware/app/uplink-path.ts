/** How the application loop sees one way out, LoRaWAN or Wi-Fi: its machines and the port they work on. */
import type { TimeSource } from "../wire/time-quality.ts";

export interface UplinkPath {
  /** A token handed over now has a chance: joined, or online. */
  readonly available: boolean;
  /** On the way to being available by itself, if the node stays awake. */
  readonly connecting: boolean;
  /** A token is in flight. */
  readonly busy: boolean;
  /** Nothing would be lost if the node powered down now. */
  readonly quiet: boolean;
  /** Quiet in a few milliseconds, without an event that tells. */
  readonly settling: boolean;
  /** Control messages that were not authentic. */
  readonly controlRefused: number;
  /** After power-on, with the machines as new. */
  start(nowMs: number): void;
  /** After a deep sleep, with the machines restored. */
  resume(nowMs: number): void;
  /** Takes a token, which the owner holds in `token`. */
  deliver(seq: number, length: number, nowMs: number): void;
  /** Lets time pass and carries out what is wanted; true when anything was done. */
  pump(nowMs: number): boolean;
  pollTimeout(): number | undefined;
  /** Blocking work (core/bounds.ts) may be started now. */
  mayBlock(nowMs: number): boolean;
  save(into: Uint8Array, offset: number): number;
  /** Makes new machines. */
  renew(): void;
  /** Gives the new machines the saved state; -1 when it is not good. */
  restore(bytes: Uint8Array, offset: number, nowMs: number): number;
}

/** What a path tells the application. */
export interface PathOwner {
  /** Holds the token that was read last. */
  readonly token: Uint8Array;
  /** Reads a token from the outbox into `token`; returns its length, or -1. */
  readToken(seq: number): number;
  acknowledged(seq: number, nowMs: number): void;
  notDelivered(seq: number, nowMs: number): void;
  timeTold(source: TimeSource, unixMs: number, atMs: number, uncertaintyMs: number, nowMs: number): void;
  joined(devAddr: number): void;
}
