import assert from "node:assert/strict";
import { deviceViolations, exactnessViolations, importViolations, purityViolations } from "./rules.ts";
import { parseSource, sourceFiles } from "./source-tree.ts";

describe("the house", () => {
  const files = ["firmware", "host-sim", "tools"].flatMap((folder) => sourceFiles(folder));

  it("imports follow the table of docs/architecture.md", () => {
    assert.ok(files.length > 20, "the scan found the sources");
    assert.deepEqual(files.flatMap(importViolations), []);
  });

  it("core and wire touch no clock, timer, random source or process", () => {
    assert.deepEqual(files.flatMap(purityViolations), []);
  });

  it("arithmetic that must repeat uses nothing that differs between engines", () => {
    assert.deepEqual(files.flatMap(exactnessViolations), []);
  });

  it("firmware keeps to what linked XS has, without module-level state", () => {
    assert.deepEqual(files.flatMap(deviceViolations), []);
  });
});

describe("the house's rules notice a break", () => {
  const importing = (path: string, code: string): string[] => importViolations(parseSource(path, code));

  for (const [title, path, code] of [
    ["core imports a driver", "firmware/core/sampler.ts", 'import { Sht4x } from "../drivers/sensors/sht4x.ts";'],
    ["core imports the type of a driver", "firmware/core/sampler.ts", 'import type { X } from "../drivers/x.ts";'],
    ["wire re-exports core", "firmware/wire/cbor.ts", 'export { a } from "../core/a.ts";'],
    ["core imports dynamically", "firmware/core/a.ts", 'const x = await import("../app/node-app.ts");'],
    ["core imports for effect", "firmware/core/a.ts", 'import "../app/node-app.ts";'],
    ["core imports a value of ports", "firmware/core/a.ts", 'import { thing } from "../ports/clock.ts";'],
    ["a wrapped import list", "firmware/core/a.ts", 'import {\n  type A,\n  b,\n} from "../ports/clock.ts";'],
    ["wire imports node", "firmware/wire/a.ts", 'import { readFileSync } from "node:fs";'],
    ["firmware imports a package", "firmware/app/a.ts", 'import { p256 } from "@noble/curves/nist.js";'],
    ["the simulator imports tools", "host-sim/world.ts", 'import { Receiver } from "../tools/receiver/receiver.ts";'],
    ["the simulator imports the platform", "host-sim/a.ts", 'import { a } from "../firmware/platform/moddable/a.ts";'],
    ["tools import core", "tools/cli/a.ts", 'import { Mac } from "../../firmware/core/lorawan/mac.ts";'],
    ["embedded: outside platform", "firmware/app/a.ts", 'import I2C from "embedded:io/i2c";'],
  ]) {
    it(title, () => assert.equal(importing(path, code).length, 1));
  }

  it("allows what the table allows, and looks into no comment", () => {
    assert.deepEqual(importing("firmware/core/a.ts", 'import type { Clock } from "../ports/clock.ts";'), []);
    assert.deepEqual(importing("firmware/core/a.ts", 'import { type A, type B } from "../ports/clock.ts";'), []);
    assert.deepEqual(importing("firmware/core/a.ts", '// import "../app/a.ts"\n/* import "node:fs" */'), []);
  });

  for (const code of [
    "const t = Date.now();",
    "setTimeout(f, 1);",
    "const r = Math.random();",
    "process.exit(1);",
    "performance.now();",
    "crypto.getRandomValues(bytes);",
    "globalThis.x = 1;",
  ]) {
    it(`core: ${code}`, () => {
      assert.equal(purityViolations(parseSource("firmware/core/a.ts", code)).length, 1);
      assert.equal(purityViolations(parseSource("firmware/core/a.ts", `// ${code}`)).length, 0);
    });
  }

  for (const code of ["Math.sin(1);", "Math.pow(2, 3);", "2 ** 3;", "x.toFixed(1);", "a.localeCompare(b);"]) {
    it(`exactness: ${code}`, () => {
      assert.equal(exactnessViolations(parseSource("host-sim/a.ts", code)).length, 1);
    });
  }

  for (const code of ["let count = 0;", "export const scratch = new Uint8Array(4);", "const one = 1n;"]) {
    it(`device: ${code}`, () => assert.equal(deviceViolations(parseSource("firmware/core/a.ts", code)).length, 1));
  }
});
