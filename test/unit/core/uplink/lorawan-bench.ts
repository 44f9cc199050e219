/** A LoRaWAN uplink, saved and restored after every event, on a layer below that does what the test says; and tokens for it. */
import assert from "node:assert/strict";
import { LorawanUplink } from "../../../../firmware/core/uplink/lorawan-uplink.ts";
import type { LorawanUplinkEvent } from "../../../../firmware/core/uplink/lorawan-uplink-events.ts";
import { CONTROL_FPORT, type ControlMessage, LORAWAN_TAG_BYTES } from "../../../../firmware/wire/control-message.ts";
import { SIGNATURE_BYTES } from "../../../../firmware/wire/cose-sign1.ts";
import type { Profile } from "../../../../firmware/wire/profile.ts";
import { WEATHER } from "../../../../firmware/wire/profiles/weather.ts";
import { TOKEN_KIND, type TokenKind } from "../../../../firmware/wire/token-record.ts";
import { compactOf } from "../../wire/compact-fixture.ts";
import { makeBatch, makeToken } from "../../wire/token-fixture.ts";
import { throughSavedState } from "../saved-state.ts";
import { CIPHERS, control, UEID } from "./control.ts";

/** A statement, as far as the uplink cares. */
export const STATEMENT = Uint8Array.from({ length: 60 }, (_, i) => i);

const BATCH = makeBatch();

export interface Sent {
  port: number;
  bytes: Uint8Array;
}

export interface DeliverOptions {
  kind?: TokenKind;
  keyRow?: boolean;
  tries?: number;
  inOrder?: boolean;
  wallS?: number;
}

export interface BenchOptions {
  profile?: Profile;
  downlinks?: boolean;
}

/** A batch token of `count` readings, and its compact form. */
export function batchToken(seq: number, count = 36): Uint8Array {
  return makeToken({ ...makeBatch(count), seq });
}

export function compactToken(seq: number, count: number, options = { key: false, escape: false }): Uint8Array {
  const token = batchToken(seq, count);
  return compactOf({ ...makeBatch(count), seq }, options, token.subarray(token.length - SIGNATURE_BYTES));
}

/** Unix time of the last reading of such a token. */
export function lastReadingS(count = 36): number {
  return BATCH.t0 + (count - 1) * BATCH.dt;
}

export class Bench {
  #options: BenchOptions;
  uplink: LorawanUplink;
  nowMs = 0;
  maxPayload = 51;
  sent: Sent[] = [];
  /** Results in the order in which they came, as text. */
  results: string[] = [];
  acknowledged: number[] = [];
  notDelivered: number[] = [];
  done: number[] = [];
  reads: number[] = [];
  nonces: Uint8Array[] = [];
  boots: number[] = [];
  /** What flash holds. */
  tokens = new Map<number, Uint8Array>();

  constructor(options: BenchOptions = {}) {
    this.#options = { profile: WEATHER, ...options };
    this.uplink = this.#new();
  }

  #new(): LorawanUplink {
    return new LorawanUplink({ ueid: UEID, ciphers: CIPHERS, ...this.#options });
  }

  handle(event: LorawanUplinkEvent): void {
    this.uplink.handle(event, this.nowMs);
    this.run();
  }

  deliver(seq: number, bytes: Uint8Array = STATEMENT, options: DeliverOptions = {}): void {
    this.tokens.set(seq, bytes);
    this.handle(this.#token(seq, options));
  }

  #token(seq: number, options: DeliverOptions = {}): Extract<LorawanUplinkEvent, { kind: "token" }> {
    const { kind = TOKEN_KIND.boot, keyRow = false, tries = 0, inOrder = true, wallS = lastReadingS() } = options;
    const bytes = this.tokens.get(seq);
    return {
      kind: "token",
      seq,
      bytes: bytes ?? STATEMENT,
      length: bytes?.length ?? -1,
      recordKind: kind,
      keyRow,
      tries,
      inOrder,
      wallS,
    };
  }

  /** A batch, in order and fresh unless told otherwise. */
  deliverBatch(seq: number, count = 36, options: DeliverOptions = {}): void {
    this.deliver(seq, batchToken(seq, count), { kind: TOKEN_KIND.batch, ...options });
  }

  downlink(port: number, payload: Uint8Array): void {
    this.handle({ kind: "downlink", port, payload, length: payload.length });
  }

  control(parts: Partial<ControlMessage>): void {
    this.downlink(CONTROL_FPORT, control(parts, LORAWAN_TAG_BYTES));
  }

  /** Offers one opportunity; returns the frame that was sent, if any. The layer below then says that it is over. */
  offer(outcome: LorawanUplinkEvent | undefined = { kind: "sent", more: false }): string | undefined {
    if (!this.uplink.wantsToSend(this.nowMs)) return undefined;
    const before = this.sent.length;
    const { maxPayload } = this;
    this.handle({ kind: "opportunity", maxPayload, asksTime: this.uplink.asksTime(maxPayload, this.nowMs) });
    assert.equal(this.sent.length, before + 1, "an opportunity that was wanted is used");
    assert.equal(this.uplink.wantsToSend(this.nowMs), false, "one frame at a time");
    if (outcome !== undefined) this.handle(outcome);
    const { port, bytes } = this.sent[before];
    return `${port}:${bytes.length}`;
  }

  /** Sends all that there is to send now; returns the frames. */
  offerAll(): string[] {
    const frames: string[] = [];
    for (let frame = this.offer(); frame !== undefined && frames.length < 200; frame = this.offer()) frames.push(frame);
    return frames;
  }

  /** Lets time pass to the next thing the uplink waits for. */
  wait(): void {
    this.nowMs = Math.max(this.uplink.pollTimeout() as number, this.nowMs);
    this.uplink.handleTimeout(this.nowMs);
    this.run();
  }

  run(): void {
    this.#commands();
    this.uplink = throughSavedState(this.uplink, () => this.#new());
    this.#commands();
  }

  #commands(): void {
    for (let command = this.uplink.pollCommand(); command !== undefined; command = this.uplink.pollCommand()) {
      switch (command.kind) {
        case "send":
          this.sent.push({ port: command.port, bytes: command.payload.slice(0, command.length) });
          break;
        case "readToken":
          this.reads.push(command.seq);
          this.uplink.handle(this.#token(command.seq), this.nowMs);
          break;
        case "challenged":
          this.nonces.push(command.nonce.slice(0, command.length));
          break;
        case "bootRequested":
          this.boots.push(command.bootCount);
          break;
        case "sent":
          this.done.push(command.seq);
          break;
        default:
          this[command.kind].push(command.seq);
      }
    }
  }

  /** As a node whose time is known. */
  learnTime(): void {
    this.handle({ kind: "timeLearned" });
  }
}
