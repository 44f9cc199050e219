/**
 * The firmware as one module for the linker: everything that its start imports and uses, and nothing else. A module that a manifest forgets passes
 * the SDK's compiler and linker, and fails when it is imported on the chip; here a module that is missing is an error. Constants stand where they
 * are used (constants.ts), and private names are ordinary ones (private-names.ts): together that takes two fifths of the flash away that the
 * modules one by one would take.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { inlineConstants } from "./constants.ts";
import { inheritedPrivateNames, PrivateNames } from "./private-names.ts";
import { withoutComments } from "./source-text.ts";

export interface Bundle {
  readonly code: string;
  /** Every module that was read, by its path without extension, sorted, with the bytes of code that the bundle has of it. */
  readonly modules: ReadonlyMap<string, number>;
  /** What is imported that is not of the project, sorted. */
  readonly external: readonly string[];
}

export interface BundleRequest {
  readonly root: string;
  /** Path of the entry without extension, from the root. */
  readonly entry: string;
  /** Sources that stand in the place of modules, by path. */
  readonly standIns?: ReadonlyMap<string, string>;
  /** Which modules' private names are replaced; all of them by default. */
  readonly keepsPrivateNames?: (module: string) => boolean;
}

/** Throws an error that names the importer when a module is missing, or lacks what is imported from it. */
export async function bundle(request: BundleRequest): Promise<Bundle> {
  // Once to learn which modules there are: names are given in their order, which that of loading is not.
  const sources = new Map<string, string>();
  await link(request, (path, source) => {
    sources.set(path, source);
    return source;
  });
  const names = new PrivateNames();
  const replaced = new Map<string, string>();
  const concerned = [...sources.keys()].sort().filter((path) => !request.keepsPrivateNames?.(path));
  for (const path of concerned) replaced.set(path, names.replace(sources.get(path) ?? ""));
  const inherited = inheritedPrivateNames(concerned.map((path) => sources.get(path) ?? ""));
  if (inherited.length > 0) throw new Error(`a private name of a class and of its subclass: ${inherited.join(", ")}`);
  const linked = await link(request, (path, source) => withoutComments(replaced.get(path) ?? source));
  return { ...linked, code: await minify(await inlineConstants(linked.code)) };
}

async function minify(code: string): Promise<string> {
  const { build } = await import("esbuild");
  const result = await build({
    stdin: { contents: code, loader: "js" },
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    external: ["*"],
    minifySyntax: true,
    minifyIdentifiers: true,
    logLevel: "silent",
  });
  return result.outputFiles[0].text;
}

async function link(request: BundleRequest, change: (path: string, source: string) => string): Promise<Bundle> {
  const { root, entry, standIns } = request;
  const { build } = await import("esbuild");
  const external = new Set<string>();
  const result = await build({
    absWorkingDir: root,
    stdin: { contents: `export * from "./${entry}.ts";`, resolveDir: root },
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    logLevel: "silent",
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
    plugins: [
      {
        name: "modules of the project",
        setup(build) {
          build.onResolve({ filter: /.*/ }, ({ path, importer }) => {
            if (!path.startsWith(".")) {
              external.add(path);
              return { path, external: true, sideEffects: false };
            }
            const from = importer === "<stdin>" ? "" : dirname(importer);
            return { path: posix.join(from, path).replace(/\.ts$/, ""), namespace: "module", sideEffects: false };
          });
          build.onLoad({ filter: /.*/, namespace: "module" }, ({ path }) => {
            const file = join(root, `${path}.ts`);
            const standIn = standIns?.get(path);
            if (standIn === undefined && !existsSync(file)) return { errors: [{ text: `there is no module ${path}` }] };
            return { contents: change(path, standIn ?? readFileSync(file, "utf8")), loader: "ts" };
          });
        },
      },
    ],
  });
  const left = Object.values(result.metafile.outputs)[0]?.inputs ?? {};
  const modules = Object.keys(result.metafile.inputs)
    .filter((input) => input !== "<stdin>")
    .map((input): [string, number] => [input.replace(/^module:/, ""), left[input]?.bytesInOutput ?? 0])
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return { code: result.outputFiles[0].text, modules: new Map(modules), external: [...external].sort() };
}
