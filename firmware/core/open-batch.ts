/**
 * The batch that is being collected: which reading is its next one, when it is full, and whether its compact token should begin with full
 * first values. Everything is allocated once.
 *
 * It is full at its number of readings, when the next reading would come later than the latency bound allows for the first one, and (with a
 * budget of frames) when the next reading would take a frame more than the budget has: the compact coder runs along and says how long the token
 * is by now. The seq, the boot count's part and the like take the same bits whatever they are, so that this is known before they are.
 */
import { type BatchHead, MAX_BATCH_READINGS, MAX_CLAIMS_BYTES, type NodeIdentity } from "../wire/batch.ts";
import { BatchColumns } from "../wire/batch-columns.ts";
import type { CompactCoder } from "../wire/compact-coder.ts";
import { compactRules } from "../wire/compact-profiles.ts";
import { CompactEncoder, MAX_COMPACT_BYTES } from "../wire/compact-token.ts";
import { SIGNATURE_BYTES } from "../wire/cose-sign1.ts";
import type { Profile } from "../wire/profile.ts";
import type { Reading } from "../wire/reading-record.ts";
import type { StateReader, StateWriter } from "../wire/state-record.ts";
import { CLAIMS_FIXED_BYTES } from "./bounds.ts";
import { tokenBytesIn } from "./frame-budget.ts";

const DAY_S = 86_400;

/** When a batch closes. */
export interface BatchPolicy {
  /** Readings, 1 to MAX_BATCH_READINGS. */
  readings: number;
  /** Seconds that a reading may wait for its signature. */
  latencyS?: number;
  /** LoRaWAN frames that a compact token may take. */
  frames?: number;
}

export class OpenBatch {
  readonly batch: BatchHead;
  readonly columns: BatchColumns;
  #readings: number;
  #latencyS: number;
  #frames: number;
  #encoder: CompactEncoder | undefined;
  /** Where the batch before ended: its boot (0: there was none), its base, and the slot behind its last reading. */
  #lastBoot = 0;
  #lastWall = false;
  #lastEndS = 0;

  constructor(identity: NodeIdentity, profile: Profile, policy: BatchPolicy, coder?: CompactCoder) {
    this.#readings = Math.min(policy.readings, MAX_BATCH_READINGS);
    this.#latencyS = policy.latencyS ?? Infinity;
    this.#frames = policy.frames ?? 0;
    const rules = this.#frames > 0 ? compactRules(profile) : undefined;
    // Without a buffer it counts.
    if (rules !== undefined) this.#encoder = new CompactEncoder(profile, rules, undefined, coder);
    const fixedBytes = CLAIMS_FIXED_BYTES + identity.hwmodel.length + profile.uri.length;
    this.columns = new BatchColumns(profile, MAX_CLAIMS_BYTES - fixedBytes);
    this.batch = {
      profile,
      bootCount: 0,
      seq: 0,
      t0: 0,
      dt: 0,
      timeQuality: 0,
      wallTime: false,
      count: 0,
    };
  }

  get count(): number {
    return this.batch.count;
  }

  /** No further reading may come in. */
  get full(): boolean {
    const { count, dt } = this.batch;
    return count === this.#readings || (count > 0 && count * dt > this.#latencyS);
  }

  /**
   * Adds a reading; false when it is not the batch's next one, or does not fit any more. `frameBytes` is what a frame holds now, 0 where that
   * is not known.
   */
  add(reading: Reading, frameBytes: number): boolean {
    const { batch } = this;
    if (batch.count > 0 && !this.continues(reading)) return false;
    if (batch.count === 0) this.begin(reading);
    if (!this.fitsFrames(reading, frameBytes)) return false;
    this.columns.add(reading);
    batch.count++;
    return true;
  }

  /** Forgets the readings; what comes next is counted as following them. */
  next(): void {
    const { batch } = this;
    if (batch.count > 0) {
      this.#lastBoot = batch.bootCount;
      this.#lastWall = batch.wallTime;
      this.#lastEndS = batch.t0 + batch.count * batch.dt;
    }
    this.clear();
  }

  /** Forgets the readings as if they had not been. */
  clear(): void {
    this.batch.count = 0;
    this.columns.clear();
  }

  /** Whether a compact token of the batch should give first values in full. */
  get keyRow(): boolean {
    return this.startsAnew() || this.holdsMidnight(this.batch.count);
  }

  /** The first of its boot, or after a gap longer than one batch, or on another time base. */
  private startsAnew(): boolean {
    const { bootCount, wallTime, t0, dt } = this.batch;
    if (bootCount !== this.#lastBoot || wallTime !== this.#lastWall) return true;
    return t0 < this.#lastEndS || t0 > this.#lastEndS + this.#readings * dt;
  }

  /** Whether the first slot of a UTC day is among the first `count` ones. */
  private holdsMidnight(count: number): boolean {
    const { wallTime, t0, dt } = this.batch;
    return wallTime && Math.floor((t0 - dt) / DAY_S) < Math.floor((t0 + (count - 1) * dt) / DAY_S);
  }

  /** Whether the reading is the open batch's next one, and the whole token would not grow too long. */
  private continues(reading: Reading): boolean {
    const { batch } = this;
    const wall = reading.wallS !== 0;
    return (
      reading.bootCount === batch.bootCount &&
      reading.intervalS === batch.dt &&
      reading.timeQuality === batch.timeQuality &&
      wall === batch.wallTime &&
      (wall ? reading.wallS : reading.uptimeS) === batch.t0 + batch.count * batch.dt &&
      this.columns.fits(reading)
    );
  }

  private begin(reading: Reading): void {
    const { batch } = this;
    batch.bootCount = reading.bootCount;
    batch.dt = reading.intervalS;
    batch.timeQuality = reading.timeQuality;
    batch.wallTime = reading.wallS !== 0;
    batch.t0 = batch.wallTime ? reading.wallS : reading.uptimeS;
    if (this.#encoder === undefined) return;
    const { bootCount, seq, t0, dt, timeQuality } = batch;
    // Midnight may come later in the batch: then its first values will have been full ones.
    const key = this.startsAnew() || this.holdsMidnight(this.#readings);
    this.#encoder.start({ bootCount, seq, t0, dt, timeQuality, key, escape: false }, MAX_COMPACT_BYTES);
  }

  /** A first reading is in the batch whatever it takes. */
  private fitsFrames(reading: Reading, frameBytes: number): boolean {
    const encoder = this.#encoder;
    if (encoder === undefined) return true;
    const isBounded = frameBytes > 0 && this.batch.count > 0;
    encoder.limit = (isBounded ? tokenBytesIn(this.#frames, frameBytes) : MAX_COMPACT_BYTES) - SIGNATURE_BYTES;
    return encoder.add(reading);
  }

  save(writer: StateWriter): void {
    writer.u32(this.#lastBoot);
    writer.bool(this.#lastWall);
    writer.time(this.#lastEndS);
  }

  /** The readings are to be added again. */
  restore(reader: StateReader): void {
    this.clear();
    this.#lastBoot = reader.u32();
    this.#lastWall = reader.bool();
    this.#lastEndS = reader.time() ?? 0;
  }
}
