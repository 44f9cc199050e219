import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  compareModuleList,
  firmwareModules,
  isSame,
  mainModule,
  nativeSources,
  updateModuleList,
} from "../../../../tools/flashing/firmware-modules.ts";

const ROOT = join(import.meta.dirname, "../../../..");

describe("the list of firmware modules in manifests/base.json", () => {
  it("preloads every module with code by name, and takes in every folder", () => {
    assert.ok(firmwareModules(ROOT).length > 50, "the scan found the sources");
    assert.ok(nativeSources(ROOT).length > 5);
    assert.deepEqual(compareModuleList(ROOT), {
      notPreloaded: [],
      unknown: [],
      foldersMissing: [],
      foldersUnknown: [],
    });
  });

  it("leaves out the entry, which runs at boot, and what is types alone", () => {
    const modules = firmwareModules(ROOT);
    assert.ok(!modules.includes(mainModule));
    assert.ok(!modules.includes("firmware/ports/clock"));
    assert.ok(modules.includes("firmware/wire/cbor"));
  });

  describe("of a tree of its own", () => {
    let root: string;

    beforeEach(() => {
      root = mkdtempSync(join(tmpdir(), "groundtruth-modules-"));
      for (const folder of ["manifests", "firmware/wire", "firmware/platform/moddable/native"]) {
        mkdirSync(join(root, folder), { recursive: true });
      }
      cpSync(join(ROOT, "manifests/base.json"), join(root, "manifests/base.json"));
      writeFileSync(join(root, "firmware/wire/a.ts"), "export const a = 1;\n");
      writeFileSync(join(root, "firmware/wire/types.ts"), "export interface T {}\n");
      writeFileSync(join(root, "firmware/platform/moddable/main.ts"), 'import "../../wire/a.ts";\n');
      writeFileSync(join(root, "firmware/platform/moddable/native/a.c"), "int a;\n");
      updateModuleList(root);
    });

    afterEach(() => rmSync(root, { recursive: true }));

    it("renewing makes it right, and keeps what is not the firmware's", () => {
      assert.ok(isSame(compareModuleList(root)));
      const manifest = JSON.parse(readFileSync(join(root, "manifests/base.json"), "utf8"));
      assert.deepEqual(
        Object.keys(manifest.modules).filter((name) => name.startsWith("firmware/")),
        ["firmware/platform/moddable/*", "firmware/platform/moddable/native/*", "firmware/wire/*"],
      );
      assert.deepEqual(
        manifest.preload.filter((name: string) => name.startsWith("firmware/")),
        ["firmware/wire/a"],
      );
      assert.ok(manifest.preload.includes("embedded:network/mqtt/client"));
    });

    it("a module, a folder or C that was forgotten is named", () => {
      mkdirSync(join(root, "firmware/core"));
      writeFileSync(join(root, "firmware/core/b.ts"), "export const b = 1;\n");
      assert.deepEqual(compareModuleList(root), {
        notPreloaded: ["firmware/core/b"],
        unknown: [],
        foldersMissing: ["firmware/core/*"],
        foldersUnknown: [],
      });
    });

    it("a module that is gone is named", () => {
      rmSync(join(root, "firmware/wire/a.ts"));
      rmSync(join(root, "firmware/platform/moddable/native/a.c"));
      assert.deepEqual(compareModuleList(root), {
        notPreloaded: [],
        unknown: ["firmware/wire/a"],
        foldersMissing: [],
        foldersUnknown: ["firmware/platform/moddable/native/*", "firmware/wire/*"],
      });
    });
  });
});
