/**
 * XS as npm brings it: the sources of the engine in the package @agoric/xsnap, whose own makefile gives a plain command that runs scripts. It is
 * an older XS than the SDK's and has no module linking, but it needs no SDK, so that every commit runs on real XS.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

const PACKAGE = "@agoric/xsnap@0.15.0";
const INTEGRITY = "sha512-ZBm4DZxbtfacxMHVVdJjZi0Y8zOxN77vpu1WwI5RWfPkaRh0aHkz/dVdTGKXalDNzWfz183lljKxlxl3/h0n+A==";

/** What this machine lacks to make the engine, or what went wrong; the message says what to do. */
export class EngineUnavailable extends Error {}

/** Makes the engine below `folder` where it is not there yet (20 s, a C compiler), and returns the command's path. */
export function ensureNpmXs(folder: string, progress: (text: string) => void): string {
  const sources = join(folder, "package");
  const modules = join(sources, "moddable");
  const command = join(modules, "build", "bin", "lin", "release", "xsnap");
  if (existsSync(command)) return command;
  if (process.platform !== "linux") throw new EngineUnavailable("XS from npm is made on Linux only; use --engine node");
  for (const tool of ["make", "cc"]) {
    if (spawnSync(tool, ["--version"]).status !== 0)
      throw new EngineUnavailable(`XS from npm needs ${tool}: install make and a C compiler, or use --engine node`);
  }
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  progress(`XS: getting ${PACKAGE}`);
  const [packed] = JSON.parse(run("npm", ["pack", PACKAGE, "--json", "--silent"], folder)) as { filename: string }[];
  const archive = join(folder, packed.filename);
  const integrity = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
  if (integrity !== INTEGRITY)
    throw new EngineUnavailable(`${PACKAGE} is not the package that was pinned: ${integrity}`);
  run("tar", ["xzf", packed.filename], folder);
  progress("XS: compiling the engine (about 20 s, once)");
  const makefile = ["-f", "xsnap.mk", "GOAL=release", `MODDABLE=${modules}`];
  run("make", makefile, join(sources, "xsnap-native", "xsnap", "makefiles", "lin"));
  return command;
}

function run(tool: string, args: string[], cwd: string): string {
  const result = spawnSync(tool, args, { cwd, encoding: "utf8", maxBuffer: 1 << 26 });
  if (result.error === undefined && result.status === 0) return result.stdout;
  const output = (result.stderr || result.error?.message || "").split("\n").slice(-15).join("\n");
  throw new EngineUnavailable(`${tool} ${args[0]} failed while making XS:\n${output}`);
}
