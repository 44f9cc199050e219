// The Moddable manifest of a linked host image, generated from the import graph of its entry.

import type { LinkedModule } from "./import-graph.ts";

/** How much memory the engine starts with. Heaps grow when they must; the figures tell what was used. */
export interface Creation {
  readonly slots: number;
  readonly chunkBytes: number;
  readonly stackSlots: number;
}

/** Room for a whole simulated network. It grows in small steps, so that the peaks stay near what is needed. */
export const hostCreation: Creation = { slots: 8192, chunkBytes: 65536, stackSlots: 4096 };

/** What a variant (native.ts) adds: make's variables, modules that are no modules of the project, and which of them are in ROM. */
export interface ManifestExtra {
  readonly build: Readonly<Record<string, string>>;
  readonly modules: Readonly<Record<string, string | string[]>>;
  readonly preload: readonly string[];
}

/** Firmware runs from ROM on a device, so it does here. The models and the tools around it may keep state. */
export function isPreloaded(module: LinkedModule): boolean {
  return !module.fromPackage && module.name.startsWith("firmware/");
}

/**
 * The manifest. `compiled` is the folder, relative to the manifest, with the project's modules as JavaScript;
 * `packages` the one with node_modules.
 */
export function linkedManifest(
  modules: readonly LinkedModule[],
  entry: string,
  compiled: string,
  packages: string,
  creation: Creation = hostCreation,
  extra: ManifestExtra = { build: {}, modules: {}, preload: [] },
): object {
  return {
    build: { NAMESPACE: "groundtruth", ...extra.build },
    creation: {
      static: 0,
      chunk: { initial: creation.chunkBytes, incremental: 16384 },
      heap: { initial: creation.slots, incremental: 2048 },
      stack: creation.stackSlots,
      keys: { initial: 256, incremental: 256, name: 1993, symbol: 127 },
      main: entry.replace(/\.ts$/, ""),
    },
    modules: {
      ...Object.fromEntries(
        modules.map((module) => [
          module.name,
          module.fromPackage ? `${packages}/${module.name}` : `${compiled}/${module.name}`,
        ]),
      ),
      ...extra.modules,
    },
    preload: [...modules.filter(isPreloaded).map((module) => module.name), ...extra.preload],
    strip: "*",
  };
}
