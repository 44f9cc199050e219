/**
 * The compact token's tables from recorded readings: the model runs over them with a coder that counts instead of coding, and each node's
 * level is the one nearest to its counts, weighed against an assumption for what was seen too seldom.
 */
import { CompactModel } from "../../firmware/wire/compact-model.ts";
import { compactRules } from "../../firmware/wire/compact-profiles.ts";
import { STATISTICS } from "../../firmware/wire/compact-rules.ts";
import { lengthNode, NODE_COUNT, ROW_NODES, rowNode, STATISTICS_ROWS } from "../../firmware/wire/compact-statistics.ts";
import { exp } from "../../firmware/wire/exact-math.ts";
import { WEATHER } from "../../firmware/wire/profiles/weather.ts";
import { PROBABILITY_ONE, type SymbolCoder } from "../../firmware/wire/range-coder.ts";
import type { Sequence } from "./weather-sequences.ts";

/** As many readings as the usual batch. */
const BATCH_READINGS = 36;
/** What the assumption weighs, in counts; for first values more, because other stations have other weather. */
const ASSUMED_WEIGHT = 10;
const ASSUMED_WEIGHT_FIRST = 400;

/** Levels are steps of a quarter in the logarithm of the odds; the middle one is one half. */
const LEVEL_COUNT = 91;
const MIDDLE_LEVEL = 45;
const STEPS_A_UNIT = 4;
const PACKED = 4;

/** Counts how often each node was 0 and 1. */
class CountingCoder implements SymbolCoder {
  readonly zeros = new Float64Array(NODE_COUNT);
  readonly ones = new Float64Array(NODE_COUNT);

  bit(_zeroProbability: number, bit: number, node: number): number {
    if (node >= 0) (bit === 0 ? this.zeros : this.ones)[node]++;
    return bit;
  }

  uniform(_size: number, value: number): number {
    return value;
  }
}

export interface CompactTables {
  levels: number[];
  /** Four levels of 7 bits in each number. */
  table: number[];
  /** Readings that were counted. */
  readings: number;
}

/** Probability of a 0 by level, in 65,536ths. */
function levelProbabilities(): number[] {
  const levels: number[] = [];
  for (let level = 0; level < LEVEL_COUNT; level++) {
    const p = PROBABILITY_ONE / (1 + exp((MIDDLE_LEVEL - level) / STEPS_A_UNIT));
    levels.push(Math.min(Math.max(Math.floor(p + 0.5), 1), PROBABILITY_ONE - 1));
  }
  return levels;
}

/** Trains on weather; the same sequences give the same tables on every machine. */
export function trainCompact(sequences: readonly Sequence[]): CompactTables {
  const coder = new CountingCoder();
  const model = new CompactModel(WEATHER, compactRules(WEATHER)!, false);
  let readings = 0;
  for (const { flags, rows } of sequences) {
    for (let i = 0; i < rows.length; i++) {
      if (i % BATCH_READINGS === 0) model.start(true);
      model.row(coder, { flags: flags[i], values: rows[i] });
      readings++;
    }
  }
  // Slow quantities of other stations move like these together: a barometer that rests for hours is not the only kind.
  addRows(coder, STATISTICS.humidity, STATISTICS.steady);
  const levels = levelProbabilities();
  const assumed = assumptions();
  const firsts = firstValueNodes();
  const table: number[] = new Array(Math.ceil(NODE_COUNT / PACKED)).fill(0);
  for (let node = 0; node < NODE_COUNT; node++) {
    const weight = firsts.has(node) ? ASSUMED_WEIGHT_FIRST : ASSUMED_WEIGHT;
    const zeros = coder.zeros[node] + weight * assumed[node];
    const p = (PROBABILITY_ONE * zeros) / (coder.zeros[node] + coder.ones[node] + weight);
    table[Math.floor(node / PACKED)] |= nearestLevel(levels, p) << (7 * (node % PACKED));
  }
  return { levels, table, readings };
}

function addRows(coder: CountingCoder, from: number, to: number): void {
  const rows = Math.min(STATISTICS_ROWS[from], STATISTICS_ROWS[to]) - 1;
  for (let i = 0; i < rows * ROW_NODES; i++) {
    coder.zeros[rowNode(to, 0) + i] += coder.zeros[rowNode(from, 0) + i];
    coder.ones[rowNode(to, 0) + i] += coder.ones[rowNode(from, 0) + i];
  }
}

function nearestLevel(levels: readonly number[], probability: number): number {
  let best = 0;
  while (best + 1 < levels.length && (levels[best] + levels[best + 1]) / 2 < probability) best++;
  return best;
}

/** Mean magnitude that a context stands for: contexts are half octaves of sixteenths. */
function meanMagnitude(context: number): number {
  if (context < 1) return 1 / 32;
  const octave = 1 << ((context - 1) >> 1);
  return (octave * ((context - 1) % 2 === 0 ? 1.25 : 1.75)) / 16;
}

/** The context of errors behind a row: see the model's `#context`. */
function contextOfRow(statistics: number, row: number): number {
  if (statistics === STATISTICS.wind) return 8 + (row % 8);
  if (statistics === STATISTICS.direction) return 3 + Math.floor(row / 5);
  if (statistics === STATISTICS.irradiance) return row - 1;
  return row;
}

/** Nodes of the rows for values of which nothing is known. */
function firstValueNodes(): Set<number> {
  const nodes = new Set<number>();
  for (let statistics = 0; statistics < STATISTICS_ROWS.length; statistics++) {
    const from = rowNode(statistics, STATISTICS_ROWS[statistics] - 1);
    for (let i = 0; i < ROW_NODES; i++) nodes.add(from + i);
  }
  return nodes;
}

/**
 * What is assumed of each node, as the probability of a 0: magnitudes fall geometrically about the context's mean, with one in five that is
 * longer all the same; first values may be anything; signs and further bits are even.
 */
function assumptions(): Float64Array {
  const assumed = new Float64Array(NODE_COUNT).fill(0.5);
  for (let statistics = 0; statistics < STATISTICS_ROWS.length; statistics++) {
    const rows = STATISTICS_ROWS[statistics];
    for (let row = 0; row < rows; row++) {
      const zeroNode = rowNode(statistics, row);
      const mean = row === rows - 1 ? 32 : meanMagnitude(contextOfRow(statistics, row));
      const reach = mean / (1 + mean);
      assumed[zeroNode] = row === rows - 1 ? 0.5 : 1 - reach;
      let longer = reach;
      for (let length = 0; length < ROW_NODES - 1; length++) {
        assumed[lengthNode(zeroNode, length)] = 1 - Math.max(longer, 0.2);
        longer *= longer;
      }
    }
  }
  return assumed;
}

/** The text of firmware/wire/compact-tables.ts. */
export function tablesModule(tables: CompactTables, sources: readonly string[]): string {
  return `/**
 * Probabilities of the compact token, trained on ${sources.join(", ")} (${tables.readings} readings). Made by
 * \`node tools/training/train-compact.ts\`; not to be changed by hand, and never under the same version of a profile.
 *
 * A level is the probability of a 0 in 65,536ths: 65536 / (1 + exp((45 - level) / 4)). The table holds the level of each node, four a number,
 * 7 bits each, the first one lowest: see compact-statistics.ts.
 */

export const COMPACT_LEVELS: readonly number[] = Object.freeze([
${filled(tables.levels)}
]);

export const COMPACT_TABLE: readonly number[] = Object.freeze([
${filled(tables.table)}
]);
`;
}

/** Numbers in lines of at most 120 characters. */
function filled(numbers: readonly number[]): string {
  const lines: string[] = [];
  let line = " ";
  for (const number of numbers) {
    const item = ` ${number},`;
    if (line.length + item.length > 120) {
      lines.push(line);
      line = " ";
    }
    line += item;
  }
  lines.push(line);
  return lines.join("\n");
}
