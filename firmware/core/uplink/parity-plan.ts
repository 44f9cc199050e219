/**
 * Which parity tiles of a datagram are still to go: so many, with consecutive indices from the next on. An index that has gone is not used again, for a
 * receiver gains nothing from a tile that it has. Behind tiles in frames too short for a header, and in their midst, goes a header.
 */
import type { StateReader, StateWriter } from "../../wire/state-record.ts";

export class ParityPlan {
  left = 0;
  next = 0;
  /** A header goes before anything else. */
  header = false;
  /** Nobody asked for the tiles: nobody knows what they are of. */
  #isAhead = false;

  /** Of a new datagram: none. */
  begin(): void {
    this.left = 0;
    this.next = 0;
    this.header = false;
    this.#isAhead = false;
  }

  get isEmpty(): boolean {
    return this.left === 0 && !this.header;
  }

  /** Those that were asked for, in the place of any others. */
  request(first: number, tiles: number): void {
    this.header = false;
    this.next = first;
    this.left = tiles;
  }

  /** So many ahead of any request. */
  ahead(tiles: number): void {
    this.#isAhead = true;
    this.left = tiles;
  }

  /** One that nobody asked for; false when there are only `atMost` of them. */
  addOne(atMost: number): boolean {
    if (this.next >= atMost) return false;
    this.left = 1;
    return true;
  }

  /** Frames can name the first `atMost` only. Returns whether others were to go; they do not any more. */
  cutTo(atMost: number): boolean {
    if (this.left === 0 || this.next < atMost) return false;
    this.left = 0;
    return true;
  }

  /** So many have left, `isShort` without a header. */
  sent(tiles: number, isShort: boolean): void {
    this.next += tiles;
    this.left -= tiles;
    const lead = this.left - this.next;
    const isPause = this.left === 0 || lead === 0 || lead === 1;
    this.header = this.#isAhead && isShort && isPause;
  }

  /** Its state is part of its owner's. */
  save(writer: StateWriter): void {
    writer.u8(this.left);
    writer.u8(this.next);
    writer.bool(this.header);
    writer.bool(this.#isAhead);
  }

  restore(reader: StateReader): void {
    this.left = reader.u8();
    this.next = reader.u8();
    this.header = reader.bool();
    this.#isAhead = reader.bool();
  }
}
