// Finds an installed Moddable SDK through the environment variable MODDABLE, and runs its command-line tools.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's root folder. */
export const projectRoot = fileURLToPath(new URL("../../../", import.meta.url)).replace(/\/$/, "");

/** Something that the caller's machine lacks; the message says what, and what to do. */
export class MissingTool extends Error {}

export interface Sdk {
  readonly root: string;
  readonly version: string;
  /** The environment in which the SDK's tools, and the project's own `tsc`, are found. */
  readonly env: NodeJS.ProcessEnv;
}

const tools = ["mcconfig", "xsc", "xsl", "xsid", "mcrez"] as const;

/** The SDK that MODDABLE points to, or undefined when MODDABLE is not set. Throws MissingTool when it is unusable. */
export function findSdk(env: NodeJS.ProcessEnv = process.env): Sdk | undefined {
  const root = env.MODDABLE;
  if (!root) return undefined;
  const versionFile = join(root, "tools", "VERSION");
  if (!existsSync(versionFile)) {
    throw new MissingTool(`MODDABLE is set to ${root}, but there is no Moddable SDK: ${versionFile} is missing`);
  }
  const bin = join(root, "build", "bin", process.platform === "darwin" ? "mac" : "lin", "release");
  const missing = tools.filter((tool) => !existsSync(join(bin, tool)));
  if (missing.length > 0) {
    throw new MissingTool(
      `the SDK's tools are not built: ${missing.join(", ")} not found in ${bin} (see the SDK's own instructions)`,
    );
  }
  const path = [join(projectRoot, "node_modules", ".bin"), dirname(process.execPath), bin, env.PATH ?? ""].join(
    delimiter,
  );
  return { root, version: readFileSync(versionFile, "utf8").trim(), env: { ...env, PATH: path } };
}

/** The C compiler to use. Throws MissingTool when there is none. */
export function findCompiler(env: NodeJS.ProcessEnv): string {
  const compiler = env.CC || "cc";
  if (spawnSync(compiler, ["--version"], { env }).status !== 0) {
    throw new MissingTool(`no C compiler: ${compiler} does not run (set CC, or install gcc or clang)`);
  }
  return compiler;
}

/** The compiler and linker options for GLib, on which the engine's event loop on Linux stands. */
export function findGlib(env: NodeJS.ProcessEnv): string[] {
  const result = spawnSync("pkg-config", ["--cflags", "--libs", "gio-2.0"], { env, encoding: "utf8" });
  if (result.status !== 0) {
    throw new MissingTool("pkg-config does not find gio-2.0 (on Debian: the packages pkg-config and libglib2.0-dev)");
  }
  return result.stdout.trim().split(/\s+/);
}

/** Runs a command to its end and returns what it wrote; throws with the end of its output when it fails. */
export function run(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): string {
  mkdirSync(cwd, { recursive: true });
  const result = spawnSync(command, args, { cwd, env, encoding: "utf8", maxBuffer: 1 << 28 });
  const output = `${result.stdout ?? ""}${result.stderr ?? ""}`;
  if (result.error) throw new MissingTool(`${command} does not run: ${result.error.message}`);
  if (result.status !== 0)
    throw new Error(`${command} ${args.join(" ")} failed:\n${output.split("\n").slice(-40).join("\n")}`);
  return output;
}
