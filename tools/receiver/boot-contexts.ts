/**
 * What a receiver knows of a node's boots, so that a compact token is rebuilt in the context of its own: maker, model and profile by boot count, from
 * boot tokens and from batches, and the last batches, whose values and times are the neighbours of the next one.
 *
 * Kept in memory are the latest boots and batches only; all boot tokens are in the store, and whoever needs an older one looks there.
 */
import { BOOT_MODULUS } from "../../firmware/wire/compact-header.ts";
import { type BootClaims, type Claims, type EntityClaims, readingTimeS } from "../../firmware/wire/eat-token.ts";
import { missingFlag, type Profile } from "../../firmware/wire/profile.ts";
import { equalBytes } from "./hex.ts";

/**
 * Boots kept (a boot counts twice when its configuration changed): a compact token has three bits of its boot count, and what is further back comes
 * with all of it.
 */
export const MAX_BOOTS = 16;
/** Batches kept: what may come out of order without saying its number in full. */
export const MAX_NEIGHBOURS = 8;

/** Who the node is in one boot, or in a part of it: a change of configuration is announced by another boot token. */
export interface BootContext {
  bootCount: number;
  entity: EntityClaims;
  profile: Profile;
  /** A boot token says so; otherwise a batch of this boot did. */
  announced: boolean;
}

/** What stays of a batch: when it was, and the values at its ends. */
interface Neighbour {
  bootCount: number;
  seq: number;
  profile: Profile;
  /** Of the first and the last reading, in seconds. */
  firstS: number;
  lastS: number;
  /** By field, the first and the last that were not missing. */
  first: (number | undefined)[];
  last: (number | undefined)[];
}

export class BootContexts {
  /** Ascending by bootCount. */
  #boots: BootContext[] = [];
  /** In the order of acceptance. */
  #neighbours: Neighbour[] = [];

  /** The highest boot count known, or undefined. */
  get latestBoot(): number | undefined {
    return this.#boots[this.#boots.length - 1]?.bootCount;
  }

  /** What is known of a boot, the latest first. */
  of(bootCount: number): BootContext[] {
    return this.#boots.filter((boot) => boot.bootCount === bootCount).reverse();
  }

  /** All that is known, from the boot nearest to that one on. */
  nearest(bootCount: number): BootContext[] {
    const distance = (boot: BootContext): number => Math.abs(boot.bootCount - bootCount);
    return this.#boots.slice().sort((a, b) => distance(a) - distance(b));
  }

  /**
   * Boots that three bits of a boot count may mean, the likeliest first: known ones, then the one that would come next, then the one before it. With
   * nothing known, a node that has booted a few times only.
   */
  candidates(residue: number): number[] {
    const latest = this.latestBoot;
    if (latest === undefined) return residue === 0 ? [BOOT_MODULUS, 0] : [residue, residue + BOOT_MODULUS];
    const above = latest + ((residue - (latest % BOOT_MODULUS) + BOOT_MODULUS) % BOOT_MODULUS);
    const near = above < BOOT_MODULUS ? [above] : [above, above - BOOT_MODULUS];
    const isKnown = (bootCount: number): boolean => this.of(bootCount).length > 0;
    return [...near.filter(isKnown), ...near.filter((bootCount) => !isKnown(bootCount))];
  }

  /** An accepted boot token. */
  addBoot(claims: BootClaims): void {
    const { bootCount, profile } = claims;
    this.#put({ bootCount, entity: claims, profile, announced: true });
  }

  /** An accepted batch. */
  addBatch(claims: Claims): void {
    const { bootCount, profile, seq, count } = claims;
    this.#put({ bootCount, entity: claims, profile, announced: false });
    if (!claims.wallTime) return; // uptimes are not to be compared with anything, and such batches come in full
    this.#neighbours.push({
      bootCount,
      seq,
      profile,
      firstS: claims.t0,
      lastS: readingTimeS(claims, count - 1),
      first: edgeValues(claims, 0, 1),
      last: edgeValues(claims, count - 1, -1),
    });
    if (this.#neighbours.length > MAX_NEIGHBOURS) this.#neighbours.shift();
  }

  /** By field the value known nearest to a time, of the same boot where there is one. `atS` in Unix seconds. */
  knownAt(profile: Profile, bootCount: number, atS: number): (number | undefined)[] {
    const known: (number | undefined)[] = new Array(profile.fields.length).fill(undefined);
    const candidates = this.#neighbours.filter((neighbour) => neighbour.profile === profile);
    const sameBoot = candidates.filter((neighbour) => neighbour.bootCount === bootCount);
    const distances: { distance: number; values: (number | undefined)[] }[] = [];
    for (const { firstS, lastS, first, last } of sameBoot.length > 0 ? sameBoot : candidates) {
      distances.push({ distance: Math.abs(atS - lastS), values: last });
      distances.push({ distance: Math.abs(firstS - atS), values: first });
    }
    distances.sort((a, b) => a.distance - b.distance);
    for (const { values } of distances) {
      for (let f = 0; f < known.length; f++) known[f] ??= values[f];
    }
    return known;
  }

  #put(boot: BootContext): void {
    const known = this.#boots.find((other) => isSame(other, boot));
    if (known !== undefined) {
      known.announced ||= boot.announced;
      return;
    }
    let at = this.#boots.length;
    while (at > 0 && this.#boots[at - 1].bootCount > boot.bootCount) at--;
    this.#boots.splice(at, 0, { ...boot, entity: copyEntity(boot.entity) });
    if (this.#boots.length > MAX_BOOTS) this.#boots.shift();
  }
}

function isSame(a: BootContext, b: BootContext): boolean {
  return (
    a.bootCount === b.bootCount &&
    a.profile === b.profile &&
    a.entity.dbgstat === b.entity.dbgstat &&
    equalBytes(a.entity.hwmodel, b.entity.hwmodel) &&
    equalBytes(a.entity.oemid, b.entity.oemid)
  );
}

/** Claims are views of the token's bytes; contexts outlive it. */
function copyEntity({ ueid, oemid, hwmodel, dbgstat }: EntityClaims): EntityClaims {
  return { ueid: ueid.slice(), oemid: oemid.slice(), hwmodel: hwmodel.slice(), dbgstat };
}

/** By field the first value that is there, from reading `from` on in steps of `step`. */
function edgeValues({ columns, profile, count }: Claims, from: number, step: number): (number | undefined)[] {
  return profile.fields.map((_, f) => {
    for (let i = from; i >= 0 && i < count; i += step) {
      if ((columns[0][i] & missingFlag(f)) === 0) return columns[f + 1][i];
    }
    return undefined;
  });
}
