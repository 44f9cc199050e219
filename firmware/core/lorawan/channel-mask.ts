/** Sets of channels as 16-bit words, the way LinkADRReq and CFLists carry them. */

export function getBit(mask: Uint16Array, i: number): boolean {
  return (mask[i >>> 4] & (1 << (i & 15))) !== 0;
}

export function setBit(mask: Uint16Array, i: number, on: boolean): void {
  const bit = 1 << (i & 15);
  mask[i >>> 4] = on ? mask[i >>> 4] | bit : mask[i >>> 4] & ~bit;
}

/** Takes over `from`; returns whether that changed anything. */
export function replaceMask(mask: Uint16Array, from: Uint16Array): boolean {
  let isChanged = false;
  for (let i = 0; i < mask.length; i++) if (mask[i] !== from[i]) isChanged = true;
  mask.set(from);
  return isChanged;
}
