// Walks the imports of an entry module, so that a generated manifest forgets none: a module that is missing from a
// manifest passes tsc, xsc and xsl, and fails only when it is imported at run time.

import { relative, resolve, sep } from "node:path";
import { build, type Plugin } from "esbuild";

export interface LinkedModule {
  /** The name under which XS knows the module: its path without extension, from the project or from node_modules. */
  readonly name: string;
  /** The source file, relative to the project. */
  readonly file: string;
  readonly fromPackage: boolean;
}

/**
 * Every module that the entry imports at run time, itself included, sorted by name. `standIns`: modules, by name, that others are taken for;
 * `sdkModules`: what the SDK has.
 */
export async function importGraph(
  root: string,
  entry: string,
  standIns: Readonly<Record<string, string>> = {},
  sdkModules: readonly string[] = [],
): Promise<LinkedModule[]> {
  const result = await build({
    absWorkingDir: root,
    entryPoints: [resolve(root, entry)],
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "neutral",
    external: ["node:*", "embedded:*", ...sdkModules],
    logLevel: "silent",
    plugins: [takeStandIns(root, standIns)],
  });
  const modules: LinkedModule[] = [];
  for (const [path, input] of Object.entries(result.metafile.inputs)) {
    for (const imported of input.imports) {
      if (!(imported.external && sdkModules.includes(imported.path))) checkImport(path, imported);
    }
    modules.push(linkedModule(path));
  }
  return modules.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function takeStandIns(root: string, standIns: Readonly<Record<string, string>>): Plugin {
  return {
    name: "stand-ins",
    setup(build) {
      build.onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
        const name = portablePath(root, resolve(resolveDir, path)).replace(/\.ts$/, "");
        return Object.hasOwn(standIns, name) ? { path: resolve(root, `${standIns[name]}.ts`) } : undefined;
      });
    },
  };
}

function linkedModule(path: string): LinkedModule {
  const inPackage = path.lastIndexOf("node_modules/");
  const name = inPackage < 0 ? path : path.slice(inPackage + "node_modules/".length);
  return { name: name.replace(/\.(ts|js|mjs)$/, ""), file: path, fromPackage: inPackage >= 0 };
}

function checkImport(from: string, imported: { path: string; original?: string; external?: boolean }): void {
  const written = imported.original ?? imported.path;
  if (imported.external) throw new Error(`${from} imports ${written}, which XS on a host does not have`);
  // XS finds a package's module by the very text of the import, so an "exports" map that renames would break it.
  if (!written.startsWith(".") && linkedModule(imported.path).name !== written.replace(/\.(js|mjs)$/, "")) {
    throw new Error(`${from} imports ${written}, but that is the file ${imported.path}: name the file itself`);
  }
}

/** The path of `file` under `folder` with forward slashes, as manifests want it. */
export function portablePath(folder: string, file: string): string {
  return relative(folder, file).split(sep).join("/");
}
