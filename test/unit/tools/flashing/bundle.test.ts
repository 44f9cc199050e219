import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { bundle } from "../../../../tools/flashing/bundle.ts";
import { inheritedPrivateNames, PrivateNames } from "../../../../tools/flashing/private-names.ts";
import { NODE_CRYPTO } from "../../../../tools/receiver/node-crypto.ts";
import { runClosedLoop } from "../../../../tools/simulation/closed-loop.ts";
import { SILENT_SINK } from "../../../../tools/simulation/sink.ts";
import { dayOf } from "../../../engines/scenarios.ts";

const ROOT = join(import.meta.dirname, "../../../..");

describe("private names as ordinary ones", () => {
  const replace = (source: string): string => new PrivateNames().replace(source);

  it("fields, methods, accessors and uses get one name each", () => {
    assert.equal(
      replace("class A { #a = 1; get #b() { return this.#a; } #c() { return this.#b + this.#a; } }"),
      "class A { _0 = 1; get _1() { return this._0; } _2() { return this._1 + this._0; } }",
    );
  });

  it("the same name is the same in every source", () => {
    const names = new PrivateNames();
    assert.equal(names.replace("this.#x"), "this._0");
    assert.equal(names.replace("this.#y + this.#x"), "this._1 + this._0");
  });

  it("texts and comments stay, what stands in a template's braces does not", () => {
    for (const same of ['"a #b"', "'#b'", "// #b", "/* #b\n#b */", "`#b`", '"\\"#b"'])
      assert.equal(replace(same), same);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of a template
    assert.deepEqual([replace("`#b ${this.#b} #b`")], ["`#b ${this._0} #b`"]);
  });

  it("looking for a private name is refused", () => {
    assert.throws(() => replace("if (#x in object) f();"), /#x in o/);
  });

  it("a private name of a class and of what it extends is found, over several steps", () => {
    const base = "class Base { #x = 1; }";
    assert.deepEqual(inheritedPrivateNames([base, "class Other extends Base { #y = 1; }"]), []);
    assert.deepEqual(inheritedPrivateNames([base, "class Sub extends Base { #x = 2; }"]), ["Sub and Base: #x"]);
    const middle = "class Middle extends Base {}";
    assert.deepEqual(inheritedPrivateNames([base, middle, "class Leaf extends Middle { #x = 2; }"]), [
      "Leaf and Base: #x",
    ]);
  });
});

describe("the firmware as one module", () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "groundtruth-bundle-"));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function write(files: Record<string, string>): void {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
  }

  it("has what its entry reaches and uses, and names what is the SDK's", async () => {
    write({
      "a/main.ts":
        'import Timer from "timer";\nimport { b } from "../b/b.ts";\nexport const start = () => Timer.set(b);',
      "b/b.ts": "export const b = () => 7;\nexport const unused = () => 8;",
      "b/never.ts": "export const c = 9;",
    });
    const { code, modules, external } = await bundle({ root, entry: "a/main" });
    assert.deepEqual([...modules.keys()], ["a/main", "b/b"]);
    assert.deepEqual(external, ["timer"]);
    assert.match(code, /7/);
    assert.doesNotMatch(code, /8|9/);
  });

  it("has a stand-in in the place of a module, and nothing that only the module imports", async () => {
    write({
      "a/main.ts": 'import { x } from "../b/x.ts";\nexport const start = () => x();',
      "b/x.ts": 'import { y } from "./y.ts";\nexport const x = () => y();',
      "b/y.ts": "export const y = () => 77;",
    });
    const standIns = new Map([["b/x", "export function x() { throw new Error('left out'); }"]]);
    const { code, modules } = await bundle({ root, entry: "a/main", standIns });
    assert.deepEqual([...modules.keys()], ["a/main", "b/x"]);
    assert.match(code, /left out/);
    assert.doesNotMatch(code, /77/);
  });

  it("a module that is missing, and one that lacks what is imported, are errors", async () => {
    write({ "a.ts": 'import { b } from "./b.ts";\nexport const start = () => b();' });
    await assert.rejects(bundle({ root, entry: "a" }), /there is no module b/);
    write({ "b.ts": "export const c = 1;" });
    await assert.rejects(bundle({ root, entry: "a" }), /No matching export/);
  });

  it("is the same at every time", async () => {
    const request = { root: ROOT, entry: "firmware/app/node-app" };
    const [first, second] = await Promise.all([bundle(request), bundle(request)]);
    assert.equal(first.code, second.code);
  });

  // What the linker gets is not what the other tests run; so here it runs.
  it("lives a simulated day to the same event hash as the modules it is made of", async function () {
    this.timeout(120_000);
    const { code, modules } = await bundle({
      root: ROOT,
      entry: "tools/simulation/closed-loop",
      keepsPrivateNames: (module) => !module.startsWith("firmware/"),
    });
    assert.ok([...modules.keys()].includes("firmware/core/lorawan/mac"));
    assert.doesNotMatch(code.slice(code.indexOf("module:firmware/core/lorawan/mac\n")).slice(0, 3000), /#/);
    const folder = join(ROOT, "build", "test");
    mkdirSync(folder, { recursive: true });
    const file = join(folder, "closed-loop.mjs");
    writeFileSync(file, code);
    const bundled = (await import(pathToFileURL(file).href)) as { runClosedLoop: typeof runClosedLoop };
    for (const options of [
      dayOf(1),
      dayOf(5, { durationS: 21_600, uplink: "wifi" }),
      dayOf(8, { durationS: 21_600, uplink: "p2p" }),
    ]) {
      const { eventHash } = bundled.runClosedLoop(options, SILENT_SINK, NODE_CRYPTO, "node");
      assert.equal(eventHash, runClosedLoop(options, SILENT_SINK, NODE_CRYPTO, "node").eventHash);
    }
  });
});
