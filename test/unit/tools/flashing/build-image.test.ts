import assert from "node:assert/strict";
import { join } from "node:path";
import { findSdk } from "../../../../host-sim/xs/linked/sdk.ts";
import { boards, buildImage, type ImageReport } from "../../../../tools/flashing/build-image.ts";
import { firmwareModules, mainModule, nativeSources } from "../../../../tools/flashing/firmware-modules.ts";
import { BUDGETS } from "../../../budgets.ts";

const ROOT = join(import.meta.dirname, "../../../..");

/** Modules that the chip loads when they are imported, and why they are not in ROM. */
const LOADED_AT_RUN_TIME: Record<string, string> = {
  [mainModule]: "the entry runs at boot",
  "commodetto/Bitmap": "comes with the SDK's IO, and nothing imports it",
};

describe("the JavaScript half of a firmware build", function () {
  this.timeout(300_000);

  for (const board of boards()) {
    describe(board, () => {
      let report: ImageReport;

      before(function () {
        const sdk = findSdk();
        if (sdk === undefined) {
          console.log("        skipped: MODDABLE is not set (the folder of a Moddable SDK with its tools built)");
          this.skip();
        }
        report = buildImage(sdk, board);
      });

      it("links, with every module in ROM but those with a reason", () => {
        const preloaded = new Set(report.preloaded);
        assert.deepEqual(
          firmwareModules(ROOT).filter((name) => !preloaded.has(name)),
          [],
        );
        // The SDK's patterns also take in modules of types alone, of which nothing is left and which nothing imports.
        const typesAlone = (name: string): boolean => name.startsWith("firmware/") && name !== mainModule;
        const others = report.loaded.filter((name) => !typesAlone(name));
        assert.deepEqual(others.sort(), Object.keys(LOADED_AT_RUN_TIME).sort());
      });

      it("takes no more than its share of the flash", () => {
        console.log(`        linked image: ${report.totalBytes} bytes`);
        assert.ok(report.totalBytes > 0 && report.totalBytes <= BUDGETS.linkedImageBytes);
      });

      it("would compile every C file of ours", () => {
        assert.deepEqual(
          report.nativeObjects.filter((name) => name.startsWith("gt-")).sort(),
          nativeSources(ROOT).map((path) => `${path.slice(path.lastIndexOf("/") + 1)}.o`),
        );
      });
    });
  }

  it("a board that there is not is refused", () => {
    assert.throws(() => buildImage({ root: "", version: "", env: {} }, "no-such-board"), /no board no-such-board/);
  });
});
