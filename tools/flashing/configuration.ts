/** ESP-IDF's configuration for a board, put together from the fragments in manifests/sdkconfig, and the table of its flash. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { BoardFacts } from "./boards.ts";

export type Profile = "development" | "production";
export const PROFILES: readonly Profile[] = Object.freeze(["development", "production"] as const);

/** A line of a partition table. */
export interface Partition {
  readonly name: string;
  readonly type: string;
  readonly subType: string;
  readonly offset: number;
  readonly size: number;
}

/** The fragments that a board's configuration is made of. A later one goes before an earlier one. */
export function configurationFragments(root: string, board: BoardFacts, profile: Profile): string[] {
  const names = ["common", board.chip, `flash-${board.flashMb}mb`];
  if (profile === "production") names.push("production", `production-${board.chip}`);
  return names.map((name) => `manifests/sdkconfig/${name}.defaults`).filter((path) => existsSync(join(root, path)));
}

/** The text of sdkconfig.defaults: each option once, under the fragment that has the last word on it. */
export function configuration(root: string, board: BoardFacts, profile: Profile): string {
  const value = new Map<string, { line: string; from: string }>();
  const fragments = configurationFragments(root, board, profile);
  for (const from of fragments) {
    for (const line of readFileSync(join(root, from), "utf8").split("\n")) {
      const option = /^(CONFIG_\w+)=/.exec(line)?.[1];
      if (option !== undefined) value.set(option, { line, from });
      else if (line !== "" && !line.startsWith("#")) throw new Error(`${from}: ${line} is no option`);
    }
  }
  return fragments
    .map((from) => {
      const lines = [...value.values()].filter((entry) => entry.from === from).map(({ line }) => line);
      return `# ${from}\n${lines.join("\n")}\n`;
    })
    .join("\n");
}

export function partitionFile(board: BoardFacts): string {
  return `manifests/partitions/${board.flashMb}mb.csv`;
}

export function readPartitions(root: string, board: BoardFacts): Partition[] {
  return readFileSync(join(root, partitionFile(board)), "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"))
    .map((line) => line.split(",").map((field) => field.trim()))
    .map(([name, type, subType, offset, size]) => ({
      name,
      type,
      subType,
      offset: Number(offset),
      size: Number(size),
    }));
}

/** Bytes of flash for one image. */
export function slotBytes(root: string, board: BoardFacts): number {
  return readPartitions(root, board).find((partition) => partition.subType === "ota_0")?.size ?? 0;
}
