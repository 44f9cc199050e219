/**
 * The command-line program. One file a command: each registers itself on the program below. `groundtruth.js` calls `run` in a Node.js
 * that is new enough.
 *
 * Exit codes: see EXIT in command-error.ts. Results go to standard output, everything else to standard error.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Command, CommanderError } from "commander";
import { registerBuild } from "./build.ts";
import { CommandError, describeError, EXIT } from "./command-error.ts";
import { registerDemo } from "./demo.ts";
import { registerFlash } from "./flash.ts";
import { registerKeystore } from "./keystore.ts";
import { registerMonitor } from "./monitor.ts";
import { registerNodes } from "./nodes.ts";
import { registerPlan } from "./plan.ts";
import { registerProvision } from "./provision.ts";
import { registerReceive } from "./receive.ts";
import { registerSimulate } from "./simulate.ts";
import { registerVerify } from "./verify.ts";

const COMMANDS: readonly ((program: Command) => void)[] = [
  registerSimulate,
  registerPlan,
  registerReceive,
  registerVerify,
  registerProvision,
  registerNodes,
  registerKeystore,
  registerBuild,
  registerFlash,
  registerMonitor,
  registerDemo,
];

/** The program with all its commands. */
export function createProgram(): Command {
  const program = new Command("groundtruth")
    .description("Signed sensor readings that anyone can verify: simulate nodes, receive and verify their tokens")
    .version(packageVersion())
    .showHelpAfterError("(groundtruth --help, or groundtruth COMMAND --help, lists what there is)")
    .exitOverride();
  for (const register of COMMANDS) register(program);
  return program;
}

/**
 * Runs the program with `args` (without the names of Node and the script); returns the exit code. A command whose check fails sets
 * `process.exitCode` and returns; one that cannot go on throws a CommandError.
 */
export async function run(args: readonly string[]): Promise<number> {
  process.stdout.once("error", endWithReader);
  try {
    await createProgram().parseAsync(args, { from: "user" });
    const code = process.exitCode;
    process.exitCode = undefined;
    return typeof code === "number" ? code : EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.unusable;
    if (error instanceof CommandError) {
      process.stderr.write(describeError(error));
      return error.exitCode;
    }
    process.stderr.write(`internal error, please report it: ${error instanceof Error ? error.stack : error}\n`);
    return EXIT.internal;
  }
}

/** Whoever read our output has seen enough (`| head`): there is nobody to go on for. */
function endWithReader(error: NodeJS.ErrnoException): never {
  if (error.code === "EPIPE") process.exit();
  throw error;
}

/** The version in our package.json, which stands above this file in a checkout and above dist/ in a package. */
function packageVersion(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const path = join(folder, "package.json");
    if (existsSync(path)) return JSON.parse(readFileSync(path, "utf8")).version;
  }
  return "unknown";
}
