/**
 * Where the probabilities of the compact token stand. Each statistics has rows, one a context, of ROW_NODES binary decisions: is the
 * difference zero; then for each bit length of its magnitude: is it longer. Behind the rows: which sign, by context, and the two highest bits
 * below the leading one, by bit length. Every decision is a node with a number; the table gives each node a level, a level is a probability.
 */
import { COMPACT_LEVELS, COMPACT_TABLE } from "./compact-tables.ts";

/** Zero, and bit lengths 1 to 8; longer ones share the last. */
export const ROW_NODES = 10;
const LAST_LENGTH_NODE = ROW_NODES - 2;
/** Contexts of the sign. */
export const SIGN_CONTEXTS = 12;
/** By bit length 1 to 9: the first bit below the leading one, then the second behind a 0 and behind a 1. */
const MANTISSA_LENGTHS = 9;
const MANTISSA_NODES = 3;

/** Rows of each statistics, in the order of STATISTICS; the last row is for a value of which nothing is known. */
export const STATISTICS_ROWS: readonly number[] = Object.freeze([24, 24, 32, 73, 61, 30, 17]);

/** Node of the first row of each statistics, and the number of all nodes. */
const BASES: readonly number[] = Object.freeze(bases());

function bases(): number[] {
  const found = [0];
  for (const rows of STATISTICS_ROWS) {
    const nodes = rows * ROW_NODES + SIGN_CONTEXTS + MANTISSA_LENGTHS * MANTISSA_NODES;
    found.push(found[found.length - 1] + nodes);
  }
  return found;
}

export const NODE_COUNT = BASES[BASES.length - 1];

/** Node of "the difference is zero" in a row; the next ones ask for the lengths. */
export function rowNode(statistics: number, row: number): number {
  return BASES[statistics] + row * ROW_NODES;
}

/** Node of "it is longer than `length` bits below the leading one". */
export function lengthNode(zeroNode: number, length: number): number {
  return zeroNode + 1 + (length < LAST_LENGTH_NODE ? length : LAST_LENGTH_NODE);
}

export function signNode(statistics: number, context: number): number {
  return BASES[statistics] + STATISTICS_ROWS[statistics] * ROW_NODES + context;
}

/** Node of the bit at `place` (1: highest) below the leading one of a magnitude with `length` bits there; `above`: the bit above it. */
export function mantissaNode(statistics: number, length: number, place: number, above: number): number {
  const first = signNode(statistics, SIGN_CONTEXTS);
  const lengthClass = length < MANTISSA_LENGTHS ? length : MANTISSA_LENGTHS;
  return first + (lengthClass - 1) * MANTISSA_NODES + (place === 1 ? 0 : 1 + above);
}

/** Levels in one number of the table, 7 bits each. */
const PACKED = 4;

/** Probability of a 0 at a node, in 65,536ths. */
export function zeroProbability(node: number): number {
  return COMPACT_LEVELS[(COMPACT_TABLE[Math.floor(node / PACKED)] >>> (7 * (node % PACKED))) & 127];
}
