/** Noise that is a function of time: any moment can be asked for by itself, and gives the same on every engine. */

/** A fraction in [0, 1) for the whole number `index` of the stream `stream`. (Mixing: C. Wellons' triple32.) */
export function hashUnit(stream: number, index: number): number {
  let mixed = stream ^ Math.imul(index | 0, 0x9e3779b9);
  mixed = Math.imul(mixed ^ (mixed >>> 17), 0xed5ad4bb);
  mixed = Math.imul(mixed ^ (mixed >>> 11), 0xac4c1b51);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x31848bab);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x100000000;
}

/** A smooth curve through one random number a whole `x`: from -1 to 1, mean 0. */
export function smoothNoise(stream: number, x: number): number {
  const index = Math.floor(x);
  const f = x - index;
  const from = hashUnit(stream, index);
  const to = hashUnit(stream, index + 1);
  return 2 * (from + (to - from) * f * f * (3 - 2 * f)) - 1;
}
