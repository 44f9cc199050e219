/** The boards that have a manifest, and what is known of them: manifests/boards/<board>/. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Choice } from "./features.ts";

export const CHIPS = Object.freeze(["esp32", "esp32s3", "esp32c3", "esp32c6"] as const);
export type Chip = (typeof CHIPS)[number];

/** board.json: facts of a board beside its pins, which stand in host/provider.ts. Sources are numbered from 1. */
export interface BoardFacts extends Choice {
  readonly title: string;
  /** A sentence or two at the head of its page. */
  readonly lead: string;
  readonly chip: Chip;
  readonly flashMb: 4 | 8 | 16;
  /** What the radio is and where; absent on a board without one. */
  readonly radioModule?: string;
  readonly facts: readonly { readonly says: string; readonly sources: readonly number[] }[];
  /** Where sources differ, or nothing was found, and what was taken. */
  readonly disagreements: readonly string[];
  readonly notes: readonly string[];
  readonly currents: readonly { readonly state: string; readonly milliamperes: number; readonly source: number }[];
  readonly sources: readonly { readonly title: string; readonly url: string }[];
}

/** manifest.json of a board, as far as it concerns us. */
export interface BoardManifest {
  readonly build: { readonly ESP32_SUBCLASS: string };
  readonly modules: Readonly<Record<string, string>>;
  readonly preload: readonly string[];
  readonly creation: Creation;
  readonly defines: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** The memory that the engine gets at start: bytes, slots of 16 bytes, slots. */
export interface Creation {
  readonly chunk: { readonly initial: number };
  readonly heap: { readonly initial: number };
  readonly stack: number;
}

/** Names of the boards, sorted. */
export function boardNames(root: string): string[] {
  return readdirSync(join(root, "manifests", "boards"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

/** Throws, with the boards that there are, when there is no such board. */
export function readBoard(root: string, board: string): BoardFacts {
  const names = boardNames(root);
  if (!names.includes(board)) throw new Error(`there is no board ${board}: there is ${names.join(", ")}`);
  return readJson(root, board, "board.json") as BoardFacts;
}

export function readBoardManifest(root: string, board: string): BoardManifest {
  return readJson(root, board, "manifest.json") as BoardManifest;
}

/** RAM that the engine takes at start, in bytes of a 32-bit chip. */
export function creationBytes(creation: Creation): number {
  return creation.chunk.initial + 16 * (creation.heap.initial + creation.stack);
}

/** The board's modules: the name that XS knows each by, and its source without extension, from the project's root. */
export function boardModules(root: string, board: string): Map<string, string> {
  const modules = new Map<string, string>();
  for (const [name, path] of Object.entries(readBoardManifest(root, board).modules)) {
    const source = join("manifests", "boards", board, path);
    if (!existsSync(join(root, `${source}.ts`))) throw new Error(`${board}: there is no ${source}.ts`);
    modules.set(name, source);
  }
  return modules;
}

function readJson(root: string, board: string, file: string): unknown {
  return JSON.parse(readFileSync(join(root, "manifests", "boards", board, file), "utf8"));
}
