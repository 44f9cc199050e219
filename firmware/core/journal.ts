/**
 * On the way to flash: every reading is appended to the journal at once, except while a receive window is near. An append may erase a
 * sector (400 ms), so a few readings can wait here, in memory that deep sleep keeps.
 */
import { type Reading, readingRecordBytes, writeReading } from "../wire/reading-record.ts";
import { StateReader, StateWriter } from "../wire/state-record.ts";
import { JOURNAL_WAITING_MAX } from "./bounds.ts";
import { STATE_TAG } from "./state-tag.ts";

export type JournalCommand = { kind: "append"; record: Uint8Array; length: number };

const VERSION = 1;

export class Journal {
  #recordBytes: number;
  #records: Uint8Array[] = [];
  /** A ring: `#waiting` records from `#head` on. */
  #head = 0;
  #waiting = 0;
  #command: JournalCommand = { kind: "append", record: new Uint8Array(0), length: 0 };

  /** For readings of `fields` values. */
  constructor(fields: number) {
    this.#recordBytes = readingRecordBytes(fields);
    for (let i = 0; i < JOURNAL_WAITING_MAX; i++) this.#records.push(new Uint8Array(this.#recordBytes));
  }

  get empty(): boolean {
    return this.#waiting === 0;
  }

  /** No further reading may come in before one is written, receive window or not. */
  get full(): boolean {
    return this.#waiting === JOURNAL_WAITING_MAX;
  }

  /** Takes a copy of the reading. Must not be full. */
  add(reading: Reading): void {
    if (this.full) throw new RangeError("journal: more readings wait than may");
    writeReading(reading, this.#records[(this.#head + this.#waiting) % JOURNAL_WAITING_MAX]);
    this.#waiting++;
  }

  /** The oldest reading that waits; it counts as written with this call. */
  pollCommand(): JournalCommand | undefined {
    if (this.#waiting === 0) return undefined;
    this.#command.record = this.#records[this.#head];
    this.#command.length = this.#recordBytes;
    this.#head = (this.#head + 1) % JOURNAL_WAITING_MAX;
    this.#waiting--;
    return this.#command;
  }

  save(into: Uint8Array, offset: number): number {
    const writer = new StateWriter(into, offset, STATE_TAG.journal, VERSION);
    writer.u8(this.#waiting);
    for (let i = 0; i < this.#waiting; i++) {
      writer.bytes(this.#records[(this.#head + i) % JOURNAL_WAITING_MAX], this.#recordBytes);
    }
    return writer.finish();
  }

  restore(bytes: Uint8Array, offset: number): number {
    const reader = new StateReader(bytes, offset, STATE_TAG.journal, VERSION);
    if (!reader.valid) return -1;
    this.#head = 0;
    this.#waiting = reader.u8();
    for (let i = 0; i < this.#waiting; i++) reader.bytes(this.#records[i], this.#recordBytes);
    return reader.end;
  }
}
