#!/usr/bin/env node
/**
 * The launcher: plain JavaScript for any Node.js from version 20 on. The program itself needs Node.js 24, which npm's package `node`
 * brings along; this file finds it and steps out of the way. From a checkout it starts the TypeScript sources, from an installed package the
 * built JavaScript (Node strips no types under node_modules).
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

const NEEDED_MAJOR = 24;
const EXIT_NO_NODE = 2;

const here = dirname(fileURLToPath(import.meta.url));

/** The program's entry: main.ts beside us in a checkout, dist/ in an installed package. */
function findProgram() {
  const source = join(here, "main.ts");
  const built = join(here, "..", "..", "dist", "tools", "cli", "main.js");
  const installed = here.split(sep).includes("node_modules");
  if (!installed && existsSync(source)) return source;
  return existsSync(built) ? built : undefined;
}

/** The Node.js that npm's package `node` brought, where its install script was allowed to run. */
function findNode() {
  const require = createRequire(import.meta.url);
  let description;
  try {
    description = require.resolve("node/package.json");
  } catch {
    return undefined;
  }
  if (Number.parseInt(require(description).version, 10) < NEEDED_MAJOR) return undefined;
  const binary = join(dirname(description), "bin", process.platform === "win32" ? "node.exe" : "node");
  return existsSync(binary) ? binary : undefined;
}

function fail(what, where, next) {
  process.stderr.write(`error: ${what}\n  where: ${where}\n  next:  ${next}\n`);
  process.exit(EXIT_NO_NODE);
}

/** Runs this launcher once more in the Node.js given, hands signals down, and ends as that child ended. */
function runIn(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: "inherit" });
  const forward = (signal) => {
    // A terminal has sent its Ctrl-C to the child already; a second one would mean "at once" to it.
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, forward);
  child.on("error", (error) => fail(`Node.js could not be started: ${error.message}`, node, "npm rebuild node"));
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const name of signals) process.removeListener(name, forward);
    process.kill(process.pid, signal);
  });
}

const program = findProgram();
if (program === undefined) {
  fail(
    "the program is missing: neither its sources nor its built form are there",
    here,
    "install the package again, or in a checkout run: npm run build:package",
  );
} else if (Number.parseInt(process.versions.node, 10) >= NEEDED_MAJOR) {
  const { run } = await import(pathToFileURL(program).href);
  process.exitCode = await run(process.argv.slice(2));
} else {
  const node = findNode();
  if (node === undefined) {
    fail(
      `groundtruth needs Node.js ${NEEDED_MAJOR}; this is ${process.version}, and the one that npm's package "node" brings is not there`,
      'the install script of the package "node" did not run: npm was told to ignore scripts, or wants them approved',
      `in the folder where groundtruth is installed: "npm approve-scripts node" (npm 11.16 and later), then "npm rebuild node"; ` +
        `for a global install: "npm install -g --allow-scripts=node groundtruth"; or install Node.js ${NEEDED_MAJOR} itself`,
    );
  } else {
    runIn(node);
  }
}
