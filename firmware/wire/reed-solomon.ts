/**
 * Parity tiles: a systematic Cauchy Reed-Solomon code over GF(2^8), polynomial x^8 + x^4 + x^3 + x^2 + 1, on the 10-byte tiles of a
 * fragmented datagram (schc-fragment.ts). Byte by byte of a tile, the last data tile filled up with zeros:
 *
 *   parity[i] = sum over j of data[j] / (255 - i + j)        + and / of the field; 255 - i and j as 8-bit numbers
 *
 * Every square part of a Cauchy matrix can be inverted (J. Bloemer et al., An XOR-Based Erasure-Resilient Coding Scheme, ICSI TR-95-048), so
 * that any k of the k data and m parity tiles give the k data tiles. A parity tile depends on no other one and not on m: a sender makes
 * whichever it wants, straight into its frame, and keeps nothing.
 */
import { TILE_BYTES } from "./schc-fragment.ts";

/** With more, 255 - i and j would meet. */
export const MAX_DATA_TILES = 128;
export const MAX_PARITY_TILES = 128;

const FIELD_POLYNOMIAL = 0x11d;
/** Order of the multiplicative group; 2 generates it. */
const ORDER = 255;

/** Powers of 2: the field's elements by logarithm. */
function powers(): number[] {
  const found: number[] = [];
  for (let value = 1; found.length < ORDER; ) {
    found.push(value);
    value <<= 1;
    if (value > 255) value ^= FIELD_POLYNOMIAL;
  }
  return found;
}

/** Logarithms by element; that of 0 is never asked for. */
function logarithms(elements: readonly number[]): number[] {
  const found = new Array<number>(ORDER + 1).fill(0);
  for (let log = 0; log < ORDER; log++) found[elements[log]] = log;
  return found;
}

/** Frozen, so that a device has both tables in ROM. */
const POWERS: readonly number[] = Object.freeze(powers());
const LOGARITHMS: readonly number[] = Object.freeze(logarithms(POWERS));

/** Logarithm (1 to 255) of 1 / element. */
function logOfInverse(element: number): number {
  return ORDER - LOGARITHMS[element];
}

/** Logarithm of the coefficient of data tile `data` in parity tile `parity`; 1 to 253, as it is the inverse of 128 or more. */
function logOfCoefficient(parity: number, data: number): number {
  return logOfInverse(255 ^ parity ^ data);
}

/** Adds `length` bytes times the element with the logarithm `log` (0 to 255) to `into`. */
function addMultiple(
  from: Uint8Array,
  fromOffset: number,
  length: number,
  log: number,
  into: Uint8Array,
  intoOffset: number,
): void {
  for (let i = 0; i < length; i++) {
    const byte = from[fromOffset + i];
    if (byte === 0) continue;
    const sum = LOGARITHMS[byte] + log;
    into[intoOffset + i] ^= POWERS[sum < ORDER ? sum : sum - ORDER];
  }
}

/**
 * Writes parity tile `index` (0 to MAX_PARITY_TILES - 1) of a datagram of `length` bytes, at most MAX_DATA_TILES tiles, at `offset` of
 * `into`: TILE_BYTES bytes.
 */
export function writeParityTile(
  datagram: Uint8Array,
  length: number,
  index: number,
  into: Uint8Array,
  offset: number,
): void {
  for (let i = 0; i < TILE_BYTES; i++) into[offset + i] = 0;
  for (let tile = 0, from = 0; from < length; tile++, from += TILE_BYTES) {
    addMultiple(datagram, from, Math.min(TILE_BYTES, length - from), logOfCoefficient(index, tile), into, offset);
  }
}

/** A parity tile that came in. */
export interface ParityTile {
  index: number;
  /** TILE_BYTES bytes. */
  bytes: Uint8Array;
}

/**
 * Receiver's half: fills the tiles of `bytes` whose entry in `have` is not 1, out of `tiles` data tiles. The last tile stands there filled up with
 * zeros if it has come. False, with nothing changed, when there are fewer parity tiles than missing ones or a number is out of range. What it
 * fills in is right only if all tiles were of one datagram: the caller compares the reassembly check.
 */
export function rebuildTiles(
  bytes: Uint8Array,
  tiles: number,
  have: Uint8Array,
  parity: readonly ParityTile[],
): boolean {
  if (tiles > MAX_DATA_TILES || bytes.length < tiles * TILE_BYTES) return false;
  const missing: number[] = [];
  for (let tile = 0; tile < tiles; tile++) if (have[tile] !== 1) missing.push(tile);
  const chosen = choose(parity, missing.length);
  if (chosen === undefined) return false;
  const rows = chosen.map((each) => equation(bytes, tiles, have, missing, each));
  solve(rows);
  for (let i = 0; i < missing.length; i++) bytes.set(rows[i].subarray(missing.length), missing[i] * TILE_BYTES);
  return true;
}

/** The first `count` parity tiles that differ in their index. */
function choose(parity: readonly ParityTile[], count: number): ParityTile[] | undefined {
  const chosen: ParityTile[] = [];
  const seen = new Uint8Array(MAX_PARITY_TILES);
  for (const each of parity) {
    if (chosen.length === count) break;
    if (!(each.index >= 0 && each.index < MAX_PARITY_TILES) || each.bytes.length !== TILE_BYTES) return undefined;
    if (seen[each.index] === 1) continue;
    seen[each.index] = 1;
    chosen.push(each);
  }
  return chosen.length === count ? chosen : undefined;
}

/** What a parity tile says of the missing tiles: their coefficients, then the sum that they must give. */
function equation(
  bytes: Uint8Array,
  tiles: number,
  have: Uint8Array,
  missing: readonly number[],
  parity: ParityTile,
): Uint8Array {
  const unknowns = missing.length;
  const row = new Uint8Array(unknowns + TILE_BYTES);
  for (let i = 0; i < unknowns; i++) row[i] = POWERS[logOfCoefficient(parity.index, missing[i])];
  row.set(parity.bytes, unknowns);
  for (let tile = 0; tile < tiles; tile++) {
    if (have[tile] !== 1) continue;
    addMultiple(bytes, tile * TILE_BYTES, TILE_BYTES, logOfCoefficient(parity.index, tile), row, unknowns);
  }
  return row;
}

/** Gauss and Jordan. Neither a pivot nor a factor is ever 0: each is a quotient of determinants of square parts of the matrix. */
function solve(rows: readonly Uint8Array[]): void {
  for (let pivot = 0; pivot < rows.length; pivot++) {
    const row = rows[pivot];
    const scaled = new Uint8Array(row.length);
    addMultiple(row, 0, row.length, logOfInverse(row[pivot]), scaled, 0);
    row.set(scaled);
    for (let other = 0; other < rows.length; other++) {
      if (other === pivot) continue;
      addMultiple(row, 0, row.length, LOGARITHMS[rows[other][pivot]], rows[other], 0);
    }
  }
}
