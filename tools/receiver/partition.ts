/**
 * Which of n receivers a node belongs to: a hash of its DevEUI, the same on every machine, whichever nodes there are. FNV-1a of the 16
 * lower-case hexadecimal digits, then the finalizer of MurmurHash3, since DevEUIs of one maker differ in their last digits only.
 */

export interface Partition {
  /** From 1 to `count`. */
  index: number;
  count: number;
}

/** More receivers than this behind one broker want another broker first. */
export const MAX_PARTITIONS = 64;

/** The partition of a node, from 1 to `count`. */
export function partitionOf(devEui: string, count: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < devEui.length; i++) hash = Math.imul(hash ^ devEui.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) % count) + 1;
}

/** Reads "2/3"; undefined when it is not that. */
export function parsePartition(text: string): Partition | undefined {
  const match = /^([1-9]\d?)\/([1-9]\d?)$/.exec(text);
  if (match === null) return undefined;
  const [index, count] = [Number(match[1]), Number(match[2])];
  return index <= count && count <= MAX_PARTITIONS ? { index, count } : undefined;
}
