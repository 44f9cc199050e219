/** The machines of one node that know no port: made together, saved together, restored together. */
import { Attester } from "../core/attester.ts";
import {
  CLOCK_DRIFT_PPM,
  SLEEPING_CLOCK_DRIFT_PPM,
  SLEEPING_TIME_REFRESH_MS,
  TIME_REFRESH_MS,
} from "../core/bounds.ts";
import { Journal } from "../core/journal.ts";
import { Outbox } from "../core/outbox.ts";
import { Quality } from "../core/quality.ts";
import { Sampler } from "../core/sampler.ts";
import { TimeKeeper } from "../core/time-keeper.ts";
import { Router } from "../core/uplink/router.ts";
import type { Hash } from "../ports/crypto.ts";
import type { NodeIdentity } from "../wire/batch.ts";
import type { CompactCoder } from "../wire/compact-coder.ts";
import type { NodeConfig } from "./node-ports.ts";

export class Machines {
  readonly time: TimeKeeper;
  readonly outbox = new Outbox();
  readonly sampler: Sampler;
  readonly quality: Quality;
  readonly journal: Journal;
  readonly attester: Attester;
  readonly router: Router;

  constructor(
    config: NodeConfig,
    identity: NodeIdentity,
    hash: Hash,
    coder: CompactCoder | undefined,
    uplinks: number,
  ) {
    const { profile } = config;
    this.time = config.deepSleep
      ? new TimeKeeper(SLEEPING_CLOCK_DRIFT_PPM, SLEEPING_TIME_REFRESH_MS)
      : new TimeKeeper(CLOCK_DRIFT_PPM, TIME_REFRESH_MS);
    this.sampler = new Sampler(config.sampleIntervalS, config.timeWaitMs);
    this.quality = new Quality(profile);
    this.journal = new Journal(profile.fields.length);
    const { batchReadings, latencyS, frameBudget } = config;
    this.attester = new Attester({
      identity,
      profile,
      policy: { readings: batchReadings, latencyS, frames: frameBudget },
      coder,
      hash,
      digests: config.digests ?? true,
      about: config,
    });
    this.router = new Router(uplinks);
  }

  /** Everything that was sampled is in a token, and every token acknowledged or given up. */
  get empty(): boolean {
    return this.sampler.stopped && this.journal.empty && this.attester.empty && this.outbox.empty;
  }

  save(into: Uint8Array, offset: number): number {
    let at = this.time.save(into, offset);
    at = this.sampler.save(into, at);
    at = this.quality.save(into, at);
    at = this.journal.save(into, at);
    at = this.attester.save(into, at);
    at = this.outbox.save(into, at);
    return this.router.save(into, at);
  }

  /** Returns the offset behind the state, or -1 when any of it is not good: then these machines are of no use. */
  restore(bytes: Uint8Array, offset: number): number {
    let at = this.time.restore(bytes, offset);
    if (at >= 0) at = this.sampler.restore(bytes, at);
    if (at >= 0) at = this.quality.restore(bytes, at);
    if (at >= 0) at = this.journal.restore(bytes, at);
    if (at >= 0) at = this.attester.restore(bytes, at);
    if (at >= 0) at = this.outbox.restore(bytes, at);
    return at >= 0 ? this.router.restore(bytes, at) : -1;
  }
}
