/** The moment that a statement speaks of: the boot, the number of the next token, uptime, and wall time as far as somebody has told it. */
import type { StateReader, StateWriter } from "../wire/state-record.ts";

export class StatementMoment {
  bootCount = 0;
  /** The next token's, whether a statement is under way or not. */
  seq = 0;
  uptimeS = 0;
  /** 0 while nobody has told the time; so is its quality. */
  wallS = 0;
  timeQuality = 0;
  #wallOffsetMs: number | undefined;
  #offsetQuality = 0;

  /** Unix time less uptime is now this, of such a quality; undefined while nobody has told it. */
  told(wallOffsetMs: number | undefined, quality: number): void {
    this.#wallOffsetMs = wallOffsetMs;
    this.#offsetQuality = quality;
  }

  /** From now on the moment is this one. */
  set(nowMs: number): void {
    const offsetMs = this.#wallOffsetMs;
    this.uptimeS = Math.floor(nowMs / 1000);
    this.wallS = offsetMs === undefined ? 0 : Math.floor((this.uptimeS * 1000 + offsetMs) / 1000 + 0.5);
    this.timeQuality = offsetMs === undefined ? 0 : this.#offsetQuality;
  }

  /** Its state is part of its owner's. */
  save(writer: StateWriter): void {
    writer.u32(this.bootCount);
    writer.u32(this.seq);
    writer.u32(this.uptimeS);
    writer.time(this.wallS);
    writer.u8(this.timeQuality);
    writer.time(this.#wallOffsetMs);
    writer.u8(this.#offsetQuality);
  }

  restore(reader: StateReader): void {
    this.bootCount = reader.u32();
    this.seq = reader.u32();
    this.uptimeS = reader.u32();
    this.wallS = reader.time() ?? 0;
    this.timeQuality = reader.u8();
    this.#wallOffsetMs = reader.time();
    this.#offsetQuality = reader.u8();
  }
}
