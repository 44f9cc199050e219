/**
 * From a compact token back to the claims that were signed: the receiver adds what it knew before. Where that leaves a choice there are
 * candidates, the most plausible first; the caller encodes each (`encodeClaims`) and the signature says which one is right.
 *
 *   seq    nearest to the next expected, then 16 up or down
 *   slot   the last one that is not in the future, then the one before it
 *   value  nearest to what was known, then the one a window above or below; up to three fields at a time
 *
 * At most MAX_CANDIDATES are tried: a signature costs the receiver more than all the rest, and hostile tokens cost them all.
 */
import { type Claims, checkBatch, type EntityClaims, MAX_TIME_S } from "./batch.ts";
import { BOOT_MODULUS, SEQ_MODULUS, SLOT_MODULUS } from "./compact-header.ts";
import type { CompactBatch } from "./compact-token.ts";
import type { Profile } from "./profile.ts";

export const MAX_CANDIDATES = 16;

/** What the receiver knows of the node in one of its boots. */
export interface RebuildContext {
  entity: EntityClaims;
  profile: Profile;
  /** The boot that is tried. */
  bootCount: number;
  /** The seq that would come next if nothing was lost. */
  nextSeq: number;
  /** No reading is later than this: time of reception with its tolerance, Unix time or, for a batch in uptime, the node's uptime then. Seconds. */
  latestS: number;
  /** By field: the value known nearest in time, undefined where none is. */
  known: readonly (number | undefined)[];
}

/** One choice that deviates from the most plausible. */
interface Choice {
  /** What it decides: choices of the same kind exclude each other. Field index, or SEQ or SLOT. */
  kind: number;
  /** What is added to the value, the seq or the slot. */
  add: number;
  /** 0 would be as plausible as what it replaces. */
  cost: number;
}

/** Deviations from the most plausible that are tried together. */
const MAX_CHOICES = 3;
const SEQ = -1;
const SLOT = -2;
const SEQ_COST = 0.6;
const SLOT_COST = 0.7;
/** How far behind the next expected seq a token may be and still be taken for a late one. */
const SEQ_BEHIND = 4;

/** The number that is `residue` modulo `modulus` and nearest to `near`, not below `min` nor above `max` where that can be had. */
function nearest(residue: number, modulus: number, near: number, min: number, max: number): number {
  let found = residue + Math.floor((near - residue) / modulus + 0.5) * modulus;
  if (found < min) found += Math.ceil((min - found) / modulus) * modulus;
  if (found > max) found -= Math.ceil((found - max) / modulus) * modulus;
  return found;
}

function modulo(value: number, modulus: number): number {
  return value - Math.floor(value / modulus) * modulus;
}

/** Gives the candidates one after the other. */
export class CompactCandidates {
  /** Why there are none, or "": other-boot, value-unknown, no-plausible-time. */
  readonly reason: string;
  #batch: CompactBatch;
  #context: RebuildContext;
  #seq = 0;
  #slot = 0;
  #adds: number[] = [];
  #plans: Choice[][] = [];
  #next = 0;

  constructor(batch: CompactBatch, context: RebuildContext) {
    this.#batch = batch;
    this.#context = context;
    this.reason = this.prepare();
  }

  /** The next candidate that may stand in a token, or undefined after the last. Its arrays belong to the caller. */
  next(): Claims | undefined {
    while (this.#next < this.#plans.length) {
      const claims = this.claims(this.#plans[this.#next++]);
      if (checkBatch(claims) === undefined) return claims;
    }
    return undefined;
  }

  private prepare(): string {
    const { header } = this.#batch;
    const { bootCount, nextSeq, latestS } = this.#context;
    const choices: Choice[] = [];
    if (header.escape) {
      if (bootCount !== header.bootCount) return "other-boot";
      this.#seq = header.seq;
      this.#slot = header.slot;
    } else {
      if (bootCount % BOOT_MODULUS !== header.bootCount) return "other-boot";
      this.#seq = nextSeq - SEQ_BEHIND + modulo(header.seq - nextSeq + SEQ_BEHIND, SEQ_MODULUS);
      if (this.#seq < 0) this.#seq += SEQ_MODULUS;
      const last = Math.floor(Math.min(latestS, MAX_TIME_S) / header.dt) - (this.#batch.count - 1);
      this.#slot = last - modulo(last - header.slot, SLOT_MODULUS);
      if (!(this.#slot >= 0)) return "no-plausible-time";
      choices.push({ kind: SEQ, add: SEQ_MODULUS, cost: SEQ_COST }, { kind: SEQ, add: -SEQ_MODULUS, cost: SEQ_COST });
      choices.push({ kind: SLOT, add: -SLOT_MODULUS, cost: SLOT_COST });
    }
    for (let f = 0; f < this.#batch.windows.length; f++) {
      this.#adds.push(0);
      if (!this.chooseValue(f, choices)) return "value-unknown";
    }
    this.plan(choices);
    return "";
  }

  /** The multiple of the window that brings a field nearest to what was known; and one more and one less as choices. */
  private chooseValue(f: number, choices: Choice[]): boolean {
    const { columns, windows, firsts, count } = this.#batch;
    const window = windows[f];
    if (window === 0 || firsts[f] === count) return true;
    const known = this.#context.known[f];
    if (known === undefined) return false;
    const { min, max } = this.#context.profile.fields[f];
    const first = columns[f + 1][firsts[f]];
    const value = nearest(first, window, known, min, max);
    this.#adds[f] = value - first;
    const towards = value < known ? window : -window;
    for (const add of [towards, -towards]) {
      const other = value + add;
      if (other < min || other > max) continue;
      choices.push({ kind: f, add, cost: (Math.abs(other - known) - Math.abs(value - known)) / window });
    }
    return true;
  }

  /** No choice, or up to MAX_CHOICES that do not exclude each other: the cheapest first. */
  private plan(choices: readonly Choice[]): void {
    const plans: { of: Choice[]; cost: number }[] = [{ of: [], cost: 0 }];
    for (const choice of choices) {
      for (let i = plans.length - 1; i >= 0; i--) {
        const { of, cost } = plans[i];
        if (of.length === MAX_CHOICES || of.some(({ kind }) => kind === choice.kind)) continue;
        plans.push({ of: [...of, choice], cost: cost + choice.cost });
      }
    }
    plans.sort((a, b) => a.cost - b.cost);
    this.#plans = plans.slice(0, MAX_CANDIDATES).map(({ of }) => of);
  }

  private claims(plan: readonly Choice[]): Claims {
    const { header, count, columns, firsts } = this.#batch;
    const { entity, profile, bootCount } = this.#context;
    let seq = this.#seq;
    let slot = this.#slot;
    const adds = this.#adds.slice();
    for (const { kind, add } of plan) {
      if (kind === SEQ) seq += add;
      else if (kind === SLOT) slot += add;
      else adds[kind] += add;
    }
    const shifted = columns.map((column) => column.slice());
    for (let f = 0; f < adds.length; f++) {
      if (adds[f] === 0) continue;
      for (let i = firsts[f]; i < count; i++) shifted[f + 1][i] += adds[f];
    }
    const { ueid, oemid, hwmodel, dbgstat } = entity;
    const { dt, timeQuality } = header;
    const t0 = slot * dt;
    const wallTime = timeQuality !== 0;
    return {
      kind: "batch",
      ueid,
      oemid,
      hwmodel,
      dbgstat,
      profile,
      bootCount,
      seq,
      t0,
      dt,
      timeQuality,
      wallTime,
      count,
      columns: shifted,
    };
  }
}
