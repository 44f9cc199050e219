/**
 * MAC answers that wait for the next uplink (TS001-1.0.4 chapter 5): in the order of the commands, all in one frame, cut at the end of a
 * command where they do not fit. Four of them are repeated in every uplink until a downlink comes (5.4, 5.6, 5.7, 5.8).
 */
import { CID, macCommandLength, writeCommand } from "../../wire/mac-commands.ts";
import type { StateReader, StateWriter } from "../../wire/state-record.ts";

/** More than the answers to any sensible downlink; what is above is cut, as chapter 5 allows. */
const MAX_ANSWER_BYTES = 51;

export class MacAnswers {
  readonly #bytes = new Uint8Array(MAX_ANSWER_BYTES + 3);
  length = 0;
  #isCut = false;

  /** Before the commands of a downlink: what was to be repeated has arrived. */
  clear(): void {
    this.length = 0;
    this.#isCut = false;
  }

  /** Adds an answer of no payload byte or one. */
  add(cid: number, status?: number): void {
    this.end(writeCommand(this.#bytes, this.length, cid, status));
  }

  /** For longer answers: write at `length` of `bytes`, then tell the `end`. An answer that does not fit is dropped, and the ones behind it too. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  end(at: number): void {
    if (at > MAX_ANSWER_BYTES) this.#isCut = true;
    if (!this.#isCut) this.length = at;
  }

  /** Bytes of whole answers within `limit`. */
  fitting(limit: number): number {
    let at = 0;
    for (;;) {
      const next = at + 1 + macCommandLength(this.#bytes[at], true);
      if (at >= this.length || next > limit) return at;
      at = next;
    }
  }

  /** Copies the whole answers that fit into `limit` bytes; returns their length. */
  copy(into: Uint8Array, limit: number): number {
    const length = this.fitting(limit);
    for (let i = 0; i < length; i++) into[i] = this.#bytes[i];
    return length;
  }

  /** They went into a frame: only those that must be repeated stay. */
  keepSticky(): void {
    let kept = 0;
    for (let at = 0; at < this.length; ) {
      const length = 1 + macCommandLength(this.#bytes[at], true);
      if (isSticky(this.#bytes[at])) {
        for (let i = 0; i < length; i++) this.#bytes[kept + i] = this.#bytes[at + i];
        kept += length;
      }
      at += length;
    }
    this.length = kept;
  }

  save(writer: StateWriter): void {
    writer.u8(this.length);
    writer.bytes(this.#bytes, this.length);
  }

  restore(reader: StateReader): void {
    this.length = reader.u8();
    reader.bytes(this.#bytes, this.length);
  }
}

function isSticky(cid: number): boolean {
  return cid === CID.rxParamSetup || cid === CID.rxTimingSetup || cid === CID.txParamSetup || cid === CID.dlChannel;
}
