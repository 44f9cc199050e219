/**
 * The npm package: what it holds, and that it works where only it and its dependencies are. The short run lays out the files that `npm pack`
 * would take; the long run (GROUNDTRUTH_LONG) packs, installs from the registry into an empty folder and starts with `npx`, on the Node.js
 * that npm itself runs on.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, normalize } from "node:path";
import { counts } from "../counts.ts";
import { groundtruth, type Outcome, ROOT } from "./simulation.ts";

const SIMULATE = ["simulate", "--hours", "1", "--json"];

/** The environment without what `npm test` adds to it: the project's Node.js first in the path, the project as npm's place. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const env = { ...process.env };
  for (const name of Object.keys(env)) {
    if (/^npm_(package|lifecycle|command|execpath|node_execpath|config_local_prefix)/.test(name)) delete env[name];
  }
  const path = (env.PATH ?? "").split(delimiter).filter((folder) => !folder.includes("node_modules"));
  return { ...env, PATH: path.join(delimiter), INIT_CWD: undefined };
}

function run(folder: string, env: NodeJS.ProcessEnv, command: string, ...args: string[]): Outcome {
  const result = spawnSync(command, args, { cwd: folder, env, encoding: "utf8", maxBuffer: 1 << 26 });
  return { status: result.status, out: result.stdout ?? "", err: result.stderr ?? String(result.error) };
}

/** Runs npm on its own Node.js; fails the test unless it ends well. */
function npm(folder: string, ...args: string[]): string {
  const { status, out, err } = run(folder, plainEnvironment(), "npm", ...args);
  assert.equal(status, 0, `npm ${args.join(" ")}\n${out}\n${err}`);
  return out;
}

/** Every module that is imported by name or path, however, in a built file. */
function importsOf(code: string): string[] {
  const pattern = /^(?:import|export)\b[^"';]* from "([^"]+)";$|^import "([^"]+)";$|\bimport\("([^"]+)"\)/gm;
  return [...code.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? match[3]);
}

const haveNpm = run(ROOT, plainEnvironment(), "npm", "--version").status === 0;

describe("the npm package", () => {
  if (!haveNpm) {
    it.skip("skipped: no npm on this machine");
    return;
  }
  const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  let folder: string;
  let files: string[];

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "groundtruth-package-"));
    const built = run(ROOT, process.env, "npm", "run", "build:package");
    assert.equal(built.status, 0, `${built.out}\n${built.err}`);
    const [{ files: listed }] = JSON.parse(npm(ROOT, "pack", "--dry-run", "--ignore-scripts", "--json"));
    files = listed.map(({ path }: { path: string }) => path);
  });
  after(() => rmSync(folder, { recursive: true }));

  it("holds the launcher, the built program and the program for XS, and no sources", () => {
    for (const path of [
      "package.json",
      "LICENSE",
      "README.md",
      manifest.bin.groundtruth,
      "dist/tools/cli/main.js",
      "dist/tools/simulation/xs-entry.bundle.js",
    ]) {
      assert.ok(files.includes(path), path);
    }
    for (const path of files) {
      assert.ok(!path.endsWith(".ts") || path.endsWith(".d.ts"), path);
      assert.match(path, /^(dist|docs|tools\/cli)\/|^(package\.json|LICENSE|README\.md|CHANGELOG\.md)$/);
    }
  });

  it("is what the program needs: each import leads to a file in it, to Node.js, or to a dependency", () => {
    const seen = new Set<string>();
    const open = ["dist/tools/cli/main.js"];
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      if (seen.has(path)) continue;
      seen.add(path);
      assert.ok(files.includes(path), path);
      for (const name of importsOf(readFileSync(join(ROOT, path), "utf8"))) {
        if (name.startsWith(".")) open.push(normalize(join(dirname(path), name)).replaceAll("\\", "/"));
        // The bundler is for checkouts: a package brings its bundle along.
        else if (!name.startsWith("node:") && !(name === "esbuild" && path.endsWith("xs/npm/bundle.js"))) {
          const dependency = name
            .split("/")
            .slice(0, name.startsWith("@") ? 2 : 1)
            .join("/");
          assert.ok(dependency in manifest.dependencies, `${path} imports ${name}`);
        }
      }
    }
    assert.ok(seen.size > 100);
  });

  it("runs from its own files and its dependencies alone, and does what the sources do", () => {
    const home = join(folder, "laid-out", "node_modules", "groundtruth");
    for (const path of files) {
      mkdirSync(dirname(join(home, path)), { recursive: true });
      cpSync(join(ROOT, path), join(home, path));
    }
    for (const name of Object.keys(manifest.dependencies)) {
      const link = join(folder, "laid-out", "node_modules", name);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(ROOT, "node_modules", name), link, "junction");
    }
    const launcher = join(home, manifest.bin.groundtruth);
    const { status, out, err } = run(folder, process.env, process.execPath, launcher, ...SIMULATE);
    assert.deepEqual([status, err], [0, ""]);
    assert.deepEqual(JSON.parse(out), JSON.parse(groundtruth(...SIMULATE).out));
  });

  (counts(0, 1) === 0 ? it.skip : it)(
    "npm pack, npm install in an empty folder, npx groundtruth simulate (in the long run only)",
    function () {
      this.timeout(600_000);
      const env = plainEnvironment();
      if (run(folder, env, "npm", "view", "commander", "version").status !== 0) {
        this.test!.title += ": npm cannot reach its registry";
        this.skip();
      }
      npm(ROOT, "pack", "--pack-destination", folder);
      const [tarball] = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
      const place = join(folder, "empty");
      mkdirSync(place);
      writeFileSync(join(place, "package.json"), '{"private":true}');
      npm(place, "install", "--no-audit", "--no-fund", join("..", tarball));
      const { status, out, err } = run(place, env, "npx", "groundtruth", ...SIMULATE);
      assert.equal(status, 0, `on Node.js ${run(place, env, "node", "--version").out.trim()}: ${err}`);
      assert.deepEqual(JSON.parse(out), JSON.parse(groundtruth(...SIMULATE).out));
    },
  );
});
