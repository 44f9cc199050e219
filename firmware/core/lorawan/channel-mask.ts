/** Sets of channels as 16-bit words, the way LinkADRReq and CFLists carry them: several sets in one array, each named by its first bit. */

/** Bits of a set: the 72 channels of a fixed plan, in whole words. */
export const SET_BITS = 80;
const SET_WORDS = SET_BITS / 16;

export function getBit(sets: Uint16Array, i: number): boolean {
  return (sets[i >>> 4] & (1 << (i & 15))) !== 0;
}

export function setBit(sets: Uint16Array, i: number, on: boolean): void {
  const bit = 1 << (i & 15);
  sets[i >>> 4] = on ? sets[i >>> 4] | bit : sets[i >>> 4] & ~bit;
}

export function clearSet(sets: Uint16Array, set: number): void {
  sets.fill(0, set >>> 4, (set >>> 4) + SET_WORDS);
}

export function isEmptySet(sets: Uint16Array, set: number): boolean {
  for (let i = set >>> 4; i < (set >>> 4) + SET_WORDS; i++) if (sets[i] !== 0) return false;
  return true;
}

/** Copies a set over another; returns whether that changed anything. */
export function copySet(sets: Uint16Array, from: number, to: number): boolean {
  let isChanged = false;
  for (let i = 0; i < SET_WORDS; i++) {
    if (sets[(to >>> 4) + i] !== sets[(from >>> 4) + i]) isChanged = true;
    sets[(to >>> 4) + i] = sets[(from >>> 4) + i];
  }
  return isChanged;
}
