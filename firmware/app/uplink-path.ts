/** How the application loop sees one way out, LoRaWAN or Wi-Fi: its machines and the port they work on. */
import type { TimeSource } from "../wire/time-quality.ts";
import type { TokenKind } from "../wire/token-record.ts";

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
  /** Bytes that the application can send in one frame at the present data rate; 0 where nobody can say, or there are no frames. */
  readonly frameBytes: number;
  /** After power-on, with the machines as new. */
  start(nowMs: number): void;
  /** After a deep sleep, with the machines restored. */
  resume(nowMs: number): void;
  /** Takes a token, which the owner holds in `token`. */
  deliver(token: Handover, nowMs: number): void;
  /** Somebody waits until all is delivered. */
  drain(nowMs: number): void;
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

/** What the outbox hands over; good until the call returns. */
export interface Handover {
  seq: number;
  length: number;
  recordKind: TokenKind;
  /** The record says that its compact form should have first values in full. */
  keyRow: boolean;
  /** 0 for the first. */
  tries: number;
  /** Newer than all that came through, by little. */
  inOrder: boolean;
}

/** What a path tells the application. */
export interface PathOwner {
  /** Holds the token that was read last. */
  readonly token: Uint8Array;
  /** Reads a token from the outbox into `token`; returns its length, or -1. */
  readToken(seq: number): number;
  acknowledged(seq: number, nowMs: number): void;
  notDelivered(seq: number, nowMs: number): void;
  /** All of the token has gone out, and no answer is expected. */
  sent(seq: number, nowMs: number): void;
  /** Unix time in seconds, 0 while nobody has told it. */
  wallS(nowMs: number): number;
  timeTold(source: TimeSource, unixMs: number, atMs: number, uncertaintyMs: number, nowMs: number): void;
  joined(devAddr: number): void;
  /** An authentic challenge came: the first `length` bytes of `nonce`, good until the call returns. It is answered in one token. */
  challenged(nonce: Uint8Array, length: number, nowMs: number): void;
  /** An authentic request for the boot token came. Whatever boot it asks about, the node can state the one that runs. */
  bootRequested(bootCount: number, nowMs: number): void;
}
