/** The outbox on flash: stores tokens, reads them back for the uplinks, and carries out what the outbox's machine wants. */
import { SPREAD_FRACTION, SPREAD_MAX_MS, SPREAD_REBOOT_MS } from "../core/bounds.ts";
import { OUTBOX_KEY, type Outbox, type OutboxCommand } from "../core/outbox.ts";
import { DONE_RECORD_BYTES } from "../core/token-states.ts";
import type { Random } from "../ports/crypto.ts";
import type { Log } from "../ports/log.ts";
import type { KeyValueStore, RecordLog } from "../ports/storage.ts";
import { MAX_TOKEN_BYTES } from "../wire/batch.ts";
import { TOKEN_KIND, TOKEN_RECORD_HEADER_BYTES, tokenRecordKeyRow, tokenRecordKind } from "../wire/token-record.ts";
import type { NodeObserver } from "./node-ports.ts";
import type { Handover, UplinkPath } from "./uplink-path.ts";

const FULL = Object.freeze({ kind: "full" as const });

/** What it needs of a node's ports. */
export interface TokenStorePorts {
  outbox: RecordLog;
  keyValue: KeyValueStore;
  crypto: Random;
  log: Log;
}

export class TokenStore {
  #log: RecordLog;
  #keyValue: KeyValueStore;
  #nodeLog: Log;
  #random: Random;
  #paths: readonly UplinkPath[];
  #observer: NodeObserver | undefined;
  #randomBytes = new Uint8Array(4);
  #appended = { kind: "appended" as const, seq: 0, delayMs: 0, urgent: false };
  #lost = { kind: "lost" as const, seq: 0 };
  #handover: Handover = { seq: 0, length: 0, recordKind: TOKEN_KIND.batch, keyRow: false, tries: 0, inOrder: false };
  /** The outbox record that was read last. */
  readonly record = new Uint8Array(TOKEN_RECORD_HEADER_BYTES + MAX_TOKEN_BYTES);
  /** The token in it. */
  readonly token: Uint8Array = this.record.subarray(TOKEN_RECORD_HEADER_BYTES);

  constructor(ports: TokenStorePorts, paths: readonly UplinkPath[], observer: NodeObserver | undefined) {
    if (ports.outbox.maxRecordLength < this.record.length)
      throw new RangeError("outbox: the log's records are too short");
    this.#log = ports.outbox;
    this.#keyValue = ports.keyValue;
    this.#random = ports.crypto;
    this.#nodeLog = ports.log;
    this.#paths = paths;
    this.#observer = observer;
  }

  /** After power-on: tells the outbox what flash holds. */
  start(outbox: Outbox, nowMs: number): void {
    const { oldest, next } = this.#log;
    const record = new Uint8Array(DONE_RECORD_BYTES);
    const recordLength = this.#keyValue.read(OUTBOX_KEY, record);
    const delayMs = this.randomBelow(SPREAD_REBOOT_MS);
    outbox.handle({ kind: "start", oldest, next, delayMs, record, recordLength }, nowMs);
    this.run(outbox, nowMs);
  }

  /** A number from 0 up to, and without, `limit`, from the hardware's random source. */
  randomBelow(limit: number): number {
    const bytes = this.#randomBytes;
    this.#random.fill(bytes);
    const fraction = (bytes[0] * 0x1000000 + bytes[1] * 0x10000 + bytes[2] * 0x100 + bytes[3]) / 0x100000000;
    return Math.floor(fraction * limit);
  }

  /** Reads a token; returns its length, or -1 when it is trimmed or damaged. */
  read(seq: number): number {
    const length = this.#log.read(seq, this.record);
    return length > TOKEN_RECORD_HEADER_BYTES ? length - TOKEN_RECORD_HEADER_BYTES : -1;
  }

  /** Appends a record, giving up old tokens if there is no room otherwise; returns its number. */
  append(outbox: Outbox, record: Uint8Array, length: number, durationS: number, nowMs: number): number {
    let number = this.#log.append(record, length);
    while (number < 0 && outbox.hasTokens) {
      outbox.handle(FULL, nowMs);
      this.run(outbox, nowMs);
      number = this.#log.append(record, length);
    }
    if (number < 0) throw new RangeError("outbox: no room for one token in an empty log");
    this.#appended.seq = number;
    this.#appended.delayMs = this.randomBelow(Math.min((durationS * 1000) / SPREAD_FRACTION, SPREAD_MAX_MS));
    this.#appended.urgent = tokenRecordKind(record) === TOKEN_KIND.key;
    outbox.handle(this.#appended, nowMs);
    if (this.#observer?.onToken !== undefined) {
      this.#observer.onToken(number, record.subarray(TOKEN_RECORD_HEADER_BYTES), length - TOKEN_RECORD_HEADER_BYTES);
    }
    return number;
  }

  /** Carries out the outbox's commands; true when there were any. */
  run(outbox: Outbox, nowMs: number): boolean {
    let worked = false;
    for (let command = outbox.pollCommand(); command !== undefined; command = outbox.pollCommand()) {
      worked = true;
      switch (command.kind) {
        case "deliver":
          this.deliver(outbox, command, nowMs);
          break;
        case "delivered":
          this.#observer?.onDelivered?.(command.seq);
          break;
        case "dropped":
          this.#nodeLog.write("warn", "outbox", `token ${command.seq} is given up`);
          this.#observer?.onDropped?.(command.seq);
          break;
        case "store":
          this.#keyValue.write(command.key, command.value, command.length);
          break;
        case "trim":
          this.#log.trim(command.before);
          break;
      }
    }
    return worked;
  }

  private deliver(outbox: Outbox, command: Extract<OutboxCommand, { kind: "deliver" }>, nowMs: number): void {
    const { seq, uplink, tries, inOrder } = command;
    const length = this.read(seq);
    if (length > 0) {
      const handover = this.#handover;
      handover.seq = seq;
      handover.length = length;
      handover.recordKind = tokenRecordKind(this.record);
      handover.keyRow = tokenRecordKeyRow(this.record);
      handover.tries = tries;
      handover.inOrder = inOrder;
      this.#paths[uplink].deliver(handover, nowMs);
    } else {
      this.#lost.seq = seq;
      outbox.handle(this.#lost, nowMs);
    }
  }
}
