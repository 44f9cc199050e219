/**
 * Tokens that cannot be verified yet: a compact token whose boot, key or neighbours are not known, a whole one whose key is not known. They wait, and
 * are tried again when something becomes known of their node. Not acknowledged meanwhile, so the node keeps them too: what has to go from here is late,
 * not lost.
 *
 * Bounded: MAX_PARKED_OF_NODE a node, MAX_PARKED in all (the oldest goes), MAX_TRIES attempts and PARKED_MS each.
 */
import { equalBytes } from "./hex.ts";

/** A day of tokens at eight a day, twice. */
export const MAX_PARKED_OF_NODE = 16;
/** 4 MB of the longest tokens. */
export const MAX_PARKED = 4096;
/** Each attempt costs up to 16 signature checks. */
export const MAX_TRIES = 16;
/** Two days: by then the node has sent it again, in full. */
export const PARKED_MS = 2 * 86_400_000;

/** A token that waits. */
interface Item {
  bytes: Uint8Array;
}

export interface Parked<T extends Item> {
  devEui: string;
  /** The last 64 bytes: the same token in another form is no other token. */
  signature: Uint8Array;
  /** What it waits for. */
  reason: string;
  receivedUnixMs: number;
  tries: number;
  item: T;
}

/** What had to go, and why: parked-too-many, parked-too-long, or what it waited for, by `reason`. */
export interface Dropped {
  devEui: string;
  reason: string;
}

export class Parking<T extends Item> {
  /** By node, in the order of their coming. */
  #byNode = new Map<string, Parked<T>[]>();
  /** All of them, oldest first. */
  #all = new Set<Parked<T>>();

  get size(): number {
    return this.#all.size;
  }

  sizeOf(devEui: string): number {
    return this.#byNode.get(devEui)?.length ?? 0;
  }

  /** Parks a token; the same one again takes the place of the first. Returns what had to go for it. */
  park(entry: Parked<T>): Dropped[] {
    const ofNode = this.#byNode.get(entry.devEui) ?? [];
    const same = ofNode.find(({ signature }) => equalBytes(signature, entry.signature));
    if (same !== undefined) {
      this.#remove(same);
      entry.tries = Math.max(entry.tries, same.tries);
    }
    const dropped: Dropped[] = [];
    const tooMany = this.sizeOf(entry.devEui) >= MAX_PARKED_OF_NODE ? ofNode[0] : undefined;
    const oldest = tooMany ?? (this.#all.size >= MAX_PARKED ? this.#all.values().next().value : undefined);
    if (oldest !== undefined) {
      this.#remove(oldest);
      dropped.push({ devEui: oldest.devEui, reason: "parked-too-many" });
    }
    this.#all.add(entry);
    const list = this.#byNode.get(entry.devEui);
    if (list === undefined) this.#byNode.set(entry.devEui, [entry]);
    else list.push(entry);
    return dropped;
  }

  /** Whether these very bytes of a node wait already. */
  holds(devEui: string, bytes: Uint8Array): boolean {
    return this.#byNode.get(devEui)?.some(({ item }) => equalBytes(item.bytes, bytes)) ?? false;
  }

  /** Takes out all of a node, to be tried again. */
  take(devEui: string): Parked<T>[] {
    const list = this.#byNode.get(devEui) ?? [];
    for (const entry of list) this.#all.delete(entry);
    this.#byNode.delete(devEui);
    return list;
  }

  /** Takes out the one with this signature: it came another way. */
  remove(devEui: string, signature: Uint8Array): void {
    const entry = this.#byNode.get(devEui)?.find((parked) => equalBytes(parked.signature, signature));
    if (entry !== undefined) this.#remove(entry);
  }

  /** Lets go of what has waited too long. */
  expire(nowUnixMs: number): Dropped[] {
    const dropped: Dropped[] = [];
    for (const entry of this.#all) {
      if (entry.receivedUnixMs + PARKED_MS > nowUnixMs) break;
      this.#remove(entry);
      dropped.push({ devEui: entry.devEui, reason: entry.reason });
    }
    return dropped;
  }

  /** When `expire` has something to do. */
  get expiresAtMs(): number | undefined {
    const oldest = this.#all.values().next().value;
    return oldest && oldest.receivedUnixMs + PARKED_MS;
  }

  #remove(entry: Parked<T>): void {
    this.#all.delete(entry);
    const list = this.#byNode.get(entry.devEui) ?? [];
    const at = list.indexOf(entry);
    if (at >= 0) list.splice(at, 1);
    if (list.length === 0) this.#byNode.delete(entry.devEui);
  }
}
