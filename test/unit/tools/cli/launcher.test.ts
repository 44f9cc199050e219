import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../../../..");
const LAUNCHER = join(ROOT, "tools/cli/groundtruth.js");
const VERSION: string = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version;
/** Makes the launcher believe that it runs on Node 20. */
const OLD_NODE = "data:text/javascript,Object.defineProperty(process.versions,'node',{value:'20.20.2'})";

describe("launcher", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "groundtruth-launcher-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  /** Installs the launcher as npm would, with `program` as the built program and a Node that is `nodeVersion`, run by the script given. */
  function install(name: string, program: string, nodeVersion?: string, nodeBinary?: string): string {
    const home = join(folder, name, "node_modules", "groundtruth");
    mkdirSync(join(home, "tools/cli"), { recursive: true });
    mkdirSync(join(home, "dist/tools/cli"), { recursive: true });
    copyFileSync(LAUNCHER, join(home, "tools/cli/groundtruth.js"));
    writeFileSync(join(home, "package.json"), '{"type":"module"}');
    writeFileSync(join(home, "dist/tools/cli/main.js"), program);
    // The sources must not be run under node_modules: Node would strip no types there.
    writeFileSync(join(home, "tools/cli/main.ts"), "throw new Error('not this one')");
    if (nodeVersion !== undefined) {
      const bin = join(folder, name, "node_modules/node/bin");
      mkdirSync(bin, { recursive: true });
      writeFileSync(join(bin, "../package.json"), JSON.stringify({ name: "node", version: nodeVersion }));
      if (nodeBinary !== undefined) writeFileSync(join(bin, "node"), nodeBinary, { mode: 0o755 });
    }
    return join(home, "tools/cli/groundtruth.js");
  }

  const realNode = `#!/bin/sh\nexec "${process.execPath}" "$@"\n`;
  const echo = "export async function run(args) { console.log(JSON.stringify(args)); return 7; }";

  function run(launcher: string, args: string[], old = false): { status: number | null; out: string; err: string } {
    const result = spawnSync(process.execPath, [...(old ? ["--import", OLD_NODE] : []), launcher, ...args], {
      encoding: "utf8",
    });
    return { status: result.status, out: result.stdout, err: result.stderr };
  }

  it("starts the sources from a checkout, in the running Node when that is new enough", () => {
    assert.deepEqual(run(LAUNCHER, ["--version"]), { status: 0, out: `${VERSION}\n`, err: "" });
  });

  it("starts the sources from a checkout through npm's node package when the running Node is too old", () => {
    assert.deepEqual(run(LAUNCHER, ["--version"], true), { status: 0, out: `${VERSION}\n`, err: "" });
  });

  it("starts the built program from an installed package, and hands arguments and exit code through", () => {
    const expected = { status: 7, out: '["a b","--c"]\n', err: "" };
    assert.deepEqual(run(install("new", echo), ["a b", "--c"]), expected);
    assert.deepEqual(run(install("old", echo, "24.1.0", realNode), ["a b", "--c"], true), expected);
  });

  it("says what to do when npm's node package is missing, its install script was blocked, or it is too old", () => {
    for (const launcher of [
      install("missing", echo),
      install("blocked", echo, "24.1.0"),
      install("too-old", echo, "22.1.0", realNode),
    ]) {
      const { status, out, err } = run(launcher, [], true);
      assert.equal(status, 2);
      assert.equal(out, "");
      assert.match(err, /^error: groundtruth needs Node\.js 24; .*\n {2}where: .*\n {2}next: .*npm rebuild node.*\n$/);
      assert.match(err, /npm approve-scripts node/);
    }
  });

  it("says so when neither the sources nor the built program are there", () => {
    const launcher = install("bare", echo);
    rmSync(join(launcher, "../../../dist"), { recursive: true });
    const { status, err } = run(launcher, []);
    assert.equal(status, 2);
    assert.match(err, /^error: the program is missing/);
  });

  it("hands signals down and ends by the signal that ended the program", async () => {
    const waits =
      "export async function run() { console.log('ready'); await new Promise((r) => setTimeout(r, 60000)); }";
    const launcher = install("waits", waits, "24.1.0", realNode);
    const child = spawn(process.execPath, ["--import", OLD_NODE, launcher], { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    child.kill("SIGTERM");
    const signal = await new Promise((resolve) => child.once("exit", (_code, name) => resolve(name)));
    assert.equal(signal, "SIGTERM");
  });

  it("lets the program end by itself on a signal, and keeps its exit code", async () => {
    const tidies =
      "export async function run() { const wait = setTimeout(() => {}, 60000); return new Promise((r) => { " +
      "process.once('SIGINT', () => { clearTimeout(wait); r(5); }); console.log('ready'); }); }";
    const launcher = install("tidies", tidies, "24.1.0", realNode);
    const child = spawn(process.execPath, ["--import", OLD_NODE, launcher], { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    child.kill("SIGINT");
    const code = await new Promise((resolve) => child.once("exit", resolve));
    assert.equal(code, 5);
  });
});
